// `@modelcontextprotocol/server` 2.x and its client: HTTP in 2026-07-28, and a connection in 2025-11-25.

import { test } from 'node:test';
import { Client, InMemoryTransport, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { McpServer, createMcpHandler, fromJsonSchema } from '@modelcontextprotocol/server';
import { Gate, Ledger } from 'toolgate';
import { Guard } from 'toolgate/mcp';
import { LEGACY, MODERN, scenarios, tools } from './scenarios.mjs';

function serve(scenario, guard) {
  const server = new McpServer({ name: 'notes', version: '1.0.0' });
  guard.protect(server);
  for (const { name, inputSchema, ...about } of tools(scenario.drifted)) {
    const config = { ...about, inputSchema: fromJsonSchema(inputSchema) };
    server.registerTool(name, config, () => scenario.ran.tool(name));
  }
  server.registerResource('note', 'notes://7', {}, (uri) => scenario.ran.resource(uri.href));
  server.registerPrompt('summary', {}, () => scenario.ran.prompt());
  return server;
}

function client(scenario, mode) {
  const capabilities = scenario.elicitation ? { elicitation: { form: {} } } : {};
  const made = new Client({ name: 'client', version: '1.0.0' }, { capabilities, versionNegotiation: { mode } });
  if (scenario.elicitation) made.setRequestHandler('elicitation/create', ({ params }) => scenario.elicited(params));
  return made;
}

/** What every line of the SDK gives the scenarios. */
function face(made, more = {}) {
  return {
    call: (params) => made.callTool(params),
    request: (method, params) => made.request({ method, params }),
    close: () => made.close(),
    ...more,
  };
}

scenarios(test, '2.x, HTTP, 2026-07-28', {
  era: MODERN,
  transport: 'http',
  Gate,
  Ledger,
  async connect(scenario) {
    const guard = new Guard(scenario.options);
    const handler = createMcpHandler(() => serve(scenario, guard));
    let last = null;
    const fetch = async (url, init) => {
      const response = await handler.fetch(new Request(url, cheated(init)), { authInfo: scenario.authInfo });
      if (response.status === 403) {
        throw Object.assign(new Error('forbidden'), { challenge: response.headers.get('www-authenticate') });
      }
      return response;
    };
    /** What the client sends with an answer, kept to be sent again, and changed by a client that cheats. */
    const cheated = (init) => {
      const body = init?.body && JSON.parse(init.body);
      if (body?.params?.requestState === undefined) return init;
      const { state, arguments: other } = scenario.cheat ?? {};
      if (state) body.params.requestState = body.params.requestState.replace('sha256:', 'sha256:0');
      if (other) body.params.arguments = other;
      last = { ...init, body: JSON.stringify(body) };
      return last;
    };
    const made = client(scenario, { pin: MODERN });
    await made.connect(new StreamableHTTPClientTransport(new URL('http://notes.example/mcp'), { fetch }));
    const replay = async () => {
      const response = await handler.fetch(new Request('http://notes.example/mcp', last), { authInfo: scenario.authInfo });
      const { error, result } = await response.json();
      if (error) throw Object.assign(new Error(error.message), error);
      return result;
    };
    return face(made, { replay });
  },
});

scenarios(test, '2.x, a connection, 2025-11-25', {
  era: LEGACY,
  transport: 'stdio',
  Gate,
  Ledger,
  async connect(scenario) {
    const server = serve(scenario, new Guard(scenario.options));
    const [ours, theirs] = InMemoryTransport.createLinkedPair();
    const made = client(scenario, 'legacy');
    await Promise.all([server.connect(theirs), made.connect(ours)]);
    return face(made);
  },
});
