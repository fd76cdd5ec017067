/* Memory that processes share: each line says what was seen. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hello.h"

#define PAGE      4096
#define PROCESSES 4
#define ROUNDS    500
#define RW        (PROT_READ | PROT_WRITE)

/* All of them at once: how many came to 0. */
static int run_all(int (*work)(int))
{
    pid_t pids[PROCESSES];
    int good = 0;
    for (int i = 0; i < PROCESSES; i++)
        pids[i] = hello_fork(work, i);
    for (int i = 0; i < PROCESSES; i++)
        good += hello_end(pids[i]) == 0;
    return good;
}

static void *map(size_t size, int fd)
{
    return mmap(NULL, size, RW, fd < 0 ? MAP_SHARED | MAP_ANONYMOUS : MAP_SHARED, fd, 0);
}

/* --- memory without a name -------------------------------------------------------------------- */

static struct {
    atomic_int count, turn;
    int plain;
    pthread_mutex_t mutex, robust;
    pthread_cond_t condition;
    pthread_barrier_t barrier;
    sem_t semaphore;
    int ready, ahead;
    char text[2 * PAGE];
} * all;

static int count(int who)
{
    (void)who;
    for (int i = 0; i < ROUNDS; i++)
        atomic_fetch_add(&all->count, 1);
    return 0;
}

static int count_locked(int who)
{
    (void)who;
    for (int i = 0; i < ROUNDS / 5; i++) {
        (void)pthread_mutex_lock(&all->mutex);
        all->plain++;
        (void)pthread_mutex_unlock(&all->mutex);
    }
    return 0;
}

/* One after another, by turns, in the order of their numbers. */
static int take_turns(int who)
{
    for (int i = 0; i < 20; i++) {
        (void)pthread_mutex_lock(&all->mutex);
        while (all->ready % PROCESSES != who)
            (void)pthread_cond_wait(&all->condition, &all->mutex);
        all->ready++;
        (void)pthread_cond_broadcast(&all->condition);
        (void)pthread_mutex_unlock(&all->mutex);
    }
    return 0;
}

static int meet(int who)
{
    for (int i = 0; i < 5; i++) {
        all->text[who] = (char)('a' + i);
        (void)pthread_barrier_wait(&all->barrier);
        for (int k = 0; k < PROCESSES; k++) {
            if (all->text[k] != 'a' + i)
                return 1;
        }
        (void)pthread_barrier_wait(&all->barrier);
    }
    return 0;
}

static int pass(int who)
{
    (void)who;
    (void)sem_wait(&all->semaphore);
    atomic_fetch_add(&all->turn, 1);
    (void)sem_post(&all->semaphore);
    return 0;
}

static int die_locked(int who)
{
    (void)pthread_mutex_lock(&all->robust);
    if (who == 1)
        (void)raise(SIGKILL);
    return 0;
}

static int wait_in_vain(int who)
{
    struct timespec soon;
    (void)who;
    (void)clock_gettime(CLOCK_REALTIME, &soon);
    soon.tv_nsec += 20000000;
    if (soon.tv_nsec >= 1000000000) {
        soon.tv_sec++;
        soon.tv_nsec -= 1000000000;
    }
    return sem_timedwait(&all->semaphore, &soon) == -1 && errno == ETIMEDOUT ? 0 : 1;
}

/* The library OS itself reads and writes the memory. */
static int by_calls(int who)
{
    int ends[2];
    char bytes[100] = "";
    (void)who;
    if (pipe(ends) < 0 || write(ends[1], all->text, 50) != 50 || read(ends[0], bytes, 50) != 50 ||
        memcmp(bytes, all->text, 50) != 0)
        return 1;
    memset(bytes, 'z', sizeof bytes);
    if (write(ends[1], bytes, 100) != 100 || read(ends[0], all->text + PAGE - 50, 100) != 100)
        return 2;
    return 0;
}

static int make(void)
{
    pthread_mutexattr_t attributes;
    pthread_condattr_t of_condition;
    pthread_barrierattr_t of_barrier;
    all = map(sizeof *all, -1);
    NEED(all != MAP_FAILED);
    NEED(pthread_mutexattr_init(&attributes) == 0);
    NEED(pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED) == 0);
    NEED(pthread_mutex_init(&all->mutex, &attributes) == 0);
    NEED(pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST) == 0);
    NEED(pthread_mutex_init(&all->robust, &attributes) == 0);
    NEED(pthread_condattr_init(&of_condition) == 0);
    NEED(pthread_condattr_setpshared(&of_condition, PTHREAD_PROCESS_SHARED) == 0);
    NEED(pthread_cond_init(&all->condition, &of_condition) == 0);
    NEED(pthread_barrierattr_init(&of_barrier) == 0);
    NEED(pthread_barrierattr_setpshared(&of_barrier, PTHREAD_PROCESS_SHARED) == 0);
    NEED(pthread_barrier_init(&all->barrier, &of_barrier, PROCESSES) == 0);
    NEED(sem_init(&all->semaphore, 1, 0) == 0);
    return 0;
}

static int in_memory(void)
{
    int made = make();
    NEED(made == 0);
    printf("atomic: %d", run_all(count));
    printf(" %d\n", all->count);
    printf("mutex: %d", run_all(count_locked));
    printf(" %d\n", all->plain);
    printf("condition: %d", run_all(take_turns));
    printf(" %d\n", all->ready);
    printf("barrier: %d\n", run_all(meet));
    printf("semaphore in vain: %d\n", hello_end(hello_fork(wait_in_vain, 0)));
    (void)sem_post(&all->semaphore);
    printf("semaphore: %d", run_all(pass));
    printf(" %d\n", all->turn);
    printf("calls: %d", hello_end(hello_fork(by_calls, 0)));
    printf(" %c%c%d\n", all->text[PAGE - 1], all->text[PAGE], all->text[PAGE + 50]);
    for (int who = 0; who < 2; who++) {
        printf("robust: %d", hello_end(hello_fork(die_locked, who)));
        printf(" %d", pthread_mutex_lock(&all->robust) == EOWNERDEAD);
        printf(" %d", pthread_mutex_consistent(&all->robust));
        printf(" %d\n", pthread_mutex_unlock(&all->robust));
    }
    return munmap(all, sizeof *all);
}

/* --- a file ----------------------------------------------------------------------------------- */

static char *mapped;
static int file;

static int change(int who)
{
    char bytes[4] = "";
    mapped[PAGE] = 'c';
    if (pread(file, bytes, 3, PAGE) != 3 || memcmp(bytes, "cin", 3) != 0)
        return 1;
    if (pwrite(file, "written", 7, 10) != 7 || mapped[10] != 'w' || mapped[16] != 'n')
        return 2;
    if (who == 1)
        (void)raise(SIGKILL); /* what it has written is there all the same */
    return 0;
}

static void on_bus(int number, siginfo_t *info, void *context)
{
    (void)context;
    printf("signal %d %d %d\n", number, info->si_code, info->si_addr == mapped + 2 * PAGE);
    (void)fflush(stdout);
    _exit(7);
}

static int beyond_the_end(int who)
{
    const struct sigaction action = {.sa_sigaction = on_bus, .sa_flags = SA_SIGINFO};
    (void)who;
    (void)sigaction(SIGBUS, &action, NULL);
    return *(volatile char *)(mapped + 2 * PAGE);
}

static int in_a_file(void)
{
    char bytes[4] = "";
    file = shm_open("/hello-shared", O_RDWR | O_CREAT | O_TRUNC, 0600);
    NEED(file >= 0 && shm_unlink("/hello-shared") == 0);
    NEED(pwrite(file, "begin", 5, PAGE) == 5 && ftruncate(file, 2 * PAGE) == 0);
    mapped = map(4 * PAGE, file);
    NEED(mapped != MAP_FAILED);
    char *second = map(2 * PAGE, file);
    NEED(second != MAP_FAILED);
    memcpy(mapped + PAGE, "again", 5);
    NEED(memcmp(second + PAGE, "again", 5) == 0); /* both show the same */
    NEED(pread(file, bytes, 3, PAGE) == 3 && memcmp(bytes, "aga", 3) == 0);
    NEED(pwrite(file, "ag", 2, PAGE) == 2 && pwrite(file, "in", 2, PAGE + 1) == 2);
    second[PAGE + 1] = 'i';
    for (int who = 0; who < 2; who++) {
        printf("file: %d", hello_end(hello_fork(change, who)));
        printf(" %c %.7s\n", mapped[PAGE], second + 10);
        second[PAGE] = 'x';
    }
    printf("beyond: %d\n", hello_end(hello_fork(beyond_the_end, 0)));
    NEED(ftruncate(file, PAGE) == 0 && ftruncate(file, 3 * PAGE) == 0);
    NEED(mapped[PAGE] == 0 && second[PAGE + 2] == 0 && mapped[2 * PAGE] == 0);
    NEED(madvise(second, PAGE, MADV_DONTNEED) == 0 && memcmp(second + 10, "written", 7) == 0);
    NEED(msync(second, PAGE, MS_SYNC) == 0);
    NEED(mprotect(second, PAGE, PROT_READ) == 0 && memcmp(second + 10, "written", 7) == 0);
    NEED(munmap(second, PAGE) == 0);
    second = mremap(second + PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE);
    NEED(second != MAP_FAILED);
    mapped[PAGE] = 'm';
    mapped[2 * PAGE] = 'n';
    NEED(second[0] == 'm' && second[PAGE] == 'n');
    NEED(munmap(second, 2 * PAGE) == 0 && munmap(mapped, 4 * PAGE) == 0);
    NEED(pread(file, bytes, 1, 2 * PAGE) == 1 && bytes[0] == 'n');
    return close(file);
}

static int refused(void)
{
    int fd = shm_open("/hello-shared", O_RDONLY | O_CREAT | O_TRUNC, 0600);
    NEED(fd >= 0 && shm_unlink("/hello-shared") == 0);
    NEED(mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0) == MAP_FAILED && errno == EACCES);
    char *read_only = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
    NEED(read_only != MAP_FAILED);
    REFUSED(mprotect(read_only, PAGE, RW), EACCES);
    NEED(munmap(read_only, PAGE) == 0 && close(fd) == 0);
    NEED(mmap(NULL, 0, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0) == MAP_FAILED && errno == EINVAL);
    fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    NEED(mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0) == MAP_FAILED && errno == ENODEV);
    NEED(close(fd) == 0);
    fd = memfd_create("m", MFD_ALLOW_SEALING);
    NEED(fd >= 0 && ftruncate(fd, PAGE) == 0);
    char *sealed = map(PAGE, fd);
    NEED(sealed != MAP_FAILED);
    REFUSED(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
    NEED(munmap(sealed, PAGE) == 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) == 0);
    NEED(mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0) == MAP_FAILED && errno == EPERM);
    return close(fd);
}

int hello_shares(void)
{
    int result = in_memory();
    if (result == 0)
        result = in_a_file();
    return result == 0 ? refused() : result;
}
