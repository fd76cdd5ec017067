/* What of a confinement no policy has words for. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/confinement.h"

#define PIDS_MAX 4194304 /* what the kernel can number; docs/protocol.md */

/* A number, or -1 for none. */
static bool read_number(const char *text, json_int_t *out)
{
    uint64_t value;
    *out = -1;
    if (strcmp(text, "-1") == 0 || strcmp(text, "unlimited") == 0)
        return true;
    if (!text_to_u64(text, INT64_MAX, &value))
        return false;
    *out = (json_int_t)value;
    return true;
}

/* NAME=SOFT[:HARD] */
static int add_ulimit(json_t *limits, char *text, struct error *err)
{
    char *soft = strchr(text, '=');
    char *hard = soft ? strchr(soft, ':') : NULL;
    json_int_t values[2];
    if (soft)
        *soft++ = '\0';
    if (hard)
        *hard++ = '\0';
    if (!soft || !*text || !read_number(soft, &values[0]) ||
        !read_number(hard ? hard : soft, &values[1]))
        return error_set(err, ERROR_USAGE, "not NAME=SOFT[:HARD], with numbers or -1");
    if (json_object_set_new(limits, text, json_pack("[I, I]", values[0], values[1])) < 0)
        return error_set(err, ERROR_USAGE, "not a limit's name");
    return 0;
}

/* NAME=VALUE */
static int add_sysctl(json_t *sysctls, char *text, struct error *err)
{
    char *value = strchr(text, '=');
    if (value)
        *value++ = '\0';
    if (!value || !*value || !*text)
        return error_set(err, ERROR_USAGE, "not NAME=VALUE");
    if (json_object_set_new(sysctls, text, json_string(value)) < 0)
        return error_set(err, ERROR_USAGE, "not UTF-8");
    return 0;
}

static int add_all(const struct args *args, const char *option, json_t *object,
                   int (*add)(json_t *object, char *text, struct error *err), struct error *err)
{
    const char *text;
    for (size_t i = 0; (text = args_get_nth(args, option, i)); i++) {
        TEXT_AUTO copy = strdup(text);
        if (!copy)
            return error_memory(err);
        if (add(object, copy, err) < 0)
            return error_context(err, "--%s %.64s", option, text);
    }
    return 0;
}

/* Docker's 0 and -1 stand for no limit. */
static int add_group_limits(const struct args *args, json_t *request, struct error *err)
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

int confinement_add_limits(const struct args *args, json_t *request, struct error *err)
{
    json_t *limits = json_object();
    json_t *sysctls = json_object();
    int made = json_object_set_new(request, "rlimits", limits) < 0 ||
                       json_object_set_new(request, "sysctls", sysctls) < 0
                   ? error_memory(err)
                   : 0;
    if (made < 0 || add_all(args, "ulimit", limits, add_ulimit, err) < 0 ||
        add_group_limits(args, request, err) < 0)
        return -1;
    return add_all(args, "sysctl", sysctls, add_sysctl, err);
}
