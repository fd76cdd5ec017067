#include "evidence/snp_chain.h"

#include <stdio.h>

#include "base/hex.h"
#include "format/timestamp.h"

#define OID_AMD            "1.3.6.1.4.1.3704.1."
#define OID_STRUCT_VERSION OID_AMD "1"
#define OID_PRODUCT        OID_AMD "2"
#define OID_BOOTLOADER     OID_AMD "3.1"
#define OID_TEE            OID_AMD "3.2"
#define OID_SNP            OID_AMD "3.3"
#define OID_MICROCODE      OID_AMD "3.8"
#define OID_FMC            OID_AMD "3.9"
#define OID_HWID           OID_AMD "4"
#define OID_CSP_ID         OID_AMD "5"

#define ASN1_INTEGER      0x02
#define ASN1_OCTET_STRING 0x04
#define ASN1_IA5_STRING   0x16

#define SIMULATED "SIMULATED"

enum { LEAF, INTERMEDIATE, ROOT };

/* Roots: SHA-256 of the ARKs that AMD's KDS serves,
 * https://kdsintf.amd.com/vcek/v1/NAME/cert_chain. */
static const struct {
    const char *product;
    const char *digest;
} pinned_roots[] = {
    {"Milan", "69d063b45344d26a2e94e1f4210de49ef555308287d4c174445c95639a540bcd"},
    {"Genoa", "4c6598d19c18719c5dfd4a7d335f674e5bfe1d8f800cea2cf270c10d103db2f1"},
    {"Turin", "1f084161a44bb6d93778a904877d4819cafa5d05ef4193b2ded9dd9c73dd3f6a"},
};

/* TCB_VERSION, AMD 56860 section 2.2: Turin has its own order, with the FMC first. */
static const struct snp_product products[] = {
    {"Milan", 0, 64, {[0] = OID_BOOTLOADER, [1] = OID_TEE, [6] = OID_SNP, [7] = OID_MICROCODE}},
    {"Genoa", 0, 64, {[0] = OID_BOOTLOADER, [1] = OID_TEE, [6] = OID_SNP, [7] = OID_MICROCODE}},
    {"Turin",
     1,
     8,
     {[0] = OID_FMC, [1] = OID_BOOTLOADER, [2] = OID_TEE, [3] = OID_SNP, [7] = OID_MICROCODE}},
};

static const struct check_rule rule_certificates = {
    "certificates", "AMD 57230, section 1.4",
    "give the leaf, the intermediate and the root certificate, in this order"};
static const struct check_rule rule_root = {
    "root", "AMD 57230, section 1.4; docs/evidence.md",
    "this chain ends in a root that nobody here trusts; a simulated one must be named by "
    "--trust-simulated"};
static const struct check_rule rule_root_signature = {
    "root_signature", "AMD 57230, section 1.4", "the root certificate is damaged; fetch it again"};
static const struct check_rule rule_intermediate_signature = {
    "intermediate_signature", "AMD 57230, section 1.4",
    "the intermediate was not issued by this root; fetch the chain again"};
static const struct check_rule rule_leaf_signature = {
    "leaf_signature", "AMD 57230, section 3",
    "the leaf was not issued by this intermediate; fetch it again for the report's chip and "
    "REPORTED_TCB"};
static const struct check_rule rule_validity = {
    "validity", "RFC 5280, section 4.1.2.5",
    "a certificate is not valid at this time; fetch it again, or give the time of the report"};
static const struct check_rule rule_extensions = {
    "certificate_extensions", "RFC 5280, section 4.2",
    "a certificate demands what this verifier does not know; it is not one of AMD's known kinds"};
static const struct check_rule rule_crl = {
    "revocation", "AMD 57230, section 4.2",
    "fetch the product's revocation list again; a revoked intermediate can't be trusted"};
static const struct check_rule rule_names = {
    "certificate_names", "AMD 57230, section 3",
    "the three certificates must be of one product and one kind of key"};
static const struct check_rule rule_leaf_extensions = {
    "leaf_extensions", "AMD 57230, section 3.1",
    "the leaf does not say what every VCEK and VLEK must; fetch it again"};

const struct snp_product *snp_product_by_name(struct span name)
{
    for (size_t i = 0; i < name.size; i++) {
        if (name.data[i] == '-')
            name.size = i;
    }
    for (size_t i = 0; i < sizeof products / sizeof *products; i++) {
        if (span_equal_text(name, products[i].name))
            return &products[i];
    }
    return NULL;
}

const struct snp_product *snp_product_of_cpuid(uint8_t family, uint8_t model)
{
    /* AMD's revision guides; models that no pinned root serves (Venice) are unknown here. */
    static const struct {
        uint8_t family;
        uint8_t first;
        uint8_t last;
        const char *product;
    } models[] = {
        {0x19, 0x00, 0x0F, "Milan"},
        {0x19, 0x10, 0x1F, "Genoa"},
        {0x19, 0xA0, 0xAF, "Genoa"},
        {0x1A, 0x00, 0x11, "Turin"},
    };
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        if (models[i].family == family && models[i].first <= model && model <= models[i].last)
            return snp_product_by_name(span_of_text(models[i].product));
    }
    return NULL;
}

static bool read_certificates(struct snp_chain *chain, const struct span *certificates,
                              size_t count, struct checks *checks)
{
    char text[CHECK_TEXT_SIZE];
    struct error err = {0};
    (void)snprintf(text, sizeof text, "%zu", count);
    if (count != SNP_CHAIN_LENGTH)
        return checks_add(checks, &rule_certificates, CHECK_FAILED, "3", text);
    for (size_t i = 0; i < count; i++) {
        chain->certificates[i] = certificate_from_der(certificates[i], &err);
        if (!chain->certificates[i])
            return checks_add(checks, &rule_certificates, CHECK_FAILED, "X.509", err.text);
    }
    (void)snprintf(text, sizeof text, "%s, %s, %s", certificate_name(chain->certificates[LEAF]),
                   certificate_name(chain->certificates[INTERMEDIATE]),
                   certificate_name(chain->certificates[ROOT]));
    return checks_add(checks, &rule_certificates, CHECK_PASSED, "3 X.509 certificates", text);
}

static bool is_pinned(const char *digest)
{
    for (size_t i = 0; i < sizeof pinned_roots / sizeof *pinned_roots; i++) {
        if (strcmp(pinned_roots[i].digest, digest) == 0)
            return true;
    }
    return false;
}

static const struct snp_root *find_root(const struct snp_chain_options *options,
                                        const uint8_t digest[SHA256_SIZE])
{
    for (size_t i = 0; i < options->root_count; i++) {
        if (memcmp(options->roots[i].digest, digest, SHA256_SIZE) == 0)
            return &options->roots[i];
    }
    return NULL;
}

/* A root is trusted when it is AMD's or the caller named it. One that calls itself simulated must
 * have been named as simulated, and the other way round: neither may pass for the other. */
static void check_root(struct snp_chain *chain, const struct snp_chain_options *options,
                       struct checks *checks)
{
    uint8_t digest[SHA256_SIZE];
    char digest_text[2 * SHA256_SIZE + 1];
    char found[CHECK_TEXT_SIZE];
    const char *name = certificate_name(chain->certificates[ROOT]);
    certificate_digest(chain->certificates[ROOT], digest);
    hex_encode(span_of(digest, sizeof digest), digest_text);
    (void)snprintf(found, sizeof found, "%s, SHA-256 %s", name, digest_text);

    bool says_simulated = strstr(name, SIMULATED) != NULL;
    const struct snp_root *named = find_root(options, digest);
    chain->simulated = named && named->simulated && says_simulated;
    bool trusted = named ? named->simulated == says_simulated : is_pinned(digest_text);
    (void)checks_add(checks, &rule_root, trusted ? CHECK_PASSED : CHECK_FAILED,
                     options->root_count > 0 ? "one of AMD's roots, or one that the caller named"
                                             : "one of AMD's roots (Milan, Genoa, Turin)",
                     found);
}

/* Adds the result of a call that returns 0 or -1 with `err`. */
static void add_outcome(struct checks *checks, const struct check_rule *rule, int outcome,
                        const char *expected, const struct error *err)
{
    (void)checks_add(checks, rule, outcome == 0 ? CHECK_PASSED : CHECK_FAILED, expected,
                     outcome == 0 ? "good" : err->text);
}

static void check_signatures(const struct snp_chain *chain, struct checks *checks)
{
    static const char *const expected = "RSASSA-PSS with SHA-384, by the issuer that is named";
    const struct certificate *leaf = chain->certificates[LEAF];
    const struct certificate *middle = chain->certificates[INTERMEDIATE];
    const struct certificate *root = chain->certificates[ROOT];
    struct error err = {0};
    int outcome = certificate_check_ca(root, &err);
    if (outcome == 0)
        outcome = certificate_check_signed(root, root, SIGNED_PSS_SHA384, &err);
    add_outcome(checks, &rule_root_signature, outcome, expected, &err);
    outcome = certificate_check_ca(middle, &err);
    if (outcome == 0)
        outcome = certificate_check_signed(middle, root, SIGNED_PSS_SHA384, &err);
    add_outcome(checks, &rule_intermediate_signature, outcome, expected, &err);
    outcome = certificate_check_signed(leaf, middle, SIGNED_PSS_SHA384, &err);
    add_outcome(checks, &rule_leaf_signature, outcome, expected, &err);
}

static void check_validity(const struct snp_chain *chain, int64_t time, struct checks *checks)
{
    char when[TIMESTAMP_SIZE];
    char expected[CHECK_TEXT_SIZE];
    char validity[64];
    char found[CHECK_TEXT_SIZE];
    timestamp_write(time, when);
    (void)snprintf(expected, sizeof expected, "valid at %s", when);
    for (int i = ROOT; i >= LEAF; i--) {
        const struct certificate *certificate = chain->certificates[i];
        bool valid = certificate_valid_at(certificate, time);
        if (valid && i != LEAF)
            continue;
        certificate_validity(certificate, validity);
        (void)snprintf(found, sizeof found, "%s from %s", certificate_name(certificate), validity);
        (void)checks_add(checks, &rule_validity, valid ? CHECK_PASSED : CHECK_FAILED, expected,
                         found);
        return;
    }
}

static void check_critical(const struct snp_chain *chain, struct checks *checks)
{
    struct error err = {0};
    int outcome = 0;
    for (int i = LEAF; outcome == 0 && i <= ROOT; i++)
        outcome = certificate_check_critical(chain->certificates[i], &err);
    add_outcome(checks, &rule_extensions, outcome, "no unknown critical extension", &err);
}

static void check_crl(const struct snp_chain *chain, const struct snp_chain_options *options,
                      struct checks *checks)
{
    static const char *const expected =
        "a current list, signed by the root, without the intermediate";
    struct error err = {0};
    if (options->crl.size == 0) {
        (void)checks_add(checks, &rule_crl, options->require_crl ? CHECK_FAILED : CHECK_SKIPPED,
                         expected, "no revocation list was given");
        return;
    }
    CRL_AUTO *crl = crl_from_der(options->crl, &err);
    if (!crl || crl_check_signed(crl, chain->certificates[ROOT], SIGNED_PSS_SHA384, &err) < 0) {
        (void)checks_add(checks, &rule_crl, CHECK_FAILED, expected, err.text);
        return;
    }
    /* The root's list speaks of what the root issued; the serials of leaves (always 0) belong to
     * another issuer. */
    if (crl_lists(crl, chain->certificates[INTERMEDIATE])) {
        (void)checks_add(checks, &rule_crl, CHECK_FAILED, expected, "the intermediate is revoked");
        return;
    }
    bool current = options->allow_stale_crl || crl_current_at(crl, options->time);
    (void)checks_add(checks, &rule_crl, current ? CHECK_PASSED : CHECK_FAILED, expected,
                     current ? "not revoked" : "the list is not current at this time");
}

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

static const char *read_product(struct snp_chain *chain)
{
    struct span der;
    const struct certificate *leaf = chain->certificates[LEAF];
    if (!certificate_extension(leaf, OID_PRODUCT, &der))
        return "the product extension is missing";
    if (der.size < 2 || der.data[0] != ASN1_IA5_STRING || der.data[1] != der.size - 2 ||
        der.data[1] >= 0x80)
        return "the product extension is no IA5String";
    chain->leaf.product = snp_product_by_name(span_of(der.data + 2, der.size - 2));
    return chain->leaf.product ? NULL : "the product is unknown";
}

static const char *read_struct_version(struct snp_chain *chain)
{
    struct span der;
    uint8_t version;
    if (!certificate_extension(chain->certificates[LEAF], OID_STRUCT_VERSION, &der) ||
        !read_small_integer(der, &version))
        return "structVersion is missing or no small integer";
    if (version != chain->leaf.product->struct_version)
        return "structVersion is not the product's";
    return NULL;
}

static const char *read_tcb(struct snp_chain *chain)
{
    struct span der;
    for (size_t i = 0; i < SNP_TCB_SIZE; i++) {
        const char *oid = chain->leaf.product->tcb_oids[i];
        if (!oid)
            continue;
        if (!certificate_extension(chain->certificates[LEAF], oid, &der) ||
            !read_small_integer(der, &chain->leaf.tcb[i]))
            return "a security version (" OID_AMD "3.x) is missing or no small integer";
    }
    return NULL;
}

/* Raw bytes, or wrapped as an OCTET STRING: the sizes tell which, never the first byte, since a
 * chip's id may begin with any. */
static const char *read_hwid(struct snp_chain *chain)
{
    const struct certificate *leaf = chain->certificates[LEAF];
    size_t size = chain->leaf.product->hwid_size;
    struct span value;
    bool has_hwid = certificate_extension(leaf, OID_HWID, &value);
    if (chain->leaf.is_vlek) {
        struct span csp_id;
        return !has_hwid && certificate_extension(leaf, OID_CSP_ID, &csp_id)
                   ? NULL
                   : "a VLEK must have a CSP_ID and no HWID";
    }
    if (!has_hwid)
        return "HWID is missing";
    if (value.size == size + 2 && value.data[0] == ASN1_OCTET_STRING && value.data[1] == size)
        value = span_of(value.data + 2, size);
    if (value.size != size)
        return "HWID has not the product's size";
    chain->leaf.hwid = value;
    return NULL;
}

static void check_leaf_extensions(struct snp_chain *chain, struct checks *checks)
{
    static const char *(*const readers[])(struct snp_chain *) = {read_product, read_struct_version,
                                                                 read_tcb, read_hwid};
    const char *wrong = NULL;
    for (size_t i = 0; !wrong && i < sizeof readers / sizeof *readers; i++)
        wrong = readers[i](chain);
    if (wrong)
        chain->leaf.product = NULL;
    (void)checks_add(checks, &rule_leaf_extensions, wrong ? CHECK_FAILED : CHECK_PASSED,
                     "structVersion, product, security versions, and HWID or CSP_ID",
                     wrong ? wrong : chain->leaf.product->name);
}

/* SEV-VCEK under SEV-{Product} or SEV-VLEK under SEV-VLEK-{Product}, under ARK-{Product}. */
static void check_names(struct snp_chain *chain, struct checks *checks)
{
    const char *leaf = certificate_name(chain->certificates[LEAF]);
    const char *product = chain->leaf.product ? chain->leaf.product->name : "?";
    char expected[CHECK_TEXT_SIZE];
    char found[CHECK_TEXT_SIZE];
    if (chain->simulated)
        (void)snprintf(expected, sizeof expected,
                       "SEV-SIMULATED-VCEK, SEV-SIMULATED, ARK-SIMULATED");
    else if (chain->leaf.is_vlek)
        (void)snprintf(expected, sizeof expected, "SEV-VLEK, SEV-VLEK-%s, ARK-%s", product,
                       product);
    else
        (void)snprintf(expected, sizeof expected, "SEV-VCEK, SEV-%s, ARK-%s", product, product);
    (void)snprintf(found, sizeof found, "%s, %s, %s", leaf,
                   certificate_name(chain->certificates[INTERMEDIATE]),
                   certificate_name(chain->certificates[ROOT]));
    (void)checks_add(checks, &rule_names,
                     strcmp(expected, found) == 0 ? CHECK_PASSED : CHECK_FAILED, expected, found);
}

bool snp_chain_check(struct snp_chain *chain, const struct span *certificates, size_t count,
                     const struct snp_chain_options *options, struct checks *checks)
{
    memset(chain, 0, sizeof *chain);
    if (!read_certificates(chain, certificates, count, checks))
        return false;
    chain->leaf.is_vlek = strcmp(certificate_name(chain->certificates[LEAF]), "SEV-VLEK") == 0;
    check_root(chain, options, checks);
    check_signatures(chain, checks);
    check_validity(chain, options->time, checks);
    check_critical(chain, checks);
    check_crl(chain, options, checks);
    check_leaf_extensions(chain, checks);
    check_names(chain, checks);
    return true;
}

void snp_chain_fini(struct snp_chain *chain)
{
    for (int i = 0; i < SNP_CHAIN_LENGTH; i++)
        certificate_free(chain->certificates[i]);
    memset(chain, 0, sizeof *chain);
}
