#include "enclave/libos/threads/thread.h"

#include <asm/errno.h>

#include "enclave/libos/door/door.h"
#include "enclave/libos/processes/process.h"

static struct thread threads[THREADS_MAX];

size_t thread_index(const struct thread *thread)
{
    return (size_t)(thread - threads);
}

struct thread *thread_at(size_t index)
{
    return &threads[index];
}

struct thread *thread_find(int number)
{
    for (size_t i = 0; i < THREADS_MAX; i++) {
        if (threads[i].state != THREAD_FREE && !threads[i].service && threads[i].number == number)
            return &threads[i];
    }
    return NULL;
}

struct thread *thread_new(struct process *process, int number)
{
    for (size_t i = 0; i < THREADS_MAX; i++) {
        if (threads[i].state != THREAD_FREE)
            continue;
        threads[i] = (struct thread){.number = number != 0 ? number : process_new_number(),
                                     .process = process,
                                     .state = THREAD_ASKED};
        return &threads[i];
    }
    return NULL;
}

/* Index 0 is the program's first thread's alone. */
int thread_start_service(void (*service)(void *argument), void *argument)
{
    size_t i = 1;
    while (i < THREADS_MAX && threads[i].state != THREAD_FREE)
        i++;
    if (i == THREADS_MAX)
        return -EAGAIN;
    threads[i] = (struct thread){.state = THREAD_ASKED,
                                 .signals = {.mask = UINT64_MAX},
                                 .service = service,
                                 .service_argument = argument};
    if (door_spawn(i) == 0)
        return 0;
    thread_free(&threads[i]);
    return -EAGAIN;
}

void thread_free(struct thread *thread)
{
    thread->state = THREAD_FREE;
}

uint64_t thread_bits(void)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < THREADS_MAX; i++)
        bits |= threads[i].state != THREAD_FREE ? UINT64_C(1) << i : 0;
    return bits;
}

size_t thread_count(void)
{
    size_t count = 0;
    for (size_t i = 0; i < THREADS_MAX; i++)
        count += threads[i].state != THREAD_FREE && !threads[i].service;
    return count;
}
