/* `caisson secret`: create, list, show, rm. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/service_client.h"
#include "format/json.h"
#include "os/file.h"
#include "rules/release_policy.h"
#include "service/kbs_resources.h"

#define RESOURCE      "/kbs/v0/resource/"
#define RESOURCE_RULE "/kbs/v0/resource-rule/"

static const struct option_rule create_options[] = {
    {.name = "rule", .operand = "FILE", .help = "Who gets it: `caisson secret rule` writes one"},
    {.name = "from",
     .operand = "FILE",
     .help = "The secret itself; - or nothing reads standard input"},
    SERVICE_CLIENT_OPTIONS,
    {0},
};

static const struct option_rule list_options[] = {
    SERVICE_CLIENT_OPTIONS, {.name = "json", .help = "Print JSON"}, {0}};

static const struct option_rule plain_options[] = {SERVICE_CLIENT_OPTIONS, {0}};

/* --- names ------------------------------------------------------------------------------------ */

/* "/kbs/v0/…/REPOSITORY/TYPE/TAG"; the caller frees it. A name alone is default/secret/NAME, as
 * `caisson run --secret` takes it. */
static char *path_of(const struct args *args, const char *root, struct error *err)
{
    if (args_operand_count(args) != 1) {
        (void)error_set(err, ERROR_USAGE, "name one secret");
        return NULL;
    }
    const char *name = args_operands(args)[0];
    char *path = text_format("%s%s%s", root, strchr(name, '/') ? "" : "default/secret/", name);
    if (!path) {
        (void)error_memory(err);
        return NULL;
    }
    if (kbs_resource_check_name(path + strlen(root), err) == 0)
        return path;
    text_free(&path);
    err->code = ERROR_USAGE;
    return NULL;
}

/* --- create ----------------------------------------------------------------------------------- */

static int read_input(struct buf *out, struct error *err)
{
    if (isatty(STDIN_FILENO))
        (void)fputs("Type the secret, and end it by Ctrl-D at a line's beginning\n", stderr);
    return file_read("/dev/stdin", out, err);
}

static int read_rule(const struct args *args, struct buf *out, struct error *err)
{
    const char *path = args_get(args, "rule");
    if (!path)
        return error_set(err, ERROR_USAGE,
                         "--rule FILE is missing: without a rule nobody gets the secret");
    if (file_read(path, out, err) < 0)
        return -1;
    RELEASE_POLICY_AUTO *rule = release_policy_new(buf_span(out), err);
    return rule ? 0 : error_context(err, "%s", path);
}

/* The rule comes first: at no time may a new secret be had by an old rule that is not its own, and
 * one without a rule is nobody's. */
static int create(const struct args *args, struct span rule, struct span secret, struct error *err)
{
    BUF_AUTO answer = BUF_WITH_LIMIT(SERVICE_ANSWER_MAX);
    TEXT_AUTO rule_path = path_of(args, RESOURCE_RULE, err);
    TEXT_AUTO path = rule_path ? path_of(args, RESOURCE, err) : NULL;
    if (!path)
        return -1;
    struct service_request set_rule = {"PUT", rule_path, "application/json", rule};
    struct service_request set = {"POST", path, "application/octet-stream", secret};
    if (service_client_send(args, &set_rule, &answer, err) < 0 ||
        service_client_send(args, &set, &answer, err) < 0)
        return -1;
    (void)printf("%s\n", path + strlen(RESOURCE));
    return EXIT_OK;
}

static int run_create(const struct args *args, struct error *err)
{
    const char *from = args_get(args, "from");
    BUF_AUTO rule = BUF_WITH_LIMIT(RELEASE_POLICY_SIZE_MAX);
    struct buf secret = BUF_WITH_LIMIT(KBS_RESOURCE_MAX);
    TEXT_AUTO path = path_of(args, RESOURCE, err);
    if (!path || read_rule(args, &rule, err) < 0)
        return -1;
    int result = from && strcmp(from, "-") != 0 ? file_read(from, &secret, err)
                                                : read_input(&secret, err);
    if (result == 0 && secret.size == 0)
        result = error_set(err, ERROR_INVALID, "the secret is empty");
    if (result == 0)
        result = create(args, buf_span(&rule), buf_span(&secret), err);
    buf_fini_secret(&secret);
    return result;
}

/* --- list, show, rm --------------------------------------------------------------------------- */

/* Adds a page's names to `all`, and sets where the next begins: "" at the end. */
static int add_page(const struct args *args, char **after, json_t *all, struct error *err)
{
    static const struct json_limits limits = {.size = SERVICE_ANSWER_MAX, .depth = 4};
    BUF_AUTO text = BUF_WITH_LIMIT(SERVICE_ANSWER_MAX);
    json_t *names;
    const char *next;
    TEXT_AUTO path = text_format("/kbs/v0/resources%s%s", **after ? "?after=" : "", *after);
    struct service_request request = {.method = "GET", .path = path};
    if (!path)
        return error_memory(err);
    if (service_client_send(args, &request, &text, err) < 0)
        return -1;
    json_auto_t *page = json_parse_object(buf_span(&text), &limits, err);
    if (!page || json_get_array(page, "resources", &names, err) < 0 ||
        json_find_text(page, "next", &next, err) < 0)
        return error_context(err, "the service's answer");
    text_free(after);
    *after = text_format("%s", next ? next : "");
    return *after && json_array_extend(all, names) == 0 ? 0 : error_memory(err);
}

static int run_list(const struct args *args, struct error *err)
{
    json_auto_t *all = json_array();
    TEXT_AUTO after = text_format("%s", "");
    if (args_operand_count(args) != 0)
        return error_set(err, ERROR_USAGE, "`secret list` lists all: it takes no name");
    if (!all || !after)
        return error_memory(err);
    do {
        if (add_page(args, &after, all, err) < 0)
            return -1;
    } while (*after);
    if (args_has(args, "json")) {
        BUF_AUTO text = BUF_WITH_LIMIT(SERVICE_ANSWER_MAX);
        if (json_append_pretty(all, &text, err) < 0)
            return -1;
        (void)fputs(buf_text(&text), stdout);
        return EXIT_OK;
    }
    for (size_t i = 0; i < json_array_size(all); i++) {
        const char *name;
        if (json_text_at(all, i, "resources", &name, err) < 0)
            return -1;
        (void)printf("%s\n", name);
    }
    return EXIT_OK;
}

static int run_show(const struct args *args, struct error *err)
{
    static const struct json_limits limits = {.size = SERVICE_ANSWER_MAX,
                                              .depth = RELEASE_POLICY_DEPTH_MAX};
    BUF_AUTO text = BUF_WITH_LIMIT(SERVICE_ANSWER_MAX), pretty = BUF_WITH_LIMIT(SERVICE_ANSWER_MAX);
    TEXT_AUTO path = path_of(args, RESOURCE_RULE, err);
    struct service_request request = {.method = "GET", .path = path};
    if (!path || service_client_send(args, &request, &text, err) < 0)
        return -1;
    json_auto_t *rule = json_parse_object(buf_span(&text), &limits, err);
    if (!rule || json_append_pretty(rule, &pretty, err) < 0)
        return error_context(err, "the service's answer");
    (void)fputs(buf_text(&pretty), stdout);
    return EXIT_OK;
}

static int run_rm(const struct args *args, struct error *err)
{
    BUF_AUTO answer = BUF_WITH_LIMIT(SERVICE_ANSWER_MAX);
    TEXT_AUTO path = path_of(args, RESOURCE, err);
    struct service_request request = {.method = "DELETE", .path = path};
    if (!path || service_client_send(args, &request, &answer, err) < 0)
        return -1;
    (void)printf("%s\n", path + strlen(RESOURCE));
    return EXIT_OK;
}

/* --- commands --------------------------------------------------------------------------------- */

const struct command command_secret_create = {
    .name = "secret create",
    .operands = "NAME",
    .summary = "Give the attestation service a secret, and the rule that says who gets it",
    .description =
        "The secret is sealed in the service's store, which shows it to nobody; a machine that "
        "proves to be what the rule wants gets it (`caisson run --secret NAME`). NAME is "
        "REPOSITORY/TYPE/TAG, or the last of these for default/secret/NAME. One that is there "
        "already is replaced, with its rule.",
    .options = create_options,
    .run = run_create,
};

const struct command command_secret_list = {
    .name = "secret list",
    .operands = "",
    .summary = "List the secrets that the attestation service has",
    .description = "Their names; secrets themselves are shown to nobody.",
    .options = list_options,
    .run = run_list,
};

const struct command command_secret_show = {
    .name = "secret show",
    .operands = "NAME",
    .summary = "Show who gets a secret: its rule",
    .description = "The rule as it was given; the secret itself is shown to nobody.",
    .options = plain_options,
    .run = run_show,
};

const struct command command_secret_rm = {
    .name = "secret rm",
    .operands = "NAME",
    .summary = "Remove a secret and its rule",
    .description = "Machines that have it already keep it; no other gets it from now on.",
    .options = plain_options,
    .run = run_rm,
};
