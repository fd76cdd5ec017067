#include "guest/spec.h"

#include <stdio.h>

#include "base/text.h"
#include "format/json.h"

#define FILES_MAX 1048576

/* jansson's builders take NULL for a failed part and pass it on, so that only the end is checked.
 */

static json_t *texts(struct policy_list list)
{
    json_t *array = json_array();
    for (size_t i = 0; array && i < list.count; i++) {
        if (json_array_append_new(array, json_string(list.items[i])) < 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static json_t *words(const char *const *items, size_t count)
{
    return texts((struct policy_list){.items = items, .count = count});
}

#define WORDS(...)                                                                                 \
    words((const char *const[]){__VA_ARGS__},                                                      \
          sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

/* --- the process ------------------------------------------------------------------------------ */

static json_t *user_of(const struct spec *spec)
{
    json_t *additional = json_array();
    for (size_t i = 1; i < spec->user->group_count; i++) {
        if (json_array_append_new(additional, json_integer(spec->user->groups[i].id)) < 0) {
            json_decref(additional);
            return NULL;
        }
    }
    return json_pack("{s:I, s:I, s:I, s:o}", "uid", (json_int_t)spec->user->user.id, "gid",
                     (json_int_t)spec->user->groups[0].id, "umask", (json_int_t)spec->umask,
                     "additionalGids", additional);
}

static json_t *capabilities_of(const struct policy_capabilities *capabilities)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o}", "bounding",
                     texts(capabilities->sets[POLICY_BOUNDING]), "effective",
                     texts(capabilities->sets[POLICY_EFFECTIVE]), "inheritable",
                     texts(capabilities->sets[POLICY_INHERITABLE]), "permitted",
                     texts(capabilities->sets[POLICY_PERMITTED]), "ambient",
                     texts(capabilities->sets[POLICY_AMBIENT]));
}

static json_t *process_of(const struct spec *spec)
{
    json_t *process = json_pack("{s:b, s:o, s:o, s:o, s:s, s:o, s:b, s:[{s:s, s:i, s:i}]}",
                                "terminal", spec->terminal, "user", user_of(spec), "args",
                                texts(spec->args), "env", texts(spec->env), "cwd", spec->cwd,
                                "capabilities", capabilities_of(&spec->capabilities),
                                "noNewPrivileges", spec->no_new_privileges, "rlimits", "type",
                                "RLIMIT_NOFILE", "soft", FILES_MAX, "hard", FILES_MAX);
    if (process && spec->terminal)
        (void)json_object_set_new(
            process, "consoleSize",
            json_pack("{s:i, s:i}", "height", (int)spec->rows, "width", (int)spec->columns));
    return process;
}

/* --- mounts ----------------------------------------------------------------------------------- */

static json_t *mount_of(const char *destination, const char *type, const char *source,
                        json_t *options)
{
    return json_pack("{s:s, s:s, s:s, s:o}", "destination", destination, "type", type, "source",
                     source, "options", options);
}

/* The kernel's file systems, as every container gets them. */
static json_t *default_mounts(bool privileged)
{
    const char *access = privileged ? "rw" : "ro";
    return json_pack(
        "[o, o, o, o, o, o, o]",
        mount_of("/proc", "proc", "proc", WORDS("nosuid", "noexec", "nodev")),
        mount_of("/dev", "tmpfs", "tmpfs",
                 WORDS("nosuid", "strictatime", "mode=755", "size=65536k")),
        mount_of("/dev/pts", "devpts", "devpts",
                 WORDS("nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5")),
        mount_of("/dev/shm", "tmpfs", "shm",
                 WORDS("nosuid", "noexec", "nodev", "mode=1777", "size=65536k")),
        mount_of("/dev/mqueue", "mqueue", "mqueue", WORDS("nosuid", "noexec", "nodev")),
        mount_of("/sys", "sysfs", "sysfs", WORDS("nosuid", "noexec", "nodev", access)),
        mount_of("/sys/fs/cgroup", "cgroup", "cgroup",
                 WORDS("nosuid", "noexec", "nodev", "relatime", access)));
}

static int add_mounts(const struct spec *spec, json_t *mounts, struct error *err)
{
    for (size_t i = 0; i < spec->mount_count; i++) {
        const struct policy_mount *each = &spec->mounts[i];
        bool bind = strcmp(each->type, "bind") == 0;
        if (!bind && strcmp(each->type, "tmpfs") != 0)
            return error_set(err, ERROR_REFUSED,
                             "the guest does no mounts of type \"%.32s\" (on %.256s)", each->type,
                             each->destination);
        if (bind && !spec_source_is_own(spec->id, each->source))
            return error_set(err, ERROR_REFUSED,
                             "the source %.256s of a bind mount is not beneath "
                             "/run/gcs/c/%s/sandboxMounts",
                             each->source, spec->id);
        if (json_array_append_new(mounts, mount_of(each->destination, each->type, each->source,
                                                   texts(each->options))) < 0)
            return error_memory(err);
    }
    return 0;
}

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

/* --- the rest --------------------------------------------------------------------------------- */

/* The network is the machine's: the machine is the pod. */
static json_t *namespaces(void)
{
    return json_pack("[{s:s}, {s:s}, {s:s}, {s:s}, {s:s}]", "type", "pid", "type", "ipc", "type",
                     "uts", "type", "mount", "type", "cgroup");
}

static json_t *drop(json_t *value)
{
    json_decref(value);
    return NULL;
}

static json_t *linux_of(const struct spec *spec)
{
    json_t *result = json_pack("{s:o, s:{s:[{s:b, s:s}]}}", "namespaces", namespaces(), "resources",
                               "devices", "allow", spec->privileged, "access", "rwm");
    char cgroup[96];
    (void)snprintf(cgroup, sizeof cgroup, "/caisson/%s", spec->id);
    /* A part that is missing for want of memory would be a container less confined. */
    if (json_object_set_new(result, "cgroupsPath", json_string(cgroup)) < 0)
        return drop(result);
    if (spec->privileged)
        return result;
    int masked = json_object_set_new(
        result, "maskedPaths",
        WORDS("/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
              "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi",
              "/sys/firmware", "/sys/devices/virtual/powercap", "/sys/kernel/config"));
    int protected = json_object_set_new(
        result, "readonlyPaths",
        WORDS("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"));
    return masked < 0 || protected < 0 ? drop(result) : result;
}

int spec_append(const struct spec *spec, struct buf *out, struct error *err)
{
    json_auto_t *mounts = default_mounts(spec->privileged);
    if (!mounts)
        return error_memory(err);
    if (add_mounts(spec, mounts, err) < 0)
        return -1;
    json_auto_t *document = json_pack("{s:s, s:o, s:{s:s, s:b}, s:s, s:O, s:o}", "ociVersion",
                                      "1.0.2", "process", process_of(spec), "root", "path",
                                      spec->root, "readonly", spec->read_only_root, "hostname",
                                      spec->hostname, "mounts", mounts, "linux", linux_of(spec));
    if (!document)
        return error_memory(err);
    return json_append(document, out, err);
}
