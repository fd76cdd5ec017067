#include "template/pod_confine.h"

#include "base/base64.h"
#include "base/hex.h"
#include "crypto/digest.h"
#include "format/json.h"
#include "format/seccomp_json.h"
#include "policy/capabilities.h"
#include "template/parts.h"

#define PROFILE_MAX ((size_t)1 << 20) /* bytes of a seccomp profile */

static void *room(struct template_groups *groups, size_t count, size_t size, struct error *err)
{
    void *out = arena_take(&groups->arena, count, size);
    if (!out)
        (void)error_memory(err);
    return out;
}

/* --- users and groups ------------------------------------------------------------------------- */

static int fill_id(struct template_groups *groups, int64_t id, struct policy_draft_identity *out,
                   struct error *err)
{
    if (id < 0)
        return 0;
    out->pattern = template_format(groups, err, "%lld", (long long)id);
    out->strategy = "id";
    return out->pattern ? 0 : -1;
}

/* supplementalGroups and fsGroup. confcom has one group alone. */
static int fill_groups(struct template_groups *groups, const struct pod_security *security,
                       struct policy_draft_container *out, struct error *err)
{
    struct policy_draft_identity *list = room(groups, security->group_count + 1, sizeof *list, err);
    if (!list)
        return -1;
    out->groups = list;
    for (size_t i = 0; i < security->group_count; i++) {
        if (fill_id(groups, security->groups[i], &list[out->group_count++], err) < 0)
            return -1;
    }
    if (security->fs_group < 0)
        return 0;
    return fill_id(groups, security->fs_group, &list[out->group_count++], err);
}

/* --- capabilities ----------------------------------------------------------------------------- */

static bool has(struct policy_list list, const char *text)
{
    for (size_t i = 0; i < list.count; i++) {
        if (strcmp(list.items[i], text) == 0)
            return true;
    }
    return false;
}

/* "ALL" dropped, and single ones added: what a runtime makes of it. confcom takes ALL for a name.
 */
static int drop_all(struct template_groups *groups, const struct pod_security *security,
                    struct policy_draft_container *out, struct error *err)
{
    bool privileged = security->privileged == POD_TRUE;
    const char *const *names = privileged ? policy_privileged_capability_names
                                          : policy_default_capability_names;
    size_t count = privileged ? policy_privileged_capability_count
                              : policy_default_capability_count;
    const char **drop = room(groups, count, sizeof *drop, err);
    if (!drop)
        return -1;
    out->capabilities_drop = (struct policy_list){drop, 0};
    for (size_t i = 0; i < count; i++) {
        if (!has(security->capabilities_add, names[i]))
            drop[out->capabilities_drop.count++] = names[i];
    }
    return 0;
}

/* --- seccomp ---------------------------------------------------------------------------------- */

/* Rules of a profile may depend on capabilities. */
static int capability_mask(const struct policy_draft_container *draft, uint64_t *out,
                           struct error *err)
{
    const char *names[POLICY_DRAFT_CAPABILITIES_MAX];
    struct policy_list list;
    *out = 0;
    if (policy_draft_capabilities(draft, names, &list, err) < 0)
        return -1;
    for (size_t i = 0; i < list.count; i++) {
        int number = policy_capability_number(list.items[i]);
        *out |= number < 0 ? 0 : 1ULL << number;
    }
    return 0;
}

static json_t *read_profile(const struct template_pod_options *options,
                            const struct pod_security *security,
                            const struct policy_draft_container *draft, struct error *err)
{
    static const struct json_limits limits = {.size = PROFILE_MAX, .depth = 8};
    BUF_AUTO profile = BUF_WITH_LIMIT(PROFILE_MAX);
    uint64_t capabilities;
    json_t *out = NULL;
    if (*security->seccomp) {
        if (base64_decode(span_of_text(security->seccomp), &profile, err) == 0)
            out = json_parse_object(buf_span(&profile), &limits, err);
        if (!out)
            (void)error_context(err, "seccompProfile, base64 of JSON");
    } else if (!options->profile) {
        (void)error_set(err, ERROR_REFUSED,
                        "seccompProfile: a profile that lies on the node is not trusted; give the "
                        "profile itself, in base64");
    } else if (capability_mask(draft, &capabilities, err) == 0) {
        out = options->profile(options->context, security->seccomp_file, capabilities, err);
        if (!out)
            (void)error_context(err, "seccompProfile %s",
                                security->seccomp_file ? security->seccomp_file : "RuntimeDefault");
    }
    return out;
}

static int fill_seccomp(const struct template_pod_options *options,
                        const struct pod_security *security, struct template_groups *groups,
                        struct template_container *out, struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(PROFILE_MAX);
    uint8_t digest[SHA256_SIZE];
    out->draft.seccomp_sha256 = "";
    if (!*security->seccomp && security->seccomp_file && !*security->seccomp_file)
        return 0;
    char *hash = room(groups, 2 * SHA256_SIZE + 1, 1, err);
    json_t *profile = hash ? read_profile(options, security, &out->draft, err) : NULL;
    if (!profile || !template_keep(groups, profile, err))
        return -1;
    if (seccomp_write_json(profile, &text, err) < 0)
        return error_context(err, "seccompProfile");
    sha256_digest(buf_span(&text), digest);
    hex_encode(span_of(digest, sizeof digest), hash);
    out->draft.seccomp_sha256 = hash;
    out->seccomp = profile;
    return 0;
}

/* --- all of it -------------------------------------------------------------------------------- */

int pod_confine(const struct template_pod_options *options, const struct pod_security *security,
                struct template_groups *groups, struct template_container *out, struct error *err)
{
    struct policy_draft_container *draft = &out->draft;
    bool strict = options->reading == POD_STRICT;
    draft->privileged = security->privileged == POD_TRUE;
    draft->no_new_privileges = security->escalation == POD_FALSE;
    draft->read_only_root = strict && security->read_only_root;
    draft->capabilities_add = security->capabilities_add;
    draft->capabilities_drop = security->capabilities_drop;
    out->image_user = strict;
    out->non_root = strict && security->non_root;
    if (strict && has(security->capabilities_drop, "ALL") &&
        drop_all(groups, security, draft, err) < 0)
        return -1;
    if (fill_id(groups, security->user, &draft->user, err) < 0 ||
        fill_id(groups, security->group, &draft->group, err) < 0 ||
        (strict && fill_groups(groups, security, draft, err) < 0))
        return -1;
    return fill_seccomp(options, security, groups, out, err);
}
