/** The gate in front of an MCP server of the TypeScript SDK, 1.x or 2.x. */
import type { Asker, DecisionRecord, Gate, Ledger } from './types.js';
export { UsageError } from './types.js';

/** What a verifier of the SDK says of a token. */
export interface AuthInfo {
  readonly token: string;
  readonly clientId: string;
  readonly scopes: readonly string[];
  readonly expiresAt?: number;
  readonly resource?: URL;
  readonly extra?: Readonly<Record<string, unknown>>;
}

/** A request, as the host is shown it. Only `authInfo` was verified; the rest is what the client wrote. */
export interface Request {
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly authInfo: AuthInfo | undefined;
  readonly transport: 'stdio' | 'http';
  /** What the SDK says of the HTTP request. */
  readonly http: unknown;
  /** The SDK's own context of the request. */
  readonly context: unknown;
}

export type Rendering = 'tool_error' | 'protocol_error' | 'hide' | 'scope_challenge';

export interface Obligation {
  readonly kind: string;
  readonly value: string | null;
}

/** An event that the guard applied: the line for a journal, and the records that belong to it. */
export interface Applied {
  readonly decision: null;
  readonly json: null;
  readonly event: string;
  readonly records: readonly string[];
}

type Of<T> = T | ((request: Request) => T | Promise<T>);

export interface GuardOptions {
  readonly gate: Gate;
  readonly ledger: Ledger;
  /** The server's id in the bundle; the only one, without it. */
  readonly server?: string;
  /** Who asks on stdio, where there is no token. */
  readonly principal?: string;
  /** Who asks, by what the host has verified; without it, the claims in `authInfo` and its `extra`. */
  readonly who?: (request: Request) => Partial<Asker> | Promise<Partial<Asker>>;
  /** The issuer of tokens whose `extra` does not name one. */
  readonly issuer?: string;
  readonly session?: Of<string | undefined>;
  readonly task?: Of<string | undefined>;
  /** Who or what asks for calls: `agent`, without it. */
  readonly origin?: Of<'user' | 'agent' | 'retrieved'>;
  /** How a denial reaches the client: `tool_error`, without it. */
  readonly rendering?: Rendering;
  /** How obligations are met, by their kinds; `audit` is met where there is an `onRecord`. A result that is given takes the place of the other. */
  readonly obligations?: {
    readonly [kind: string]: (request: Request, obligation: Obligation, result: any) => unknown;
  };
  /** The scopes that tools need, by their names: for `scope_challenge`. */
  readonly scopes?: { readonly [tool: string]: readonly string[] };
  /** Labels that a result brings into the session. */
  readonly labels?: (request: Request, result: any) => Iterable<string> | Promise<Iterable<string>>;
  /** Sees every decision, and every event that the guard applies, and is waited for. Throwing or rejecting denies. */
  readonly onRecord?: (record: DecisionRecord | Applied) => void | Promise<void>;
  /** Sees what went wrong in the guard, or in what it was given. */
  readonly onFault?: (error: unknown) => void | Promise<void>;
  /** What seals `requestState`: at least 32 random bytes, the same in every process that may get the answer. */
  readonly key?: Uint8Array;
  /** The clock, in milliseconds since 1970: `Date.now`, without it. Where it is behind the ledger, the ledger's own time counts. */
  readonly now?: () => number;
}

/** Guards a server with one call, before anything is registered. */
export function guard(server: object, options: GuardOptions): Guard;

/** Puts every request of MCP servers to a gate. Make one for a process, and protect each server object that it makes. */
export class Guard {
  constructor(options: GuardOptions);
  protect(server: object): void;
}
