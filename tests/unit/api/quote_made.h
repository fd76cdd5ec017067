/* Quotes and collateral of a platform that never was, as a program that uses libcaisson has them.
 */
#ifndef CAISSON_TESTS_QUOTE_MADE_H
#define CAISSON_TESTS_QUOTE_MADE_H

#include "../check.h"
#include "../evidence/dcap_fake.h"

#include <caisson/evidence.h>

extern struct dcap_fake fake;
extern struct caisson_result *result;
extern struct caisson_root root;
extern struct caisson_check check;
extern struct caisson_collateral *collateral; /* dropped after each case */

int start(void **state);
int end(void **state);
int drop(void **state);

struct caisson_bytes bytes_of(struct span bytes);

/* The collateral that dcap_fake_make() made. */
struct caisson_collateral_input pieces(void);

/* Makes what was changed since dcap_fake_reset(), and takes its collateral. */
void make(void);
void make_fresh(enum dcap_body body);

/* The quote by that collateral. */
struct caisson_quote_input make_input(void);

void check_accepted(const struct caisson_quote_input *input);

/* Refused, and first by this check, with no claims to be had. */
void check_refused_by(const struct caisson_quote_input *input, const char *name);

#endif
