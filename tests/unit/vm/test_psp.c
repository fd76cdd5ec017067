#include "../check.h"
#include "processor.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include "base/text.h"
#include "crypto/certificate.h"
#include "evidence/snp_report.h"
#include "os/file.h"
#include "os/output.h"

/* One processor is made for all tests (two RSA keys take seconds); each test that spoils files
 * works on a copy. */
static struct error err;
static struct processor processor;
static const char *dir = processor.dir;
static char copy[PROCESSOR_PATH_SIZE + 16];

#define STARTS 3

static void start(void)
{
    PSP_AUTO *psp = psp_open(dir, &err);
    _exit(psp ? 0 : 1);
}

/* Several first starts at once: this is itself the test of concurrent first starts. */
static int make_processor(void **state)
{
    (void)state;
    assert_int_equal(processor_prepare(&processor), 0);
    (void)snprintf(copy, sizeof copy, "%s/copy", processor.top);
    pid_t starts[STARTS];
    for (int i = 0; i < STARTS; i++) {
        starts[i] = fork();
        if (starts[i] == 0)
            start();
    }
    for (int i = 0; i < STARTS; i++) {
        int status = -1;
        assert_int_equal(waitpid(starts[i], &status, 0), starts[i]);
        assert_int_equal(status, 0);
    }
    return 0;
}

static const char *const files[] = {"vcek.key", "ark.pem", "chain.pem"};

static void path_of(char out[8192], const char *folder, const char *name)
{
    (void)snprintf(out, 8192, "%s/%s", folder, name);
}

static int remove_processor(void **state)
{
    (void)state;
    processor_remove_files(copy);
    return processor_remove(&processor);
}

static void read_file(const char *folder, const char *name, struct buf *out)
{
    char path[8192];
    path_of(path, folder, name);
    check_ok(file_read(path, out, &err), &err);
}

static void write_file(const char *folder, const char *name, struct span bytes, mode_t mode)
{
    char path[8192];
    path_of(path, folder, name);
    check_ok(output_write(path, bytes, mode, &err), &err);
}

/* A fresh copy of the processor's files. */
static void copy_processor(void)
{
    processor_remove_files(copy);
    assert_int_equal(mkdir(copy, 0700), 0);
    for (int i = 0; i < 3; i++) {
        BUF_AUTO bytes = BUF_WITH_LIMIT(65536);
        read_file(dir, files[i], &bytes);
        write_file(copy, files[i], buf_span(&bytes), 0600);
    }
}

static const struct psp_launch a_launch = {
    .measurement = {1, 2, 3}, .host_data = {4, 5, 6}, .policy = PSP_POLICY_DEFAULT};

static struct psp *open_launched(void)
{
    struct psp *psp = psp_open(dir, &err);
    if (!psp)
        fail_msg("%s", err.text);
    check_ok(psp_launch(psp, &a_launch, &err), &err);
    return psp;
}

static void files_are_private(void **state)
{
    (void)state;
    struct stat info;
    assert_int_equal(stat(dir, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0700);
    char path[8192];
    path_of(path, dir, "vcek.key");
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
}

static void opens_the_same_processor_again(void **state)
{
    (void)state;
    PSP_AUTO *first = psp_open(dir, &err);
    PSP_AUTO *second = psp_open(dir, &err);
    assert_non_null(first);
    assert_non_null(second);
    assert_string_equal(psp_certificates(first), psp_certificates(second));
}

static void every_name_says_simulated(void **state)
{
    (void)state;
    PSP_AUTO *psp = psp_open(dir, &err);
    assert_non_null(psp);
    struct span pem = span_of_text(psp_certificates(psp));
    for (int i = 0; i < 3; i++) {
        BUF_AUTO der = BUF_WITH_LIMIT(CERTIFICATE_DER_MAX);
        check_ok(certificate_pem_next(&pem, &der, &err), &err);
        CERTIFICATE_AUTO *certificate = certificate_from_der(buf_span(&der), &err);
        assert_non_null(certificate);
        assert_non_null(strstr(certificate_name(certificate), "SIMULATED"));
    }
    assert_int_equal(pem.size, 0);
}

static void answers_with_the_launch_and_the_request(void **state)
{
    (void)state;
    PSP_AUTO *psp = open_launched();
    uint8_t request[PSP_REQUEST_SIZE] = {7, 8, 9};
    request[64] = 1;
    uint8_t answer[PSP_ANSWER_SIZE];
    check_ok(psp_answer(psp, span_of(request, sizeof request), answer, &err), &err);
    static const uint8_t head[8] = {0, 0, 0, 0, 0xA0, 0x04, 0, 0};
    assert_memory_equal(answer, head, sizeof head);

    struct snp_report report;
    struct span bytes = span_of(answer + 8, SNP_REPORT_SIZE);
    check_ok(snp_report_parse(bytes, &report, &err), &err);
    check_ok(snp_report_check_reserved(bytes, &report, &err), &err);
    assert_memory_equal(report.report_data, request, 64);
    assert_int_equal(report.vmpl, 1);
    assert_memory_equal(report.measurement, a_launch.measurement, 48);
    assert_memory_equal(report.host_data, a_launch.host_data, 32);
    assert_int_equal(report.policy, PSP_POLICY_DEFAULT);
    assert_int_equal(snp_report_signing_key(&report), SNP_SIGNING_VCEK);
}

static void refuses_malformed_requests_and_goes_on(void **state)
{
    (void)state;
    PSP_AUTO *psp = open_launched();
    uint8_t request[PSP_REQUEST_SIZE + 1] = {0};
    uint8_t answer[PSP_ANSWER_SIZE];
    static const uint8_t refusal[PSP_ANSWER_SIZE] = {0x16};
    for (size_t size = 0; size <= sizeof request; size++) {
        if (size == PSP_REQUEST_SIZE)
            continue;
        check_ok(psp_answer(psp, span_of(request, size), answer, &err), &err);
        assert_memory_equal(answer, refusal, sizeof refusal);
    }
    for (size_t at = 68; at < PSP_REQUEST_SIZE; at++) {
        request[at] = 1;
        check_ok(psp_answer(psp, span_of(request, PSP_REQUEST_SIZE), answer, &err), &err);
        assert_memory_equal(answer, refusal, sizeof refusal);
        request[at] = 0;
    }
    request[64] = 4; /* vmpl */
    check_ok(psp_answer(psp, span_of(request, PSP_REQUEST_SIZE), answer, &err), &err);
    assert_memory_equal(answer, refusal, sizeof refusal);
    request[64] = 0;
    check_ok(psp_answer(psp, span_of(request, PSP_REQUEST_SIZE), answer, &err), &err);
    assert_int_equal(answer[0], 0);
}

static void refuses_report_before_launch_and_second_launch(void **state)
{
    (void)state;
    PSP_AUTO *psp = psp_open(dir, &err);
    uint8_t request[PSP_REQUEST_SIZE] = {0};
    uint8_t answer[PSP_ANSWER_SIZE];
    check_error(psp_answer(psp, span_of(request, sizeof request), answer, &err), &err,
                ERROR_INVALID);
    check_ok(psp_launch(psp, &a_launch, &err), &err);
    check_error(psp_launch(psp, &a_launch, &err), &err, ERROR_INVALID);
}

static void refuses_guest_policy_that_no_firmware_takes(void **state)
{
    (void)state;
    PSP_AUTO *psp = psp_open(dir, &err);
    struct psp_launch launch = a_launch;
    launch.policy = 0;
    check_error(psp_launch(psp, &launch, &err), &err, ERROR_INVALID);
    launch.policy = PSP_POLICY_DEFAULT | (UINT64_C(1) << 26);
    check_error(psp_launch(psp, &launch, &err), &err, ERROR_INVALID);
}

/* Opens the copy and expects a refusal with these words. */
static void check_damaged(const char *words)
{
    err = (struct error){0};
    struct psp *psp = psp_open(copy, &err);
    assert_null(psp);
    if (!strstr(err.text, words))
        fail_msg("\"%s\" does not hold \"%s\"", err.text, words);
}

static void refuses_a_damaged_file(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        copy_processor();
        BUF_AUTO bytes = BUF_WITH_LIMIT(65536);
        read_file(copy, files[i], &bytes);
        bytes.data[bytes.size / 2] ^= 2;
        write_file(copy, files[i], buf_span(&bytes), 0600);
        check_damaged("damaged");

        copy_processor();
        write_file(copy, files[i], span_of(bytes.data, bytes.size / 2), 0600);
        check_damaged("damaged");

        copy_processor();
        write_file(copy, files[i], span_of(NULL, 0), 0600);
        check_damaged("damaged");
    }
}

static void refuses_a_missing_key_or_root(void **state)
{
    (void)state;
    char path[8192];
    for (int i = 0; i < 2; i++) {
        copy_processor();
        path_of(path, copy, files[i]);
        assert_int_equal(unlink(path), 0);
        check_damaged("damaged");
    }
}

static void refuses_certificates_in_another_order_or_more(void **state)
{
    (void)state;
    copy_processor();
    BUF_AUTO chain = BUF_WITH_LIMIT(65536);
    BUF_AUTO ark = BUF_WITH_LIMIT(65536);
    read_file(dir, "chain.pem", &chain);
    read_file(dir, "ark.pem", &ark);
    check_ok(buf_append(&chain, buf_span(&ark), &err), &err);
    write_file(copy, "chain.pem", buf_span(&chain), 0600);
    check_damaged("more than 3");
    check_ok(buf_append(&ark, buf_span(&chain), &err), &err);
    write_file(copy, "chain.pem", buf_span(&ark), 0600);
    check_damaged("damaged");
}

static void refuses_files_that_others_can_read(void **state)
{
    (void)state;
    char path[8192];
    copy_processor();
    path_of(path, copy, "vcek.key");
    assert_int_equal(chmod(path, 0640), 0);
    check_damaged("0600");
    copy_processor();
    assert_int_equal(chmod(copy, 0755), 0);
    check_damaged("0700");
    assert_int_equal(chmod(copy, 0700), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_private),
        cmocka_unit_test(opens_the_same_processor_again),
        cmocka_unit_test(every_name_says_simulated),
        cmocka_unit_test(answers_with_the_launch_and_the_request),
        cmocka_unit_test(refuses_malformed_requests_and_goes_on),
        cmocka_unit_test(refuses_report_before_launch_and_second_launch),
        cmocka_unit_test(refuses_guest_policy_that_no_firmware_takes),
        cmocka_unit_test(refuses_a_damaged_file),
        cmocka_unit_test(refuses_a_missing_key_or_root),
        cmocka_unit_test(refuses_certificates_in_another_order_or_more),
        cmocka_unit_test(refuses_files_that_others_can_read),
    };
    return cmocka_run_group_tests(tests, make_processor, remove_processor);
}
