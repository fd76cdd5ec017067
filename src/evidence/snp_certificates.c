#include "evidence/snp_certificates.h"

#include "base/text.h"
#include "evidence/certificate_table.h"
#include "evidence/thim.h"

#define PEM_START "-----BEGIN "

void snp_certificates_init(struct snp_certificates *certificates)
{
    memset(certificates, 0, sizeof *certificates);
    for (int i = 0; i < SNP_CERTIFICATES_MAX; i++)
        buf_init(&certificates->der[i], CERTIFICATE_DER_MAX);
}

void snp_certificates_fini(struct snp_certificates *certificates)
{
    for (int i = 0; i < SNP_CERTIFICATES_MAX; i++)
        buf_fini(&certificates->der[i]);
    certificates->count = 0;
}

int snp_certificates_add_der(struct snp_certificates *certificates, struct span der,
                             struct error *err)
{
    for (size_t i = 0; i < certificates->count; i++) {
        if (span_equal(buf_span(&certificates->der[i]), der))
            return 0;
    }
    if (certificates->count == SNP_CERTIFICATES_MAX)
        return error_set(err, ERROR_LIMIT, "more than %d certificates", SNP_CERTIFICATES_MAX);
    if (buf_append(&certificates->der[certificates->count], der, err) < 0)
        return error_context(err, "a certificate");
    certificates->count++;
    return 0;
}

static int add_pem(struct snp_certificates *certificates, struct span pem, struct error *err)
{
    while (pem.size > 0) {
        BUF_AUTO der = BUF_WITH_LIMIT(CERTIFICATE_DER_MAX);
        if (certificate_pem_next(&pem, &der, err) < 0 ||
            snp_certificates_add_der(certificates, buf_span(&der), err) < 0)
            return -1;
    }
    return 0;
}

static int add_table(struct snp_certificates *certificates, struct span table, struct error *err)
{
    struct span found[CERTIFICATE_TABLE_PLACES];
    if (certificate_table_read(table, found, err) < 0)
        return -1;
    for (int i = 0; i < CERTIFICATE_TABLE_PLACES; i++) {
        if (found[i].size > 0 && snp_certificates_add_der(certificates, found[i], err) < 0)
            return -1;
    }
    return 0;
}

static int add_thim(struct snp_certificates *certificates, struct span text, struct error *err)
{
    THIM_AUTO thim;
    thim_init(&thim);
    if (thim_parse(text, &thim, err) < 0)
        return -1;
    for (int i = 0; i < THIM_CERTIFICATES; i++) {
        if (snp_certificates_add_der(certificates, buf_span(&thim.certificates[i]), err) < 0)
            return -1;
    }
    return 0;
}

int snp_certificates_add(struct snp_certificates *certificates, struct span bytes,
                         struct error *err)
{
    if (certificate_table_looks_so(bytes))
        return add_table(certificates, bytes, err);
    while (bytes.size > 0 && (bytes.data[0] == '\n' || bytes.data[0] == '\r'))
        bytes = span_of(bytes.data + 1, bytes.size - 1);
    if (bytes.size >= strlen(PEM_START) && memcmp(bytes.data, PEM_START, strlen(PEM_START)) == 0)
        return add_pem(certificates, bytes, err);
    if (bytes.size > 0 && bytes.data[0] == '{')
        return add_thim(certificates, bytes, err);
    CERTIFICATE_AUTO *certificate = certificate_from_der(bytes, err);
    if (!certificate)
        return error_context(err, "neither PEM nor a certificate table");
    return snp_certificates_add_der(certificates, bytes, err);
}

/* The certificates, read; those of `certificates` at the same places. */
struct parsed {
    struct certificate *items[SNP_CERTIFICATES_MAX];
    size_t count;
};

static void parsed_fini(struct parsed *parsed)
{
    for (size_t i = 0; i < parsed->count; i++)
        certificate_free(parsed->items[i]);
}

static bool is_leaf(const char *name)
{
    return strcmp(name, "SEV-VCEK") == 0 || strcmp(name, "SEV-VLEK") == 0 ||
           strcmp(name, "SEV-SIMULATED-VCEK") == 0;
}

static int find_leaf(const struct parsed *parsed, size_t *leaf, struct error *err)
{
    size_t found = 0;
    for (size_t i = 0; i < parsed->count; i++) {
        if (!is_leaf(certificate_name(parsed->items[i])))
            continue;
        *leaf = i;
        found++;
    }
    if (found != 1)
        return error_set(
            err, ERROR_INVALID,
            "%zu of the %zu certificates are called SEV-VCEK or SEV-VLEK; give the one "
            "of the report's chip or provider (caisson fetch-certs gets it)",
            found, parsed->count);
    return 0;
}

/* Where several have the name that is wanted, as when AMD issued one anew, the one whose key
 * signed.
 */
static int find_issuer(const struct parsed *parsed, size_t of, const char *what, size_t *issuer,
                       struct error *err)
{
    bool found = false;
    for (size_t i = 0; i < parsed->count; i++) {
        if (i == of || is_leaf(certificate_name(parsed->items[i])) ||
            !certificate_names_issuer(parsed->items[of], parsed->items[i]))
            continue;
        if (found && certificate_check_signed(parsed->items[of], parsed->items[i],
                                              SIGNED_PSS_SHA384, NULL) < 0)
            continue;
        *issuer = i;
        found = true;
    }
    if (!found)
        return error_set(err, ERROR_INVALID,
                         "none of the %zu certificates is the %s that %s names as its issuer; "
                         "caisson fetch-certs gets it",
                         parsed->count, what, certificate_name(parsed->items[of]));
    return 0;
}

int snp_certificates_order(const struct snp_certificates *certificates,
                           struct span chain[SNP_CHAIN_LENGTH], struct error *err)
{
    __attribute__((cleanup(parsed_fini))) struct parsed parsed = {.count = 0};
    size_t places[SNP_CHAIN_LENGTH] = {0};
    for (size_t i = 0; i < certificates->count; i++) {
        parsed.items[i] = certificate_from_der(buf_span(&certificates->der[i]), err);
        if (!parsed.items[i])
            return -1;
        parsed.count++;
    }
    if (find_leaf(&parsed, &places[0], err) < 0 ||
        find_issuer(&parsed, places[0], "intermediate (ASK or ASVK)", &places[1], err) < 0 ||
        find_issuer(&parsed, places[1], "root (ARK)", &places[2], err) < 0)
        return -1;
    for (int i = 0; i < SNP_CHAIN_LENGTH; i++)
        chain[i] = buf_span(&certificates->der[places[i]]);
    return 0;
}
