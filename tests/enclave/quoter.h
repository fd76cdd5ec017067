/*
 * A quoter that is played: it signs nothing. What it gives has the form of a quote of the report
 * that it was asked for, and bytes that are easily told from others behind.
 */
#ifndef CAISSON_TESTS_ENCLAVE_QUOTER_H
#define CAISSON_TESTS_ENCLAVE_QUOTER_H

#include "enclave/host_quoter.h"

/* As host_quoter_begin() has it. */
int quoter_begin(void (*log)(const char *line), struct host_quoter *out, struct error *err);

#endif
