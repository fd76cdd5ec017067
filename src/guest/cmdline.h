/* What the measured command line says: which TEE isolates this machine. */
#ifndef CAISSON_GUEST_CMDLINE_H
#define CAISSON_GUEST_CMDLINE_H

#include "base/error.h"
#include "base/span.h"

enum guest_tee { GUEST_SEV_SNP, GUEST_SIMULATED };

/* "sev-snp", "simulated": the word of caisson.tee=, and of `hello`. */
const char *guest_tee_name(enum guest_tee tee);

/* Reads the text of /proc/cmdline. Refuses a line that does not name a known TEE exactly once, and
 * one with anything behind it; but a simulated machine's may go on with tsc_early_khz=<number>, a
 * fact about the platform that is not measured (docs/guest.md). */
int cmdline_parse(struct span text, enum guest_tee *tee, struct error *err);

#endif
