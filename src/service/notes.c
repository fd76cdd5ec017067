/* Decisions on their way to the audit log. */
#include <stdlib.h>

#include "base/log.h"
#include "service/audit.h"
#include "service/service_parts.h"

/* A decision until it is written. */
struct note {
    struct audit_record record;
    json_t *detail; /* the record's */
};

void service_note(const struct call *call, const char *event, bool allowed, json_t *detail,
                  struct server_answer *answer)
{
    struct note *note = detail ? calloc(1, sizeof *note) : NULL;
    if (!note || answer->note) {
        free(note);
        json_decref(detail);
        answer_error(answer, HTTP_SERVER_ERROR, NULL, "the decision could not be noted");
        return;
    }
    *note = (struct note){.record = {call->now, call->tenant->name, event, allowed, detail},
                          .detail = detail};
    answer->note = note;
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
