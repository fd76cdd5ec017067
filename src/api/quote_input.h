/* What verifications take of a quote, from the public structures to the library's own. */
#ifndef CAISSON_API_QUOTE_INPUT_H
#define CAISSON_API_QUOTE_INPUT_H

#include "api/result.h"

struct caisson_collateral {
    struct dcap_collateral *checked;
};

/* Takes an appraisal, the text of an appraisal file, or neither: then it is the strictest. */
int input_take_quote_appraisal(const struct caisson_quote_appraisal *given,
                               struct caisson_bytes text, struct dcap_appraisal *out,
                               struct error *err);

/* Verifies the quote into the result's own place, which then borrows nothing of the caller's. */
enum verdict result_verify_quote(struct caisson_bytes quote,
                                 const struct caisson_collateral *collateral,
                                 const struct dcap_appraisal *appraisal,
                                 struct caisson_result *result);

#endif
