#include "cli/policy_output.h"

#include <stdio.h>
#include <unistd.h>

#include "base/hex.h"
#include "crypto/digest.h"
#include "os/output.h"
#include "policy/policy.h"

int policy_output_write(const char *path, struct span policy, struct error *err)
{
    if (path && strcmp(path, "-") != 0)
        return output_write(path, policy, 0644, err);
    (void)fwrite(policy.data, 1, policy.size, stdout);
    if (isatty(STDOUT_FILENO))
        (void)putchar('\n');
    return 0;
}

int policy_output_check(struct span policy, struct error *err)
{
    POLICY_AUTO parsed = NULL;
    if (policy_parse(policy, POLICY_STRICT, &parsed, err) < 0)
        return error_context(err, "this image cannot be described by a policy");
    return 0;
}

void policy_output_hash(struct span policy, char hex[65])
{
    uint8_t digest[SHA256_SIZE];
    sha256_digest(policy, digest);
    hex_encode(span_of(digest, sizeof digest), hex);
}
