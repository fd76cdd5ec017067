/* The audit log as the page reads it, and the checks of attestations of late. */
#include "base/text.h"
#include "service/service_parts.h"

#define LOG_COUNT_DEFAULT 50
#define LOG_COUNT_MAX     200

/* A number of the query; `otherwise` where it is absent. */
static bool get_number(const struct call *call, const char *name, uint64_t max, uint64_t otherwise,
                       uint64_t *out, struct server_answer *answer)
{
    struct error err = {0};
    BUF_AUTO text = BUF_WITH_LIMIT(HTTP_TARGET_MAX);
    *out = otherwise;
    if (http_query_find(call->request->http->query, name, &text, &err) < 0) {
        if (err.code == ERROR_NOT_FOUND)
            return true;
        answer_error(answer, HTTP_BAD_REQUEST, NULL, err.text);
        return false;
    }
    if (text_to_u64(buf_text(&text), max, out))
        return true;
    (void)error_set(&err, ERROR_INVALID, "%s is no number up to %llu", name,
                    (unsigned long long)max);
    answer_error(answer, HTTP_BAD_REQUEST, NULL, err.text);
    return false;
}

/* Entries are JSON as they are kept. */
static int append_entry(void *context, const struct database_entry *entry, struct error *err)
{
    struct buf *out = context;
    if (out->data[out->size - 1] != '[' && buf_append_byte(out, ',', err) < 0)
        return -1;
    return buf_append(out, entry->bytes, err);
}

/* Writes entries from number `first` on, in their order: {"head":9,"entries":[…]}. */
static int append_entries(const struct call *call, uint64_t head, uint64_t first, size_t count,
                          struct buf *out, struct error *err)
{
    if (buf_printf(out, err, "{\"head\":%llu,\"entries\":[", (unsigned long long)head) < 0)
        return -1;
    if (count > 0 && database_read(call->service->store, call->tenant->name, first, count,
                                   append_entry, out, err) < 0)
        return -1;
    return buf_append_text(out, "]}", err);
}

/* GET /api/log?after=N&count=C: the entries that follow N, for a page that keeps up. GET
 * /api/log?before=N&count=C: those that came before, for one that looks back; without either the
 * newest. Always the oldest first. */
void page_log(const struct call *call, struct server_answer *answer)
{
    struct error err = {0};
    uint64_t head, after, before, count;
    if (!service_check_administrator(call, answer) ||
        !get_number(call, "after", INT64_MAX, UINT64_MAX, &after, answer) ||
        !get_number(call, "before", INT64_MAX, UINT64_MAX, &before, answer) ||
        !get_number(call, "count", LOG_COUNT_MAX, LOG_COUNT_DEFAULT, &count, answer))
        return;
    if (database_last(call->service->store, call->tenant->name, &head, &err) < 0) {
        answer_error(answer, HTTP_SERVER_ERROR, NULL, err.text);
        return;
    }
    uint64_t end = before <= head ? before : head + 1; /* behind the last one that is wanted */
    uint64_t first = end > count ? end - count : 1;
    if (after != UINT64_MAX) {
        first = after < head ? after + 1 : head + 1;
        end = head - first + 1 > count ? first + count : head + 1;
    }
    answer->status = HTTP_OK;
    answer->type = "application/json";
    if (append_entries(call, head, first, end > first ? (size_t)(end - first) : 0, &answer->body,
                       &err) < 0)
        answer_error(answer, HTTP_SERVER_ERROR, NULL, err.text);
}

/* GET /api/attestations/NAME: what was checked, as an entry's detail names it ("record"). */
void page_attestation(const struct call *call, struct server_answer *answer)
{
    struct error err = {0};
    RECENT_COPY_AUTO copy = {0};
    if (!service_check_administrator(call, answer))
        return;
    if (recent_find(call->service->recent, call->tenant->name, call->rest, &copy, &err) < 0) {
        answer_error(answer, err.code == ERROR_NOT_FOUND ? HTTP_NOT_FOUND : HTTP_SERVER_ERROR, NULL,
                     err.text);
        return;
    }
    json_auto_t *value = json_pack("{s:s, s:I, s:O, s:b}", "kind", copy.kind, "time",
                                   (json_int_t)copy.time, "checks", copy.checks, "repeatable",
                                   copy.request.size > 0);
    if (value)
        answer_json(answer, HTTP_OK, value);
    else
        answer_error(answer, HTTP_SERVER_ERROR, NULL, "out of memory");
}
