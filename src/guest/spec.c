#include "guest/spec.h"

#include "base/text.h"
#include "guest/mount_options.h"
#include "guest/sandbox.h"

static bool is_plain_part(const char *part, size_t size)
{
    return size > 0 && !(size == 1 && part[0] == '.') &&
           !(size == 2 && part[0] == '.' && part[1] == '.');
}

bool spec_source_is_shared(const char *source)
{
    static const char prefix[] = SANDBOX_MOUNTS "/";
    if (!text_starts_with(source, prefix))
        return false;
    for (const char *part = source + sizeof prefix - 1;;) {
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

static int check_mount(const struct policy_mount *mount, struct error *err)
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
    if (bind && !spec_source_is_shared(mount->source))
        return error_set(err, ERROR_REFUSED,
                         "the source %.256s of a bind mount is not beneath " SANDBOX_MOUNTS,
                         mount->source);
    return mount_options_parse(mount->options, bind, &options, err);
}

int spec_check_mounts(const struct spec *spec, struct error *err)
{
    for (size_t i = 0; i < spec->mount_count; i++) {
        if (check_mount(&spec->mounts[i], err) < 0)
            return -1;
    }
    return 0;
}
