// What a guard does where its host fails, or has set something up before it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Client as Modern, InMemoryTransport as ModernTransport, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as OverHttp } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { InMemoryTaskStore } from '@modelcontextprotocol/sdk/experimental/tasks/stores/in-memory.js';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js';
import * as types from '@modelcontextprotocol/sdk/types.js';
import { McpServer, createMcpHandler, fromJsonSchema } from '@modelcontextprotocol/server';
import * as author from 'toolgate/author';
import { Guard, UsageError, guard } from 'toolgate/mcp';
import { z } from 'zod';

const TOOLS = [{ name: 'read', inputSchema: { type: 'object' } }];
const gate = author.Gate.load({
  'toolgate.toml': '[bundle]\nname = "notes"\nversion = "1"\n[servers.notes]\naudience = "https://notes.example"\n',
  'tools/notes.json': JSON.stringify({ tools: TOOLS }),
  'policies/a.cedar': '@id("a") permit (principal, action in Action::"call", resource);',
});

const skills = author.Gate.load({
  'toolgate.toml': '[bundle]\nname = "notes"\nversion = "1"\n[servers.notes]\n',
  'tools/notes.json': '{"tools": []}',
  'policies/a.cedar': `@id("open") permit (principal, action == Action::"notes/resources/read", resource)
    when { context.input.uri like "skill://open/*" };`,
});

const abilities = { tools: {}, completions: {}, resources: { subscribe: true }, tasks: { list: {}, cancel: {} } };

/** A client of a guarded server, what the server has run, and its ledger. */
async function served(options, { ours, theirs } = {}) {
  const ran = [];
  const ledger = new author.Ledger();
  const server = new Server({ name: 'notes', version: '1.0.0' }, { capabilities: { tools: {}, tasks: {} } });
  guard(server, { gate, ledger, principal: 'User::"alice"', session: 's', ...options });
  server.setRequestHandler(types.ListToolsRequestSchema, () => ({ tools: TOOLS }));
  server.setRequestHandler(types.CallToolRequestSchema, ({ params }) => {
    ran.push(params.name);
    return { content: [] };
  });
  const client = new Client({ name: 'client', version: '1.0.0' });
  const [near, far] = InMemoryTransport.createLinkedPair();
  await server.connect(theirs ?? far);
  if (theirs !== undefined) {
    // As early versions of 1.x have it.
    const { onmessage } = theirs;
    theirs.onmessage = (message) => onmessage(message);
  }
  await client.connect(ours ?? near);
  return { client, ran, ledger, server };
}

for (const [what, labels] of [
  ['no texts', () => [7]],
  ['no list', () => 7],
  ['half a surrogate pair', () => ['\ud800']],
]) {
  test(`a call has an end whatever the host makes of its result: labels that are ${what}`, async () => {
    const ends = [];
    const onRecord = ({ event }) => event !== null && ends.push(JSON.parse(event).event.call_completed?.status);
    const { client, ran } = await served({ labels, onRecord });
    await assert.rejects(client.callTool({ name: 'read', arguments: {} }), /Internal error/);
    assert.deepEqual([ran, ends.filter(Boolean)], [['read'], ['failed']]);
  });
}

test('a clock that is set back while a tool runs costs the call no end', async () => {
  let at = Date.now();
  const events = [];
  const onRecord = ({ event }) => event !== null && events.push(Object.keys(JSON.parse(event).event)[0]);
  const { client, ran } = await served({ now: () => (at -= 1000), onRecord });
  await client.callTool({ name: 'read', arguments: {} });
  await client.callTool({ name: 'read', arguments: {} });
  assert.deepEqual(ran, ['read', 'read']);
  assert.equal(events.filter((name) => name === 'call_completed').length, 2);
});

test('a call whose record is not taken uses up nothing', async () => {
  let full = true;
  const onRecord = ({ decision }) => {
    if (decision !== null && full) throw new Error('no space left on device');
  };
  const { client, ran, ledger } = await served({ onRecord });
  await assert.rejects(client.callTool({ name: 'read', arguments: {} }), /Internal error/);
  assert.deepEqual(ran, []);
  assert.doesNotMatch(ledger.snapshot(gate), /"reservation"|"total":1/);
  full = false;
  await client.callTool({ name: 'read', arguments: {} });
  assert.deepEqual(ran, ['read']);
});

test('a question about a task, which reserves nothing, does not run where its record is not taken', async () => {
  const faults = [];
  const onRecord = ({ decision }) => {
    if (decision !== null) throw new Error('no space left on device');
  };
  const { client, ran, ledger, server } = await served({ onRecord, onFault: (fault) => faults.push(fault.message) });
  server.setRequestHandler(types.GetTaskRequestSchema, ({ params }) => {
    ran.push(params.taskId);
    return {};
  });
  const created = { server: 'notes', id: 't', owner: 'User::"alice"', session: 's' };
  gate.apply(ledger, { mcp_task_created: created }, Date.now());
  await assert.rejects(client.request({ method: 'tasks/get', params: { taskId: 't' } }, z.any()), /Internal error/);
  assert.deepEqual([ran, faults], [[], ['no space left on device']]);
});

test('a call that lacks scopes which no policy asks for is decided once', async () => {
  const decided = [];
  const onRecord = ({ decision, event }) => decided.push(decision ?? Object.keys(JSON.parse(event).event)[0]);
  const options = { gate, ledger: new author.Ledger(), scopes: { read: ['notes.read'] }, rendering: 'scope_challenge', onRecord };
  const at = (later) => new Date(Date.now() + later).toISOString();
  const credential = { id: 'j', issuer: 'https://idp.example', audience: ['https://notes.example'], issued: at(0), expires: at(300_000), bound: 'dpop' };
  const one = new Guard({ ...options, who: () => ({ principal: 'User::"alice"', credential }) });
  const handler = createMcpHandler(() => {
    const server = new McpServer({ name: 'notes', version: '1.0.0' });
    one.protect(server);
    for (const { name, inputSchema } of TOOLS) server.registerTool(name, { inputSchema: fromJsonSchema(inputSchema) }, () => ({ content: [] }));
    return server;
  });
  const authInfo = { token: 'secret', clientId: 'client', scopes: [] };
  const fetch = (url, init) => handler.fetch(new Request(url, init), { authInfo });
  const client = new Modern({ name: 'client', version: '1.0.0' }, { versionNegotiation: { mode: { pin: '2026-07-28' } } });
  await client.connect(new StreamableHTTPClientTransport(new URL('http://notes.example/mcp'), { fetch }));
  await client.callTool({ name: 'read', arguments: {} });
  assert.deepEqual(decided.filter((what) => what !== 'tools_listed'), ['allow', 'call_aborted', 'allow', 'call_completed']);
  assert.match(options.ledger.snapshot(gate), /"total":1/);
});

test('over HTTP nobody is somebody by default, in versions of the SDK that do not tell of the request, too', async () => {
  const theirs = new WebStandardStreamableHTTPServerTransport({ sessionIdGenerator: () => 'id', enableJsonResponse: true });
  const fetch = (url, init) => theirs.handleRequest(new Request(url, init));
  const ours = new OverHttp(new URL('http://notes.example/mcp'), { fetch });
  const { client, ran } = await served({}, { ours, theirs });
  await assert.rejects(client.callTool({ name: 'read', arguments: {} }), /-31403/);
  assert.deepEqual(ran, []);
});

test('a handler with a schema of its own gets what was decided', async () => {
  const server = new McpServer({ name: 'notes', version: '1.0.0' });
  guard(server, { gate: skills, ledger: new author.Ledger(), principal: 'User::"alice"' });
  const ran = [];
  const params = z.looseObject({ uri: z.string() });
  server.server.setRequestHandler('skills/get', { params }, ({ uri }) => {
    ran.push(uri);
    return {};
  });
  const client = new Modern({ name: 'client', version: '1.0.0' }, { versionNegotiation: { mode: 'legacy' } });
  const [ours, theirs] = ModernTransport.createLinkedPair();
  await Promise.all([server.connect(theirs), client.connect(ours)]);
  const [open, closed] = ['skill://open/a', 'skill://closed/a'];
  const ask = (params) => client.request({ method: 'skills/get', params }, z.any());
  await ask({ uri: open });
  await assert.rejects(ask({ uri: closed }), { code: -31403 });
  await assert.rejects(ask({ uri: closed, params: { uri: open } }));
  assert.deepEqual(ran, [open]);
});

test('what was registered before the guard is no way around it', () => {
  const late = (options, ...handlers) => {
    const server = new Server({ name: 'notes', version: '1.0.0' }, { capabilities: abilities, ...options });
    for (const schema of handlers) server.setRequestHandler(schema, () => ({}));
    assert.throws(() => guard(server, { gate, ledger: new author.Ledger() }), UsageError, String(handlers));
  };
  late({}, types.CallToolRequestSchema);
  late({}, types.CompleteRequestSchema);
  late({}, types.SubscribeRequestSchema);
  late({}, types.UnsubscribeRequestSchema);
  late({}, types.ListResourceTemplatesRequestSchema);
  // It registers `tasks/*`.
  late({ taskStore: new InMemoryTaskStore() });
});

const asking = author.Gate.load({
  'toolgate.toml': '[bundle]\nname = "notes"\nversion = "1"\n[servers.notes]\n',
  'tools/notes.json': JSON.stringify({ tools: TOOLS }),
  'policies/a.cedar': `@id("a") permit (principal, action in Action::"call", resource);
    @id("q") @approval("initiator") forbid (principal, action in Action::"call", resource);`,
});
const auditing = author.Gate.load({
  'toolgate.toml': '[bundle]\nname = "notes"\nversion = "1"\n[servers.notes]\n',
  'tools/notes.json': JSON.stringify({ tools: TOOLS }),
  'policies/a.cedar': '@id("a") @obligation("audit") permit (principal, action in Action::"call", resource);',
});

/** What happens, in short. */
function short(record) {
  if (record.decision !== null) return record.reasons[0] ?? record.decision;
  const [name, value] = Object.entries(JSON.parse(record.event).event)[0];
  return value.status ?? name;
}

const deep = JSON.parse('['.repeat(5000) + ']'.repeat(5000));
for (const [what, input] of [
  ['a number beyond all doubles', { n: JSON.parse('1e400') }],
  ['a number below all doubles', { n: JSON.parse('[-1e400]') }],
  ['5,000 levels', { deep }],
  ['two million characters', { long: 'x'.repeat(2 << 20) }],
]) {
  test(`what no call may hold is denied on a record, and no fault of the guard: ${what}`, async () => {
    const [told, faults] = [[], []];
    const onRecord = (record) => told.push(record.decision);
    const { client, ran } = await served({ onRecord, onFault: (fault) => faults.push(fault) });
    await assert.rejects(client.callTool({ name: 'read', arguments: input }), { code: -31403 });
    assert.deepEqual([ran, told, faults], [[], ['deny'], []]);
  });
}

test('a text in place of a list of labels is not taken for its letters', async () => {
  const told = [];
  const { client } = await served({ labels: () => 'secret', onRecord: (record) => told.push(short(record)) });
  await assert.rejects(client.callTool({ name: 'read', arguments: {} }), /Internal error/);
  assert.deepEqual(told.slice(1), ['allow', 'failed']);
});

test('a record that is kept elsewhere is waited for, and a call that stands on none does not run', async () => {
  const ledger = new author.Ledger();
  const onRecord = async ({ decision }) => {
    await new Promise((done) => setTimeout(done, 5));
    if (decision !== null) throw new Error('no space left on device');
  };
  const { client, ran } = await served({ onRecord, ledger });
  await assert.rejects(client.callTool({ name: 'read', arguments: {} }), /Internal error/);
  assert.deepEqual(ran, []);
  assert.doesNotMatch(ledger.snapshot(gate), /"reservation"|"total":1/);
});

test('a client learns nothing of what goes wrong where faults are told', async () => {
  const session = () => assert.fail('no sessions');
  for (const onFault of [() => assert.fail('/var/log/secret'), async () => assert.fail('/var/log/secret')]) {
    const { client } = await served({ session, onFault });
    await assert.rejects(client.callTool({ name: 'read', arguments: {} }), { message: 'MCP error -32603: Internal error' });
  }
});

test('a clock that fails while a tool runs costs the call no end', async () => {
  const told = [];
  for (const broken of [() => assert.fail('no clock'), () => NaN]) {
    let now = Date.now;
    const onRecord = (record) => {
      told.push(short(record));
      if (record.decision === 'allow') now = broken;
    };
    const { client } = await served({ now: () => now(), onRecord });
    await assert.rejects(client.callTool({ name: 'read', arguments: {} }), /Internal error/);
    assert.deepEqual(told.splice(0).slice(1), ['allow', 'failed']);
  }
});

test('`audit` is met where records are taken, and nowhere else', async () => {
  for (const onRecord of [undefined, () => {}]) {
    const { client, ran } = await served({ gate: auditing, onRecord });
    const { isError = false } = await client.callTool({ name: 'read', arguments: {} });
    assert.deepEqual([isError, ran], onRecord ? [false, ['read']] : [true, []]);
  }
});

test('a guard says what it cannot use', () => {
  const options = { gate, ledger: new author.Ledger() };
  for (const [odd, told] of [
    [{ lables: () => [] }, /no option `lables`/],
    [{ labels: ['secret'] }, /`labels` is a function/],
    [{ onRecord: 'records.jsonl' }, /`onRecord` is a function/],
    [{ obligations: { redact: undefined } }, /`obligations.redact` is a function/],
  ]) {
    assert.throws(() => new Guard({ ...options, ...odd }), (error) => error instanceof UsageError && told.test(error.message));
  }
});

for (const cursor of ['', null]) {
  test(`a server that says ${JSON.stringify(cursor)} for the next page is at the end of its tools`, async () => {
    const { client, server, ran } = await served({});
    server.setRequestHandler(types.ListToolsRequestSchema, async () => {
      await new Promise((done) => setImmediate(done));
      return { tools: TOOLS, nextCursor: cursor };
    });
    await client.callTool({ name: 'read', arguments: {} }, undefined, { timeout: 2000 });
    assert.deepEqual(ran, ['read']);
  });
}

test('a list of tools without an end ends', async () => {
  const { client, server, ran } = await served({});
  server.setRequestHandler(types.ListToolsRequestSchema, () => ({ tools: [], nextCursor: 'more' }));
  await assert.rejects(client.callTool({ name: 'read', arguments: {} }, undefined, { timeout: 5000 }), /Internal error/);
  assert.deepEqual(ran, []);
});

/** A client that can ask its user, before a server that asks about every call. */
async function questioned(answer, options) {
  const told = [];
  const { ran, server } = await served({ gate: asking, onRecord: (record) => told.push(short(record)), ...options });
  await server.close();
  const client = new Client({ name: 'client', version: '1.0.0' }, { capabilities: { elicitation: {} } });
  client.setRequestHandler(types.ElicitRequestSchema, answer);
  const [near, far] = InMemoryTransport.createLinkedPair();
  await server.connect(far);
  await client.connect(near);
  return { client, ran, told };
}

for (const [what, answer] of [
  ['fails', () => assert.fail('no window')],
  ['answers in another form', () => ({ action: 'accept', content: { approve: 'yes' } })],
]) {
  test(`a client that ${what} when it is to ask its user has not said yes`, async () => {
    const { client, ran, told } = await questioned(answer);
    const { isError, content } = await client.callTool({ name: 'read', arguments: {} });
    assert.deepEqual([isError, content[0].text], [true, 'Denied: the user did not approve this call.']);
    assert.deepEqual([ran, told.slice(1)], [[], ['approval_required', 'approval_refused']]);
  });
}

test('what the user says of a call that was cancelled meanwhile does not run it', async () => {
  let say;
  const asked = new Promise((seen) => (say = seen));
  let answer;
  const { client, ran, told } = await questioned(() => (say(), new Promise((done) => (answer = done))));
  const gone = new AbortController();
  const call = client.callTool({ name: 'read', arguments: {} }, undefined, { signal: gone.signal });
  await asked;
  gone.abort();
  await assert.rejects(call);
  answer({ action: 'accept', content: { approve: true } });
  await new Promise((done) => setTimeout(done, 50));
  assert.deepEqual([ran, told.slice(1)], [[], ['approval_required', 'approval_refused']]);
});

test('the user is asked on the stream of the call, since there may be no other', async () => {
  const { server, ran } = await served({ gate: asking, who: () => ({ principal: 'User::"alice"' }) });
  await server.close();
  const transport = new WebStandardStreamableHTTPServerTransport({ sessionIdGenerator: () => 's' });
  await server.connect(transport);
  const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream', 'mcp-session-id': 's' };
  const post = (message) => {
    const body = JSON.stringify({ jsonrpc: '2.0', ...message });
    return transport.handleRequest(new Request('http://localhost/mcp', { method: 'POST', headers, body }));
  };
  const clientInfo = { name: 'client', version: '1' };
  await post({ id: 1, method: 'initialize', params: { protocolVersion: '2025-11-25', capabilities: { elicitation: {} }, clientInfo } });
  await post({ method: 'notifications/initialized' });
  const events = (await post({ id: 2, method: 'tools/call', params: { name: 'read', arguments: {} } })).body.getReader();
  const next = async () => {
    const late = new Promise((_, no) => setTimeout(() => no(new Error('nobody was asked')), 2000).unref());
    const { value } = await Promise.race([events.read(), late]);
    return JSON.parse(/^data: (.*)$/m.exec(new TextDecoder().decode(value))[1]);
  };
  const { id, method } = await next();
  assert.equal(method, 'elicitation/create');
  await post({ id, result: { action: 'accept', content: { approve: true } } });
  assert.equal((await next()).id, 2);
  assert.deepEqual(ran, ['read']);
});

test("a state of the tool's own is the tool's, however it begins", async () => {
  const seen = [];
  const made = new Guard({ gate, ledger: new author.Ledger(), who: () => ({ principal: 'User::"alice"' }) });
  const handler = createMcpHandler(() => {
    const server = new McpServer({ name: 'notes', version: '1.0.0' });
    made.protect(server);
    server.registerTool('read', { inputSchema: fromJsonSchema(TOOLS[0].inputSchema) }, (_, { mcpReq }) => {
      seen.push(mcpReq.requestState());
      return { content: [] };
    });
    return server;
  });
  const client = new Modern({ name: 'client', version: '1.0.0' }, { versionNegotiation: { mode: { pin: '2026-07-28' } } });
  await client.connect(new StreamableHTTPClientTransport(new URL('http://localhost/'), { fetch: (url, init) => handler.fetch(new Request(url, init)) }));
  await client.request({ method: 'tools/call', params: { name: 'read', arguments: {}, requestState: '1.step' } }, z.any());
  assert.deepEqual(seen, ['1.step']);
});

test('a client that asks for one page of the tools keeps no other from being held against its pins', async () => {
  const two = author.Gate.load({
    'toolgate.toml': '[bundle]\nname = "notes"\nversion = "1"\n[servers.notes]\n',
    'tools/notes.json': JSON.stringify({ tools: [...TOOLS, { name: 'write', inputSchema: { type: 'object' } }] }),
    'policies/a.cedar': '@id("a") permit (principal, action in Action::"call", resource);',
  });
  const { client, server, ran } = await served({ gate: two });
  server.setRequestHandler(types.ListToolsRequestSchema, ({ params }) =>
    params?.cursor === '2'
      ? { tools: [{ name: 'write', description: 'deletes', inputSchema: { type: 'object' } }] }
      : { tools: TOOLS, nextCursor: '2' },
  );
  await client.listTools();
  const { isError } = await client.callTool({ name: 'write', arguments: {} });
  assert.deepEqual([isError, ran], [true, []]);
});

test('a task that the server has started belongs to whoever called', async () => {
  let principal = 'User::"alice"';
  const { client, server, ran } = await served({ who: () => ({ principal }) });
  const calls = [{ content: [], task: { taskId: 't' } }, { content: [], task: { taskId: '' } }, { content: [], task: 7 }];
  server.setRequestHandler(types.CallToolRequestSchema, () => calls.shift());
  server.setRequestHandler(types.GetTaskRequestSchema, ({ params }) => {
    ran.push(params.taskId);
    return {};
  });
  for (let left = calls.length; left > 0; left--) await client.callTool({ name: 'read', arguments: {} });
  const ask = () => client.request({ method: 'tasks/get', params: { taskId: 't' } }, z.any());
  await ask();
  principal = 'User::"eve"';
  await assert.rejects(ask(), /-31403|-32602/);
  assert.deepEqual(ran, ['t']);
});

test('a claim that is null is completed by nothing', async () => {
  const known = author.Gate.load({
    'toolgate.toml': '[bundle]\nname = "notes"\nversion = "1"\n[servers.notes]\naudience = "https://notes.example/"\n[tools."notes/read"]\neffect = "read"\n[identity]\nissuers = ["https://idp.example"]\n',
    'tools/notes.json': JSON.stringify({ tools: TOOLS }),
    'policies/a.cedar': '@id("a") permit (principal, action in Action::"call", resource);',
  });
  const ran = [];
  const one = new Guard({ gate: known, ledger: new author.Ledger(), issuer: 'https://idp.example' });
  const handler = createMcpHandler(() => {
    const server = new McpServer({ name: 'notes', version: '1.0.0' });
    one.protect(server);
    for (const { name, inputSchema } of TOOLS) {
      server.registerTool(name, { inputSchema: fromJsonSchema(inputSchema) }, ({}, { http }) => {
        ran.push(http.authInfo.extra);
        return { content: [] };
      });
    }
    return server;
  });
  const expiresAt = Math.floor(Date.now() / 1000) + 300;
  for (const extra of [{ sub: null }, { iss: null }, {}]) {
    const authInfo = { token: 'secret', clientId: 'client', scopes: [], expiresAt, resource: new URL('https://notes.example'), extra };
    const fetch = (url, init) => handler.fetch(new Request(url, init), { authInfo });
    const client = new Modern({ name: 'client', version: '1.0.0' }, { versionNegotiation: { mode: { pin: '2026-07-28' } } });
    await client.connect(new StreamableHTTPClientTransport(new URL('http://notes.example/mcp'), { fetch }));
    await client.callTool({ name: 'read', arguments: {} }).catch(() => {});
  }
  assert.deepEqual(ran, [{}]);
});
