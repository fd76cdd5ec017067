/* JSON Web Signatures: no message holds under a key that signed only two of the seeds, and claims
 * are judged without fault. */
#include "fuzz.h"

#include "format/jwk.h"
#include "format/jws.h"

#include "../unit/format/jose_vectors.h"

static void check(const struct jws *jws, const struct jwk *key)
{
    static const struct jwt_rule rule = {.now = 1300819379, .issuer = "joe", .audience = "x"};
    struct error err = {0};
    bool is_signed = jws_check(jws, key->public_key, ~0U, &err) == 0;
    fuzz_require(is_signed || err.code == ERROR_REFUSED);
    fuzz_require(!is_signed || jws_check_unsigned(jws, NULL) < 0);
    json_auto_t *claims = jwt_read_claims(buf_span(&jws->payload), NULL);
    if (claims)
        (void)jwt_check_claims(claims, &rule, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct jwk key;
    struct jws jws;
    struct error err = {0};
    if (!key.public_key) {
        jwk_init(&key);
        fuzz_require(jwk_parse(span_of_text(rfc7515_a3_key), &key, NULL) == 0);
    }
    if (jws_read(span_of(data, size), &jws, &err) == 0)
        check(&jws, &key);
    else
        fuzz_require(err.code != ERROR_NONE && !jws.header);
    jws_fini(&jws);
    return 0;
}
