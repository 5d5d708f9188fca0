// What a guard does where its host fails, or has set something up before it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InMemoryTaskStore } from '@modelcontextprotocol/sdk/experimental/tasks/stores/in-memory.js';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import * as types from '@modelcontextprotocol/sdk/types.js';
import * as author from 'toolgate/author';
import { UsageError, guard } from 'toolgate/mcp';

const TOOLS = [{ name: 'read', inputSchema: { type: 'object' } }];
const gate = author.Gate.load({
  'toolgate.toml': '[bundle]\nname = "notes"\nversion = "1"\n[servers.notes]\naudience = "https://notes.example"\n',
  'tools/notes.json': JSON.stringify({ tools: TOOLS }),
  'policies/a.cedar': '@id("a") permit (principal, action in Action::"call", resource);',
});

const abilities = { tools: {}, completions: {}, resources: { subscribe: true }, tasks: { list: {}, cancel: {} } };

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
