/* The measured command line. */
#include "../check.h"

#include "guest/cmdline.h"

static int parse(const char *text, enum guest_tee *tee, struct error *err)
{
    return cmdline_parse(span_of_text(text), tee, err);
}

static void reads_the_tee(void **state)
{
    (void)state;
    enum guest_tee tee;
    struct error err;
    check_ok(parse("quiet panic=-1 caisson.tee=sev-snp\n", &tee, &err), &err);
    assert_int_equal(tee, GUEST_SEV_SNP);
    check_ok(parse("caisson.tee=simulated", &tee, &err), &err);
    assert_int_equal(tee, GUEST_SIMULATED);
}

static void lets_a_simulated_machine_be_told_its_clock(void **state)
{
    (void)state;
    enum guest_tee tee;
    struct error err;
    check_ok(parse("quiet caisson.tee=simulated tsc_early_khz=2596142\n", &tee, &err), &err);
    check_refused(parse("caisson.tee=sev-snp tsc_early_khz=2596142", &tee, &err), &err, "goes on");
}

/* OVMF names the initrd to the kernel's EFI stub: new ones in front, older ones at the end. */
static void accepts_what_firmware_adds(void **state)
{
    (void)state;
    enum guest_tee tee;
    struct error err;
    check_ok(parse("initrd=initrd quiet caisson.tee=sev-snp", &tee, &err), &err);
    check_ok(parse("quiet caisson.tee=sev-snp initrd=initrd", &tee, &err), &err);
    assert_int_equal(tee, GUEST_SEV_SNP);
}

static void refuses_anything_behind_the_tee(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "caisson.tee=simulated init=/bin/sh",
        "caisson.tee=simulated tsc_early_khz=1 init=/bin/sh",
        "caisson.tee=simulated tsc_early_khz=1,2",
        "caisson.tee=simulated tsc_early_khz=",
        "caisson.tee=simulated tsc_early_khz=99999999999999999999",
        "caisson.tee=simulated tsc_early",
        "caisson.tee=sev-snp caisson.tee=simulated",
        "caisson.tee=sev-snp initrd=other",
        "caisson.tee=sev-snp initrd=initrd init=/bin/sh",
        "caisson.tee=sev-snp initrd=initrd initrd=initrd",
        "caisson.tee=simulated initrd=initrd",
        "caisson.tee=simulated caisson.tee=simulated",
    };
    enum guest_tee tee;
    struct error err;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        check_refused(parse(lines[i], &tee, &err), &err, "goes on");
}

static void refuses_missing_and_unknown_tees(void **state)
{
    (void)state;
    enum guest_tee tee;
    struct error err;
    check_refused(parse("", &tee, &err), &err, "does not say");
    check_refused(parse("quiet panic=-1", &tee, &err), &err, "does not say");
    check_refused(parse("xcaisson.tee=simulated", &tee, &err), &err, "does not say");
    check_refused(parse("caisson.tee=", &tee, &err), &err, "unknown");
    check_refused(parse("caisson.tee=simulatedx", &tee, &err), &err, "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_tee),
        cmocka_unit_test(lets_a_simulated_machine_be_told_its_clock),
        cmocka_unit_test(accepts_what_firmware_adds),
        cmocka_unit_test(refuses_anything_behind_the_tee),
        cmocka_unit_test(refuses_missing_and_unknown_tees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
