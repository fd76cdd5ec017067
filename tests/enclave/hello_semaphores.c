/* System V semaphores: each line says what was seen. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "hello.h"

#define COUNT     3
#define PROCESSES COUNT
#define ROUNDS    50

union semun {
    int val;
    struct semid_ds *buf;
    unsigned short *array;
};

static int id;

static int change(unsigned short number, short by, short flags)
{
    struct sembuf one = {number, by, flags};
    return semop(id, &one, 1);
}

static int value(int number)
{
    return semctl(id, number, GETVAL);
}

/* --- asking for them -------------------------------------------------------------------------- */

static int makes(void)
{
    key_t key = (key_t)(0x53000000 + getpid());
    struct semid_ds state = {0};
    union semun told = {.buf = &state};
    REFUSED(semget(key, COUNT, 0600), ENOENT);
    REFUSED(semget(IPC_PRIVATE, 0, 0600), EINVAL);
    REFUSED(semget(IPC_PRIVATE, -1, 0600), EINVAL);
    NEED((id = semget(key, COUNT, IPC_CREAT | IPC_EXCL | 0640)) >= 0);
    REFUSED(semget(key, COUNT, IPC_CREAT | IPC_EXCL | 0640), EEXIST);
    REFUSED(semget(key, COUNT + 1, 0600), EINVAL);
    NEED(semget(key, 0, 0) == id && semget(key, COUNT, IPC_CREAT | 0600) == id);
    NEED(semctl(id, 0, IPC_STAT, told) == 0);
    NEED(state.sem_nsems == COUNT && state.sem_otime == 0 && state.sem_ctime > 0);
    NEED(state.sem_perm.__key == key && state.sem_perm.uid == geteuid());
    printf("made: %o\n", state.sem_perm.mode);
    return 0;
}

static int refuses(void)
{
    struct sembuf many[501] = {{0}};
    struct timespec bad = {0, 1000000000};
    unsigned short values[COUNT] = {1, 2, 40000};
    union semun told = {.array = values};
    REFUSED(semctl(-1, 0, GETVAL), EINVAL);
    REFUSED(semctl(0x7FFFFF00, 0, GETVAL), EINVAL);
    REFUSED(semctl(id, COUNT, GETVAL), EINVAL);
    REFUSED(semctl(id, -1, GETVAL), EINVAL);
    REFUSED(semctl(id, 0, 77), EINVAL);
    REFUSED(semctl(id, 0, 0x1000), EINVAL); /* a number that the library OS has for itself */
    REFUSED(semctl(id, 0, SETALL, told), ERANGE);
    REFUSED(semctl(id, 0, SETALL, (union semun){.array = (void *)8}), EFAULT); /* NOLINT */
    REFUSED(semctl(id, 0, GETALL, (union semun){.array = (void *)8}), EFAULT); /* NOLINT */
    REFUSED(semctl(id, 0, IPC_SET, (union semun){.buf = (void *)8}), EFAULT);  /* NOLINT */
    REFUSED(semctl(id, 0, SETVAL, (union semun){.val = 32768}), ERANGE);
    REFUSED(semctl(id, 0, SETVAL, (union semun){.val = -1}), ERANGE);
    REFUSED(semop(id, many, 0), EINVAL);
    REFUSED(semop(-1, many, 1), EINVAL);
    REFUSED(semop(0x7FFFFF00, many, 1), EINVAL);
    REFUSED(semop(id, (void *)8, 1), EFAULT); /* NOLINT */
    REFUSED(semtimedop(id, many, 1, &bad), EINVAL);
    many[0].sem_num = COUNT;
    REFUSED(semop(id, many, 1), EFBIG);
    return 0;
}

/* --- operations ------------------------------------------------------------------------------- */

static int operates(void)
{
    unsigned short values[COUNT] = {5, 0, 1};
    struct sembuf together[] = {{0, -2, 0}, {1, 3, 0}, {2, -2, IPC_NOWAIT}};
    const struct timespec soon = {0, 2000000};
    union semun told = {.array = values};
    NEED(semctl(id, 0, SETALL, told) == 0);
    REFUSED(semop(id, together, 3), EAGAIN); /* none of them is done */
    NEED(value(0) == 5 && value(1) == 0 && value(2) == 1);
    together[2].sem_op = -1;
    NEED(semop(id, together, 3) == 0);
    memset(values, 0, sizeof values);
    NEED(semctl(id, 0, GETALL, told) == 0);
    printf("values %d %d %d by itself %d\n", values[0], values[1], values[2],
           semctl(id, 2, GETPID) == getpid());
    REFUSED(change(0, 0, IPC_NOWAIT), EAGAIN);
    NEED(change(2, 0, IPC_NOWAIT) == 0);
    struct sembuf one = {2, -1, 0};
    REFUSED(semtimedop(id, &one, 1, &soon), EAGAIN);
    NEED(semctl(id, 0, SETVAL, (union semun){.val = 32767}) == 0);
    REFUSED(change(0, 1, 0), ERANGE);
    NEED(change(0, -32767, 0) == 0 && value(0) == 0);
    return 0;
}

static void on_signal(int number)
{
    (void)number;
}

static int waits_for_a_signal(int number)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    (void)sigaction(SIGALRM, &action, NULL);
    (void)alarm(1); /* never made again, whatever the action says */
    return change((unsigned short)number, -1, 0) == -1 && errno == EINTR ? 4 : 1;
}

static int waits_for_its_end(int number)
{
    return change((unsigned short)number, -1, 0) == -1 && errno == EIDRM ? 5 : 1;
}

static int holds(int number)
{
    return change((unsigned short)number, -1, SEM_UNDO) == 0 &&
                   change((unsigned short)number, 1, 0) == 0 &&
                   change((unsigned short)number, -1, SEM_UNDO) == 0
               ? 6
               : 1;
}

static int holds_and_is_killed(int number)
{
    (void)change((unsigned short)number, -1, SEM_UNDO);
    (void)raise(SIGKILL);
    return 1;
}

/* Turns go round: each waits for its own semaphore and gives to the next. */
static int takes_turns(int own)
{
    for (int i = 0; i < ROUNDS; i++) {
        if (change((unsigned short)own, -1, 0) < 0 ||
            change((unsigned short)((own + 1) % COUNT), 1, 0) < 0)
            return 1;
    }
    return 7;
}

static void await_waiter(int number)
{
    const struct timespec short_while = {0, 1000000};
    while (semctl(id, number, GETNCNT) == 0)
        (void)nanosleep(&short_while, NULL);
}

static int between_processes(void)
{
    pid_t all[PROCESSES];
    unsigned short values[COUNT] = {1, 0, 0};
    NEED(semctl(id, 0, SETALL, (union semun){.array = values}) == 0);
    for (int i = 0; i < PROCESSES; i++)
        NEED((all[i] = hello_fork(takes_turns, i)) > 0);
    for (int i = 0; i < PROCESSES; i++)
        NEED(hello_end(all[i]) == 7);
    printf("turns %d %d %d\n", value(0), value(1), value(2));
    NEED(semctl(id, 1, SETVAL, (union semun){.val = 0}) == 0);
    printf("signal %d\n", hello_end(hello_fork(waits_for_a_signal, 1)));
    NEED(semctl(id, 1, SETVAL, (union semun){.val = 2}) == 0);
    int code = hello_end(hello_fork(holds, 1));
    printf("undo %d: %d\n", code, value(1));
    code = hello_end(hello_fork(holds_and_is_killed, 1));
    printf("killed %d: %d\n", code, value(1));
    return 0;
}

static int ends(void)
{
    NEED(semctl(id, 2, SETVAL, (union semun){.val = 0}) == 0);
    pid_t waiting = hello_fork(waits_for_its_end, 2);
    await_waiter(2);
    printf("waiting %d %d\n", semctl(id, 2, GETNCNT), semctl(id, 2, GETZCNT));
    NEED(semctl(id, 0, IPC_RMID) == 0);
    printf("removed %d\n", hello_end(waiting));
    REFUSED(value(0), EINVAL);
    REFUSED(semctl(id, 0, IPC_RMID), EINVAL);
    return 0;
}

int hello_semaphores(void)
{
    int (*const all[])(void) = {makes, refuses, operates, between_processes, ends};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        int status = all[i]();
        (void)fflush(stdout);
        if (status != 0)
            return status;
    }
    return 0;
}
