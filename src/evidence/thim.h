/*
 * The certificates that Azure's host hands out for its processor ("THIM", Trusted Hardware Identity
 * Management; on ACI the file host-amd-cert-base64): JSON with
 *
 *     vcekCert           PEM, one certificate
 *     certificateChain   PEM: ASK, ARK
 *     tcbm               the TCB that the leaf is for, 16 hexadecimal digits, highest byte first
 *     cacheControl       ignored, as are other members
 *
 * All of it is the host's word; the chain is checked by snp_chain.h.
 */
#ifndef CAISSON_EVIDENCE_THIM_H
#define CAISSON_EVIDENCE_THIM_H

#include "base/buf.h"

#define THIM_SIZE_MAX     65536
#define THIM_CERTIFICATES 3
#define THIM_TCB_SIZE     8

struct thim {
    struct buf certificates[THIM_CERTIFICATES]; /* DER: VCEK, ASK, ARK */
    bool has_tcb;
    uint8_t tcb[THIM_TCB_SIZE]; /* as in a report: little endian */
};

/* An empty one; the owner calls thim_fini(). */
void thim_init(struct thim *thim);
void thim_fini(struct thim *thim);
#define THIM_AUTO __attribute__((cleanup(thim_fini))) struct thim

/* Reads the JSON text into `thim`, which was initialised. ERROR_INVALID or ERROR_LIMIT. */
int thim_parse(struct span text, struct thim *thim, struct error *err);

#endif
