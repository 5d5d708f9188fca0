import { CLASSES } from './API.js';
import { glue } from './BUILD.glue.js';

/**
 * The classes on a module that the caller has compiled. Each call gives an instance of its own.
 * @param {WebAssembly.Module} module
 */
export function toolgate(module) {
  const { NAMES } = CLASSES(() => glue(module));
  return { NAMES };
}

export { BundleError, EventError, InstanceError, JournalError, ToolgateError, UsageError } from './errors.js';
