/*
 * SEV-SNP's certificate table, as a host hands it to its guest (AMD 56421, GHCB specification,
 * section 4.1.8.1; the guest finds it in auxblob): entries of a GUID, an offset and a size, ended
 * by one of zeros, and the certificates behind them. All of it is the host's word.
 */
#ifndef CAISSON_EVIDENCE_CERTIFICATE_TABLE_H
#define CAISSON_EVIDENCE_CERTIFICATE_TABLE_H

#include "base/error.h"
#include "base/span.h"

/* VCEK or VLEK, ASK or ASVK, ARK. */
#define CERTIFICATE_TABLE_PLACES 3

/* Finds the certificates; `found` borrows from the table, empty spans stand for those that are not
 * there. Entries of other GUIDs are left out. ERROR_INVALID for a table that leads outside itself,
 * has no end or has one certificate twice; ERROR_LIMIT for too many entries. */
int certificate_table_read(struct span table, struct span found[CERTIFICATE_TABLE_PLACES],
                           struct error *err);

/* Whether these bytes begin with an entry for a certificate. */
bool certificate_table_looks_so(struct span bytes);

#endif
