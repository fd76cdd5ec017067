/* Key release policies: what is read decides, and no other issuer's token is let through. */
#include "fuzz.h"

#include "rules/release_policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err = {0};
    struct release_policy *policy = release_policy_new(span_of(data, size), &err);
    fuzz_require(policy || err.code == ERROR_INVALID || err.code == ERROR_LIMIT);
    if (policy) {
        json_auto_t *claims = json_pack("{s:s, s:b, s:i, s:{s:s}, s:[i]}", "hostdata", "aabb",
                                        "debug", 0, "vmpl", 0, "uvm", "svn", "100", "list", 1);
        err = (struct error){0};
        int result = release_policy_check(policy, "https://attest.example", claims, &err);
        fuzz_require(result == 0 || err.code == ERROR_REFUSED);
        fuzz_require(release_policy_check(policy, "\x01", claims, &err) < 0 ||
                     memchr(data, '\\', size) || memchr(data, 1, size));
    }
    release_policy_free(policy);
    return 0;
}
