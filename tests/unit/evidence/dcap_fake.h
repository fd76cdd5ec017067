/*
 * A platform that never was: keys on P-256, a PKI with the names of Intel's, collateral and quotes,
 * made anew for each case. A case changes what it wants between dcap_fake_reset() and
 * dcap_fake_make(), or tampers with what was made.
 */
#ifndef CAISSON_TESTS_DCAP_FAKE_H
#define CAISSON_TESTS_DCAP_FAKE_H

#include "crypto/issue.h"
#include "evidence/dcap_collateral.h"
#include "evidence/dcap_quote.h"

#define FAKE_NOW       INT64_C(1780272000) /* 2026-06-01T00:00:00Z */
#define FAKE_DAY       INT64_C(86400)
#define FAKE_TEXT_SIZE 16384

enum fake_key { FAKE_ROOT, FAKE_CA, FAKE_PCK, FAKE_SIGNING, FAKE_ATTESTATION, FAKE_KEY_COUNT };
/* Serial numbers of the certificates. */
enum { FAKE_SERIAL_ROOT = 1, FAKE_SERIAL_CA, FAKE_SERIAL_PCK, FAKE_SERIAL_SIGNING };

struct dcap_fake {
    struct private_key *keys[FAKE_KEY_COUNT]; /* made once */
    /* What a case may change before dcap_fake_make(). */
    const char *names[FAKE_KEY_COUNT]; /* common names; none of the attestation key */
    enum fake_key issuers[FAKE_KEY_COUNT];
    int64_t not_before[FAKE_KEY_COUNT];
    int64_t not_after[FAKE_KEY_COUNT];
    bool is_ca[FAKE_KEY_COUNT];
    uint64_t root_crl_serial; /* on the list; 0: an empty list */
    uint64_t pck_crl_serial;
    enum fake_key root_crl_key;
    enum fake_key pck_crl_key;
    int64_t crl_from;
    int64_t crl_to;
    const char *pck_crl_issuer; /* common name */
    struct pck pck;
    bool has_extension; /* of the PCK certificate, which says the above */
    uint16_t version;   /* of the quote */
    enum dcap_body body;
    uint8_t vendor[DCAP_VENDOR_SIZE];
    uint8_t report[DCAP_TD15_SIZE];
    uint8_t qe_report[DCAP_SGX_SIZE]; /* its REPORTDATA is filled in */
    uint8_t qe_auth_data[32];
    uint16_t certification_type;
    char tcb_info[FAKE_TEXT_SIZE];
    char qe_identity[FAKE_TEXT_SIZE];
    /* What dcap_fake_make() made. */
    struct buf certificates[FAKE_KEY_COUNT]; /* DER */
    struct buf pck_ca_chain;                 /* PEM */
    struct buf signing_chain;
    struct buf pck_chain;
    struct buf root_crl; /* DER */
    struct buf pck_crl;
    struct buf quote;
    struct dcap_parts parts; /* spans of the above */
    struct trusted_root root;
    struct dcap_options options; /* the time, and the root */
};

/* Makes the keys. */
void dcap_fake_init(struct dcap_fake *fake);
void dcap_fake_fini(struct dcap_fake *fake);

/* Everything as it should be, for a quote of this kind: version 3 for SGX, 4 for TDX 1.0, 5 for TDX
 * 1.5. */
void dcap_fake_reset(struct dcap_fake *fake, enum dcap_body body);

/* Issues, signs and assembles; aborts when it can't. */
void dcap_fake_make(struct dcap_fake *fake);

/* The bytes of a field of the report, to be changed. */
uint8_t *dcap_fake_field(struct dcap_fake *fake, enum dcap_field field);

/* Replaces the first occurrence in one of the texts; aborts when there is none. */
void dcap_fake_replace(char text[FAKE_TEXT_SIZE], const char *old, const char *new);

/* Appends the collateral as the JSON that dcap_parts_parse() reads. */
void dcap_fake_collateral(const struct dcap_fake *fake, struct buf *json);

#endif
