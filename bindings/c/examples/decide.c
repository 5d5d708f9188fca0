/* One call, from the question to its end. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "toolgate.h"

static const char FILES[] =
    "{\"toolgate.toml\": \"[bundle]\\nname = \\\"demo\\\"\\nversion = \\\"1\\\"\\n[servers.notes]\","
    " \"tools/notes.json\": \"{\\\"tools\\\": [{\\\"name\\\": \\\"read\\\", \\\"inputSchema\\\": {\\\"type\\\": \\\"object\\\"}}]}\","
    " \"policies/a.cedar\": \"@id(\\\"people-read\\\") permit (principal is User, action, resource);\"}";
static const char CALL[] = "{\"server\": \"notes\", \"tool\": \"read\", \"principal\": \"User::\\\"alice\\\"\"}";

int main(void) {
    toolgate_gate *gate;
    toolgate_record *record;
    char *error;
    if (toolgate_gate_load(FILES, strlen(FILES), false, &gate, &error) != TOOLGATE_STATUS_OK) {
        fprintf(stderr, "%s\n", error);
        toolgate_text_free(error);
        return 1;
    }
    toolgate_ledger *ledger = toolgate_ledger_new();
    const int64_t now = (int64_t)time(NULL) * 1000;
    int status = 1;
    if (toolgate_authorize(gate, ledger, CALL, strlen(CALL), now, &record) == TOOLGATE_VERDICT_ALLOW) {
        /* The tool runs here. */
        char event[64];
        snprintf(event, sizeof event, "{\"call_completed\": {\"call\": %" PRIu64 "}}", toolgate_record_id(record));
        status = toolgate_ledger_apply(ledger, gate, event, strlen(event), now, NULL, NULL) != TOOLGATE_STATUS_OK;
    }
    puts(toolgate_record_json(record));
    toolgate_record_free(record);
    toolgate_ledger_free(ledger);
    toolgate_gate_free(gate);
    return status;
}
