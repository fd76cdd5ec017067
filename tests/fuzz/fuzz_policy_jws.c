/* The JWS of a policy: what is read is text, and a signer is a public key. */
#include "fuzz.h"

#include "base/text.h"
#include "rules/policy_jws.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct policy_jws policy;
    struct error err = {0};
    if (policy_jws_read(span_of(data, size), &policy, &err) == 0) {
        fuzz_require(policy.text.size > 0 && text_is_utf8(buf_span(&policy.text)));
        fuzz_require(policy.is_signed == (policy.signer.public_key != NULL));
        fuzz_require(!policy.signer.private_key && !policy.signer.is_oct);
    } else {
        fuzz_require(err.code != ERROR_NONE && policy.text.size == 0 && !policy.signer.public_key);
    }
    policy_jws_fini(&policy);
    return 0;
}
