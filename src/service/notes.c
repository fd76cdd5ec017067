/* Decisions on their way to the audit log. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/text.h"
#include "service/audit.h"
#include "service/service_parts.h"

/* A decision until it is written. */
struct note {
    struct audit_record record;
    json_t *detail;                          /* the record's */
    char tenant[CONFIG_TENANT_NAME_MAX + 1]; /* its own: a reload may end the tenant meanwhile */
};
_Static_assert(CONFIG_TENANT_NAME_MAX < REFUSALS_TENANT_SIZE, "refusals are kept by its name");

/* What whoever may ask can have refused. */
static bool is_strangers(const char *event)
{
    static const char *const events[] = {"attest", "kbs-attest", "release", "resource"};
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++) {
        if (strcmp(events[i], event) == 0)
            return true;
    }
    return false;
}

/* True where the refusal is only counted. */
static bool is_counted(const struct call *call, const char *event, bool allowed, json_t *detail)
{
    uint64_t before;
    if (allowed || !detail || !is_strangers(event))
        return false;
    if (!refusals_count(call->service->refusals, call->tenant->name, event, call->request->peer,
                        call->now, &before))
        return true;
    if (before > 0)
        (void)json_object_set_new(detail, "more", json_integer((json_int_t)before));
    return false;
}

void service_note(const struct call *call, const char *event, bool allowed, json_t *detail,
                  struct server_answer *answer)
{
    if (is_counted(call, event, allowed, detail)) {
        json_decref(detail);
        return;
    }
    if (detail && call->who[0] &&
        json_object_set_new(detail, "administrator", json_string(call->who)) < 0) {
        json_decref(detail);
        detail = NULL;
    }
    struct note *note = detail ? calloc(1, sizeof *note) : NULL;
    if (!note || answer->note) {
        free(note);
        json_decref(detail);
        answer_error(answer, HTTP_SERVER_ERROR, NULL, "the decision could not be noted");
        return;
    }
    *note = (struct note){.detail = detail};
    (void)text_copy(note->tenant, sizeof note->tenant, call->tenant->name);
    note->record = (struct audit_record){call->now, note->tenant, event, allowed, detail};
    answer->note = note;
}

static int append_count(void *context, const char *tenant, const char *event, const char *peer,
                        uint64_t count, struct error *err)
{
    struct service *service = context;
    json_auto_t *detail = json_pack("{s:s, s:I}", "peer", peer, "more", (json_int_t)count);
    struct audit_record record = {(int64_t)time(NULL), tenant, event, false, detail};
    return detail ? audit_append(service->store, &record, 1, err) : error_memory(err);
}

int service_note_counted(struct service *service, int64_t now, struct error *err)
{
    return refusals_flush(service->refusals, now, append_count, service, err);
}

static int append_notes(struct service *service, struct server_answer *const answers[],
                        size_t count, struct error *err)
{
    struct audit_record *records = calloc(count, sizeof *records);
    size_t noted = 0;
    if (!records)
        return error_memory(err);
    for (size_t i = 0; i < count; i++) {
        const struct note *note = answers[i]->note;
        if (note)
            records[noted++] = note->record;
    }
    int result = noted > 0 ? audit_append(service->store, records, noted, err) : 0;
    free(records);
    return result;
}

/* A decision that could not be written down was not made: nobody gets its answer. */
void service_settle(struct service *service, struct server_answer *const answers[], size_t count)
{
    struct error err = {0};
    bool written = append_notes(service, answers, count, &err) == 0;
    if (!written)
        log_error("%s", err.text);
    for (size_t i = 0; i < count; i++) {
        struct note *note = answers[i]->note;
        if (!note)
            continue;
        if (!written)
            answer_error(answers[i], HTTP_UNAVAILABLE, NULL,
                         "the decision could not be written to the audit log");
        json_decref(note->detail);
        free(note);
        answers[i]->note = NULL;
    }
}
