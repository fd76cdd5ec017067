#include <locale.h>
#include <signal.h>

#include "base/log.h"
#include "cli/command.h"

int main(int argc, char *argv[])
{
    log_open("caisson", LOG_LEVEL_INFO);
    (void)setlocale(LC_CTYPE, "C.UTF-8");
    (void)signal(SIGPIPE, SIG_IGN);
    return command_main(argc, argv);
}
