/* approvals: what the user is asked, what clients bring back, scopes that are asked for, and records in a chain. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "toolgate.h"

static int faults;
static const int64_t NOW = INT64_C(1767607200000);

static void check(bool good, const char *what, const char *told) {
    if (!good) {
        fprintf(stderr, "wrong: %s: %s\n", what, told == NULL ? "(nothing)" : told);
        faults++;
    }
}

/* A text that was given holds this; it is freed. */
static void holds(char *text, const char *words) {
    check(text != NULL && strstr(text, words) != NULL, words, text);
    toolgate_text_free(text);
}

/* A function that must fail with a status and with words. */
static void fails(toolgate_status found, toolgate_status expected, char **error, const char *words) {
    check(found == expected && *error != NULL && strstr(*error, words) != NULL, words, *error);
    toolgate_text_free(*error);
}

#define FILES(POLICIES)                                                                                                \
    "{\"toolgate.toml\": \"[bundle]\\nname = \\\"notes\\\"\\nversion = \\\"1\\\"\\n[servers.notes]\\nverified = true\\n"  \
    "audience = \\\"https://notes.example\\\"\", \"tools/notes.json\": \"{\\\"tools\\\": [{\\\"name\\\": \\\"write\\\","  \
    " \\\"inputSchema\\\": {\\\"type\\\": \\\"object\\\", \\\"properties\\\": {\\\"n\\\": {\\\"type\\\": \\\"integer\\\"}}}}]}\"," \
    " \"policies/a.cedar\": \"" POLICIES "\"}"

static const char ASKING[] = FILES("@id(\\\"open\\\") permit (principal, action, resource);"
                                   " @id(\\\"ask\\\") @approval(\\\"initiator\\\") forbid (principal, action, resource);");
static const char SCOPED[] = FILES("@id(\\\"scoped\\\") permit (principal, action, resource) when { context has credential &&"
                                   " context.credential.scopes.contains(\\\"notes.write\\\") };");

static const char CALL[] = "{\"server\": \"notes\", \"tool\": \"write\", \"principal\": \"User::\\\"alice\\\"\", \"session\": \"s\"}";
static const char OTHER[] = "{\"server\": \"notes\", \"tool\": \"write\", \"principal\": \"User::\\\"alice\\\"\", \"session\": \"s\","
                            " \"input\": {\"n\": 7}}";
static const char YES[] = "{\"action\": \"accept\", \"content\": {\"approve\": true}}";
static const char NO[] = "{\"action\": \"accept\", \"content\": {\"approve\": 1}}";
static const uint8_t KEY[32] = {7};

static toolgate_gate *loaded(const char *files) {
    toolgate_gate *gate;
    char *error;
    const toolgate_status found = toolgate_gate_load(files, strlen(files), false, &gate, &error);
    check(found == TOOLGATE_STATUS_OK, "load", error);
    if (gate == NULL) exit(1);
    return gate;
}

/* The record of a call, which must meet this verdict. */
static toolgate_record *meets(const toolgate_gate *gate, const toolgate_ledger *ledger, const char *call, int64_t now,
                              toolgate_verdict expected) {
    toolgate_record *record;
    const toolgate_verdict found = toolgate_authorize(gate, ledger, call, strlen(call), now, &record);
    check(found == expected, call, toolgate_record_summary(record));
    return record;
}

/* Up to 2025-11-25: a yes counts once, for the exact call; anything else refuses. */
static void elicitations(const toolgate_gate *gate) {
    toolgate_ledger *ledger = toolgate_ledger_new();
    toolgate_word word;
    char *text;
    char *error;
    toolgate_record *record = meets(gate, ledger, CALL, NOW, TOOLGATE_VERDICT_NEEDS_APPROVAL);
    holds(toolgate_record_elicitation(record, gate), "Approve notes/write?");
    static const char *const WRONG[] = {"", "{", "null", NO};
    for (size_t at = 0; at < sizeof WRONG / sizeof *WRONG; at++) {
        const toolgate_status found = toolgate_answered(gate, ledger, record, CALL, strlen(CALL), WRONG[at], strlen(WRONG[at]),
                                                        NOW + 1, &word, NULL, &error);
        check(found == TOOLGATE_STATUS_OK && word == TOOLGATE_WORD_REFUSED, WRONG[at], error);
    }
    check(toolgate_record_declined(record, "tool_error", &text, &error) == TOOLGATE_STATUS_OK, "declined", error);
    holds(text, "the user did not approve");
    toolgate_record_free(record);
    record = meets(gate, ledger, CALL, NOW + 2, TOOLGATE_VERDICT_NEEDS_APPROVAL);
    const toolgate_status found = toolgate_answered(gate, ledger, record, CALL, strlen(CALL), YES, strlen(YES), NOW + 3, &word,
                                                    &text, &error);
    check(found == TOOLGATE_STATUS_OK && word == TOOLGATE_WORD_APPROVED, "a yes", error);
    holds(text, "approval_granted");
    toolgate_record_free(record);
    toolgate_record_free(meets(gate, ledger, OTHER, NOW + 4, TOOLGATE_VERDICT_NEEDS_APPROVAL));
    record = meets(gate, ledger, CALL, NOW + 5, TOOLGATE_VERDICT_ALLOW);
    check(toolgate_record_elicitation(record, gate) == NULL, "nobody is asked about what is allowed", "");
    check(toolgate_answered(gate, ledger, record, CALL, strlen(CALL), YES, strlen(YES), NOW + 6, &word, NULL, &error) ==
                  TOOLGATE_STATUS_OK && word == TOOLGATE_WORD_NONE,
          "nobody was asked", error);
    toolgate_record_free(record);
    toolgate_record_free(meets(gate, ledger, CALL, NOW + 7, TOOLGATE_VERDICT_NEEDS_APPROVAL));
    toolgate_ledger_free(ledger);
}

static toolgate_status brings(const toolgate_gate *gate, const toolgate_ledger *ledger, const toolgate_sealer *sealer,
                              const char *call, const char *state, const char *answer, toolgate_word *word, char **error) {
    char responses[128];
    toolgate_record *refused;
    snprintf(responses, sizeof responses, "{\"approval\": %s}", answer);
    const toolgate_status found = toolgate_resume(gate, ledger, sealer, call, strlen(call), state, responses, strlen(responses),
                                                  NOW + 10, word, &refused, NULL, error);
    check((*word == TOOLGATE_WORD_REFUSED) == (refused != NULL), "a record of what was refused", answer);
    if (refused != NULL) {
        char *text;
        char *why;
        check(toolgate_record_verdict(refused) == TOOLGATE_VERDICT_DENY, "it is a deny", answer);
        check(toolgate_record_declined(refused, "protocol_error", &text, &why) == TOOLGATE_STATUS_OK, "declined", why);
        holds(text, "the user did not approve");
    }
    toolgate_record_free(refused);
    return found;
}

/* From 2026-07-28 on: what is brought back was sealed for this call, and counts once. */
static void states(const toolgate_gate *gate) {
    toolgate_ledger *ledger = toolgate_ledger_new();
    toolgate_sealer *sealer;
    toolgate_sealer *another;
    toolgate_word word;
    char *error;
    check(toolgate_sealer_new(KEY, 31, &sealer, NULL) == TOOLGATE_STATUS_USAGE && sealer == NULL, "a short key", "");
    check(toolgate_sealer_new(KEY, 32, &sealer, &error) == TOOLGATE_STATUS_OK, "a key", error);
    const uint8_t key[32] = {8};
    check(toolgate_sealer_new(key, 32, &another, &error) == TOOLGATE_STATUS_OK, "another key", error);
    for (int approves = 0; approves < 2; approves++) {
        toolgate_record *record = meets(gate, ledger, CALL, NOW + 10, TOOLGATE_VERDICT_NEEDS_APPROVAL);
        char *asked = toolgate_record_input_required(record, gate, sealer);
        check(asked != NULL && strstr(asked, "\"requestState\":\"") != NULL, "a state", asked);
        toolgate_record_free(record);
        if (asked == NULL) return;
        char *state = strstr(asked, "\"requestState\":\"") + strlen("\"requestState\":\"");
        *strchr(state, '"') = '\0';
        fails(brings(gate, ledger, another, CALL, state, YES, &word, &error), TOOLGATE_STATUS_STATE, &error, "forged");
        fails(brings(gate, ledger, sealer, CALL, "1.x", YES, &word, &error), TOOLGATE_STATUS_STATE, &error, "forged");
        fails(brings(gate, ledger, sealer, OTHER, state, YES, &word, &error), TOOLGATE_STATUS_STATE, &error, "another call");
        fails(brings(gate, ledger, sealer, "{}", state, YES, &word, &error), TOOLGATE_STATUS_USAGE, &error, "`call`");
        check(word == TOOLGATE_WORD_NONE, "nothing counts", "");
        check(brings(gate, ledger, sealer, CALL, state, approves ? YES : NO, &word, &error) == TOOLGATE_STATUS_OK, "brought", error);
        check(word == (approves ? TOOLGATE_WORD_APPROVED : TOOLGATE_WORD_REFUSED), "the user's word", state);
        const toolgate_verdict expected = approves ? TOOLGATE_VERDICT_ALLOW : TOOLGATE_VERDICT_NEEDS_APPROVAL;
        toolgate_record_free(meets(gate, ledger, CALL, NOW + 10, expected));
        fails(brings(gate, ledger, sealer, CALL, state, YES, &word, &error), TOOLGATE_STATUS_STATE, &error, "used before");
        toolgate_text_free(asked);
    }
    holds(toolgate_invalid_state(), "\"code\":-32602");
    toolgate_sealer_free(sealer);
    toolgate_sealer_free(another);
    toolgate_ledger_free(ledger);
}

/* A tool asks for more input, twice: its call was approved once, until somebody stops it. */
static void rounds(const toolgate_gate *gate) {
    static const char REVOKED[] = "{\"revoked\": {\"principal\": \"User::\\\"alice\\\"\"}}";
    toolgate_ledger *ledger = toolgate_ledger_new();
    toolgate_word word;
    char *error;
    toolgate_record *record = meets(gate, ledger, CALL, NOW, TOOLGATE_VERDICT_NEEDS_APPROVAL);
    toolgate_answered(gate, ledger, record, CALL, strlen(CALL), YES, strlen(YES), NOW, &word, NULL, NULL);
    toolgate_record_free(record);
    record = meets(gate, ledger, CALL, NOW, TOOLGATE_VERDICT_ALLOW);
    const uint64_t id = toolgate_record_id(record);
    for (int round = 0; round < 2; round++) {
        check(toolgate_proceed(gate, ledger, CALL, strlen(CALL), id, NOW, NULL) == TOOLGATE_VERDICT_ALLOW, "goes on", "");
        check(toolgate_proceed(gate, ledger, OTHER, strlen(OTHER), id, NOW, NULL) != TOOLGATE_VERDICT_ALLOW, "another call", "");
        check(toolgate_proceed(gate, ledger, CALL, strlen(CALL), id + 1, NOW, NULL) == TOOLGATE_VERDICT_DENY, "no call", "");
    }
    check(toolgate_ledger_apply(ledger, gate, REVOKED, strlen(REVOKED), NOW, NULL, &error) == TOOLGATE_STATUS_OK, "revoked", error);
    check(toolgate_proceed(gate, ledger, CALL, strlen(CALL), id, NOW, NULL) == TOOLGATE_VERDICT_DENY, "after a revocation", "");
    check(toolgate_proceed(gate, NULL, CALL, strlen(CALL), id, NOW, NULL) == TOOLGATE_VERDICT_DENY, "without a ledger", "");
    toolgate_record_free(record);
    toolgate_ledger_free(ledger);
}

static void scopes(void) {
    static const char LACKS[] = "{\"server\": \"notes\", \"tool\": \"write\", \"principal\": \"User::\\\"alice\\\"\", \"credential\":"
                                " {\"id\": \"j\", \"issuer\": \"i\", \"audience\": [\"https://notes.example\"], \"bound\": \"dpop\","
                                " \"issued\": \"2026-01-05T09:59:00Z\", \"expires\": \"2026-01-05T10:05:00Z\", \"scopes\": [\"notes.read\"]}}";
    toolgate_gate *gate = loaded(SCOPED);
    toolgate_ledger *ledger = toolgate_ledger_new();
    char *text;
    char *error;
    toolgate_record *record = meets(gate, ledger, LACKS, NOW, TOOLGATE_VERDICT_DENY);
    char *missing = toolgate_missing_scopes(gate, ledger, LACKS, strlen(LACKS), NOW);
    check(missing != NULL && strcmp(missing, "[\"notes.write\"]") == 0, "what is missing", toolgate_record_summary(record));
    check(toolgate_record_challenge(record, gate, missing, "https://notes.example/meta", &text, &error) == TOOLGATE_STATUS_OK,
          "challenge", error);
    holds(text, "scope=\"notes.write\", resource_metadata=\"https://notes.example/meta\"");
    toolgate_text_free(missing);
    check(toolgate_record_challenge(record, gate, "[]", NULL, &text, &error) == TOOLGATE_STATUS_OK && text == NULL, "none", error);
    fails(toolgate_record_challenge(record, gate, "[7]", NULL, &text, &error), TOOLGATE_STATUS_USAGE, &error, "`scopes`");
    missing = toolgate_missing_scopes(gate, ledger, CALL, strlen(CALL), NOW);
    check(missing != NULL && strcmp(missing, "[]") == 0, "without a credential", missing);
    toolgate_text_free(missing);
    holds(toolgate_missing_scopes(gate, ledger, NULL, 1, NOW), "[]");
    toolgate_record_free(record);
    toolgate_ledger_free(ledger);
    toolgate_gate_free(gate);
}

/* Records of decisions and of events, one behind the other: what was changed or left out shows. */
static void chains(const toolgate_gate *gate) {
    static char lines[1 << 16];
    toolgate_ledger *ledger = toolgate_ledger_new();
    toolgate_chain *chain;
    char *error;
    char *text;
    fails(toolgate_chain_new("sha256:", &chain, &error), TOOLGATE_STATUS_USAGE, &error, "no digest");
    check(toolgate_chain_new(NULL, &chain, &error) == TOOLGATE_STATUS_OK, "chain", error);
    toolgate_record *record = meets(gate, ledger, CALL, NOW, TOOLGATE_VERDICT_NEEDS_APPROVAL);
    text = toolgate_chain_record(chain, record);
    const size_t first = (size_t)snprintf(lines, sizeof lines, "%s\n", text);
    toolgate_text_free(text);
    static const char HALT[] = "{\"halted\": \"all\"}";
    fails(toolgate_chain_apply(chain, ledger, gate, HALT, strlen(HALT), NOW, NULL, &error), TOOLGATE_STATUS_USAGE, &error, "a gap");
    fails(toolgate_chain_apply(chain, ledger, gate, "{", 1, NOW, &text, &error), TOOLGATE_STATUS_EVENT, &error, "line 1");
    check(toolgate_chain_apply(chain, ledger, gate, HALT, strlen(HALT), NOW, &text, &error) == TOOLGATE_STATUS_OK, "halt", error);
    check(text != NULL && strlen(lines) + strlen(text) < sizeof lines, "the record of the halt", text);
    strcat(lines, text);
    toolgate_text_free(text);
    char *last;
    check(toolgate_chain_verify(lines, strlen(lines), NULL, &last, &error) == TOOLGATE_STATUS_OK, "whole", error);
    check(toolgate_chain_verify("", 0, NULL, &text, &error) == TOOLGATE_STATUS_OK && text == NULL, "no line", text);
    fails(toolgate_chain_verify(lines + first, strlen(lines + first), NULL, &text, &error), TOOLGATE_STATUS_JOURNAL, &error, "line 1");
    toolgate_chain_free(chain);
    check(toolgate_chain_new(last, &chain, &error) == TOOLGATE_STATUS_OK, "behind the last line", error);
    text = toolgate_chain_record(chain, record);
    check(text != NULL && toolgate_chain_verify(text, strlen(text), last, NULL, &error) == TOOLGATE_STATUS_OK, "goes on", error);
    toolgate_text_free(text);
    toolgate_text_free(last);
    lines[first / 2] ^= 1;
    fails(toolgate_chain_verify(lines, strlen(lines), NULL, NULL, &error), TOOLGATE_STATUS_JOURNAL, &error, "line 1");
    toolgate_record_free(record);
    toolgate_chain_free(chain);
    toolgate_ledger_free(ledger);
}

static void nothing(const toolgate_gate *gate) {
    toolgate_word word = TOOLGATE_WORD_APPROVED;
    char *text = (char *)&faults;
    char *error;
    check(toolgate_record_elicitation(NULL, gate) == NULL && toolgate_record_input_required(NULL, gate, NULL) == NULL, "NULL", "");
    check(toolgate_missing_scopes(gate, NULL, CALL, strlen(CALL), NOW) == NULL, "no ledger", "");
    check(toolgate_chain_record(NULL, NULL) == NULL, "no chain", "");
    fails(toolgate_answered(gate, NULL, NULL, CALL, strlen(CALL), YES, strlen(YES), NOW, &word, &text, &error),
          TOOLGATE_STATUS_USAGE, &error, "`ledger` is NULL");
    check(word == TOOLGATE_WORD_NONE && text == NULL, "nothing is said", "");
    word = TOOLGATE_WORD_APPROVED;
    fails(toolgate_resume(gate, NULL, NULL, CALL, strlen(CALL), "1.", YES, strlen(YES), NOW, &word, NULL, NULL, &error),
          TOOLGATE_STATUS_USAGE, &error, "`ledger` is NULL");
    check(word == TOOLGATE_WORD_NONE, "nothing is said", "");
    toolgate_sealer_free(NULL);
    toolgate_chain_free(NULL);
}

int main(void) {
    toolgate_gate *gate = loaded(ASKING);
    nothing(gate);
    elicitations(gate);
    states(gate);
    rounds(gate);
    chains(gate);
    toolgate_gate_free(gate);
    scopes();
    printf("approvals: %d faults\n", faults);
    return faults != 0;
}
