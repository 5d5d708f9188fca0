// One instance of the module at a time. A trap means that its memory cannot be trusted any more: it is thrown away, and the
// handles make themselves anew from what JavaScript kept.

import { InstanceError, ToolgateError, UsageError, thrown } from './errors.js';

export class Engine {
  /** @param {() => any} glue  makes an instance: the classes and functions that the module exports */
  constructor(glue) {
    this.glue = glue;
    this.raw = glue();
    this.generation = 0;
  }

  /**
   * What `work` gives. What it throws on purpose is a text, and becomes an error; anything else is a trap.
   * @template T
   * @param {(raw: any) => T} work
   * @returns {T}
   */
  run(work) {
    try {
      return work(this.raw);
    } catch (error) {
      if (typeof error === 'string') throw thrown(error);
      if (error instanceof ToolgateError) throw error;
      this.reset();
      throw new InstanceError(`the gate failed in itself, and was started again: ${why(error)}`, { cause: error });
    }
  }

  reset() {
    this.generation += 1;
    this.raw = this.glue();
  }
}

function why(error) {
  return error instanceof RangeError ? 'what it was given is nested deeper than the stack of this runtime' : error;
}

/** Something that lives in the module, and is made again in a new one. */
export class Handle {
  #engine;
  #raw;
  #generation;
  #make;

  constructor(engine, make) {
    this.#engine = engine;
    this.#make = make;
    this.#raw = engine.run(make);
    this.#generation = engine.generation;
  }

  /** The handle in the present instance; `help` is what making it again may need. */
  get(help) {
    if (this.#make === null) throw new UsageError('this was freed; make another one');
    if (this.#generation !== this.#engine.generation) {
      this.#raw = this.#engine.run((module) => this.#make(module, help));
      this.#generation = this.#engine.generation;
    }
    return this.#raw;
  }

  free() {
    if (this.#make === null) return;
    this.#make = null;
    if (this.#generation === this.#engine.generation) this.#raw.free();
    this.#raw = null;
  }
}
