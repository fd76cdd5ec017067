#include "enclave/libos/threads/posted.h"

#include <asm/siginfo.h>
#include <asm/signal.h>

#include "enclave/libos/door/door.h"
#include "enclave/libos/log.h"
#include "enclave/libos/processes/process.h"

#define NOTES  64
#define LITTLE UINT64_C(1000000) /* nanoseconds */

static atomic_ullong numbers; /* a bit each */

/* The poster writes at `written`, whoever has the lock reads at `taken`. */
static struct {
    struct {
        int process;
        struct signal_info info;
    } all[NOTES];
    atomic_uint written, taken;
} notes;

static unsigned held;

void posted_put(int number)
{
    const uint64_t other = number == SIGCONT                   ? SIGNAL_STOPS
                           : SIGNAL_STOPS & SIGNAL_BIT(number) ? SIGNAL_BIT(SIGCONT)
                                                               : 0;
    (void)atomic_fetch_and(&numbers, ~other); /* the later one counts */
    (void)atomic_fetch_or(&numbers, SIGNAL_BIT(number));
    door_wake(UINT64_MAX, UINT64_MAX);
}

void posted_put_info(int process, const struct signal_info *info, const atomic_bool *is_over)
{
    unsigned at = atomic_load(&notes.written);
    while (at - atomic_load(&notes.taken) == NOTES) {
        if (atomic_load(is_over))
            return;
        door_wake(UINT64_MAX, UINT64_MAX);
        (void)door_park(door_clock(DOOR_CLOCK_MONOTONIC) + LITTLE, 0);
    }
    notes.all[at % NOTES].process = process;
    notes.all[at % NOTES].info = *info;
    atomic_store(&notes.written, at + 1);
    door_wake(UINT64_MAX, UINT64_MAX);
}

bool posted_is_there(void)
{
    return atomic_load(&numbers) != 0 || atomic_load(&notes.taken) != atomic_load(&notes.written);
}

void posted_hold(void)
{
    held++;
}

void posted_go_on(void)
{
    held--;
}

/* Who sent it was told that it goes. */
static void tell_lost(void)
{
    static bool is_told;
    if (!is_told)
        log_line("a signal was lost: ", "more that queue are pending than there is room for");
    is_told = true;
}

static void take_notes(void)
{
    for (unsigned at; (at = atomic_load(&notes.taken)) != atomic_load(&notes.written);) {
        const struct signal_info info = notes.all[at % NOTES].info;
        struct process *process = process_find(notes.all[at % NOTES].process);
        if (!process && held > 0)
            return;
        atomic_store(&notes.taken, at + 1);
        if (!process)
            continue;
        process->carried++;
        if (process_signal(process, &info) < 0)
            tell_lost();
    }
}

void posted_take(void)
{
    take_notes();
    if (atomic_load(&numbers) == 0)
        return; /* an exchange costs every call more than a look */
    for (uint64_t bits = atomic_exchange(&numbers, 0); bits != 0; bits &= bits - 1) {
        const struct signal_info info = {__builtin_ctzll(bits) + 1, SI_USER, {0, 0}};
        (void)signal_send(NULL, &info);
    }
}
