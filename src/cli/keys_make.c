/* `caisson keys create` and `caisson keys import`. */
#include "base/base64.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/keys_client.h"
#include "cli/keys_output.h"
#include "crypto/key.h"
#include "format/jwk.h"
#include "format/timestamp.h"
#include "os/file.h"
#include "rules/release_policy.h"

#define SECRET_FILE_MAX ((size_t)64 << 10)

#define MAKE_OPTIONS                                                                               \
    SERVICE_CLIENT_OPTIONS,                                                                        \
        {.name = "rule",                                                                           \
         .operand = "FILE",                                                                        \
         .help = "Release the key to whom this rule names (docs/keys.md); without it nobody gets " \
                 "it"},                                                                            \
        {.name = "immutable", .help = "Nobody may put another rule in the place of this one"},     \
        {.name = "disabled", .help = "Release nothing until `keys enable`"},                       \
        {.name = "expires",                                                                        \
         .operand = "TIME",                                                                        \
         .help = "Release nothing from then on: 2027-01-01T00:00:00Z"},                            \
        {.name = "not-before", .operand = "TIME", .help = "Release nothing before"},               \
        {.name = "tag",                                                                            \
         .operand = "NAME=VALUE",                                                                  \
         .help = "A text of your own that goes with the key",                                      \
         .repeats = true},                                                                         \
    {                                                                                              \
        .name = "json", .help = "Print what the service answers"                                   \
    }

static const struct option_rule create_options[] = {
    {.name = "type", .operand = "TYPE", .help = "oct (the default), RSA or EC"},
    {.name = "size",
     .operand = "BITS",
     .help = "Of oct 128, 192 or 256 (the default), of RSA 2048 (the default), 3072 or 4096"},
    {.name = "curve", .operand = "NAME", .help = "Of EC: P-256 (the default), P-384 or P-521"},
    MAKE_OPTIONS,
    {0},
};

static const struct option_rule import_options[] = {
    {.name = "jwk",
     .operand = "FILE",
     .help = "The key as a JSON Web Key with its private members, of type oct, RSA or EC"},
    {.name = "pem", .operand = "FILE", .help = "The key as unencrypted PKCS#8 in PEM"},
    {.name = "secret", .operand = "FILE", .help = "The bytes of this file, as a key of type oct"},
    MAKE_OPTIONS,
    {0},
};

/* --- what both say ---------------------------------------------------------------------------- */

int keys_add_rule(json_t *body, const char *path, bool immutable, struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(RELEASE_POLICY_SIZE_MAX);
    BUF_AUTO data = BUF_WITH_LIMIT(2 * RELEASE_POLICY_SIZE_MAX);
    if (file_read(path, &text, err) < 0)
        return -1;
    RELEASE_POLICY_AUTO *policy = release_policy_new(buf_span(&text), err);
    if (!policy)
        return error_context(err, "%s", path);
    if (base64url_encode(buf_span(&text), &data, err) < 0)
        return -1;
    json_t *rule = json_pack("{s:s, s:s, s:b}", "contentType", "application/json; charset=utf-8",
                             "data", buf_text(&data), "immutable", immutable);
    return json_object_set_new(body, "release_policy", rule) < 0 ? error_memory(err) : 0;
}

static int add_time(json_t *attributes, const struct args *args, const char *name, const char *key,
                    struct error *err)
{
    int64_t seconds;
    const char *text = args_get(args, name);
    if (!text)
        return 0;
    if (!timestamp_read(text, &seconds) || seconds <= 0)
        return error_set(err, ERROR_USAGE, "--%s wants a time like 2027-01-01T00:00:00Z", name);
    return json_object_set_new(attributes, key, json_integer(seconds)) < 0 ? error_memory(err) : 0;
}

static int add_tags(json_t *body, const struct args *args, struct error *err)
{
    const char *tag;
    json_t *tags = json_object();
    if (json_object_set_new(body, "tags", tags) < 0)
        return error_memory(err);
    for (size_t i = 0; (tag = args_get_nth(args, "tag", i)); i++) {
        const char *equals = strchr(tag, '=');
        TEXT_AUTO name = equals ? text_dup_span(span_of(tag, (size_t)(equals - tag))) : NULL;
        if (!equals)
            return error_set(err, ERROR_USAGE, "--tag wants NAME=VALUE, not \"%s\"", tag);
        if (!name || json_object_set_new(tags, name, json_string(equals + 1)) < 0)
            return error_memory(err);
    }
    return 0;
}

static int add_common(json_t *body, const struct args *args, struct error *err)
{
    const char *rule = args_get(args, "rule");
    json_t *attributes = json_pack("{s:b, s:b}", "enabled", !args_has(args, "disabled"),
                                   "exportable", rule != NULL);
    if (json_object_set_new(body, "attributes", attributes) < 0)
        return error_memory(err);
    if (!rule && args_has(args, "immutable"))
        return error_set(err, ERROR_USAGE, "--immutable is of a rule: name it by --rule");
    if (add_time(attributes, args, "expires", "exp", err) < 0 ||
        add_time(attributes, args, "not-before", "nbf", err) < 0 || add_tags(body, args, err) < 0)
        return -1;
    return rule ? keys_add_rule(body, rule, args_has(args, "immutable"), err) : 0;
}

static int make(const struct args *args, const char *method, const char *verb, json_t *body,
                struct error *err)
{
    json_auto_t *answer = NULL;
    TEXT_AUTO path = text_format("/keys/%s%s", args_operands(args)[0], verb);
    if (!path)
        return error_memory(err);
    if (add_common(body, args, err) < 0 ||
        keys_client_ask(args, method, path, "", body, &answer, err) < 0)
        return -1;
    return keys_print_made(args, answer, err);
}

/* --- create ----------------------------------------------------------------------------------- */

static int add_type(json_t *body, const struct args *args, struct error *err)
{
    uint64_t bits;
    const char *type = args_get(args, "type"), *size = args_get(args, "size"),
               *curve = args_get(args, "curve");
    if (size && !text_to_u64(size, 65536, &bits))
        return error_set(err, ERROR_USAGE, "--size wants a number of bits");
    if (json_object_set_new(body, "kty", json_string(type ? type : "oct")) < 0 ||
        (size && json_object_set_new(body, "key_size", json_integer((json_int_t)bits)) < 0) ||
        (curve && json_object_set_new(body, "crv", json_string(curve)) < 0))
        return error_memory(err);
    return 0;
}

static int run_create(const struct args *args, struct error *err)
{
    json_auto_t *body = json_object();
    if (keys_check_name(args, err) < 0 || add_type(body, args, err) < 0)
        return -1;
    return make(args, "POST", "/create", body, err);
}

/* --- import ----------------------------------------------------------------------------------- */

/* Each appends the key as a JWK to `out`, which the caller wipes. */
static int read_secret(const char *path, struct buf *out, struct error *err)
{
    JWK_AUTO jwk;
    jwk_init(&jwk);
    jwk.is_oct = true;
    if (file_read(path, &jwk.secret, err) < 0)
        return -1;
    if (jwk.secret.size == 0)
        return error_set(err, ERROR_INVALID, "%s is empty", path);
    return jwk_append_private(&jwk, out, err);
}

static int read_pem(const char *path, struct buf *out, struct error *err)
{
    struct buf text = BUF_WITH_LIMIT(SECRET_FILE_MAX);
    JWK_AUTO jwk;
    jwk_init(&jwk);
    int result = file_read(path, &text, err);
    if (result == 0)
        jwk.private_key = private_key_from_pem(buf_span(&text), err);
    buf_fini_secret(&text);
    KEY_NUMBERS_AUTO numbers;
    key_numbers_init(&numbers);
    if (!jwk.private_key || private_key_to_numbers(jwk.private_key, &numbers, err) < 0)
        return error_context(err, "%s", path);
    jwk.kind = numbers.kind;
    return jwk_append_private(&jwk, out, err);
}

static int read_jwk(const char *path, struct buf *out, struct error *err)
{
    return file_read(path, out, err);
}

static int read_key(const struct args *args, json_t **out, struct error *err)
{
    static const struct json_limits limits = {.size = SECRET_FILE_MAX, .depth = JOSE_DEPTH_MAX};
    static const struct {
        const char *name;
        int (*read)(const char *path, struct buf *out, struct error *err);
    } kinds[] = {{"jwk", read_jwk}, {"pem", read_pem}, {"secret", read_secret}};
    struct buf text = BUF_WITH_LIMIT(SECRET_FILE_MAX);
    size_t given = 0;
    int result = 0;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        given += args_has(args, kinds[i].name);
    if (given != 1)
        return error_set(err, ERROR_USAGE, "name the key by one of --jwk, --pem, --secret");
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (args_has(args, kinds[i].name))
            result = kinds[i].read(args_get(args, kinds[i].name), &text, err);
    }
    *out = result == 0 ? json_parse_object(buf_span(&text), &limits, err) : NULL;
    buf_fini_secret(&text);
    return *out ? 0 : -1;
}

static int run_import(const struct args *args, struct error *err)
{
    json_t *key = NULL;
    json_auto_t *body = json_object();
    if (keys_check_name(args, err) < 0 || read_key(args, &key, err) < 0)
        return -1;
    int result = json_object_set_new(body, "key", key) == 0 ? make(args, "PUT", "", body, err)
                                                            : error_memory(err);
    jwk_wipe(key);
    return result;
}

/* --- commands --------------------------------------------------------------------------------- */

const struct command command_keys_create = {
    .name = "keys create",
    .operands = "NAME",
    .summary = "Make a key in the attestation service",
    .description =
        "The service makes the key and keeps it. With --rule it is released to whoever proves, by "
        "a token of an attestation service, to be the one that the rule wants; docs/keys.md tells "
        "what a rule says. A name that is there gets a new version, which is the newest from then "
        "on.\n\n"
        "Keys are an administrator's of the tenant: --client names a PEM file with the client "
        "certificate whose SHA-256 the service's configuration lists, and its key.",
    .options = create_options,
    .run = run_create,
};

const struct command command_keys_import = {
    .name = "keys import",
    .operands = "NAME",
    .summary = "Give the attestation service a key to keep",
    .description = "As `keys create`, of a key that is there: a JSON Web Key, PKCS#8 in PEM, or "
                   "any file of up to 1024 bytes, as a key of type oct.",
    .options = import_options,
    .run = run_import,
};
