/* Signals from outside of the lock: taken once, in their order, and not before their process is
 * known. */
#include <signal.h>

#include "../../../check.h"
#include "enclave/inside/enclave.h"
#include "enclave/libos/door/door.h"
#include "enclave/libos/processes/process.h"
#include "enclave/libos/threads/posted.h"
#include "enclave/libos/threads/thread.h"

#define OTHER 40 /* a process */
#define ROOM  64 /* notes that wait */

static size_t wakes, parks;
static atomic_bool is_over;

uint64_t door_ask(uint64_t number, uint64_t a, uint64_t b, uint64_t c)
{
    (void)a;
    (void)b;
    (void)c;
    wakes += number == DOOR_WAKE;
    if (number == DOOR_PARK && ++parks == 3)
        atomic_store(&is_over, true);
    return 0;
}

static int got[ROOM + 1]; /* what the other process was sent */
static size_t got_count;

static int note(struct process *process, const struct signal_info *info)
{
    assert_int_equal(process->number, OTHER);
    got[got_count++] = info->number;
    return 0;
}

static void take_all(void)
{
    struct signal_info info;
    while (signal_take(thread_self(), UINT64_MAX, &info) != 0)
        continue;
}

/* One thread, the other process unknown, nothing sent. */
static int start(void **state)
{
    const struct signal_action handled = {.handler = 0x1000};
    struct process *other = process_find_any(OTHER);
    (void)state;
    if (other)
        process_forget(other);
    process_begin();
    (void)thread_first(process_first(), PROCESS_FIRST);
    take_all();
    for (int i = 1; i <= SIGNALS; i++)
        (void)signal_set_action(i, &handled, NULL); /* but for two, which stay */
    wakes = parks = got_count = 0;
    atomic_store(&is_over, false);
    return 0;
}

static struct process *know(void)
{
    struct process *other = process_note(OTHER);
    assert_non_null(other);
    other->post = note;
    return other;
}

static void post(int process, int number)
{
    const struct signal_info info = {.number = number};
    posted_put_info(process, &info, &is_over);
}

static uint64_t pending(void)
{
    return signal_pending(thread_self());
}

static void comes_when_it_is_taken_and_once(void **state)
{
    (void)state;
    posted_put(SIGUSR1);
    post(PROCESS_FIRST, SIGUSR2);
    assert_int_equal(wakes, 2);
    assert_true(posted_is_there());
    assert_int_equal(pending(), 0);
    posted_take();
    assert_false(posted_is_there());
    assert_int_equal(pending(), SIGNAL_BIT(SIGUSR1) | SIGNAL_BIT(SIGUSR2));
    take_all();
    posted_take();
    assert_int_equal(pending(), 0);
}

static void the_later_of_stop_and_continue_counts(void **state)
{
    (void)state;
    posted_put(SIGCONT);
    posted_put(SIGTSTP);
    posted_take();
    assert_int_equal(pending(), SIGNAL_BIT(SIGTSTP));
    posted_put(SIGTSTP);
    posted_put(SIGCONT);
    posted_take();
    assert_int_equal(pending(), SIGNAL_BIT(SIGCONT));
}

static void for_nobody_goes_and_what_is_behind_comes(void **state)
{
    (void)state;
    post(OTHER, SIGUSR1);
    post(PROCESS_FIRST, SIGUSR2);
    posted_take();
    assert_false(posted_is_there());
    assert_int_equal(pending(), SIGNAL_BIT(SIGUSR2));
    assert_int_equal(know()->carried, 0);
    posted_take();
    assert_int_equal(got_count, 0);
}

/* The first enclave counts it as sent to the process (process.h, carried), which waits for it. */
static void waits_for_a_process_that_is_about_to_be_known(void **state)
{
    (void)state;
    posted_hold();
    posted_hold();
    post(OTHER, SIGWINCH);
    post(PROCESS_FIRST, SIGUSR2);
    post(OTHER, SIGINT);
    posted_take();
    assert_true(posted_is_there());
    assert_int_equal(pending(), 0);
    posted_go_on();
    posted_take();
    assert_true(posted_is_there()); /* another thread holds them still */
    const struct process *other = know();
    posted_go_on();
    posted_take();
    assert_false(posted_is_there());
    assert_int_equal(other->carried, 2);
    assert_int_equal(got_count, 2);
    assert_int_equal(got[0], SIGWINCH);
    assert_int_equal(got[1], SIGINT);
    assert_int_equal(pending(), SIGNAL_BIT(SIGUSR2));
}

static void is_nobodys_when_the_process_was_not_made(void **state)
{
    (void)state;
    posted_hold();
    post(OTHER, SIGWINCH);
    posted_take();
    posted_go_on();
    posted_take();
    assert_false(posted_is_there());
}

static void waits_for_room_until_the_end(void **state)
{
    const struct process *other = know();
    (void)state;
    for (int i = 0; i < ROOM; i++)
        post(OTHER, SIGUSR1 + i % 2);
    assert_int_equal(parks, 0);
    post(OTHER, SIGINT); /* nobody takes any */
    assert_int_equal(parks, 3);
    posted_take();
    assert_int_equal(other->carried, ROOM);
    assert_int_equal(got_count, ROOM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(comes_when_it_is_taken_and_once, start),
        cmocka_unit_test_setup(the_later_of_stop_and_continue_counts, start),
        cmocka_unit_test_setup(for_nobody_goes_and_what_is_behind_comes, start),
        cmocka_unit_test_setup(waits_for_a_process_that_is_about_to_be_known, start),
        cmocka_unit_test_setup(is_nobodys_when_the_process_was_not_made, start),
        cmocka_unit_test_setup(waits_for_room_until_the_end, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
