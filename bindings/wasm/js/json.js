// JSON of what a host hands over. `JSON.stringify` would change it silently: NaN becomes null, a Map becomes {}, `toJSON`
// answers for the value. What is decided must be what was handed over, so anything but plain data is refused, by its place.

import { UsageError } from './errors.js';

/** Characters of a call, where the host sets no limit of its own. */
export const CALL = 1 << 20;
/** Characters of a file, a list or an event. */
export const FILE = 64 << 20;

/** As deep as a call can be: its input, and what is around it. */
const DEPTH = 48;
/** Deeper than the core reads any JSON: what is left out below is in no call. */
const TOO_DEEP = 80;
const plain = new Set([Object.prototype, Array.prototype, null]);
const keys = new Map();

/** Why a value has no JSON. */
export class NotPlain extends Error {}
/** A value that is larger or deeper than any call may be. */
export class TooLarge extends Error {}

/**
 * The JSON of plain data. A string is taken for JSON already.
 * @param {unknown} value
 * @param {number} most characters
 */
export function json(value, most) {
  const text = typeof value === 'string' ? value : new Writer(most).write(value);
  if (text.length > most) throw new TooLarge(`${text.length} characters are more than the ${most} allowed`);
  if (typeof value === 'string' && !wellFormed(text)) throw new NotPlain('the text has half a surrogate pair');
  return text;
}

/** JSON of what a host says outside of calls: misuse, if it has none. */
export function text(value, most) {
  try {
    return json(value, most);
  } catch (error) {
    throw new UsageError(error.message, { cause: error });
  }
}

/**
 * JSON of what a client wrote, as a parser gave it: what no call may hold is the core's to refuse, with its reason.
 * @param {unknown} value
 */
export function wire(value) {
  try {
    return new Writer(FILE, true).write(value);
  } catch (error) {
    throw new UsageError(error.message, { cause: error });
  }
}

class Writer {
  constructor(most, raw = false) {
    this.left = most;
    /** Whether it is written as it came, however wrong. */
    this.raw = raw;
    /** The way to what is being written: its place is only told where something is wrong. */
    this.names = [];
  }

  write(value) {
    switch (typeof value) {
      case 'string':
        return this.#spend(JSON.stringify(value));
      case 'number':
        // That is what a parser makes of a number beyond all doubles.
        if (this.raw && Math.abs(value) === Infinity) return value < 0 ? '-1e999' : '1e999';
        if (!Number.isFinite(value)) throw new NotPlain(`\`${this.#at()}\` is ${value}, which JSON has not`);
        return Object.is(value, -0) ? '0' : String(value);
      case 'boolean':
        return value ? 'true' : 'false';
      case 'object':
        break;
      default:
        throw new NotPlain(`\`${this.#at()}\` is a ${typeof value}, which JSON has not`);
    }
    if (value === null) return 'null';
    if (this.raw && this.names.length >= TOO_DEEP) return '0';
    if (this.names.length >= DEPTH && !this.raw) throw new TooLarge(`\`${this.#at().slice(0, 200)}\` is nested deeper than ${DEPTH} levels`);
    const prototype = Object.getPrototypeOf(value);
    if (Array.isArray(value)) return this.#array(value);
    if (!plain.has(prototype) && !foreign(prototype)) {
      throw new NotPlain(`\`${this.#at()}\` is no plain object, but a ${prototype?.constructor?.name ?? 'thing of its own'}`);
    }
    if (Object.hasOwn(value, 'toJSON') && typeof value.toJSON === 'function') throw new NotPlain(`\`${this.#at()}\` has a toJSON of its own`);
    let text = '{';
    for (const key of Object.keys(value)) {
      const member = value[key];
      if (member === undefined) continue;
      if (text.length > 1) text += ',';
      text += this.#key(key) + this.#member(key, member);
    }
    return text + '}';
  }

  #array(items) {
    this.#spend(items);
    let text = '[';
    for (let index = 0; index < items.length; index++) {
      if (index > 0) text += ',';
      text += this.#member(index, items[index]);
    }
    return text + ']';
  }

  #member(name, value) {
    this.names.push(name);
    const text = this.write(value);
    this.names.pop();
    return text;
  }

  #at() {
    return this.names.map((name) => `/${name}`).join('');
  }

  #key(key) {
    let text = keys.get(key);
    if (text === undefined) {
      text = JSON.stringify(key) + ':';
      if (keys.size < 512 && key.length < 64) keys.set(key, text);
    }
    return this.#spend(text);
  }

  /** Counts while it is written, so that a large value is refused before there is a large text. */
  #spend(text) {
    this.left -= text.length;
    if (this.left < 0) throw new TooLarge('it is larger than a call may be');
    return text;
  }
}

/** An object literal of another realm: a frame, a worker, `node:vm`. */
function foreign(prototype) {
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'hasOwnProperty');
}

function wellFormed(text) {
  return typeof text.isWellFormed === 'function' ? text.isWellFormed() : !/\p{Surrogate}/u.test(text);
}
