/* What a DCAP quote says of enclave or trust domain, of its platform and of how current that is:
 * for people, for programs, and as a picture. */
#ifndef CAISSON_CLI_QUOTE_CLAIMS_H
#define CAISSON_CLI_QUOTE_CLAIMS_H

#include "cli/verdict.h"
#include "evidence/dcap_verify.h"

/* {"tee", "quote": {…}, "platform": {…}, "tcb": {…}}, without what could not be read; the caller's.
 * NULL when there is no memory. */
json_t *quote_claims_json(const struct dcap_result *result);

/* Appends the same as lines, of the report's fields those that nothing was compared with. */
int quote_claims_note(const struct dcap_result *result, struct buf *note, struct error *err);

#define QUOTE_BOX_COUNT 7

/* The picture's texts; the boxes borrow them, and the result's. */
struct quote_picture {
    char fmspc[2 * PCK_FMSPC_SIZE + 1];
    char code[2 * DCAP_FIELD_SIZE_MAX + 1];
    char given[2 * DCAP_FIELD_SIZE_MAX + 1];
    struct verdict_box boxes[QUOTE_BOX_COUNT];
};

void quote_claims_draw(const struct dcap_result *result, struct quote_picture *picture);

#endif
