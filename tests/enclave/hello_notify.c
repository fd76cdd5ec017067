/* inotify(7): each line is an event, or says what was refused. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "hello.h"

#define FAR       4194000
#define NOT_OURS  ((const char *)8) /* no memory of anybody's */
#define QUEUE     16384
#define ROOM      65536
#define WAIT_MOST 60000 /* milliseconds */

static const struct {
    uint32_t bit;
    const char *name;
} names[] = {
    {IN_ACCESS, "access"},           {IN_MODIFY, "modify"},
    {IN_ATTRIB, "attrib"},           {IN_CLOSE_WRITE, "close_write"},
    {IN_CLOSE_NOWRITE, "close"},     {IN_OPEN, "open"},
    {IN_MOVED_FROM, "from"},         {IN_MOVED_TO, "to"},
    {IN_CREATE, "create"},           {IN_DELETE, "delete"},
    {IN_DELETE_SELF, "delete_self"}, {IN_MOVE_SELF, "move_self"},
    {IN_UNMOUNT, "unmount"},         {IN_Q_OVERFLOW, "overflow"},
    {IN_IGNORED, "ignored"},         {IN_ISDIR, "folder"},
};

static int file; /* of inotify, without waiting */
static _Alignas(struct inotify_event) char room[ROOM];

static void say_event(const struct inotify_event *event)
{
    printf(" %d", event->wd);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (event->mask & names[i].bit)
            printf(":%s", names[i].name);
    }
    printf("%s%s", event->len > 0 ? "=" : "", event->len > 0 ? event->name : "");
}

/* All that there is. Both halves of a move say the same, and no other event has that. */
static void say(const char *what)
{
    uint32_t cookie = 0;
    ssize_t got;
    int is_right = 1;
    printf("%s:", what);
    while ((got = read(file, room, sizeof room)) > 0) {
        for (ssize_t at = 0; at < got;) {
            const struct inotify_event *event = (const void *)(room + at);
            if (event->mask & IN_MOVED_FROM)
                cookie = event->cookie;
            int moves = event->mask & (IN_MOVED_FROM | IN_MOVED_TO) ? 1 : 0;
            is_right &= moves ? event->cookie == cookie && cookie != 0 : event->cookie == 0;
            say_event(event);
            at += (ssize_t)sizeof *event + event->len;
        }
    }
    printf("%s\n", is_right && errno == EAGAIN ? "" : " wrong");
}

static int put(const char *name, int flags)
{
    int made = open(name, O_WRONLY | flags, 0644);
    return made >= 0 && write(made, "text", 4) == 4 && close(made) == 0 ? 0 : -1;
}

static int refusals(void)
{
    int null = open("/dev/null", O_RDONLY);
    REFUSED(inotify_init1(1), EINVAL);
    REFUSED(inotify_add_watch(-1, ".", IN_OPEN), EBADF);
    REFUSED(inotify_add_watch(null, ".", IN_OPEN), EINVAL);
    REFUSED(inotify_add_watch(file, ".", 0), EINVAL);
    REFUSED(inotify_add_watch(file, ".", IN_OPEN | IN_MASK_ADD | IN_MASK_CREATE), EINVAL);
    REFUSED(inotify_add_watch(file, "missing", IN_OPEN), ENOENT);
    REFUSED(inotify_add_watch(file, "", IN_OPEN), ENOENT);
    REFUSED(inotify_add_watch(file, NOT_OURS, IN_OPEN), EFAULT);
    REFUSED(inotify_add_watch(file, "/dev/null", IN_OPEN | IN_ONLYDIR), ENOTDIR);
    REFUSED(inotify_rm_watch(-1, 1), EBADF);
    REFUSED(inotify_rm_watch(null, 1), EINVAL);
    REFUSED(inotify_rm_watch(file, FAR), EINVAL);
    REFUSED(read(file, room, sizeof room), EAGAIN);
    REFUSED(write(file, "", 1), EBADF);
    return close(null);
}

static int names_come_and_go(void)
{
    struct stat seen;
    NEED(mkdir("a", 0755) == 0 && mkdir("b", 0755) == 0);
    NEED(inotify_add_watch(file, "a", IN_ALL_EVENTS) == 1);
    NEED(inotify_add_watch(file, "b", IN_ALL_EVENTS) == 2);
    NEED(put("a/file", O_CREAT) == 0 && stat("a/file", &seen) == 0);
    say("made");
    NEED(mkdir("a/folder", 0755) == 0 && symlink("file", "a/link") == 0 &&
         mkfifo("a/pipe", 0600) == 0);
    say("others");
    NEED(link("a/file", "b/second") == 0 && rename("a/link", "b/link") == 0);
    NEED(rename("a/folder", "a/other") == 0);
    say("moved");
    NEED(rename("a/file", "b/second") == 0); /* of one file: nothing happens */
    say("nothing");
    NEED(unlink("a/pipe") == 0 && unlink("b/link") == 0 && rmdir("a/other") == 0);
    NEED(unlink("b/second") == 0);
    say("gone");
    REFUSED(rmdir("a"), ENOTEMPTY);
    REFUSED(mkdir("a/file", 0755), EEXIST);
    REFUSED(unlink("a/missing"), ENOENT);
    say("refused");
    return 0;
}

static int a_file_changes(void)
{
    const struct timespec late[2] = {{1, 0}, {2, 0}};
    char byte;
    NEED(inotify_add_watch(file, "a/file", IN_ALL_EVENTS) == 3);
    int one = open("a/file", O_RDWR);
    NEED(one >= 0 && read(one, &byte, 1) == 1 && write(one, "x", 1) == 1);
    say("read and written");
    NEED(pwrite(one, "x", 1, 0) == 1 && pwrite(one, "y", 1, 1) == 1); /* twice the same */
    NEED(ftruncate(one, 3) == 0 && truncate("a/file", 2) == 0 && posix_fallocate(one, 0, 9) == 0);
    say("sizes");
    NEED(fchmod(one, 0600) == 0 && chown("a/file", getuid(), getgid()) == 0);
    NEED(utimensat(AT_FDCWD, "a/file", late, 0) == 0 && read(one, &byte, 0) == 0);
    say("attributes");
    NEED(dup2(one, 90) == 90 && close(one) == 0);
    say("open by another number");
    NEED(close(90) == 0);
    say("closed");
    NEED(rename("a/file", "b/file") == 0 && put("b/file", 0) == 0);
    say("elsewhere");
    NEED(put("b/new", O_CREAT) == 0);
    say("another");
    NEED(rename("b/new", "b/file") == 0);
    say("replaced");
    return 0;
}

static int watches_end(void)
{
    NEED(put("a/file", O_CREAT) == 0);
    say("made");
    NEED(inotify_add_watch(file, "a/file", IN_OPEN | IN_ONESHOT) == 4);
    NEED(put("a/file", 0) == 0 && put("a/file", 0) == 0);
    say("once");
    REFUSED(inotify_rm_watch(file, 4), EINVAL);
    NEED(inotify_add_watch(file, "a/file", IN_OPEN) == 5);
    REFUSED(inotify_add_watch(file, "a/file", IN_OPEN | IN_MASK_CREATE), EEXIST);
    NEED(inotify_add_watch(file, "a/file", IN_ATTRIB | IN_MASK_ADD) == 5);
    NEED(inotify_rm_watch(file, 1) == 0 && inotify_rm_watch(file, 2) == 0);
    NEED(put("a/file", 0) == 0 && chmod("a/file", 0600) == 0);
    say("two kinds");
    NEED(inotify_add_watch(file, "a/file", IN_DELETE_SELF) == 5);
    int one = open("a/file", O_RDONLY);
    NEED(one >= 0 && unlink("a/file") == 0);
    say("open yet");
    NEED(close(one) == 0);
    say("ended");
    NEED(inotify_add_watch(file, "b", IN_DELETE_SELF | IN_MOVE_SELF) == 6);
    NEED(rename("b", "c") == 0 && unlink("c/file") == 0 && rmdir("c") == 0 && rmdir("a") == 0);
    say("a folder");
    return 0;
}

static int sizes(void)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLET}, got;
    int poller = epoll_create1(0), left = 0;
    NEED(inotify_add_watch(file, ".", IN_CREATE) == 7);
    NEED(epoll_ctl(poller, EPOLL_CTL_ADD, file, &event) == 0);
    NEED(epoll_wait(poller, &got, 1, 0) == 0 && put("0123456789abcdef", O_CREAT) == 0);
    NEED(epoll_wait(poller, &got, 1, 0) == 1);
    NEED(epoll_wait(poller, &got, 1, 0) == 0); /* an edge */
    NEED(ioctl(file, FIONREAD, &left) == 0 && left == 48);
    REFUSED(read(file, room, 16), EINVAL);
    NEED(read(file, room, 48) == 48 && ioctl(file, FIONREAD, &left) == 0 && left == 0);
    NEED(put("0123456789abcde", O_CREAT) == 0 && read(file, room, 47) == 32);
    NEED(unlink("0123456789abcdef") == 0 && unlink("0123456789abcde") == 0);
    return close(poller);
}

/* Others than the last event, until there is no room. */
static int overflows(void)
{
    ssize_t got;
    int count = 0, last = 0;
    NEED(put("file", O_CREAT) == 0 && inotify_add_watch(file, "file", IN_ATTRIB | IN_MODIFY) == 1);
    for (int i = 0; i < QUEUE / 2 + 3; i++)
        NEED(truncate("file", 1) == 0 && chmod("file", 0600) == 0);
    while ((got = read(file, room, sizeof room)) > 0) {
        count += (int)(got / (ssize_t)sizeof(struct inotify_event));
        const struct inotify_event *event = (const void *)(room + got - sizeof *event);
        last = event->mask == IN_Q_OVERFLOW && event->wd == -1;
    }
    printf("overflow: %d %d\n", count, last);
    NEED(chmod("file", 0644) == 0);
    say("after it");
    return unlink("file");
}

/* Another process does it, and this one waits. */
static int works(int ready)
{
    char byte;
    NEED(read(ready, &byte, 1) == 1);
    return put("theirs", O_CREAT) + unlink("theirs");
}

static int waits(void)
{
    struct pollfd polled = {.events = POLLIN};
    int ends[2], seen = 0;
    int own = inotify_init1(IN_CLOEXEC);
    polled.fd = own;
    NEED(own >= 0 && inotify_add_watch(own, ".", IN_CREATE | IN_DELETE) == 1 && pipe(ends) == 0);
    pid_t pid = hello_fork(works, ends[0]);
    NEED(poll(&polled, 1, 0) == 0 && write(ends[1], "!", 1) == 1);
    while (seen < 2) {
        ssize_t got = read(own, room, sizeof(struct inotify_event) + 16);
        NEED(got == sizeof(struct inotify_event) + 16);
        seen++;
    }
    NEED(poll(&polled, 1, 0) == 0 && hello_end(pid) == 0);
    return close(ends[0]) + close(ends[1]) + close(own);
}

static int no_more(void)
{
    int made[129], count = 0;
    while (count < 129 && (made[count] = inotify_init1(IN_CLOEXEC)) >= 0)
        count++;
    NEED(count < 129 && errno == EMFILE);
    while (count > 0)
        NEED(close(made[--count]) == 0);
    return 0;
}

static int does_all(int unused)
{
    (void)unused;
    NEED((file = inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) >= 0 &&
         fcntl(file, F_GETFD) == FD_CLOEXEC);
    printf("refusals: %d\n", refusals());
    printf("names: %d\n", names_come_and_go());
    printf("file: %d\n", a_file_changes());
    printf("watches: %d\n", watches_end());
    printf("sizes: %d\n", sizes());
    printf("waits: %d\n", waits());
    printf("no more: %d\n", no_more());
    NEED(fflush(stdout) == 0);
    return close(file);
}

int hello_notify(void)
{
    char folder[] = "/tmp/notify.XXXXXX";
    (void)mkdir("/tmp", 01777);
    NEED(mkdtemp(folder) && chdir(folder) == 0);
    NEED(does_all(0) == 0);
    NEED(hello_end(hello_fork(does_all, 0)) == 0);
    NEED((file = inotify_init1(IN_NONBLOCK)) >= 0);
    printf("overflows: %d\n", overflows());
    return chdir("/") == 0 ? rmdir(folder) : 1;
}
