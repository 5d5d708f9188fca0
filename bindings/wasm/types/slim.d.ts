import type { Gate, Ledger } from './types.js';
export { BundleError, EventError, InstanceError, JournalError, ToolgateError, UsageError } from './types.js';
export type * from './types.js';

/** The classes on a compiled `toolgate.wasm`. Each call makes an instance of its own. */
export function toolgate(module: WebAssembly.Module): { Gate: typeof Gate; Ledger: typeof Ledger };
