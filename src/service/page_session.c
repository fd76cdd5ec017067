/* Signing in at the page: by a client certificate alone, or by a code that such a one was given. */
#include "base/text.h"
#include "format/json.h"
#include "service/service_parts.h"

static void answer_value(json_t *value, enum http_status status, struct server_answer *answer)
{
    if (value)
        answer_json(answer, status, value);
    else
        answer_error(answer, HTTP_SERVER_ERROR, NULL, "out of memory");
    json_decref(value);
}

static void describe(const struct call *call, const struct administrator *who,
                     struct server_answer *answer)
{
    answer_value(
        json_pack("{s:s, s:s, s:b, s:I, s:b}", "tenant", call->tenant->name, "name", who->name,
                  "session", who->is_session, "expires", (json_int_t)who->expires, "simulated",
                  call->settings->config->simulated != NULL),
        HTTP_OK, answer);
}

void page_get_session(const struct call *call, struct server_answer *answer)
{
    struct administrator who;
    if (service_find_administrator(call, &who, answer))
        describe(call, &who, answer);
}

/* A code for one session of whoever asks. A session makes no code: it would never end. */
void page_make_code(const struct call *call, struct server_answer *answer)
{
    struct administrator who;
    struct error err = {0};
    char word[SESSION_WORD_SIZE];
    if (!service_find_administrator(call, &who, answer))
        return;
    if (who.is_session) {
        answer_error(answer, HTTP_FORBIDDEN, NULL, "a session makes no code; a certificate does");
        return;
    }
    struct session session = {.generation = call->settings->generation,
                              .expires = call->now + SESSION_CODE_LIFE};
    memcpy(session.certificate, who.certificate, sizeof session.certificate);
    if (!text_copy(session.tenant, sizeof session.tenant, call->tenant->name) ||
        !text_copy(session.name, sizeof session.name, who.name) ||
        sessions_make(call->service->sessions, SESSION_CODE, &session, call->now, word, &err) < 0)
        answer_error(answer, HTTP_SERVER_ERROR, NULL, err.text);
    else
        answer_value(json_pack("{s:s, s:i}", "code", word, "seconds", SESSION_CODE_LIFE), HTTP_OK,
                     answer);
    explicit_bzero(word, sizeof word);
}

static bool read_code(const struct call *call, struct session *out, struct server_answer *answer)
{
    static const struct json_limits limits = {.size = 4096, .depth = 1};
    static const char *const keys[] = {"code", NULL};
    struct error err = {0};
    const char *code;
    json_auto_t *body = json_parse_object(call->request->body, &limits, &err);
    if (!body || json_check_keys(body, keys, &err) < 0 ||
        json_get_text(body, "code", &code, &err) < 0) {
        answer_error(answer, HTTP_BAD_REQUEST, NULL, err.text);
        return false;
    }
    if (sessions_take_code(call->service->sessions, span_of_text(code), call->tenant->name,
                           call->now, out))
        return true;
    answer_error(answer, HTTP_FORBIDDEN, NULL, "this code is not good, or not good any more");
    return false;
}

void page_open_session(const struct call *call, struct server_answer *answer)
{
    struct error err = {0};
    struct session session;
    char word[SESSION_WORD_SIZE];
    if (!service_check_origin(call, answer) || !read_code(call, &session, answer))
        return;
    session.expires = call->now + SESSION_LIFE;
    if (sessions_make(call->service->sessions, SESSION_OPEN, &session, call->now, word, &err) < 0 ||
        buf_printf(&answer->headers, &err,
                   "Set-Cookie: " SESSION_COOKIE "=%s; Path=/; Secure; HttpOnly; SameSite=Strict; "
                   "Max-Age=%d\r\n",
                   word, SESSION_LIFE) < 0) {
        answer_error(answer, HTTP_SERVER_ERROR, NULL, err.text);
    } else {
        struct administrator who = {.is_session = true, .expires = session.expires};
        (void)text_copy(who.name, sizeof who.name, session.name);
        describe(call, &who, answer);
        service_note(call, "sign-in", true,
                     json_pack("{s:s, s:s}", "name", session.name, "peer", call->request->peer),
                     answer);
    }
    explicit_bzero(word, sizeof word);
}

void page_end_session(const struct call *call, struct server_answer *answer)
{
    if (!service_check_origin(call, answer))
        return;
    sessions_end(call->service->sessions, http_cookie_find(call->request->http, SESSION_COOKIE));
    answer->status = HTTP_NO_CONTENT;
    (void)buf_append_text(&answer->headers,
                          "Set-Cookie: " SESSION_COOKIE
                          "=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0\r\n",
                          NULL);
}
