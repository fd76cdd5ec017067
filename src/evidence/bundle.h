/*
 * An evidence bundle: one JSON file with all that a verifier needs besides what only it knows (its
 * nonce, its policy, its guest's manifest, its roots). docs/evidence.md has the format.
 *
 * Everything in a bundle is the host's word until bundle_verify() has compared it with what is
 * signed. Reading is strict and bounded: another key, a missing one, a value of another type or
 * size is refused.
 */
#ifndef CAISSON_EVIDENCE_BUNDLE_H
#define CAISSON_EVIDENCE_BUNDLE_H

#include "base/buf.h"
#include "crypto/digest.h"

#define BUNDLE_SIZE_MAX         (8 * 1024 * 1024)
#define BUNDLE_REPORT_MAX       16384
#define BUNDLE_CERTIFICATES_MAX 8
#define BUNDLE_RUNTIME_DATA_MAX 65536
#define BUNDLE_POLICY_MAX       (4 * 1024 * 1024)
#define BUNDLE_CMDLINE_SIZE     2048 /* with its terminator */
#define BUNDLE_VCPUS_MAX        512

/* Of the last two, which are enclaves, the report is a DCAP quote; there are neither certificates,
 * which are in it, nor a guest. */
enum bundle_tee {
    BUNDLE_TEE_SIMULATED,
    BUNDLE_TEE_SNP,
    BUNDLE_TEE_SGX_SIMULATED,
    BUNDLE_TEE_SGX,
    BUNDLE_TEE_COUNT
};

struct bundle {
    enum bundle_tee tee;
    struct buf report;
    struct buf certificates[BUNDLE_CERTIFICATES_MAX]; /* DER, leaf first */
    size_t certificate_count;
    struct buf runtime_data;
    struct buf policy;
    /* What the host says that it launched: it only helps to say what differs. */
    uint8_t kernel[SHA256_SIZE];
    uint8_t initrd[SHA256_SIZE];
    char cmdline[BUNDLE_CMDLINE_SIZE];
    uint32_t vcpus;
};

/* An empty bundle; the owner calls bundle_fini(). */
void bundle_init(struct bundle *bundle);
void bundle_fini(struct bundle *bundle);
#define BUNDLE_AUTO __attribute__((cleanup(bundle_fini))) struct bundle

/* Reads a bundle into `bundle`, which was initialised. ERROR_INVALID or ERROR_LIMIT with the key.
 */
int bundle_parse(struct span text, struct bundle *bundle, struct error *err);

/* Appends the bundle's JSON text. */
int bundle_write(const struct bundle *bundle, struct buf *out, struct error *err);

/* Takes the certificates of a PEM text, leaf first, as psp_certificates() gives it. */
int bundle_set_certificates(struct bundle *bundle, struct span pem, struct error *err);

/* Takes the certificates of an SEV-SNP certificate table (AMD 56421, GHCB specification,
 * section 4.1.8.1: the guest's auxblob): VCEK or VLEK, ASK or ASVK, ARK, in this order, those that
 * are there. Other entries are left out; ERROR_INVALID for a table that leads outside itself or has
 * one twice. */
int bundle_set_certificate_table(struct bundle *bundle, struct span table, struct error *err);

/* "simulated", "sev-snp", "sgx-simulated", "sgx". */
const char *bundle_tee_name(enum bundle_tee tee);
bool bundle_is_of_enclave(const struct bundle *bundle);
/* False for another name. */
bool bundle_tee_by_name(const char *name, enum bundle_tee *tee);

#endif
