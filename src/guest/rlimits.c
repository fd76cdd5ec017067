#include "guest/rlimits.h"

#include <errno.h>

#define FILES_MAX 1048576ULL
#define MIB       (1ULL << 20)

/* Less than a login's own limit would let the host choose what fails. A stack without limit lays
 * memory out in the old, less random way. */
static const struct bound {
    const char *name;
    int resource;
    rlim_t least, most;
} bounds[] = {
    {"core", RLIMIT_CORE, 0, RLIM_INFINITY},
    {"memlock", RLIMIT_MEMLOCK, 8 * MIB, RLIM_INFINITY},
    {"nofile", RLIMIT_NOFILE, 1024, FILES_MAX},
    {"nproc", RLIMIT_NPROC, 1024, RLIM_INFINITY},
    {"stack", RLIMIT_STACK, 8 * MIB, 1024 * MIB},
};

#define BOUND_COUNT (sizeof bounds / sizeof bounds[0])

void rlimits_init(struct rlimits *limits)
{
    *limits = (struct rlimits){.given = 1U << RLIMIT_NOFILE};
    limits->values[RLIMIT_NOFILE] = (struct rlimit){FILES_MAX, FILES_MAX};
}

static bool is_within(const struct bound *bound, int64_t number, rlim_t *out)
{
    *out = number == -1 ? RLIM_INFINITY : (rlim_t)number;
    return number >= -1 && *out >= bound->least && *out <= bound->most;
}

static int parse_limit(const struct value *pair, const struct bound *bound, struct rlimit *out,
                       struct error *err)
{
    const struct value *soft = pair->kind == VALUE_ARRAY ? pair->first : NULL;
    const struct value *hard = soft ? soft->next : NULL;
    if (!hard || pair->count != 2 || soft->kind != VALUE_INTEGER || hard->kind != VALUE_INTEGER)
        return error_set(err, ERROR_INVALID, "%s: expected two numbers", bound->name);
    if (!is_within(bound, soft->number, &out->rlim_cur) ||
        !is_within(bound, hard->number, &out->rlim_max) || out->rlim_cur > out->rlim_max)
        return error_set(err, ERROR_REFUSED, "%s: %lld and %lld do not lie between %llu and %lld",
                         bound->name, (long long)soft->number, (long long)hard->number,
                         (unsigned long long)bound->least, (long long)bound->most);
    return 0;
}

static const struct bound *find_bound(const char *name)
{
    for (size_t i = 0; i < BOUND_COUNT; i++) {
        if (strcmp(bounds[i].name, name) == 0)
            return &bounds[i];
    }
    return NULL;
}

int rlimits_parse(const struct value *object, struct rlimits *limits, struct error *err)
{
    if (object->kind != VALUE_OBJECT)
        return error_set(err, ERROR_INVALID, "expected an object, found %s", value_kind(object));
    for (const struct value *each = object->first; each; each = each->next) {
        const struct bound *bound = find_bound(each->key);
        if (!bound)
            return error_set(err, ERROR_INVALID, "key \"%.64s\" is unknown", each->key);
        if (parse_limit(each, bound, &limits->values[bound->resource], err) < 0)
            return -1;
        limits->given |= 1U << bound->resource;
    }
    return 0;
}

int rlimits_set(const struct rlimits *limits, struct error *err)
{
    for (size_t i = 0; i < BOUND_COUNT; i++) {
        int resource = bounds[i].resource;
        if (limits->given >> resource & 1 &&
            setrlimit((__rlimit_resource_t)resource, &limits->values[resource]) < 0)
            return error_system(err, errno, "cannot set the limit %s", bounds[i].name);
    }
    return 0;
}
