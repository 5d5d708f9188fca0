/* misuse BUNDLE FOLDER PACKED: what hosts do wrong, and what clients send. Nothing crashes, nothing is allowed, and it is said why. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "toolgate.h"

static int faults;

static void check(bool good, const char *what, const char *told) {
    if (!good) {
        fprintf(stderr, "wrong: %s: %s\n", what, told == NULL ? "(nothing)" : told);
        faults++;
    }
}

/* A function that must fail with a status and with words. */
static void fails(toolgate_status found, toolgate_status expected, char **error, const char *words) {
    check(found == expected, words, *error);
    check(*error != NULL && strstr(*error, words) != NULL, words, *error);
    toolgate_text_free(*error);
}

/* A function that must succeed, and say nothing. */
static void succeeds(toolgate_status found, char **error, const char *what) {
    check(found == TOOLGATE_STATUS_OK && *error == NULL, what, *error);
    toolgate_text_free(*error);
}

static const int64_t NOW = INT64_C(1767607200000);

/* A call that must be denied, with this in its record. */
static void denied(const toolgate_gate *gate, const toolgate_ledger *ledger, const char *call, size_t length, int64_t now,
                   const char *words) {
    toolgate_record *record;
    check(toolgate_authorize(gate, ledger, call, length, now, &record) == TOOLGATE_VERDICT_DENY, "deny", words);
    const char *json = toolgate_record_json(record);
    check(json != NULL && strstr(json, words) != NULL, words, json);
    check(strstr(toolgate_record_summary(record), "\"decision\":\"deny\"") != NULL, "summary", json);
    toolgate_record_free(record);
    char *answer;
    check(toolgate_decide(gate, ledger, call, length, now, &answer) == TOOLGATE_VERDICT_DENY, "decide", words);
    check(answer != NULL && strstr(answer, words) != NULL, words, answer);
    toolgate_text_free(answer);
    char *why = toolgate_explain(gate, ledger, call, length, now);
    check(why != NULL, "explain", words);
    toolgate_text_free(why);
}

static void bundles(const char *folder) {
    toolgate_gate *gate = (toolgate_gate *)&faults;
    char *error;
    fails(toolgate_gate_open(NULL, false, &gate, &error), TOOLGATE_STATUS_USAGE, &error, "`path` is NULL");
    check(gate == NULL, "no gate", "open");
    fails(toolgate_gate_open("\xff", false, &gate, &error), TOOLGATE_STATUS_USAGE, &error, "UTF-8");
    fails(toolgate_gate_open("/nowhere", false, &gate, &error), TOOLGATE_STATUS_BUNDLE, &error, "/nowhere");
    fails(toolgate_gate_open(folder, false, NULL, &error), TOOLGATE_STATUS_USAGE, &error, "`gate` is NULL");
    check(toolgate_gate_open("/nowhere", false, &gate, NULL) == TOOLGATE_STATUS_BUNDLE, "no error wanted", "open");
    static const char WRONG[] =
        "{\"toolgate.toml\": \"[bundle]\\nname = \\\"demo\\\"\\n[servers.notes]\", \"policies/a.cedar\": \"permit(\"}";
    fails(toolgate_gate_load(WRONG, strlen(WRONG), false, &gate, &error), TOOLGATE_STATUS_BUNDLE, &error, "toolgate.toml");
    fails(toolgate_gate_load("[", 1, false, &gate, &error), TOOLGATE_STATUS_USAGE, &error, "`files`");
    fails(toolgate_gate_load("{\"a\": 1}", 8, false, &gate, &error), TOOLGATE_STATUS_USAGE, &error, "`a` is no text");
    fails(toolgate_gate_load(NULL, 1, false, &gate, &error), TOOLGATE_STATUS_USAGE, &error, "`files` is NULL");
    fails(toolgate_gate_unpack((const uint8_t *)"toolgate", 8, NULL, 0, &gate, &error), TOOLGATE_STATUS_BUNDLE, &error,
          "packed");
    fails(toolgate_gate_unpack(NULL, 0, NULL, SIZE_MAX, &gate, &error), TOOLGATE_STATUS_USAGE, &error, "key_count");
    char *report;
    fails(toolgate_suites_run("/nowhere", NULL, &report, &error), TOOLGATE_STATUS_BUNDLE, &error, "/nowhere");
    fails(toolgate_suites_run(folder, "{\"format\": \"xml\"}", &report, &error), TOOLGATE_STATUS_USAGE, &error, "xml");
    check(report == NULL, "no report", "suites");
}

/* A bundle one of whose files is longer than any text in a call may be. */
static void long_files(void) {
    static const char HEAD[] = "{\"toolgate.toml\": \"[bundle]\\nname = \\\"demo\\\"\\nversion = \\\"1\\\"\", "
                               "\"policies/a.cedar\": \"//";
    static const char TAIL[] = "\"}";
    const size_t comment = (size_t)2 << 20, length = strlen(HEAD) + comment + strlen(TAIL);
    char *files = malloc(length + 1);
    if (files == NULL) exit(2);
    strcpy(files, HEAD);
    memset(files + strlen(HEAD), 'x', comment);
    strcpy(files + strlen(HEAD) + comment, TAIL);
    toolgate_gate *gate;
    char *error;
    succeeds(toolgate_gate_load(files, length, false, &gate, &error), &error, "a long file");
    toolgate_gate_free(gate);
    free(files);
}

/* A key that the host has lost must not make a bundle one that needs none. */
static void keys(const char *path) {
    static uint8_t packed[1 << 20];
    static const uint8_t WRONG[32] = {1};
    FILE *file = fopen(path, "rb");
    if (file == NULL) exit(2);
    const size_t length = fread(packed, 1, sizeof packed, file);
    fclose(file);
    toolgate_gate *gate;
    char *error;
    succeeds(toolgate_gate_unpack(packed, length, NULL, 0, &gate, &error), &error, "no key is asked for");
    toolgate_gate_free(gate);
    fails(toolgate_gate_unpack(packed, length, WRONG, 0, &gate, &error), TOOLGATE_STATUS_BUNDLE, &error, "not signed");
    fails(toolgate_gate_unpack(packed, length, WRONG, 1, &gate, &error), TOOLGATE_STATUS_BUNDLE, &error, "not signed");
    check(gate == NULL, "no gate", "keys");
}

static void handles(const toolgate_gate *gate, const toolgate_ledger *ledger) {
    toolgate_record *record = (toolgate_record *)&faults;
    char *text = (char *)&faults;
    check(toolgate_authorize(NULL, ledger, "{}", 2, NOW, &record) == TOOLGATE_VERDICT_DENY && record == NULL, "gate", "");
    check(toolgate_authorize(gate, NULL, "{}", 2, NOW, &record) == TOOLGATE_VERDICT_DENY && record == NULL, "ledger", "");
    check(toolgate_decide(NULL, NULL, "{}", 2, NOW, &text) == TOOLGATE_VERDICT_DENY && text == NULL, "decide", "");
    check(toolgate_decide(gate, ledger, "{}", 2, NOW, NULL) == TOOLGATE_VERDICT_DENY, "no answer wanted", "");
    check(toolgate_authorize(gate, ledger, "{}", 2, NOW, NULL) == TOOLGATE_VERDICT_DENY, "no record wanted", "");
    check(toolgate_confirm(gate, ledger, "{}", 2, 7, NOW, NULL) == TOOLGATE_VERDICT_DENY, "confirm", "");
    check(toolgate_identify(NULL, "{}", 2, &text) == TOOLGATE_VERDICT_DENY && text == NULL, "identify", "");
    check(toolgate_explain(gate, NULL, "{}", 2, NOW) == NULL, "explain", "");
    check(toolgate_record_json(NULL) == NULL && toolgate_record_summary(NULL) == NULL, "json of NULL", "");
    check(toolgate_record_id(NULL) == 0 && toolgate_record_verdict(NULL) == TOOLGATE_VERDICT_DENY, "id of NULL", "");
    check(toolgate_gate_bundle(NULL) == NULL && toolgate_ledger_snapshot(NULL) == NULL, "texts of NULL", "");
    char *error;
    fails(toolgate_list(gate, ledger, "{", 1, NOW, &text, &error), TOOLGATE_STATUS_USAGE, &error, "`request`");
    static const char ASK[] = "{\"principal\": \"User::\\\"alice\\\"\"}";
    fails(toolgate_filter_list(gate, ledger, ASK, strlen(ASK), NOW, "tools/list", "{}", 2, &text, NULL, &error),
          TOOLGATE_STATUS_USAGE, &error, "no `server`");
    fails(toolgate_tools_listed(gate, "nobody", "{}", 2, &text, &error), TOOLGATE_STATUS_BUNDLE, &error, "nobody");
    fails(toolgate_record_refusal(NULL, gate, "hide", &text, &error), TOOLGATE_STATUS_USAGE, &error, "`record` is NULL");
    toolgate_gate_free(NULL);
    toolgate_ledger_free(NULL);
    toolgate_record_free(NULL);
    toolgate_text_free(NULL);
}

static void calls(const toolgate_gate *gate, const toolgate_ledger *ledger) {
    denied(gate, ledger, NULL, 0, NOW, "malformed_call");
    denied(gate, ledger, NULL, 1, NOW, "malformed_call");
    denied(gate, ledger, "{}", SIZE_MAX, NOW, "malformed_call");
    denied(gate, ledger, "{\"server\": \"\xff\"}", 14, NOW, "malformed_call");
    denied(gate, ledger, "null\0", 5, NOW, "malformed_call");
    static const char UNKNOWN[] = "{\"server\": \"nobody\", \"tool\": \"x\", \"principal\": \"User::\\\"alice\\\"\"}";
    denied(gate, ledger, UNKNOWN, strlen(UNKNOWN), NOW, "unknown_server");
    denied(gate, ledger, UNKNOWN, strlen(UNKNOWN), INT64_MIN, "unknown_server");
    denied(gate, ledger, UNKNOWN, strlen(UNKNOWN), INT64_MAX, "limit_exceeded");
    const size_t deep = 5000, huge = (size_t)4 << 20;
    char *text = malloc(huge);
    if (text == NULL) exit(2);
    memset(text, '[', deep);
    memset(text + deep, ']', deep);
    denied(gate, ledger, text, 2 * deep, NOW, "limit_exceeded");
    memset(text, 'x', huge);
    denied(gate, ledger, text, huge, NOW, "limit_exceeded");
    free(text);
}

static void ledgers(const toolgate_gate *gate, const char *folder) {
    char path[4096];
    char *error;
    toolgate_ledger *ledger;
    toolgate_ledger *other;
    snprintf(path, sizeof path, "%s/journal.jsonl", folder);
    succeeds(toolgate_ledger_open(path, gate, 1, &ledger, &error), &error, "open");
    fails(toolgate_ledger_open(path, gate, 1, &other, &error), TOOLGATE_STATUS_JOURNAL, &error, "journal.jsonl");
    check(other == NULL, "no second ledger on one journal", path);
    static const char HALT[] = "{\"halted\": \"all\"}";
    char *records;
    succeeds(toolgate_ledger_apply(ledger, gate, HALT, strlen(HALT), NOW, &records, &error), &error, "halt");
    check(records != NULL && strstr(records, "halted") != NULL, "the record of the halt", records);
    toolgate_text_free(records);
    static const char *const WRONG[][2] = {
        {"{\"call_completed\": {\"call\": 99}}", "99"},
        {"{\"nothing\": 1}", "nothing"},
        {"", "line 1"},
        {"{\"halted\": \"all\"}, \"x\": 1", "line 1"},
    };
    for (size_t at = 0; at < sizeof WRONG / sizeof *WRONG; at++) {
        const char *event = WRONG[at][0];
        fails(toolgate_ledger_apply(ledger, gate, event, strlen(event), NOW, &records, &error), TOOLGATE_STATUS_EVENT, &error,
              WRONG[at][1]);
        check(records == NULL, "no records", event);
    }
    char *before = toolgate_ledger_snapshot(ledger);
    succeeds(toolgate_ledger_compact(ledger, &error), &error, "compact");
    succeeds(toolgate_ledger_flush(ledger, &error), &error, "flush");
    toolgate_ledger_free(ledger);
    succeeds(toolgate_ledger_open(path, gate, 0, &ledger, &error), &error, "open again");
    char *after = toolgate_ledger_snapshot(ledger);
    check(strcmp(before, after) == 0, "what was kept", after);
    toolgate_ledger_free(ledger);
    succeeds(toolgate_ledger_replay(gate, before, strlen(before), &ledger, &error), &error, "replay");
    fails(toolgate_ledger_flush(ledger, &error), TOOLGATE_STATUS_USAGE, &error, "no journal");
    toolgate_ledger_free(ledger);
    fails(toolgate_ledger_replay(gate, "x", 1, &ledger, &error), TOOLGATE_STATUS_JOURNAL, &error, "line 1");
    toolgate_text_free(before);
    toolgate_text_free(after);
}

int main(int count, char **arguments) {
    if (count != 4) return 2;
    toolgate_gate *gate;
    char *error;
    bundles(arguments[1]);
    long_files();
    keys(arguments[3]);
    succeeds(toolgate_gate_open(arguments[1], true, &gate, &error), &error, "open");
    if (gate == NULL) return 1;
    toolgate_ledger *ledger = toolgate_ledger_new();
    handles(gate, ledger);
    calls(gate, ledger);
    ledgers(gate, arguments[2]);
    char *bundle = toolgate_gate_bundle(gate);
    check(bundle != NULL && strstr(bundle, "\"name\":\"github-triage\"") != NULL, "what the bundle is", bundle);
    toolgate_text_free(bundle);
    toolgate_ledger_free(ledger);
    toolgate_gate_free(gate);
    printf("%s: %d faults\n", toolgate_version(), faults);
    return faults != 0;
}
