/* records BUNDLE JOURNAL CALLS NOW: the explanations and records of calls, a line each, and the ledger that they leave. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "toolgate.h"

static char *read_file(const char *path, size_t *length) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        exit(2);
    }
    char *bytes = NULL;
    size_t room = 0;
    *length = 0;
    do {
        room += 65536;
        bytes = realloc(bytes, room);
        if (bytes == NULL) exit(2);
        *length += fread(bytes + *length, 1, room - *length, file);
    } while (*length == room);
    fclose(file);
    return bytes;
}

static void must(toolgate_status status, char **error) {
    if (status != TOOLGATE_STATUS_OK) {
        fprintf(stderr, "%d: %s\n", (int)status, *error);
        exit(1);
    }
}

int main(int count, char **arguments) {
    if (count != 5) return 2;
    toolgate_gate *gate;
    toolgate_ledger *ledger;
    char *error;
    must(toolgate_gate_open(arguments[1], false, &gate, &error), &error);
    size_t length;
    char *journal = read_file(arguments[2], &length);
    must(toolgate_ledger_replay(gate, journal, length, &ledger, &error), &error);
    const int64_t now = strtoll(arguments[4], NULL, 10);
    char *calls = read_file(arguments[3], &length);
    for (char *call = calls, *end = calls + length; call < end;) {
        char *line = memchr(call, '\n', (size_t)(end - call));
        if (line == NULL) line = end;
        const size_t size = (size_t)(line - call);
        char *explanation = toolgate_explain(gate, ledger, call, size, now);
        toolgate_record *record;
        const toolgate_verdict verdict = toolgate_authorize(gate, ledger, call, size, now, &record);
        if (verdict != toolgate_record_verdict(record)) return 1;
        printf("%s\n%s\n", explanation, toolgate_record_json(record));
        toolgate_text_free(explanation);
        toolgate_record_free(record);
        call = line + 1;
    }
    char *snapshot = toolgate_ledger_snapshot(ledger);
    fputs(snapshot, stdout);
    toolgate_text_free(snapshot);
    toolgate_ledger_free(ledger);
    toolgate_gate_free(gate);
    free(calls);
    free(journal);
    return 0;
}
