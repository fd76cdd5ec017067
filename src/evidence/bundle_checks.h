/* The checks that bundles of machines and of enclaves have in common: of what the runtime data
 * says, for which the hardware's report vouches. Internal to this folder. */
#ifndef CAISSON_EVIDENCE_BUNDLE_CHECKS_H
#define CAISSON_EVIDENCE_BUNDLE_CHECKS_H

#include "evidence/bundle.h"
#include "evidence/checks.h"
#include "evidence/runtime_statement.h"

/* The REPORT_DATA of who was asked with our nonce: known is all but the numbers, and which
 * fragments were loaded, which are taken as found. -1 for a nonce of impossible size. */
int bundle_expect_report_data(struct span nonce, const struct runtime_data *found,
                              uint8_t out[REPORT_DATA_SIZE]);

/* `data` is what the bundle's runtime data says, where that can be read; else `unread` says why. */
void bundle_check_nonce(const struct runtime_data *data, const struct error *unread,
                        struct span nonce, struct checks *checks);
void bundle_check_containers(const struct runtime_data *data, bool partial, struct checks *checks);
void bundle_check_policy(const struct bundle *bundle, const uint8_t expected[SHA256_SIZE],
                         struct checks *checks);

#endif
