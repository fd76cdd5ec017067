/*
 * The certificates that came with a report, in whatever form and order: PEM chains, single DER
 * files, a host's certificate table, the JSON of Azure's THIM. They are put in order by their
 * names, and nothing is believed because of a name: that is snp_chain.h's work.
 */
#ifndef CAISSON_EVIDENCE_SNP_CERTIFICATES_H
#define CAISSON_EVIDENCE_SNP_CERTIFICATES_H

#include "crypto/certificate.h"
#include "evidence/snp_chain.h"

#define SNP_CERTIFICATES_MAX      16
#define SNP_CERTIFICATES_SIZE_MAX (256 * 1024) /* bytes of one file of them */

struct snp_certificates {
    struct buf der[SNP_CERTIFICATES_MAX];
    size_t count;
};

void snp_certificates_init(struct snp_certificates *certificates);
void snp_certificates_fini(struct snp_certificates *certificates);
#define SNP_CERTIFICATES_AUTO                                                                      \
    __attribute__((cleanup(snp_certificates_fini))) struct snp_certificates

/* Takes one certificate in DER. One that is there already is left out. */
int snp_certificates_add_der(struct snp_certificates *certificates, struct span der,
                             struct error *err);

/* Takes all of a PEM text, of a certificate table, of THIM's JSON (thim.h), or of one certificate
 * in DER: the first bytes tell which. ERROR_INVALID for anything else, ERROR_LIMIT for too many. */
int snp_certificates_add(struct snp_certificates *certificates, struct span bytes,
                         struct error *err);

/* Finds the one leaf (SEV-VCEK or SEV-VLEK), the intermediate that it names as its issuer, and the
 * root that this one names; what else is there is left out. The chain borrows from `certificates`.
 * ERROR_INVALID, saying which is missing or there twice. */
int snp_certificates_order(const struct snp_certificates *certificates,
                           struct span chain[SNP_CHAIN_LENGTH], struct error *err);

#endif
