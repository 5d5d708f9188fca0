// One request of the protocol at a gate, for the adapter: the module decides and words everything.

import { Handle } from './engine.js';
import { freeze } from './errors.js';

export class Requests {
  #engine;
  #gate;
  #ledger;
  #took;
  #record;

  constructor(engine, gate, ledger, took, record) {
    this.#engine = engine;
    this.#gate = gate;
    this.#ledger = ledger;
    this.#took = took;
    this.#record = record;
  }

  /** A sealer with a copy of the host's key. */
  sealer(key) {
    const copy = Uint8Array.from(key);
    return new Handle(this.#engine, (module) => new module.RawSealer(copy));
  }

  /** What clients get for a state that does not count. */
  invalidState() {
    return JSON.parse(this.#engine.run((module) => module.invalidState()));
  }

  /** A request as a call. Throws `MalformedRequest` for what makes none. */
  turn(host, method, params, now) {
    const gate = this.#gate();
    return new Turn(this, this.#engine.run(() => gate.turn(host, method, params, now)));
  }

  /** @internal */
  call(work) {
    const gate = this.#gate();
    return this.#engine.run(() => work(gate));
  }

  /** @internal */
  held(ledger) {
    return this.#ledger(ledger);
  }

  /** @internal */
  recorded(ledger, told) {
    const read = freeze(this.#record(told));
    if (read.event !== null) this.#took(ledger, read.event);
    return read;
  }
}

/** A request on its way. */
class Turn {
  #requests;
  #raw;

  constructor(requests, raw) {
    this.#requests = requests;
    this.#raw = raw;
  }

  get name() {
    return this.#requests.call(() => this.#raw.name());
  }

  get resumed() {
    return this.#requests.call(() => this.#raw.resumed());
  }

  resume(ledger, sealer, now) {
    const held = this.#requests.held(ledger);
    const told = this.#requests.call((gate) => this.#raw.resume(gate, held, sealer.get(), now));
    return told === undefined ? null : JSON.parse(told);
  }

  authorize(ledger, now) {
    const held = this.#requests.held(ledger);
    return this.#requests.recorded(ledger, this.#requests.call((gate) => this.#raw.authorize(gate, held, now)));
  }

  refusal(rendering, scopes, metadata) {
    return parsed(this.#requests.call((gate) => this.#raw.refusal(gate, rendering, JSON.stringify(scopes), metadata)));
  }

  unsupported(known, rendering) {
    return parsed(this.#requests.call(() => this.#raw.unsupported(JSON.stringify(known), rendering)));
  }

  declined(rendering) {
    return JSON.parse(this.#requests.call(() => this.#raw.declined(rendering)));
  }

  inputRequired(sealer) {
    return parsed(this.#requests.call((gate) => this.#raw.inputRequired(gate, sealer.get())));
  }

  elicitation() {
    return parsed(this.#requests.call((gate) => this.#raw.elicitation(gate)));
  }

  confirmation(answer) {
    return parsed(this.#requests.call(() => this.#raw.confirmation(JSON.stringify(answer))));
  }

  free() {
    this.#requests.call(() => this.#raw.free());
  }
}

function parsed(text) {
  return text === undefined ? null : JSON.parse(text);
}
