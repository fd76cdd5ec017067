#include "evidence/tcb_status.h"

#include <assert.h>
#include <stdlib.h>

#include "base/hex.h"
#include "base/text.h"
#include "format/timestamp.h"

/* What is wrong, as separate facts: a merge is their union. */
#define WRONG_SW            1U
#define WRONG_CONFIGURATION 2U
#define WRONG_OUT_OF_DATE   4U

static const struct {
    const char *name;
    unsigned wrong;
} statuses[] = {
    [TCB_UNKNOWN] = {"NotSupported", 0},
    [TCB_UP_TO_DATE] = {"UpToDate", 0},
    [TCB_SW_HARDENING_NEEDED] = {"SWHardeningNeeded", WRONG_SW},
    [TCB_CONFIGURATION_NEEDED] = {"ConfigurationNeeded", WRONG_CONFIGURATION},
    [TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED] = {"ConfigurationAndSWHardeningNeeded",
                                                   WRONG_CONFIGURATION | WRONG_SW},
    [TCB_OUT_OF_DATE] = {"OutOfDate", WRONG_OUT_OF_DATE},
    [TCB_OUT_OF_DATE_CONFIGURATION_NEEDED] = {"OutOfDateConfigurationNeeded",
                                              WRONG_OUT_OF_DATE | WRONG_CONFIGURATION},
    [TCB_REVOKED] = {"Revoked", 0},
};
static_assert(sizeof statuses / sizeof *statuses == TCB_STATUS_COUNT, "a name for each status");

const char *tcb_status_name(enum tcb_status status)
{
    return statuses[status].name;
}

enum tcb_status tcb_status_by_name(const char *name)
{
    for (unsigned i = TCB_UP_TO_DATE; i < TCB_STATUS_COUNT; i++) {
        if (strcmp(statuses[i].name, name) == 0)
            return i;
    }
    return TCB_UNKNOWN;
}

enum tcb_status tcb_status_merge(enum tcb_status a, enum tcb_status b)
{
    if (a == TCB_UNKNOWN || b == TCB_UNKNOWN)
        return TCB_UNKNOWN;
    if (a == TCB_REVOKED || b == TCB_REVOKED)
        return TCB_REVOKED;
    unsigned wrong = statuses[a].wrong | statuses[b].wrong;
    if (wrong & WRONG_OUT_OF_DATE)
        return wrong & WRONG_CONFIGURATION ? TCB_OUT_OF_DATE_CONFIGURATION_NEEDED : TCB_OUT_OF_DATE;
    if (wrong & WRONG_CONFIGURATION)
        return wrong & WRONG_SW ? TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED
                                : TCB_CONFIGURATION_NEEDED;
    return wrong & WRONG_SW ? TCB_SW_HARDENING_NEEDED : TCB_UP_TO_DATE;
}

int tcb_read_hex(const json_t *object, const char *key, void *out, size_t size, struct error *err)
{
    const char *text;
    if (json_get_text(object, key, &text, err) < 0)
        return -1;
    if (!hex_decode(span_of_text(text), out, size))
        return error_set(err, ERROR_INVALID, "key \"%s\": not %zu bytes in hexadecimal", key, size);
    return 0;
}

int tcb_read_time(const json_t *object, const char *key, int64_t *out, struct error *err)
{
    const char *text;
    if (json_get_text(object, key, &text, err) < 0)
        return -1;
    if (!timestamp_read(text, out))
        return error_set(err, ERROR_INVALID,
                         "key \"%s\": \"%.32s\" is not a time like 2025-06-19T10:56:11Z", key,
                         text);
    return 0;
}

static int check_advisories(const json_t *list, struct error *err)
{
    const char *id;
    if (json_array_size(list) > TCB_ADVISORIES_MAX)
        return error_set(err, ERROR_LIMIT, "a level with %zu advisories; at most %d are accepted",
                         json_array_size(list), TCB_ADVISORIES_MAX);
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (json_text_at(list, i, "advisoryIDs", &id, err) < 0)
            return -1;
        if (*id == '\0' || strlen(id) >= TCB_ADVISORY_SIZE)
            return error_set(err, ERROR_INVALID,
                             "an advisory's id has %zu characters; 1 to %d are "
                             "accepted",
                             strlen(id), TCB_ADVISORY_SIZE - 1);
    }
    return 0;
}

int tcb_verdict_read(const json_t *level, struct tcb_verdict *verdict, struct error *err)
{
    const char *status;
    json_t *advisories;
    if (tcb_read_time(level, "tcbDate", &verdict->date, err) < 0 ||
        json_get_text(level, "tcbStatus", &status, err) < 0 ||
        json_find_array(level, "advisoryIDs", &advisories, err) < 0 ||
        check_advisories(advisories, err) < 0)
        return -1;
    verdict->advisories = advisories;
    verdict->status = tcb_status_by_name(status);
    if (verdict->status == TCB_UNKNOWN)
        return error_set(err, ERROR_INVALID, "the status \"%.64s\" is not known", status);
    return 0;
}

static int read_isvsvn_level(const json_t *object, struct isvsvn_level *level, struct error *err)
{
    static const char *const keys[] = {"tcb", "tcbDate", "tcbStatus", "advisoryIDs", NULL};
    static const char *const tcb_keys[] = {"isvsvn", NULL};
    uint64_t isvsvn;
    json_t *tcb;
    if (!json_is_object(object))
        return error_set(err, ERROR_INVALID, "a level is %s", json_kind(object));
    if (json_check_keys(object, keys, err) < 0 || json_get_object(object, "tcb", &tcb, err) < 0 ||
        json_check_keys(tcb, tcb_keys, err) < 0 ||
        json_get_u64(tcb, "isvsvn", UINT16_MAX, &isvsvn, err) < 0)
        return -1;
    level->isvsvn = (uint16_t)isvsvn;
    return tcb_verdict_read(object, &level->verdict, err);
}

int isvsvn_levels_read(const json_t *object, struct isvsvn_levels *levels, struct error *err)
{
    json_t *list;
    if (json_get_array(object, "tcbLevels", &list, err) < 0)
        return -1;
    size_t count = json_array_size(list);
    if (count == 0 || count > TCB_LEVELS_MAX)
        return error_set(err, ERROR_LIMIT, "%zu TCB levels; 1 to %d are accepted", count,
                         TCB_LEVELS_MAX);
    levels->items = calloc(count, sizeof *levels->items);
    if (!levels->items)
        return error_memory(err);
    levels->count = count;
    for (size_t i = 0; i < count; i++) {
        if (read_isvsvn_level(json_array_get(list, i), &levels->items[i], err) < 0)
            return error_context(err, "tcbLevels[%zu]", i);
    }
    return 0;
}

void isvsvn_levels_fini(struct isvsvn_levels *levels)
{
    free(levels->items);
    *levels = (struct isvsvn_levels){0};
}

const struct tcb_verdict *isvsvn_levels_find(const struct isvsvn_levels *levels, uint16_t isvsvn)
{
    for (size_t i = 0; i < levels->count; i++) {
        if (levels->items[i].isvsvn <= isvsvn)
            return &levels->items[i].verdict;
    }
    return NULL;
}
