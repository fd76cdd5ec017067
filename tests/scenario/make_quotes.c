/*
 * Makes DCAP quotes of platforms that never were, each under a root of its own, with the collateral
 * to judge them by: for tests of who reads them. All hold at 2026-06-01T00:00:00Z, or now.
 *
 * usage: make_quotes DIR [now]      DIR, which exists, gets a folder for each case with
 *     quote collateral.json root.pem attestation.key
 */
#include <stdio.h>
#include <time.h>

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

static void shift_text(char text[FAKE_TEXT_SIZE], const char *old, int64_t time)
{
    char to[32];
    struct tm parts;
    time_t seconds = (time_t)time;
    (void)strftime(to, sizeof to, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &parts));
    dcap_fake_replace(text, old, to);
}

/* All that has a date holds around `now`; levels of security keep theirs. */
static void shift(struct dcap_fake *fake, int64_t now)
{
    for (int i = 0; i < FAKE_KEY_COUNT; i++) {
        fake->not_before[i] = now - 10 * FAKE_DAY;
        fake->not_after[i] = now + 10 * FAKE_DAY;
    }
    fake->crl_from = now - FAKE_DAY;
    fake->crl_to = now + FAKE_DAY;
    shift_text(fake->tcb_info, "2026-05-20T00:00:00Z", now - FAKE_DAY);
    shift_text(fake->tcb_info, "2026-06-19T00:00:00Z", now + FAKE_DAY);
    shift_text(fake->qe_identity, "2026-05-21T00:00:00Z", now - FAKE_DAY);
    shift_text(fake->qe_identity, "2026-06-20T00:00:00Z", now + FAKE_DAY);
}

static const struct {
    const char *name;
    enum dcap_body body;
    void (*change)(struct dcap_fake *fake);
} cases[] = {
    {"sgx", DCAP_BODY_SGX, nothing},
    {"td10", DCAP_BODY_TD10, nothing},
    {"td15", DCAP_BODY_TD15, nothing},
    {"debug", DCAP_BODY_SGX, debug},
    {"debug-td", DCAP_BODY_TD15, debug_td},
    {"old", DCAP_BODY_SGX, old},
    {"revoked", DCAP_BODY_TD10, revoked},
    {"withdrawn", DCAP_BODY_SGX, withdrawn},
    {"chainless", DCAP_BODY_SGX, chainless},
    {"simulated", DCAP_BODY_SGX, simulated},
    {"simulated-td", DCAP_BODY_TD15, simulated},
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
    BUF_AUTO key = BUF_WITH_LIMIT(4096); /* no secret: it signs for nothing that is */
    TEXT_AUTO folder = text_format("%s/%s", dir, name);
    if (!folder || dir_make_all(folder, 0755, err) < 0 ||
        certificate_der_to_pem(buf_span(&fake->certificates[FAKE_ROOT]), &root, err) < 0 ||
        private_key_to_pem(fake->keys[FAKE_ATTESTATION], &key, err) < 0)
        return -1;
    dcap_fake_collateral(fake, &collateral);
    if (put(dir, name, "quote", buf_span(&fake->quote), err) < 0 ||
        put(dir, name, "collateral.json", buf_span(&collateral), err) < 0 ||
        put(dir, name, "attestation.key", buf_span(&key), err) < 0)
        return -1;
    return put(dir, name, "root.pem", buf_span(&root), err);
}

int main(int argc, char *argv[])
{
    struct error err = {0};
    struct dcap_fake fake;
    int status = 0;
    bool is_now = argc == 3 && strcmp(argv[2], "now") == 0;
    if (argc != 2 && !is_now) {
        (void)fprintf(stderr, "usage: make_quotes DIR [now]\n");
        return 2;
    }
    dcap_fake_init(&fake);
    for (size_t i = 0; status == 0 && i < sizeof cases / sizeof *cases; i++) {
        dcap_fake_reset(&fake, cases[i].body);
        cases[i].change(&fake);
        if (is_now)
            shift(&fake, (int64_t)time(NULL));
        dcap_fake_make(&fake);
        status = make(argv[1], cases[i].name, &fake, &err);
    }
    dcap_fake_fini(&fake);
    if (status < 0)
        (void)fprintf(stderr, "make_quotes: %s\n", err.text);
    return status == 0 ? 0 : 1;
}
