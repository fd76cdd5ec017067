#include "guest/secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/mount.h"

#define FOLDER "/run/gcs/secrets" /* in this process's mount namespace alone */

static int write_file(const char *path, const struct policy_secret *secret, struct span bytes,
                      struct error *err)
{
    FD_AUTO fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || fchown(fd, secret->owner, (gid_t)-1) < 0 || fchmod(fd, secret->mode) < 0)
        return error_system(err, errno, "cannot make a secret's file");
    return fd_write_all(fd, bytes, err);
}

/* Becomes a read-only bind mount of its own, last of all. */
static int add_file(struct spec *spec, struct policy_mount *mounts,
                    const struct policy_secret *secret, struct span bytes, struct error *err)
{
    static const char *const options[] = {"rbind", "ro", "nosuid", "nodev", "noexec"};
    char *path = text_format(FOLDER "/%zu", spec->mount_count);
    if (!path)
        return error_memory(err);
    if (spec->mount_count >= REQUEST_MOUNTS_MAX)
        return error_set(err, ERROR_LIMIT, "too many mounts beside those of secrets");
    mounts[spec->mount_count++] = (struct policy_mount){secret->path, "bind", path, {options, 5}};
    return write_file(path, secret, bytes, err);
}

static int add_variable(struct spec *spec, const struct policy_secret *secret, struct span bytes,
                        struct error *err)
{
    size_t name = strlen(secret->variable);
    const char **env = calloc(spec->env.count + 1, sizeof *env);
    char *text = calloc(1, name + bytes.size + 2);
    if (!env || !text)
        return error_memory(err);
    for (size_t i = 0; i < spec->env.count; i++) {
        env[i] = spec->env.items[i];
        if (strncmp(env[i], secret->variable, name) == 0 && env[i][name] == '=')
            return error_set(err, ERROR_REFUSED, "the variable %s is a secret's: leave it out",
                             secret->variable);
    }
    if (memchr(bytes.data, '\0', bytes.size))
        return error_set(err, ERROR_INVALID, "the secret %s has a zero byte: no variable holds it",
                         secret->resource);
    memcpy(stpcpy(stpcpy(text, secret->variable), "="), bytes.data, bytes.size);
    env[spec->env.count] = text;
    spec->env = (struct policy_list){env, spec->env.count + 1};
    return 0;
}

/* The next secret; meanwhile the agent has the reports that it asks for. */
static int take_secret(const struct agent_order *order, int fd, struct buf *bytes,
                       struct error *err)
{
    int kind;
    while ((kind = agent_take(order, fd, true, bytes, err)) == EXCHANGE_REPORT)
        continue;
    if (kind == EXCHANGE_SECRET || kind < 0)
        return kind < 0 ? -1 : 0;
    return error_set(err, ERROR_REFUSED, "%.*s", (int)(bytes->size < 900 ? bytes->size : 900),
                     (const char *)bytes->data);
}

static int take_all(const struct agent_order *order, int fd, struct spec *spec,
                    struct policy_mount *mounts, struct error *err)
{
    __attribute__((cleanup(buf_fini_secret))) struct buf bytes = BUF_WITH_LIMIT(
        EXCHANGE_SECRET_MAX + 1);
    for (size_t i = 0; i < order->attestation->secret_count; i++) {
        const struct policy_secret *secret = &order->attestation->secrets[i];
        if (secret->container != order->row)
            continue;
        if (take_secret(order, fd, &bytes, err) < 0 ||
            (secret->path ? add_file(spec, mounts, secret, buf_span(&bytes), err)
                          : add_variable(spec, secret, buf_span(&bytes), err)) < 0)
            return -1;
    }
    return 0;
}

int secrets_bring(const struct agent_order *order, struct spec *spec,
                  struct policy_mount mounts[REQUEST_MOUNTS_MAX], struct error *err)
{
    pid_t pid;
    memcpy(mounts, spec->mounts, spec->mount_count * sizeof *mounts);
    spec->mounts = mounts;
    if (dir_make_all(FOLDER, 0700, err) < 0 ||
        mount_filesystem("secrets", FOLDER, "tmpfs", MS_NODEV | MS_NOSUID | MS_NOEXEC,
                         "size=8m,mode=0700", err) < 0)
        return -1;
    FD_AUTO fd = agent_start(order, &pid, err);
    if (fd < 0)
        return -1;
    int result = take_all(order, fd, spec, mounts, err);
    fd_close(&(int){fd_take(&fd)});
    (void)waitpid(pid, NULL, 0);
    return result;
}
