#include "guest/rlimits.h"

#include <errno.h>
#include <stdio.h>

#include "base/text.h"

#define FILES_MAX 1048576ULL

/* By their numbers, in setrlimit(2)'s words. */
static const char *const names[RLIMIT_NLIMITS + 1] = {
    "cpu",     "fsize", "data",  "stack",      "core",     "rss",  "nproc",  "nofile",
    "memlock", "as",    "locks", "sigpending", "msgqueue", "nice", "rtprio", "rttime"};

/* A number, or -1 for none. */
static bool read_number(const char *text, size_t size, rlim_t *out)
{
    char number[24];
    uint64_t value = RLIM_INFINITY;
    (void)snprintf(number, sizeof number, "%.*s", (int)size, text);
    if (strcmp(number, "-1") != 0 && !text_to_u64(number, INT64_MAX, &value))
        return false;
    *out = value;
    return true;
}

static bool read_limit(const char *word, struct rlimits *out)
{
    const char *soft = word + strcspn(word, "=");
    const char *hard = soft + strcspn(soft, ":");
    size_t i = text_find_name(names, word);
    if (!names[i] || out->given >> i & 1 || !*hard)
        return false;
    out->given |= 1U << i;
    return read_number(soft + 1, (size_t)(hard - soft) - 1, &out->values[i].rlim_cur) &&
           read_number(hard + 1, strlen(hard + 1), &out->values[i].rlim_max);
}

int rlimits_parse(struct policy_list words, struct rlimits *out, struct error *err)
{
    *out = (struct rlimits){0};
    for (size_t i = 0; i < words.count; i++) {
        if (!read_limit(words.items[i], out))
            return error_set(err, ERROR_INVALID,
                             "rlimit \"%.64s\" is not NAME=SOFT:HARD, one of a name, with numbers "
                             "or -1",
                             words.items[i]);
    }
    if (!(out->given >> RLIMIT_NOFILE & 1))
        out->values[RLIMIT_NOFILE] = (struct rlimit){FILES_MAX, FILES_MAX};
    out->given |= 1U << RLIMIT_NOFILE;
    return 0;
}

int rlimits_set(const struct rlimits *limits, struct error *err)
{
    for (size_t i = 0; i < RLIMIT_NLIMITS; i++) {
        if (limits->given >> i & 1 && setrlimit((__rlimit_resource_t)i, &limits->values[i]) < 0)
            return error_system(err, errno, "cannot set the limit %s", names[i]);
    }
    return 0;
}
