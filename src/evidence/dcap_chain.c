#include "evidence/dcap_chain.h"

#include <stdio.h>

#include "base/hex.h"
#include "base/text.h"

#define SIMULATED "SIMULATED"
#define ROOT_NAME " SGX Root CA"

/* SHA-256 of Intel's SGX Root CA,
 * https://certificates.trustedservices.intel.com/Intel_SGX_Provisioning_Certification_RootCA.cer,
 * and of the certificate that its key had before, valid to 2033: chains of the first years end in
 * it. */
static const char *const pinned_roots[] = {
    "44a0196b2b99f889b8e149e95b807a350e7424964399e885a7cbb8ccfab674d3",
    "fc64f8076d79a4fee9d1d473d74c89eb8d8fd55c5abafeabeba7366d20429404",
};

static bool is_root(const struct certificate *certificate)
{
    return text_ends_with(certificate_name(certificate), ROOT_NAME);
}

static void swap(struct dcap_chain *chain, size_t a, size_t b)
{
    struct certificate *item = chain->items[a];
    bool borrowed = chain->borrowed[a];
    chain->items[a] = chain->items[b];
    chain->borrowed[a] = chain->borrowed[b];
    chain->items[b] = item;
    chain->borrowed[b] = borrowed;
}

/* Leaf first and root last: some writers begin with the root, others have it in the middle. */
static void order(struct dcap_chain *chain)
{
    if (is_root(chain->items[0]))
        swap(chain, 0, chain->count - 1);
    else if (is_root(chain->items[1]))
        swap(chain, 1, chain->count - 1);
}

static struct certificate *find(const struct dcap_chain *known, struct span der)
{
    uint8_t digest[2][SHA256_SIZE];
    sha256_digest(der, digest[0]);
    for (size_t i = 0; known && i < known->count; i++) {
        certificate_digest(known->items[i], digest[1]);
        if (memcmp(digest[0], digest[1], SHA256_SIZE) == 0)
            return known->items[i];
    }
    return NULL;
}

/* The next block, as the chain's next certificate. */
static int read_next(struct span *pem, const struct dcap_chain *known, struct dcap_chain *chain,
                     struct error *err)
{
    BUF_AUTO der = BUF_WITH_LIMIT(CERTIFICATE_DER_MAX);
    size_t at = chain->count;
    if (certificate_pem_next(pem, &der, err) < 0)
        return -1;
    chain->items[at] = find(known, buf_span(&der));
    chain->borrowed[at] = chain->items[at] != NULL;
    if (!chain->borrowed[at])
        chain->items[at] = certificate_from_der(buf_span(&der), err);
    chain->count += chain->items[at] != NULL;
    return chain->items[at] ? 0 : -1;
}

int dcap_chain_read(struct span pem, size_t count, const struct dcap_chain *known,
                    struct dcap_chain *chain, struct error *err)
{
    *chain = (struct dcap_chain){0};
    while (pem.size > 0 && pem.data[pem.size - 1] == 0)
        pem.size--;
    while (pem.size > 0) {
        if (chain->count == count)
            return error_set(err, ERROR_INVALID, "more than %zu certificates", count);
        if (read_next(&pem, known, chain, err) < 0)
            return -1;
    }
    if (chain->count != count)
        return error_set(err, ERROR_INVALID, "%zu certificates instead of %zu", chain->count,
                         count);
    order(chain);
    return 0;
}

void dcap_chain_fini(struct dcap_chain *chain)
{
    for (size_t i = 0; i < DCAP_CHAIN_MAX; i++) {
        if (!chain->borrowed[i])
            certificate_free(chain->items[i]);
    }
    *chain = (struct dcap_chain){0};
}

/* Whether the certificates from `from` to the root are the last ones of the other chain. */
static bool ends_as(const struct dcap_chain *chain, size_t from, const struct dcap_chain *other)
{
    size_t count = chain->count - from;
    if (count > other->count)
        return false;
    for (size_t i = 0; i < count; i++) {
        uint8_t digests[2][SHA256_SIZE];
        certificate_digest(chain->items[from + i], digests[0]);
        certificate_digest(other->items[other->count - count + i], digests[1]);
        if (memcmp(digests[0], digests[1], SHA256_SIZE) != 0)
            return false;
    }
    return true;
}

int dcap_chain_check_links(const struct dcap_chain *chain, const struct dcap_chain *checked,
                           struct error *err)
{
    for (size_t i = 0; i < chain->count; i++) {
        if (checked && ends_as(chain, i, checked))
            return 0;
        const struct certificate *issuer = i + 1 < chain->count ? chain->items[i + 1]
                                                                : dcap_chain_root(chain);
        if (certificate_check_critical(chain->items[i], err) < 0)
            return error_context(err, "%s", certificate_name(chain->items[i]));
        if (certificate_check_ca(issuer, err) < 0 ||
            certificate_check_signed(chain->items[i], issuer, DCAP_SIGNED_BY, err) < 0)
            return -1;
    }
    return 0;
}

static bool has_name(const struct certificate *certificate, enum dcap_role role, bool simulated)
{
    static const char *const names[][2] = {
        [DCAP_ROLE_PCK] = {" SGX PCK Certificate", NULL},
        [DCAP_ROLE_PCK_CA] = {" SGX PCK Platform CA", " SGX PCK Processor CA"},
        [DCAP_ROLE_TCB_SIGNING] = {" SGX TCB Signing", NULL},
        [DCAP_ROLE_ROOT] = {ROOT_NAME, NULL},
    };
    const char *prefix = simulated ? SIMULATED : "Intel";
    const char *name = certificate_name(certificate);
    if (!text_starts_with(name, prefix))
        return false;
    name += strlen(prefix);
    return strcmp(name, names[role][0]) == 0 ||
           (names[role][1] && strcmp(name, names[role][1]) == 0);
}

int dcap_chain_check_names(const struct dcap_chain *chain, enum dcap_role role, bool simulated,
                           struct error *err)
{
    for (size_t i = 0; i < chain->count; i++) {
        enum dcap_role wanted = i + 1 == chain->count ? DCAP_ROLE_ROOT
                                : i == 0              ? role
                                                      : DCAP_ROLE_PCK_CA;
        if (!has_name(chain->items[i], wanted, simulated))
            return error_set(err, ERROR_REFUSED, "certificate %zu is called \"%s\"", i + 1,
                             certificate_name(chain->items[i]));
    }
    return 0;
}

int dcap_chain_check_validity(const struct dcap_chain *chain, int64_t time, struct error *err)
{
    char validity[64];
    for (size_t i = chain->count; i-- > 0;) {
        if (certificate_valid_at(chain->items[i], time))
            continue;
        certificate_validity(chain->items[i], validity);
        return error_set(err, ERROR_REFUSED, "%s is valid from %s",
                         certificate_name(chain->items[i]), validity);
    }
    return 0;
}

enum dcap_trust dcap_chain_trust(const struct dcap_chain *chain, const struct trusted_root *roots,
                                 size_t root_count)
{
    uint8_t digest[SHA256_SIZE];
    char text[2 * SHA256_SIZE + 1];
    bool says_simulated = strstr(certificate_name(dcap_chain_root(chain)), SIMULATED) != NULL;
    certificate_digest(dcap_chain_root(chain), digest);
    for (size_t i = 0; i < root_count; i++) {
        if (memcmp(roots[i].digest, digest, sizeof digest) != 0)
            continue;
        if (roots[i].simulated != says_simulated)
            return DCAP_UNTRUSTED;
        return says_simulated ? DCAP_TRUSTED_SIMULATED : DCAP_TRUSTED;
    }
    hex_encode(span_of(digest, sizeof digest), text);
    for (size_t i = 0; i < sizeof pinned_roots / sizeof *pinned_roots; i++) {
        if (strcmp(pinned_roots[i], text) == 0)
            return DCAP_TRUSTED;
    }
    return DCAP_UNTRUSTED;
}
