/*
 * toolgate decides, in-process and in Cedar, whether one MCP tool call may happen.
 *
 * Written by `cargo xtask c header` from bindings/c/src. Texts are UTF-8, those without a length end with a zero byte. Times are in
 * milliseconds since 1970. Gates, ledgers, records, sealers and chains may be used by many threads at once; freeing one may not.
 */

#ifndef TOOLGATE_H
#define TOOLGATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * What came of a function that can fail. The numbers do not change.
 */
typedef enum {
  /**
   * It is done.
   */
  TOOLGATE_STATUS_OK = 0,
  /**
   * The arguments make no sense: NULL, no UTF-8, a name that does not exist.
   */
  TOOLGATE_STATUS_USAGE = 1,
  /**
   * The bundle does not load, or is not what the function needs; the message has a line for each finding.
   */
  TOOLGATE_STATUS_BUNDLE = 2,
  /**
   * The bundle or the ledger does not take the event.
   */
  TOOLGATE_STATUS_EVENT = 3,
  /**
   * The journal or the snapshot cannot be read or written.
   */
  TOOLGATE_STATUS_JOURNAL = 4,
  /**
   * A fault of toolgate. The handles can be used on.
   */
  TOOLGATE_STATUS_FAULT = 5,
  /**
   * What a client brought back does not count.
   */
  TOOLGATE_STATUS_STATE = 6,
} toolgate_status;

/**
 * The answer to a call. Only one of them lets it run; the numbers do not change.
 */
typedef enum {
  /**
   * It must not run.
   */
  TOOLGATE_VERDICT_DENY = 0,
  /**
   * It may run.
   */
  TOOLGATE_VERDICT_ALLOW = 1,
  /**
   * It must not run until somebody has approved it.
   */
  TOOLGATE_VERDICT_NEEDS_APPROVAL = 2,
} toolgate_verdict;

/**
 * What the user has said of a call. The numbers do not change.
 */
typedef enum {
  /**
   * The call waits for no word of its user: the gate says what holds.
   */
  TOOLGATE_WORD_NONE = 0,
  /**
   * It is approved, once: put it to the gate again, which decides.
   */
  TOOLGATE_WORD_APPROVED = 1,
  /**
   * It is refused.
   */
  TOOLGATE_WORD_REFUSED = 2,
} toolgate_word;

/**
 * Links records, line by line. One chain serves many threads; lines are to be written in the order in which they were given.
 */
typedef struct toolgate_chain toolgate_chain;

/**
 * Decides calls by one bundle. It never changes; one gate serves many threads.
 */
typedef struct toolgate_gate toolgate_gate;

/**
 * What has happened: sessions, tasks, grants, approvals, revocations and usage. One ledger serves many threads.
 */
typedef struct toolgate_ledger toolgate_ledger;

/**
 * The record of a decision. It never changes.
 */
typedef struct toolgate_record toolgate_record;

/**
 * Seals what a client has to bring back. It never changes.
 */
typedef struct toolgate_sealer toolgate_sealer;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * A chain that goes on behind the line of this digest; where `after` is NULL, one that begins.
 *
 * A line that was given and could not be written leaves a gap: go on with another chain, behind the last that was.
 * `*chain` is freed with `toolgate_chain_free`; on failure it is NULL, and `*error`, unless `error` is NULL, says why, and is freed with
 * `toolgate_text_free`.
 *
 * # Safety
 * `after` is NULL or ends with a zero byte; `chain` and `error` can be written.
 */
toolgate_status toolgate_chain_new(const char *after,
                                   toolgate_chain **chain,
                                   char **error);

/**
 * The record as the next line of the chain, without its end.
 *
 * Freed with `toolgate_text_free`. NULL if a handle is.
 *
 * # Safety
 * `chain` is a chain and `record` a record, or NULL.
 */
char *toolgate_chain_record(const toolgate_chain *chain, const toolgate_record *record);

/**
 * As `toolgate_ledger_apply`, with the records that belong to the event as the next lines of the chain.
 *
 * # Safety
 * `chain` is a chain; the rest is as for `toolgate_ledger_apply`.
 */
toolgate_status toolgate_chain_apply(const toolgate_chain *chain,
                                     const toolgate_ledger *ledger,
                                     const toolgate_gate *gate,
                                     const char *event,
                                     size_t length,
                                     int64_t now,
                                     char **records,
                                     char **error);

/**
 * Checks lines of a chain, from its start or behind the line of the digest `after`.
 *
 * `*last`, unless `last` is NULL, is the digest of the last line, for `toolgate_chain_new`; NULL where there is no line and no
 * `after`. Texts are freed with `toolgate_text_free`. `TOOLGATE_STATUS_JOURNAL` says that a line was changed, dropped, added or moved.
 *
 * # Safety
 * `length` bytes can be read from `lines`; `after` is NULL or ends with a zero byte; `last` and `error` can be written.
 */
toolgate_status toolgate_chain_verify(const char *lines,
                                      size_t length,
                                      const char *after,
                                      char **last,
                                      char **error);

/**
 * Frees a chain. NULL is fine.
 *
 * # Safety
 * `chain` is NULL or a chain, and nobody uses it any more.
 */
void toolgate_chain_free(toolgate_chain *chain);

/**
 * What the answer to a call would be; nothing is reserved, nothing changes.
 *
 * `call` is JSON. `now` is in milliseconds since 1970; a time behind the ledger's counts as the ledger's. `*answer`, unless
 * `answer` is NULL, is the decision as JSON, and is freed with `toolgate_text_free`; it is NULL if a handle is.
 *
 * # Safety
 * `gate` is a gate and `ledger` a ledger; `length` bytes can be read from `call`; `answer` can be written.
 */
toolgate_verdict toolgate_decide(const toolgate_gate *gate,
                                 const toolgate_ledger *ledger,
                                 const char *call,
                                 size_t length,
                                 int64_t now,
                                 char **answer);

/**
 * Decides a call, reserves what an allowed one uses up, and leaves the record.
 *
 * `*record`, unless `record` is NULL, is freed with `toolgate_record_free`; it is NULL if a handle is. The rest is as for
 * `toolgate_decide`. An allowed call ends with the event `call_completed` or, if its tool never started, `call_aborted`.
 *
 * # Safety
 * `gate` is a gate and `ledger` a ledger; `length` bytes can be read from `call`; `record` can be written.
 */
toolgate_verdict toolgate_authorize(const toolgate_gate *gate,
                                    const toolgate_ledger *ledger,
                                    const char *call,
                                    size_t length,
                                    int64_t now,
                                    toolgate_record **record);

/**
 * Decides a reserved call again, right before its tool starts: everything is evaluated anew. After an allow, the call can only
 * be completed.
 *
 * `id` is what `toolgate_record_id` gave. The rest is as for `toolgate_authorize`.
 *
 * # Safety
 * As for `toolgate_authorize`.
 */
toolgate_verdict toolgate_confirm(const toolgate_gate *gate,
                                  const toolgate_ledger *ledger,
                                  const char *call,
                                  size_t length,
                                  uint64_t id,
                                  int64_t now,
                                  toolgate_record **record);

/**
 * As `toolgate_confirm`, of a call whose tool has asked for more input (2026-07-28) and gets it now: as often as it asks, as long as
 * the reservation lasts. It is one call, and what was approved of it stays approved. After a deny, complete it as failed.
 *
 * # Safety
 * As for `toolgate_authorize`.
 */
toolgate_verdict toolgate_proceed(const toolgate_gate *gate,
                                  const toolgate_ledger *ledger,
                                  const char *call,
                                  size_t length,
                                  uint64_t id,
                                  int64_t now,
                                  toolgate_record **record);

/**
 * Why the answer to a call is what it is, as JSON: each policy that could apply, each condition with its values, and what
 * would have to differ. Nothing changes.
 *
 * Freed with `toolgate_text_free`. NULL if a handle is.
 *
 * # Safety
 * `gate` is a gate and `ledger` a ledger; `length` bytes can be read from `call`.
 */
char *toolgate_explain(const toolgate_gate *gate,
                       const toolgate_ledger *ledger,
                       const char *call,
                       size_t length,
                       int64_t now);

/**
 * The version of this library.
 */
const char *toolgate_version(void);

/**
 * Makes a gate of what lies at a path: the folder of a bundle, or the file of a packed one.
 *
 * With `strict`, warnings are errors. `*gate` is freed with `toolgate_gate_free`; on failure it is NULL, and `*error`, unless
 * `error` is NULL, says what is wrong and where, and is freed with `toolgate_text_free`.
 *
 * # Safety
 * `path` ends with a zero byte; `gate` and `error` can be written.
 */
toolgate_status toolgate_gate_open(const char *path,
                                   bool strict,
                                   toolgate_gate **gate,
                                   char **error);

/**
 * Makes a gate of the files of a bundle: a JSON object from their names (`"policies/a.cedar"`) to their texts, of at most
 * 64 MiB in all.
 *
 * The rest is as for `toolgate_gate_open`.
 *
 * # Safety
 * `length` bytes can be read from `files`; `gate` and `error` can be written.
 */
toolgate_status toolgate_gate_load(const char *files,
                                   size_t length,
                                   bool strict,
                                   toolgate_gate **gate,
                                   char **error);

/**
 * Makes a gate of the bytes of a packed bundle, which `toolgate pack` writes.
 *
 * `keys` holds `key_count` Ed25519 public keys of 32 bytes each, one behind the other: then the bundle counts only if one of
 * them signed it. If `keys` is NULL and `key_count` is 0, a signature is not asked for. The rest is as for
 * `toolgate_gate_open`.
 *
 * # Safety
 * `length` bytes can be read from `packed` and 32 times `key_count` from `keys`; `gate` and `error` can be written.
 */
toolgate_status toolgate_gate_unpack(const uint8_t *packed,
                                     size_t length,
                                     const uint8_t *keys,
                                     size_t key_count,
                                     toolgate_gate **gate,
                                     char **error);

/**
 * What the bundle is, as JSON: its name, version and digests, its servers, its policies, and what deserves a second look.
 *
 * Freed with `toolgate_text_free`. NULL if `gate` is NULL.
 *
 * # Safety
 * `gate` is a gate.
 */
char *toolgate_gate_bundle(const toolgate_gate *gate);

/**
 * Frees a gate. NULL is fine.
 *
 * # Safety
 * `gate` is NULL or a gate, and nobody uses it any more.
 */
void toolgate_gate_free(toolgate_gate *gate);

/**
 * Frees a text that a function gave. NULL is fine.
 *
 * # Safety
 * `text` is NULL, or came from a function that says so, and was not freed.
 */
void toolgate_text_free(char *text);

/**
 * A ledger in which nothing has happened, in memory. Freed with `toolgate_ledger_free`.
 */
toolgate_ledger *toolgate_ledger_new(void);

/**
 * A ledger that is kept in the journal at `path`, which is created if there is none: every event is written before it
 * counts, and what cannot be written does not happen.
 *
 * `fsync` is after how many events the disk is waited for: 1 for every event, 0 for never. `*ledger` is freed with
 * `toolgate_ledger_free`; on failure it is NULL, and `*error`, unless `error` is NULL, says why, and is freed with
 * `toolgate_text_free`.
 *
 * # Safety
 * `path` ends with a zero byte; `gate` is a gate; `ledger` and `error` can be written.
 */
toolgate_status toolgate_ledger_open(const char *path,
                                     const toolgate_gate *gate,
                                     uint32_t fsync,
                                     toolgate_ledger **ledger,
                                     char **error);

/**
 * The ledger of a journal's text, of a snapshot, or of a snapshot with a journal behind it, in memory. Each event is held
 * against the gate's bundle. The rest is as for `toolgate_ledger_open`.
 *
 * # Safety
 * `gate` is a gate; `length` bytes can be read from `text`; `ledger` and `error` can be written.
 */
toolgate_status toolgate_ledger_replay(const toolgate_gate *gate,
                                       const char *text,
                                       size_t length,
                                       toolgate_ledger **ledger,
                                       char **error);

/**
 * The ledger as text, a JSON object a line: what `toolgate_ledger_replay` reads. Equal ledgers give equal text.
 *
 * Freed with `toolgate_text_free`. NULL if `ledger` is NULL.
 *
 * # Safety
 * `ledger` is a ledger.
 */
char *toolgate_ledger_snapshot(const toolgate_ledger *ledger);

/**
 * Applies an event, as a journal has it: `{"call_completed": {"call": 1, "labels": ["pii"]}}`.
 *
 * `now` is in milliseconds since 1970; a time behind the ledger's counts as the ledger's. `*records`, unless `records` is
 * NULL, are the records that belong to the event, a JSON object a line, and are freed with `toolgate_text_free`. On failure the
 * ledger is as it was.
 *
 * # Safety
 * `ledger` is a ledger and `gate` a gate; `length` bytes can be read from `event`; `records` and `error` can be written.
 */
toolgate_status toolgate_ledger_apply(const toolgate_ledger *ledger,
                                      const toolgate_gate *gate,
                                      const char *event,
                                      size_t length,
                                      int64_t now,
                                      char **records,
                                      char **error);

/**
 * Puts a snapshot in place of all events that the ledger's journal holds.
 *
 * # Safety
 * `ledger` is a ledger; `error` can be written.
 */
toolgate_status toolgate_ledger_compact(const toolgate_ledger *ledger, char **error);

/**
 * Returns once everything in the ledger's journal is on the disk.
 *
 * # Safety
 * `ledger` is a ledger; `error` can be written.
 */
toolgate_status toolgate_ledger_flush(const toolgate_ledger *ledger, char **error);

/**
 * Frees a ledger, and closes its journal. NULL is fine.
 *
 * # Safety
 * `ledger` is NULL or a ledger, and nobody uses it any more.
 */
void toolgate_ledger_free(toolgate_ledger *ledger);

/**
 * What could become of calls to each tool, before there are arguments, as JSON. Listing is not authorization.
 *
 * `request` is a call without `tool` and `input`; without `server`, all servers are listed. `now` is in milliseconds since
 * 1970. `*listing` is freed with `toolgate_text_free`.
 *
 * # Safety
 * `gate` is a gate and `ledger` a ledger; `length` bytes can be read from `request`; `listing` and `error` can be written.
 */
toolgate_status toolgate_list(const toolgate_gate *gate,
                              const toolgate_ledger *ledger,
                              const char *request,
                              size_t length,
                              int64_t now,
                              char **listing,
                              char **error);

/**
 * The result of a list method without the entries that are hidden from `request` or not pinned. Serve it with
 * `cacheScope: "private"`.
 *
 * `method` is `tools/list`, `prompts/list`, `resources/list`, `resources/templates/list` or `skills/list`; the result of any
 * other is left as it is. `live` is the result that the server gave, as JSON. `*filtered` is the result to serve,
 * `*left_out`, unless `left_out` is NULL, the names of what is not in it, as a JSON array; both are freed with
 * `toolgate_text_free`. The rest is as for `toolgate_list`.
 *
 * # Safety
 * `gate` is a gate and `ledger` a ledger; `length` bytes can be read from `request` and `live_length` from `live`; `method` ends
 * with a zero byte; `filtered`, `left_out` and `error` can be written.
 */
toolgate_status toolgate_filter_list(const toolgate_gate *gate,
                                     const toolgate_ledger *ledger,
                                     const char *request,
                                     size_t length,
                                     int64_t now,
                                     const char *method,
                                     const char *live,
                                     size_t live_length,
                                     char **filtered,
                                     char **left_out,
                                     char **error);

/**
 * The event that a server lists these tools now, for `toolgate_ledger_apply`; made of its live tools/list result. By a list
 * that cannot be read, every tool of the server has drifted.
 *
 * `*event` is freed with `toolgate_text_free`.
 *
 * # Safety
 * `gate` is a gate; `server` ends with a zero byte; `length` bytes can be read from `live`; `event` and `error` can be written.
 */
toolgate_status toolgate_tools_listed(const toolgate_gate *gate,
                                      const char *server,
                                      const char *live,
                                      size_t length,
                                      char **event,
                                      char **error);

/**
 * Who asks, from the claims of a token that the host has verified; `[identity]` in the manifest says whose tokens count.
 *
 * After `TOOLGATE_VERDICT_ALLOW`, `*identity` has the members of a call that say who asks: `principal`, `on_behalf_of`,
 * `credential`. Otherwise it is the decision that such a call meets. Freed with `toolgate_text_free`; NULL if `gate` is NULL.
 *
 * # Safety
 * `gate` is a gate; `length` bytes can be read from `claims`; `identity` can be written.
 */
toolgate_verdict toolgate_identify(const toolgate_gate *gate,
                                   const char *claims,
                                   size_t length,
                                   char **identity);

/**
 * A sealer with the host's key: at least 32 random bytes, the same in every process that may get the answer.
 *
 * `*sealer` is freed with `toolgate_sealer_free`; on failure it is NULL, and `*error`, unless `error` is NULL, says why, and is
 * freed with `toolgate_text_free`.
 *
 * # Safety
 * `length` bytes can be read from `key`; `sealer` and `error` can be written.
 */
toolgate_status toolgate_sealer_new(const uint8_t *key,
                                    size_t length,
                                    toolgate_sealer **sealer,
                                    char **error);

/**
 * Frees a sealer. NULL is fine.
 *
 * # Safety
 * `sealer` is NULL or a sealer, and nobody uses it any more.
 */
void toolgate_sealer_free(toolgate_sealer *sealer);

/**
 * The question to the user, as the `params` of `elicitation/create` (up to 2025-11-25): for a client that can ask. Its answer is
 * for `toolgate_answered`.
 *
 * Freed with `toolgate_text_free`. NULL where the user's word is not what is missing, or not all; or if a handle is.
 *
 * # Safety
 * `record` is a record and `gate` a gate, or NULL.
 */
char *toolgate_record_elicitation(const toolgate_record *record,
                                  const toolgate_gate *gate);

/**
 * The result that asks the client to ask its user, and to send the request again with the answer (2026-07-28). The retry is for
 * `toolgate_resume`. The rest is as for `toolgate_record_elicitation`.
 *
 * # Safety
 * `record` is a record, `gate` a gate and `sealer` a sealer, or NULL.
 */
char *toolgate_record_input_required(const toolgate_record *record,
                                     const toolgate_gate *gate,
                                     const toolgate_sealer *sealer);

/**
 * Takes up the result of an elicitation, which is JSON: an approval of the exact call of `record`, or its refusal. Anything but a
 * plain yes refuses, an answer of no bytes too.
 *
 * `call` is the call that left the record. `*records`, unless `records` is NULL, are the records that belong to it, a JSON object a
 * line. `*word` says what to do. Texts are freed with `toolgate_text_free`.
 *
 * # Safety
 * `gate` is a gate, `ledger` a ledger, `record` a record; `length` bytes can be read from `call` and `answer_length` from `answer`;
 * `word`, `records` and `error` can be written.
 */
toolgate_status toolgate_answered(const toolgate_gate *gate,
                                  const toolgate_ledger *ledger,
                                  const toolgate_record *record,
                                  const char *call,
                                  size_t length,
                                  const char *answer,
                                  size_t answer_length,
                                  int64_t now,
                                  toolgate_word *word,
                                  char **records,
                                  char **error);

/**
 * Takes up what a client brought back with a request (2026-07-28): its `requestState`, and `inputResponses` as JSON. It counts once.
 *
 * `TOOLGATE_STATUS_STATE` says that the state is forged, expired, of another call, or was used before; the client gets
 * `toolgate_invalid_state`. `*refused`, unless `refused` is NULL, is a record of the call where the user has refused it, for
 * `toolgate_record_declined`; it is freed with `toolgate_record_free`. The rest is as for `toolgate_answered`.
 *
 * # Safety
 * `gate` is a gate, `ledger` a ledger, `sealer` a sealer; `length` bytes can be read from `call` and `responses_length` from
 * `responses`; `state` ends with a zero byte; `word`, `refused`, `records` and `error` can be written.
 */
toolgate_status toolgate_resume(const toolgate_gate *gate,
                                const toolgate_ledger *ledger,
                                const toolgate_sealer *sealer,
                                const char *call,
                                size_t length,
                                const char *state,
                                const char *responses,
                                size_t responses_length,
                                int64_t now,
                                toolgate_word *word,
                                toolgate_record **refused,
                                char **records,
                                char **error);

/**
 * The answer to a request whose state does not count, as `toolgate_record_refusal` words answers. Freed with `toolgate_text_free`.
 */
char *toolgate_invalid_state(void);

/**
 * How a call is answered whose user did not approve it. The rest is as for `toolgate_record_refusal`.
 *
 * # Safety
 * `record` is a record; `rendering` ends with a zero byte; `answer` and `error` can be written.
 */
toolgate_status toolgate_record_declined(const toolgate_record *record,
                                         const char *rendering,
                                         char **answer,
                                         char **error);

/**
 * The scopes that the credential of a denied call lacks, if they are all that is missing: a JSON list, empty for every other call.
 *
 * Freed with `toolgate_text_free`. NULL if a handle is.
 *
 * # Safety
 * `gate` is a gate and `ledger` a ledger, or NULL; `length` bytes can be read from `call`.
 */
char *toolgate_missing_scopes(const toolgate_gate *gate,
                              const toolgate_ledger *ledger,
                              const char *call,
                              size_t length,
                              int64_t now);

/**
 * The header `WWW-Authenticate` of HTTP 403, which asks for scopes (RFC 6750): for the denial in `record`, where scopes are all that is
 * missing. `*header` stays NULL where there is none: then `toolgate_record_refusal` words the answer.
 *
 * `scopes` is what `toolgate_missing_scopes` gave. `metadata` says where the server's metadata stand (RFC 9728), or is NULL.
 *
 * # Safety
 * `record` is a record and `gate` a gate; `scopes` ends with a zero byte, and so does `metadata`, unless it is NULL; `header` and `error`
 * can be written.
 */
toolgate_status toolgate_record_challenge(const toolgate_record *record,
                                          const toolgate_gate *gate,
                                          const char *scopes,
                                          const char *metadata,
                                          char **header,
                                          char **error);

/**
 * The verdict: as the function gave it that left the record.
 *
 * # Safety
 * `record` is a record, or NULL: then it is a deny.
 */
toolgate_verdict toolgate_record_verdict(const toolgate_record *record);

/**
 * The id by which the ledger knows the decision, and an allowed call; 0 if it took nothing of it, or `record` is NULL.
 *
 * # Safety
 * `record` is a record, or NULL.
 */
uint64_t toolgate_record_id(const toolgate_record *record);

/**
 * The record itself, one line of JSON: the same bytes in every language.
 *
 * It is the record's, and good until `toolgate_record_free`. NULL if `record` is NULL.
 *
 * # Safety
 * `record` is a record, or NULL.
 */
const char *toolgate_record_json(const toolgate_record *record);

/**
 * What a host looks at before it runs the tool, one line of JSON: `decision`, `reasons` and `details` of a denial,
 * `policies`, `obligations`, `approval`.
 *
 * It is the record's, and good until `toolgate_record_free`. NULL if `record` is NULL.
 *
 * # Safety
 * `record` is a record, or NULL.
 */
const char *toolgate_record_summary(const toolgate_record *record);

/**
 * How a server of the Model Context Protocol answers the denied request, as JSON: `{"result": ..}` or
 * `{"error": {"code", "message", "data"}}`. `*answer` stays NULL for an allowed call, and is freed with `toolgate_text_free`.
 *
 * `rendering` is `tool_error`, `protocol_error` or `hide`.
 *
 * # Safety
 * `record` is a record and `gate` a gate; `rendering` ends with a zero byte; `answer` and `error` can be written.
 */
toolgate_status toolgate_record_refusal(const toolgate_record *record,
                                        const toolgate_gate *gate,
                                        const char *rendering,
                                        char **answer,
                                        char **error);

/**
 * Frees a record. NULL is fine.
 *
 * # Safety
 * `record` is NULL or a record, and nobody uses it or its texts any more.
 */
void toolgate_record_free(toolgate_record *record);

/**
 * Runs the tests of the bundle in the folder at `path`, and gives the report.
 *
 * `options`, unless NULL, is a JSON object: `filter` (a list of texts), `cases` (a list of ids), `shard` (`"i/n"`), `format`
 * (`json`, `text`, `plain`, `junit`, `github`), `root`, `rerun`, `jobs`, `fail_fast`, `verbose`. `*report` is freed with
 * `toolgate_text_free`; that it is there does not mean that the tests pass: it says so.
 *
 * # Safety
 * `path` and `options` end with a zero byte; `report` and `error` can be written.
 */
toolgate_status toolgate_suites_run(const char *path,
                                    const char *options,
                                    char **report,
                                    char **error);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* TOOLGATE_H */
