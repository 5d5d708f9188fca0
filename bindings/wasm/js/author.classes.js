// What the build with the parser has beyond the other: bundles from text, packing, and why a decision is what it is.

import { classes, copied, time } from './api.js';
import { Handle } from './engine.js';
import { UsageError, freeze } from './errors.js';
import { FILE, text } from './json.js';

export function authorClasses(glue) {
  const { Gate: Base, Ledger, engine, rawGate, rawLedger } = classes(glue);

  class Gate extends Base {
    static load(files, options = {}) {
      const [names, texts] = named(files);
      const limits = text(options.limits ?? {}, FILE);
      const strict = options.strict === true;
      return new Gate((module) => module.RawGate.load(names, texts, strict, limits), options.limits);
    }

    pack() {
      const gate = rawGate(this);
      return engine.run(() => gate.pack());
    }

    explain(call, ledger, now) {
      time(now);
      const [gate, asked] = [rawGate(this), text(call, FILE)];
      const held = rawLedger(ledger, this);
      return freeze(JSON.parse(engine.run(() => gate.explain(asked, held, now))));
    }
  }
  /** A bundle's policy tests. */
  class Suites {
    #handle;

    /** @param {(module: any) => any} make */
    constructor(make) {
      if (typeof make !== 'function') throw new UsageError('suites are opened by `Suites.open`');
      this.#handle = new Handle(engine, make);
    }

    static open(files) {
      const [names, texts] = named(files);
      return new Suites((module) => module.RawSuites.open(names, texts));
    }

    static openPacked(bytes, files) {
      const [copy, [names, texts]] = [copied(bytes, 'a packed bundle'), named(files)];
      return new Suites((module) => module.RawSuites.openPacked(copy, names, texts));
    }

    list() {
      const raw = this.#handle.get();
      return freeze(JSON.parse(engine.run(() => raw.list())));
    }

    run(options = {}) {
      const { format = 'json', cases, filter, verbose } = options;
      // Modules have one thread.
      const raw = this.#handle.get();
      const report = engine.run(() => raw.run(text({ format, cases, filter, verbose, jobs: 1 }, FILE)));
      return format === 'json' ? freeze(JSON.parse(report)) : report;
    }

    free() {
      this.#handle.free();
    }
  }
  if (Symbol.dispose) Suites.prototype[Symbol.dispose] = Suites.prototype.free;

  return { Gate, Ledger, Suites };
}

/** Names and texts of files. */
function named(files) {
  const [names, texts] = [Object.keys(files ?? {}), Object.values(files ?? {})];
  const odd = names.find((_, at) => typeof texts[at] !== 'string');
  if (odd !== undefined) throw new UsageError(`the file \`${odd}\` is no text`);
  return [names, texts];
}
