#include "cli/enclave_folder.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/program_folder.h"

#define PROGRAM "caisson-enclave-host"

static int name_files(const char *folder, struct enclave_folder *out, struct error *err)
{
    out->program = text_format("%s/" PROGRAM, folder);
    out->image = text_format("%s/caisson-enclave", folder);
    out->signature = text_format("%s/caisson-enclave.sig", folder);
    out->agent = text_format("%s/caisson-enclave-agent", folder);
    return out->program && out->image && out->signature && out->agent ? 0 : error_memory(err);
}

void enclave_folder_fini(struct enclave_folder *folder)
{
    free(folder->program);
    free(folder->image);
    free(folder->signature);
    free(folder->agent);
    *folder = (struct enclave_folder){0};
}

static bool has_files(const struct enclave_folder *folder)
{
    return access(folder->program, X_OK) == 0 && access(folder->image, R_OK) == 0 &&
           access(folder->signature, R_OK) == 0;
}

static int try_folder(const char *folder, struct enclave_folder *out, struct error *err)
{
    enclave_folder_fini(out);
    if (!folder)
        return error_memory(err);
    if (name_files(folder, out, err) < 0)
        return -1;
    if (access(out->agent, F_OK) < 0) {
        free(out->agent);
        out->agent = NULL;
    }
    if (has_files(out))
        return 0;
    return error_set(err, ERROR_UNAVAILABLE,
                     "the folder %s has no enclave (caisson-enclave, caisson-enclave.sig, " PROGRAM
                     "); --enclave or CAISSON_ENCLAVE names one",
                     folder);
}

/* In the build's folder, or where `make install` puts them. */
static int find_beside_program(struct enclave_folder *out, struct error *err)
{
    char program[PATH_MAX];
    if (program_folder_find(program, err) < 0)
        return -1;
    TEXT_AUTO shared = text_format("%s/../share/caisson/enclave", program);
    return try_folder(program, out, NULL) == 0 ? 0 : try_folder(shared, out, err);
}

int enclave_folder_find(const char *given, struct enclave_folder *out, struct error *err)
{
    const char *folder = given ? given : getenv("CAISSON_ENCLAVE");
    return folder && *folder ? try_folder(folder, out, err) : find_beside_program(out, err);
}
