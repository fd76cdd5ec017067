/* From an image and its signature to an enclave that can be entered, and a thread's way through it.
 */
#ifndef CAISSON_ENCLAVE_LOAD_H
#define CAISSON_ENCLAVE_LOAD_H

#include "enclave/driver.h"

struct enclave_options {
    uint8_t config_id[64]; /* the policy's SHA-256, then zeros */
    uint16_t config_svn;
    bool is_debug; /* the host may read it; only where the signature admits it */
};

/* Binds the policy: CONFIGID is its SHA-256, then zeros. Every report and quote says it; the keys
 * that ask for it differ by it. */
void enclave_options_bind(struct enclave_options *options, struct span policy);

/* Makes the enclave: the vector registers that this machine has, and KSS. NULL with the driver's
 * error; the caller frees it by the driver. */
struct enclave *enclave_load(const struct driver *driver, const struct enclave_image *image,
                             const uint8_t sigstruct[SIGSTRUCT_SIZE],
                             const struct enclave_options *options, struct error *err);

/* Who answers when the enclave asks (enclave/inside/door.h). */
struct enclave_host {
    uint64_t (*answer)(void *context, uint64_t number, const uint64_t arguments[3]);
    void *context;
};

/* Runs main in the thread whose TCS is at this offset, until it returns: *result is its value.
 * Exceptions are taken back to the code inside. ERROR_REFUSED when the TCS cannot be entered,
 * ERROR_PROTOCOL when the code inside gives the thread up or leaves otherwise than the door says.
 */
int enclave_run_thread(struct enclave *enclave, uint64_t tcs, const uint64_t arguments[4],
                       const struct enclave_host *host, uint64_t *result, struct error *err);

#endif
