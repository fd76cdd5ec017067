/* The bodies of the keys' interface, by their first byte of a kind: what is read is within its
 * limits, and a key that is made of it is whole. */
#include "fuzz.h"

#include "service/key_make.h"

static void check_settings(const struct key_settings *settings)
{
    fuzz_require(!settings->sets_rule || settings->rule.text.size > 0);
    fuzz_require(settings->attributes.expires >= 0 && settings->attributes.not_before >= 0);
    fuzz_require(json_object_size(settings->tags) <= KEY_TAGS_MAX);
}

/* Keys of RSA take too long to be made here. */
static void make(const struct key_request *request)
{
    KEY_VERSION_AUTO key;
    KEY_VERSION_AUTO again;
    BUF_AUTO bytes = BUF_WITH_LIMIT(KEY_VERSION_BYTES + KEY_DER_MAX);
    key_version_init(&key);
    key_version_init(&again);
    if ((request->type == KEY_TYPE_RSA && !request->jwk.private_key) ||
        key_make(request, 1, &key, NULL) < 0)
        return;
    fuzz_require(key.secret.size > 0);
    fuzz_require(key.attributes.exportable == (key.rule.text.size > 0));
    fuzz_require(key_version_write(&key, &bytes, NULL) == 0);
    fuzz_require(key_version_read(buf_span(&bytes), &again, NULL) == 0);
    fuzz_require(span_equal(buf_span(&again.secret), buf_span(&key.secret)));
    fuzz_require(json_equal(again.public_key, key.public_key));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct span body = span_of(data + 1, size - 1);
    KEY_REQUEST_AUTO request;
    RELEASE_REQUEST_AUTO release = {0};
    key_request_init(&request);
    switch (data[0] % 4) {
    case 0:
        if (key_request_read_create(body, &request, NULL) < 0)
            return 0;
        make(&request);
        break;
    case 1:
        if (key_request_read_import(body, &request, NULL) < 0)
            return 0;
        make(&request);
        break;
    case 2:
        if (key_request_read_update(body, &request, NULL) < 0)
            return 0;
        break;
    default:
        if (release_request_read(body, &release, NULL) == 0)
            fuzz_require(release.target && release.wrap < KEY_WRAP_COUNT);
    }
    check_settings(&request.settings);
    return 0;
}
