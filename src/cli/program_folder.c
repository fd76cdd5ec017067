#include "cli/program_folder.h"

#include <string.h>
#include <unistd.h>

int program_folder_find(char out[PATH_MAX], struct error *err)
{
    ssize_t len = readlink("/proc/self/exe", out, PATH_MAX - 1);
    if (len < 0)
        return error_set(err, ERROR_UNAVAILABLE, "/proc is not mounted");
    out[len] = '\0';
    char *slash = strrchr(out, '/');
    if (slash)
        *slash = '\0';
    return 0;
}
