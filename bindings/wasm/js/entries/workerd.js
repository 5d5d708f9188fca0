import { CLASSES } from './API.js';
import { glue } from './BUILD.glue.js';
import module from './BUILD.wasm';

export const { Gate, Ledger } = CLASSES(() => glue(module));
export { BundleError, EventError, InstanceError, JournalError, ToolgateError, UsageError } from './errors.js';
