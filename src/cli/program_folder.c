#include "cli/program_folder.h"

#include <string.h>
#include <unistd.h>

int program_folder_find(char out[PATH_MAX], struct error *err)
{
    char path[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", path, sizeof path - 1);
    if (len < 0)
        return error_set(err, ERROR_UNAVAILABLE, "/proc is not mounted");
    path[len] = '\0';
    char *slash = strrchr(path, '/');
    if (slash)
        *slash = '\0';
    memcpy(out, path, strlen(path) + 1);
    return 0;
}
