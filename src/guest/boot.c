#include "guest/boot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "guest/control_group.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/module.h"
#include "os/mount.h"
#include "os/network.h"

#define MODULES         "/modules"
#define MODULE_LIST_MAX 4096

/*
 * The root of an initial RAM disk cannot be left by pivot_root(2), which containers need. So the
 * root becomes a mount on top of itself; nothing is copied.
 */
static int make_root_leavable(struct error *err)
{
    if (mount("/", "/tmp", NULL, MS_BIND, NULL) < 0 || chdir("/tmp") < 0 ||
        mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 || chdir("/") < 0)
        return error_system(err, errno, "cannot make the root a mount");
    return 0;
}

static int mount_kernel_file_systems(struct error *err)
{
    static const struct {
        const char *type, *target, *data;
        unsigned long flags;
    } mounts[] = {
        {"proc", "/proc", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC},
        {"sysfs", "/sys", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC},
        {"devtmpfs", "/dev", "mode=0755", MS_NOSUID | MS_NOEXEC},
        {"tmpfs", "/run", "mode=0755", MS_NOSUID | MS_NODEV},
        {"cgroup2", "/sys/fs/cgroup", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC},
    };
    for (size_t i = 0; i < sizeof mounts / sizeof mounts[0]; i++) {
        if (mount_filesystem(mounts[i].type, mounts[i].target, mounts[i].type, mounts[i].flags,
                             mounts[i].data, err) < 0)
            return -1;
    }
    return 0;
}

/* The kernel has opened the console for the first process, as all of its standard streams or, for
 * want of one, as none (init/main.c, console_on_rootfs). */
static int use_console(struct error *err)
{
    if (fcntl(STDERR_FILENO, F_GETFD) < 0)
        return error_system(err, errno, "there is no console");
    log_open("caisson-guest", LOG_LEVEL_INFO);
    return 0;
}

/* A device that this machine lacks is no failure; what needs it will say so. */
static int load_one(const char *name, struct error *err)
{
    TEXT_AUTO path = text_format("%s/%s", MODULES, name);
    if (!path)
        return error_memory(err);
    return module_load(path, err) < 0 && err->code != ERROR_UNAVAILABLE ? -1 : 0;
}

/* Loads what a list of the initial RAM disk names, a module a line. */
static int load_modules(const char *list, struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(MODULE_LIST_MAX);
    TEXT_AUTO path = text_format("%s/%s", MODULES, list);
    if (!path)
        return error_memory(err);
    if (file_read(path, &text, err) < 0)
        return -1;
    for (char *line = (char *)text.data; line && *line;) {
        char *end = strchr(line, '\n');
        if (!end)
            return error_set(err, ERROR_INVALID, "%s: a line without an end", path);
        *end = '\0';
        if (load_one(line, err) < 0)
            return -1;
        line = end + 1;
    }
    return 0;
}

/* What a container's programs find elsewhere too. The network is IPv4's: a host configures nothing
 * by IPv6 (the loopback, which is there already, keeps it), gets nothing by its console's BREAK,
 * nor by a kernel that goes on after it has gone wrong. Before any module, and so any network
 * device; after the loopback. */
static int apply_settings(struct error *err)
{
    static const struct {
        const char *path, *value;
    } settings[] = {
        {"/proc/sys/net/ipv6/conf/default/disable_ipv6", "1"},
        {"/proc/sys/net/ipv4/ip_unprivileged_port_start", "0"},
        {"/proc/sys/net/ipv4/ping_group_range", "0 2147483647"},
        {"/proc/sys/vm/overcommit_memory", "1"},
        {"/proc/sys/kernel/sysrq", "0"},
        {"/proc/sys/kernel/panic_on_oops", "1"},
    };
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        FD_AUTO fd = open(settings[i].path, O_WRONLY | O_CLOEXEC);
        if (fd < 0 || fd_write_all(fd, span_of_text(settings[i].value), err) < 0)
            return error_system(err, errno, "cannot set %s", settings[i].path);
    }
    return 0;
}

static int read_tee(enum guest_tee *tee, struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(8192);
    if (file_read("/proc/cmdline", &text, err) < 0)
        return -1;
    return cmdline_parse(buf_span(&text), tee, err);
}

static int prepare_sev_snp(struct error *err)
{
    if (load_modules("sev-snp", err) < 0)
        return -1;
    return mount_filesystem("configfs", "/sys/kernel/config", "configfs",
                            MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL, err);
}

int boot_prepare(enum guest_tee *tee, struct error *err)
{
    (void)umask(022);
    if (make_root_leavable(err) < 0 || mount_kernel_file_systems(err) < 0 || use_console(err) < 0 ||
        read_tee(tee, err) < 0 || network_bring_up("lo", err) < 0 || apply_settings(err) < 0 ||
        load_modules("common", err) < 0)
        return -1;
    if (*tee == GUEST_SEV_SNP && prepare_sev_snp(err) < 0)
        return -1;
    return control_group_prepare(err);
}

void boot_tidy(void)
{
    DIR *folder = opendir(MODULES);
    for (const struct dirent *entry; folder && (entry = readdir(folder));) {
        if (text_ends_with(entry->d_name, ".ko"))
            (void)unlinkat(dirfd(folder), entry->d_name, 0);
    }
    if (folder)
        (void)closedir(folder);
}
