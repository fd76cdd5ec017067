/* Certificates that the operator keeps: found by chip and TCB, and by nothing else. */
#include "../evidence/synthetic.h"

#include <stdio.h>
#include <stdlib.h>

#include "../remove_tree.h"
#include "base/text.h"
#include "os/output.h"
#include "service/snp_files.h"

static struct error err;
static struct synthetic machine;
static struct synthetic_issued issued;
static char folder[256];

static int begin(void **state)
{
    (void)state;
    const char *base = getenv("TMPDIR");
    (void)snprintf(folder, sizeof folder, "%s/caisson-files-XXXXXX", base ? base : "/tmp");
    err = (struct error){0};
    synthetic_milan(&machine);
    synthetic_issue(&machine, &issued);
    return mkdtemp(folder) ? 0 : -1;
}

static int drop(void **state)
{
    (void)state;
    synthetic_fini(&issued);
    return remove_tree(folder);
}

static void put(const char *name, struct span text)
{
    TEXT_AUTO path = text_format("%s/%s", folder, name);
    check_ok(output_write(path, text, 0600, &err), &err);
}

/* `count` certificates of the chain, root first: files come in any order. */
static void put_chain(const char *name, int count)
{
    BUF_AUTO pem = BUF_WITH_LIMIT(1 << 17);
    for (int i = SNP_CHAIN_LENGTH - 1; i >= SNP_CHAIN_LENGTH - count; i--)
        check_ok(certificate_der_to_pem(issued.chain[i], &pem, &err), &err);
    put(name, buf_span(&pem));
}

static int find(struct snp_files *files, const struct snp_report *report)
{
    SNP_CERTIFICATES_AUTO found;
    snp_certificates_init(&found);
    int result = snp_files_find(files, report, &found, &err);
    assert_int_equal(found.count, result == 0 ? SNP_CHAIN_LENGTH : 0);
    if (result == 0)
        assert_true(span_equal(buf_span(&found.der[0]), issued.chain[0]));
    return result;
}

static void finds_a_chain_by_chip_and_tcb(void **state)
{
    (void)state;
    put_chain("one.pem", SNP_CHAIN_LENGTH);
    put("notes.txt", span_of_text("not read"));
    put(".hidden.pem", span_of_text("not read"));
    struct snp_files *files = snp_files_open(folder, &err);
    assert_non_null(files);
    check_ok(find(files, &machine.report), &err);
    struct snp_report other = machine.report;
    other.chip_id[63] ^= 1;
    check_error(find(files, &other), &err, ERROR_NOT_FOUND);
    assert_non_null(strstr(err.text, "chip"));
    other = machine.report;
    other.reported_tcb[7] ^= 1;
    check_error(find(files, &other), &err, ERROR_NOT_FOUND);
    other = machine.report;
    other.key_info = SNP_SIGNING_VLEK << 2;
    check_error(find(files, &other), &err, ERROR_NOT_FOUND);
    snp_files_close(files);
}

static void reads_the_folder_again(void **state)
{
    (void)state;
    struct snp_files *files = snp_files_open(folder, &err);
    assert_non_null(files);
    check_error(find(files, &machine.report), &err, ERROR_NOT_FOUND);
    put_chain("one.pem", SNP_CHAIN_LENGTH);
    check_ok(snp_files_refresh(files, &err), &err);
    check_ok(find(files, &machine.report), &err);
    put("two.pem", span_of_text("no certificate"));
    assert_int_equal(snp_files_refresh(files, &err), -1);
    check_ok(find(files, &machine.report), &err);
    snp_files_close(files);
}

static void refuses_what_is_no_chain_and_names_the_file(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "", "text", "-----BEGIN CERTIFICATE-----\nMAMCAQU=\n-----END CERTIFICATE-----\n"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        put("one.pem", span_of_text(texts[i]));
        assert_null(snp_files_open(folder, &err));
        assert_non_null(strstr(err.text, "one.pem"));
    }
    put_chain("one.pem", SNP_CHAIN_LENGTH - 1);
    assert_null(snp_files_open(folder, &err));
    assert_non_null(strstr(err.text, "one.pem"));
    assert_null(snp_files_open("/nowhere", &err));
    assert_non_null(strstr(err.text, "/nowhere"));
}

static void without_a_folder_there_is_none(void **state)
{
    (void)state;
    struct snp_files *files = snp_files_open(NULL, &err);
    assert_non_null(files);
    check_error(find(files, &machine.report), &err, ERROR_NOT_FOUND);
    snp_files_close(files);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(finds_a_chain_by_chip_and_tcb),
        TEST(reads_the_folder_again),
        TEST(refuses_what_is_no_chain_and_names_the_file),
        TEST(without_a_folder_there_is_none),
    };
    return cmocka_run_group_tests(tests, synthetic_start, synthetic_end);
}
