#include "enclave/libos/processes/process.h"

#include "enclave/libos/threads/thread.h"

static struct process processes[PROCESSES_MAX];

void process_begin(void)
{
    processes[0] = (struct process){.state = PROCESS_ALIVE,
                                    .number = PROCESS_FIRST,
                                    .group = PROCESS_FIRST,
                                    .session = PROCESS_FIRST};
}

struct process *process_first(void)
{
    return &processes[0];
}

struct process *process_self(void)
{
    return thread_self()->process;
}

struct process *process_at(size_t index)
{
    return &processes[index];
}

struct process *process_find(int number)
{
    for (size_t i = 0; i < PROCESSES_MAX; i++) {
        if (processes[i].state != PROCESS_FREE && processes[i].number == number)
            return &processes[i];
    }
    return NULL;
}

/* --- numbers ---------------------------------------------------------------------------------- */

static bool is_used(int number)
{
    for (size_t i = 0; i < PROCESSES_MAX; i++) {
        const struct process *one = &processes[i];
        if (one->state != PROCESS_FREE &&
            (one->number == number || one->group == number || one->session == number))
            return true;
    }
    return thread_find(number) != NULL;
}

/* Numbers that are used last come again last, as Linux does it. */
int process_new_number(void)
{
    static int last = PROCESS_FIRST;
    do
        last = last < THREAD_NUMBER_MAX ? last + 1 : PROCESS_FIRST;
    while (is_used(last));
    return last;
}
