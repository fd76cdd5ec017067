#include "cli/confinement.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/seccomp_profile.h"
#include "format/seccomp_json.h"
#include "policy/capabilities.h"

#define UMASK_DEFAULT 022

/* --- capabilities ----------------------------------------------------------------------------- */

static uint64_t mask_of(const char *const *names, size_t count)
{
    uint64_t mask = 0;
    for (size_t i = 0; i < count; i++)
        mask |= 1ULL << policy_capability_number(names[i]);
    return mask;
}

/* "ALL", or a name in any case with or without CAP_. */
static int read_capability(const char *option, const char *text, uint64_t *mask, struct error *err)
{
    char name[40];
    bool whole = strncasecmp(text, "CAP_", 4) == 0;
    if (strcasecmp(text, "ALL") == 0) {
        *mask |= mask_of(policy_privileged_capability_names, policy_privileged_capability_count);
        return 0;
    }
    (void)snprintf(name, sizeof name, "CAP_%.32s", whole ? text + 4 : text);
    for (char *at = name; *at; at++)
        *at = (char)toupper((unsigned char)*at);
    int number = policy_capability_number(name);
    if (number < 0)
        return error_set(err, ERROR_USAGE, "--%s is \"%.64s\", which is no capability", option,
                         text);
    *mask |= 1ULL << number;
    return 0;
}

static int read_names(const struct args *args, const char *option, uint64_t *mask, bool *all,
                      struct error *err)
{
    const char *text;
    for (size_t i = 0; (text = args_get_nth(args, option, i)); i++) {
        *all = *all || strcasecmp(text, "ALL") == 0;
        if (read_capability(option, text, mask, err) < 0)
            return -1;
    }
    return 0;
}

/* Docker's rule: what is added counts over dropping ALL, what is dropped over adding ALL. */
static int read_capabilities(const struct args *args, struct confinement *out, struct error *err)
{
    uint64_t usual = mask_of(policy_default_capability_names, policy_default_capability_count);
    uint64_t add = 0;
    uint64_t drop = 0;
    bool adds_all = false;
    bool drops_all = false;
    if (read_names(args, "cap-add", &add, &adds_all, err) < 0 ||
        read_names(args, "cap-drop", &drop, &drops_all, err) < 0)
        return -1;
    if (drops_all)
        out->capabilities = add;
    else
        out->capabilities = adds_all ? add & ~drop : (usual & ~drop) | add;
    for (size_t i = 0; i < policy_privileged_capability_count; i++) {
        bool has = out->capabilities >> i & 1;
        if (has && !(usual >> i & 1))
            out->added[out->added_count++] = policy_privileged_capability_names[i];
        if (!has && usual >> i & 1)
            out->dropped[out->dropped_count++] = policy_privileged_capability_names[i];
    }
    return 0;
}

/* --- --security-opt --------------------------------------------------------------------------- */

static int read_seccomp(const char *value, struct confinement *out, struct error *err)
{
    BUF_AUTO written = BUF_WITH_LIMIT(SECCOMP_PROFILE_MAX);
    uint8_t digest[SHA256_SIZE];
    json_decref(out->seccomp);
    out->seccomp = NULL;
    out->seccomp_sha256[0] = '\0';
    if (strcmp(value, "unconfined") == 0)
        return 0;
    bool usual = strcmp(value, "default") == 0;
    if (usual)
        out->seccomp = seccomp_profile_default(out->capabilities);
    if (usual && !out->seccomp)
        return error_memory(err);
    if ((!usual && seccomp_profile_read(value, out->capabilities, &out->seccomp, err) < 0) ||
        seccomp_write_json(out->seccomp, &written, err) < 0)
        return error_context(err, "--security-opt seccomp");
    sha256_digest(buf_span(&written), digest);
    hex_encode(span_of(digest, sizeof digest), out->seccomp_sha256);
    return 0;
}

/* "KEY", "KEY=VALUE" and, as Docker once wrote it, "KEY:VALUE". */
static int read_security_option(const char *text, struct confinement *out, struct error *err)
{
    size_t len = strcspn(text, "=:");
    const char *value = text[len] ? text + len + 1 : NULL;
    if (value && len == strlen("seccomp") && text_starts_with(text, "seccomp"))
        return read_seccomp(value, out, err);
    if (len == strlen("no-new-privileges") && text_starts_with(text, "no-new-privileges") &&
        (!value || strcmp(value, "true") == 0 || strcmp(value, "false") == 0)) {
        out->no_new_privileges = !value || *value == 't';
        return 0;
    }
    return error_set(
        err, ERROR_REFUSED,
        "--security-opt %.64s is refused: the guest confines by the policy, and "
        "seccomp=FILE, seccomp=default, seccomp=unconfined and no-new-privileges are its words",
        text);
}

/* --- groups and umask ------------------------------------------------------------------------- */

static int read_groups(const struct args *args, struct confinement *out, struct error *err)
{
    const char *text;
    while ((text = args_get_nth(args, "group-add", out->group_count))) {
        if (out->group_count == CONFINEMENT_GROUPS_MAX)
            return error_set(err, ERROR_LIMIT, "more than %d times --group-add",
                             CONFINEMENT_GROUPS_MAX);
        if (!*text || strchr(text, ':') || strlen(text) >= POLICY_USER_MAX)
            return error_set(err, ERROR_USAGE,
                             "--group-add is \"%.64s\"; a group's name or number can be", text);
        out->groups[out->group_count++] = policy_draft_identity(text);
    }
    return 0;
}

static int read_umask(const struct args *args, struct confinement *out, struct error *err)
{
    const char *text = args_get(args, "umask");
    size_t size = text ? strlen(text) : 0;
    out->umask = UMASK_DEFAULT;
    if (text && (size == 0 || size > 4 || text[strspn(text, "01234567")] ||
                 (out->umask = (unsigned int)strtoul(text, NULL, 8)) > 0777))
        return error_set(err, ERROR_USAGE, "--umask is \"%.64s\"; 0 to 0777, in octal, can be",
                         text);
    (void)snprintf(out->umask_text, sizeof out->umask_text, "%04o", out->umask & 0777U);
    return 0;
}

/* --- all of it -------------------------------------------------------------------------------- */

int confinement_read(const struct args *args, struct confinement *out, struct error *err)
{
    const char *text;
    *out = (struct confinement){0};
    /* A profile in Docker's form has rules that depend on the capabilities. */
    if (read_capabilities(args, out, err) < 0 || read_groups(args, out, err) < 0 ||
        read_umask(args, out, err) < 0)
        return -1;
    for (size_t i = 0; (text = args_get_nth(args, "security-opt", i)); i++) {
        if (read_security_option(text, out, err) < 0)
            return -1;
    }
    out->read_only_root = args_has(args, "read-only");
    return confinement_read_settings(args, out, err) < 0 ? -1
                                                         : confinement_read_mounts(args, out, err);
}

void confinement_fini(struct confinement *confinement)
{
    for (size_t i = 0; i < confinement->mount_count; i++)
        free(confinement->tmpfs[i].text);
    json_decref(confinement->seccomp);
    confinement_settings_fini(&confinement->rlimits);
    confinement_settings_fini(&confinement->sysctls);
    *confinement = (struct confinement){0};
}

void confinement_describe(const struct confinement *confinement,
                          struct policy_draft_container *draft)
{
    draft->capabilities_add = (struct policy_list){confinement->added, confinement->added_count};
    draft->capabilities_drop = (struct policy_list){confinement->dropped,
                                                    confinement->dropped_count};
    draft->no_new_privileges = confinement->no_new_privileges;
    draft->seccomp_sha256 = confinement->seccomp_sha256;
    draft->read_only_root = confinement->read_only_root;
    draft->rlimits = confinement_list(&confinement->rlimits);
    draft->sysctls = confinement_list(&confinement->sysctls);
    draft->groups = confinement->groups;
    draft->group_count = confinement->group_count;
    draft->umask = confinement->umask_text;
    draft->mounts = confinement->mounts;
    draft->mount_count = confinement->mount_count;
}

void confinement_ask(const struct confinement *confinement,
                     const char *names[CONFINEMENT_CAPABILITIES_MAX],
                     struct policy_process *process)
{
    struct policy_list set = {.items = names};
    for (size_t i = 0; i < policy_privileged_capability_count; i++) {
        if (confinement->capabilities >> i & 1)
            names[set.count++] = policy_privileged_capability_names[i];
    }
    process->capabilities.sets[POLICY_BOUNDING] = set;
    process->capabilities.sets[POLICY_EFFECTIVE] = set;
    process->capabilities.sets[POLICY_PERMITTED] = set;
    process->no_new_privileges = confinement->no_new_privileges;
    process->seccomp_sha256 = confinement->seccomp_sha256;
    process->read_only_root = confinement->read_only_root;
    process->rlimits = confinement_list(&confinement->rlimits);
    process->sysctls = confinement_list(&confinement->sysctls);
    process->umask = confinement->umask_text;
    process->mounts = confinement->mounts;
    process->mount_count = confinement->mount_count;
}

/* --- the request ------------------------------------------------------------------------------ */

static json_t *capabilities_json(uint64_t capabilities)
{
    json_t *set = json_array();
    for (size_t i = 0; i < policy_privileged_capability_count; i++) {
        if (capabilities >> i & 1)
            (void)json_array_append_new(set, json_string(policy_privileged_capability_names[i]));
    }
    return json_pack("{s:O, s:O, s:o, s:[], s:[]}", "bounding", set, "effective", set, "permitted",
                     set, "inheritable", "ambient");
}

static json_t *mounts_json(const struct confinement *confinement)
{
    json_t *mounts = json_array();
    for (size_t i = 0; i < confinement->mount_count; i++) {
        const struct policy_mount *each = &confinement->mounts[i];
        json_t *options = json_array();
        for (size_t k = 0; k < each->options.count; k++)
            (void)json_array_append_new(options, json_string(each->options.items[k]));
        (void)json_array_append_new(
            mounts, json_pack("{s:s, s:s, s:s, s:o}", "destination", each->destination, "type",
                              each->type, "source", each->source, "options", options));
    }
    return mounts;
}

/* NULL for none: then the key is left out. */
static json_t *groups_json(const struct confinement *confinement)
{
    json_t *groups = confinement->group_count > 0 ? json_array() : NULL;
    for (size_t i = 0; groups && i < confinement->group_count; i++)
        (void)json_array_append_new(groups, json_string(confinement->groups[i].pattern));
    return groups;
}

static json_t *settings_json(const struct confinement_settings *settings)
{
    json_t *words = settings->count > 0 ? json_array() : NULL;
    for (size_t i = 0; words && i < settings->count; i++)
        (void)json_array_append_new(words, json_string(settings->words[i]));
    return words;
}

/* With these a container reaches the kernel that guards the policy. */
static void warn_of(uint64_t capabilities)
{
    static const char *const strong[] = {"CAP_SYS_ADMIN", "CAP_SYS_MODULE", "CAP_SYS_RAWIO",
                                         "CAP_BPF"};
    for (size_t i = 0; i < sizeof strong / sizeof *strong; i++) {
        if (capabilities >> policy_capability_number(strong[i]) & 1) {
            log_warning("%s makes the container as strong as the guest that guards its policy",
                        strong[i]);
            return;
        }
    }
}

json_t *confinement_request(const struct confinement *confinement, struct error *err)
{
    json_t *request = json_pack("{s:o, s:b, s:o, s:O*, s:o*, s:o*, s:o*}", "capabilities",
                                capabilities_json(confinement->capabilities), "no_new_privileges",
                                confinement->no_new_privileges, "mounts", mounts_json(confinement),
                                "seccomp", confinement->seccomp, "groups", groups_json(confinement),
                                "rlimits", settings_json(&confinement->rlimits), "sysctls",
                                settings_json(&confinement->sysctls));
    if (!request)
        (void)error_memory(err);
    warn_of(confinement->capabilities);
    return request;
}
