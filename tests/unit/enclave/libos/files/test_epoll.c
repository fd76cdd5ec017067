/* epoll, what it is made of, and timers: files of this enclave, and the host's, which lies. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "../../../check.h"
#include "../heap.h"
#include "../stage.h"
#include "enclave/inside/enclave.h"
#include "enclave/libos/clock.h"
#include "enclave/libos/door/door.h"
#include "enclave/libos/files/epoll.h"
#include "enclave/libos/files/pipe.h"
#include "enclave/libos/files/timer.h"
#include "enclave/libos/threads/finish.h"
#include "enclave/libos/threads/lock.h"
#include "enclave/libos/threads/thread.h"
#include "enclave/libos/threads/wait.h"

/* --- the host --------------------------------------------------------------------------------- */

static uint64_t now_ns;
static uint16_t hosts_word;    /* what it says of each handle */
static uint64_t lie;           /* an answer of DOOR_PARK, where it is not 0 */
static size_t asked_handles;   /* the last time */
static uint64_t last_deadline; /* of a stay that was to be one */

/* A stay ends at its deadline, and time goes on only then. */
static uint64_t park(uint64_t deadline, uint64_t count)
{
    struct door_ready one;
    asked_handles = count;
    if (deadline != 0)
        last_deadline = deadline;
    if (deadline != 0 && deadline != DOOR_FOREVER && deadline > now_ns)
        now_ns = deadline;
    for (uint64_t i = 0; i < count; i++) {
        memcpy(&one, stage_buffer + i * sizeof one, sizeof one);
        one.ready = hosts_word;
        memcpy(stage_buffer + i * sizeof one, &one, sizeof one);
    }
    return lie != 0 ? lie : count > 0 && hosts_word ? count : 0;
}

uint64_t door_ask(uint64_t number, uint64_t a, uint64_t b, uint64_t c)
{
    (void)c;
    if (number == DOOR_CLOCK)
        return now_ns;
    return number == DOOR_PARK ? park(a, b) : 0;
}

static uint64_t step; /* ticks from one look at them to the next */

uint64_t clock_ticks(void)
{
    static uint64_t ticks;
    return ticks += step;
}

static int start(void **state)
{
    (void)state;
    step = UINT64_C(1) << 40;
    hosts_word = 0;
    lie = 0;
    now_ns += 1000;
    heap_left = SIZE_MAX;
    return 0;
}

/* --- files ------------------------------------------------------------------------------------ */

static uint32_t hosted_handle(const struct file *file)
{
    return (uint32_t)file->offset;
}

static const struct file_kind hosted = {.name = "socket", .handle = hosted_handle};

static struct file *make_hosted(uint32_t handle)
{
    struct file *file;
    assert_int_equal(file_new(&hosted, O_RDWR, NULL, &file), 0);
    file->offset = handle;
    return file;
}

static struct file *make_epoll(void)
{
    struct file *file;
    assert_int_equal(epoll_new(&file), 0);
    return file;
}

static struct file *make_counter(uint64_t value)
{
    struct file *file;
    assert_int_equal(counter_new(value, false, 0, &file), 0);
    return file;
}

static void count_up(struct file *counter)
{
    const uint64_t one = 1;
    assert_int_equal(file_write(counter, FILE_HERE, &one, sizeof one), 8);
}

static int add(struct file *epoll, struct file *file, int number, uint32_t events)
{
    return epoll_control(epoll, EPOLL_CTL_ADD, file, number,
                         &(struct epoll_ready){events, (uint64_t)number});
}

static int look(struct file *epoll)
{
    struct epoll_ready seen[8];
    return epoll_look(epoll, seen, 8);
}

static void a_level_lasts_and_an_edge_does_not(void **state)
{
    struct file *epoll = make_epoll(), *counter = make_counter(0);
    (void)state;
    assert_int_equal(add(epoll, counter, 3, EPOLLIN), 0);
    assert_int_equal(add(epoll, counter, 4, EPOLLIN | EPOLLET), 0);
    assert_int_equal(look(epoll), 0);
    count_up(counter);
    assert_int_equal(look(epoll), 2);
    assert_int_equal(look(epoll), 1);
    count_up(counter); /* without having been read: tokio's and others' way to wake */
    assert_int_equal(look(epoll), 2);
    assert_int_equal(look(epoll), 1);
    file_put(counter);
    assert_int_equal(look(epoll), 0);
    file_put(epoll);
}

static void all_have_their_turn(void **state)
{
    struct file *epoll = make_epoll();
    struct file *counters[5];
    unsigned seen = 0;
    (void)state;
    for (int i = 0; i < 5; i++) {
        counters[i] = make_counter(1);
        assert_int_equal(add(epoll, counters[i], i, EPOLLIN), 0);
    }
    for (int i = 0; i < 5; i++) {
        struct epoll_ready one;
        assert_int_equal(epoll_look(epoll, &one, 1), 1);
        seen |= 1U << one.data;
    }
    assert_int_equal(seen, 31);
    file_put(epoll); /* before what it watches */
    for (int i = 0; i < 5; i++)
        file_put(counters[i]);
}

static void refuses_what_linux_refuses(void **state)
{
    struct file *epoll = make_epoll(), *counter = make_counter(0), *other = make_epoll();
    const struct epoll_ready what = {EPOLLIN, 0};
    (void)state;
    assert_int_equal(add(epoll, epoll, 1, EPOLLIN), -EINVAL);
    assert_int_equal(add(counter, epoll, 1, EPOLLIN), -EINVAL);
    assert_int_equal(epoll_control(epoll, EPOLL_CTL_MOD, counter, 1, &what), -ENOENT);
    assert_int_equal(epoll_control(epoll, EPOLL_CTL_DEL, counter, 1, &what), -ENOENT);
    assert_int_equal(epoll_control(epoll, 77, counter, 1, &what), -EINVAL);
    assert_int_equal(add(epoll, counter, 1, EPOLLIN), 0);
    assert_int_equal(add(epoll, counter, 1, EPOLLOUT), -EEXIST);
    assert_int_equal(add(epoll, other, 2, EPOLLIN | EPOLLEXCLUSIVE), -EINVAL);
    assert_int_equal(add(epoll, other, 2, EPOLLIN), 0);
    assert_int_equal(add(other, epoll, 3, EPOLLIN), -ELOOP);
    file_put(other);
    file_put(epoll);
    file_put(counter);
}

static void epolls_are_only_so_deep(void **state)
{
    struct file *all[EPOLL_DEPTH_MAX + 2];
    struct file *counter = make_counter(1);
    int status = 0, depth = 0;
    (void)state;
    for (int i = 0; i < EPOLL_DEPTH_MAX + 2; i++)
        all[i] = make_epoll();
    assert_int_equal(add(all[0], counter, 1, EPOLLIN), 0);
    for (; depth < EPOLL_DEPTH_MAX + 1 && status == 0; depth++)
        status = add(all[depth + 1], all[depth], 1, EPOLLIN);
    assert_int_equal(status, -ELOOP);
    assert_int_equal(look(all[depth - 1]), 1); /* all the way down */
    for (int i = 0; i < EPOLL_DEPTH_MAX + 2; i++)
        file_put(all[i]);
    file_put(counter);
}

static void the_hosts_are_asked_for_at_once(void **state)
{
    struct file *epoll = make_epoll(), *files[3];
    struct epoll_ready seen[8];
    (void)state;
    for (int i = 0; i < 3; i++) {
        files[i] = make_hosted(3 + (uint32_t)i);
        assert_int_equal(add(epoll, files[i], i, EPOLLIN | EPOLLET), 0);
    }
    assert_int_equal(look(epoll), 0);
    assert_int_equal(asked_handles, 3);
    hosts_word = 0xFFFF; /* more than was wanted: that is all that is taken of it */
    assert_int_equal(epoll_look(epoll, seen, 8), 3);
    assert_int_equal(seen[0].events, EPOLLIN | EPOLLERR | EPOLLHUP);
    assert_int_equal(look(epoll), 0);
    files[1]->edges++; /* as a call on it does */
    assert_int_equal(look(epoll), 1);
    for (int i = 0; i < 3; i++)
        file_put(files[i]);
    assert_int_equal(look(epoll), 0);
    file_put(epoll);
}

static void a_host_that_lies_of_counts_makes_nothing_ready(void **state)
{
    static const uint64_t lies[] = {UINT64_MAX, (uint64_t)-4096, 1000000, 1ULL << 63};
    struct file *file = make_hosted(9);
    struct ready one = {.file = file, .wanted = POLLIN};
    (void)state;
    hosts_word = POLLIN;
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        lie = lies[i];
        assert_int_equal(ready_look(&one, 1), 0);
    }
    file_put(file);
}

static void waits_no_longer_than_a_timer(void **state)
{
    struct file *inner = make_epoll(), *epoll = make_epoll(), *timer;
    struct timer_setting before;
    uint64_t times;
    (void)state;
    assert_int_equal(timer_new(CLOCK_MONOTONIC, O_NONBLOCK, &timer), 0);
    assert_int_equal(add(inner, timer, 1, EPOLLIN), 0);
    assert_int_equal(add(epoll, inner, 2, EPOLLIN), 0);
    assert_int_equal(epoll_wait_for(epoll, now_ns + 50), -ETIMEDOUT);
    timer_set(timer, &(struct timer_setting){100, 30}, false, &before);
    uint64_t due = now_ns + 100;
    assert_int_equal(epoll_wait_for(epoll, READY_NEVER), 0);
    assert_int_equal(last_deadline, due);
    assert_int_equal(look(epoll), 1);
    now_ns = due + 65;
    assert_int_equal(file_read(timer, FILE_HERE, &times, 8), 8);
    assert_int_equal(times, 3);
    assert_int_equal(file_read(timer, FILE_HERE, &times, 8), -EAGAIN);
    timer_get(timer, &before);
    assert_true(before.value == 25 && before.interval == 30);
    timer_set(timer, &(struct timer_setting){now_ns - 5, 0}, true, &before);
    assert_int_equal(file_read(timer, FILE_HERE, &times, 8), 8); /* its time is past */
    assert_int_equal(times, 1);
    file_put(timer);
    assert_int_equal(timer_new(99, 0, &timer), -EINVAL);
    file_put(inner);
    file_put(epoll);
}

/* A clock that leaps to its end makes no more of a timer than it has. */
static void survives_any_clock(void **state)
{
    struct timer_setting before;
    struct file *timer;
    uint64_t times;
    (void)state;
    assert_int_equal(timer_new(CLOCK_REALTIME, O_NONBLOCK, &timer), 0);
    timer_set(timer, &(struct timer_setting){1, 1}, false, &before);
    now_ns = INT64_MAX;
    assert_int_equal(file_read(timer, FILE_HERE, &times, 8), 8);
    timer_set(timer, &(struct timer_setting){UINT64_MAX, UINT64_MAX}, false, &before);
    timer_set(timer, &(struct timer_setting){UINT64_MAX - 1, 5}, true, &before);
    assert_int_equal(file_read(timer, FILE_HERE, &times, 8), -EAGAIN);
    assert_true(timer->kind->due(timer) > (uint64_t)INT64_MAX);
    file_put(timer);
}

static void without_memory_nothing_is_lost(void **state)
{
    struct file *epoll = make_epoll(), *counter = make_counter(1), *none;
    (void)state;
    heap_left = 0;
    assert_int_equal(add(epoll, counter, 1, EPOLLIN), -ENOMEM);
    assert_int_equal(epoll_new(&none), -ENOMEM);
    assert_int_equal(timer_new(CLOCK_MONOTONIC, 0, &none), -ENOMEM);
    heap_left = SIZE_MAX;
    assert_int_equal(add(epoll, counter, 1, EPOLLIN), 0);
    heap_left = 0;
    assert_int_equal(look(epoll), -ENOMEM);
    heap_left = 1;
    assert_int_equal(epoll_new(&none), -ENOMEM);
    heap_left = SIZE_MAX;
    assert_int_equal(look(epoll), 1);
    file_put(epoll);
    file_put(counter);
}

/* Where something was soon there, or is there, or several are, one looks first. */
static void who_waits_long_is_quiet(void **state)
{
    struct file *epoll = make_epoll(), *one = make_hosted(5), *other = make_hosted(6);
    struct file *counter = make_counter(0);
    (void)state;
    assert_int_equal(add(epoll, one, 5, EPOLLIN), 0);
    assert_int_equal(add(epoll, other, 6, EPOLLIN), 0);
    assert_int_equal(add(epoll, counter, 7, EPOLLIN | EPOLLET), 0);
    assert_false(epoll_is_quiet(epoll));
    assert_int_equal(epoll_wait_for(epoll, now_ns + 5), -ETIMEDOUT);
    asked_handles = 99;
    assert_true(epoll_is_quiet(epoll));
    assert_int_equal(asked_handles, 99); /* nobody was asked */
    count_up(counter);
    assert_false(epoll_is_quiet(epoll));
    assert_int_equal(look(epoll), 1);
    assert_true(epoll_is_quiet(epoll)); /* the edge was told */
    hosts_word = POLLIN;
    assert_int_equal(look(epoll), 2);
    assert_false(epoll_is_quiet(epoll));
    hosts_word = 0;
    step = 1;
    assert_int_equal(epoll_wait_for(epoll, now_ns + 5), -ETIMEDOUT);
    assert_false(epoll_is_quiet(epoll));
    file_put(epoll);
    file_put(one);
    file_put(other);
    file_put(counter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_level_lasts_and_an_edge_does_not, start),
        cmocka_unit_test_setup(all_have_their_turn, start),
        cmocka_unit_test_setup(refuses_what_linux_refuses, start),
        cmocka_unit_test_setup(epolls_are_only_so_deep, start),
        cmocka_unit_test_setup(the_hosts_are_asked_for_at_once, start),
        cmocka_unit_test_setup(a_host_that_lies_of_counts_makes_nothing_ready, start),
        cmocka_unit_test_setup(waits_no_longer_than_a_timer, start),
        cmocka_unit_test_setup(without_memory_nothing_is_lost, start),
        cmocka_unit_test_setup(who_waits_long_is_quiet, start),
        cmocka_unit_test_setup(survives_any_clock, start), /* time stays at its end */
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
