#include <locale.h>
#include <signal.h>

#include "base/log.h"
#include "cli/command.h"
#include "os/fd.h"

int main(int argc, char *argv[])
{
    struct error err = {0};
    log_open("caisson", LOG_LEVEL_INFO);
    (void)setlocale(LC_CTYPE, "C.UTF-8");
    (void)signal(SIGPIPE, SIG_IGN);
    if (fd_fill_standard(&err) < 0) {
        log_error("%s", err.text);
        return EXIT_ENVIRONMENT;
    }
    return command_main(argc, argv);
}
