#include "enclave/libos/threads/thread.h"

static struct thread threads[THREADS_MAX];
static int last_number;

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

/* Numbers that are used last come again last, as Linux does it. */
static int next_number(void)
{
    do
        last_number = last_number < THREAD_NUMBER_MAX ? last_number + 1 : THREAD_MAIN;
    while (thread_find(last_number));
    return last_number;
}

struct thread *thread_new(void)
{
    for (size_t i = 0; i < THREADS_MAX; i++) {
        if (threads[i].state != THREAD_FREE)
            continue;
        threads[i] = (struct thread){.number = next_number(), .state = THREAD_ASKED};
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
