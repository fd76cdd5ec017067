/*
 * Makes DCAP quotes of platforms that never were, each under a root of its own, with the collateral
 * to judge them by: for tests of who reads them. All hold at 2026-06-01T00:00:00Z.
 *
 * usage: make_quotes DIR      DIR, which exists, gets a folder for each case with
 *     quote collateral.json root.pem
 */
#include <stdio.h>

#include "../unit/evidence/dcap_fake.h"

#include "base/text.h"
#include "os/file.h"
#include "os/output.h"

static void nothing(struct dcap_fake *fake)
{
    (void)fake;
}

static void debug(struct dcap_fake *fake)
{
    dcap_fake_field(fake, DCAP_ATTRIBUTES)[0] |= 2;
}

static void debug_td(struct dcap_fake *fake)
{
    dcap_fake_field(fake, DCAP_TDATTRIBUTES)[0] |= 1;
}

static void old(struct dcap_fake *fake)
{
    memset(fake->pck.components, 3, sizeof fake->pck.components);
}

static void revoked(struct dcap_fake *fake)
{
    memset(fake->pck.components, 1, sizeof fake->pck.components);
}

static void withdrawn(struct dcap_fake *fake)
{
    fake->pck_crl_serial = FAKE_SERIAL_PCK;
}

static void chainless(struct dcap_fake *fake)
{
    fake->certification_type = 3;
}

static void simulated(struct dcap_fake *fake)
{
    fake->names[FAKE_ROOT] = "SIMULATED SGX Root CA";
    fake->names[FAKE_CA] = "SIMULATED SGX PCK Platform CA";
    fake->names[FAKE_PCK] = "SIMULATED SGX PCK Certificate";
    fake->names[FAKE_SIGNING] = "SIMULATED SGX TCB Signing";
}

static const struct {
    const char *name;
    enum dcap_body body;
    void (*change)(struct dcap_fake *fake);
} cases[] = {
    {"sgx", DCAP_BODY_SGX, nothing},         {"td10", DCAP_BODY_TD10, nothing},
    {"td15", DCAP_BODY_TD15, nothing},       {"debug", DCAP_BODY_SGX, debug},
    {"debug-td", DCAP_BODY_TD15, debug_td},  {"old", DCAP_BODY_SGX, old},
    {"revoked", DCAP_BODY_TD10, revoked},    {"withdrawn", DCAP_BODY_SGX, withdrawn},
    {"chainless", DCAP_BODY_SGX, chainless}, {"simulated", DCAP_BODY_SGX, simulated},
};

static int put(const char *dir, const char *name, const char *file, struct span bytes,
               struct error *err)
{
    TEXT_AUTO path = text_format("%s/%s/%s", dir, name, file);
    return path ? output_write(path, bytes, 0644, err) : error_memory(err);
}

static int make(const char *dir, const char *name, const struct dcap_fake *fake, struct error *err)
{
    BUF_AUTO collateral = BUF_WITH_LIMIT(DCAP_COLLATERAL_SIZE_MAX);
    BUF_AUTO root = BUF_WITH_LIMIT(CERTIFICATE_DER_MAX);
    TEXT_AUTO folder = text_format("%s/%s", dir, name);
    if (!folder || dir_make_all(folder, 0755, err) < 0 ||
        certificate_der_to_pem(buf_span(&fake->certificates[FAKE_ROOT]), &root, err) < 0)
        return -1;
    dcap_fake_collateral(fake, &collateral);
    if (put(dir, name, "quote", buf_span(&fake->quote), err) < 0 ||
        put(dir, name, "collateral.json", buf_span(&collateral), err) < 0)
        return -1;
    return put(dir, name, "root.pem", buf_span(&root), err);
}

int main(int argc, char *argv[])
{
    struct error err = {0};
    struct dcap_fake fake;
    int status = 0;
    if (argc != 2) {
        (void)fprintf(stderr, "usage: make_quotes DIR\n");
        return 2;
    }
    dcap_fake_init(&fake);
    for (size_t i = 0; status == 0 && i < sizeof cases / sizeof *cases; i++) {
        dcap_fake_reset(&fake, cases[i].body);
        cases[i].change(&fake);
        dcap_fake_make(&fake);
        status = make(argv[1], cases[i].name, &fake, &err);
    }
    dcap_fake_fini(&fake);
    if (status < 0)
        (void)fprintf(stderr, "make_quotes: %s\n", err.text);
    return status == 0 ? 0 : 1;
}
