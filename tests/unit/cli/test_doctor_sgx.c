/* The doctor's word on SGX: processors that are made of their CPUID, devices and sockets. */
#include "../check.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/doctor_sgx.h"
#include "os/fd.h"

/* What the played processor says. */
static struct {
    uint32_t features_ebx, features_ecx, sgx_eax, attributes_eax;
    uint32_t sections[3][4];
} played;

static void play_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
    memset(out, 0, 4 * sizeof *out);
    if (leaf == 7) {
        out[1] = played.features_ebx;
        out[2] = played.features_ecx;
    } else if (leaf == 0x12 && subleaf == 0)
        out[0] = played.sgx_eax;
    else if (leaf == 0x12 && subleaf == 1)
        out[0] = played.attributes_eax;
    else if (leaf == 0x12 && subleaf - 2 < 3)
        memcpy(out, played.sections[subleaf - 2], sizeof played.sections[0]);
}

/* Sections are cut at pages, and have bits 32 and up in EDX. */
static int play_all(void **state)
{
    (void)state;
    memset(&played, 0, sizeof played);
    played.features_ebx = 1U << 2;
    played.features_ecx = 1U << 30;
    played.sgx_eax = 3;
    played.attributes_eax = 1U << 7;
    const uint32_t sections[2][4] = {{1, 0, 0x05D80001, 0}, {1, 0, 0x00080001, 1}};
    memcpy(played.sections, sections, sizeof sections);
    return 0;
}

static void check(enum finding_state state, const char *words)
{
    struct finding finding = {.name = "sgx"};
    doctor_sgx_processor(play_cpuid, &finding);
    assert_int_equal(finding.state, state);
    if (!strstr(finding.found, words))
        fail_msg("\"%s\" does not hold \"%s\"", finding.found, words);
    assert_int_equal(finding.remedy[0] == '\0', state == FINDING_OK);
}

static void finds_what_enclaves_take_and_how_much_memory(void **state)
{
    (void)state;
    check(FINDING_OK, "SGX2, KSS, flexible launch control; 4190 MiB");
}

static void misses_each_feature(void **state)
{
    (void)state;
    played.features_ebx = 0;
    check(FINDING_OPTIONAL, "no SGX");
    (void)play_all(NULL);
    played.sgx_eax = 1;
    check(FINDING_OPTIONAL, "without SGX2");
    (void)play_all(NULL);
    played.attributes_eax = ~(1U << 7);
    check(FINDING_OPTIONAL, "without KSS");
    (void)play_all(NULL);
    played.features_ecx = ~(1U << 30);
    check(FINDING_OPTIONAL, "without flexible launch control");
}

static void counts_no_section_that_is_not_valid(void **state)
{
    (void)state;
    played.sections[0][0] = 0;
    check(FINDING_OPTIONAL, "without enclave page cache");
    (void)play_all(NULL);
    played.sections[1][0] = 2;
    check(FINDING_OK, "; 93 MiB");
}

static void tells_why_the_device_cannot_be_used(void **state)
{
    struct finding finding = {.name = "sgx device"};
    (void)state;
    doctor_sgx_device("/dev/null", &finding);
    assert_int_equal(finding.state, FINDING_OK);
    doctor_sgx_device("/nonexistent/sgx_enclave", &finding);
    assert_int_equal(finding.state, FINDING_OPTIONAL);
    assert_non_null(strstr(finding.found, "/nonexistent/sgx_enclave: No such file"));
    assert_non_null(strstr(finding.remedy, "Linux 6.0"));
}

static void tells_a_socket_from_one_where_somebody_listens(void **state)
{
    char folder[] = "/tmp/caisson-doctor-XXXXXX";
    struct finding finding = {.name = "aesmd"};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s/socket", folder);
    FD_AUTO fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    doctor_sgx_aesmd(address.sun_path, &finding);
    assert_non_null(strstr(finding.found, "No such file"));
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    doctor_sgx_aesmd(address.sun_path, &finding);
    assert_int_equal(finding.state, FINDING_OPTIONAL);
    assert_non_null(strstr(finding.found, "refused"));
    assert_non_null(strstr(finding.remedy, "start aesmd"));
    assert_int_equal(listen(fd, 1), 0);
    doctor_sgx_aesmd(address.sun_path, &finding);
    assert_int_equal(finding.state, FINDING_OK);
    assert_int_equal(unlink(address.sun_path), 0);
    assert_int_equal(rmdir(folder), 0);
}

static void refuses_a_socket_whose_name_is_too_long(void **state)
{
    char path[200];
    struct finding finding = {.name = "aesmd"};
    (void)state;
    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    doctor_sgx_aesmd(path, &finding);
    assert_int_equal(finding.state, FINDING_OPTIONAL);
    assert_non_null(strstr(finding.found, "too long"));
}

static void misses_the_enclaves_files(void **state)
{
    struct finding finding = {.name = "enclave"};
    (void)state;
    assert_int_equal(setenv("CAISSON_ENCLAVE", "/nonexistent", 1), 0);
    doctor_enclave(&finding);
    assert_int_equal(unsetenv("CAISSON_ENCLAVE"), 0);
    assert_int_equal(finding.state, FINDING_OPTIONAL);
    assert_non_null(strstr(finding.found, "/nonexistent"));
    assert_true(finding.remedy[0] != '\0');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(finds_what_enclaves_take_and_how_much_memory, play_all),
        cmocka_unit_test_setup(misses_each_feature, play_all),
        cmocka_unit_test_setup(counts_no_section_that_is_not_valid, play_all),
        cmocka_unit_test(tells_why_the_device_cannot_be_used),
        cmocka_unit_test(tells_a_socket_from_one_where_somebody_listens),
        cmocka_unit_test(refuses_a_socket_whose_name_is_too_long),
        cmocka_unit_test(misses_the_enclaves_files),
    };
    return cmocka_run_group_tests_name("doctor_sgx", tests, NULL, NULL);
}
