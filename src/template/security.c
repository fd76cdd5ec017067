#include "base/base64.h"
#include "base/hex.h"
#include "crypto/digest.h"
#include "format/seccomp_json.h"
#include "template/parts.h"

#define SECCOMP_SIZE_MAX ((size_t)1 << 20) /* bytes of a profile */

static int read_id(const struct template_reader *reader, json_t *context, const char *key,
                   struct policy_draft_identity *out, struct error *err)
{
    json_t *value;
    if (template_find(reader, context, key, &value, err) < 0)
        return -1;
    if (!value)
        return 0;
    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        json_integer_value(value) > UINT32_MAX)
        return error_set(err, ERROR_INVALID, "\"%s\" is not a whole number from 0 to 4294967295",
                         key);
    out->pattern = template_format(reader->groups, err, "%" JSON_INTEGER_FORMAT,
                                   json_integer_value(value));
    out->strategy = "id";
    return out->pattern ? 0 : -1;
}

static int read_capabilities(const struct template_reader *reader, json_t *context,
                             struct policy_draft_container *out, struct error *err)
{
    json_t *capabilities;
    if (template_find_object(reader, context, "capabilities", &capabilities, err) < 0)
        return -1;
    if (!capabilities)
        return 0;
    if (template_find_texts(reader, capabilities, "add", &out->capabilities_add, err) < 0 ||
        template_find_texts(reader, capabilities, "drop", &out->capabilities_drop, err) < 0)
        return error_context(err, "capabilities");
    return 0;
}

static int read_seccomp(const struct template_reader *reader, json_t *context,
                        struct policy_draft_container *out, struct error *err)
{
    BUF_AUTO profile = BUF_WITH_LIMIT(SECCOMP_SIZE_MAX);
    const char *text;
    if (template_find_text(reader, context, "seccompProfile", &text, err) < 0)
        return -1;
    if (!text || !*text)
        return 0;
    char *hash = arena_take(&reader->groups->arena, 65, 1);
    if (!hash)
        return error_memory(err);
    if (base64_decode(span_of_text(text), &profile, err) < 0 ||
        template_seccomp_hash(buf_span(&profile), hash, err) < 0)
        return error_context(err, "seccompProfile, base64 of JSON");
    out->seccomp_sha256 = hash;
    return 0;
}

int template_read_security(const struct template_reader *reader, json_t *context,
                           struct policy_draft_container *out, struct error *err)
{
    bool escalation = !out->no_new_privileges;
    if (!context)
        return 0;
    if (template_find_bool(reader, context, "privileged", &out->privileged, err) < 0 ||
        template_find_bool(reader, context, "allowPrivilegeEscalation", &escalation, err) < 0 ||
        read_id(reader, context, "runAsUser", &out->user, err) < 0 ||
        read_id(reader, context, "runAsGroup", &out->group, err) < 0 ||
        read_capabilities(reader, context, out, err) < 0 ||
        read_seccomp(reader, context, out, err) < 0)
        return error_context(err, "securityContext");
    out->no_new_privileges = !escalation;
    return 0;
}

int template_seccomp_hash(struct span json, char out[65], struct error *err)
{
    static const struct json_limits limits = {.size = SECCOMP_SIZE_MAX, .depth = 8};
    BUF_AUTO text = BUF_WITH_LIMIT(SECCOMP_SIZE_MAX);
    uint8_t digest[SHA256_SIZE];
    json_auto_t *profile = json_parse_object(json, &limits, err);
    if (!profile || seccomp_write_json(profile, &text, err) < 0)
        return -1;
    sha256_digest(buf_span(&text), digest);
    hex_encode(span_of(digest, sizeof digest), out);
    return 0;
}
