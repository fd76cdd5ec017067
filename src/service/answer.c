#include "service/answer.h"

#include "format/json.h"

/* "BadRequest" of "Bad Request". */
static void code_of(enum http_status status, char out[64])
{
    size_t len = 0;
    for (const char *at = http_status_text(status); *at && len + 1 < 64; at++) {
        if (*at != ' ')
            out[len++] = *at;
    }
    out[len] = '\0';
}

void answer_error(struct server_answer *answer, enum http_status status, const char *code,
                  const char *message)
{
    char words[64];
    code_of(status, words);
    answer->status = status;
    answer->type = "application/json";
    buf_truncate(&answer->body, 0);
    if (buf_printf(&answer->body, NULL,
                   "{\"error\":{\"code\":\"%s\",\"message\":", code ? code : words) < 0 ||
        json_append_string(&answer->body, span_of_text(message), NULL) < 0 ||
        buf_append_text(&answer->body, "}}", NULL) < 0)
        buf_truncate(&answer->body, 0);
}

void answer_json(struct server_answer *answer, enum http_status status, const json_t *value)
{
    struct error err = {0};
    answer->status = status;
    answer->type = "application/json";
    buf_truncate(&answer->body, 0);
    if (json_append(value, &answer->body, &err) < 0)
        answer_error(answer, HTTP_SERVER_ERROR, NULL, err.text);
}

bool answer_check_api_version(const struct server_request *request, const char *const known[],
                              struct server_answer *answer)
{
    struct error err = {0};
    BUF_AUTO version = BUF_WITH_LIMIT(HTTP_TARGET_MAX);
    BUF_AUTO message = BUF_WITH_LIMIT(256);
    if (http_query_find(request->http->query, "api-version", &version, &err) < 0) {
        answer_error(answer, HTTP_BAD_REQUEST, "MissingApiVersionParameter", err.text);
        return false;
    }
    (void)buf_append_text(&message, "api-version is none of ", NULL);
    for (size_t i = 0; known[i]; i++) {
        if (strcmp(buf_text(&version), known[i]) == 0)
            return true;
        (void)buf_printf(&message, NULL, "%s%s", i > 0 ? ", " : "", known[i]);
    }
    answer_error(answer, HTTP_BAD_REQUEST, "UnsupportedApiVersion", buf_text(&message));
    return false;
}
