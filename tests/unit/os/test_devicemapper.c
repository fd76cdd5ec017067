/* What the device mapper is told about a layer. Devices need root, and are made in the machine. */
#include "../check.h"

#include "os/devicemapper.h"

static void describes_a_layer(void **state)
{
    (void)state;
    struct error err;
    BUF_AUTO text = BUF_WITH_LIMIT(512);
    const struct devicemapper_verity verity = {.name = "m0",
                                               .disk = "/dev/sda",
                                               .data_blocks = 1024,
                                               .tree_block = 1025,
                                               .root_hash = {0xab, 1}};
    check_ok(devicemapper_verity_parameters(&verity, &text, &err), &err);
    assert_string_equal(buf_text(&text),
                        "1 /dev/sda /dev/sda 4096 4096 1024 1025 sha256 "
                        "ab01000000000000000000000000000000000000000000000000000000000000 "
                        "0000000000000000000000000000000000000000000000000000000000000000 "
                        "2 panic_on_corruption panic_on_error");
}

static void refuses_a_path_that_does_not_fit(void **state)
{
    (void)state;
    struct error err;
    char path[400];
    BUF_AUTO text = BUF_WITH_LIMIT(512);
    memset(path, 'a', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    const struct devicemapper_verity verity = {.name = "m0", .disk = path};
    check_error(devicemapper_verity_parameters(&verity, &text, &err), &err, ERROR_LIMIT);
}

static void describes_room_for_tags(void **state)
{
    (void)state;
    struct error err;
    BUF_AUTO text = BUF_WITH_LIMIT(512);
    const struct devicemapper_integrity integrity = {.disk = "/dev/sdb", .tag_size = 32};
    check_ok(devicemapper_integrity_parameters(&integrity, &text, &err), &err);
    assert_string_equal(buf_text(&text), "/dev/sdb 0 32 D 2 block_size:4096 journal_sectors:16");
}

static void describes_authenticated_encryption(void **state)
{
    (void)state;
    struct error err;
    BUF_AUTO text = BUF_WITH_LIMIT(512);
    static const uint8_t key[4] = {0, 0xff, 0x12, 0xa0};
    const struct devicemapper_crypt crypt = {.disk = "/dev/dm-0",
                                             .cipher = "capi:aegis128-random",
                                             .tag_size = 32,
                                             .key = span_of(key, sizeof key)};
    check_ok(devicemapper_crypt_parameters(&crypt, &text, &err), &err);
    assert_string_equal(buf_text(&text), "capi:aegis128-random 00ff12a0 0 /dev/dm-0 0 2 "
                                         "integrity:32:aead sector_size:4096");
}

static void refuses_a_key_that_does_not_fit(void **state)
{
    (void)state;
    struct error err;
    BUF_AUTO text = BUF_WITH_LIMIT(512);
    static const uint8_t key[DEVICEMAPPER_KEY_MAX + 1] = {0};
    const struct devicemapper_crypt crypt = {
        .disk = "/dev/dm-0", .cipher = "capi:x", .key = span_of(key, sizeof key)};
    check_error(devicemapper_crypt_parameters(&crypt, &text, &err), &err, ERROR_LIMIT);
    assert_int_equal(text.size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(describes_a_layer),
        cmocka_unit_test(refuses_a_path_that_does_not_fit),
        cmocka_unit_test(describes_room_for_tags),
        cmocka_unit_test(describes_authenticated_encryption),
        cmocka_unit_test(refuses_a_key_that_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
