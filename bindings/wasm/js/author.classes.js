// What the build with the parser has beyond the other: bundles from text, packing, and why a decision is what it is.

import { classes, time } from './api.js';
import { UsageError, freeze } from './errors.js';
import { FILE, text } from './json.js';

export function authorClasses(glue) {
  const { Gate: Base, Ledger, engine, rawGate, rawLedger } = classes(glue);

  class Gate extends Base {
    static load(files, options = {}) {
      const [names, texts] = [Object.keys(files ?? {}), Object.values(files ?? {})];
      const odd = names.find((_, at) => typeof texts[at] !== 'string');
      if (odd !== undefined) throw new UsageError(`the file \`${odd}\` is no text`);
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
  return { Gate, Ledger };
}
