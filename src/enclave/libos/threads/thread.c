#include "enclave/libos/threads/thread.h"

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
        if (threads[i].state != THREAD_FREE && threads[i].number == number)
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
        count += threads[i].state != THREAD_FREE;
    return count;
}
