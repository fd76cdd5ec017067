#include "enclave/libos/threads/thread.h"

#include <asm/errno.h>

#include "enclave/libos/door/door.h"
#include "enclave/libos/processes/process.h"

/* Those of the pool, and the gate's, which waits in no queue. */
static struct thread threads[THREADS_MAX + 1];

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

struct thread *thread_first(struct process *process, int number)
{
    threads[0] = (struct thread){.number = number, .process = process, .state = THREAD_RUNS};
    return &threads[0];
}

/* Also when the first thread has ended: its place in the enclave is entered once. THREADS_MAX when
 * there is none. */
static size_t find_free(void)
{
    size_t i = 1;
    while (i < THREADS_MAX && threads[i].state != THREAD_FREE)
        i++;
    return i;
}

struct thread *thread_new(struct process *process, int number)
{
    size_t i = find_free();
    if (i == THREADS_MAX)
        return NULL;
    threads[i] = (struct thread){.number = number != 0 ? number : process_new_number(),
                                 .process = process,
                                 .state = THREAD_ASKED};
    return &threads[i];
}

int thread_spawn(const struct thread *thread)
{
    size_t index = thread_index(thread);
    int result = thread_place_make(index);
    return result == 0 ? door_spawn(index) : result;
}

int thread_start_service(void (*service)(void *argument), void *argument)
{
    size_t i = find_free();
    if (i == THREADS_MAX)
        return -EAGAIN;
    threads[i] = (struct thread){.state = THREAD_ASKED,
                                 .signals = {.mask = UINT64_MAX},
                                 .service = service,
                                 .service_argument = argument};
    if (thread_spawn(&threads[i]) == 0)
        return 0;
    thread_free(&threads[i]);
    return -EAGAIN;
}

void thread_free(struct thread *thread)
{
    thread->state = THREAD_FREE;
}

size_t thread_taken(void)
{
    size_t count = 0;
    for (size_t i = 0; i < THREADS_MAX; i++)
        count += threads[i].state != THREAD_FREE;
    return count;
}

uint64_t thread_bit(const struct thread *thread)
{
    return UINT64_C(1) << thread_index(thread) % DOOR_WAKE_BITS;
}

uint64_t thread_bits(const struct thread *but)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < THREADS_MAX; i++) {
        const struct thread *one = &threads[i];
        bits |= one->state != THREAD_FREE && one != but ? thread_bit(one) : 0;
    }
    return bits;
}

size_t thread_count(void)
{
    size_t count = 0;
    for (size_t i = 0; i < THREADS_MAX; i++)
        count += threads[i].state != THREAD_FREE && !threads[i].service;
    return count;
}
