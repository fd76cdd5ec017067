#include "evidence/evidence_kind.h"

#include "base/cursor.h"
#include "evidence/certificate_table.h"
#include "evidence/snp_report.h"

#define QUOTE_HEADER_SIZE 48
#define TEE_SGX           0
#define TEE_TDX           0x81

static bool is_bundle(struct span bytes)
{
    size_t at = 0;
    while (at < bytes.size && memchr(" \t\r\n", bytes.data[at], 4))
        at++;
    return at < bytes.size && bytes.data[at] == '{';
}

static bool is_snp_report(struct span bytes)
{
    struct cursor cursor = cursor_of(bytes);
    uint32_t version;
    return bytes.size == SNP_REPORT_SIZE && cursor_le32(&cursor, &version) &&
           version >= SNP_VERSION_MIN && version <= SNP_VERSION_MAX;
}

/* u16 version, u16 type of the attestation key (2: ECDSA on P-256), u32 TEE type. */
static bool is_quote(struct span bytes, uint32_t tee)
{
    struct cursor cursor = cursor_of(bytes);
    uint16_t version;
    uint16_t key_type;
    uint32_t found;
    return bytes.size > QUOTE_HEADER_SIZE && cursor_le16(&cursor, &version) &&
           cursor_le16(&cursor, &key_type) && cursor_le32(&cursor, &found) && version >= 3 &&
           version <= 5 && (key_type == 2 || key_type == 3) && found == tee;
}

static bool is_sgx_quote(struct span bytes)
{
    return is_quote(bytes, TEE_SGX);
}

static bool is_tdx_quote(struct span bytes)
{
    return is_quote(bytes, TEE_TDX);
}

static bool begins_with(struct span bytes, const void *start, size_t size)
{
    return bytes.size > size && memcmp(bytes.data, start, size) == 0;
}

static bool is_hcl_report(struct span bytes)
{
    return begins_with(bytes, "HCLA", 4);
}

static bool is_cose(struct span bytes)
{
    return begins_with(bytes, "\xd2\x84", 2);
}

static bool is_certificates(struct span bytes)
{
    return begins_with(bytes, "-----BEGIN CERTIFICATE", 22) || begins_with(bytes, "\x30\x82", 2) ||
           certificate_table_looks_so(bytes);
}

static const struct {
    enum evidence_kind kind;
    bool (*is_it)(struct span bytes);
    const char *name;
} kinds[] = {
    {EVIDENCE_BUNDLE, is_bundle, "an evidence bundle"},
    {EVIDENCE_SNP_REPORT, is_snp_report, "an SEV-SNP report"},
    {EVIDENCE_SGX_QUOTE, is_sgx_quote, "an SGX quote"},
    {EVIDENCE_TDX_QUOTE, is_tdx_quote, "a TDX quote"},
    {EVIDENCE_HCL_REPORT, is_hcl_report, "an HCL report of an Azure machine"},
    {EVIDENCE_COSE, is_cose, "a signed statement (COSE_Sign1)"},
    {EVIDENCE_CERTIFICATES, is_certificates, "certificates"},
};

#define KINDS (sizeof kinds / sizeof *kinds)
_Static_assert(KINDS == EVIDENCE_KIND_COUNT - 1, "a row for each kind but the unknown");

enum evidence_kind evidence_kind_of(struct span bytes)
{
    for (size_t i = 0; i < KINDS; i++) {
        if (kinds[i].is_it(bytes))
            return kinds[i].kind;
    }
    return EVIDENCE_UNKNOWN;
}

const char *evidence_kind_name(enum evidence_kind kind)
{
    for (size_t i = 0; i < KINDS; i++) {
        if (kinds[i].kind == kind)
            return kinds[i].name;
    }
    return "no evidence that is known here";
}
