/* caisson-attestd: `caisson serve` under the name that a service manager knows. */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "cli/command.h"
#include "os/fd.h"

int main(int argc, char *argv[])
{
    struct error err = {0};
    char verb[] = "serve";
    log_open("caisson-attestd", LOG_LEVEL_INFO);
    if (fd_fill_standard(&err) < 0) {
        log_error("%s", err.text);
        return EXIT_ENVIRONMENT;
    }
    char **words = calloc((size_t)argc + 2, sizeof *words);
    if (!words) {
        log_error("out of memory");
        return EXIT_ENVIRONMENT;
    }
    words[0] = argv[0];
    words[1] = verb;
    for (int i = 1; i < argc; i++)
        words[i + 1] = argv[i];
    int status = command_main(argc > 0 ? argc + 1 : 2, words);
    free(words);
    return status;
}
