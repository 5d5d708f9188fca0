// What a guard needs of the SDKs: it stands between them and the handlers that a server registers.

import { UsageError } from './errors.js';

const CAPABILITIES = 'io.modelcontextprotocol/clientCapabilities';
/** What is decided or filtered. A handler that was there before would be a way around the guard. */
const METHODS = [
  'tools/call', 'tools/list', 'resources/read', 'resources/list', 'prompts/get', 'prompts/list', 'completion/complete',
  'resources/templates/list', 'resources/subscribe', 'resources/unsubscribe', 'resources/directory/read', 'skills/get', 'skills/list',
  'tasks/get', 'tasks/update', 'tasks/result', 'tasks/list', 'tasks/cancel',
];

/** How long a user may take, in milliseconds: as long as a call waits for its approval, if no limit says otherwise. */
const PATIENCE = 3_600_000;
/** Pages of one list. */
const PAGES = 1_000;

/**
 * Has every request of a server decided.
 * @param {any} server  an `McpServer`, or a low-level `Server`
 * @param {{handle: Function, challenge: Function | null}} guard
 */
export function port(server, guard) {
  const low = server?.server ?? server;
  if (typeof low?.setRequestHandler !== 'function') throw new UsageError('this is no MCP server');
  for (const method of METHODS) {
    try {
      low.assertCanSetRequestHandler(method);
    } catch (cause) {
      const whose = method.startsWith('tasks/') ? `: a \`taskStore\` answers \`${method}\` by itself, and cannot be guarded` : '';
      throw new UsageError(`guard a server before its first tool, resource or prompt is registered${whose}`, { cause });
    }
  }
  const handlers = new Map();
  const register = low.setRequestHandler.bind(low);
  low.setRequestHandler = (what, ...rest) => {
    const handler = rest.pop();
    const method = named(what);
    if (typeof handler !== 'function' || method === undefined) throw new UsageError('a request handler has a method and a function');
    // With a schema of its own, a handler of 2.x gets the parameters alone.
    const bare = rest.length > 0;
    handlers.set(method, bare ? ({ params }, context) => handler(params, context) : handler);
    return register(what, ...rest, (given, context) =>
      guard.handle(asked(low, handlers, method, bare ? { params: given } : given, context), (resumed) =>
        handler(given, resumed ? withoutAnswer(context) : context),
      ),
    );
  };
  everythingElse(low, handlers, guard);
  if (guard.challenge !== null) challenges(server, low, guard.challenge);
}

/** The method: 2.x names it, 1.x has a schema with it. */
function named(what) {
  if (typeof what === 'string') return what;
  const method = what?.shape?.method ?? what?._zod?.def?.shape?.method;
  return method?.value ?? method?._def?.value ?? method?._zod?.def?.values?.[0];
}

/** The handler for methods that have none of their own is no way around. */
function everythingElse(low, handlers, guard) {
  let fallback = low.fallbackRequestHandler;
  Object.defineProperty(low, 'fallbackRequestHandler', {
    configurable: true,
    get: () =>
      fallback &&
      ((request, context) =>
        guard.handle(asked(low, handlers, request.method, request, context), () => fallback(request, context))),
    set: (handler) => {
      fallback = handler;
    },
  });
}

/** One request, as the guard sees it, whatever the line of the SDK. */
function asked(low, handlers, method, request, context) {
  const now = context?.mcpReq;
  const authInfo = now === undefined ? context?.authInfo : context.http?.authInfo;
  const http = now === undefined ? context?.requestInfo : context.http;
  const params = request.params ?? {};
  const modern = now?.envelope !== undefined;
  const capabilities = modern ? now.envelope[CAPABILITIES] : low.getClientCapabilities?.();
  return {
    method,
    params,
    state: now === undefined ? undefined : now.requestState?.(),
    responses: now?.inputResponses,
    asks: canAsk(capabilities?.elicitation),
    // In 2.x the SDK asks: for older clients too, by `elicitation/create`.
    // It belongs to the request: it goes the way that its answer will go, and ends with it.
    ask: now === undefined ? (question) => low.elicitInput(question, { signal: context?.signal, relatedRequestId: context?.requestId, timeout: PATIENCE }) : null,
    aborted: () => (now?.signal ?? context?.signal)?.aborted === true,
    tools: () => tools(handlers.get('tools/list'), context),
    about: about(method, params, authInfo, http, context, low.transport),
  };
}

/** What the host is shown. Only `authInfo` was verified; the rest is what the client wrote. */
function about(method, params, authInfo, http, context, carrier) {
  // Early versions of 1.x do not tell of the HTTP request: there, what takes requests is no stdio.
  const takes = typeof (carrier?.handleRequest ?? carrier?.handlePostMessage) === 'function';
  const remote = takes || [http, authInfo, context?.sessionId, carrier?.sessionId].some((one) => one !== undefined);
  return Object.freeze({ method, params, authInfo, http, transport: remote ? 'http' : 'stdio', context });
}

/** An empty capability is the form: it is all there was before the URL. */
function canAsk(elicitation) {
  return elicitation !== undefined && (elicitation.form !== undefined || elicitation.url === undefined);
}

/** What the server's own tools/list shows, all pages. */
async function tools(list, context) {
  const all = [];
  let cursor;
  for (let pages = 0; pages <= PAGES; pages++) {
    const params = cursor === undefined ? {} : { cursor };
    const page = list === undefined ? {} : await list({ method: 'tools/list', params }, context);
    all.push(...(page.tools ?? []));
    cursor = page.nextCursor;
    // No page and no name of one: servers have both for the end.
    if (!cursor) return { tools: all };
  }
  throw new UsageError("the server's list of tools has no end");
}

/** The request without the answer that was for the guard. */
function withoutAnswer(context) {
  const { inputResponses, ...mcpReq } = context.mcpReq;
  return { ...context, mcpReq: { ...mcpReq, requestState: () => undefined } };
}

/** HTTP 403 for missing scopes, which 2.x answers where a tool has a `scopeChallenge`: every one gets the guard's. */
function challenges(server, low, challenge) {
  const scopeChallenge = ({ request, authInfo }) => {
    const params = request.params ?? {};
    const seen = { method: request.method, params, about: about(request.method, params, authInfo, {}, undefined) };
    return authInfo === undefined ? undefined : challenge(seen);
  };
  for (const [name, place] of [['registerTool', 1], ['registerPrompt', 1], ['registerResource', 2]]) {
    if (server === low || typeof server[name] !== 'function') continue;
    const register = server[name].bind(server);
    server[name] = (...given) => {
      given[place] = { scopeChallenge, ...given[place] };
      return register(...given);
    };
  }
}
