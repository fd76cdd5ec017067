#include "os/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "os/fd.h"

#define NAME_TRIES 16

/* The folder of the path, as a path. */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return text_format(".");
    return text_format("%.*s", slash == path ? 1 : (int)(slash - path), path);
}

static int open_named(struct output *output, mode_t mode, struct error *err)
{
    output->temporary = text_format("%s.XXXXXX", output->path);
    if (!output->temporary)
        return error_memory(err);
    output->fd = mkostemp(output->temporary, O_CLOEXEC);
    if (output->fd < 0) {
        int sys = errno;
        text_free(&output->temporary);
        return error_system(err, sys, "cannot write beside %s", output->path);
    }
    if (fchmod(output->fd, mode) < 0)
        return error_system(err, errno, "fchmod");
    return 0;
}

/* Found out before the work, not after it. */
static int check_name(const char *path, struct error *err)
{
    struct stat status;
    size_t len = strlen(path);
    if (len == 0 || path[len - 1] == '/')
        return error_set(err, ERROR_USAGE, "\"%s\" names no file", path);
    if (lstat(path, &status) < 0 || S_ISREG(status.st_mode))
        return 0;
    return error_set(err, ERROR_REFUSED,
                     "%s is %s and would be replaced by the file; name a file, or one that is not "
                     "there yet",
                     path,
                     S_ISDIR(status.st_mode)   ? "a folder"
                     : S_ISLNK(status.st_mode) ? "a symbolic link"
                                               : "no regular file");
}

int output_init(struct output *output, const char *path, mode_t mode, struct error *err)
{
    *output = (struct output){.fd = -1, .path = text_format("%s", path)};
    TEXT_AUTO folder = folder_of(path);
    if (!folder || !output->path)
        return error_memory(err);
    if (check_name(path, err) < 0)
        return -1;
    output->fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, mode);
    if (output->fd >= 0)
        return 0;
    if (errno == EOPNOTSUPP || errno == EISDIR)
        return open_named(output, mode, err);
    return error_system(err, errno, "cannot write in %s", folder);
}

/* Gives the nameless file a name of its own, from which it can be renamed over another. */
static int give_name(struct output *output, struct error *err)
{
    TEXT_AUTO self = text_format("/proc/self/fd/%d", output->fd);
    int sys = EEXIST;
    for (unsigned i = 0; self && sys == EEXIST && i < NAME_TRIES; i++) {
        TEXT_AUTO name = text_format("%s.%d.%u", output->path, (int)getpid(), i);
        if (!name)
            return error_memory(err);
        sys = linkat(AT_FDCWD, self, AT_FDCWD, name, AT_SYMLINK_FOLLOW) == 0 ? 0 : errno;
        if (sys == 0) {
            output->temporary = name;
            name = NULL;
            return 0;
        }
    }
    return error_system(err, sys, "cannot name %s", output->path);
}

static int sync_file(int fd, const char *path, struct error *err)
{
    return fsync(fd) < 0 ? error_system(err, errno, "cannot sync %s", path) : 0;
}

/* A rename is lasting only once the folder is synced. */
static int sync_folder(const char *path, struct error *err)
{
    TEXT_AUTO parent = folder_of(path);
    if (!parent)
        return error_memory(err);
    FD_AUTO fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0)
        return error_system(err, errno, "cannot sync the folder of %s", path);
    return 0;
}

static int rename_file(const char *from, const char *to, struct error *err)
{
    return rename(from, to) < 0 ? error_system(err, errno, "cannot name %s", to) : 0;
}

int output_rename(int fd, const char *from, const char *to, struct error *err)
{
    if (sync_file(fd, from, err) < 0 || rename_file(from, to, err) < 0)
        return -1;
    return sync_folder(to, err);
}

int output_publish(struct output *output, bool lasting, struct error *err)
{
    /* Before it has any name: a kill while it is synced leaves nothing. */
    if ((lasting && sync_file(output->fd, output->path, err) < 0) ||
        (!output->temporary && give_name(output, err) < 0) ||
        rename_file(output->temporary, output->path, err) < 0)
        return -1;
    text_free(&output->temporary);
    return lasting ? sync_folder(output->path, err) : 0;
}

void output_fini(struct output *output)
{
    if (output->temporary)
        (void)unlink(output->temporary);
    text_free(&output->temporary);
    text_free(&output->path);
    fd_close(&output->fd);
}

static int write_whole(const char *path, struct span bytes, mode_t mode, bool lasting,
                       struct error *err)
{
    OUTPUT_AUTO output;
    if (output_init(&output, path, mode, err) < 0)
        return -1;
    if (fd_write_all(output.fd, bytes, err) < 0)
        return error_context(err, "%s", path);
    if (fchmod(output.fd, mode) < 0) /* the umask had its word before */
        return error_system(err, errno, "fchmod of %s", path);
    return output_publish(&output, lasting, err);
}

int output_write(const char *path, struct span bytes, mode_t mode, struct error *err)
{
    return write_whole(path, bytes, mode, true, err);
}

int output_write_passing(const char *path, struct span bytes, mode_t mode, struct error *err)
{
    return write_whole(path, bytes, mode, false, err);
}
