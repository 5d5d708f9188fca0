// The gate in front of an MCP server, of either line of the TypeScript SDK: `@modelcontextprotocol/server` 2.x and
// `@modelcontextprotocol/sdk` 1.x. Neither is imported: what is used of them is their public way to register handlers.

import { REQUESTS } from './api.js';
import { EventError, StateError, UsageError } from './errors.js';
import { Continuing } from './going.js';
import { port } from './sdk.js';

export { UsageError } from './errors.js';

const LISTS = new Set(['tools/list', 'prompts/list', 'resources/list', 'resources/templates/list', 'skills/list']);
const RENDERINGS = ['tool_error', 'protocol_error', 'hide', 'scope_challenge'];
const INTERNAL = { error: { code: -32603, message: 'Internal error' } };
const OPTIONS = new Set([
  'gate', 'ledger', 'server', 'principal', 'who', 'issuer', 'session', 'task', 'origin', 'rendering', 'obligations', 'scopes', 'labels',
  'onRecord', 'onFault', 'key', 'now',
]);
/** What a listing is asked with: nothing of a session or a task. */
const LISTED = ['principal', 'on_behalf_of', 'credential', 'origin', 'transport'];

/** Guards a server with a guard of its own. Call it before anything is registered. */
export function guard(server, options) {
  const made = new Guard(options);
  made.protect(server);
  return made;
}

/** Puts every request of MCP servers to a gate. One guard serves as many server objects as a process makes. */
export class Guard {
  #options;
  #requests;
  #sealer = null;
  #held = null;
  /** Calls whose tool has asked for more input, until the client comes back with it: what was approved is approved of all rounds. */
  #continuing = new Continuing();
  /** Whether all that the server shows was held against the pins: of one page, a client can ask for no other. */
  #whole = false;

  constructor(options) {
    const said = Object.fromEntries(Object.entries(options ?? {}).filter(([, value]) => value !== undefined));
    const { gate, ledger, rendering = 'tool_error' } = said;
    // What is not kept anywhere is no record, and meets no `audit`.
    const obligations = { ...(said.onRecord && { audit: recorded }), ...said.obligations };
    const unknown = Object.keys(said).find((name) => !OPTIONS.has(name));
    if (unknown !== undefined) throw new UsageError(`a guard has no option \`${unknown}\``);
    if (!gate?.[REQUESTS] || !ledger) throw new UsageError('a guard has a `gate` and a `ledger`');
    if (!RENDERINGS.includes(rendering)) throw new UsageError(`\`rendering\` is one of ${RENDERINGS.join(', ')}`);
    const servers = gate.bundle.servers;
    const server = said.server ?? (servers.length === 1 ? servers[0] : undefined);
    if (!servers.includes(server)) throw new UsageError(`\`server\` is one of the bundle's: ${servers.join(', ')}`);
    for (const name of ['who', 'labels', 'onRecord', 'onFault', 'now']) called(said, name, name);
    for (const kind of Object.keys(obligations)) called(obligations, kind, `obligations.${kind}`);
    const { now: clock = Date.now } = said;
    // A clock that is set back costs no call its end: the ledger's own time is as late as what it has seen.
    const now = () => {
      const [own, told] = [ledger.now, clock()];
      return own !== null && own > told ? own : told;
    };
    const defaults = { origin: 'agent', scopes: {}, onRecord() {}, onFault() {} };
    this.#options = { ...defaults, ...said, rendering, obligations, server, now };
    this.#requests = gate[REQUESTS];
    if (said.key !== undefined) this.#sealer = this.#requests.sealer(said.key);
  }

  /** Decides every request of `server`: an `McpServer`, or a low-level `Server`. */
  protect(server) {
    port(server, {
      handle: (request, run) => this.#handle(request, run),
      challenge: this.#options.rendering === 'scope_challenge' ? (request) => this.#challenge(request) : null,
    });
  }

  /** Answers a request by running it, or by a refusal. What goes wrong here is a refusal too, and a client learns nothing of it. */
  async #handle(request, run) {
    const ran = { failed: undefined };
    const answer = async (resumed) => {
      try {
        return await run(resumed);
      } catch (error) {
        ran.failed = { error };
        throw error;
      }
    };
    try {
      if (LISTS.has(request.method)) return await this.#list(request, answer);
      if (this.#requests.passes(request.method)) return await answer(false);
      return await this.#decide(request, answer);
    } catch (error) {
      if (error instanceof Refused || ran.failed?.error === error) throw error;
      this.#fault(error);
      throw new Refused(INTERNAL.error);
    }
  }

  async #decide(request, run) {
    const { rendering } = this.#options;
    const turn = await this.#turn(request);
    try {
      const malformed = turn.refused();
      if (malformed !== null) {
        await this.#told(malformed);
        return refused(turn.refusal(rendering, []));
      }
      if (!this.#whole && request.method === 'tools/call') await this.#hold(await request.tools(), true);
      // A state of another form is the tool's own, which sees it if the call is allowed.
      if (sealed(request.state)) return await this.#resume(turn, request, () => run(true));
      const kept = this.#take(turn, request);
      const going = kept && (await this.#proceed(turn, kept));
      if (going) return await this.#run(turn, request, () => run(false), going, kept);
      const record = await this.#authorize(turn);
      const question = request.asks ? turn.elicitation() : null;
      if (question === null) return await this.#run(turn, request, () => run(false), record);
      if (request.ask === null) return refused({ result: turn.inputRequired(this.#sealing()) });
      const confirmed = turn.confirmation(await this.#asked(request, question));
      if (confirmed === null) return refused(turn.refusal(rendering, []));
      await this.#apply(confirmed.event);
      if (!confirmed.approves) return refused(turn.declined(rendering));
      return await this.#run(turn, request, () => run(false), await this.#authorize(turn));
    } finally {
      turn.free();
    }
  }

  /** What the user says. A client that fails to ask has not said yes, nor has one that waits for the call no longer. */
  async #asked(request, question) {
    try {
      const answer = await request.ask(question);
      return request.aborted() ? null : answer;
    } catch (error) {
      this.#fault(error);
      return null;
    }
  }

  /** A request that brings the user's answer. */
  async #resume(turn, request, run) {
    const { ledger, rendering, now } = this.#options;
    let answered;
    try {
      answered = turn.resume(ledger, this.#sealing(), now());
    } catch (error) {
      if (!(error instanceof StateError)) throw error;
      this.#fault(error);
      return refused(this.#requests.invalidState());
    }
    if (answered !== null) {
      await this.#apply(answered.event);
      if (!answered.approves) return refused(turn.declined(rendering));
    }
    return await this.#run(turn, request, run, await this.#authorize(turn));
  }

  /** What is kept of a call that goes on with this request, if it is one. */
  #take(turn, { state, responses }) {
    if (this.#continuing.size === 0 || (state === undefined && responses === undefined)) return undefined;
    // A server's `requestState.verify` may make another value of its state: then the call is the oldest one like this.
    if (state !== undefined && typeof state !== 'string') return this.#continuing.takeLike(turn.continuation(''));
    return this.#continuing.take(turn.continuation(state ?? ''));
  }

  /** The record of a call that goes on with what its tool has asked for; without one, it is a call like any other. */
  async #proceed(turn, kept) {
    const { ledger, now } = this.#options;
    const record = turn.proceed(ledger, kept.id, now());
    try {
      if (record.decision === 'allow') {
        await this.#told(record);
        return record;
      }
    } catch (error) {
      await this.#end(kept, { status: 'failed', labels: kept.labels });
      throw error;
    }
    // Its reservation may have ended long ago.
    await this.#end(kept, { status: 'failed', labels: kept.labels }).catch((error) => this.#fault(error));
    return null;
  }

  /** Keeps a call whose tool has asked for more input. The one that nobody can go on with any more has an end. */
  async #keep(turn, state, kept) {
    const key = turn.continuation(typeof state === 'string' ? state : '');
    const over = this.#continuing.keep(key, turn.continuation(''), kept);
    if (over === undefined) return;
    // Its reservation may have ended long ago.
    await this.#end(over, { status: 'timed_out', labels: over.labels }).catch((error) => this.#fault(error));
  }

  /** Does what a decision says. `kept`: what is known of a call that goes on. */
  async #run(turn, request, run, record, kept = { id: record.id, event: record.event, labels: [] }) {
    const { rendering, obligations } = this.#options;
    // What has begun is not undone.
    const stop = () => (kept.event === record.event ? this.#abort(record) : this.#end(kept, { status: 'failed', labels: kept.labels }));
    let unsupported;
    try {
      const refusal = turn.refusal(rendering, []);
      if (refusal !== null) return refused(refusal);
      if (record.id === null) return await run();
      unsupported = turn.unsupported(Object.keys(obligations), rendering);
    } catch (error) {
      // The gate failed in itself while the record was being kept.
      if (record.decision === 'allow') await stop();
      throw error;
    }
    if (unsupported !== null) {
      await stop();
      return refused(unsupported);
    }
    let status = 'failed';
    let outcome = { labels: kept.labels };
    try {
      let result = await run();
      await this.#started(kept, result);
      for (const obligation of record.obligations) {
        const [kind, ...value] = obligation.split(':');
        result = (await obligations[kind](request.about, { kind, value: value.join(':') || null }, result)) ?? result;
      }
      const labels = (await this.#options.labels?.(request.about, result)) ?? [];
      // A text is a list of its letters, and none of them is the label that was meant.
      if (typeof labels === 'string') throw new UsageError('`labels` gives a list of texts, not one text');
      const all = [...new Set([...kept.labels, ...labels])];
      outcome = { labels: all, output_digest: await digest(result) };
      const asks = result?.resultType === 'input_required';
      if (asks && request.aborted()) {
        // Nobody has got what the tool goes on from.
        status = 'timed_out';
      } else if (asks && !brings(kept, labels)) {
        await this.#keep(turn, result.requestState, { ...kept, labels: all });
        status = null;
      } else if (result?.isError !== true) {
        status = 'done';
      }
      return result;
    } catch (error) {
      if (request.aborted()) status = 'timed_out';
      throw error;
    } finally {
      if (status !== null) await this.#end(record, { ...outcome, status });
    }
  }

  /** A task of the protocol that the server has started belongs to whoever called. */
  async #started(record, result) {
    const id = (result?.resultType === 'task' ? result : result?.task)?.taskId;
    const reserved = record.event === null ? undefined : JSON.parse(record.event).event.call_reserved;
    if (typeof id !== 'string' || reserved === undefined) return;
    const { chain, session } = reserved;
    try {
      await this.#apply({ mcp_task_created: { server: this.#options.server, id, owner: chain.at(-1), session } });
    } catch (error) {
      if (!(error instanceof EventError)) throw error;
      this.#fault(error);
    }
  }

  /** The end of a call. What the host makes of its result may be no outcome, or its clock may fail: then nobody gets the result, and it
   * has an end. */
  async #end(record, outcome) {
    const { gate, ledger, now } = this.#options;
    let ended;
    try {
      ended = gate.complete(ledger, record.id, outcome, now());
    } catch (error) {
      await this.#traced(gate.complete(ledger, record.id, { status: 'failed' }, ledger.now));
      throw error;
    }
    await this.#traced(ended);
  }

  /** A list without what is hidden from who asks: computed for any session, so that it tells nothing of one. */
  async #list(request, run) {
    const { gate, ledger, server, now } = this.#options;
    const result = await run(false);
    if (request.method === 'tools/list') await this.#hold(result, !request.params.cursor && !result?.nextCursor);
    const turn = await this.#turn(request);
    try {
      if (turn.refused() !== null) {
        await this.#told(turn.refused());
        return refused(turn.refusal(this.#options.rendering, []));
      }
    } finally {
      turn.free();
    }
    const host = await this.#host(request);
    const asked = { server, any_session: true };
    for (const name of LISTED) if (host[name] !== undefined) asked[name] = host[name];
    const filtered = gate.filterList(request.method, plain(result), asked, ledger, now());
    // What somebody may do changes with any event, and no client is told.
    return { ...filtered.result, cacheScope: 'private', ttlMs: 0 };
  }

  /** The scopes that a call lacks, if they are all that it lacks: the server answers HTTP 403, and the denial is recorded. */
  async #challenge(request) {
    const { ledger, scopes, now } = this.#options;
    const turn = await this.#turn(request);
    try {
      // A client names the tool: `constructor` is one that every object has.
      const needed = Object.hasOwn(scopes, turn.name()) ? scopes[turn.name()] : [];
      if (turn.refused() !== null || needed.length === 0) return undefined;
      const missing = turn.missingScopes(ledger, needed, now());
      if (missing.length === 0) return undefined;
      const record = await this.#authorize(turn);
      if (record.decision === 'deny') return { scopes: missing };
      // No policy asks for the scopes: the handler decides anew.
      if (record.decision === 'allow') await this.#abort(record);
      return undefined;
    } finally {
      turn.free();
    }
  }

  async #turn(request) {
    const { server, now } = this.#options;
    const { nobody, ...said } = await this.#host(request);
    if (nobody !== undefined) return this.#requests.nobody(nobody, now());
    const host = { ...said, server, tool: '-' };
    const params = { ...request.params };
    delete params._meta;
    if (typeof request.state === 'string') params.requestState = request.state;
    if (request.responses !== undefined) params.inputResponses = request.responses;
    return this.#requests.turn(host, request.method, params, now());
  }

  /** What the host says of a request: who asks, and in which session. What a client says of itself has no say. */
  async #host(request) {
    const { about } = request;
    const { gate, who, principal, issuer, session, task, origin } = this.#options;
    const said = { transport: about.transport };
    if (session !== undefined) said.session = typeof session === 'function' ? await session(about) : session;
    if (task !== undefined) said.task = typeof task === 'function' ? await task(about) : task;
    said.origin = typeof origin === 'function' ? await origin(about) : origin;
    if (who !== undefined) return { ...said, ...(await who(about)) };
    if (about.authInfo !== undefined) {
      const told = claims(about.authInfo, issuer);
      const identity = gate.identify(told);
      // Nobody is known: the call is denied, and the record says why.
      return 'decision' in identity ? { nobody: told } : { ...said, ...identity };
    }
    if (about.transport === 'stdio' && principal !== undefined) said.principal = principal;
    return said;
  }

  /** Holds the tools that the server shows against the pins. */
  async #hold(result, whole) {
    const { gate, server } = this.#options;
    const event = gate.toolsListed(server, plain(result));
    const text = JSON.stringify(event);
    if (text !== this.#held) await this.#apply(event);
    this.#held = text;
    this.#whole ||= whole;
  }

  async #authorize(turn) {
    const record = turn.authorize(this.#options.ledger, this.#options.now());
    try {
      await this.#told(record);
    } catch (error) {
      // What stands on no record does not run.
      if (record.decision === 'allow') await this.#abort(record);
      throw error;
    }
    return record;
  }

  /** A call that was allowed does not run: what is reserved for it is given up. One that carries no authority reserves nothing. */
  async #abort(record) {
    if (record.id === null) return;
    const { gate, ledger } = this.#options;
    await this.#traced(gate.abort(ledger, record.id, ledger.now));
  }

  async #apply(event) {
    const { gate, ledger, now } = this.#options;
    await this.#traced(gate.apply(ledger, event, now()));
  }

  /** A host that keeps records elsewhere is waited for. */
  async #told(record) {
    await this.#options.onRecord(record);
  }

  async #traced({ event, records }) {
    await this.#options.onRecord(Object.freeze({ decision: null, json: null, event, records }));
  }

  /** Tells the host what went wrong. What goes wrong there is nobody's to be told. */
  #fault(error) {
    try {
      Promise.resolve(this.#options.onFault(error)).catch(() => {});
    } catch {
      // As above.
    }
  }

  #sealing() {
    return (this.#sealer ??= this.#requests.sealer(crypto.getRandomValues(new Uint8Array(32))));
  }
}

/** A JSON-RPC error in place of a result: both SDKs put `code`, `message` and `data` on the wire. */
class Refused extends Error {
  constructor({ code, message, data }) {
    super(message);
    this.name = 'Refused';
    this.code = code;
    if (data !== undefined) this.data = data;
  }
}

/** Whether a state is of a guard. */
function sealed(state) {
  return typeof state === 'string' && state.startsWith('1.') && state.includes('.sha256:');
}

/** Whether a round has brought what its session does not hold yet. The client has it, so that it counts at once: the call is over. */
function brings({ event }, labels) {
  const { session, labels: held = [] } = JSON.parse(event).event.call_reserved;
  return typeof session === 'string' && labels.some((label) => !held.includes(label));
}

/** What the host gives to be called can be. */
function called(among, name, shown) {
  if (among[name] !== undefined || shown !== name) {
    if (typeof among[name] !== 'function') throw new UsageError(`\`${shown}\` is a function`);
  }
}

/** The result that a refusal is, unless it is an error. Without one, nothing is known, and nothing runs. */
function refused(refusal) {
  if (refusal?.result) return refusal.result;
  throw new Refused(refusal?.error ?? INTERNAL.error);
}

/** The claims of a verified token, completed by what the verifier put beside them. */
function claims(authInfo, issuer) {
  const { clientId, scopes = [], expiresAt, resource, extra = {} } = authInfo;
  const told = { ...(extra.claims ?? extra) };
  // A claim that is null is there, and says that there is nobody.
  const complete = (name, value) => {
    if (told[name] === undefined && value !== undefined) told[name] = value;
  };
  complete('iss', issuer);
  if (told.azp === undefined) complete('client_id', clientId);
  // A token without a subject is the client's own (RFC 9068, section 2.2).
  complete('sub', clientId);
  complete('exp', expiresAt);
  if (resource !== undefined) complete('aud', String(resource));
  told.scope = scopes.join(' ');
  return told;
}

/** A result as it goes over the wire. */
function plain(result) {
  return JSON.parse(JSON.stringify(result ?? {}));
}

/** SHA-256 of a result's JSON, keys sorted. */
async function digest(result) {
  const text = JSON.stringify(result ?? null, (_, value) =>
    value !== null && typeof value === 'object' && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
  const bytes = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)));
  return `sha256:${Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}

/** Every call leaves a record: that is what `audit` asks for. */
function recorded() {}
