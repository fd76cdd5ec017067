/*
 * What DCAP quotes are judged by, for many clients: a folder of files NAME.json, each the
 * collateral of a family of platforms as `caisson verify sgx --collateral` reads it. Its signatures
 * are checked once a minute at most, and its dates by the minute.
 */
#ifndef CAISSON_SERVICE_COLLATERALS_H
#define CAISSON_SERVICE_COLLATERALS_H

#include "evidence/dcap_verify.h"

#define COLLATERALS_MAX     64 /* files in the folder */
#define COLLATERALS_SECONDS 60 /* for which a check of dates counts */

struct collaterals;

/* SHA-256 of the pieces that a quote was judged by, in hexadecimal. */
struct collateral_hashes {
    char qe_identity[2 * SHA256_SIZE + 1];
    char qe_identity_chain[2 * SHA256_SIZE + 1];
    char tcb_info[2 * SHA256_SIZE + 1];
    char tcb_info_chain[2 * SHA256_SIZE + 1];
    char root_crl[2 * SHA256_SIZE + 1]; /* of who issued both chains */
};

/* Reads the folder (NULL: there is none, and no quote is accepted). Intel's root is trusted, and
 * these, which are copied. NULL with the file that can't be read. */
struct collaterals *collaterals_open(const char *folder, const struct trusted_root *roots,
                                     size_t root_count, struct error *err);
void collaterals_close(struct collaterals *collaterals);

/* Reads the folder anew; what was there stays where that fails. */
int collaterals_refresh(struct collaterals *collaterals, struct error *err);

/* Verifies a quote by the collateral of its platform; any number of threads at once. Fills result
 * and hashes; the result borrows from the quote. ERROR_UNAVAILABLE where there is no collateral of
 * the platform, or it has run out; ERROR_INVALID for what is no quote of the appraisal's TEE; else
 * 0, with the verdict in result->checks. */
int collaterals_verify(struct collaterals *collaterals, struct span quote, int64_t time,
                       const struct dcap_appraisal *appraisal, struct dcap_result *result,
                       struct collateral_hashes *hashes, struct error *err);

#endif
