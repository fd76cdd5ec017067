#include "service/key_wrap.h"

#include "base/secret.h"
#include "crypto/random.h"

static const struct {
    const char *name;
    enum oaep_hash hash;
} wraps[] = {
    [CKM_RSA_AES_KEY_WRAP] = {"CKM_RSA_AES_KEY_WRAP", OAEP_SHA1},
    [RSA_AES_KEY_WRAP_256] = {"RSA_AES_KEY_WRAP_256", OAEP_SHA256},
    [RSA_AES_KEY_WRAP_384] = {"RSA_AES_KEY_WRAP_384", OAEP_SHA384},
};
_Static_assert(sizeof wraps / sizeof wraps[0] == KEY_WRAP_COUNT, "one each");

const char *key_wrap_name(enum key_wrap wrap)
{
    return wraps[wrap].name;
}

bool key_wrap_find(const char *name, enum key_wrap *out)
{
    for (size_t i = 0; i < KEY_WRAP_COUNT; i++) {
        if (strcmp(wraps[i].name, name) == 0) {
            *out = (enum key_wrap)i;
            return true;
        }
    }
    return false;
}

int key_wrap_seal(enum key_wrap wrap, const struct public_key *key, struct span secret,
                  struct buf *out, struct error *err)
{
    uint8_t kek[AES256_KEY_SIZE];
    size_t before = out->size;
    int result = -1;
    if (random_bytes(kek, sizeof kek, err) == 0 &&
        oaep_seal(key, wraps[wrap].hash, span_of(kek, sizeof kek), out, err) == 0 &&
        aes_wrap_padded(span_of(kek, sizeof kek), secret, out, err) == 0)
        result = 0;
    secret_wipe(kek, sizeof kek);
    if (result < 0)
        buf_truncate(out, before);
    return result;
}
