// One request of the protocol at a gate, for the adapter: the module decides and words everything.

import { Handle } from './engine.js';
import { InstanceError, freeze } from './errors.js';
import { CALL, text, wire } from './json.js';

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

  get generation() {
    return this.#engine.generation;
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

  /** Whether a method carries no authority. */
  passes(method) {
    return this.#engine.run((module) => module.passes(method));
  }

  /** A request, not yet decided. */
  turn(host, method, params, now) {
    const gate = this.#gate();
    const [said, asked] = [text(host, CALL), wire(params)];
    return new Turn(this, this.#engine.run(() => gate.turn(said, method, asked, now)));
  }

  /** A request of somebody whose claims do not say who it is. */
  nobody(claims, now) {
    const gate = this.#gate();
    const told = text(claims, CALL);
    return new Turn(this, this.#engine.run(() => gate.nobody(told, now)));
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
  read(told) {
    return freeze(this.#record(told));
  }

  /** @internal */
  recorded(ledger, told) {
    const read = this.read(told);
    if (read.event !== null) this.#took(ledger, read.event);
    return read;
  }
}

/** A request on its way. */
class Turn {
  #requests;
  #raw;
  #generation;

  constructor(requests, raw) {
    this.#requests = requests;
    this.#raw = raw;
    this.#generation = requests.generation;
  }

  /** The tool that is called, or the method. */
  name() {
    return this.#call(() => this.#raw.name());
  }

  /** The record of a request that makes no call. */
  refused() {
    const told = this.#call(() => this.#raw.refused());
    return told === undefined ? null : this.#requests.read(told);
  }

  resume(ledger, sealer, now) {
    const held = this.#requests.held(ledger);
    const told = this.#call((gate) => this.#raw.resume(gate, held, sealer.get(), now));
    return parsed(told);
  }

  missingScopes(ledger, needed, now) {
    const held = this.#requests.held(ledger);
    return JSON.parse(this.#call((gate) => this.#raw.missingScopes(gate, held, JSON.stringify(needed), now)));
  }

  authorize(ledger, now) {
    const held = this.#requests.held(ledger);
    return this.#requests.recorded(ledger, this.#call((gate) => this.#raw.authorize(gate, held, now)));
  }

  /** What the reservation is kept under while the tool waits for more input. */
  continuation(state) {
    return this.#call(() => this.#raw.continuation(state));
  }

  /** As `authorize`, of a reserved call whose tool has asked for more input. */
  proceed(ledger, id, now) {
    const held = this.#requests.held(ledger);
    return this.#requests.recorded(ledger, this.#call((gate) => this.#raw.proceed(gate, id, held, now)));
  }

  refusal(rendering, scopes, metadata) {
    return parsed(this.#call((gate) => this.#raw.refusal(gate, rendering, JSON.stringify(scopes), metadata)));
  }

  unsupported(known, rendering) {
    return parsed(this.#call(() => this.#raw.unsupported(JSON.stringify(known), rendering)));
  }

  declined(rendering) {
    return JSON.parse(this.#call(() => this.#raw.declined(rendering)));
  }

  inputRequired(sealer) {
    return parsed(this.#call((gate) => this.#raw.inputRequired(gate, sealer.get())));
  }

  elicitation() {
    return parsed(this.#call((gate) => this.#raw.elicitation(gate)));
  }

  confirmation(answer) {
    return parsed(this.#call(() => this.#raw.confirmation(JSON.stringify(answer))));
  }

  /** A request is of one instance. After a trap there is another one, which knows nothing of it. */
  #call(work) {
    if (this.#generation !== this.#requests.generation) throw new InstanceError('the gate failed in itself while the request was on its way');
    return this.#requests.call(work);
  }

  free() {
    // After a trap, its instance is gone as a whole.
    if (this.#generation === this.#requests.generation) this.#raw.free();
  }
}

function parsed(text) {
  return text === undefined ? null : JSON.parse(text);
}
