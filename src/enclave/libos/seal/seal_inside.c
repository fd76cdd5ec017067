#include "enclave/libos/seal/seal_inside.h"

#include <linux/errno.h>

#include "enclave/inside/enclave.h"
#include "enclave/libos/seal/report.h"
#include "enclave/libos/wipe.h"

static uint32_t get_key(void *arg, const struct sgx_keyrequest *request, uint8_t out[SGX_KEY_SIZE])
{
    (void)arg;
    return enclu_key(request, out);
}

static int get_random(void *arg, void *out, size_t size)
{
    (void)arg;
    return enclave_random(out, size) ? 0 : -EIO;
}

void seal_inside(struct seal_processor *processor)
{
    struct sgx_targetinfo nobody = {.attributes = {.flags = 0}};
    static const uint8_t no_data[SGX_REPORT_DATA_SIZE] __attribute__((aligned(128)));
    struct sgx_report report;
    enclu_report(&nobody, no_data, &report);
    *processor = (struct seal_processor){.key = get_key, .random = get_random};
    report_get_versions(&report, processor->cpu_svn, &processor->isv_svn, &processor->config_svn);
}
