#include "cli/keys_client.h"

#include "base/text.h"
#include "format/json.h"

#define BODY_MAX    ((size_t)1 << 20)
#define API_VERSION "7.4"

static int send(const struct args *args, const struct service_request *request, json_t **answer,
                struct error *err)
{
    static const struct json_limits limits = {.size = SERVICE_ANSWER_MAX, .depth = 16};
    BUF_AUTO text = BUF_WITH_LIMIT(SERVICE_ANSWER_MAX);
    if (service_client_send(args, request, &text, err) < 0)
        return -1;
    if (text.size == 0)
        return 0;
    *answer = json_parse_object(buf_span(&text), &limits, err);
    return *answer ? 0 : error_context(err, "the service's answer");
}

int keys_client_ask(const struct args *args, const char *method, const char *path,
                    const char *query, const json_t *body, json_t **answer, struct error *err)
{
    struct buf text = BUF_WITH_LIMIT(BODY_MAX);
    *answer = NULL;
    TEXT_AUTO whole = text_format("%s?api-version=" API_VERSION "%s", path, query);
    if (!whole)
        return error_memory(err);
    int result = body ? json_append(body, &text, err) : 0;
    struct service_request request = {.method = method,
                                      .path = whole,
                                      .type = body ? "application/json" : NULL,
                                      .body = buf_span(&text)};
    if (result == 0)
        result = send(args, &request, answer, err);
    buf_fini_secret(&text);
    return result;
}
