#include "wary.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGES 4
#define PAGE  4096

struct shared {
    atomic_uint count;
    uint8_t bytes[PAGES * PAGE - 64];
};

/* A child may be killed by its host: that is told, and nothing else than the code it had is said.
 */
static void expect_end(pid_t pid, int code)
{
    int status = 0;
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        wary_tells("a process");
    if (WIFEXITED(status) && WEXITSTATUS(status) == 66)
        wary_finds("what a child found");
    if (!WIFEXITED(status) || WEXITSTATUS(status) != code)
        wary_tells("a child that ended otherwise");
}

/* What the parent had, with memory of its own; asks the parent's enclave for the time of files. */
static _Noreturn void be_forked(struct shared *shared, const uint8_t *own, int fd)
{
    const struct timespec while_ = {.tv_nsec = 30000000}; /* it moves to an enclave of its own */
    (void)nanosleep(&while_, NULL);
    if (!wary_knows(own, 0, PAGE) || !wary_knows(shared->bytes, 0, sizeof shared->bytes))
        wary_finds("memory of a fork");
    (void)atomic_fetch_add(&shared->count, 5);
    if (write(fd, own, PAGE) != PAGE)
        wary_tells("a pipe of another process'");
    _exit(17);
}

static void fork_once(struct shared *shared, uint8_t *own)
{
    int ends[2];
    uint8_t back[PAGE];
    size_t all = 0;
    ssize_t got;
    if (pipe(ends) < 0)
        wary_tells("pipe");
    pid_t pid = fork();
    if (pid < 0)
        wary_tells("fork");
    if (pid == 0)
        be_forked(shared, own, ends[1]);
    (void)close(ends[1]);
    while (all < PAGE && (got = read(ends[0], back + all, PAGE - all)) > 0)
        all += (size_t)got;
    if (!wary_knows(back, 0, all))
        wary_finds("bytes of another process'");
    expect_end(pid, 17);
    if (all != PAGE)
        wary_finds("a pipe of a process that ended well");
    (void)close(ends[0]);
}

/* posix_spawn(3) shares memory with the child until that runs its program. */
static void run_once(const char *self)
{
    char *const words[] = {(char *)(uintptr_t)self, (char *)(uintptr_t) "child", NULL};
    pid_t pid;
    errno = posix_spawn(&pid, self, NULL, NULL, words, NULL);
    expect_end(errno == 0 ? pid : -1, 21);
}

void wary_family(const char *self)
{
    struct shared *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE,
                                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    static uint8_t own[PAGE];
    if (shared == MAP_FAILED)
        wary_tells("memory");
    for (size_t i = 0; i < sizeof shared->bytes; i++)
        shared->bytes[i] = wary_byte(i);
    for (size_t i = 0; i < PAGE; i++)
        own[i] = wary_byte(i);
    fork_once(shared, own);
    if (atomic_load(&shared->count) != 5 || !wary_knows(shared->bytes, 0, sizeof shared->bytes))
        wary_finds("memory that is shared");
    wary_says("forked\n");
    run_once(self);
    wary_says("run\n");
}

int wary_child(void)
{
    uint8_t bytes[2000];
    int fd = open("/data", O_RDONLY);
    if (fd < 0 || read(fd, bytes, sizeof bytes) != (ssize_t)sizeof bytes)
        wary_tells("a file of the first enclave's");
    if (!wary_knows(bytes, 0, sizeof bytes))
        wary_finds("bytes of a file of the first enclave's");
    wary_says("child\n");
    return 21;
}
