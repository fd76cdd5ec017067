#include "cli/run_enclave.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "enclave/platform.h"

#define DEVICE "/dev/sgx_enclave"

/* What the library OS does not do is refused here, before it costs a pull. */
static int check_options(const struct args *args, struct error *err)
{
    static const char *const missing[] = {"scratch", "storage-opt", "cpus",
                                          "group",   "restart",     "guest",
                                          "sysctl",  "fragment",    "pids-limit"};
    for (size_t i = 0; i < sizeof missing / sizeof *missing; i++) {
        if (args_has(args, missing[i]))
            return error_set(err, ERROR_USAGE,
                             "--%s is for machines: a container in an enclave has no such thing",
                             missing[i]);
    }
    return 0;
}

int run_enclave_check(const struct args *args, enum vm_tee tee, struct error *err)
{
    if (check_options(args, err) < 0)
        return -1;
    if (tee == VM_TEE_SGX_SIMULATED) {
        log_warning(PLATFORM_BANNER ": this machine's host can read the container's memory");
        return 0;
    }
    if (access(DEVICE, R_OK | W_OK) == 0)
        return 0;
    return error_set(err, ERROR_UNAVAILABLE,
                     "this machine has no SGX that caisson can use (" DEVICE
                     ": %s); to run in a simulated enclave, which protects nothing, say --tee "
                     "sgx-simulated",
                     strerrordesc_np(errno));
}

int run_enclave_limit(const struct args *args, const struct run_options *options, json_t *request,
                      struct error *err)
{
    if (!args_has(args, "memory"))
        return 0;
    const json_int_t bytes = options->memory_mib * INT64_C(1048576);
    if (json_object_set_new(request, "limits", json_pack("{s:I}", "memory", bytes)) < 0)
        return error_memory(err);
    return 0;
}

char *run_enclave_platform(const char *store)
{
    return text_format("%s/simulated-sgx", store);
}

static int prepare_platform(const char *store, struct run_enclave *out, struct error *err)
{
    TEXT_AUTO folder = run_enclave_platform(store);
    if (!folder)
        return error_memory(err);
    PLATFORM_AUTO *platform = platform_open(folder, err);
    if (!platform)
        return -1;
    out->fuse = text_format("%s/" PLATFORM_FILE_FUSE, folder);
    out->quote_key = text_format("%s/" PLATFORM_FILE_KEY, folder);
    out->quote_chain = text_format("%s/" PLATFORM_FILE_CHAIN, folder);
    return out->fuse && out->quote_key && out->quote_chain ? 0 : error_memory(err);
}

int run_enclave_prepare(const struct args *args, enum vm_tee tee, const char *store,
                        struct run_enclave *out, struct vm_config *config, struct error *err)
{
    if (enclave_folder_find(args_get(args, "enclave"), &out->files, err) < 0 ||
        (tee == VM_TEE_SGX_SIMULATED && prepare_platform(store, out, err) < 0))
        return -1;
    config->enclave = (struct vm_enclave){.program = out->files.program,
                                          .image = out->files.image,
                                          .signature = out->files.signature,
                                          .agent = out->files.agent,
                                          .fuse = out->fuse,
                                          .quote_key = out->quote_key,
                                          .quote_chain = out->quote_chain};
    return 0;
}

void run_enclave_fini(struct run_enclave *enclave)
{
    enclave_folder_fini(&enclave->files);
    free(enclave->fuse);
    free(enclave->quote_key);
    free(enclave->quote_chain);
}
