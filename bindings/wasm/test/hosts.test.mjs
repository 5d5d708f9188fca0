// What a guard does where its host fails, or has set something up before it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Client as Modern, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { InMemoryTaskStore } from '@modelcontextprotocol/sdk/experimental/tasks/stores/in-memory.js';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import * as types from '@modelcontextprotocol/sdk/types.js';
import { McpServer, createMcpHandler, fromJsonSchema } from '@modelcontextprotocol/server';
import * as author from 'toolgate/author';
import { Guard, UsageError, guard } from 'toolgate/mcp';

const TOOLS = [{ name: 'read', inputSchema: { type: 'object' } }];
const gate = author.Gate.load({
  'toolgate.toml': '[bundle]\nname = "notes"\nversion = "1"\n[servers.notes]\naudience = "https://notes.example"\n',
  'tools/notes.json': JSON.stringify({ tools: TOOLS }),
  'policies/a.cedar': '@id("a") permit (principal, action in Action::"call", resource);',
});

const abilities = { tools: {}, completions: {}, resources: { subscribe: true }, tasks: { list: {}, cancel: {} } };

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
