#include "service/folder.h"

#include <dirent.h>
#include <errno.h>

#include "base/error.h"
#include "base/text.h"

int folder_visit_each(const char *path, const char *suffix, folder_visit *visit, void *context,
                      struct error *err)
{
    DIR *folder = opendir(path);
    int result = 0;
    if (!folder)
        return error_system(err, errno, "cannot read the folder %s", path);
    while (result == 0) {
        errno = 0;
        const struct dirent *at = readdir(folder);
        if (!at && errno != 0)
            result = error_system(err, errno, "cannot read the folder %s", path);
        if (!at)
            break;
        if (text_ends_with(at->d_name, suffix) && at->d_name[0] != '.')
            result = visit(path, at->d_name, context, err);
    }
    (void)closedir(folder);
    return result;
}
