/* suites BUNDLE: runs the tests of a bundle. */
#include <stdio.h>
#include <string.h>

#include "toolgate.h"

int main(int count, char **arguments) {
    char *report;
    char *error;
    if (count != 2) return 2;
    if (toolgate_suites_run(arguments[1], "{\"format\": \"json\"}", &report, &error) != TOOLGATE_STATUS_OK) {
        fprintf(stderr, "%s\n", error);
        toolgate_text_free(error);
        return 1;
    }
    const int passed = strstr(report, "\"verdict\":\"passed\"") != NULL;
    if (!passed) fputs(report, stderr);
    toolgate_text_free(report);
    return !passed;
}
