/* What hello.c shows of waiting: epoll, select, poll and timers. */
#include "hello.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define MILLISECOND 1000000 /* nanoseconds */

static int add(int epoll, int fd, uint32_t events)
{
    struct epoll_event event = {events, {.u64 = (uint64_t)fd | 0x700000000}};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

static int levels_and_edges(void)
{
    struct epoll_event seen[4];
    char byte;
    int ends[2], epoll = epoll_create1(EPOLL_CLOEXEC);
    NEED(epoll >= 0 && fcntl(epoll, F_GETFD) == FD_CLOEXEC && pipe(ends) == 0);
    NEED(add(epoll, ends[0], EPOLLIN) == 0 && epoll_wait(epoll, seen, 4, 0) == 0);
    NEED(epoll_wait(epoll, seen, 4, 2) == 0 && write(ends[1], "abc", 3) == 3);
    NEED(epoll_wait(epoll, seen, 4, -1) == 1 && seen[0].events == EPOLLIN);
    NEED(seen[0].data.u64 == ((uint64_t)ends[0] | 0x700000000));
    NEED(epoll_wait(epoll, seen, 4, -1) == 1); /* it still is */
    struct epoll_event edge = {EPOLLIN | EPOLLET, {.fd = 7}};
    NEED(epoll_ctl(epoll, EPOLL_CTL_MOD, ends[0], &edge) == 0);
    NEED(epoll_wait(epoll, seen, 4, 0) == 1 && seen[0].data.fd == 7);
    NEED(epoll_wait(epoll, seen, 4, 0) == 0 && read(ends[0], &byte, 1) == 1);
    NEED(epoll_wait(epoll, seen, 4, 0) == 0 && write(ends[1], "d", 1) == 1);
    NEED(epoll_wait(epoll, seen, 4, 0) == 1);
    NEED(epoll_wait(epoll, seen, 4, 0) == 0);
    edge.events = EPOLLIN | EPOLLONESHOT;
    NEED(epoll_ctl(epoll, EPOLL_CTL_MOD, ends[0], &edge) == 0);
    NEED(epoll_wait(epoll, seen, 4, 0) == 1 && write(ends[1], "e", 1) == 1);
    NEED(epoll_wait(epoll, seen, 4, 0) == 0);
    NEED(epoll_ctl(epoll, EPOLL_CTL_MOD, ends[0], &edge) == 0 &&
         epoll_wait(epoll, seen, 4, 0) == 1);
    NEED(add(epoll, ends[1], EPOLLOUT) == 0 && close(ends[0]) == 0);
    NEED(epoll_wait(epoll, seen, 4, 0) == 1 && seen[0].events == (EPOLLOUT | EPOLLERR));
    return close(ends[1]) || epoll_wait(epoll, seen, 4, 0) != 0 || close(epoll);
}

static int epolls_refuse(void)
{
    struct epoll_event seen[4], event = {EPOLLIN, {0}};
    int file = open("waited", O_CREAT | O_RDWR, 0600), counter = eventfd(0, 0);
    int epoll = epoll_create1(0), outer = epoll_create1(0);
    NEED(file >= 0 && counter >= 0 && epoll >= 0 && outer >= 0);
    REFUSED(add(epoll, file, EPOLLIN), EPERM);
    REFUSED(add(epoll, epoll, EPOLLIN), EINVAL);
    REFUSED(add(epoll, 99, EPOLLIN), EBADF);
    REFUSED(add(99, counter, EPOLLIN), EBADF);
    REFUSED(add(counter, epoll, EPOLLIN), EINVAL);
    REFUSED(epoll_ctl(epoll, EPOLL_CTL_MOD, counter, &event), ENOENT);
    REFUSED(epoll_ctl(epoll, EPOLL_CTL_DEL, counter, NULL), ENOENT);
    REFUSED(syscall(SYS_epoll_ctl, epoll, EPOLL_CTL_ADD, counter, (void *)8), EFAULT);
    NEED(add(epoll, counter, EPOLLIN) == 0 && add(outer, epoll, EPOLLIN) == 0);
    REFUSED(add(epoll, counter, EPOLLIN), EEXIST);
    REFUSED(add(epoll, outer, EPOLLIN), ELOOP);
    REFUSED(epoll_ctl(epoll, 9, counter, &event), EINVAL);
    REFUSED(epoll_wait(epoll, seen, 0, 0), EINVAL);
    REFUSED(epoll_wait(counter, seen, 4, 0), EINVAL);
    REFUSED(epoll_create1(1), EINVAL);
    REFUSED(epoll_create(0), EINVAL);
    NEED(epoll_wait(outer, seen, 4, 0) == 0 && eventfd_write(counter, 1) == 0);
    NEED(epoll_wait(outer, seen, 4, -1) == 1 && epoll_wait(epoll, seen, 4, -1) == 1);
    NEED(epoll_ctl(epoll, EPOLL_CTL_DEL, counter, NULL) == 0);
    NEED(epoll_wait(outer, seen, 4, 0) == 0);
    return close(epoll) || close(outer) || close(counter) || close(file) || unlink("waited");
}

static int counts(void)
{
    eventfd_t value;
    int counter = eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK);
    NEED(counter >= 0 && eventfd_read(counter, &value) == 0 && value == 1);
    NEED(eventfd_read(counter, &value) == 0 && value == 1);
    REFUSED(eventfd_read(counter, &value), EAGAIN);
    REFUSED(eventfd(0, 1 << 30), EINVAL);
    return close(counter);
}

static int selects(void)
{
    int ends[2];
    fd_set in, out;
    struct timeval time = {0, 2000};
    struct timespec soon = {0, 2 * MILLISECOND}, wrong = {0, -1};
    NEED(pipe(ends) == 0);
    FD_ZERO(&in);
    FD_ZERO(&out);
    FD_SET(ends[0], &in);
    NEED(select(ends[1] + 1, &in, NULL, NULL, &time) == 0 && !FD_ISSET(ends[0], &in));
    FD_SET(ends[0], &in);
    NEED(pselect(ends[1] + 1, &in, NULL, NULL, &soon, NULL) == 0);
    NEED(write(ends[1], "a", 1) == 1);
    FD_SET(ends[0], &in);
    FD_SET(ends[1], &out);
    NEED(select(ends[1] + 1, &in, &out, NULL, NULL) == 2 && FD_ISSET(ends[0], &in));
    NEED(FD_ISSET(ends[1], &out) && close(ends[1]) == 0);
    REFUSED(select(ends[1] + 1, NULL, &out, NULL, NULL), EBADF);
    REFUSED(syscall(SYS_select, -1, NULL, NULL, NULL, NULL), EINVAL);
    REFUSED(pselect(0, NULL, NULL, NULL, &wrong, NULL), EINVAL);
    REFUSED(syscall(SYS_select, 1, (void *)8, NULL, NULL, NULL), EFAULT);
    time = (struct timeval){0, 1000};
    return select(0, NULL, NULL, NULL, &time) || close(ends[0]);
}

static int polls(void)
{
    int ends[2];
    NEED(pipe(ends) == 0);
    struct pollfd items[4] = {
        {ends[0], POLLIN, 0}, {ends[1], POLLOUT, 0}, {-5, POLLIN, 9}, {99, POLLIN, 0}};
    NEED(poll(items, 4, -1) == 2 && items[1].revents == POLLOUT && items[3].revents == POLLNVAL);
    NEED(items[0].revents == 0 && items[2].revents == 0 && close(ends[1]) == 0);
    NEED(poll(items, 1, -1) == 1 && items[0].revents == POLLHUP);
    REFUSED(syscall(SYS_poll, (void *)8, 1, 0), EFAULT);
    return close(ends[0]);
}

static int timers(void)
{
    struct itimerspec often = {{0, 2 * MILLISECOND}, {0, 2 * MILLISECOND}}, before;
    struct itimerspec never = {{0, 0}, {0, 0}}, wrong = {{0, 0}, {0, 1000 * MILLISECOND}};
    struct epoll_event seen[1];
    uint64_t times;
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK), epoll = epoll_create1(0);
    NEED(timer >= 0 && epoll >= 0 && add(epoll, timer, EPOLLIN) == 0);
    REFUSED(read(timer, &times, sizeof times), EAGAIN);
    NEED(timerfd_settime(timer, 0, &often, &before) == 0 && before.it_value.tv_nsec == 0);
    NEED(epoll_wait(epoll, seen, 1, -1) == 1 && read(timer, &times, sizeof times) == sizeof times);
    NEED(times >= 1 && epoll_wait(epoll, seen, 1, -1) == 1); /* and again */
    NEED(timerfd_gettime(timer, &before) == 0 && before.it_interval.tv_nsec == 2 * MILLISECOND);
    NEED(timerfd_settime(timer, 0, &never, NULL) == 0 && epoll_wait(epoll, seen, 1, 4) == 0);
    REFUSED(read(timer, &times, 4), EINVAL);
    REFUSED(timerfd_settime(timer, 0, &wrong, NULL), EINVAL);
    REFUSED(timerfd_settime(epoll, 0, &never, NULL), EINVAL);
    REFUSED(timerfd_create(77, 0), EINVAL);
    NEED(fcntl(timer, F_SETFL, 0) == 0 && timerfd_settime(timer, 0, &often, NULL) == 0);
    NEED(read(timer, &times, sizeof times) == sizeof times && times >= 1);
    return close(timer) || close(epoll);
}

int hello_events(void)
{
    static int (*const all[])(void) = {levels_and_edges, epolls_refuse, counts,
                                       selects,          polls,         timers};
    int result = mkdir("own", 0700) || chdir("own");
    for (size_t i = 0; result == 0 && i < sizeof all / sizeof *all; i++)
        result = all[i]();
    return result ? result : chdir("..") || rmdir("own");
}
