// What both builds share: a gate and a ledger over one instance of the module.

import { Engine, Handle } from './engine.js';
import { InstanceError, ToolgateError, UsageError, freeze } from './errors.js';
import { CALL, FILE, NotPlain, TooLarge, json, text } from './json.js';
import { Requests } from './requests.js';

/** Where the adapter for MCP servers finds its side of a gate. */
export const REQUESTS = Symbol.for('toolgate.requests');

/** Lines that a ledger keeps beside its last snapshot before it makes another one. */
const LINES = 1024;

/**
 * The classes on an instance of the module.
 * @param {() => any} glue
 */
export function classes(glue) {
  const engine = new Engine(glue);
  let rawLedger;
  let took;
  let rawGate;

  class Ledger {
    #handle;
    /** What the handle is made from when an instance was lost: a snapshot, and the events since. */
    #snapshot;
    #lines = [];
    #most = LINES;
    /** The last gate that it was used with: events are read by one. */
    #gate;

    constructor(snapshot = '') {
      this.#snapshot = snapshot;
      this.#most = Math.max(LINES, snapshot.length >> 6);
      this.#handle = new Handle(engine, (module, gate) => {
        if (this.#lines.length > 0) return rawGate(gate).replay(this.#snapshot + this.#lines.join('\n'), true);
        return this.#snapshot === '' ? new module.RawLedger() : module.RawLedger.restore(this.#snapshot);
      });
    }

    static restore(snapshot) {
      if (typeof snapshot !== 'string') throw new UsageError('a snapshot is a text');
      return new Ledger(snapshot);
    }

    static replay(gate, journal) {
      if (typeof journal !== 'string') throw new UsageError('a journal is a text');
      const held = rawGate(gate);
      const raw = engine.run(() => held.replay(journal, false));
      try {
        return Ledger.restore(engine.run(() => raw.snapshot()));
      } finally {
        raw.free();
      }
    }

    static {
      // The handle; a gate reads its events, where it has to be made again.
      rawLedger = (ledger, gate) => {
        if (!(#handle in Object(ledger))) throw new UsageError('this is no ledger of this module');
        if (gate !== undefined) ledger.#gate = gate;
        return ledger.#handle.get(ledger.#gate);
      };
      // A line that the handle has taken.
      took = (ledger, line) => {
        ledger.#lines.push(line);
        if (ledger.#lines.length <= ledger.#most) return;
        const raw = ledger.#handle.get();
        ledger.#snapshot = engine.run(() => raw.snapshot());
        ledger.#lines = [];
        ledger.#most = Math.max(LINES, ledger.#snapshot.length >> 6);
      };
    }

    snapshot(gate) {
      const raw = rawLedger(this, gate);
      return engine.run(() => raw.snapshot());
    }

    get now() {
      const raw = rawLedger(this);
      return engine.run(() => raw.now()) ?? null;
    }

    free() {
      this.#handle.free();
    }
  }

  class Gate {
    #handle;
    #limits;
    #bundle = null;

    /** @param {(module: any) => any} make  the module's gate */
    constructor(make, limits) {
      if (typeof make !== 'function') throw new UsageError('a gate is made by `Gate.unpack` or `Gate.load`');
      this.#limits = limits;
      this.#handle = new Handle(engine, make);
    }

    static unpack(bytes, options = {}) {
      const copy = copied(bytes, 'a packed bundle');
      const limits = text(options.limits ?? {}, CALL);
      return new this((module) => module.RawGate.unpack(copy, limits), options.limits);
    }

    static {
      rawGate = (gate) => {
        if (!(#handle in Object(gate))) throw new UsageError('this is no gate of this module');
        return gate.#handle.get();
      };
    }

    get bundle() {
      const raw = rawGate(this);
      return (this.#bundle ??= freeze(JSON.parse(engine.run(() => raw.bundle()))));
    }

    decide(call, ledger, now) {
      return this.#answer(ledger, now, 'answered', JSON.parse, () => {
        const asked = json(call, this.#most);
        return (gate, held) => gate.decide(asked, held, now);
      });
    }

    authorize(call, ledger, now) {
      return this.#recorded(ledger, now, () => {
        const asked = json(call, this.#most);
        return (gate, held) => gate.authorize(asked, held, now);
      });
    }

    confirm(call, id, ledger, now) {
      known(id);
      return this.#recorded(ledger, now, () => {
        const asked = json(call, this.#most);
        return (gate, held) => gate.confirm(asked, id, held, now);
      });
    }

    complete(ledger, id, outcome, now) {
      known(id);
      if (outcome === undefined || outcome === null) throw new UsageError("an outcome is `'done'`, `'failed'`, `'timed_out'`, or an object");
      const { status = 'done', ...rest } = typeof outcome === 'string' ? { status: outcome } : outcome;
      return this.apply(ledger, { call_completed: { ...rest, status, call: id } }, now);
    }

    abort(ledger, id, now) {
      known(id);
      return this.apply(ledger, { call_aborted: id }, now);
    }

    apply(ledger, event, now) {
      const [gate, held] = this.#both(ledger, now);
      const asked = text(event, FILE);
      const [line, traces] = lines(engine.run(() => gate.apply(held, asked, now)), 2);
      took(ledger, line);
      const records = traces.split('\n').filter(Boolean);
      return Object.freeze({ event: line, records: Object.freeze(records) });
    }

    toolsListed(server, result) {
      const gate = rawGate(this);
      const live = text(result, FILE);
      return freeze(JSON.parse(engine.run(() => gate.toolsListed(server, live))));
    }

    list(request, ledger, now) {
      const [gate, held] = this.#both(ledger, now);
      const asked = text(request, CALL);
      return freeze(JSON.parse(engine.run(() => gate.list(asked, held, now))));
    }

    filterList(method, result, request, ledger, now) {
      const [gate, held] = this.#both(ledger, now);
      const [live, asked] = [text(result, FILE), text(request, CALL)];
      const [leftOut, filtered] = lines(engine.run(() => gate.filter(live, method, asked, held, now)), 2);
      return Object.freeze({ result: JSON.parse(filtered), left_out: freeze(JSON.parse(leftOut)), cache_scope: 'private' });
    }

    identify(claims) {
      const gate = rawGate(this);
      const told = text(claims, CALL);
      return freeze(JSON.parse(engine.run(() => gate.identify(told))));
    }

    free() {
      this.#handle.free();
    }

    get [REQUESTS]() {
      return new Requests(engine, () => rawGate(this), (ledger) => rawLedger(ledger, this), took, record);
    }

    get #most() {
      return this.#limits?.bytes ?? CALL;
    }

    /** Both handles. A gate that was lost comes first: a ledger needs it to read its events. */
    #both(ledger, now) {
      time(now);
      const gate = rawGate(this);
      return [gate, rawLedger(ledger, this)];
    }

    #recorded(ledger, now, prepare) {
      const told = this.#answer(ledger, now, 'refused', record, prepare);
      if (told.event !== null) took(ledger, told.event);
      return told;
    }

    /** Whatever goes wrong on the way to an answer is a deny. Only misuse of the handles throws. */
    #answer(ledger, now, refused, read, prepare) {
      const [gate, held] = this.#both(ledger, now);
      let kind;
      let why;
      try {
        const work = prepare();
        return freeze(read(engine.run(() => work(gate, held))));
      } catch (error) {
        if (error instanceof ToolgateError && !(error instanceof InstanceError)) throw error;
        kind = error instanceof TooLarge ? 'limit' : error instanceof InstanceError ? 'internal' : 'malformed';
        why = error instanceof NotPlain || error instanceof TooLarge || error instanceof InstanceError ? error.message : `the call cannot be read: ${words(error)}`;
      }
      const again = rawGate(this);
      return freeze(read(engine.run(() => again[refused](kind, why.slice(0, 1000), now))));
    }
  }

  for (const Class of [Gate, Ledger]) {
    if (Symbol.dispose) Class.prototype[Symbol.dispose] = Class.prototype.free;
  }
  return { Gate, Ledger, engine, rawGate, rawLedger };
}

/** A record of three lines: what a host looks at, the record, the line for a journal. */
export function record(told) {
  const [short, whole, event] = lines(told, 3);
  const read = JSON.parse(short);
  read.json = whole;
  read.event = event === '' ? null : event;
  return read;
}

/** The first lines of a text, and the rest. */
function lines(text, count) {
  const found = [];
  let from = 0;
  while (found.length < count - 1) {
    const end = text.indexOf('\n', from);
    found.push(text.slice(from, end));
    from = end + 1;
  }
  found.push(text.slice(from));
  return found;
}

/** What was thrown, which can be a thing that has no words. */
function words(error) {
  try {
    return String(error);
  } catch {
    return typeof error;
  }
}

function known(id) {
  if (!Number.isSafeInteger(id)) throw new UsageError('the id is that of a record whose call was allowed');
}

export function time(now) {
  if (typeof now !== 'number' || !Number.isFinite(now) || Math.abs(now) > 8.64e15) {
    throw new UsageError('`now` is the time in milliseconds since 1970, such as `Date.now()`');
  }
}

/** A copy, so that nobody changes it: a gate is made from it again when its instance was lost. */
export function copied(bytes, what) {
  const view = bytes instanceof ArrayBuffer ? new Uint8Array(bytes) : bytes;
  if (!ArrayBuffer.isView(view)) throw new UsageError(`${what} is a Uint8Array or an ArrayBuffer`);
  if (view.byteLength === 0) throw new UsageError(`${what} has no bytes: it is empty, or its buffer was detached`);
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength).slice();
}
