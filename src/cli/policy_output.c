#include "cli/policy_output.h"

#include <stdio.h>
#include <string.h>
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

int policy_output_choose(const struct args *args, const struct template_groups *groups,
                         const char *place, const char *noun, size_t *out, struct error *err)
{
    const char *name = args_get(args, "workload");
    size_t found = 0;
    for (size_t i = 0; i < groups->count; i++) {
        if (!name || strcmp(groups->groups[i].name, name) == 0) {
            *out = i;
            found++;
        }
    }
    if (found == 0)
        return error_set(err, ERROR_NOT_FOUND, "the %s has no %s \"%.64s\"", place, noun,
                         name ? name : "");
    if (found > 1)
        return error_set(err, ERROR_USAGE,
                         "the %s has %zu %ss%s: name one with --workload, or write all policies "
                         "into it with --write",
                         place, found, noun, name ? " of that name" : "");
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
