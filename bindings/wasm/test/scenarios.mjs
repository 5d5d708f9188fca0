// The scenarios that every adapter runs, as data: what happens at a server, and what is expected. Each line of the SDK brings a
// `connect` that makes a server and a client for one scenario.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as author from 'toolgate/author';
import { files } from 'toolgate/testing';

const folder = new URL('../../../integrations/scenarios/', import.meta.url);
const read = (name) => readFileSync(new URL(name, folder), 'utf8');
const table = JSON.parse(read('scenarios.json'));

export const MODERN = '2026-07-28';
export const LEGACY = '2025-11-25';
export const KEY = new Uint8Array(32).fill(7);

/** The tools of the server; those that drifted have another title. */
export function tools(drifted = []) {
  const { tools } = JSON.parse(read('bundle/tools/notes.json'));
  return tools.map((tool) => (drifted.includes(tool.name) ? { ...tool, title: 'new' } : tool));
}

/** What the server ran, and what a tool answers. */
export class Ran {
  names = [];

  tool(name) {
    this.names.push(name);
    if (name === 'fail') throw new Error('it failed');
    return { content: [{ type: 'text', text: `${name} ran` }] };
  }

  resource(uri) {
    this.names.push('resources/read');
    return { contents: [{ uri, text: 'resource read' }] };
  }

  prompt() {
    this.names.push('prompts/get');
    return { messages: [{ role: 'user', content: { type: 'text', text: 'a summary' } }] };
  }
}

/** Registers a test for each scenario that this server and client can have. */
export function scenarios(test, about, { era, transport, skip = () => false, Gate, Ledger, connect }) {
  const bundle = author.Gate.load(files(fileURLToPath(new URL('bundle/', folder)))).pack();
  for (const scenario of table.scenarios) {
    const fits = (scenario.eras ?? [era]).includes(era) && (scenario.transports ?? [transport]).includes(transport);
    if (!fits || skip(scenario)) continue;
    test(`${about}: ${scenario.name}`, async () => {
      const ledger = new Ledger();
      const one = new Scenario(Gate.unpack(bundle), ledger, scenario, transport);
      one.client = await connect(one);
      try {
        for (const [index, step] of scenario.steps.entries()) await one.step(step, `step ${index + 1}`);
      } finally {
        await one.client.close();
      }
    });
  }
}

export class Scenario {
  ran = new Ran();
  decisions = [];
  completed = null;
  asked = null;
  faults = [];
  #answer;
  #waiting = null;

  constructor(gate, ledger, scenario, transport) {
    this.gate = gate;
    this.ledger = ledger;
    this.host = { ...table.host, ...scenario.host };
    this.drifted = scenario.server?.drifted ?? [];
    this.elicitation = scenario.client?.elicitation !== false;
    this.transport = transport;
    /** What a client that cheats sends in place of what it was given. */
    this.cheat = null;
    this.authInfo = { token: 'secret', clientId: 'client', scopes: this.host.credential?.scopes ?? [] };
  }

  /** What the server is guarded with. */
  get options() {
    const { server, rendering, obligations } = this.host;
    return {
      gate: this.gate,
      ledger: this.ledger,
      server,
      rendering,
      key: KEY,
      obligations: Object.fromEntries(obligations.map((kind) => [kind, () => undefined])),
      scopes: { export_notes: ['notes.export'] },
      session: () => this.host.session,
      task: () => this.host.task,
      who: () => this.#who(),
      onRecord: (record) => this.#record(record),
      onFault: (fault) => this.faults.push(fault),
    };
  }

  #who() {
    const now = (text) => text?.replace('$now+5m', time(300_000)).replace('$now', time(0));
    const { principal, on_behalf_of, origin, credential } = this.host;
    if (credential === undefined) return { principal, on_behalf_of, origin };
    const { issued, expires } = credential;
    return { principal, on_behalf_of, origin, credential: { ...credential, issued: now(issued), expires: now(expires) } };
  }

  #record(record) {
    if (record.decision !== null) {
      this.decisions.push(record.decision);
      if (record.decision === 'needs_approval') this.#waiting = record;
      return;
    }
    const { event } = JSON.parse(record.event);
    if (event.call_completed) this.completed = event.call_completed.status;
    if (event.call_aborted) this.completed = 'aborted';
  }

  /** The client's user is asked. */
  elicited(params) {
    this.asked = params.message;
    return this.#answer ?? { action: 'cancel' };
  }

  async step(step, at) {
    [this.ran.names, this.decisions, this.completed, this.asked] = [[], [], null, null];
    this.#answer = step.answer ?? step.resume?.answer;
    this.cheat = step.resume ?? null;
    const seen = await this.#seen(step);
    for (const [name, wanted] of Object.entries(step.expect ?? {})) {
      const got = {
        ran: () => this.ran.names,
        decisions: () => this.decisions,
        completed: () => this.completed,
        asked: () => this.asked,
        cacheScope: () => seen.cacheScope,
        ttlMs: () => seen.ttlMs,
      }[name];
      assert.deepEqual(got === undefined ? seen[name] : got(), wanted, `${at}: ${name} of ${JSON.stringify(seen)}, ${this.faults}`);
    }
  }

  async #seen(step) {
    try {
      if (step.call) return shown(await this.client.call(step.call));
      if (step.request) return shown(await this.client.request(step.request.method, step.request.params));
      if (step.replay) return shown(await this.client.replay());
      if (step.list) {
        const result = await this.client.request(step.list, {});
        const items = result.tools ?? result.resources ?? result.prompts;
        return { names: items.map((item) => item.name), cacheScope: result.cacheScope, ttlMs: result.ttlMs };
      }
    } catch (error) {
      return failed(error);
    }
    const event = step.event ?? { approval_granted: this.#granted(step.approve) };
    this.gate.apply(this.ledger, event, Date.now());
    return {};
  }

  #granted({ class: kind, by }) {
    const call = this.#waiting.call_digest;
    return { call, class: kind, approver: by, expires: '2999-01-01T00:00:00Z' };
  }
}

function time(later) {
  return new Date(Date.now() + later).toISOString();
}

function shown(result) {
  const text = result.content?.[0]?.text ?? result.contents?.[0]?.text;
  if (result.isError !== true) return { result: text };
  return result._meta?.['io.github.toolgate/decision'] ? { tool_error: text } : { tool_failed: text };
}

function failed(error) {
  const challenge = /scope="([^"]*)"/.exec(error.challenge ?? '');
  if (challenge) return { challenge: challenge[1] };
  if (!Number.isInteger(error.code)) throw error;
  // Version 1 of the SDK writes the code before the message.
  return { error: { code: error.code, message: error.message.replace(/^MCP error -?\d+: /, '') } };
}
