#include "../check.h"

#include "crypto/key.h"
#include "measure/sigstruct_sign.h"

static struct error err;

/* Made for this test by `openssl genrsa -3 3072`. */
static const char key_pem[] =
#include "sigstruct_key.inc"
    ;

static struct private_key *read_key(void)
{
    struct private_key *key = private_key_from_pem(span_of_text(key_pem), &err);
    if (!key)
        fail_msg("%s", err.text);
    return key;
}

static struct sigstruct some_fields(void)
{
    struct sigstruct fields = {.date = 0x20260131,
                               .sw_defined = 9,
                               .miscselect = 1,
                               .miscselect_mask = 0xFFFFFFFE,
                               .isv_prod_id = 0x1234,
                               .isv_svn = 0x5678};
    memset(fields.isv_family_id, 1, 16);
    memset(fields.attributes, 2, 16);
    memset(fields.attributes_mask, 3, 16);
    memset(fields.mrenclave, 4, SHA256_SIZE);
    memset(fields.isv_ext_prod_id, 5, 16);
    return fields;
}

static void signs_what_reads_back_alike(void **state)
{
    (void)state;
    PRIVATE_KEY_AUTO *key = read_key();
    struct sigstruct fields = some_fields();
    struct sigstruct found;
    uint8_t out[SIGSTRUCT_SIZE];
    check_ok(sigstruct_sign(&fields, key, out, &err), &err);
    check_ok(sigstruct_check(span_of(out, sizeof out), &found, &err), &err);
    assert_false(span_is_zero(span_of(found.mrsigner, SHA256_SIZE)));
    memcpy(fields.mrsigner, found.mrsigner, SHA256_SIZE);
    assert_memory_equal(&found, &fields, sizeof found);
}

static void signs_the_same_bytes_again(void **state)
{
    (void)state;
    PRIVATE_KEY_AUTO *key = read_key();
    const struct sigstruct fields = some_fields();
    uint8_t out[2][SIGSTRUCT_SIZE];
    check_ok(sigstruct_sign(&fields, key, out[0], &err), &err);
    check_ok(sigstruct_sign(&fields, key, out[1], &err), &err);
    assert_memory_equal(out[0], out[1], SIGSTRUCT_SIZE);
}

static void refuses_fields_that_no_processor_takes(void **state)
{
    (void)state;
    PRIVATE_KEY_AUTO *key = read_key();
    uint8_t out[SIGSTRUCT_SIZE];
    struct sigstruct fields = some_fields();
    fields.date = 0x2026013A;
    check_refused(sigstruct_sign(&fields, key, out, &err), &err, "date");
    fields = some_fields();
    fields.vendor = 1;
    check_refused(sigstruct_sign(&fields, key, out, &err), &err, "vendor");
}

static void refuses_other_keys(void **state)
{
    (void)state;
    static const struct {
        enum key_kind kind;
        unsigned bits;
    } cases[] = {{KEY_P256, 0}, {KEY_RSA, 2048}, {KEY_RSA, 3072}};
    const struct sigstruct fields = some_fields();
    uint8_t out[SIGSTRUCT_SIZE];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        PRIVATE_KEY_AUTO *key = private_key_new(cases[i].kind, cases[i].bits, &err);
        assert_non_null(key);
        check_error(sigstruct_sign(&fields, key, out, &err), &err, ERROR_INVALID);
        assert_non_null(strstr(err.text, "exponent 3"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signs_what_reads_back_alike),
        cmocka_unit_test(signs_the_same_bytes_again),
        cmocka_unit_test(refuses_fields_that_no_processor_takes),
        cmocka_unit_test(refuses_other_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
