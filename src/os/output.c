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

int output_init(struct output *output, const char *path, mode_t mode, struct error *err)
{
    *output = (struct output){.fd = -1, .path = text_format("%s", path)};
    TEXT_AUTO folder = folder_of(path);
    if (!folder || !output->path)
        return error_memory(err);
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

int output_publish(struct output *output, struct error *err)
{
    if (!output->temporary && give_name(output, err) < 0)
        return -1;
    if (rename(output->temporary, output->path) < 0)
        return error_system(err, errno, "cannot name %s", output->path);
    text_free(&output->temporary);
    return 0;
}

void output_fini(struct output *output)
{
    if (output->temporary)
        (void)unlink(output->temporary);
    text_free(&output->temporary);
    text_free(&output->path);
    fd_close(&output->fd);
}
