// `@modelcontextprotocol/sdk` 1.x and its client: 2025-11-25, over a connection and over HTTP.

import { test } from 'node:test';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js';
import * as types from '@modelcontextprotocol/sdk/types.js';
import { Gate, Ledger } from 'toolgate';
import { guard } from 'toolgate/mcp';
import { LEGACY, scenarios, tools } from './scenarios.mjs';

/** A low-level server, whose tools are the definitions as they are. */
function serve(scenario) {
  const server = new Server({ name: 'notes', version: '1.0.0' }, { capabilities: { tools: {}, resources: {}, prompts: {} } });
  guard(server, scenario.options);
  server.setRequestHandler(types.ListToolsRequestSchema, () => ({ tools: tools(scenario.drifted) }));
  server.setRequestHandler(types.CallToolRequestSchema, ({ params }) => {
    try {
      return scenario.ran.tool(params.name);
    } catch (error) {
      return { isError: true, content: [{ type: 'text', text: error.message }] };
    }
  });
  server.setRequestHandler(types.ListResourcesRequestSchema, () => ({ resources: [{ name: 'note', uri: 'notes://7' }] }));
  server.setRequestHandler(types.ReadResourceRequestSchema, ({ params }) => scenario.ran.resource(params.uri));
  server.setRequestHandler(types.ListPromptsRequestSchema, () => ({ prompts: [{ name: 'summary' }] }));
  server.setRequestHandler(types.GetPromptRequestSchema, () => scenario.ran.prompt());
  return server;
}

const RESULTS = {
  'tools/list': types.ListToolsResultSchema,
  'resources/list': types.ListResourcesResultSchema,
  'resources/read': types.ReadResourceResultSchema,
  'prompts/list': types.ListPromptsResultSchema,
  'prompts/get': types.GetPromptResultSchema,
};

async function connect(scenario, ours, theirs) {
  const server = serve(scenario);
  const capabilities = scenario.elicitation ? { elicitation: {} } : {};
  const client = new Client({ name: 'client', version: '1.0.0' }, { capabilities });
  if (scenario.elicitation) {
    client.setRequestHandler(types.ElicitRequestSchema, ({ params }) => scenario.elicited(params));
  }
  await server.connect(theirs);
  await client.connect(ours);
  return {
    call: (params) => client.callTool(params),
    request: (method, params) => client.request({ method, params }, RESULTS[method]),
    close: () => client.close(),
  };
}

scenarios(test, '1.x, a connection', {
  era: LEGACY,
  transport: 'stdio',
  Gate,
  Ledger,
  connect: (scenario) => connect(scenario, ...InMemoryTransport.createLinkedPair()),
});

scenarios(test, '1.x, HTTP', {
  era: LEGACY,
  transport: 'http',
  // This line has no way to answer HTTP 403 for a call.
  skip: (scenario) => scenario.host?.rendering === 'scope_challenge',
  Gate,
  Ledger,
  connect(scenario) {
    const theirs = new WebStandardStreamableHTTPServerTransport({ sessionIdGenerator: () => crypto.randomUUID() });
    const fetch = (url, init) => theirs.handleRequest(new Request(url, init), { authInfo: scenario.authInfo });
    return connect(scenario, new StreamableHTTPClientTransport(new URL('http://notes.example/mcp'), { fetch }), theirs);
  },
});
