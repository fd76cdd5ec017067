/* The mounts that the policy allowed: file systems in memory. What else there is in a machine lies
 * on its disks or in its group of containers, and an enclave has neither. */
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "enclave/libos/gate/gate_parts.h"
#include "guest/mount_options.h"
#include "guest/sandbox.h"

#define BLOCK         4096
#define RESOLVER      SANDBOX_MOUNTS "/tmp/atlas/resolvconf/resolv.conf"
#define RESOLVER_LINE sizeof "nameserver 255.255.255.255\n"

static int unknown(const char *what, const char *text, struct error *err)
{
    return error_set(err, ERROR_UNAVAILABLE, "%s \"%.64s\" is not known in an enclave", what, text);
}

/* Bytes, or such with k, m or g behind (tmpfs(5)). */
static bool read_size(const char *text, uint64_t *out)
{
    static const char units[] = "kmg";
    char digits[24];
    unsigned shift = 0;
    size_t len = strlen(text);
    if (len == 0 || !text_copy(digits, sizeof digits, text))
        return false;
    const char *unit = strchr(units, digits[len - 1] | 0x20);
    if (unit && *unit) {
        shift = 10 * (unsigned)(unit - units + 1);
        digits[len - 1] = '\0';
    }
    if (!text_to_u64(digits, UINT64_MAX >> shift, out))
        return false;
    *out <<= shift;
    return true;
}

static bool read_mode(const char *text, uint16_t *out)
{
    unsigned mode = 0;
    for (const char *at = text; *at; at++) {
        if (*at < '0' || *at > '7' || mode > 0777)
            return false;
        mode = mode << 3 | (unsigned)(*at - '0');
    }
    *out = (uint16_t)mode;
    return *text != '\0';
}

static bool read_owner(const char *text, uint32_t *out)
{
    uint64_t id;
    if (!text_to_u64(text, UINT32_MAX - 1, &id))
        return false;
    *out = (uint32_t)id;
    return true;
}

static int take_parameter(const struct mount_parameter *parameter, struct root_tmpfs *out,
                          struct error *err)
{
    const char *value = parameter->value ? parameter->value : "";
    bool good = false;
    if (strcmp(parameter->key, "size") == 0) {
        good = read_size(value, &out->limit);
    } else if (strcmp(parameter->key, "nr_blocks") == 0) {
        good = read_size(value, &out->limit) && out->limit <= UINT64_MAX / BLOCK;
        out->limit *= good ? BLOCK : 1;
    } else if (strcmp(parameter->key, "mode") == 0) {
        good = read_mode(value, &out->mode);
    } else if (strcmp(parameter->key, "uid") == 0) {
        good = read_owner(value, &out->uid);
    } else if (strcmp(parameter->key, "gid") == 0) {
        good = read_owner(value, &out->gid);
    } else {
        return unknown("the option of a tmpfs", parameter->key, err);
    }
    return good ? 0 : unknown("the value of a tmpfs' option", value, err);
}

/* Times of access are never noted, and so words about them mean nothing. */
static unsigned flags_of(unsigned attributes)
{
    return (attributes & MOUNT_ATTR_RDONLY ? TREE_READ_ONLY : 0) |
           (attributes & MOUNT_ATTR_NOSUID ? TREE_NO_SETUID : 0) |
           (attributes & MOUNT_ATTR_NODEV ? TREE_NO_DEVICES : 0) |
           (attributes & MOUNT_ATTR_NOEXEC ? TREE_NO_EXECUTE : 0);
}

/* Of the machine that a VM is; here the file is the container's own. An image's link goes. */
static int write_resolver(struct container *all, const char *path, struct error *err)
{
    char text[REQUEST_DNS_MAX * RESOLVER_LINE];
    size_t size = 0;
    for (size_t i = 0; i < all->dns.count; i++) {
        const uint8_t *at = (const uint8_t *)&all->dns.items[i].s_addr;
        size += (size_t)snprintf(text + size, sizeof text - size, "nameserver %u.%u.%u.%u\n", at[0],
                                 at[1], at[2], at[3]);
    }
    (void)vfs_unlink(all->vfs, AT_FDCWD, path, 0);
    int number = vfs_open(all->vfs, AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL, 0644, 0);
    if (number < 0)
        return number == -ENOENT
                   ? 0 /* an image without /etc has nobody who would read it */
                   : error_set(err, ERROR_INVALID, "it cannot be made (errno %d)", -number);
    int64_t written = node_write(file_table_get(&all->vfs->files, number)->node, 0, text, size);
    (void)file_close(&all->vfs->files, number);
    return written == (int64_t)size ? 0 : error_set(err, ERROR_LIMIT, "it cannot be written");
}

static int mount_one(struct container *all, const struct policy_mount *mount, struct error *err)
{
    struct mount_options options;
    struct root_tmpfs what = {.limit = ROOT_LIMIT, .mode = 01777};
    if (strcmp(mount->source, RESOLVER) == 0 && strcmp(mount->type, "bind") == 0)
        return write_resolver(all, mount->destination, err);
    if (strcmp(mount->type, "tmpfs") != 0)
        return error_set(err, ERROR_UNAVAILABLE, "an enclave has no mounts of type \"%.64s\"",
                         mount->type);
    if (mount_options_parse(mount->options, false, &options, err) < 0)
        return -1;
    if (options.attributes & MOUNT_ATTR_NOSYMFOLLOW)
        return unknown("the option of a tmpfs", "nosymfollow", err);
    for (size_t i = 0; i < options.parameter_count; i++) {
        if (take_parameter(&options.parameters[i], &what, err) < 0)
            return -1;
    }
    what.flags = flags_of(options.attributes);
    what.path = strdup(mount->destination); /* for good: /proc/mounts says it */
    if (!what.path)
        return error_memory(err);
    int status = root_mount_tmpfs(all->vfs, &what);
    return status < 0 ? error_set(err, ERROR_INVALID, "it cannot be mounted (errno %d)", -status)
                      : 0;
}

int gate_mount_all(struct container *all, const struct spec *spec, struct error *err)
{
    for (size_t i = 0; i < spec->mount_count; i++) {
        if (mount_one(all, &spec->mounts[i], err) < 0)
            return error_context(err, "cannot start the process: the mount on %.256s",
                                 spec->mounts[i].destination);
    }
    return 0;
}
