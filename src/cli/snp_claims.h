/* What an SEV-SNP report says, for programs. */
#ifndef CAISSON_CLI_SNP_CLAIMS_H
#define CAISSON_CLI_SNP_CLAIMS_H

#include "evidence/snp_verify.h"
#include "format/json.h"

/* {"product", "report": {…}}, the report null where it could not be read; the caller's. NULL when
 * there is no memory. */
json_t *snp_claims_json(const struct snp_result *result);

#endif
