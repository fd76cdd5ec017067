/* System V shared memory: each line says what was seen. */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <unistd.h>

#include "hello.h"

#define PAGE      4096
#define PROCESSES 3
#define ROUNDS    200
#define SIZE      (2 * PAGE + 100)

struct shared {
    atomic_int count;
    char text[PAGE];
};

static int id;
static struct shared *here;

static long attachments(int of)
{
    struct shmid_ds state;
    return shmctl(of, IPC_STAT, &state) < 0 ? -errno : (long)state.shm_nattch;
}

/* --- asking for one --------------------------------------------------------------------------- */

static int makes(void)
{
    key_t key = (key_t)(0x4d000000 + getpid());
    struct shmid_ds state;
    REFUSED(shmget(key, SIZE, 0600), ENOENT);
    REFUSED(shmget(IPC_PRIVATE, 0, 0600), EINVAL);
    NEED((id = shmget(key, SIZE, IPC_CREAT | IPC_EXCL | 0640)) >= 0);
    REFUSED(shmget(key, SIZE, IPC_CREAT | IPC_EXCL | 0640), EEXIST);
    REFUSED(shmget(key, SIZE + 1, 0600), EINVAL);
    NEED(shmget(key, 0, 0) == id && shmget(key, SIZE, IPC_CREAT | 0600) == id);
    NEED(shmctl(id, IPC_STAT, &state) == 0);
    NEED(state.shm_segsz == SIZE && state.shm_cpid == getpid() && state.shm_lpid == 0);
    NEED(state.shm_perm.__key == key && state.shm_perm.uid == geteuid());
    printf("made: %o %lu\n", state.shm_perm.mode, state.shm_nattch);
    return 0;
}

static int refuses(void)
{
    struct shmid_ds state;
    REFUSED((long)shmat(-1, NULL, 0), EINVAL);
    REFUSED((long)shmat(0x7FFFFF00, NULL, 0), EINVAL);
    REFUSED((long)shmat(id, (void *)0x10001, 0), EINVAL); /* NOLINT: a number */
    REFUSED((long)shmat(id, NULL, SHM_REMAP), EINVAL);
    REFUSED(shmctl(-1, IPC_STAT, &state), EINVAL);
    REFUSED(shmctl(0x7FFFFF00, IPC_RMID, NULL), EINVAL);
    REFUSED(shmctl(id, 99, &state), EINVAL);
    REFUSED(shmctl(id, IPC_STAT, (struct shmid_ds *)8), EFAULT); /* NOLINT: a number */
    REFUSED(shmctl(id, IPC_SET, (struct shmid_ds *)8), EFAULT);  /* NOLINT: a number */
    REFUSED(shmdt((void *)0x10000), EINVAL);                     /* NOLINT: a number */
    REFUSED(shmdt(&state), EINVAL);
    return 0;
}

static int changes(void)
{
    struct shmid_ds state;
    NEED(shmctl(id, IPC_STAT, &state) == 0);
    state.shm_perm.mode = 07604;
    NEED(shmctl(id, IPC_SET, &state) == 0 && shmctl(id, IPC_STAT, &state) == 0);
    printf("changed: %o\n", state.shm_perm.mode);
    NEED(shmctl(id, SHM_LOCK, NULL) == 0 && shmctl(id, IPC_STAT, &state) == 0);
    printf("locked: %o\n", state.shm_perm.mode);
    NEED(shmctl(id, SHM_UNLOCK, NULL) == 0 && shmctl(id, IPC_STAT, &state) == 0);
    printf("unlocked: %o\n", state.shm_perm.mode);
    return 0;
}

/* --- in one process --------------------------------------------------------------------------- */

static int attaches(void)
{
    char *other, *third, *plain;
    NEED((here = shmat(id, NULL, 0)) != (void *)-1);
    NEED((other = shmat(id, NULL, SHM_RDONLY)) != (void *)-1 && (void *)other != (void *)here);
    printf("attached: %ld\n", attachments(id));
    memcpy(here->text, "a text", sizeof "a text");
    NEED(strcmp(((struct shared *)other)->text, "a text") == 0);
    NEED(((char *)here)[3 * PAGE - 1] == 0);
    REFUSED(mprotect(other, PAGE, PROT_READ | PROT_WRITE), EACCES);
    REFUSED((long)shmat(id, other, 0), EINVAL); /* there is something */
    NEED(shmat(id, other, SHM_REMAP) == other);
    printf("in its place: %ld\n", attachments(id));
    NEED(strcmp(((struct shared *)other)->text, "a text") == 0);
    REFUSED(shmdt(other + PAGE), EINVAL);
    NEED(shmdt(other) == 0);
    REFUSED(shmdt(other), EINVAL);
    NEED((third = shmat(id, other + 5, SHM_RND)) == other && munmap(third, 3 * (size_t)PAGE) == 0);
    printf("detached: %ld\n", attachments(id));
    plain = mmap(NULL, PAGE, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    NEED(plain != MAP_FAILED);
    REFUSED(shmdt(plain), EINVAL); /* no segment */
    NEED(munmap(plain, PAGE) == 0);
    return 0;
}

/* --- in several ------------------------------------------------------------------------------- */

static int count(int who)
{
    struct shared *mine = who == 1 ? shmat(id, NULL, 0) : here;
    NEED(mine != (void *)-1);
    for (int i = 0; i < ROUNDS; i++)
        atomic_fetch_add(&mine->count, 1);
    return who == 1 ? shmdt(mine) : 0;
}

static int are_counted(int who)
{
    (void)who;
    NEED(attachments(id) == 2);
    NEED(shmdt(here) == 0 && attachments(id) == 1);
    REFUSED(shmdt(here), EINVAL);
    NEED((here = shmat(id, NULL, 0)) != (void *)-1 && attachments(id) == 2);
    return raise(SIGKILL);
}

static int removes(int which)
{
    return shmctl(which, IPC_RMID, NULL) < 0 ? errno : 0;
}

static int shares(void)
{
    pid_t pids[PROCESSES];
    int good = 0;
    for (int i = 0; i < PROCESSES; i++)
        pids[i] = hello_fork(count, i);
    for (int i = 0; i < PROCESSES; i++)
        good += hello_end(pids[i]) == 0;
    printf("counted: %d %d\n", good, atomic_load(&here->count));
    printf("its end: %d\n", hello_end(hello_fork(are_counted, 0)));
    printf("after it: %ld\n", attachments(id));
    return 0;
}

/* --- the end ---------------------------------------------------------------------------------- */

static int ends(void)
{
    struct shmid_ds state;
    void *again;
    printf("a child removes it: %d\n", hello_end(hello_fork(removes, id)));
    NEED(shmctl(id, IPC_STAT, &state) == 0);
    printf("removed: %o %ld\n", state.shm_perm.mode, (long)state.shm_nattch);
    REFUSED(shmget((key_t)(0x4d000000 + getpid()), SIZE, 0), ENOENT);
    NEED(strcmp(here->text, "a text") == 0);
    NEED((again = shmat(id, NULL, 0)) != (void *)-1 && shmdt(again) == 0);
    NEED(shmdt(here) == 0);
    REFUSED(shmctl(id, IPC_STAT, &state), EINVAL);
    REFUSED((long)shmat(id, NULL, 0), EINVAL);
    NEED((id = shmget(IPC_PRIVATE, PAGE, 0600)) >= 0);
    NEED(shmctl(id, IPC_RMID, NULL) == 0); /* that nobody has goes at once */
    REFUSED(shmctl(id, IPC_RMID, NULL), EINVAL);
    return 0;
}

int hello_segments(void)
{
    int (*const all[])(void) = {makes, refuses, changes, attaches, shares, ends};
    int result = 0;
    for (size_t i = 0; result == 0 && i < sizeof all / sizeof all[0]; i++) {
        result = all[i]();
        (void)fflush(stdout);
    }
    if (id > 0)
        (void)shmctl(id, IPC_RMID, NULL);
    return result;
}
