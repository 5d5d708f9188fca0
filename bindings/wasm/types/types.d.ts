// The JSON that every toolgate shares, as it stands in calls, answers, records and events.

/** What JSON can hold. Members that are `undefined` are left out. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json | undefined };

/** An actor: `User::"alice"`, or with claims of a verified token. */
export type Actor =
  | string
  | {
      readonly type: 'User' | 'Agent' | 'Workload';
      readonly id: string;
      readonly claims?: { readonly [claim: string]: Json | undefined };
    };

/** Facts of the presented token. Never the token itself. Times are RFC 3339. */
export interface Credential {
  readonly id?: string;
  readonly issuer?: string;
  readonly audience?: readonly string[];
  readonly expires?: string;
  readonly issued?: string;
  readonly not_before?: string;
  readonly key?: string;
  readonly bound?: 'none' | 'dpop' | 'mtls';
  readonly scopes?: readonly string[];
}

/** What the host says of who asks, and where. A client's or a model's own word does not belong here. */
export interface Asker {
  /** Who calls: the first actor of the delegation chain. */
  readonly principal: Actor;
  /** On whose behalf, nearest first, the initiator last. */
  readonly on_behalf_of?: readonly Actor[];
  readonly credential?: Credential;
  readonly task?: string;
  readonly session?: string;
  /** Who or what asked for it; without it, the call counts as asked for by retrieved content. */
  readonly origin?: 'user' | 'agent' | 'retrieved';
  readonly transport?: string;
}

/** One MCP call, put to the gate. */
export interface ToolCall extends Asker {
  /** The server's id in the bundle. */
  readonly server: string;
  /** The tool, for the method `tools/call`. */
  readonly tool?: string;
  /** The method; `tools/call` without it. */
  readonly method?: string;
  /** The arguments. */
  readonly input?: { readonly [argument: string]: Json | undefined };
}

/** Whose tools are listed. */
export interface ListRequest extends Asker {
  /** The server whose tools are listed; all, without it. */
  readonly server?: string;
  /** For calls in any session and task. What clients see is such a list, so that it tells nothing of one. */
  readonly any_session?: boolean;
}

/** Who asks, by the claims of a verified token. */
export interface Identity {
  readonly principal: Actor;
  readonly on_behalf_of: readonly Actor[];
  readonly credential: Credential;
}

/** A stable code. New ones may come; the meaning of one never changes. */
export type Reason =
  | 'malformed_call' | 'limit_exceeded' | 'unknown_server' | 'unknown_method' | 'refused_method' | 'unknown_tool'
  | 'unknown_operation' | 'invalid_arguments' | 'inexact_argument' | 'missing_resource' | 'missing_fact'
  | 'identity_conflict' | 'forbid_error' | 'forbidden' | 'no_permit' | 'approval_required' | 'not_task_owner'
  | 'not_reserved' | 'clock_behind' | 'internal_fault';

/** One hop of the chain, at one resource. */
export interface Evaluation {
  readonly principal: string;
  readonly resource: string;
  readonly permits: readonly string[];
  readonly forbids: readonly string[];
  readonly grants?: readonly string[];
  readonly errors?: readonly { readonly policy: string; readonly error: string }[];
}

interface Told {
  readonly reasons: readonly Reason[];
  /** What is meant for the host and its people, one for each reason. */
  readonly details: readonly string[];
  /** The deciding policies. */
  readonly policies: readonly string[];
  /** `kind` or `kind:value`: what the host must do with an allowed call. One that it does not know is a deny. */
  readonly obligations: readonly string[];
  /** What an approval is bound to. */
  readonly call_digest: string | null;
}

interface Answered extends Told {
  readonly version: 1;
  readonly evaluations: readonly Evaluation[];
  readonly grants?: readonly { readonly grant: string; readonly template: string }[];
}

/** Who may approve. */
export interface Approval {
  readonly by: readonly string[];
}

export interface Allow {
  readonly decision: 'allow';
}
export interface Deny {
  readonly decision: 'deny';
}
export interface NeedsApproval {
  readonly decision: 'needs_approval';
  readonly approval: Approval;
}

/** What the answer to a call is. */
export type Decision = Answered & (Allow | Deny | NeedsApproval);

interface Recorded extends Told {
  /** When it was decided, RFC 3339. */
  readonly at: string;
  /** The whole record as one line of JSON, the same in every language: what belongs into a log. */
  readonly json: string;
  /** What the ledger took, as a line for the host's journal; `null`, if it took nothing. */
  readonly event: string | null;
}

/** A decision that was made, and the id under which the ledger knows the call. */
export type DecisionRecord =
  | (Recorded & Allow & { /** `null` for methods that carry no authority. */ readonly id: number | null })
  | (Recorded & Deny & { readonly id: number | null })
  | (Recorded & NeedsApproval & { readonly id: number | null });

/** What came of a call. */
export interface Outcome {
  readonly status?: 'done' | 'failed' | 'timed_out';
  /** Labels that the result brings into the session, beyond those of the manifest. */
  readonly labels?: readonly string[];
  readonly sensitivity?: string;
  readonly output_digest?: string;
  readonly credentials?: readonly { readonly id: string; readonly issuer?: string; readonly audience?: string }[];
  readonly downstream?: readonly { readonly system: string; readonly operation?: string }[];
}

/** An event that was applied. */
export interface Applied {
  /** The event as a line for the host's journal. */
  readonly event: string;
  /** The records that belong to it, a line of JSON each. */
  readonly records: readonly string[];
}

/** An event: an object whose one member names it, such as `{task_completed: 't1'}`. See `docs/ledger.md`. */
export type Event = { readonly [name: string]: Json | undefined };

/** What could become of calls to a tool. */
export interface Listed {
  readonly action: string;
  readonly server: string;
  readonly tool: string;
  readonly operation?: string;
  readonly method?: true;
  readonly standing: 'allowed' | 'depends' | 'approval' | 'hidden';
  /** What remains to be seen. Only `toolgate/author` tells it; `toolgate` lists none. */
  readonly conditions: readonly string[];
  readonly arguments: readonly string[];
  readonly approvals: readonly string[];
  readonly why?: string;
}

export interface Listing {
  readonly version: 1;
  readonly cache_scope: 'private';
  readonly tools: readonly Listed[];
}

/** A list of the protocol without what is hidden. */
export interface FilteredList<Result = unknown> {
  readonly result: Result;
  readonly left_out: readonly string[];
  readonly cache_scope: 'private';
}

/** Where something stands in a file. Lines and columns are counted from 1, bytes from 0. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly start: number;
  readonly end: number;
}

/** What is wrong with a bundle, or deserves a second look. */
export interface Diagnostic {
  readonly severity: 'error' | 'warning';
  readonly code: string;
  readonly message: string;
  readonly help: string | null;
  readonly place: Place | null;
}

/** A policy of a bundle. */
export interface Policy {
  readonly id: string;
  readonly effect: 'permit' | 'forbid';
  readonly template: boolean;
  readonly reason: string | null;
  readonly approval: string | null;
  readonly place: Place;
  readonly text: string;
}

export interface Bundle {
  readonly name: string;
  readonly version: string;
  readonly digest: string;
  readonly schema_digest: string;
  readonly disabled_baseline: readonly string[];
  readonly servers: readonly string[];
  readonly policies: readonly Policy[];
  /** A packed bundle has none: they were told when it was packed. */
  readonly warnings: readonly Diagnostic[];
}

/** How much one call may hold. What is over a limit is denied. */
export interface Limits {
  readonly bytes?: number;
  readonly depth?: number;
  readonly string?: number;
  readonly items?: number;
  readonly chain?: number;
  readonly resources?: number;
  readonly entities?: number;
  readonly id?: number;
  readonly claims?: number;
  /** Milliseconds until a reserved call counts as used. */
  readonly reservation?: number;
  /** Milliseconds that a call waits for an approval. */
  readonly approval?: number;
}

export interface Options {
  readonly limits?: Limits;
}

/** Everything that this package throws. A call that may not happen is an answer, never an error. */
export class ToolgateError extends Error {}

/** A bundle that does not load. */
export class BundleError extends ToolgateError {
  readonly diagnostics: readonly Diagnostic[];
  /** Where the first error stands. */
  readonly place: Place | null;
}

/** An event that the bundle or the ledger refuses. The ledger is as it was. */
export class EventError extends ToolgateError {}

/** A journal or a snapshot that cannot be read. */
export class JournalError extends ToolgateError {
  /** The line, counted from 1. */
  readonly line: number | null;
}

/**
 * The module failed in itself while it loaded or applied something, and was replaced; gates and ledgers go on as before. A call
 * that is being decided is denied instead, with the reason `internal_fault`.
 */
export class InstanceError extends ToolgateError {}

/** Misuse: a handle after `free`, a time that is no number, a handle of another instance. */
export class UsageError extends ToolgateError {}

/** What has happened, as far as decisions need it. A value: keep its events in a journal, or its snapshot. */
export class Ledger {
  /** A ledger in which nothing has happened. */
  constructor();
  /** The ledger of a snapshot. Throws `JournalError`. */
  static restore(snapshot: string): Ledger;
  /** The ledger of a journal, a snapshot, or a snapshot with a journal behind it. Throws `JournalError`. */
  static replay(gate: Gate, journal: string): Ledger;
  /** The ledger as JSON Lines. Equal ledgers give equal text. */
  snapshot(): string;
  /** The time of its last event, in milliseconds since 1970. */
  readonly now: number | null;
  /** Gives its memory back. */
  free(): void;
  [Symbol.dispose](): void;
}

/** Decides calls by one bundle. `now` is the time in milliseconds since 1970: nothing here reads a clock. */
export class Gate {
  protected constructor(...internal: never);
  /** A gate on a packed bundle. Throws `BundleError`. */
  static unpack(bytes: Uint8Array | ArrayBuffer, options?: Options): Gate;
  readonly bundle: Bundle;
  /** What the answer would be. Changes nothing. A string is taken for JSON. */
  decide(call: ToolCall | string, ledger: Ledger, now: number): Decision;
  /** Decides, reserves what an allowed call uses up, and leaves the record. */
  authorize(call: ToolCall | string, ledger: Ledger, now: number): DecisionRecord;
  /** Whether a reserved call may still run, right before it does. */
  confirm(call: ToolCall | string, id: number, ledger: Ledger, now: number): DecisionRecord;
  /** What came of a reserved call. Throws `EventError`. */
  complete(ledger: Ledger, id: number, outcome: Outcome | 'done' | 'failed' | 'timed_out', now: number): Applied;
  /** Gives a reserved call up before it has started. Throws `EventError`. */
  abort(ledger: Ledger, id: number, now: number): Applied;
  /** Applies an event, held against the bundle first. Throws `EventError`. */
  apply(ledger: Ledger, event: Event, now: number): Applied;
  /** The event that a server's live tools/list is: which tools differ from their pins. */
  toolsListed(server: string, result: unknown): Event;
  /** What could become of calls, before there are arguments. Listing is not authorization. */
  list(request: ListRequest, ledger: Ledger, now: number): Listing;
  /** The answer to a list method without what is hidden from who asks. */
  filterList<Result>(
    method: string,
    result: Result,
    request: ListRequest & { readonly server: string },
    ledger: Ledger,
    now: number,
  ): FilteredList<Result>;
  /** Who asks, from the claims of a token that the host has verified; or the denial. */
  identify(claims: { readonly [claim: string]: Json | undefined }): Identity | (Answered & Deny);
  /** Gives its memory back. */
  free(): void;
  [Symbol.dispose](): void;
}
