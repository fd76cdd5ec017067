#include "guest/answer.h"

#include "base/text.h"
#include "format/json_string.h"

static const char *const codes[] = {
    [ANSWER_INVALID] = "invalid",
    [ANSWER_ORDER] = "order",
    [ANSWER_DENIED] = "denied",
    [ANSWER_FAILED] = "failed",
};

int answer_ok(struct channel *channel, uint64_t id, const char *result, struct error *err)
{
    BUF_AUTO message = BUF_WITH_LIMIT(CHANNEL_PAYLOAD_MAX);
    if (buf_printf(&message, err, "{\"id\":%llu,\"ok\":true,\"result\":%s}", (unsigned long long)id,
                   result) < 0)
        return -1;
    return channel_send_control(channel, buf_span(&message), err);
}

/* A reason quotes what came from outside and may have cut it in the middle of a character. */
static int append_reason(struct buf *message, const char *reason, struct error *err)
{
    char plain[ERROR_TEXT_SIZE];
    size_t size = strnlen(reason, sizeof plain - 1);
    bool is_utf8 = text_is_utf8(span_of(reason, size));
    for (size_t i = 0; i < size; i++)
        plain[i] = is_utf8 || (reason[i] >= ' ' && reason[i] <= '~') ? reason[i] : '?';
    return json_append_string(message, span_of(plain, size), err);
}

int answer_refused(struct channel *channel, uint64_t id, enum answer_code code, const char *point,
                   const char *reason, struct error *err)
{
    BUF_AUTO message = BUF_WITH_LIMIT(CHANNEL_PAYLOAD_MAX);
    if (buf_printf(&message, err, "{\"id\":%llu,\"ok\":false,\"error\":{\"code\":\"%s\",",
                   (unsigned long long)id, codes[code]) < 0 ||
        (point && buf_printf(&message, err, "\"point\":\"%s\",", point) < 0) ||
        buf_append_text(&message, "\"reason\":", err) < 0 ||
        append_reason(&message, reason, err) < 0 || buf_append_text(&message, "}}", err) < 0)
        return -1;
    return channel_send_control(channel, buf_span(&message), err);
}
