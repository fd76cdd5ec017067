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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(describes_a_layer),
        cmocka_unit_test(refuses_a_path_that_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
