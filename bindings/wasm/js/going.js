// Calls whose tool has asked for more input, until the client comes back with it: what was approved is approved of all rounds.
// As `wire::mcp::Continuing`, which no call would survive here: an instance of the module is thrown away after a trap.

/** Calls of one caller at once. Who lets more of them lie loses his own oldest. */
const EACH = 64;
/** Calls of all callers at once. Where there are more, whoever has most loses his oldest. */
const ALL = 4_096;

export class Continuing {
  /** By what they are kept under, the oldest first. */
  #calls = new Map();

  get size() {
    return this.#calls.size;
  }

  /** Keeps a call: `like` is what it is kept under where there is no state. Gives the one that nobody can go on with any more. */
  keep(key, like, kept) {
    const other = this.#calls.get(key);
    this.#calls.delete(key);
    // A caller is the whole chain, as the gate sees it.
    const caller = JSON.stringify(JSON.parse(kept.event).event.call_reserved.chain);
    this.#calls.set(key, { ...kept, like, caller });
    return other ?? this.#over(caller);
  }

  /** What is displaced: the caller's own, or, where all have too many, of whoever has most, and of several, of who began first. */
  #over(caller) {
    const counts = new Map();
    for (const one of this.#calls.values()) counts.set(one.caller, (counts.get(one.caller) ?? 0) + 1);
    let whose = counts.get(caller) > EACH ? caller : undefined;
    if (whose === undefined && this.#calls.size > ALL) {
      for (const [one, count] of counts) if (whose === undefined || count > counts.get(whose)) whose = one;
    }
    return whose === undefined ? undefined : this.#taken((one) => one.caller === whose);
  }

  /** What is kept under a key. */
  take(key) {
    const kept = this.#calls.get(key);
    this.#calls.delete(key);
    return kept;
  }

  /** The oldest that is like this, whatever its state. */
  takeLike(like) {
    return this.#taken((one) => one.like === like);
  }

  #taken(is) {
    for (const [key, one] of this.#calls) if (is(one)) return this.take(key);
    return undefined;
  }
}
