import { readFileSync } from 'node:fs';
import { CLASSES } from './API.js';
import { glue } from './BUILD.glue.js';

const module = new WebAssembly.Module(readFileSync(new URL('./BUILD.wasm', import.meta.url)));

export const { NAMES } = CLASSES(() => glue(module));
export { BundleError, EventError, InstanceError, JournalError, ToolgateError, UsageError } from './errors.js';
