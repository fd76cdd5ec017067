#include "guest/spec.h"

#include <stdio.h>

#include "base/text.h"
#include "guest/mount_options.h"

static bool is_plain_part(const char *part, size_t size)
{
    return size > 0 && !(size == 1 && part[0] == '.') &&
           !(size == 2 && part[0] == '.' && part[1] == '.');
}

bool spec_source_is_own(const char *id, const char *source)
{
    char prefix[128];
    int size = snprintf(prefix, sizeof prefix, "/run/gcs/c/%s/sandboxMounts/", id);
    if (size < 0 || (size_t)size >= sizeof prefix || !text_starts_with(source, prefix))
        return false;
    for (const char *part = source + size;;) {
        size_t length = strcspn(part, "/");
        if (!is_plain_part(part, length))
            return false;
        if (part[length] == '\0')
            return true;
        part += length + 1;
    }
}

bool spec_mount_is_bind(const struct policy_mount *mount)
{
    return strcmp(mount->type, "bind") == 0;
}

static int check_mount(const struct spec *spec, const struct policy_mount *mount, struct error *err)
{
    struct mount_options options;
    bool bind = spec_mount_is_bind(mount);
    if (!bind && strcmp(mount->type, "tmpfs") != 0)
        return error_set(err, ERROR_REFUSED,
                         "the guest does no mounts of type \"%.32s\" (on %.256s)", mount->type,
                         mount->destination);
    if (mount->destination[0] != '/')
        return error_set(err, ERROR_REFUSED, "the mount's destination %.256s is not absolute",
                         mount->destination);
    if (bind && !spec_source_is_own(spec->id, mount->source))
        return error_set(err, ERROR_REFUSED,
                         "the source %.256s of a bind mount is not beneath "
                         "/run/gcs/c/%s/sandboxMounts",
                         mount->source, spec->id);
    return mount_options_parse(mount->options, bind, &options, err);
}

int spec_check_mounts(const struct spec *spec, struct error *err)
{
    for (size_t i = 0; i < spec->mount_count; i++) {
        if (check_mount(spec, &spec->mounts[i], err) < 0)
            return -1;
    }
    return 0;
}
