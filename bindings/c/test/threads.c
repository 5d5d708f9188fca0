/* Eight threads on one gate and one ledger: a budget of 40 calls lets 40 calls through, however they interleave. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "toolgate.h"

enum { THREADS = 8, CALLS = 20, BUDGET = 40 };

static const char FILES[] =
    "{\"toolgate.toml\": \"[bundle]\\nname = \\\"demo\\\"\\nversion = \\\"1\\\"\\n[servers.notes]\","
    " \"tools/notes.json\": \"{\\\"tools\\\": [{\\\"name\\\": \\\"read\\\", \\\"inputSchema\\\": {\\\"type\\\": \\\"object\\\"}}]}\","
    " \"policies/a.cedar\": \"@id(\\\"some\\\") permit (principal, action, resource)"
    " when { context.usage.tool.total < 40 };\"}";
static const char CALL[] = "{\"server\": \"notes\", \"tool\": \"read\", \"principal\": \"User::\\\"alice\\\"\"}";

static toolgate_gate *gate;
static toolgate_ledger *ledger;

static void *call_often(void *allowed) {
    for (int call = 0; call < CALLS; call++) {
        toolgate_record *record;
        const toolgate_verdict verdict =
            toolgate_authorize(gate, ledger, CALL, strlen(CALL), INT64_C(1767607200000), &record);
        *(int *)allowed += verdict == TOOLGATE_VERDICT_ALLOW && toolgate_record_id(record) != 0;
        toolgate_record_free(record);
    }
    return NULL;
}

int main(void) {
    char *error;
    if (toolgate_gate_load(FILES, strlen(FILES), false, &gate, &error) != TOOLGATE_STATUS_OK) {
        fprintf(stderr, "%s\n", error);
        return 1;
    }
    ledger = toolgate_ledger_new();
    pthread_t threads[THREADS];
    int allowed[THREADS] = {0};
    int all = 0;
    for (int at = 0; at < THREADS; at++) {
        if (pthread_create(&threads[at], NULL, call_often, &allowed[at]) != 0) return 2;
    }
    for (int at = 0; at < THREADS; at++) {
        pthread_join(threads[at], NULL);
        all += allowed[at];
    }
    toolgate_ledger_free(ledger);
    toolgate_gate_free(gate);
    printf("%d of %d calls were allowed\n", all, THREADS * CALLS);
    return all != BUDGET;
}
