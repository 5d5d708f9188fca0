import type { Gate, Suites } from './author.js';
import type { Ledger } from './types.js';
export { BundleError, EventError, InstanceError, JournalError, ToolgateError, UsageError } from './types.js';
export type * from './author.js';

/** The classes on a compiled `author.wasm`. Each call makes an instance of its own. */
export function toolgate(module: WebAssembly.Module): { Gate: typeof Gate; Ledger: typeof Ledger; Suites: typeof Suites };
