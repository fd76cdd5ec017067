/* What a command line says of time and trust: the same options in every `verify`. */
#ifndef CAISSON_CLI_TRUST_H
#define CAISSON_CLI_TRUST_H

#include "base/buf.h"
#include "evidence/snp_chain.h"

/* The time of --at, else now. ERROR_USAGE for another form. */
int trust_read_time(const char *text, int64_t *time, struct error *err);

#define TRUST_SIMULATED_SNP "ark.pem"

/* The root of the simulated processor in `dir`, in the file of this name: one certificate, which
 * must call itself simulated, so that this is no way to trust any other. */
int trust_read_simulated(const char *dir, const char *name, struct trusted_root *root,
                         struct error *err);

/* The root in a file, PEM or DER; `der` (limit CERTIFICATE_DER_MAX) takes its bytes. One that calls
 * itself simulated is trusted as such. */
int trust_read_root(const char *path, struct trusted_root *root, struct buf *der,
                    struct error *err);

#endif
