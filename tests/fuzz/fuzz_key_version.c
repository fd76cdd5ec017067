/* A key's record: whatever is read is written again as the same. (It is sealed: who can change it
 * has the master key.) */
#include "fuzz.h"

#include "service/key_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    KEY_VERSION_AUTO key;
    KEY_VERSION_AUTO again;
    BUF_AUTO bytes = BUF_WITH_LIMIT(2 * KEY_VERSION_BYTES);
    key_version_init(&key);
    key_version_init(&again);
    if (key_version_read(span_of(data, size), &key, NULL) < 0)
        return 0;
    (void)key_version_check_usable(&key, 1000, NULL);
    json_auto_t *shown = key_to_json("https://a", &key);
    fuzz_require(shown);
    if (key_version_write(&key, &bytes, NULL) < 0) /* larger than it was: escapes */
        return 0;
    fuzz_require(key_version_read(buf_span(&bytes), &again, NULL) == 0);
    fuzz_require(span_equal(buf_span(&key.secret), buf_span(&again.secret)));
    fuzz_require(key.created == again.created && json_equal(key.public_key, again.public_key));
    return 0;
}
