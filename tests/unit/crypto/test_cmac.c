/* The examples of RFC 4493, section 4. */
#include "../check.h"

#include "base/hex.h"
#include "crypto/cmac.h"

static struct error err;

static void agrees_with_rfc_4493(void **state)
{
    (void)state;
    static const char key_text[] = "2b7e151628aed2a6abf7158809cf4f3c";
    static const char text[] = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
                               "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";
    static const struct {
        size_t size;
        const char *mac;
    } cases[] = {{0, "bb1d6929e95937287fa37d129b756746"},
                 {16, "070a16b46b4d4144f79bdd9dd04a287c"},
                 {40, "dfa66747de9ae63030ca32611497c827"},
                 {64, "51f0bebf7e3b9d92fc49741779363cfe"}};
    uint8_t key[CMAC_SIZE];
    uint8_t message[64];
    assert_true(hex_decode(span_of_text(key_text), key, sizeof key));
    assert_true(hex_decode(span_of_text(text), message, sizeof message));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t out[CMAC_SIZE];
        char found[2 * CMAC_SIZE + 1];
        check_ok(cmac_aes128(key, span_of(message, cases[i].size), out, &err), &err);
        hex_encode(span_of(out, sizeof out), found);
        assert_string_equal(found, cases[i].mac);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(agrees_with_rfc_4493)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
