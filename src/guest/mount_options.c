#include "guest/mount_options.h"

#include <linux/mount.h>
#include <string.h>

#include "base/text.h"

static const struct {
    const char *word;
    unsigned int set, clear;
} words[] = {
    {"ro", MOUNT_ATTR_RDONLY, 0},
    {"rw", 0, MOUNT_ATTR_RDONLY},
    {"nosuid", MOUNT_ATTR_NOSUID, 0},
    {"suid", 0, MOUNT_ATTR_NOSUID},
    {"nodev", MOUNT_ATTR_NODEV, 0},
    {"dev", 0, MOUNT_ATTR_NODEV},
    {"noexec", MOUNT_ATTR_NOEXEC, 0},
    {"exec", 0, MOUNT_ATTR_NOEXEC},
    {"noatime", MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME},
    {"strictatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME},
    {"relatime", 0, MOUNT_ATTR__ATIME},
    {"nodiratime", MOUNT_ATTR_NODIRATIME, 0},
    {"diratime", 0, MOUNT_ATTR_NODIRATIME},
    {"nosymfollow", MOUNT_ATTR_NOSYMFOLLOW, 0},
    {"symfollow", 0, MOUNT_ATTR_NOSYMFOLLOW},
};

static const char *const meaningless[] = {"bind",  "private", "rprivate",   "shared",     "rshared",
                                          "slave", "rslave",  "unbindable", "runbindable"};

static bool take_word(const char *option, struct mount_options *out)
{
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i].word, option) == 0) {
            out->attributes = (out->attributes & ~words[i].clear) | words[i].set;
            return true;
        }
    }
    for (size_t i = 0; i < sizeof meaningless / sizeof meaningless[0]; i++) {
        if (strcmp(meaningless[i], option) == 0)
            return true;
    }
    return false;
}

/* "key" or "key=value". */
static int take_parameter(const char *option, size_t *used, struct mount_options *out,
                          struct error *err)
{
    char *key = out->text + *used;
    if (out->parameter_count == MOUNT_OPTIONS_PARAMETERS_MAX ||
        !text_copy(key, sizeof out->text - *used, option))
        return error_set(err, ERROR_LIMIT,
                         "the mount options \"%.64s\" and before are too many or too long", option);
    *used += strlen(option) + 1;
    char *equals = strchr(key, '=');
    if (equals)
        *equals = '\0';
    out->parameters[out->parameter_count++] = (struct mount_parameter){
        .key = key, .value = equals ? equals + 1 : NULL};
    return 0;
}

int mount_options_parse(struct policy_list options, bool bind, struct mount_options *out,
                        struct error *err)
{
    size_t used = 0;
    *out = (struct mount_options){0};
    for (size_t i = 0; i < options.count; i++) {
        const char *option = options.items[i];
        if (bind && strcmp(option, "rbind") == 0)
            out->recursive = true;
        else if (take_word(option, out))
            continue;
        else if (bind)
            return error_set(err, ERROR_REFUSED, "a bind mount has no option \"%.64s\"", option);
        else if (take_parameter(option, &used, out, err) < 0)
            return -1;
    }
    return 0;
}
