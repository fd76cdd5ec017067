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

static int parse_value(const json_t *array, size_t index, const struct bound *bound, rlim_t *out,
                       struct error *err)
{
    const json_t *value = json_array_get(array, index);
    json_int_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < -1)
        return error_set(err, ERROR_INVALID, "%s: expected a number or -1, found %s", bound->name,
                         json_kind(value));
    *out = number < 0 ? RLIM_INFINITY : (rlim_t)number;
    if (*out < bound->least || *out > bound->most)
        return error_set(err, ERROR_REFUSED, "%s: %lld is not from %llu to %lld", bound->name,
                         (long long)number, (unsigned long long)bound->least,
                         (long long)bound->most);
    return 0;
}

static int parse_limit(const json_t *object, const struct bound *bound, struct rlimits *limits,
                       struct error *err)
{
    struct rlimit *out = &limits->values[bound->resource];
    json_t *array;
    if (json_find_array(object, bound->name, &array, err) < 0)
        return -1;
    if (!array)
        return 0;
    if (json_array_size(array) != 2)
        return error_set(err, ERROR_INVALID, "%s: expected two numbers, found %zu", bound->name,
                         json_array_size(array));
    if (parse_value(array, 0, bound, &out->rlim_cur, err) < 0 ||
        parse_value(array, 1, bound, &out->rlim_max, err) < 0)
        return -1;
    if (out->rlim_cur > out->rlim_max)
        return error_set(err, ERROR_INVALID, "%s: the soft limit is above the hard one",
                         bound->name);
    limits->given |= 1U << bound->resource;
    return 0;
}

int rlimits_parse(const json_t *object, struct rlimits *limits, struct error *err)
{
    const char *known[BOUND_COUNT + 1] = {NULL};
    for (size_t i = 0; i < BOUND_COUNT; i++)
        known[i] = bounds[i].name;
    if (json_check_keys(object, known, err) < 0)
        return -1;
    for (size_t i = 0; i < BOUND_COUNT; i++) {
        if (parse_limit(object, &bounds[i], limits, err) < 0)
            return -1;
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
