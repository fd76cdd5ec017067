/* `caisson keys release-check`: which keys a token would get. */
#include <stdio.h>

#include "cli/command.h"
#include "cli/commands.h"
#include "cli/keys_client.h"
#include "cli/keys_output.h"
#include "format/json.h"
#include "os/file.h"

#define TOKEN_MAX ((size_t)512 << 10)

static const struct option_rule check_options[] = {
    SERVICE_CLIENT_OPTIONS,
    {.name = "claims", .help = "FILE holds claims in JSON, not a token"},
    {.name = "issuer",
     .operand = "URL",
     .help = "With --claims: who would say so (default: the service itself)"},
    {.name = "json", .help = "Print what the service answers"},
    {0},
};

/* A token's line may end with a newline. */
static json_t *token_body(struct buf *text)
{
    while (text->size > 0 &&
           (text->data[text->size - 1] == '\n' || text->data[text->size - 1] == '\r'))
        buf_truncate(text, text->size - 1);
    return json_pack("{s:s%}", "target", buf_text(text), text->size);
}

static json_t *check_body(const struct args *args, struct buf *text, struct error *err)
{
    static const struct json_limits limits = {.size = TOKEN_MAX, .depth = 31};
    json_t *body = NULL;
    if (!args_has(args, "claims")) {
        body = token_body(text);
    } else {
        json_t *claims = json_parse_object(buf_span(text), &limits, err);
        if (!claims)
            return NULL;
        body = json_pack("{s:o, s:s*}", "claims", claims, "issuer", args_get(args, "issuer"));
    }
    if (!body)
        (void)error_memory(err);
    return body;
}

static int print_check(const json_t *answer)
{
    size_t index;
    const json_t *key;
    bool released = false;
    const char *warning = json_string_value(json_object_get(answer, "warning"));
    json_array_foreach (json_object_get(answer, "keys"), index, key) {
        bool is = json_is_true(json_object_get(key, "released"));
        released |= is;
        (void)printf("%-8s  %s%s%s\n", is ? "released" : "kept", keys_text(key, "kid"),
                     is ? "" : ": ", keys_text(key, "reason"));
    }
    if (warning)
        (void)fprintf(stderr, "caisson: but nothing is released: %s\n", warning);
    return released && !warning ? EXIT_OK : EXIT_REFUSED;
}

static int run_check(const struct args *args, struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(TOKEN_MAX);
    json_auto_t *answer = NULL;
    if (args_operand_count(args) != 1)
        return error_set(err, ERROR_USAGE, "name a file with a token");
    if (args_has(args, "issuer") && !args_has(args, "claims"))
        return error_set(err, ERROR_USAGE,
                         "a token names its issuer itself: --issuer goes with "
                         "--claims");
    if (file_read(args_operands(args)[0], &text, err) < 0)
        return -1;
    json_auto_t *body = check_body(args, &text, err);
    if (!body || keys_client_ask(args, "POST", "/keys:check", "", body, &answer, err) < 0)
        return -1;
    if (args_has(args, "json"))
        return keys_print_json(answer, err);
    return print_check(answer);
}

const struct command command_keys_release_check = {
    .name = "keys release-check",
    .operands = "FILE",
    .summary = "Tell which keys a token would get, and why not",
    .description =
        "FILE holds a token of an attestation service, as one line, or with --claims the claims of "
        "one that you think of, in JSON. Each key is listed with what the service would do, and "
        "the first condition that is not met. Nothing is released. The exit status is 0 where at "
        "least one key would be.",
    .options = check_options,
    .run = run_check,
};
