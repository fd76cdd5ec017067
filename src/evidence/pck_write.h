/* Writes what pck.h reads: the SGX extension of a PCK certificate, for platforms that are not
 * Intel's. */
#ifndef CAISSON_EVIDENCE_PCK_WRITE_H
#define CAISSON_EVIDENCE_PCK_WRITE_H

#include "base/buf.h"
#include "evidence/pck.h"

/* Appends what the extension's OCTET STRING holds. The platform instance is there with
 * `has_instance`, the configuration unless `smt` is PCK_UNSAID. */
int pck_write(const struct pck *pck, struct buf *der, struct error *err);

#endif
