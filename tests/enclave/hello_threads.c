/* Threads of libc's: each word says what went as it should. */
#include <errno.h>
#include <fenv.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "hello.h"

#define THREADS 8
#define ROUNDS  2000

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static int sum;           /* by the lock */
static int turn;          /* whose it is, by the lock */
static atomic_int passed; /* the barrier */
static _Thread_local int own = 7;

static void *count(void *argument)
{
    int index = *(int *)argument;
    for (int i = 0; i < ROUNDS; i++) {
        (void)pthread_mutex_lock(&lock);
        sum += index;
        (void)pthread_mutex_unlock(&lock);
        own += index;
    }
    (void)pthread_barrier_wait(&barrier);
    atomic_fetch_add(&passed, 1);
    (void)pthread_barrier_wait(&barrier);
    int result = atomic_load(&passed) == THREADS && own == 7 + ROUNDS * index;
    (void)pthread_mutex_lock(&lock); /* one after another */
    while (turn != index)
        (void)pthread_cond_wait(&changed, &lock);
    turn++;
    (void)pthread_cond_broadcast(&changed);
    (void)pthread_mutex_unlock(&lock);
    return result ? argument : NULL;
}

static int many(void)
{
    static int indices[THREADS];
    pthread_t threads[THREADS];
    int good = 0;
    void *result;
    (void)pthread_barrier_init(&barrier, NULL, THREADS);
    for (int i = 0; i < THREADS; i++) {
        indices[i] = i;
        if (pthread_create(&threads[i], NULL, count, &indices[i]) != 0)
            return 1;
    }
    for (int i = 0; i < THREADS; i++) {
        if (pthread_join(threads[i], &result) == 0 && result == &indices[i])
            good++;
    }
    (void)printf("threads %d sum %d turn %d own %d\n", good, sum, turn, own);
    return 0;
}

/* --- one after another: a place is free again when its thread has ended ----------------------- */

static void *add_one(void *argument)
{
    atomic_fetch_add((atomic_int *)argument, 1);
    return NULL;
}

static int successive(void)
{
    atomic_int seen = 0;
    for (int i = 0; i < 200; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, add_one, &seen) != 0 || pthread_join(thread, NULL) != 0)
            return 1;
    }
    (void)printf("successive %d\n", atomic_load(&seen));
    return 0;
}

/* --- waiting for files ------------------------------------------------------------------------ */

static int ends[2];

static void *feed(void *argument)
{
    char block[3000];
    (void)argument;
    memset(block, 'x', sizeof block);
    for (int i = 0; i < 100; i++) { /* more than a pipe holds */
        if (write(ends[1], block, sizeof block) != sizeof block)
            return NULL;
    }
    (void)close(ends[1]);
    return NULL;
}

static int pipes(void)
{
    pthread_t thread;
    char buffer[1000];
    size_t all = 0;
    ssize_t got;
    if (pipe(ends) < 0 || pthread_create(&thread, NULL, feed, NULL) != 0)
        return 1;
    while ((got = read(ends[0], buffer, sizeof buffer)) > 0)
        all += (size_t)got;
    (void)pthread_join(thread, NULL);
    (void)printf("pipe %zu %zd\n", all, got);
    return close(ends[0]);
}

static int counter;

static void *raise_counter(void *argument)
{
    const struct timespec little = {0, 20000000};
    const uint64_t three = 3;
    (void)argument;
    (void)nanosleep(&little, NULL);
    return write(counter, &three, sizeof three) == sizeof three ? NULL : &counter;
}

static int polled(void)
{
    pthread_t thread;
    void *result;
    uint64_t value = 0;
    struct pollfd item = {.events = POLLIN};
    counter = item.fd = eventfd(0, 0);
    if (counter < 0 || poll(&item, 1, 10) != 0 ||
        pthread_create(&thread, NULL, raise_counter, NULL) != 0)
        return 1;
    int ready = poll(&item, 1, 20000);
    if (read(counter, &value, sizeof value) != sizeof value)
        return 2;
    (void)pthread_join(thread, &result);
    (void)printf("poll %d %d %d %s\n", ready, item.revents, (int)value, result ? "bad" : "good");
    return close(counter);
}

/* --- time ------------------------------------------------------------------------------------- */

static long long now(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static int waits(void)
{
    const struct timespec little = {0, 30000000};
    struct timespec until;
    sem_t never;
    long long begin = now();
    (void)sem_init(&never, 0, 0);
    int slept = nanosleep(&little, NULL);
    bool was_long = now() - begin >= 30000000;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += 20000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    int outcome = sem_timedwait(&never, &until);
    int why = errno;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    int again = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
    (void)printf("sleep %d %d wait %d %s at %d\n", slept, was_long, outcome, strerror(why), again);
    return 0;
}

/* --- what a thread inherits, and robust locks ------------------------------------------------- */

static void *round_up(void *argument)
{
    *(int *)argument = fegetround() == FE_UPWARD;
    return NULL;
}

static int inherits(void)
{
    pthread_t thread;
    int is_up = 0;
    (void)fesetround(FE_UPWARD);
    if (pthread_create(&thread, NULL, round_up, &is_up) != 0 || pthread_join(thread, NULL) != 0)
        return 1;
    (void)fesetround(FE_TONEAREST);
    (void)printf("rounding %d\n", is_up);
    return 0;
}

static pthread_mutex_t robust;

static void *hold(void *argument)
{
    (void)argument;
    (void)pthread_mutex_lock(&robust);
    return NULL;
}

static int owner_dies(void)
{
    pthread_mutexattr_t kind;
    pthread_t thread;
    (void)pthread_mutexattr_init(&kind);
    (void)pthread_mutexattr_setrobust(&kind, PTHREAD_MUTEX_ROBUST);
    (void)pthread_mutex_init(&robust, &kind);
    if (pthread_create(&thread, NULL, hold, NULL) != 0)
        return 1;
    int outcome = pthread_mutex_lock(&robust); /* before or after it ended */
    if (outcome == 0) {
        (void)pthread_mutex_unlock(&robust);
        (void)pthread_join(thread, NULL);
        outcome = pthread_mutex_lock(&robust);
    }
    (void)printf("robust %s\n", strerror(outcome));
    return 0;
}

/* --- the time, while its place comes and goes --------------------------------------------------
 */

static atomic_bool is_enough;

static void *take_away(void *page)
{
    while (!atomic_load(&is_enough)) {
        if (mprotect(page, 4096, PROT_NONE) < 0 || mprotect(page, 4096, PROT_READ | PROT_WRITE) < 0)
            return page;
    }
    return NULL;
}

/* The call itself, which answers; libc's may write the time in the program's own name. */
static int clock_in_a_page_that_goes(void)
{
    int told = 0, faults = 0;
    const long long until = now() + 20000000000LL;
    pthread_t thread;
    void *result;
    char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED || pthread_create(&thread, NULL, take_away, page) != 0)
        return 1;
    while ((told < 1000 || faults < 1000) && now() < until) {
        long status = syscall(SYS_clock_gettime, CLOCK_MONOTONIC, page + 8);
        told += status == 0;
        faults += status < 0 && errno == EFAULT;
        if (status < 0 && errno != EFAULT)
            return 2;
    }
    atomic_store(&is_enough, true);
    (void)pthread_join(thread, &result);
    (void)printf("clock %d %d\n", told >= 1000, faults >= 1000);
    return result ? 3 : 0;
}

/* --- calls themselves ------------------------------------------------------------------------- */

static int refusals(void)
{
    static uint32_t word = 5;
    const struct timespec bad = {0, 1000000000};
    long results[] = {
        syscall(SYS_futex, &word, 0, 4, NULL), syscall(SYS_futex, 1, 0, 4, NULL),
        syscall(SYS_futex, &word, 0, 5, &bad), syscall(SYS_futex, &word, 9, 5, NULL, NULL, 0),
        syscall(SYS_futex, 8, 1, 1),           syscall(SYS_futex, &word, 1, 1),
        syscall(SYS_nanosleep, &bad, NULL)};
    for (size_t i = 0; i < sizeof results / sizeof *results; i++)
        (void)printf("%ld ", results[i]);
    (void)printf("%d\n", sched_yield());
    return 0;
}

/* The program ends while others run, wait, sleep. */
static _Noreturn void *spin(void *argument)
{
    for (;;)
        atomic_fetch_add((atomic_int *)argument, 1);
}

static _Noreturn void *stay(void *argument)
{
    (void)argument;
    (void)pause();
    for (;;)
        (void)sleep(1000);
}

int hello_threads(void)
{
    static int (*const all[])(void) = {many,  successive, pipes,      polled,
                                       waits, inherits,   owner_dies, clock_in_a_page_that_goes};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        int result = all[i]();
        if (result != 0)
            return 10 * (int)(i + 1) + result;
    }
    return refusals();
}

int hello_leave(void)
{
    static atomic_int turns;
    pthread_t threads[2];
    if (pthread_create(&threads[0], NULL, spin, &turns) != 0 ||
        pthread_create(&threads[1], NULL, stay, NULL) != 0)
        return 1;
    while (atomic_load(&turns) < 1000)
        (void)sched_yield();
    exit(17); /* no return: the others go on till then */
}

static void *stay_a_little(void *argument)
{
    const struct timespec little = {0, 1000000};
    (void)nanosleep(&little, NULL);
    return argument;
}

/* The first thread ends before the others, which make more of them. */
static void *last(void *argument)
{
    const struct timespec little = {0, 20000000};
    pthread_t threads[3];
    int made = 0;
    (void)argument;
    (void)nanosleep(&little, NULL);
    while (made < 3 && pthread_create(&threads[made], NULL, stay_a_little, NULL) == 0)
        made++;
    for (int i = 0; i < made; i++)
        (void)pthread_join(threads[i], NULL);
    (void)printf("last, with %d more\n", made);
    (void)fflush(stdout);
    return NULL;
}

int hello_first_ends(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, last, NULL) != 0)
        return 1;
    pthread_exit(NULL);
}
