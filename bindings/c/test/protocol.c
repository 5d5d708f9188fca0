/* protocol BUNDLE TOOLS: a server of the Model Context Protocol in C, from its list of tools to the end of a call. */
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
static void shows(toolgate_status found, char **text, char **error, const char *words) {
    check(found == TOOLGATE_STATUS_OK, words, *error);
    check(*text != NULL && strstr(*text, words) != NULL, words, *text);
    toolgate_text_free(*text);
    toolgate_text_free(*error);
}

/* A record of this verdict was left. */
static void left(toolgate_verdict found, toolgate_verdict expected, toolgate_record **record, const char *what) {
    check(found == expected && toolgate_record_verdict(*record) == expected, what, toolgate_record_summary(*record));
}

/* An answer of this verdict holds this; it is freed. */
static void answers(toolgate_verdict found, toolgate_verdict expected, char **text, const char *words) {
    check(found == expected && *text != NULL && strstr(*text, words) != NULL, words, *text);
    toolgate_text_free(*text);
}

static char *read_file(const char *path) {
    FILE *file = fopen(path, "rb");
    char *text = calloc(1, (size_t)1 << 20);
    if (file == NULL || text == NULL || fread(text, 1, ((size_t)1 << 20) - 1, file) == 0) exit(2);
    fclose(file);
    return text;
}

static void lists(const toolgate_gate *gate, const toolgate_ledger *ledger, const char *live) {
    static const char REQUEST[] = "{\"server\": \"fs\", \"principal\": \"User::\\\"ana\\\"\", \"session\": \"s1\"}";
    static const char NOBODY[] = "{\"server\": \"fs\", \"principal\": \"User::\\\"nobody\\\"\", \"session\": \"s2\"}";
    char *text = NULL;
    char *left_out = NULL;
    char *error = NULL;
    shows(toolgate_list(gate, ledger, REQUEST, strlen(REQUEST), NOW, &text, &error), &text, &error,
          "\"action\":\"fs/read_text_file\"");
    toolgate_status found = toolgate_filter_list(gate, ledger, REQUEST, strlen(REQUEST), NOW, "tools/list", live,
                                                 strlen(live), &text, NULL, &error);
    shows(found, &text, &error, "read_text_file");
    found = toolgate_filter_list(gate, ledger, NOBODY, strlen(NOBODY), NOW, "tools/list", live, strlen(live), &text,
                                 &left_out, &error);
    check(text != NULL && strstr(text, "read_text_file") == NULL, "nobody sees the tool", text);
    toolgate_text_free(text);
    shows(found, &left_out, &error, "\"read_text_file\"");
    found = toolgate_filter_list(gate, ledger, REQUEST, strlen(REQUEST), NOW, "tools/list", "[", 1, &text, NULL, &error);
    check(found != TOOLGATE_STATUS_OK && text == NULL && error != NULL, "no list", error);
    toolgate_text_free(error);
}

static const char CALL[] = "{\"server\": \"fs\", \"tool\": \"read_text_file\", \"input\": {\"path\": \"/srv/data/report.txt\"},"
                           " \"principal\": \"User::\\\"ana\\\"\", \"session\": \"s1\", \"origin\": \"user\"}";

static void calls(const toolgate_gate *gate, const toolgate_ledger *ledger) {
    toolgate_record *record;
    toolgate_record *again;
    char *text = NULL;
    char *error = NULL;
    left(toolgate_authorize(gate, ledger, CALL, strlen(CALL), NOW, &record), TOOLGATE_VERDICT_ALLOW, &record, "authorize");
    const uint64_t id = toolgate_record_id(record);
    const toolgate_status refused = toolgate_record_refusal(record, gate, "hide", &text, &error);
    check(refused == TOOLGATE_STATUS_OK && text == NULL, "an allowed call is not refused", text);
    left(toolgate_confirm(gate, ledger, CALL, strlen(CALL), id, NOW + 1, &again), TOOLGATE_VERDICT_ALLOW, &again, "confirm");
    check(toolgate_record_id(again) == id, "the same call", toolgate_record_json(again));
    toolgate_record_free(again);
    char event[96];
    snprintf(event, sizeof event, "{\"call_completed\": {\"call\": %" PRIu64 ", \"labels\": []}}", id);
    shows(toolgate_ledger_apply(ledger, gate, event, strlen(event), NOW + 2, &text, &error), &text, &error, "\"outcome\"");
    check(toolgate_confirm(gate, ledger, CALL, strlen(CALL), id, NOW + 3, NULL) == TOOLGATE_VERDICT_DENY, "confirmed late", "");
    toolgate_record_free(record);
}

static void refusals(const toolgate_gate *gate, const toolgate_ledger *ledger) {
    static const char SECRET[] = "{\"server\": \"fs\", \"tool\": \"read_text_file\", \"input\": {\"path\": \"/srv/secrets/key\"},"
                                 " \"principal\": \"User::\\\"ana\\\"\", \"session\": \"s1\", \"origin\": \"user\"}";
    static const char *const SHOWN[][2] = {
        {"tool_error", "{\"result\":{"},
        {"protocol_error", "{\"error\":{\"code\":-31403,"},
        {"hide", "{\"error\":{\"code\":-32602,"},
    };
    toolgate_record *record;
    char *text = NULL;
    char *error = NULL;
    left(toolgate_authorize(gate, ledger, SECRET, strlen(SECRET), NOW + 4, &record), TOOLGATE_VERDICT_DENY, &record, "deny");
    for (size_t at = 0; at < sizeof SHOWN / sizeof *SHOWN; at++) {
        shows(toolgate_record_refusal(record, gate, SHOWN[at][0], &text, &error), &text, &error, SHOWN[at][1]);
    }
    const toolgate_status loud = toolgate_record_refusal(record, gate, "loud", &text, &error);
    check(loud == TOOLGATE_STATUS_USAGE && strstr(error, "`protocol_error`") != NULL, "no such rendering", error);
    toolgate_text_free(error);
    toolgate_record_free(record);
}

/* A tool whose definition is another is denied from then on. */
static void drift(const toolgate_gate *gate, const toolgate_ledger *ledger, char *live) {
    char *event = NULL;
    char *error = NULL;
    char *text = NULL;
    memcpy(strstr(live, "Read the complete contents"), "Leak", 4);
    const toolgate_status listed = toolgate_tools_listed(gate, "fs", live, strlen(live), &event, &error);
    check(listed == TOOLGATE_STATUS_OK, "listed", error);
    shows(toolgate_ledger_apply(ledger, gate, event, strlen(event), NOW + 5, &text, &error), &text, &error, "read_file");
    toolgate_text_free(event);
    static const char OLD[] = "{\"server\": \"fs\", \"tool\": \"read_file\", \"input\": {\"path\": \"/srv/data/report.txt\"},"
                              " \"principal\": \"User::\\\"ana\\\"\", \"session\": \"s1\", \"origin\": \"user\"}";
    answers(toolgate_decide(gate, ledger, OLD, strlen(OLD), NOW + 6, &text), TOOLGATE_VERDICT_DENY, &text, "baseline/definition-drift");
}

static void identities(void) {
    static const char FILES[] =
        "{\"toolgate.toml\": \"[bundle]\\nname = \\\"demo\\\"\\nversion = \\\"1\\\"\\n[identity]\\nissuers ="
        " [\\\"https://idp.example\\\"]\\n[servers.notes]\","
        " \"tools/notes.json\": \"{\\\"tools\\\": [{\\\"name\\\": \\\"read\\\", \\\"inputSchema\\\": {\\\"type\\\": \\\"object\\\"}}]}\","
        " \"policies/a.cedar\": \"@id(\\\"people-read\\\") permit (principal is User, action, resource);\"}";
    static const char GOOD[] = "{\"iss\": \"https://idp.example\", \"sub\": \"alice\", \"aud\": \"notes\", \"scope\": \"a b\"}";
    static const char BAD[] = "{\"iss\": \"https://elsewhere.example\", \"sub\": \"alice\"}";
    toolgate_gate *gate;
    char *error = NULL;
    char *text = NULL;
    const toolgate_status loaded = toolgate_gate_load(FILES, strlen(FILES), false, &gate, &error);
    check(loaded == TOOLGATE_STATUS_OK, "load", error);
    answers(toolgate_identify(gate, GOOD, strlen(GOOD), &text), TOOLGATE_VERDICT_ALLOW, &text, "\"scopes\":[\"a\",\"b\"]");
    answers(toolgate_identify(gate, BAD, strlen(BAD), &text), TOOLGATE_VERDICT_DENY, &text, "\"decision\":\"deny\"");
    toolgate_gate_free(gate);
}

int main(int count, char **arguments) {
    if (count != 3) return 2;
    toolgate_gate *gate;
    char *error = NULL;
    const toolgate_status opened = toolgate_gate_open(arguments[1], true, &gate, &error);
    check(opened == TOOLGATE_STATUS_OK, "open", error);
    if (gate == NULL) return 1;
    toolgate_ledger *ledger = toolgate_ledger_new();
    char *live = read_file(arguments[2]);
    lists(gate, ledger, live);
    calls(gate, ledger);
    refusals(gate, ledger);
    drift(gate, ledger, live);
    identities();
    free(live);
    toolgate_ledger_free(ledger);
    toolgate_gate_free(gate);
    printf("protocol: %d faults\n", faults);
    return faults != 0;
}
