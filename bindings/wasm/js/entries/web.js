import { CLASSES } from './API.js';
import { glue } from './BUILD.glue.js';

const url = new URL('./BUILD.wasm', import.meta.url);
const response = await fetch(url);
if (!response.ok) throw new Error(`${url} cannot be loaded: ${response.status} ${response.statusText}`);
// A server that does not say `application/wasm` costs a copy, not the page.
const typed = response.headers.get('content-type')?.startsWith('application/wasm');
const module = typed
  ? await WebAssembly.compileStreaming(response)
  : await WebAssembly.compile(await response.arrayBuffer());

export const { NAMES } = CLASSES(() => glue(module));
export { BundleError, EventError, InstanceError, JournalError, ToolgateError, UsageError } from './errors.js';
