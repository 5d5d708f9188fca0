/** A bundle's policy tests among the tests of a package. */

/** What a bundle's tests are registered with: `node:test`, or vitest. */
export interface Runner {
  readonly test: { (name: string, body: () => void): unknown; skip(name: string, body: () => void): unknown };
  readonly describe?: (name: string, body: () => void) => unknown;
}

/** Registers a test for each case of a bundle's test files. Throws `BundleError` for a bundle that does not load. */
export function policies(folder: string | URL, runner: Runner): void;

/** The files of a bundle, by name: what `Gate.load` takes. Throws `UsageError` for what would not count, though somebody put it there to. */
export function files(folder: string): { [name: string]: string };

/** A case that failed: what it expected, and what came. */
export class PolicyFailure extends Error {}
