/*
 * The platform of simulated SGX: what stands for the processor's fuses, and a quoting component
 * that turns reports of the model's enclaves into DCAP quotes, under a root of its own. Every name
 * of its certificates says SIMULATED. Nothing that it signs proves anything about this machine, and
 * every verifier refuses it unless its root is named.
 *
 * A platform lives in a folder (0700, os/private_dir.h): fuse.key, pck.key, pck.pem (PCK
 * certificate, its CA, the root), root.pem (to be handed to verifiers) and collateral.json (TCB
 * info, identity of the quoting component, lists: all that a verifier wants, signed by the
 * platform's own keys and valid from 2020 to 2049). It is made at the first start. The keys of the
 * root, of the CA and of the TCB signer are forgotten once they have signed.
 */
#ifndef CAISSON_ENCLAVE_PLATFORM_H
#define CAISSON_ENCLAVE_PLATFORM_H

#include "base/buf.h"
#include "measure/sgx.h"

#define PLATFORM_BANNER "SIMULATED SGX"

struct platform;

/* Opens the platform in `dir`, and makes it first where there is none. NULL with `err`:
 * ERROR_SYSTEM, or ERROR_INVALID when its files are damaged, not alike, or readable by others. The
 * caller calls platform_close(). */
struct platform *platform_open(const char *dir, struct error *err);
void platform_close(struct platform *platform);
void platform_cleanup(struct platform **platform);
#define PLATFORM_AUTO __attribute__((cleanup(platform_cleanup))) struct platform

/* The same by what the files hold, for a process that cannot open them. They are not tried out: who
 * opened the folder has. */
struct platform *platform_of(const uint8_t fuse[SGX_KEY_SIZE], struct span key, struct span chain,
                             struct error *err);

#define PLATFORM_FILE_FUSE  "fuse.key"
#define PLATFORM_FILE_KEY   "pck.key"
#define PLATFORM_FILE_CHAIN "pck.pem"
#define PLATFORM_FILE_MAX   65536 /* bytes */

/* 16 bytes for model_set_fuse(), borrowed. A secret: all keys of this platform's enclaves derive
 * from it. */
const uint8_t *platform_fuse(const struct platform *platform);

/* For whom an enclave must make its report (EREPORT), to have it quoted. */
void platform_target(struct sgx_targetinfo *target);

/* Appends a quote of version 3. ERROR_REFUSED unless the report was made on this platform for
 * platform_target(). */
int platform_quote(const struct platform *platform, const struct sgx_report *report,
                   struct buf *quote, struct error *err);

/* collateral.json, as `caisson verify sgx --collateral` takes it; borrowed. */
struct span platform_collateral(const struct platform *platform);

#endif
