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
