/* Limits of resources and settings of the kernel, and of a control group. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/confinement.h"

#define PIDS_MAX 4194304 /* what the kernel can number; docs/protocol.md */

/* A number, or -1 for none. */
static bool read_number(const char *text, long long *out)
{
    uint64_t value;
    *out = -1;
    if (strcmp(text, "-1") == 0 || strcmp(text, "unlimited") == 0)
        return true;
    if (!text_to_u64(text, INT64_MAX, &value))
        return false;
    *out = (long long)value;
    return true;
}

/* NAME=SOFT[:HARD], which becomes NAME=SOFT:HARD with numbers alone. */
static int make_rlimit(const char *text, char **out, struct error *err)
{
    TEXT_AUTO copy = strdup(text);
    char *soft = copy ? strchr(copy, '=') : NULL;
    char *hard = soft ? strchr(soft, ':') : NULL;
    long long values[2];
    if (!copy)
        return error_memory(err);
    if (soft)
        *soft++ = '\0';
    if (hard)
        *hard++ = '\0';
    if (!soft || !*copy || !read_number(soft, &values[0]) ||
        !read_number(hard ? hard : soft, &values[1]))
        return error_set(err, ERROR_USAGE, "not NAME=SOFT[:HARD], with numbers or -1");
    /* -1 is the largest. */
    if ((unsigned long long)values[0] > (unsigned long long)values[1])
        return error_set(err, ERROR_USAGE, "the soft limit is above the hard one");
    *out = text_format("%s=%lld:%lld", copy, values[0], values[1]);
    return *out ? 0 : error_memory(err);
}

/* NAME=VALUE, of numbers, as all are that the guest sets. */
static int make_sysctl(const char *text, char **out, struct error *err)
{
    const char *equals = strchr(text, '=');
    if (!equals || equals == text || !equals[1] ||
        equals[1 + strspn(equals + 1, "0123456789 \t,-")])
        return error_set(err, ERROR_USAGE, "not NAME=VALUE, of a number or numbers");
    *out = strdup(text);
    return *out ? 0 : error_memory(err);
}

/* A name that is there twice would leave one of its values to the order. */
static bool is_named(const struct confinement_settings *settings, const char *word)
{
    size_t size = strcspn(word, "=") + 1;
    for (size_t i = 0; i < settings->count; i++) {
        if (strncmp(settings->words[i], word, size) == 0)
            return true;
    }
    return false;
}

static int read_all(const struct args *args, const char *option,
                    int (*make)(const char *text, char **out, struct error *err),
                    struct confinement_settings *out, struct error *err)
{
    const char *text;
    for (size_t i = 0; (text = args_get_nth(args, option, i)); i++) {
        TEXT_AUTO word = NULL;
        if (out->count == POLICY_SETTINGS_MAX)
            return error_set(err, ERROR_LIMIT, "more than %d times --%s", POLICY_SETTINGS_MAX,
                             option);
        if (make(text, &word, err) < 0)
            return error_context(err, "--%s %.64s", option, text);
        if (!text_is_utf8(span_of_text(word)) || is_named(out, word))
            return error_set(err, ERROR_USAGE, "--%s %.64s: is there twice, or not UTF-8", option,
                             text);
        out->words[out->count++] = word;
        word = NULL;
    }
    return 0;
}

int confinement_read_settings(const struct args *args, struct confinement *out, struct error *err)
{
    return read_all(args, "ulimit", make_rlimit, &out->rlimits, err) < 0
               ? -1
               : read_all(args, "sysctl", make_sysctl, &out->sysctls, err);
}

struct policy_list confinement_list(const struct confinement_settings *settings)
{
    return (struct policy_list){(const char *const *)settings->words, settings->count};
}

void confinement_settings_fini(struct confinement_settings *settings)
{
    for (size_t i = 0; i < settings->count; i++)
        free(settings->words[i]);
    *settings = (struct confinement_settings){0};
}

/* Docker's 0 and -1 stand for no limit. */
int confinement_add_limits(const struct args *args, json_t *request, struct error *err)
{
    const char *text = args_get(args, "pids-limit");
    uint64_t count = 0;
    if (!text || strcmp(text, "-1") == 0)
        return 0;
    if (!text_to_u64(text, PIDS_MAX, &count))
        return error_set(err, ERROR_USAGE, "--pids-limit is \"%s\"; 1 to %d can be, -1 for none",
                         text, PIDS_MAX);
    if (json_object_set_new(request, "limits", json_pack("{s:I}", "count", (json_int_t)count)) < 0)
        return error_memory(err);
    return 0;
}
