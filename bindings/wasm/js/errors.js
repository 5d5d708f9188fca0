// What is thrown, and only for loading, for events and for misuse: a call that may not happen is an answer, not an error.

/** Everything that this package throws. */
export class ToolgateError extends Error {
  /** @param {string} message @param {{cause?: unknown}} [options] */
  constructor(message, options) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** A bundle that does not load: each finding has its file, line and column. */
export class BundleError extends ToolgateError {
  constructor(message, { diagnostics = [], ...options } = {}) {
    super(message, options);
    this.diagnostics = freeze(diagnostics);
    this.place = this.diagnostics.find((one) => one.severity === 'error')?.place ?? null;
  }
}

/** An event that the ledger or the bundle refuses. The ledger is as it was. */
export class EventError extends ToolgateError {}

/** A journal or a snapshot that cannot be read, with the line that is wrong. */
export class JournalError extends ToolgateError {
  constructor(message, { line = null, ...options } = {}) {
    super(message, options);
    this.line = line;
  }
}

/** A `requestState` that does not count. */
export class StateError extends ToolgateError {}

/** Misuse: a handle after `free`, a time that is no number, something of another module. */
export class UsageError extends ToolgateError {}

/**
 * The module failed in itself while it loaded or applied something, and was replaced. Gates and ledgers go on as before. A call
 * that is being decided is denied instead, with the reason `internal_fault`.
 */
export class InstanceError extends ToolgateError {}

const CLASSES = { BundleError, EventError, JournalError, StateError, UsageError };

/** The error that a text from the module means. */
export function thrown(text) {
  const { class: name, message, ...rest } = JSON.parse(text);
  const Class = CLASSES[name] ?? ToolgateError;
  return new Class(message, rest);
}

/** Freezes what came from `JSON.parse`, all the way down. */
export function freeze(value) {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  if (Array.isArray(value)) for (let index = 0; index < value.length; index++) freeze(value[index]);
  else for (const key in value) freeze(value[key]);
  return Object.freeze(value);
}
