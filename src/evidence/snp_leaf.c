#include "evidence/snp_leaf.h"

#define OID_AMD            "1.3.6.1.4.1.3704.1."
#define OID_STRUCT_VERSION OID_AMD "1"
#define OID_PRODUCT        OID_AMD "2"
#define OID_HWID           OID_AMD "4"
#define OID_CSP_ID         OID_AMD "5"

#define ASN1_INTEGER      0x02
#define ASN1_OCTET_STRING 0x04
#define ASN1_IA5_STRING   0x16

static const struct check_rule rule_leaf_extensions = {
    "leaf_extensions", "AMD 57230, section 3.1",
    "the leaf does not say what every VCEK and VLEK must; fetch it again"};

/* A DER INTEGER from 0 to 255, in its shortest form. */
static bool read_small_integer(struct span der, uint8_t *out)
{
    if (der.size == 3 && der.data[0] == ASN1_INTEGER && der.data[1] == 1 && der.data[2] < 0x80) {
        *out = der.data[2];
        return true;
    }
    if (der.size == 4 && der.data[0] == ASN1_INTEGER && der.data[1] == 2 && der.data[2] == 0 &&
        der.data[3] >= 0x80) {
        *out = der.data[3];
        return true;
    }
    return false;
}

static const char *read_product(const struct certificate *certificate, struct snp_leaf *leaf)
{
    struct span der;
    if (!certificate_extension(certificate, OID_PRODUCT, &der))
        return "the product extension is missing";
    if (der.size < 2 || der.data[0] != ASN1_IA5_STRING || der.data[1] != der.size - 2 ||
        der.data[1] >= 0x80)
        return "the product extension is no IA5String";
    struct span name = span_of(der.data + 2, der.size - 2);
    leaf->product = snp_product_by_name(name);
    if (leaf->product)
        return NULL;
    return snp_product_lacks_root(name)
               ? "the product is known by name only: no root of AMD's is pinned for it"
               : "the product is unknown";
}

static const char *read_struct_version(const struct certificate *certificate, struct snp_leaf *leaf)
{
    struct span der;
    uint8_t version;
    if (!certificate_extension(certificate, OID_STRUCT_VERSION, &der) ||
        !read_small_integer(der, &version))
        return "structVersion is missing or no small integer";
    if (version != leaf->product->struct_version)
        return "structVersion is not the product's";
    return NULL;
}

static const char *read_tcb(const struct certificate *certificate, struct snp_leaf *leaf)
{
    static const char *const oids[SNP_TCB_PART_COUNT] = {
        [SNP_TCB_FMC] = OID_AMD "3.9",       [SNP_TCB_BOOTLOADER] = OID_AMD "3.1",
        [SNP_TCB_TEE] = OID_AMD "3.2",       [SNP_TCB_SNP] = OID_AMD "3.3",
        [SNP_TCB_MICROCODE] = OID_AMD "3.8",
    };
    struct span der;
    for (enum snp_tcb_part part = 0; part < SNP_TCB_PART_COUNT; part++) {
        int at = leaf->product->tcb_at[part];
        if (at == SNP_TCB_NOWHERE)
            continue;
        if (!certificate_extension(certificate, oids[part], &der) ||
            !read_small_integer(der, &leaf->tcb[at]))
            return "a security version (" OID_AMD "3.x) is missing or no small integer";
    }
    return NULL;
}

/* Raw bytes, or wrapped as an OCTET STRING: the sizes tell which, never the first byte, since a
 * chip's id may begin with any. */
static const char *read_hwid(const struct certificate *certificate, struct snp_leaf *leaf)
{
    size_t size = leaf->product->hwid_size;
    struct span value;
    bool has_hwid = certificate_extension(certificate, OID_HWID, &value);
    if (leaf->is_vlek) {
        struct span csp_id;
        return !has_hwid && certificate_extension(certificate, OID_CSP_ID, &csp_id)
                   ? NULL
                   : "a VLEK must have a CSP_ID and no HWID";
    }
    if (!has_hwid)
        return "HWID is missing";
    if (value.size == size + 2 && value.data[0] == ASN1_OCTET_STRING && value.data[1] == size)
        value = span_of(value.data + 2, size);
    if (value.size != size)
        return "HWID has not the product's size";
    leaf->hwid = value;
    return NULL;
}

void snp_leaf_check(const struct certificate *certificate, struct snp_leaf *leaf,
                    struct checks *checks)
{
    static const char *(*const readers[])(const struct certificate *, struct snp_leaf *) = {
        read_product, read_struct_version, read_tcb, read_hwid};
    const char *wrong = NULL;
    *leaf = (struct snp_leaf){.is_vlek = strcmp(certificate_name(certificate), "SEV-VLEK") == 0};
    for (size_t i = 0; !wrong && i < sizeof readers / sizeof *readers; i++)
        wrong = readers[i](certificate, leaf);
    if (wrong)
        leaf->product = NULL;
    (void)checks_add(checks, &rule_leaf_extensions, wrong ? CHECK_FAILED : CHECK_PASSED,
                     "structVersion, product, security versions, and HWID or CSP_ID",
                     wrong ? wrong : leaf->product->name);
}
