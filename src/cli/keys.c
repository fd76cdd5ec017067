/* `caisson keys`: list, show, enable, disable, rule, delete, recover, purge. */
#include <stdio.h>

#include "base/base64.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/keys_client.h"
#include "cli/keys_output.h"
#include "format/json.h"
#include "format/timestamp.h"
#include "service/key_version.h"

#define OUTPUT_MAX ((size_t)8 << 20)

static const struct option_rule plain_options[] = {
    SERVICE_CLIENT_OPTIONS,
    {.name = "json", .help = "Print what the service answers"},
    {0},
};

static const struct option_rule list_options[] = {
    SERVICE_CLIENT_OPTIONS,
    {.name = "deleted", .help = "List keys that are deleted and not purged"},
    {.name = "json", .help = "Print JSON"},
    {0},
};

static const struct option_rule version_options[] = {
    SERVICE_CLIENT_OPTIONS,
    {.name = "version", .operand = "VERSION", .help = "This version (default: the newest)"},
    {.name = "json", .help = "Print what the service answers"},
    {0},
};

static const struct option_rule rule_options[] = {
    SERVICE_CLIENT_OPTIONS,
    {.name = "version", .operand = "VERSION", .help = "This version (default: the newest)"},
    {.name = "immutable", .help = "Nobody may put another rule in the place of this one"},
    {.name = "json", .help = "Print what the service answers"},
    {0},
};

/* --- output ----------------------------------------------------------------------------------- */

int keys_check_name(const struct args *args, struct error *err)
{
    if (args_operand_count(args) < 1)
        return error_set(err, ERROR_USAGE, "name a key");
    const char *name = args_operands(args)[0];
    if (!key_name_is_good(name))
        return error_set(err, ERROR_USAGE,
                         "\"%.64s\" is no name of a key: 1 to %d letters, digits and dashes", name,
                         KEY_NAME_MAX);
    return 0;
}

int keys_print_json(const json_t *answer, struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(OUTPUT_MAX);
    if (json_append_pretty(answer, &text, err) < 0)
        return -1;
    (void)fputs(buf_text(&text), stdout);
    return EXIT_OK;
}

const char *keys_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

int keys_print_made(const struct args *args, const json_t *answer, struct error *err)
{
    if (args_has(args, "json"))
        return keys_print_json(answer, err);
    (void)printf("%s\n", keys_text(json_object_get(answer, "key"), "kid"));
    return EXIT_OK;
}

static void print_time(const char *what, const json_t *attributes, const char *key)
{
    char time[TIMESTAMP_SIZE];
    const json_t *value = json_object_get(attributes, key);
    if (!value)
        return;
    timestamp_write(json_integer_value(value), time);
    (void)printf("%-11s %s\n", what, time);
}

/* The rule as it was given. */
static int print_rule(const json_t *rule, struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(RELEASE_POLICY_SIZE_MAX);
    static const struct json_limits limits = {.size = RELEASE_POLICY_SIZE_MAX,
                                              .depth = RELEASE_POLICY_DEPTH_MAX};
    if (!rule) {
        (void)puts("rule        none: it is never released");
        return EXIT_OK;
    }
    if (base64url_decode(span_of_text(keys_text(rule, "data")), &text, err) < 0)
        return -1;
    json_auto_t *document = json_parse_object(buf_span(&text), &limits, err);
    if (!document)
        return -1;
    (void)printf("rule%s\n",
                 json_is_true(json_object_get(rule, "immutable")) ? "        immutable" : "");
    return keys_print_json(document, err);
}

static int print_key(const struct args *args, const json_t *answer, struct error *err)
{
    const json_t *key = json_object_get(answer, "key");
    const json_t *attributes = json_object_get(answer, "attributes");
    if (args_has(args, "json"))
        return keys_print_json(answer, err);
    (void)printf("%-11s %s\n%-11s %s\n%-11s %s\n", "kid", keys_text(key, "kid"), "type",
                 keys_text(key, "kty"), "enabled",
                 json_is_true(json_object_get(attributes, "enabled")) ? "yes" : "no");
    print_time("created", attributes, "created");
    print_time("updated", attributes, "updated");
    print_time("not before", attributes, "nbf");
    print_time("expires", attributes, "exp");
    return print_rule(json_object_get(answer, "release_policy"), err);
}

/* --- one key ---------------------------------------------------------------------------------- */

/* "/keys/NAME", "/keys/NAME/VERSION"; the caller frees it. */
static char *path_of(const struct args *args, const char *root, bool of_version, const char *verb,
                     struct error *err)
{
    const char *version = of_version ? args_get(args, "version") : NULL;
    if (keys_check_name(args, err) < 0)
        return NULL;
    if (version && !key_version_is_good(version)) {
        (void)error_set(err, ERROR_USAGE, "\"%.64s\" is no version: 32 hex digits", version);
        return NULL;
    }
    char *path = text_format("/%s/%s%s%s%s", root, args_operands(args)[0], version ? "/" : "",
                             version ? version : "", verb);
    if (!path)
        (void)error_memory(err);
    return path;
}

static int change(const struct args *args, json_t *body, struct error *err)
{
    json_auto_t *answer = NULL;
    TEXT_AUTO path = path_of(args, "keys", true, "", err);
    if (!path || keys_client_ask(args, "PATCH", path, "", body, &answer, err) < 0)
        return -1;
    return keys_print_made(args, answer, err);
}

static int set_enabled(const struct args *args, bool enabled, struct error *err)
{
    json_auto_t *body = json_pack("{s:{s:b}}", "attributes", "enabled", enabled);
    return body ? change(args, body, err) : error_memory(err);
}

static int run_enable(const struct args *args, struct error *err)
{
    return set_enabled(args, true, err);
}

static int run_disable(const struct args *args, struct error *err)
{
    return set_enabled(args, false, err);
}

static int run_rule(const struct args *args, struct error *err)
{
    json_auto_t *body = json_object();
    if (keys_check_name(args, err) < 0)
        return -1;
    if (args_operand_count(args) != 2)
        return error_set(err, ERROR_USAGE, "name a key and a file with its rule");
    if (keys_add_rule(body, args_operands(args)[1], args_has(args, "immutable"), err) < 0)
        return -1;
    return change(args, body, err);
}

static int run_show(const struct args *args, struct error *err)
{
    json_auto_t *answer = NULL;
    TEXT_AUTO path = path_of(args, "keys", true, "", err);
    if (!path || keys_client_ask(args, "GET", path, "", NULL, &answer, err) < 0)
        return -1;
    return print_key(args, answer, err);
}

/* Asks what has no body, of a key as a whole. */
static int ask_whole(const struct args *args, const char *method, const char *root,
                     const char *verb, struct error *err)
{
    json_auto_t *answer = NULL;
    TEXT_AUTO path = path_of(args, root, false, verb, err);
    if (!path || keys_client_ask(args, method, path, "", NULL, &answer, err) < 0)
        return -1;
    if (answer)
        return keys_print_made(args, answer, err);
    (void)printf("%s\n", args_operands(args)[0]);
    return EXIT_OK;
}

static int run_delete(const struct args *args, struct error *err)
{
    return ask_whole(args, "DELETE", "keys", "", err);
}

static int run_recover(const struct args *args, struct error *err)
{
    return ask_whole(args, "POST", "deletedkeys", "/recover", err);
}

static int run_purge(const struct args *args, struct error *err)
{
    return ask_whole(args, "DELETE", "deletedkeys", "", err);
}

/* --- lists ------------------------------------------------------------------------------------ */

/* The query of the next page, of its link: what follows the version of the interface; "" at the
 * end. */
static const char *next_query(const json_t *page)
{
    const char *link = keys_text(page, "nextLink");
    const char *rest = strchr(link, '&');
    return rest ? rest : "";
}

static int list_all(const struct args *args, json_t *items, struct error *err)
{
    const char *path = args_has(args, "deleted") ? "/deletedkeys" : "/keys";
    TEXT_AUTO query = text_format("%s", "");
    do {
        json_auto_t *page = NULL;
        json_t *value;
        if (!query)
            return error_memory(err);
        if (keys_client_ask(args, "GET", path, query, NULL, &page, err) < 0 ||
            json_get_array(page, "value", &value, err) < 0)
            return -1;
        if (json_array_extend(items, value) < 0)
            return error_memory(err);
        text_free(&query);
        query = text_format("%s", next_query(page));
    } while (!query || *query);
    return 0;
}

static void print_item(const json_t *item)
{
    const json_t *attributes = json_object_get(item, "attributes");
    const char *state = json_is_true(json_object_get(attributes, "enabled")) ? "enabled"
                                                                             : "disabled";
    (void)printf("%-8s  %-10s  %s\n", state,
                 json_is_true(json_object_get(attributes, "exportable")) ? "released" : "kept",
                 keys_text(item, "kid"));
}

static int run_list(const struct args *args, struct error *err)
{
    json_auto_t *items = json_array();
    if (args_operand_count(args) != 0)
        return error_set(err, ERROR_USAGE, "`keys list` lists all: it takes no name");
    if (!items)
        return error_memory(err);
    if (list_all(args, items, err) < 0)
        return -1;
    if (args_has(args, "json"))
        return keys_print_json(items, err);
    for (size_t i = 0; i < json_array_size(items); i++)
        print_item(json_array_get(items, i));
    return EXIT_OK;
}

/* --- commands --------------------------------------------------------------------------------- */

const struct command command_keys_list = {
    .name = "keys list",
    .operands = "",
    .summary = "List the keys of the attestation service",
    .description = "The newest version of each key: whether it is enabled, and whether it is "
                   "released by a rule or kept.",
    .options = list_options,
    .run = run_list,
};

const struct command command_keys_show = {
    .name = "keys show",
    .operands = "NAME",
    .summary = "Show a key of the attestation service, with its rule",
    .description = "All but the secret, which the service never shows.",
    .options = version_options,
    .run = run_show,
};

const struct command command_keys_enable = {
    .name = "keys enable",
    .operands = "NAME",
    .summary = "Let a key be released again",
    .description = "The opposite of `keys disable`.",
    .options = version_options,
    .run = run_enable,
};

const struct command command_keys_disable = {
    .name = "keys disable",
    .operands = "NAME",
    .summary = "Release a key to nobody for now",
    .description = "Of a version: others stay as they are.",
    .options = version_options,
    .run = run_disable,
};

const struct command command_keys_rule = {
    .name = "keys rule",
    .operands = "NAME FILE",
    .summary = "Set who gets a key",
    .description = "Puts the rule in FILE in the place of the version's own. docs/keys.md tells "
                   "what a rule says; `keys show` prints it.",
    .options = rule_options,
    .run = run_rule,
};

const struct command command_keys_delete = {
    .name = "keys delete",
    .operands = "NAME",
    .summary = "Delete a key, with all its versions",
    .description = "Nobody gets it from then on. `keys recover` brings it back until `keys purge`.",
    .options = plain_options,
    .run = run_delete,
};

const struct command command_keys_recover = {
    .name = "keys recover",
    .operands = "NAME",
    .summary = "Bring a deleted key back",
    .description = "With all its versions, as it was.",
    .options = plain_options,
    .run = run_recover,
};

const struct command command_keys_purge = {
    .name = "keys purge",
    .operands = "NAME",
    .summary = "End a deleted key for good",
    .description = "What it protects can't be read any more, but by who has the key elsewhere.",
    .options = plain_options,
    .run = run_purge,
};
