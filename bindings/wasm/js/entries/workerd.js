import { CLASSES } from './API.js';
import { glue } from './BUILD.glue.js';
import module from './BUILD.wasm';

export const { NAMES } = CLASSES(() => glue(module));
export { BundleError, EventError, InstanceError, JournalError, ToolgateError, UsageError } from './errors.js';
