/* usage: enclave-wary alone | family | child | quotes; /data has the bytes of wary_byte(), standard
 * input begins with them. */
#include "wary.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define INPUT_SIZE 9000
#define DATA_SIZE  300000
#define PAGE       4096
#define THREADS    3
#define TURNS      200
#define PIECE      500

void wary_says(const char *line)
{
    for (size_t done = 0; done < strlen(line);) {
        ssize_t taken = write(STDOUT_FILENO, line + done, strlen(line) - done);
        if (taken < 0 && errno != EINTR)
            _exit(4);
        done += taken > 0 ? (size_t)taken : 0;
    }
}

_Noreturn void wary_tells(const char *what)
{
    char line[128];
    (void)snprintf(line, sizeof line, "told: %s: %d\n", what, errno);
    wary_says(line);
    _exit(3);
}

_Noreturn void wary_finds(const char *what)
{
    char line[128];
    (void)snprintf(line, sizeof line, "WRONG: %s\n", what);
    wary_says(line);
    _exit(66);
}

static void must(bool has_worked, const char *what)
{
    if (!has_worked)
        wary_tells(what);
}

uint8_t wary_byte(size_t at)
{
    return (uint8_t)(at * 7 + (at >> 8));
}

bool wary_knows(const uint8_t *bytes, size_t at, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != wary_byte(at + i))
            return false;
    }
    return true;
}

/* --- input and files -------------------------------------------------------------------------- */

static void read_input(void)
{
    uint8_t bytes[1000];
    size_t all = 0;
    ssize_t got;
    while ((got = read(STDIN_FILENO, bytes, sizeof bytes)) > 0) {
        if ((size_t)got > sizeof bytes)
            wary_finds("more was read than there is room for");
        must(wary_knows(bytes, all, (size_t)got), "bytes of the input");
        all += (size_t)got;
    }
    must(got == 0 && all == INPUT_SIZE, "the input's size");
    wary_says("input\n");
}

static void read_file(const char *path, size_t wanted)
{
    static uint8_t bytes[DATA_SIZE + 1];
    size_t all = 0;
    ssize_t got = 1;
    int fd = open(path, O_RDONLY);
    must(fd >= 0, path);
    for (; got > 0; all += got > 0 ? (size_t)got : 0)
        got = read(fd, bytes + all, sizeof bytes - all);
    must(got == 0, path);
    if (all != wanted || !wary_knows(bytes, 0, all))
        wary_finds(path);
    (void)close(fd);
}

static void use_files(void)
{
    uint8_t bytes[20000];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = wary_byte(i);
    read_file("/data", DATA_SIZE);
    if (open("/none", O_RDONLY) >= 0 || errno != ENOENT)
        wary_finds("a file that is not there");
    int fd = open("/made", O_WRONLY | O_CREAT | O_EXCL, 0600);
    must(fd >= 0 && write(fd, bytes, sizeof bytes) == (ssize_t)sizeof bytes, "a new file");
    (void)close(fd);
    read_file("/made", sizeof bytes);
    wary_says("files\n");
}

/* --- memory ----------------------------------------------------------------------------------- */

static sigjmp_buf past;

static void on_fault(int number)
{
    siglongjmp(past, number);
}

static bool can_write(volatile uint8_t *at)
{
    if (sigsetjmp(past, 1) != 0)
        return false;
    *at = 1;
    return true;
}

static uint8_t *take(size_t size)
{
    uint8_t *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    must(memory != MAP_FAILED, "mmap");
    for (size_t i = 0; i < size; i += PAGE) {
        if (memory[i] != 0 || memory[i + PAGE - 1] != 0)
            wary_finds("memory that is not clear");
        memory[i] = wary_byte(i / PAGE);
    }
    return memory;
}

static void use_memory(void)
{
    const size_t size = 64 * PAGE;
    (void)signal(SIGSEGV, on_fault);
    for (int i = 0; i < 3; i++) {
        uint8_t *memory = take(size);
        must(mprotect(memory, size / 2, PROT_READ) == 0, "mprotect");
        if (can_write(memory) || memory[0] != wary_byte(0) || !can_write(memory + size / 2))
            wary_finds("access to memory");
        must(mprotect(memory, size, PROT_READ | PROT_WRITE) == 0, "mprotect");
        if (!can_write(memory))
            wary_finds("memory that can be written again");
        must(munmap(memory, size) == 0, "munmap");
    }
    const size_t large = (size_t)200 << 20;
    uint8_t *memory = mmap(NULL, large, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    must(memory != MAP_FAILED, "much memory");
    if (!can_write(memory) || !can_write(memory + large - 1))
        wary_finds("much memory");
    must(munmap(memory, large) == 0, "munmap");
    (void)signal(SIGSEGV, SIG_DFL);
    wary_says("memory\n");
}

/* --- threads, pipes, time, signals ------------------------------------------------------------ */

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned turn, sum;
} table = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0};

/* Each in its turn. */
static void *count(void *argument)
{
    unsigned own = *(const unsigned *)argument;
    for (unsigned i = 0; i < TURNS / 10; i++) {
        (void)pthread_mutex_lock(&table.lock);
        while (table.turn % THREADS != own)
            (void)pthread_cond_wait(&table.changed, &table.lock);
        table.turn++;
        table.sum += own;
        (void)pthread_cond_broadcast(&table.changed);
        (void)pthread_mutex_unlock(&table.lock);
    }
    return NULL;
}

static pthread_t begin(void *(*run)(void *), void *argument)
{
    pthread_t id;
    errno = pthread_create(&id, NULL, run, argument);
    must(errno == 0, "pthread_create");
    return id;
}

static void use_threads(void)
{
    static unsigned numbers[THREADS] = {0, 1, 2};
    pthread_t ids[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        ids[i] = begin(count, &numbers[i]);
    for (size_t i = 0; i < THREADS; i++)
        (void)pthread_join(ids[i], NULL);
    if (table.turn != THREADS * (TURNS / 10) || table.sum != table.turn)
        wary_finds("what threads counted");
    wary_says("threads\n");
}

static void *fill_pipe(void *argument)
{
    int fd = *(const int *)argument;
    uint8_t bytes[7000];
    for (size_t at = 0; at < DATA_SIZE; at += sizeof bytes) {
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = wary_byte(at + i);
        must(write(fd, bytes, sizeof bytes) == (ssize_t)sizeof bytes, "a pipe");
    }
    (void)close(fd);
    return NULL;
}

static void use_pipes(void)
{
    int ends[2];
    uint8_t bytes[5000];
    size_t all = 0;
    ssize_t got;
    must(pipe(ends) == 0, "pipe");
    pthread_t id = begin(fill_pipe, &ends[1]);
    while ((got = read(ends[0], bytes, sizeof bytes)) > 0) {
        if (!wary_knows(bytes, all, (size_t)got))
            wary_finds("bytes of a pipe");
        all += (size_t)got;
    }
    (void)pthread_join(id, NULL);
    if (got < 0 || all < DATA_SIZE)
        wary_finds("the end of a pipe");
    wary_says("pipes\n");
}

static uint64_t now(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void use_time(void)
{
    const struct timespec while_ = {.tv_nsec = 1000000};
    uint64_t before = now();
    must(nanosleep(&while_, NULL) == 0, "nanosleep");
    for (int i = 0; i < 100; i++) {
        uint64_t after = now();
        if (after < before)
            wary_finds("time that goes back");
        before = after;
    }
    wary_says("time\n");
}

static volatile sig_atomic_t seen;

static void on_signal(int number)
{
    seen = number;
}

static void *spin(void *argument)
{
    while (seen != SIGUSR1)
        ;
    return argument;
}

static void use_signals(void)
{
    const struct itimerval soon = {.it_value = {.tv_usec = 2000}};
    sigset_t alarm, before;
    (void)sigemptyset(&alarm);
    (void)sigaddset(&alarm, SIGALRM);
    (void)signal(SIGALRM, on_signal);
    (void)signal(SIGUSR1, on_signal);
    (void)sigprocmask(SIG_BLOCK, &alarm, &before);
    must(setitimer(ITIMER_REAL, &soon, NULL) == 0, "setitimer");
    while (seen != SIGALRM)
        (void)sigsuspend(&before);
    pthread_t id = begin(spin, NULL);
    must(pthread_kill(id, SIGUSR1) == 0, "pthread_kill");
    (void)pthread_join(id, NULL);
    wary_says("signals\n");
}

/* --- sockets: what comes from them is the host's word -------------------------------------------
 */

static int pair[2];

/* An address is of the family that was asked for, and of its size. */
static void check_address(int fd, int (*name)(int, struct sockaddr *, socklen_t *),
                          struct sockaddr_in *out)
{
    uint8_t room[128];
    socklen_t size = sizeof room;
    memset(room, 0x77, sizeof room);
    must(name(fd, (struct sockaddr *)room, &size) == 0, "an address");
    if (size > sizeof room)
        wary_finds("an address beyond its room");
    for (size_t i = size; i < sizeof room; i++) {
        if (room[i] != 0x77)
            wary_finds("bytes behind an address");
    }
    must(size == sizeof *out, "an address' size");
    memcpy(out, room, sizeof *out);
}

static void connect_pair(void)
{
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int one = 1, server = socket(AF_INET, SOCK_STREAM, 0), value = 0;
    socklen_t size = sizeof value;
    must(server >= 0 && setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0,
         "a server");
    must(bind(server, (struct sockaddr *)&place, sizeof place) == 0 && listen(server, 4) == 0,
         "a server's place");
    check_address(server, getsockname, &place);
    pair[0] = socket(AF_INET, SOCK_STREAM, 0);
    must(pair[0] >= 0 && connect(pair[0], (struct sockaddr *)&place, sizeof place) == 0, "connect");
    must(getsockopt(pair[0], SOL_SOCKET, SO_ERROR, &value, &size) == 0 && value == 0, "an option");
    struct pollfd item = {.fd = server, .events = POLLIN};
    must(poll(&item, 1, 5000) == 1, "nobody comes");
    pair[1] = accept(server, NULL, NULL);
    must(pair[1] >= 0, "accept");
    check_address(pair[1], getpeername, &place);
    (void)close(server);
}

/* Small ones, to an end that is said to take bytes: they may go by memory outside (outbox.h). */
static void send_pieces(const uint8_t *bytes, size_t size)
{
    for (size_t at = 0; at < size; at += PIECE) {
        struct pollfd item = {.fd = pair[0], .events = POLLOUT};
        must(poll(&item, 1, 5000) == 1, "nothing is taken");
        must(send(pair[0], bytes + at, PIECE, MSG_NOSIGNAL) == PIECE, "send of a piece");
    }
}

static void use_sockets(void)
{
    uint8_t bytes[20000], back[20000] = {0};
    size_t all = 0;
    ssize_t got = 1;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = wary_byte(i);
    connect_pair();
    send_pieces(bytes, 4 * PIECE);
    must(send(pair[0], bytes + 4 * PIECE, sizeof bytes - 4 * PIECE, MSG_NOSIGNAL) ==
             (ssize_t)(sizeof bytes - 4 * PIECE),
         "send");
    must(shutdown(pair[0], SHUT_WR) == 0, "shutdown");
    while (got > 0 && all < sizeof back) {
        struct pollfd item = {.fd = pair[1], .events = POLLIN};
        must(poll(&item, 1, 5000) == 1, "nothing comes");
        got = recv(pair[1], back + all, sizeof back - all, 0);
        if (got > (ssize_t)(sizeof back - all))
            wary_finds("more was received than there is room for");
        all += got > 0 ? (size_t)got : 0;
    }
    must(got >= 0 && all == sizeof back && memcmp(bytes, back, all) == 0, "what was received");
    (void)close(pair[0]);
    (void)close(pair[1]);
    wary_says("sockets\n");
}

static void use_datagrams(void)
{
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}}, from;
    uint8_t byte = 0, room[100];
    socklen_t size = sizeof from;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    must(fd >= 0 && bind(fd, (struct sockaddr *)&place, sizeof place) == 0, "datagrams");
    check_address(fd, getsockname, &place);
    must(sendto(fd, &byte, 1, 0, (struct sockaddr *)&place, sizeof place) == 1, "sendto");
    struct pollfd item = {.fd = fd, .events = POLLIN};
    must(poll(&item, 1, 5000) == 1, "no datagram");
    ssize_t got = recvfrom(fd, room, sizeof room, 0, (struct sockaddr *)&from, &size);
    if (got > (ssize_t)sizeof room)
        wary_finds("a datagram beyond its room");
    must(got == 1 && size == sizeof from && memcmp(&from, &place, sizeof from) == 0, "recvfrom");
    (void)close(fd);
    wary_says("datagrams\n");
}

/* A number that no kernel has a call for is in the log, each time. */
static void use_log(void)
{
    for (int i = 0; i < 3; i++) {
        if (syscall(4000 + i) != -1 || errno != ENOSYS)
            wary_finds("a call that there is not");
    }
    wary_says("log\n");
}

int main(int argc, char *argv[])
{
    if (argc == 2 && strcmp(argv[1], "child") == 0)
        return wary_child();
    if (argc == 2 && strcmp(argv[1], "family") == 0) {
        wary_family(argv[0]);
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "quotes") == 0) {
        wary_quotes();
        return 0;
    }
    read_input();
    use_files();
    use_memory();
    use_threads();
    use_pipes();
    use_time();
    use_signals();
    use_log();
    use_sockets();
    use_datagrams();
    return 0;
}
