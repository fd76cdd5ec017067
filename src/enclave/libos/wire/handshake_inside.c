/* The processor that this enclave runs on. */
#include <asm/errno.h>

#include "enclave/inside/enclave.h"
#include "enclave/libos/wire/handshake.h"

static void make_report(void *arg, const struct sgx_targetinfo *target,
                        const uint8_t data[SGX_REPORT_DATA_SIZE], struct sgx_report *out)
{
    (void)arg;
    enclu_report(target, data, out);
}

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

const struct handshake_processor handshake_inside = {
    .report = make_report, .key = get_key, .random = get_random};
