/* What hello.c shows of files: in a folder that it makes, and takes away. */
#include "hello.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>

#define P ((size_t)4096)

static int bytes(void)
{
    char in[16] = "abcdef";
    struct iovec parts[2] = {{in, 2}, {in + 2, 4}};
    struct stat stat;
    int fd = open("file", O_CREAT | O_EXCL | O_RDWR, 0640);
    NEED(fd >= 3 && writev(fd, parts, 2) == 6 && lseek(fd, 0, SEEK_CUR) == 6);
    NEED(pread(fd, in, sizeof in, 2) == 4 && memcmp(in, "cdef", 4) == 0);
    NEED(pwrite(fd, "XY", 2, 8) == 2 && fstat(fd, &stat) == 0 && stat.st_size == 10);
    NEED(S_ISREG(stat.st_mode) && (stat.st_mode & 0777) == 0640 && stat.st_nlink == 1);
    NEED(lseek(fd, 5, SEEK_SET) == 5 && read(fd, in, sizeof in) == 5);
    NEED(memcmp(in, "f\0\0XY", 5) == 0 && read(fd, in, sizeof in) == 0);
    NEED(ftruncate(fd, 3) == 0 && lseek(fd, -1, SEEK_END) == 2 && close(fd) == 0);
    REFUSED(open("file", O_CREAT | O_EXCL | O_RDWR, 0640), EEXIST);
    REFUSED(open("none", O_RDONLY), ENOENT);
    REFUSED(open("file/none", O_RDONLY), ENOTDIR);
    REFUSED(read(fd, in, 1), EBADF);
    REFUSED(close(fd), EBADF);
    return 0;
}

static int wrong(void)
{
    static char path[5000];
    int fd = open("file", O_RDONLY);
    NEED(fd >= 0);
    memset(path, 'a', sizeof path - 1);
    REFUSED(open(path, O_RDONLY), ENAMETOOLONG);
    REFUSED(write(fd, "x", 1), EBADF);
    REFUSED(pread(fd, path, 1, -1), EINVAL);
    REFUSED(lseek(fd, -1, SEEK_SET), EINVAL);
    REFUSED(syscall(SYS_read, fd, (void *)8, 1), EFAULT);
    REFUSED(syscall(SYS_open, (void *)8, O_RDONLY), EFAULT);
    REFUSED(syscall(SYS_newfstatat, AT_FDCWD, "file", (void *)8, 0), EFAULT);
    REFUSED(syscall(SYS_readlink, "file", path, 0), EINVAL);
    REFUSED(syscall(SYS_fcntl, fd, 9999, 0), EINVAL);
    REFUSED(syscall(SYS_pipe2, path, 1), EINVAL);
    REFUSED(syscall(SYS_getdents64, fd, path, sizeof path), ENOTDIR);
    REFUSED(syscall(SYS_getdents, fd, path, sizeof path), ENOTDIR);
    return close(fd);
}

/* The older call's records say what the newer one's do, in other places. */
static int lists(void)
{
    char old[1000], new[1000];
    int fd = open(".", O_RDONLY | O_DIRECTORY);
    NEED(fd >= 0);
    REFUSED(syscall(SYS_getdents, fd, (void *)8, sizeof old), EFAULT);
    long got = syscall(SYS_getdents64, fd, new, sizeof new);
    NEED(got > 0 && lseek(fd, 0, SEEK_SET) == 0);
    NEED(syscall(SYS_getdents, fd, old, sizeof old) == got);
    for (long at = 0; at < got;) {
        unsigned short size;
        memcpy(&size, new + at + 16, sizeof size);
        NEED(memcmp(old + at, new + at, 18) == 0 && strcmp(old + at + 18, new + at + 19) == 0);
        NEED(old[at + size - 1] == new[at + 18]);
        at += size;
    }
    return close(fd);
}

/* What a folder of any file system says that has none of them. */
static int attributes(void)
{
    static char name[300];
    char value[8];
    int fd = open("file", O_RDONLY);
    NEED(fd >= 0);
    REFUSED(getxattr("none", "user.one", value, sizeof value), ENOENT);
    REFUSED(getxattr("file", "", value, sizeof value), ERANGE);
    memset(name, 'a', sizeof name - 1);
    REFUSED(lgetxattr("file", name, value, sizeof value), ERANGE);
    REFUSED(getxattr("file", "nothing.one", value, sizeof value), EOPNOTSUPP);
    REFUSED(syscall(SYS_getxattr, "file", (void *)8, value, sizeof value), EFAULT);
    REFUSED(syscall(SYS_listxattr, (void *)8, value, sizeof value), EFAULT);
    REFUSED(flistxattr(99, value, sizeof value), EBADF);
    REFUSED(fgetxattr(99, "user.one", value, sizeof value), EBADF);
    return close(fd);
}

static int names(void)
{
    char text[64];
    struct stat stat;
    int count = 0;
    NEED(mkdir("dir", 0755) == 0 && rename("file", "dir/moved") == 0);
    NEED(symlink("dir/moved", "link") == 0 && readlink("link", text, sizeof text) == 9);
    NEED(lstat("link", &stat) == 0 && S_ISLNK(stat.st_mode));
    NEED(link("dir/moved", "second") == 0 && fstatat(AT_FDCWD, "link", &stat, 0) == 0);
    NEED(stat.st_nlink == 2 && access("link", R_OK) == 0 && chmod("second", 0600) == 0);
    NEED(stat.st_size == 3 && truncate("link", 7) == 0 && lstat("second", &stat) == 0);
    NEED(stat.st_size == 7 && (stat.st_mode & 0777) == 0600);
    DIR *all = opendir(".");
    NEED(all);
    while (readdir(all))
        count++;
    NEED(closedir(all) == 0 && count == 5);
    REFUSED(unlink("dir"), EISDIR);
    REFUSED(rmdir("dir"), ENOTEMPTY);
    REFUSED(access("none", F_OK), ENOENT);
    NEED(unlink("link") == 0 && unlink("dir/moved") == 0 && rmdir("dir") == 0);
    NEED(unlink("second") == 0 && chdir("..") == 0 && rmdir("own") == 0);
    NEED(chdir("/dev") == 0 && getcwd(text, sizeof text) && strcmp(text, "/dev") == 0);
    return 0;
}

static int numbers(void)
{
    char in[8];
    int ends[2];
    struct pollfd item = {.events = POLLIN};
    uint64_t count;
    NEED(pipe2(ends, O_CLOEXEC) == 0 && fcntl(ends[0], F_GETFD) == FD_CLOEXEC);
    item.fd = ends[0];
    NEED(poll(&item, 1, 0) == 0 && poll(&item, 1, 2) == 0 && write(ends[1], "abc", 3) == 3);
    NEED(poll(&item, 1, -1) == 1 && item.revents == POLLIN && read(ends[0], in, sizeof in) == 3);
    NEED(fcntl(ends[0], F_DUPFD, 50) == 50 && dup2(ends[0], 51) == 51 && dup2(51, 51) == 51);
    NEED(fcntl(51, F_SETFL, O_NONBLOCK) == 0 && (fcntl(50, F_GETFL) & O_NONBLOCK));
    REFUSED(read(50, in, sizeof in), EAGAIN);
    REFUSED(lseek(50, 0, SEEK_CUR), ESPIPE);
    REFUSED(fsync(50), EINVAL);
    REFUSED(dup2(99, 52), EBADF);
    REFUSED(dup3(50, 50, 0), EINVAL);
    NEED(close(ends[1]) == 0 && read(50, in, sizeof in) == 0);
    NEED(close(ends[0]) == 0 && close(50) == 0 && close(51) == 0);
    int counter = eventfd(3, EFD_NONBLOCK);
    NEED(counter >= 0 && read(counter, &count, sizeof count) == sizeof count && count == 3);
    REFUSED(read(counter, &count, sizeof count), EAGAIN);
    NEED(write(counter, &count, sizeof count) == sizeof count && close(counter) == 0);
    return 0;
}

/* A private mapping is the program's own; behind the file's end there are zeros. */
static int maps(void)
{
    int fd = open("mapped", O_CREAT | O_RDWR, 0600);
    NEED(fd >= 0 && unlink("mapped") == 0 && pwrite(fd, "page two", 8, P) == 8);
    char *at = mmap(NULL, 2 * P, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    NEED(at != MAP_FAILED && at[0] == 0 && memcmp(at + P, "page two\0\0", 10) == 0);
    at[P] = 'P';
    char *shared = mmap(NULL, 3, PROT_READ, MAP_SHARED, fd, (off_t)P);
    NEED(shared != MAP_FAILED && memcmp(shared, "page two", 9) == 0 && munmap(shared, P) == 0);
    at = mremap(at, 2 * P, 9 * P, MREMAP_MAYMOVE);
    NEED(at != MAP_FAILED && memcmp(at + P, "Page", 4) == 0 && munmap(at, 9 * P) == 0);
    at = mmap(NULL, 2 * P, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    NEED(at != MAP_FAILED);
    memset(at, 1, 2 * P);
    NEED(madvise(at, P, MADV_DONTNEED) == 0 && at[P - 1] == 0 && at[P] == 1);
    NEED(mmap(at, P, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, (off_t)P) == at && at[5] == 't');
    REFUSED(madvise(at, P, 9999), EINVAL);
    NEED(munmap(at, 2 * P) == 0 && close(fd) == 0);
    NEED(mmap(NULL, P, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED && errno == EBADF);
    fd = open("mapped", O_CREAT | O_WRONLY, 0600);
    NEED(mmap(NULL, P, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED && errno == EACCES);
    NEED(mmap(NULL, P, PROT_READ, MAP_PRIVATE, fd, 1) == MAP_FAILED && errno == EINVAL);
    return close(fd) || unlink("mapped");
}

int hello_files(void)
{
    static int (*const all[])(void) = {bytes, wrong, lists, attributes, numbers, maps, names};
    int result = mkdir("own", 0700) || chdir("own");
    for (size_t i = 0; result == 0 && i < sizeof all / sizeof *all; i++)
        result = all[i]();
    return result;
}
