import { CLASSES } from './API.js';
import { glue } from './BUILD.glue.js';

/**
 * The classes on a module that the caller has compiled. Each call gives an instance of its own.
 * @param {WebAssembly.Module} module
 */
export function toolgate(module) {
  const { Gate, Ledger } = CLASSES(() => glue(module));
  return { Gate, Ledger };
}

export { BundleError, EventError, InstanceError, JournalError, ToolgateError, UsageError } from './errors.js';
