#include "../check.h"

#include "base/hex.h"

static void encodes_and_decodes(void **state)
{
    (void)state;
    const uint8_t bytes[] = {0x00, 0x1f, 0xab, 0xff};
    char text[2 * sizeof bytes + 1];
    hex_encode(span_of(bytes, sizeof bytes), text);
    assert_string_equal(text, "001fabff");
    uint8_t back[sizeof bytes];
    assert_true(hex_decode(span_of_text("001FaBff"), back, sizeof back));
    assert_memory_equal(back, bytes, sizeof bytes);
}

static void refuses_other_lengths_and_characters(void **state)
{
    (void)state;
    uint8_t out[2];
    static const char *const refused[] = {"",       "0",    "000",  "00000",
                                          "000000", "00g0", "0x00", " 000"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        assert_false(hex_decode(span_of_text(refused[i]), out, sizeof out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encodes_and_decodes),
        cmocka_unit_test(refuses_other_lengths_and_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
