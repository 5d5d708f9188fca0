/** toolgate with the parser: loads bundles from text, and says why a decision is what it is. */
import { Gate as Base } from './types.js';
import type { Diagnostic, Ledger, Options, Place, ToolCall } from './types.js';
export { BundleError, EventError, InstanceError, JournalError, Ledger, ToolgateError, UsageError } from './types.js';
export type * from './types.js';

/** A policy that could apply, and each of its conditions. */
/** Why the answer is what it is: the JSON of `toolgate explain --format json`, whose other members docs/explaining.md has. */
export interface Explanation {
  readonly version: 1;
  readonly decision: 'allow' | 'deny' | 'needs_approval';
  readonly reasons: readonly string[];
  /** Each policy whose action fits, for each actor and each resource. */
  readonly explained: readonly Explained[];
  /** What would have to differ: each set is enough. */
  readonly nearest: { readonly sets: readonly unknown[]; readonly cut: boolean };
  readonly [member: string]: unknown;
}

export interface Explained {
  readonly policy: string;
  readonly effect: 'permit' | 'forbid';
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly principal: string;
  readonly resource: string;
  readonly outcome: 'true' | 'false' | 'error';
  readonly atoms: readonly Atom[];
}

export interface Atom {
  readonly text: string;
  readonly line: number;
  readonly column: number;
  readonly outcome: 'true' | 'false' | 'error' | 'not_reached';
  readonly values: readonly { readonly of: string; readonly value: string }[];
}

export interface LoadOptions extends Options {
  /** Whether a warning is an error. */
  readonly strict?: boolean;
}

export class Gate extends Base {
  /** A gate on the files of a bundle, by name: `toolgate.toml`, `policies/a.cedar`, … Throws `BundleError`. */
  static load(files: { readonly [name: string]: string }, options?: LoadOptions): Gate;
  static unpack(bytes: Uint8Array | ArrayBuffer, options?: Options): Gate;
  /** The bundle as one file, for `Gate.unpack`. */
  pack(): Uint8Array;
  /** Why the answer is what it is, for the host and its people. */
  explain(call: ToolCall | string, ledger: Ledger, now: number): Explanation;
}

/** A case of a test file. */
export interface TestCase {
  readonly id: string;
  readonly name: string;
  readonly file: string;
  readonly line: number;
  /** Why it is skipped. */
  readonly skip: unknown;
}

/** What a run came to: the JSON of `toolgate test --format json`. */
export interface TestReport {
  readonly version: 1;
  readonly verdict: string;
  readonly [member: string]: unknown;
}

export interface RunOptions {
  /** The ids of cases; all of them, without it. */
  readonly cases?: readonly string[];
  /** Texts that names of cases contain; one has to fit. */
  readonly filter?: readonly string[];
  readonly verbose?: boolean;
}

/** A bundle with its policy tests. */
export class Suites {
  private constructor(...internal: never);
  /** The bundle's files, its test files among them. Throws `BundleError`. */
  static open(files: { readonly [name: string]: string }): Suites;
  /** A packed bundle, and test files beside it. */
  static openPacked(bytes: Uint8Array | ArrayBuffer, files: { readonly [name: string]: string }): Suites;
  list(): { readonly version: 1; readonly cases: readonly TestCase[]; readonly diagnostics: readonly Diagnostic[] };
  run(options?: RunOptions & { readonly format?: 'json' }): TestReport;
  run(options: RunOptions & { readonly format: 'text' | 'plain' | 'junit' | 'github' }): string;
  free(): void;
  [Symbol.dispose](): void;
}
