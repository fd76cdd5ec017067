/* What a credential helper answers: what is taken is clean enough for a header. */
#include "fuzz.h"

#include "image/helper.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CREDENTIALS_AUTO credentials;
    struct error err = {0};
    credentials_init(&credentials);
    int status = helper_parse(span_of(data, size), &credentials, &err);
    fuzz_require(status == 0 || err.code != ERROR_NONE);
    const struct buf *parts[] = {&credentials.user, &credentials.password,
                                 &credentials.identity_token};
    for (size_t i = 0; i < 3; i++) {
        for (size_t j = 0; j < parts[i]->size; j++)
            fuzz_require(parts[i]->data[j] >= 0x20 && parts[i]->data[j] != 0x7f);
    }
    fuzz_require(credentials.user.size == 0 ||
                 !memchr(credentials.user.data, ':', credentials.user.size));
    return 0;
}
