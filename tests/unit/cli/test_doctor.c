/* The doctor, on machines that are made of a PATH, a guest and folders. */
#include "../check.h"
#include "../remove_tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/hex.h"
#include "base/text.h"
#include "cli/doctor_checks.h"
#include "crypto/digest.h"
#include "os/output.h"

static const char *const guest_files[] = {"vmlinux", "bzImage", "initrd",
                                          "parts",   "cmdline", "cmdline.simulated"};

struct bench {
    char folder[64];
    char *guest;
    char *path; /* PATH before */
};

static void write_in(const struct bench *bench, const char *leaf, const char *text, mode_t mode)
{
    TEXT_AUTO path = text_format("%s/%s", bench->folder, leaf);
    assert_int_equal(output_write(path, span_of_text(text), mode, NULL), 0);
}

static void write_guest(const struct bench *bench)
{
    BUF_AUTO manifest = BUF_WITH_LIMIT(65536);
    uint8_t digest[SHA256_SIZE];
    char hex[2 * SHA256_SIZE + 1];
    (void)buf_printf(&manifest, NULL,
                     "{\"caisson_guest\":1,\"cmdline\":{\"simulated\":\"s\",\"sev-snp\":\"n\"},"
                     "\"files\":{");
    for (size_t i = 0; i < sizeof guest_files / sizeof *guest_files; i++) {
        TEXT_AUTO leaf = text_format("guest/%s", guest_files[i]);
        write_in(bench, leaf, guest_files[i], 0644);
        sha256_digest(span_of_text(guest_files[i]), digest);
        hex_encode(span_of(digest, sizeof digest), hex);
        (void)buf_printf(&manifest, NULL, "%s\"%s\":{\"sha256\":\"%s\",\"size\":%zu}", i ? "," : "",
                         guest_files[i], hex, strlen(guest_files[i]));
    }
    (void)buf_printf(&manifest, NULL, "}}");
    write_in(bench, "guest/manifest.json", buf_text(&manifest), 0644);
}

static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof *bench);
    (void)snprintf(bench->folder, sizeof bench->folder, "/tmp/caisson-doctor-XXXXXX");
    assert_non_null(mkdtemp(bench->folder));
    bench->path = text_format("%s", getenv("PATH"));
    static const char *const leaves[] = {"bin", "guest", "home", "run"};
    for (size_t i = 0; i < sizeof leaves / sizeof *leaves; i++) {
        TEXT_AUTO path = text_format("%s/%s", bench->folder, leaves[i]);
        assert_int_equal(mkdir(path, 0700), 0);
        assert_int_equal(setenv(i == 0   ? "PATH"
                                : i == 1 ? "CAISSON_GUEST"
                                : i == 2 ? "CAISSON_HOME"
                                         : "CAISSON_RUN",
                                path, 1),
                         0);
    }
    write_in(bench, "bin/qemu-system-x86_64",
             "#!/bin/sh\necho 'QEMU emulator version 10.0.2 (fake)'\n", 0755);
    write_in(bench, "bin/passt", "#!/bin/sh\necho passt 1\n", 0755);
    write_guest(bench);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    (void)setenv("PATH", bench->path, 1);
    (void)remove_tree(bench->folder);
    free(bench->path);
    free(bench);
    return 0;
}

static const struct finding *find(const struct diagnosis *diagnosis, const char *name)
{
    for (size_t i = 0; i < diagnosis->count; i++) {
        if (strcmp(diagnosis->findings[i].name, name) == 0)
            return &diagnosis->findings[i];
    }
    fail_msg("no finding %s", name);
    return NULL;
}

static void check_missing(const char *name, const char *words)
{
    struct diagnosis diagnosis;
    doctor_examine(NULL, &diagnosis);
    const struct finding *finding = find(&diagnosis, name);
    assert_int_equal(finding->state, FINDING_MISSING);
    if (!strstr(finding->found, words))
        fail_msg("\"%s\" does not hold \"%s\"", finding->found, words);
    assert_true(finding->remedy[0] != '\0');
    assert_false(diagnosis.works[VM_TEE_SIMULATED]);
    assert_false(diagnosis.works[VM_TEE_SEV_SNP]);
}

static void finds_a_machine_that_can_simulate(void **state)
{
    struct diagnosis diagnosis;
    (void)state;
    doctor_examine(NULL, &diagnosis);
    for (size_t i = 0; i < diagnosis.count; i++) {
        const struct finding *each = &diagnosis.findings[i];
        if (each->state == FINDING_MISSING)
            fail_msg("%s: %s", each->name, each->found);
        assert_true(each->found[0] != '\0');
    }
    assert_true(diagnosis.works[VM_TEE_SIMULATED]);
    assert_non_null(strstr(find(&diagnosis, "qemu")->found, "10.0.2"));
}

static void tells_as_whom_qemu_runs(void **state)
{
    struct diagnosis diagnosis;
    (void)state;
    doctor_examine(NULL, &diagnosis);
    const struct finding *finding = find(&diagnosis, "confinement");
    const char *words = geteuid() != 0                 ? "as this user"
                        : finding->state == FINDING_OK ? "not as root"
                                                       : "QEMU runs as root";
    assert_non_null(strstr(finding->found, words));
}

static void misses_qemu(void **state)
{
    struct bench *bench = *state;
    TEXT_AUTO path = text_format("%s/bin/qemu-system-x86_64", bench->folder);
    assert_int_equal(unlink(path), 0);
    check_missing("qemu", "not installed");
}

static void misses_a_newer_qemu(void **state)
{
    write_in(*state, "bin/qemu-system-x86_64", "#!/bin/sh\necho QEMU emulator version 5.2.0\n",
             0755);
    check_missing("qemu", "5.2.0");
}

static void misses_qemu_that_fails(void **state)
{
    write_in(*state, "bin/qemu-system-x86_64", "#!/bin/sh\nexit 4\n", 0755);
    check_missing("qemu", "status");
}

static void misses_passt(void **state)
{
    struct bench *bench = *state;
    TEXT_AUTO path = text_format("%s/bin/passt", bench->folder);
    assert_int_equal(unlink(path), 0);
    check_missing("passt", "not installed");
}

static void misses_a_guest(void **state)
{
    struct bench *bench = *state;
    TEXT_AUTO path = text_format("%s/guest/manifest.json", bench->folder);
    assert_int_equal(unlink(path), 0);
    check_missing("guest", "no guest");
}

static void notices_each_file_that_is_not_the_manifests(void **state)
{
    for (size_t i = 0; i < sizeof guest_files / sizeof *guest_files; i++) {
        TEXT_AUTO leaf = text_format("guest/%s", guest_files[i]);
        write_in(*state, leaf, "another", 0644);
        check_missing("guest", guest_files[i]);
        write_in(*state, leaf, guest_files[i], 0644);
    }
}

static void notices_a_damaged_manifest(void **state)
{
    write_in(*state, "guest/manifest.json", "{", 0644);
    check_missing("guest", "manifest.json");
}

static void misses_a_run_folder_of_its_own(void **state)
{
    struct bench *bench = *state;
    TEXT_AUTO path = text_format("%s/run", bench->folder);
    assert_int_equal(chmod(path, 0755), 0);
    check_missing("run folder", "0700");
}

static void misses_a_store_that_can_be_made(void **state)
{
    struct bench *bench = *state;
    TEXT_AUTO path = text_format("%s/guest/initrd/home", bench->folder);
    assert_int_equal(setenv("CAISSON_HOME", path, 1), 0);
    check_missing("store", "initrd");
}

static void reads_versions_of_qemu(void **state)
{
    static const struct {
        const char *text;
        unsigned int version;
    } cases[] = {
        {"QEMU emulator version 10.0.2 (Debian 1:10.0.2)", 1000},
        {"QEMU emulator version 9.1.0", 901},
        {"QEMU emulator version 7.2", 702},
        {"QEMU emulator version", 0},
        {"QEMU emulator version x.y", 0},
        {"QEMU emulator version 9.100", 0},
        {"", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(doctor_qemu_version(cases[i].text), cases[i].version);
}

#define DOCTOR_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DOCTOR_TEST(finds_a_machine_that_can_simulate),
        DOCTOR_TEST(tells_as_whom_qemu_runs),
        DOCTOR_TEST(misses_qemu),
        DOCTOR_TEST(misses_a_newer_qemu),
        DOCTOR_TEST(misses_qemu_that_fails),
        DOCTOR_TEST(misses_passt),
        DOCTOR_TEST(misses_a_guest),
        DOCTOR_TEST(notices_each_file_that_is_not_the_manifests),
        DOCTOR_TEST(notices_a_damaged_manifest),
        DOCTOR_TEST(misses_a_run_folder_of_its_own),
        DOCTOR_TEST(misses_a_store_that_can_be_made),
        cmocka_unit_test(reads_versions_of_qemu),
    };
    return cmocka_run_group_tests_name("doctor", tests, NULL, NULL);
}
