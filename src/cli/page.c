/* `caisson page`: the address at which a browser shows the attestation service, signed in. */
#include <stdio.h>

#include "base/text.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/service_client.h"
#include "format/json.h"

static const struct option_rule options[] = {SERVICE_CLIENT_OPTIONS, {0}};

static int print_address(const char *url, struct span answer, struct error *err)
{
    static const struct json_limits limits = {.size = 4096, .depth = 1};
    const char *code;
    json_auto_t *object = json_parse_object(answer, &limits, err);
    if (!object || json_get_text(object, "code", &code, err) < 0)
        return error_context(err, "the service's answer");
    (void)printf("%s/#code=%s\n", url, code);
    return EXIT_OK;
}

static int run(const struct args *args, struct error *err)
{
    static const struct service_request request = {.method = "POST", .path = "/api/code"};
    struct buf answer = BUF_WITH_LIMIT(SERVICE_ANSWER_MAX);
    TEXT_AUTO url = NULL;
    int result = service_client_url(args, &url, err);
    if (result == 0)
        result = service_client_send(args, &request, &answer, err);
    if (result == 0)
        result = print_address(url, buf_span(&answer), err);
    buf_fini_secret(&answer);
    return result;
}

const struct command command_page = {
    .name = "page",
    .operands = "",
    .summary = "Open the attestation service's page in a browser",
    .description =
        "Prints an address. Who opens it within two minutes is signed in at the service's page for "
        "eight hours, as the administrator whose certificate asked; it is good once. The page "
        "shows decisions as they are made, policies, keys, and what evidence would get.",
    .options = options,
    .run = run,
};
