/*
 * An attestation report as a key broker of Confidential Containers wants it: a JSON object with a
 * member for each field, in the form of the `sev` crate (virtee/sev, AttestationReport with serde),
 * beside the certificates of the host's table. Pure.
 */
#ifndef CAISSON_AGENT_REPORT_JSON_H
#define CAISSON_AGENT_REPORT_JSON_H

#include "base/buf.h"

#define REPORT_JSON_MAX ((size_t)192 << 10)

/* Appends {"attestation_report": {…}, "cert_chain": […] | null}. `certificates` is the hardware's
 * table, or empty; both are checked no further than their form. ERROR_INVALID. */
int report_json_append(struct span report, struct span certificates, struct buf *out,
                       struct error *err);

#endif
