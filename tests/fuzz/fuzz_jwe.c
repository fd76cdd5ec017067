/* JSON Web Encryption: what does not open gives nothing out. */
#include "fuzz.h"

#include "format/jwe.h"

#include "../unit/format/jose_vectors.h"

static void read_key(const char *text, struct jwk *key)
{
    if (key->private_key)
        return;
    jwk_init(key);
    fuzz_require(jwk_parse(span_of_text(text), key, NULL) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct jwk rsa;
    static struct jwk curve;
    read_key(rfc7516_a1_key, &rsa);
    read_key(rfc7515_a3_key, &curve);
    const struct private_key *keys[] = {rsa.private_key, curve.private_key};
    for (size_t i = 0; i < 2; i++) {
        BUF_AUTO out = BUF_WITH_LIMIT(1 << 16);
        struct error err = {0};
        if (jwe_unseal(span_of(data, size), keys[i], ~0U, &out, &err) < 0)
            fuzz_require(err.code != ERROR_NONE && out.size == 0);
    }
    return 0;
}
