/* What hello.c shows of files beside reading and writing them: owners, attributes, locks, room, and
 * bytes that go from one to another. */
#include "hello.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utime.h>

static int owners(void)
{
    struct stat stat;
    struct utimbuf times = {5, 6};
    int fd = open("owned", O_CREAT | O_RDWR, 0644);
    NEED(fd >= 0 && chown("owned", 5, 6) == 0 && fchown(fd, (uid_t)-1, 7) == 0);
    NEED(fstat(fd, &stat) == 0 && stat.st_uid == 5 && stat.st_gid == 7);
    NEED(symlink("owned", "to-owned") == 0 && lchown("to-owned", 8, 9) == 0);
    NEED(lstat("to-owned", &stat) == 0 && stat.st_uid == 8);
    NEED(fchownat(AT_FDCWD, "to-owned", 1, 1, 0) == 0 && fstat(fd, &stat) == 0 && stat.st_gid == 1);
    NEED(fchownat(fd, "", 2, 2, AT_EMPTY_PATH) == 0 && fstat(fd, &stat) == 0 && stat.st_uid == 2);
    REFUSED(fchownat(fd, "", 2, 2, 0), ENOENT);
    REFUSED(fchownat(fd, "", 2, 2, 0x40), EINVAL);
    REFUSED(chown("none", 1, 1), ENOENT);
    REFUSED(fchown(99, 1, 1), EBADF);
    NEED(utime("owned", &times) == 0 && fstat(fd, &stat) == 0 && stat.st_mtime == 6);
    NEED(mknod("made", S_IFCHR | 0600, makedev(300, 70000)) == 0 && lstat("made", &stat) == 0);
    NEED(major(stat.st_rdev) == 300 && minor(stat.st_rdev) == 70000 && unlink("made") == 0);
    return close(fd) || unlink("owned") || unlink("to-owned");
}

static int values(void)
{
    char value[16];
    int fd = open("valued", O_CREAT | O_RDWR, 0644);
    NEED(fd >= 0 && fsetxattr(fd, "trusted.one", "12345", 5, 0) == 0);
    NEED(getxattr("valued", "trusted.one", value, sizeof value) == 5 && value[4] == '5');
    REFUSED(getxattr("valued", "trusted.one", value, 4), ERANGE);
    REFUSED(setxattr("valued", "trusted.one", "1", 1, XATTR_CREATE), EEXIST);
    REFUSED(lsetxattr("valued", "trusted.two", "1", 1, XATTR_REPLACE), ENODATA);
    REFUSED(setxattr("valued", "trusted.one", "1", 1, 8), EINVAL);
    REFUSED(setxattr("valued", "nothing.known", "1", 1, 0), EOPNOTSUPP);
    REFUSED(setxattr("valued", "", "1", 1, 0), ERANGE);
    REFUSED(syscall(SYS_setxattr, "valued", "trusted.two", "1", 65537, 0), E2BIG);
    REFUSED(syscall(SYS_setxattr, "valued", "trusted.two", (void *)8, 5, 0), EFAULT);
    NEED(fremovexattr(fd, "trusted.one") == 0);
    REFUSED(removexattr("valued", "trusted.one"), ENODATA);
    REFUSED(lremovexattr("none", "trusted.one"), ENOENT);
    return close(fd) || unlink("valued");
}

static int locks(void)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_END, .l_start = -2, .l_len = 2};
    int first = open("locked", O_CREAT | O_RDWR, 0644), second = open("locked", O_RDONLY);
    NEED(first >= 0 && second >= 0 && ftruncate(first, 10) == 0);
    NEED(fcntl(first, F_OFD_SETLK, &lock) == 0);
    lock = (struct flock){.l_type = F_RDLCK};
    NEED(fcntl(second, F_OFD_GETLK, &lock) == 0 && lock.l_type == F_WRLCK && lock.l_pid == -1);
    NEED(lock.l_start == 8 && lock.l_len == 2 && lock.l_whence == SEEK_SET);
    lock = (struct flock){.l_type = F_RDLCK, .l_start = 9};
    REFUSED(fcntl(second, F_OFD_SETLK, &lock), EAGAIN);
    REFUSED(fcntl(first, F_SETLK, &lock), EAGAIN); /* the process is yet another owner */
    lock.l_type = F_WRLCK;
    REFUSED(fcntl(second, F_OFD_SETLK, &lock), EBADF);
    lock = (struct flock){.l_type = 9};
    REFUSED(fcntl(first, F_SETLK, &lock), EINVAL);
    lock = (struct flock){.l_type = F_RDLCK, .l_start = -1};
    REFUSED(fcntl(first, F_SETLK, &lock), EINVAL);
    REFUSED(fcntl(first, F_SETLK, (void *)8), EFAULT);
    lock = (struct flock){.l_type = F_RDLCK, .l_len = 5, .l_pid = 1};
    REFUSED(fcntl(first, F_OFD_SETLK, &lock), EINVAL);
    NEED(fcntl(first, F_SETLKW, &lock) == 0 && flock(first, LOCK_EX) == 0);
    REFUSED(flock(second, LOCK_SH | LOCK_NB), EAGAIN);
    REFUSED(flock(second, 0), EINVAL);
    REFUSED(flock(99, LOCK_SH), EBADF);
    NEED(close(first) == 0 && flock(second, LOCK_SH) == 0);
    return close(second) || unlink("locked");
}

static int room(void)
{
    struct stat stat;
    struct statfs all;
    char in[8];
    int ends[2];
    int fd = open("room", O_CREAT | O_RDWR, 0644);
    NEED(fd >= 0 && statfs("room", &all) == 0 && all.f_namelen == 255 && fstatfs(fd, &all) == 0);
    NEED(all.f_type != 0 && all.f_bsize == (long)4096 && all.f_blocks >= all.f_bfree);
    NEED(pipe(ends) == 0 && fstatfs(ends[0], &all) == 0 && all.f_type == 0x50495045);
    REFUSED(statfs("none", &all), ENOENT);
    REFUSED(fstatfs(99, &all), EBADF);
    REFUSED(syscall(SYS_statfs, "room", (void *)8), EFAULT);
    NEED(fallocate(fd, 0, 10, 90) == 0 && fstat(fd, &stat) == 0 && stat.st_size == 100);
    NEED(fallocate(fd, FALLOC_FL_KEEP_SIZE, 100, 90) == 0 && fstat(fd, &stat) == 0);
    NEED(stat.st_size == 100 && pwrite(fd, "abcdef", 6, 0) == 6);
    NEED(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 1, 3) == 0);
    NEED(pread(fd, in, 6, 0) == 6 && memcmp(in, "a\0\0\0ef", 6) == 0);
    REFUSED(fallocate(fd, 0, -1, 5), EINVAL);
    REFUSED(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 1, 5), EOPNOTSUPP);
    REFUSED(fallocate(ends[1], 0, 0, 5), ESPIPE);
    return close(fd) || close(ends[0]) || close(ends[1]) || unlink("room");
}

static int moves(void)
{
    char in[32];
    int ends[2];
    off_t at = 2;
    struct iovec parts[2] = {{in, 2}, {in + 2, 2}};
    int from = open("from", O_CREAT | O_RDWR, 0644), to = open("to", O_CREAT | O_RDWR, 0644);
    NEED(from >= 0 && to >= 0 && pipe(ends) == 0 && write(from, "0123456789", 10) == 10);
    NEED(sendfile(to, from, &at, 4) == 4 && at == 6 && pread(to, in, 9, 0) == 4);
    NEED(memcmp(in, "2345", 4) == 0 && lseek(from, 0, SEEK_CUR) == 10);
    NEED(lseek(from, 8, SEEK_SET) == 8 && sendfile(ends[1], from, NULL, 99) == 2);
    NEED(splice(ends[0], NULL, to, NULL, 99, 0) == 2 && pread(to, in, 9, 0) == 6);
    NEED(memcmp(in, "234589", 6) == 0 && lseek(from, 0, SEEK_CUR) == 10);
    at = 1;
    NEED(copy_file_range(from, &at, to, NULL, 3, 0) == 3 && at == 4);
    NEED(pread(to, in, 32, 0) == 9 && memcmp(in, "234589123", 9) == 0);
    REFUSED(copy_file_range(from, NULL, ends[1], NULL, 3, 0), EINVAL);
    REFUSED(copy_file_range(from, NULL, to, NULL, 3, 1), EINVAL);
    REFUSED(sendfile(to, ends[0], NULL, 1), EINVAL);
    REFUSED(sendfile(99, from, NULL, 1), EBADF);
    REFUSED(splice(from, NULL, to, NULL, 1, 0), EINVAL);
    REFUSED(splice(ends[0], &at, to, NULL, 1, 0), ESPIPE);
    NEED(preadv(to, parts, 2, 5) == 4 && memcmp(in, "9123", 4) == 0);
    NEED(pwritev(to, parts, 2, 0) == 4 && preadv2(to, parts, 1, 2, 0) == 2 && in[0] == '2');
    REFUSED(preadv(to, parts, 2, -1), EINVAL);
    NEED(close(from) == 0 && close(to) == 0 && unlink("from") == 0 && unlink("to") == 0);
    return syscall(SYS_close_range, ends[0], ends[1], 0) != 0 || close(ends[0]) != -1;
}

static int opens(void)
{
    struct open_how how = {.flags = O_RDONLY, .resolve = RESOLVE_BENEATH};
    NEED(syscall(SYS_openat2, AT_FDCWD, "/", &how, sizeof how) == -1 && errno == EXDEV);
    how.flags = O_RDWR | O_CREAT;
    how.mode = 0600;
    int fd = (int)syscall(SYS_openat2, AT_FDCWD, "opened", &how, sizeof how);
    NEED(fd >= 0 && syscall(SYS_close_range, fd, fd, 4) == 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC);
    how.flags = O_RDONLY;
    REFUSED(syscall(SYS_openat2, AT_FDCWD, "opened", &how, sizeof how), EINVAL);
    REFUSED(syscall(SYS_openat2, AT_FDCWD, "opened", &how, 8), EINVAL);
    REFUSED(syscall(SYS_openat2, AT_FDCWD, "opened", (void *)8, sizeof how), EFAULT);
    REFUSED(syscall(SYS_close_range, 5, 4, 0), EINVAL);
    REFUSED(chroot("opened"), ENOTDIR);
    REFUSED(chroot("none"), ENOENT);
    return close(fd) || unlink("opened") || chroot("/");
}

int hello_more(void)
{
    static int (*const all[])(void) = {owners, values, locks, room, moves, opens};
    int result = mkdir("own", 0700) || chdir("own");
    for (size_t i = 0; result == 0 && i < sizeof all / sizeof *all; i++)
        result = all[i]();
    return result ? result : chdir("..") || rmdir("own");
}
