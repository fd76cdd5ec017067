/*
 * What a PCK certificate says of the platform: its extension 1.2.840.113741.1.13.1 (Intel, "SGX PCK
 * Certificate and Certificate Revocation List Profile Specification", section 1.3.5).
 */
#ifndef CAISSON_EVIDENCE_PCK_H
#define CAISSON_EVIDENCE_PCK_H

#include "base/error.h"
#include "base/span.h"

#define PCK_EXTENSION_OID "1.2.840.113741.1.13.1"

#define TCB_COMPONENT_COUNT 16
#define PCK_FMSPC_SIZE      6
#define PCK_PCEID_SIZE      2
#define PCK_PPID_SIZE       16
#define PCK_INSTANCE_SIZE   16

enum pck_type { PCK_STANDARD = 0, PCK_SCALABLE = 1, PCK_SCALABLE_WITH_INTEGRITY = 2 };

/* What a certificate of the Platform CA may say of the configuration. */
enum pck_answer { PCK_UNSAID = 0, PCK_NO, PCK_YES };

struct pck {
    uint8_t ppid[PCK_PPID_SIZE];
    uint8_t components[TCB_COMPONENT_COUNT]; /* the platform's security version numbers */
    uint16_t pcesvn;
    uint8_t cpusvn[16];
    uint8_t pceid[PCK_PCEID_SIZE];
    uint8_t fmspc[PCK_FMSPC_SIZE];
    enum pck_type type;
    bool has_instance;
    uint8_t instance[PCK_INSTANCE_SIZE];
    enum pck_answer dynamic_platform;
    enum pck_answer cached_keys;
    enum pck_answer smt;
};

/* Reads what the extension's OCTET STRING holds. ERROR_INVALID, naming the part, when one that
 * every PCK certificate has is missing, and when one is there twice, unknown or of another form. */
int pck_parse(struct span extension, struct pck *pck, struct error *err);

#endif
