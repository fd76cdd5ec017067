#include "os/private_dir.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/output.h"

#define FILE_LOCK "lock"

static char *path_in(const char *dir, const char *name, struct error *err)
{
    char *path = text_format("%s/%s", dir, name);
    if (!path)
        (void)error_memory(err);
    return path;
}

/* The folder must be ours alone: whoever writes there decides what its keys stand for. */
int private_dir_prepare(const char *dir, struct error *err)
{
    struct stat info;
    if (dir_make_all(dir, 0700, err) < 0)
        return -1;
    if (lstat(dir, &info) < 0)
        return error_system(err, errno, "%s", dir);
    if (!S_ISDIR(info.st_mode) || info.st_uid != geteuid() || (info.st_mode & 077) != 0)
        return error_set(err, ERROR_INVALID,
                         "%s must be a folder of this user's that nobody else can open (mode 0700; "
                         "it has 0%o)",
                         dir, info.st_mode & 07777);
    return 0;
}

int private_dir_make_once(const char *dir, const char *last, private_dir_make_fn *make,
                          struct error *err)
{
    TEXT_AUTO lock_path = path_in(dir, FILE_LOCK, err);
    TEXT_AUTO last_path = path_in(dir, last, err);
    if (!lock_path || !last_path)
        return -1;
    FD_AUTO lock = file_lock(lock_path, true, err);
    if (lock < 0)
        return -1;
    if (access(last_path, F_OK) == 0)
        return 0;
    if (errno != ENOENT)
        return error_system(err, errno, "%s", last_path);
    return make(dir, err);
}

int private_dir_write(const char *dir, const char *name, struct span bytes, struct error *err)
{
    TEXT_AUTO path = path_in(dir, name, err);
    return path ? output_write(path, bytes, 0600, err) : -1;
}

int private_dir_read(const char *dir, const char *name, struct buf *out, struct error *err)
{
    TEXT_AUTO path = path_in(dir, name, err);
    return path ? file_read(path, out, err) : -1;
}

int private_dir_read_key(const char *dir, const char *name, struct buf *out, struct error *err)
{
    TEXT_AUTO path = path_in(dir, name, err);
    struct stat info;
    if (!path)
        return -1;
    if (lstat(path, &info) < 0)
        return error_system(err, errno, "%s", path);
    if (!S_ISREG(info.st_mode) || (info.st_mode & 077) != 0)
        return error_set(err, ERROR_INVALID, "%s must have mode 0600; it has 0%o", path,
                         info.st_mode & 07777);
    return file_read(path, out, err);
}
