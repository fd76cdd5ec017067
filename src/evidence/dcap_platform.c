#include "evidence/dcap_platform.h"

#include <assert.h>

#include "base/hex.h"
#include "evidence/dcap_collateral.h"

#define PCK_PROFILE "Intel, SGX PCK Certificate and CRL Profile Specification, section "

enum { LEAF, INTERMEDIATE, ROOT, CHAIN_LENGTH };

static const struct {
    struct check_rule rule;
    const char *expected;
    const char *found;
} rows[] = {
    [PLATFORM_CHAIN] = {{"pck_chain", PCK_PROFILE "1.2 and 1.3",
                         "the PCK certificate was not issued by Intel's PCK CA: fetch it again for "
                         "this platform"},
                        "SGX PCK Certificate, PCK CA, Root CA: each signed by the next",
                        "each signed by the next"},
    [PLATFORM_VALIDITY] = {{"pck_validity", "RFC 5280, section 4.1.2.5",
                            "a certificate is not valid at this time; fetch it again, or give the "
                            "time of the quote"},
                           "all valid at the collateral's time",
                           "all valid"},
    [PLATFORM_REVOCATION] = {{"pck_revocation", PCK_PROFILE "1.4",
                              "the platform's key was revoked, or the list is of another CA than "
                              "the PCK certificate"},
                             "not on its issuer's list",
                             "not revoked"},
    [PLATFORM_EXTENSION] = {{"pck_extension", PCK_PROFILE "1.3.5",
                             "the PCK certificate does not say what every one must; fetch it "
                             "again"},
                            "PPID, TCB, PCE-ID, FMSPC and SGX type",
                            NULL},
};
static_assert(sizeof rows / sizeof *rows == PLATFORM_CHECK_COUNT, "a row for each check");

int dcap_platform_read(struct span pem, const struct dcap_collateral *collateral,
                       struct dcap_platform *platform, struct error *err)
{
    memset(platform, 0, sizeof *platform);
    return dcap_chain_read(pem, CHAIN_LENGTH, &collateral->pck_ca, &platform->chain, err);
}

void dcap_platform_fini(struct dcap_platform *platform)
{
    dcap_chain_fini(&platform->chain);
}

/* The root must be the collateral's, by its key. Authorities that good collateral has byte for byte
 * were checked with it: then the leaf's signature is all that is left. */
static int check_links(const struct dcap_chain *chain, const struct dcap_collateral *collateral,
                       struct error *err)
{
    if (!span_equal(certificate_public_key(chain->items[ROOT]),
                    certificate_public_key(dcap_chain_root(&collateral->pck_ca))))
        return error_set(err, ERROR_REFUSED, "the chain ends in another root than the collateral");
    if (dcap_chain_check_names(chain, DCAP_ROLE_PCK, collateral->simulated, err) < 0)
        return -1;
    return dcap_chain_check_links(chain, collateral->trusted ? &collateral->pck_ca : NULL, err);
}

/* The list was signed by the collateral's PCK CA; it speaks of this leaf when that CA's name and
 * key are those of the leaf's issuer. */
static int check_revocation(const struct dcap_chain *chain,
                            const struct dcap_collateral *collateral, struct error *err)
{
    const struct certificate *issuer = chain->items[INTERMEDIATE];
    const struct certificate *known = collateral->pck_ca.items[0];
    if (strcmp(certificate_name(issuer), certificate_name(known)) != 0 ||
        !span_equal(certificate_public_key(issuer), certificate_public_key(known)))
        return error_set(err, ERROR_REFUSED, "the list is of %s, the certificate of %s",
                         certificate_name(known), certificate_name(issuer));
    if (crl_lists(collateral->root_crl, issuer))
        return error_set(err, ERROR_REFUSED, "%s is revoked", certificate_name(issuer));
    if (crl_lists(collateral->pck_crl, chain->items[LEAF]))
        return error_set(err, ERROR_REFUSED, "the PCK certificate is revoked");
    return 0;
}

static int read_extension(struct dcap_platform *platform, struct error *err)
{
    struct span extension;
    if (!certificate_extension(dcap_platform_leaf(platform), PCK_EXTENSION_OID, &extension))
        return error_set(err, ERROR_INVALID, "the extension " PCK_EXTENSION_OID " is missing");
    if (pck_parse(extension, &platform->pck, err) == 0)
        return 0;
    memset(&platform->pck, 0, sizeof platform->pck);
    return -1;
}

void dcap_platform_check(struct dcap_platform *platform, const struct dcap_collateral *collateral)
{
    const struct dcap_chain *chain = &platform->chain;
    int *outcomes = platform->outcomes;
    struct error *errors = platform->errors;
    outcomes[PLATFORM_CHAIN] = check_links(chain, collateral, &errors[PLATFORM_CHAIN]);
    outcomes[PLATFORM_VALIDITY] = dcap_chain_check_validity(chain, collateral->time,
                                                            &errors[PLATFORM_VALIDITY]);
    outcomes[PLATFORM_REVOCATION] = check_revocation(chain, collateral,
                                                     &errors[PLATFORM_REVOCATION]);
    outcomes[PLATFORM_EXTENSION] = read_extension(platform, &errors[PLATFORM_EXTENSION]);
}

bool dcap_platform_add_checks(const struct dcap_platform *platform, struct checks *checks)
{
    char fmspc[2 * PCK_FMSPC_SIZE + 1];
    hex_encode(span_of(platform->pck.fmspc, sizeof platform->pck.fmspc), fmspc);
    for (size_t i = 0; i < PLATFORM_CHECK_COUNT; i++)
        (void)checks_add_outcome(checks, &rows[i].rule, platform->outcomes[i], rows[i].expected,
                                 rows[i].found ? rows[i].found : fmspc, &platform->errors[i]);
    return platform->outcomes[PLATFORM_EXTENSION] == 0;
}
