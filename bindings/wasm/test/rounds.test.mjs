// Calls of several rounds (2026-07-28), whose tools ask for more input by themselves: what was approved of a call is approved of all
// its rounds. And calls of nobody.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { McpServer, createMcpHandler, fromJsonSchema, inputRequired } from '@modelcontextprotocol/server';
import { Gate, Ledger } from 'toolgate';
import * as author from 'toolgate/author';
import { Guard } from 'toolgate/mcp';

const TOOL = { name: 'write', inputSchema: { type: 'object', properties: { n: { type: 'integer' } } } };
const packed = (more) => author.Gate.load({
  'toolgate.toml': '[bundle]\nname = "notes"\nversion = "1"\n[servers.notes]\n[identity]\nissuers = ["https://idp.example"]\n',
  'tools/notes.json': JSON.stringify({ tools: [TOOL] }),
  'policies/a.cedar': `@id("open") permit (principal, action in Action::"call", resource); ${more}`,
}).pack();
const [open, bundle] = [packed(''), packed('@id("ask") @approval("initiator") forbid (principal, action == Action::"notes/write", resource);')];

const alice = () => ({ principal: 'User::"alice"' });

/** A question of the tool's own, which it goes on from. */
function asks(requestState) {
  const requestedSchema = { type: 'object', properties: { name: { type: 'string' } } };
  const params = { mode: 'form', message: 'What name?', requestedSchema };
  return inputRequired({ inputRequests: { name: { method: 'elicitation/create', params } }, requestState });
}

/** A client of a guarded server, what its user was asked, what its tool ran with, and what was recorded. */
async function served({ states = [null], session = () => 's', who, authInfo, verify, labels, now, cancels = () => {} }) {
  const seen = { asked: [], ran: [], told: [], records: [] };
  const onRecord = ({ decision, event, json }) => {
    seen.records.push(json);
    const name = decision ?? Object.keys(JSON.parse(event).event)[0];
    if (name !== 'tools_listed' && !name.startsWith('approval')) seen.told.push(name);
  };
  const gate = Gate.unpack(bundle);
  const guard = new Guard({ gate, ledger: new Ledger(), session, who, labels, now, onRecord });
  const handler = createMcpHandler(() => {
    const server = new McpServer({ name: 'notes', version: '1.0.0' }, { requestState: verify && { verify } });
    guard.protect(server);
    server.registerTool(TOOL.name, { inputSchema: fromJsonSchema(TOOL.inputSchema) }, (_, context) => {
      const said = context.mcpReq.requestState() ?? null;
      const state = said?.state ?? said;
      seen.ran.push(state);
      cancels(context);
      const next = states[states.indexOf(state) + 1];
      return next === undefined ? { content: [] } : asks(next);
    });
    return server;
  });
  const fetch = (url, init) => handler.fetch(new Request(url, init), { authInfo });
  const capabilities = { elicitation: { form: {} } };
  const client = new Client({ name: 'client', version: '1.0.0' }, { capabilities, versionNegotiation: { mode: { pin: '2026-07-28' } } });
  client.setRequestHandler('elicitation/create', ({ params }) => {
    seen.asked.push(params.message.split('?')[0]);
    return { action: 'accept', content: { approve: true, name: 'x' } };
  });
  await client.connect(new StreamableHTTPClientTransport(new URL('http://notes.example/mcp'), { fetch }));
  return { ...seen, gate, client };
}

/** The handlers of a guarded server without an SDK, whose tool gives this, and the events of its calls. */
function bare(result) {
  const [handlers, told] = [new Map(), []];
  const server = { setRequestHandler: (method, handler) => handlers.set(method, handler), assertCanSetRequestHandler() {} };
  const onRecord = ({ event }) => event && told.push(Object.keys(JSON.parse(event).event)[0]);
  const gate = Gate.unpack(open);
  new Guard({ gate, ledger: new Ledger(), who: alice, onRecord }).protect(server);
  server.setRequestHandler('tools/list', () => ({ tools: [TOOL] }));
  server.setRequestHandler('tools/call', () => result);
  return { handlers, told };
}

test('a user approves once what a tool asks three times for more', async () => {
  const states = [null, 'one', 'two', 'three'];
  const { client, asked, ran, told } = await served({ states, who: alice });
  const result = await client.callTool({ name: 'write', arguments: {} });
  assert.deepEqual([result.isError, ran], [undefined, states]);
  assert.deepEqual(asked, ['Approve notes/write', 'What name', 'What name', 'What name']);
  assert.deepEqual(told, ['needs_approval', 'allow', 'allow', 'allow', 'allow', 'call_completed']);
});

test('a server may make another value of its states', async () => {
  const verify = (state) => (state.startsWith('1.') ? undefined : { state });
  const { client, asked, ran } = await served({ states: [null, 'one', 'two'], who: alice, verify });
  await client.callTool({ name: 'write', arguments: {} });
  assert.deepEqual([asked, ran], [['Approve notes/write', 'What name', 'What name'], [null, 'one', 'two']]);
});

test('what was approved in a session does not go on in another', async () => {
  let calls = 0;
  const { client, asked, ran } = await served({ states: [null, 'one'], who: alice, session: () => (++calls > 2 ? 's2' : 's1') });
  await client.callTool({ name: 'write', arguments: {} });
  assert.deepEqual(ran.slice(0, 2), [null, null]);
  assert.deepEqual(asked.slice(0, 3), ['Approve notes/write', 'What name', 'Approve notes/write']);
});

test('what a round has brought counts at once', async () => {
  const asks = { states: [null, 'one'], who: alice, labels: (_, result) => (result.resultType === undefined ? [] : ['secret']) };
  for (const [session, rounds] of [['s', 1], [undefined, 2]]) {
    let calls = 0;
    // What comes after the tool's question in a session is another call, which nobody approves.
    const { client, told } = await served({ ...asks, session: () => (calls++, session), now: () => 1_000 });
    client.setRequestHandler('elicitation/create', ({ params }) =>
      params.message.startsWith('Approve') && calls > 3 ? { action: 'decline' } : { action: 'accept', content: { approve: true, name: 'x' } },
    );
    await client.callTool({ name: 'write', arguments: {} });
    const first = told.indexOf('call_completed');
    assert.equal(told.slice(0, first).filter((name) => name === 'allow').length, rounds, String(told));
  }
});

test('a client that comes back too late makes a call like any other', async () => {
  let now = 1_000;
  const { client, ran, asked } = await served({ states: [null, 'one'], who: alice, now: () => now, cancels: () => {
    now += 3 * 24 * 3_600_000;
  } });
  const late = await client.callTool({ name: 'write', arguments: {} }).catch((error) => error);
  assert.equal(asked.filter((one) => one.startsWith('Approve')).length > 1, true, String(late));
  assert.deepEqual(ran.slice(0, 1), [null]);
});

test('a question that nobody gets ends the call', async () => {
  // The first round, which brings the approval, has a context of its own.
  const signal = AbortSignal.abort();
  const cancels = ({ mcpReq }) => Object.defineProperty(mcpReq, 'signal', { value: signal });
  const { client, told } = await served({ states: [null, 'one', 'two'], who: alice, cancels });
  await client.callTool({ name: 'write', arguments: {} }).catch(() => {});
  assert.deepEqual(told.slice(0, 4), ['needs_approval', 'allow', 'allow', 'call_completed']);
});

test('a state that is no text is none', async () => {
  const { handlers, told } = bare({ resultType: 'input_required', inputRequests: {}, requestState: { at: 7 } });
  const call = () => handlers.get('tools/call')({ method: 'tools/call', params: { name: 'write', arguments: {} } }, { mcpReq: {} });
  for (let n = 1; n <= 2; n++) assert.equal((await call()).resultType, 'input_required');
  // Nobody can tell the two apart: the first has an end.
  assert.deepEqual(told, ['tools_listed', 'call_reserved', 'call_reserved', 'call_completed']);
});

test('who lets calls wait displaces nobody else', async () => {
  const bob = ({ params }) => params.arguments?.n === 0;
  const who = (about) => ({ principal: bob(about) ? 'User::"bob"' : 'User::"alice"' });
  const { client, asked, told } = await served({ states: [null, 'one'], who, session: (about) => (bob(about) ? 'b' : 'a') });
  let waits, answer;
  const waiting = new Promise((resolve) => (waits = resolve));
  client.setRequestHandler('elicitation/create', ({ params }) => {
    asked.push(params.message.split('?')[0]);
    if (params.message.startsWith('Approve')) return { action: 'accept', content: { approve: true } };
    if (answer !== undefined) throw new Error('nobody is there');
    return new Promise((resolve) => waits((answer = () => resolve({ action: 'accept', content: { name: 'x' } }))));
  });
  const call = (n) => client.callTool({ name: 'write', arguments: { n } });
  const bobs = call(0);
  await waiting;
  for (let n = 1; n <= 64; n++) await call(n).catch(() => {});
  assert.equal(told.includes('call_completed'), false);
  await call(65).catch(() => {});
  assert.equal(told.filter((name) => name === 'call_completed').length, 1);
  answer();
  assert.equal((await bobs).isError, undefined);
  assert.equal(asked.filter((one) => one.startsWith('Approve')).length, 66, 'bob was asked once');
});

test('the record says why nobody is known', async () => {
  const authInfo = { token: 'secret', clientId: 'client', scopes: [], extra: { iss: 'https://other.example', sub: 'alice' } };
  const { client, ran, records } = await served({ authInfo });
  const result = await client.callTool({ name: 'write', arguments: {} }).catch((error) => error);
  assert.deepEqual(ran, [], String(result));
  const record = JSON.parse(records.findLast((json) => json !== null));
  assert.match(JSON.stringify(record), /https:\/\/other\.example/);
});
