/* Signals and alarms without a program: what is pending, for whom, and when. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>

#include "../../../check.h"
#include "enclave/inside/enclave.h"
#include "enclave/libos/clock.h"
#include "enclave/libos/door/door.h"
#include "enclave/libos/processes/process.h"
#include "enclave/libos/threads/alarm.h"
#include "enclave/libos/threads/finish.h"
#include "enclave/libos/threads/lock.h"
#include "enclave/libos/threads/thread.h"

static uint64_t now_ns = 1000;
static uint64_t woken, kicked; /* by DOOR_WAKE, since the test began */
static uint64_t alarm_at;      /* the last DOOR_ALARM */
static jmp_buf ended;
static uint64_t end_result;

uint64_t door_ask(uint64_t number, uint64_t a, uint64_t b, uint64_t c)
{
    (void)c;
    if (number == DOOR_CLOCK)
        return now_ns;
    if (number == DOOR_WAKE) {
        woken |= a;
        kicked |= b;
    }
    if (number == DOOR_ALARM)
        alarm_at = a;
    return 0;
}

void finish_all(uint64_t result)
{
    end_result = result;
    longjmp(ended, 1);
}

static const struct signal_action handled = {.handler = 0x1000};

static void nothing(void *unused)
{
    (void)unused;
}

/* Three threads, no mask, nothing pending, default actions. */
static int start(void **state)
{
    const struct signal_action none = {0};
    struct signal_info info;
    (void)state;
    (void)thread_first(process_first(), PROCESS_FIRST);
    while (thread_count() < 3)
        (void)thread_new(process_first(), 0);
    for (size_t i = 0; i < 3; i++) {
        while (signal_take(thread_at(i), UINT64_MAX, &info) != 0)
            continue;
        thread_at(i)->signals = (struct signal_thread){0};
    }
    for (int i = 1; i <= SIGNALS; i++)
        (void)signal_set_action(i, &none, NULL);
    lock_take();
    lock_release(); /* what was to be woken is forgotten */
    woken = kicked = 0;
    return 0;
}

static void flush(void)
{
    lock_take();
    lock_release();
}

static void send(struct thread *thread, int number, uint64_t value)
{
    const struct signal_info info = {number, SI_QUEUE, {1, value}};
    assert_int_equal(signal_send(thread, &info), 0);
}

static void one_of_the_first_comes_once_others_queue(void **state)
{
    (void)state;
    struct thread *self = thread_self();
    struct signal_info info;
    (void)signal_set_action(SIGUSR1, &handled, NULL);
    (void)signal_set_action(40, &handled, NULL);
    for (uint64_t i = 0; i < 3; i++) {
        send(NULL, SIGUSR1, 10 + i);
        send(NULL, 40, 20 + i);
    }
    assert_int_equal(signal_take(self, UINT64_MAX, &info), SIGUSR1);
    assert_int_equal(info.words[1], 10);
    for (uint64_t i = 0; i < 3; i++) {
        assert_int_equal(signal_take(self, UINT64_MAX, &info), 40);
        assert_int_equal(info.words[1], 20 + i);
    }
    assert_int_equal(signal_take(self, UINT64_MAX, &info), 0);
    assert_int_equal(signal_pending(self), 0);
}

static void there_is_room_for_so_many(void **state)
{
    (void)state;
    struct signal_info info = {50, SI_QUEUE, {0, 0}};
    (void)signal_set_action(50, &handled, NULL);
    (void)signal_set_action(SIGUSR1, &handled, NULL);
    for (int i = 0; i < SIGNAL_NOTES; i++)
        assert_int_equal(signal_send(thread_self(), &info), 0);
    assert_int_equal(signal_send(thread_self(), &info), -EAGAIN);
    send(thread_self(), SIGUSR1, 5); /* comes, without what is told of it */
    assert_int_equal(signal_take(thread_self(), UINT64_MAX, &info), SIGUSR1);
    assert_int_equal(info.words[1], 0);
    for (int i = 0; i < SIGNAL_NOTES; i++)
        assert_int_equal(signal_take(thread_self(), UINT64_MAX, &info), 50);
}

static void what_is_ignored_is_dropped_unless_blocked(void **state)
{
    (void)state;
    struct thread *self = thread_self();
    const struct signal_action ignored = {.handler = (uintptr_t)SIG_IGN};
    send(self, SIGCHLD, 0);
    assert_int_equal(signal_pending(self), 0);
    (void)signal_set_action(SIGUSR1, &ignored, NULL);
    send(self, SIGUSR1, 0);
    assert_int_equal(signal_pending(self), 0);
    signal_set_mask(self, SIGNAL_BIT(SIGUSR1) | SIGNAL_BIT(SIGCHLD));
    send(self, SIGUSR1, 0);
    send(self, SIGCHLD, 0);
    assert_int_equal(signal_pending(self), SIGNAL_BIT(SIGUSR1) | SIGNAL_BIT(SIGCHLD));
    assert_false(signal_interrupts(self));
    (void)signal_set_action(SIGUSR1, &ignored, NULL); /* which drops it */
    assert_int_equal(signal_pending(self), SIGNAL_BIT(SIGCHLD));
}

static void goes_to_a_thread_that_takes_it(void **state)
{
    (void)state;
    const uint64_t term = SIGNAL_BIT(SIGTERM);
    signal_set_mask(thread_at(0), term);
    signal_set_mask(thread_at(1), term);
    send(NULL, SIGTERM, 0);
    flush();
    assert_int_equal(woken, 4); /* the third, which is interrupted, too */
    assert_int_equal(kicked, 4);
    assert_false(signal_interrupts(thread_at(0)));
    assert_true(signal_interrupts(thread_at(2)));
    woken = kicked = 0;
    signal_set_mask(thread_at(1), 0);
    signal_set_mask(thread_at(2), term); /* it takes it no more: another does */
    flush();
    assert_int_equal(woken, 2);
}

static void wakes_who_awaits_what_all_block(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++)
        signal_set_mask(thread_at(i), UINT64_MAX);
    thread_at(1)->signals.awaited = SIGNAL_BIT(SIGCHLD);
    send(NULL, SIGCHLD, 0); /* though it would be ignored */
    flush();
    assert_int_equal(woken, 2);
    assert_true(signal_interrupts(thread_at(1)));
    assert_false(signal_interrupts(thread_at(0)));
}

static void two_cannot_be_blocked_or_handled(void **state)
{
    (void)state;
    assert_int_equal(signal_set_action(SIGKILL, &handled, NULL), -EINVAL);
    assert_int_equal(signal_set_action(SIGSTOP, &handled, NULL), -EINVAL);
    assert_int_equal(signal_set_action(0, NULL, NULL), -EINVAL);
    assert_int_equal(signal_set_action(SIGNALS + 1, NULL, NULL), -EINVAL);
    signal_set_mask(thread_self(), UINT64_MAX);
    assert_int_equal(thread_self()->signals.mask, ~(SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP)));
    if (setjmp(ended) == 0) {
        (void)signal_raise(NULL, SIGKILL);
        fail_msg("the program goes on");
    }
    assert_int_equal(end_result, DOOR_DIED | SIGKILL);
}

static void a_mask_that_is_lent_comes_back_once(void **state)
{
    (void)state;
    struct signal_thread *signals = &thread_self()->signals;
    signal_set_mask(thread_self(), 0x10);
    signal_lend_mask(thread_self(), 0x20);
    signal_lend_mask(thread_self(), 0x40); /* the call is made again */
    assert_true(signals->has_before);
    assert_int_equal(signals->before, 0x10);
    assert_int_equal(signals->mask, 0x40);
}

static void a_thread_that_ends_takes_its_own_along(void **state)
{
    (void)state;
    struct signal_info info;
    (void)signal_set_action(SIGUSR1, &handled, NULL);
    (void)signal_set_action(SIGUSR2, &handled, NULL);
    send(thread_at(1), SIGUSR1, 0);
    send(NULL, SIGUSR2, 0);
    signal_forget(thread_at(1));
    assert_int_equal(signal_take(thread_at(1), SIGNAL_BIT(SIGUSR1), &info), 0);
    assert_int_equal(signal_take(thread_at(0), UINT64_MAX, &info), SIGUSR2);
}

static void handlers_go_and_what_is_ignored_stays(void **state)
{
    (void)state;
    const struct signal_action ignored = {.handler = (uintptr_t)SIG_IGN, .flags = 1};
    (void)signal_set_action(SIGUSR1, &handled, NULL);
    (void)signal_set_action(SIGUSR2, &ignored, NULL);
    signal_reset();
    assert_int_equal(signal_action(SIGUSR1)->handler, 0);
    assert_int_equal(signal_action(SIGUSR2)->handler, (uintptr_t)SIG_IGN);
    assert_int_equal(signal_action(SIGUSR2)->flags, 0);
}

static void nothing_is_set_or_pending_for_another_process(void **state)
{
    struct signal_info info;
    (void)state;
    const struct signal_action ignored = {.handler = (uintptr_t)SIG_IGN, .flags = 1};
    (void)signal_set_action(SIGUSR1, &handled, NULL);
    (void)signal_set_action(SIGUSR2, &ignored, NULL);
    thread_self()->signals.mask = UINT64_MAX;
    for (uint64_t i = 0; i < 4 * SIGNAL_NOTES; i++) {
        if (i % (SIGNAL_NOTES / 2) == 0)
            signal_begin(); /* there is room again */
        send(NULL, SIGNAL_RT + 2, i);
    }
    (void)signal_set_action(SIGUSR1, &handled, NULL);
    (void)signal_set_action(SIGUSR2, &ignored, NULL);
    send(NULL, SIGUSR1, 0);
    send(thread_self(), SIGUSR1, 0);
    signal_begin();
    assert_int_equal(signal_pending(thread_self()), 0);
    assert_int_equal(signal_take(thread_self(), UINT64_MAX, &info), 0);
    assert_int_equal(signal_action(SIGUSR1)->handler, 0);
    assert_int_equal(signal_action(SIGUSR2)->handler, 0);
    assert_int_equal(signal_action(SIGUSR2)->flags, 0);
}

/* --- alarms ----------------------------------------------------------------------------------- */

/* Threads that do not stand are interrupted, whatever they mask. */
static void who_stands_still_goes_on_by_sigcont_alone(void **state)
{
    struct thread *self = thread_self();
    (void)state;
    self->signals.mask = UINT64_MAX;
    process_first()->is_halted = true;
    assert_true(signal_interrupts(self));
    self->stands = true;
    assert_false(signal_interrupts(self));
    thread_at(1)->service = nothing;
    assert_false(signal_interrupts(thread_at(1))); /* it goes on */
    thread_at(1)->service = NULL;
    (void)signal_set_action(SIGUSR1, &handled, NULL);
    send(NULL, SIGUSR1, 0);
    send(NULL, SIGTERM, 0);
    assert_true(process_first()->is_halted);
    flush();
    woken = 0;
    (void)signal_set_action(SIGCONT, &(struct signal_action){.handler = (uintptr_t)SIG_IGN}, NULL);
    send(NULL, SIGCONT, 0);
    assert_false(process_first()->is_halted);
    flush();
    assert_int_equal(woken & 7, 7);
    assert_int_equal(signal_pending(self) & SIGNAL_BIT(SIGCONT), 0);
    self->stands = false;
    send(NULL, SIGCONT, 0); /* it goes on already */
}

static void a_stop_and_sigcont_take_each_other_away(void **state)
{
    static const int stops[] = {SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU};
    struct thread *self = thread_self();
    (void)state;
    (void)signal_set_action(SIGCONT, &handled, NULL);
    for (size_t i = 0; i < 3; i++)
        thread_at(i)->signals.mask = UINT64_MAX;
    for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) {
        const uint64_t bit = SIGNAL_BIT(stops[i]);
        assert_true(SIGNAL_STOPS & bit);
        send(NULL, SIGCONT, 0);
        send(thread_at(1), SIGCONT, 0);
        send(NULL, stops[i], 0);
        send(thread_at(2), stops[i], 0);
        assert_int_equal(signal_pending(self), bit);
        assert_int_equal(signal_pending(thread_at(1)), bit);
        send(thread_at(1), SIGCONT, 0);
        assert_int_equal(signal_pending(self) & bit, 0);
        assert_int_equal(signal_pending(thread_at(2)) & bit, 0);
        assert_true(signal_pending(thread_at(1)) & SIGNAL_BIT(SIGCONT));
    }
    send(NULL, SIGSTOP, 0);
}

static void an_alarm_comes_at_its_time_whatever_the_host_says(void **state)
{
    (void)state;
    struct signal_info info;
    uint64_t left, interval;
    (void)signal_set_action(SIGALRM, &handled, NULL);
    assert_int_equal(alarm_set(ALARM_REAL, 5000, 2000), 0);
    assert_int_equal(alarm_at, now_ns + 5000);
    alarm_poll(); /* the host rings too early */
    assert_int_equal(signal_pending(thread_self()), 0);
    now_ns += 4000;
    assert_int_equal(alarm_get(ALARM_REAL, &left, &interval), 0);
    assert_int_equal(left, 1000);
    assert_int_equal(interval, 2000);
    now_ns += 6500; /* late: twice more would have been due */
    alarm_poll();
    assert_int_equal(signal_take(thread_self(), UINT64_MAX, &info), SIGALRM);
    assert_int_equal(info.code, SI_KERNEL);
    assert_int_equal(signal_take(thread_self(), UINT64_MAX, &info), 0);
    assert_true(alarm_at > now_ns && alarm_at <= now_ns + 2000);
    assert_int_equal(alarm_set(ALARM_REAL, 0, 0), 0);
    assert_int_equal(alarm_at, DOOR_FOREVER);
    now_ns += 100000;
    alarm_poll();
    assert_int_equal(signal_pending(thread_self()), 0);
}

static void timers_tell_whose_they_are_and_what_they_missed(void **state)
{
    (void)state;
    struct signal_info info = {50, SI_TIMER, {0, 4711}};
    (void)signal_set_action(50, &handled, NULL);
    int timer = alarm_new(&info, thread_at(1)->number);
    assert_true(timer > ALARM_REAL);
    assert_int_equal(alarm_set(timer, 1000, 1000), 0);
    now_ns += 4500;
    alarm_poll();
    assert_int_equal(signal_take(thread_at(0), UINT64_MAX, &info), 0); /* the other's */
    assert_int_equal(signal_take(thread_at(1), UINT64_MAX, &info), 50);
    assert_int_equal(info.words[0], timer);
    assert_int_equal(info.words[1], 4711);
    assert_int_equal(alarm_overrun(timer), 3);
    assert_int_equal(alarm_set(timer, UINT64_MAX, 0), 0); /* never */
    assert_int_equal(alarm_end(timer), 0);
    assert_int_equal(alarm_end(timer), -EINVAL);
    assert_int_equal(alarm_set(timer, 1, 1), -EINVAL);
}

static void none_is_left_for_another_process(void **state)
{
    (void)state;
    struct signal_info info = {50, SI_TIMER, {0, 0}};
    uint64_t left, interval;
    (void)signal_set_action(50, &handled, NULL);
    (void)signal_set_action(SIGALRM, &handled, NULL);
    int timer = alarm_new(&info, 0);
    assert_int_equal(alarm_set(timer, 1000, 1000), 0);
    assert_int_equal(alarm_set(ALARM_REAL, 1000, 1000), 0);
    alarm_begin();
    now_ns += 5000; /* the host rings */
    alarm_poll();
    assert_int_equal(signal_pending(thread_self()), 0);
    assert_int_equal(alarm_get(timer, &left, &interval), -EINVAL);
    assert_int_equal(alarm_get(ALARM_REAL, &left, &interval), 0);
    assert_int_equal(left, 0);
    assert_int_equal(interval, 0);
}

static void refuses_timers_that_are_not_there(void **state)
{
    (void)state;
    const struct signal_info info = {50, SI_TIMER, {0, 0}};
    uint64_t left, interval;
    int count = 0;
    int timer;
    assert_int_equal(alarm_end(ALARM_REAL), -EINVAL);
    assert_int_equal(alarm_overrun(ALARM_REAL), -EINVAL);
    assert_int_equal(alarm_set(-1, 1, 1), -EINVAL);
    assert_int_equal(alarm_get(ALARMS, &left, &interval), -EINVAL);
    while ((timer = alarm_new(&info, 0)) >= 0)
        count++;
    assert_int_equal(timer, -EAGAIN);
    assert_int_equal(count, ALARMS - 1);
    for (int i = 1; i < ALARMS; i++)
        assert_int_equal(alarm_end(i), 0);
    for (int i = 1; i < ALARMS; i++)
        assert_int_equal(alarm_new(&info, 0), i);
    alarm_reset(); /* another program has but alarm(2)'s */
    for (int i = 1; i < ALARMS; i++)
        assert_int_equal(alarm_end(i), -EINVAL);
    assert_int_equal(alarm_set(ALARM_REAL, 0, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(one_of_the_first_comes_once_others_queue, start),
        cmocka_unit_test_setup(there_is_room_for_so_many, start),
        cmocka_unit_test_setup(what_is_ignored_is_dropped_unless_blocked, start),
        cmocka_unit_test_setup(goes_to_a_thread_that_takes_it, start),
        cmocka_unit_test_setup(wakes_who_awaits_what_all_block, start),
        cmocka_unit_test_setup(two_cannot_be_blocked_or_handled, start),
        cmocka_unit_test_setup(a_mask_that_is_lent_comes_back_once, start),
        cmocka_unit_test_setup(a_thread_that_ends_takes_its_own_along, start),
        cmocka_unit_test_setup(handlers_go_and_what_is_ignored_stays, start),
        cmocka_unit_test_setup(nothing_is_set_or_pending_for_another_process, start),
        cmocka_unit_test_setup(who_stands_still_goes_on_by_sigcont_alone, start),
        cmocka_unit_test_setup(a_stop_and_sigcont_take_each_other_away, start),
        cmocka_unit_test_setup(an_alarm_comes_at_its_time_whatever_the_host_says, start),
        cmocka_unit_test_setup(timers_tell_whose_they_are_and_what_they_missed, start),
        cmocka_unit_test_setup(refuses_timers_that_are_not_there, start),
        cmocka_unit_test_setup(none_is_left_for_another_process, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
