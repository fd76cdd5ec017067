/* JSON Web Keys: what is read can be written, and reads back as the same key. */
#include "fuzz.h"

#include "format/jwk.h"

static void check(const struct jwk *jwk)
{
    struct buf text = BUF_WITH_LIMIT(1 << 20);
    uint8_t before[SHA256_SIZE];
    uint8_t after[SHA256_SIZE];
    struct jwk again;
    jwk_init(&again);
    fuzz_require(jwk->is_oct ? jwk->secret.size > 0 : jwk->public_key != NULL);
    fuzz_require(jwk_thumbprint(jwk, before, NULL) == 0);
    int result = jwk->is_oct || jwk->private_key ? jwk_append_private(jwk, &text, NULL)
                                                 : jwk_append_public(jwk, &text, NULL);
    fuzz_require(result == 0 && jwk_parse(buf_span(&text), &again, NULL) == 0);
    fuzz_require(jwk_thumbprint(&again, after, NULL) == 0);
    fuzz_require(memcmp(before, after, SHA256_SIZE) == 0);
    fuzz_require(again.chain.count == jwk->chain.count && again.operations == jwk->operations);
    jwk_fini(&again);
    buf_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct jwk jwk;
    struct error err = {0};
    jwk_init(&jwk);
    if (jwk_parse(span_of(data, size), &jwk, &err) == 0)
        check(&jwk);
    else
        fuzz_require(err.code != ERROR_NONE && !jwk.public_key && jwk.secret.size == 0);
    jwk_fini(&jwk);
    return 0;
}
