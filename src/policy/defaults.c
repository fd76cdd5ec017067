/* What the reference grants without a policy's word: containerd's own mounts. */
#include "policy/model.h"

#define OPTIONS(...)                                                                               \
    {                                                                                              \
        (const char *const[]){__VA_ARGS__},                                                        \
            sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *)                      \
    }

#define MOUNT(mount_destination, mount_type, mount_source, ...)                                    \
    {                                                                                              \
        .destination = (mount_destination), .type = (mount_type), .source = (mount_source),        \
        .options = OPTIONS(__VA_ARGS__)                                                            \
    }

const struct mount_rule policy_default_mounts[] = {
    MOUNT("/proc", "proc", "proc", "nosuid", "noexec", "nodev"),
    MOUNT("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
    MOUNT("/dev/pts", "devpts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666",
          "mode=0620", "gid=5"),
    MOUNT("/dev/shm", "tmpfs", "shm", "nosuid", "noexec", "nodev", "mode=1777", "size=65536k"),
    MOUNT("/dev/mqueue", "mqueue", "mqueue", "nosuid", "noexec", "nodev"),
    MOUNT("/sys", "sysfs", "sysfs", "nosuid", "noexec", "nodev", "ro"),
    MOUNT("/run", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
    MOUNT("/sys/fs/cgroup", "cgroup", "cgroup", "nosuid", "noexec", "nodev", "relatime", "ro"),
};
const size_t policy_default_mount_count = sizeof policy_default_mounts /
                                          sizeof *policy_default_mounts;

const struct mount_rule policy_privileged_mounts[] = {
    MOUNT("/sys/fs/cgroup", "cgroup2", "cgroup2", "nosuid", "noexec", "nodev", "relatime", "rw"),
    MOUNT("/sys", "sysfs", "sysfs", "nosuid", "noexec", "nodev", "rw"),
};
const size_t policy_privileged_mount_count = sizeof policy_privileged_mounts /
                                             sizeof *policy_privileged_mounts;
