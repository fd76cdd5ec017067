#include "cli/guest_folder.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/program_folder.h"

static bool has_manifest(const char *folder)
{
    TEXT_AUTO path = text_format("%s/manifest.json", folder);
    return path && access(path, R_OK) == 0;
}

/* Takes the folder when it holds a guest; it is made absolute. */
static bool try_folder(char *folder, char **out)
{
    *out = folder && has_manifest(folder) ? realpath(folder, NULL) : NULL;
    free(folder);
    return *out != NULL;
}

static int find_beside_program(char **out, struct error *err)
{
    char program[PATH_MAX];
    if (program_folder_find(program, err) < 0)
        return -1;
    if (try_folder(text_format("%s/guest", program), out) ||
        try_folder(text_format("%s/../share/caisson/guest", program), out))
        return 0;
    return error_set(
        err, ERROR_UNAVAILABLE,
        "no guest in %s/guest; make guest builds one, --guest or CAISSON_GUEST names one", program);
}

int guest_folder_find(const char *given, char **out, struct error *err)
{
    const char *named = given ? given : getenv("CAISSON_GUEST");
    if (!named || !*named)
        return find_beside_program(out, err);
    if (try_folder(text_format("%s", named), out))
        return 0;
    return error_set(err, ERROR_UNAVAILABLE, "the folder %s holds no guest (manifest.json)", named);
}
