/* Another issuer's JSON Web Key Set: every key that is left has a name, and checks signatures. */
#include "fuzz.h"

#include "service/key_set.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct key_set set = {0};
    struct error err = {0};
    if (key_set_read(span_of(data, size), &set, &err) == 0) {
        fuzz_require(set.count > 0 && set.count <= KEY_SET_MAX);
        for (size_t i = 0; i < set.count; i++)
            fuzz_require(set.keys[i].kid[0] && set.keys[i].public_key);
    } else {
        fuzz_require(err.text[0]);
    }
    key_set_fini(&set);
    return 0;
}
