#include "script.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "../../check.h"
#include "enclave/libos/files/lock_file.h"

#define BYTES     100000
#define LOCK_SIZE 10

/* The calls by which one side carries operations out: answers as a system call's. */
struct side {
    int64_t (*call)(void *arg, const struct operation *operation, char *out);
    void *arg;
};

static void say(struct buf *out, const char *text)
{
    assert_int_equal(buf_append_text(out, text, NULL), 0);
}

static void run(const struct side *side, const struct operation *operations, size_t count,
                struct buf *out)
{
    static char bytes[BYTES];
    for (size_t i = 0; i < count; i++) {
        const struct operation *at = &operations[i];
        bytes[0] = 0;
        int64_t answer = side->call(side->arg, at, bytes);
        assert_int_equal(
            buf_printf(out, NULL, "%zu %s %.40s %.40s %llo = %lld%s%.200s\n", i, at->verb, at->path,
                       at->other ? at->other : "", (unsigned long long)at->number,
                       (long long)answer, bytes[0] ? " " : "", bytes),
            0);
    }
}

static bool is(const struct operation *operation, const char *verb)
{
    return strcmp(operation->verb, verb) == 0;
}

/* --- the system ------------------------------------------------------------------------------- */

static int64_t answer(int64_t result)
{
    return result < 0 ? -errno : result;
}

static int64_t system_open(const struct operation *at)
{
    struct open_how how = {.flags = at->number | O_CLOEXEC,
                           .mode = at->number & O_CREAT ? 0666 : 0,
                           .resolve = at->number2};
    return answer(syscall(SYS_openat2, AT_FDCWD, at->path, &how, sizeof how));
}

static int64_t system_bytes(const struct operation *at, char *out)
{
    bool writes = !is(at, "read");
    int fd = open(at->path,
                  (writes ? O_WRONLY : O_RDONLY) | O_CLOEXEC | (is(at, "append") ? O_APPEND : 0));
    if (fd < 0)
        return -errno;
    int64_t result;
    if (!writes) {
        result = answer(pread(fd, out, 200, (off_t)at->number));
        if (result >= 0)
            out[result] = 0;
    } else if (is(at, "append")) {
        result = answer(write(fd, at->other, strlen(at->other)));
    } else {
        result = answer(pwrite(fd, at->other, strlen(at->other), (off_t)at->number));
    }
    (void)close(fd);
    return result;
}

static int64_t system_stat(const struct operation *at, char *out)
{
    struct stat st;
    int result = fstatat(AT_FDCWD, at->path, &st, (int)at->number);
    if (result == 0)
        (void)snprintf(out, BYTES, "%o %u:%u %lld", st.st_mode, st.st_uid, st.st_gid,
                       S_ISDIR(st.st_mode) ? 0 : (long long)st.st_size);
    return answer(result);
}

static int64_t system_user(const struct operation *at)
{
    if (seteuid(0) < 0 || setegid((gid_t)at->number) < 0)
        return -errno;
    return answer(seteuid((uid_t)at->number));
}

static int64_t system_attributes(const struct operation *at, char *out)
{
    struct timespec times[2] = {{(time_t)at->number, 5}, {(time_t)at->number, 7}};
    if (is(at, "chmod"))
        return answer(chmod(at->path, (mode_t)at->number));
    if (is(at, "chown"))
        return answer(lchown(at->path, (uid_t)at->number, (gid_t)at->number2));
    if (is(at, "utimens"))
        return answer(utimensat(AT_FDCWD, at->path, times, AT_SYMLINK_NOFOLLOW));
    if (is(at, "truncate"))
        return answer(truncate(at->path, (off_t)at->number));
    if (is(at, "access"))
        return answer(faccessat(AT_FDCWD, at->path, (int)at->number, AT_EACCESS));
    if (is(at, "setxattr"))
        return answer(lsetxattr(at->path, at->other, "value", at->number2 ? at->number2 : 5,
                                (int)at->number));
    if (is(at, "removexattr"))
        return answer(lremovexattr(at->path, at->other));
    int64_t result = answer(lgetxattr(at->path, at->other, out, 100));
    out[result > 0 ? result : 0] = 0;
    return result;
}

/* Two open files of one path: the first locks, the second tries. */
static int64_t system_locks(const struct operation *at, char *out)
{
    int first = open(at->path, O_RDWR | O_CLOEXEC), second = open(at->path, O_RDWR | O_CLOEXEC);
    struct flock lock = {.l_type = F_WRLCK, .l_start = (off_t)at->number, .l_len = LOCK_SIZE};
    int64_t result;
    if (first < 0 || second < 0)
        return -errno;
    if (is(at, "flock")) {
        (void)flock(first, (int)at->number);
        result = answer(flock(second, (int)at->number2 | LOCK_NB));
    } else {
        (void)fcntl(first, F_OFD_SETLK, &lock);
        lock.l_start = (off_t)at->number2;
        lock.l_type = F_RDLCK;
        result = answer(fcntl(second, F_OFD_SETLK, &lock));
        lock = (struct flock){.l_type = F_WRLCK};
        (void)fcntl(second, F_OFD_GETLK, &lock);
        (void)snprintf(out, BYTES, "%d %lld", lock.l_type == F_UNLCK, (long long)lock.l_start);
    }
    (void)close(first);
    (void)close(second);
    return result;
}

static int64_t system_more(const struct operation *at, char *out)
{
    struct statfs all;
    if (is(at, "statfs")) {
        int result = statfs(at->path, &all);
        if (result == 0)
            (void)snprintf(out, BYTES, "%lx %d", (unsigned long)all.f_type, all.f_blocks > 0);
        return answer(result);
    }
    if (!is(at, "allocate"))
        return system_locks(at, out);
    int fd = open(at->path, (at->other ? O_RDONLY : O_RDWR) | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int64_t result = answer(
        fallocate(fd, (int)(at->number >> 32), (off_t)(int32_t)at->number, (off_t)at->number2));
    (void)close(fd);
    return result;
}

static int64_t system_call(void *arg, const struct operation *at, char *out)
{
    (void)arg;
    if (is(at, "mkdir"))
        return answer(mkdir(at->path, (mode_t)at->number));
    if (is(at, "mknod"))
        return answer(mknod(at->path, (mode_t)at->number, makedev((unsigned)at->number2, 3)));
    if (is(at, "symlink"))
        return answer(symlink(at->other, at->path));
    if (is(at, "link"))
        return answer(linkat(AT_FDCWD, at->path, AT_FDCWD, at->other, (int)at->number));
    if (is(at, "unlink"))
        return answer(unlink(at->path));
    if (is(at, "rmdir"))
        return answer(rmdir(at->path));
    if (is(at, "rename"))
        return answer(renameat2(AT_FDCWD, at->path, AT_FDCWD, at->other, (unsigned)at->number));
    if (is(at, "chdir"))
        return answer(chdir(at->path));
    if (is(at, "getcwd"))
        return answer(syscall(SYS_getcwd, out, 4096));
    if (is(at, "umask"))
        return answer(umask((mode_t)at->number));
    if (is(at, "readlink")) {
        int64_t result = answer(readlink(at->path, out, 200));
        out[result > 0 ? result : 0] = 0;
        return result;
    }
    if (is(at, "open")) {
        int64_t fd = system_open(at);
        return fd < 0 ? fd : answer(close((int)fd));
    }
    if (is(at, "stat"))
        return system_stat(at, out);
    if (is(at, "user"))
        return system_user(at);
    if (is(at, "read") || is(at, "write") || is(at, "append"))
        return system_bytes(at, out);
    if (is(at, "statfs") || is(at, "allocate") || is(at, "flock") || is(at, "ofd"))
        return system_more(at, out);
    return system_attributes(at, out);
}

void script_run_system(const struct operation *operations, size_t count, struct buf *out)
{
    run(&(struct side){system_call, NULL}, operations, count, out);
}

/* --- the library OS --------------------------------------------------------------------------- */

static int64_t vfs_bytes(struct vfs *vfs, const struct operation *at, char *out)
{
    bool writes = !is(at, "read");
    int fd = vfs_open(vfs, AT_FDCWD, at->path,
                      (writes ? O_WRONLY : O_RDONLY) | (is(at, "append") ? O_APPEND : 0), 0, 0);
    if (fd < 0)
        return fd;
    struct file *file = file_table_get(&vfs->files, fd);
    int64_t result;
    if (!writes) {
        result = file_read(file, at->number, out, 200);
        if (result >= 0)
            out[result] = 0;
    } else if (is(at, "append")) {
        result = file_write(file, FILE_HERE, at->other, strlen(at->other));
    } else {
        result = file_write(file, at->number, at->other, strlen(at->other));
    }
    assert_int_equal(file_close(&vfs->files, fd), 0);
    return result;
}

static int64_t vfs_stat_text(struct vfs *vfs, const struct operation *at, char *out)
{
    struct file_stat st;
    int result = vfs_stat(vfs, AT_FDCWD, at->path, (unsigned)at->number, &st);
    if (result == 0)
        (void)snprintf(out, BYTES, "%o %u:%u %lld", st.mode, st.uid, st.gid,
                       S_ISDIR(st.mode) ? 0 : (long long)st.size);
    return result;
}

static int64_t vfs_user(struct vfs *vfs, const struct operation *at)
{
    vfs->creds.uid = vfs->creds.gid = (uint32_t)at->number;
    vfs->creds.capabilities = at->number == 0 ? UINT64_MAX : 0;
    return 0;
}

static int64_t vfs_attributes(struct vfs *vfs, const struct operation *at, char *out)
{
    struct file_time times[2] = {{(int64_t)at->number, 5}, {(int64_t)at->number, 7}};
    if (is(at, "chmod"))
        return vfs_chmod(vfs, AT_FDCWD, at->path, (uint16_t)at->number, 0);
    if (is(at, "chown"))
        return vfs_chown(vfs, AT_FDCWD, at->path, (uint32_t)at->number, (uint32_t)at->number2,
                         AT_SYMLINK_NOFOLLOW);
    if (is(at, "utimens"))
        return vfs_utimens(vfs, AT_FDCWD, at->path, times, AT_SYMLINK_NOFOLLOW);
    if (is(at, "truncate"))
        return vfs_truncate(vfs, at->path, at->number);
    if (is(at, "access"))
        return vfs_access(vfs, AT_FDCWD, at->path, (unsigned)at->number, AT_EACCESS);
    if (is(at, "setxattr"))
        return vfs_set_xattr(vfs, AT_FDCWD, at->path, at->other,
                             span_of("value", at->number2 ? at->number2 : 5), (unsigned)at->number,
                             AT_SYMLINK_NOFOLLOW);
    if (is(at, "removexattr"))
        return vfs_remove_xattr(vfs, AT_FDCWD, at->path, at->other, AT_SYMLINK_NOFOLLOW);
    int64_t result = vfs_get_xattr(vfs, AT_FDCWD, at->path, at->other, out, 100,
                                   AT_SYMLINK_NOFOLLOW);
    out[result > 0 ? result : 0] = 0;
    return result;
}

static int64_t try_flock(struct file *file, uint64_t how)
{
    struct lock_range range = {.last = INT64_MAX};
    range.type = how & LOCK_UN ? LOCK_NONE : how & LOCK_EX ? LOCK_EXCLUSIVE : LOCK_SHARED;
    return lock_set(file, LOCK_FLOCK, 1, &range);
}

static int64_t vfs_locks(const struct operation *at, struct file *first, struct file *second,
                         char *out)
{
    struct lock_range range = {at->number, at->number + LOCK_SIZE - 1, LOCK_EXCLUSIVE};
    int owner;
    if (is(at, "flock")) {
        (void)try_flock(first, at->number);
        return try_flock(second, at->number2);
    }
    (void)lock_set(first, LOCK_OPEN, 1, &range);
    range = (struct lock_range){at->number2, at->number2 + LOCK_SIZE - 1, LOCK_SHARED};
    int64_t result = lock_set(second, LOCK_OPEN, 1, &range);
    range = (struct lock_range){.last = INT64_MAX, .type = LOCK_EXCLUSIVE};
    lock_find(second, LOCK_OPEN, 1, &range, &owner);
    (void)snprintf(out, BYTES, "%d %lld", range.type == LOCK_NONE, (long long)range.first);
    return result;
}

static int64_t vfs_more(struct vfs *vfs, const struct operation *at, char *out)
{
    struct file_system_stat all = {0};
    int64_t result;
    if (is(at, "statfs")) {
        result = vfs_statfs(vfs, AT_FDCWD, at->path, 0, &all);
        if (result == 0)
            (void)snprintf(out, BYTES, "%x %d", all.magic, all.blocks > 0);
        return result;
    }
    unsigned flags = at->other ? O_RDONLY : O_RDWR;
    int first = vfs_open(vfs, AT_FDCWD, at->path, flags, 0, 0);
    if (first < 0)
        return first;
    int second = vfs_open(vfs, AT_FDCWD, at->path, flags, 0, 0);
    struct file *file = file_table_get(&vfs->files, first);
    if (second < 0)
        result = second;
    else if (is(at, "allocate"))
        result = file_allocate(file, (unsigned)(at->number >> 32), (int32_t)at->number,
                               (int64_t)at->number2);
    else
        result = vfs_locks(at, file, file_table_get(&vfs->files, second), out);
    (void)file_close(&vfs->files, first);
    (void)file_close(&vfs->files, second);
    return result;
}

static int64_t vfs_call(void *arg, const struct operation *at, char *out)
{
    struct vfs *vfs = arg;
    if (is(at, "mkdir"))
        return vfs_mkdir(vfs, AT_FDCWD, at->path, (uint16_t)at->number);
    if (is(at, "mknod"))
        return vfs_mknod(vfs, AT_FDCWD, at->path, (uint16_t)at->number, (uint32_t)at->number2, 3);
    if (is(at, "symlink"))
        return vfs_symlink(vfs, at->other, AT_FDCWD, at->path);
    if (is(at, "link"))
        return vfs_link(vfs, AT_FDCWD, at->path, AT_FDCWD, at->other, (unsigned)at->number);
    if (is(at, "unlink") || is(at, "rmdir"))
        return vfs_unlink(vfs, AT_FDCWD, at->path, is(at, "rmdir") ? AT_REMOVEDIR : 0);
    if (is(at, "rename"))
        return vfs_rename(vfs, AT_FDCWD, at->path, AT_FDCWD, at->other, (unsigned)at->number);
    if (is(at, "chdir"))
        return vfs_chdir(vfs, at->path);
    if (is(at, "getcwd"))
        return vfs_getcwd(vfs, out, 4096);
    if (is(at, "umask"))
        return vfs_umask(vfs, (uint16_t)at->number);
    if (is(at, "readlink")) {
        int64_t result = vfs_read_link(vfs, AT_FDCWD, at->path, out, 200);
        out[result > 0 ? result : 0] = 0;
        return result;
    }
    if (is(at, "open")) {
        int fd = vfs_open(vfs, AT_FDCWD, at->path, (unsigned)at->number, 0666, at->number2);
        return fd < 0 ? fd : file_close(&vfs->files, fd);
    }
    if (is(at, "stat"))
        return vfs_stat_text(vfs, at, out);
    if (is(at, "user"))
        return vfs_user(vfs, at);
    if (is(at, "read") || is(at, "write") || is(at, "append"))
        return vfs_bytes(vfs, at, out);
    if (is(at, "statfs") || is(at, "allocate") || is(at, "flock") || is(at, "ofd"))
        return vfs_more(vfs, at, out);
    return vfs_attributes(vfs, at, out);
}

void script_run_vfs(struct vfs *vfs, const struct operation *operations, size_t count,
                    struct buf *out)
{
    run(&(struct side){vfs_call, vfs}, operations, count, out);
}

/* --- what is there ---------------------------------------------------------------------------- */

struct names {
    char *items[1000];
    size_t count;
};

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void add_name(struct names *names, const char *name)
{
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return;
    assert_true(names->count < 1000);
    names->items[names->count] = strdup(name);
    assert_non_null(names->items[names->count++]);
}

static void list_system(void *arg, const char *path, struct names *names)
{
    (void)arg;
    DIR *directory = opendir(path);
    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory));)
        add_name(names, entry->d_name);
    (void)closedir(directory);
}

static void list_vfs(void *arg, const char *path, struct names *names)
{
    struct vfs *vfs = arg;
    char bytes[300]; /* few a call, so that positions matter */
    int got, fd = vfs_open(vfs, AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0, 0);
    assert_true(fd >= 0);
    while ((got = file_list(file_table_get(&vfs->files, fd), bytes, sizeof bytes)) > 0) {
        for (int at = 0; at < got; at += bytes[at + 16] & 0xff)
            add_name(names, bytes + at + 19);
    }
    assert_int_equal(got, 0);
    assert_int_equal(file_close(&vfs->files, fd), 0);
}

struct dump {
    struct side side;
    void (*list)(void *arg, const char *path, struct names *names);
};

/* stat, contents or target, two attributes. */
static void dump(const struct dump *dump_of, const char *path, struct buf *out)
{
    static char bytes[BYTES];
    struct names names = {.count = 0};
    const struct operation asks[] = {{"stat", path, NULL, AT_SYMLINK_NOFOLLOW, 0},
                                     {"read", path, NULL, 0, 0},
                                     {"readlink", path, NULL, 0, 0},
                                     {"getxattr", path, "user.note", 0, 0},
                                     {"getxattr", path, "trusted.note", 0, 0}};
    say(out, path);
    for (size_t i = 0; i < sizeof asks / sizeof *asks; i++) {
        bytes[0] = 0;
        int64_t result = dump_of->side.call(dump_of->side.arg, &asks[i], bytes);
        assert_int_equal(buf_printf(out, NULL, " | %lld %s", (long long)result, bytes), 0);
        /* A mode of five digits that is no directory's is a device's or a pipe's: not read. */
        if (i == 0 && strcspn(bytes, " ") == 5 && bytes[0] != '4') {
            say(out, "\n");
            return;
        }
    }
    say(out, "\n");
    bytes[0] = 0;
    (void)dump_of->side.call(dump_of->side.arg, &asks[0], bytes);
    if (bytes[0] != '4')
        return;
    dump_of->list(dump_of->side.arg, path, &names);
    qsort(names.items, names.count, sizeof(char *), compare);
    for (size_t i = 0; i < names.count; i++) {
        char below[4096];
        (void)snprintf(below, sizeof below, "%s/%s", strcmp(path, "/") == 0 ? "" : path,
                       names.items[i]);
        dump(dump_of, below, out);
        free(names.items[i]);
    }
}

void script_dump_system(const char *path, struct buf *out)
{
    dump(&(struct dump){{system_call, NULL}, list_system}, path, out);
}

void script_dump_vfs(struct vfs *vfs, const char *path, struct buf *out)
{
    dump(&(struct dump){{vfs_call, vfs}, list_vfs}, path, out);
}
