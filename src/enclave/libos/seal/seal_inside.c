#include "enclave/libos/seal/seal_inside.h"

#include <linux/errno.h>

#include "enclave/inside/enclave.h"
#include "enclave/libos/wipe.h"

/* Of a report's body (Intel SDM volume 3D, table 38-19). */
#define CPU_SVN    0
#define ISV_SVN    258
#define CONFIG_SVN 260

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
    memcpy(processor->cpu_svn, report.body + CPU_SVN, sizeof processor->cpu_svn);
    memcpy(&processor->isv_svn, report.body + ISV_SVN, sizeof processor->isv_svn);
    memcpy(&processor->config_svn, report.body + CONFIG_SVN, sizeof processor->config_svn);
}
