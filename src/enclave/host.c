#include "enclave/host.h"

#include <cpuid.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "enclave/host_parts.h"
#include "enclave/host_quoter.h"

#define NANOSECONDS UINT64_C(1000000000)
#define STREAMS     3
#define ROOM        4096 /* bytes that a pipe or terminal takes at once, if it takes any */

int host_descriptor(const struct host *host, uint32_t handle)
{
    if (handle == DOOR_CHILDREN)
        return host_children_descriptor(host);
    return handle < STREAMS ? host->program[handle] : host_net_descriptor(host, handle);
}

static bool is_ready(int fd, short events)
{
    struct pollfd item = {.fd = fd, .events = events};
    return poll(&item, 1, 0) > 0;
}

/* Never waits: -EAGAIN, and then the library OS parks until it is ready. */
static int64_t write_some(int fd, const uint8_t *bytes, size_t size)
{
    const struct iovec part = {(void *)(uintptr_t)bytes, size}; /* NOLINT: it is read */
    struct stat about;
    ssize_t taken = -1;
    if (fstat(fd, &about) < 0)
        return -errno;
    if (S_ISREG(about.st_mode)) {
        taken = write(fd, bytes, size);
        return taken < 0 ? -errno : taken;
    }
    taken = pwritev2(fd, &part, 1, -1, RWF_NOWAIT);
    if (taken < 0 && errno == EOPNOTSUPP) {
        if (!is_ready(fd, POLLOUT))
            return -EAGAIN;
        taken = write(fd, bytes, size < ROOM ? size : ROOM);
    }
    return taken < 0 ? -errno : taken;
}

static int64_t read_some(int fd, uint8_t *bytes, size_t size)
{
    if (!is_ready(fd, POLLIN))
        return -EAGAIN;
    ssize_t got = read(fd, bytes, size);
    return got < 0 ? -errno : got;
}

static int64_t answer_write(struct host_thread *thread, const uint64_t arguments[3])
{
    if (arguments[0] < 1 || arguments[0] > 2 || arguments[1] > DOOR_BUFFER_SIZE)
        return -EINVAL;
    return write_some(thread->host->program[arguments[0]], thread->buffer, (size_t)arguments[1]);
}

static int64_t answer_read(struct host_thread *thread, const uint64_t arguments[3])
{
    if (arguments[0] != 0 || arguments[1] > DOOR_BUFFER_SIZE)
        return -EINVAL;
    return read_some(thread->host->program[0], thread->buffer, (size_t)arguments[1]);
}

static int64_t answer_clock(struct host_thread *thread, const uint64_t arguments[3])
{
    struct timespec now;
    (void)thread;
    if (clock_gettime(arguments[0] == DOOR_CLOCK_REAL ? CLOCK_REALTIME : CLOCK_MONOTONIC, &now) < 0)
        return -errno;
    return (int64_t)((uint64_t)now.tv_sec * NANOSECONDS + (uint64_t)now.tv_nsec);
}

static int64_t answer_block(struct host_thread *thread, const uint64_t arguments[3])
{
    if (arguments[0] >= thread->host->run->disk_count || arguments[2] > DOOR_BUFFER_SIZE)
        return -EINVAL;
    if (arguments[1] > INT64_MAX)
        return 0;
    ssize_t got = pread(thread->host->run->disks[arguments[0]], thread->buffer,
                        (size_t)arguments[2], (off_t)arguments[1]);
    return got < 0 ? -errno : got;
}

/* One line, whatever bytes are in it. */
static int64_t answer_log(struct host_thread *thread, const uint64_t arguments[3])
{
    char line[256];
    size_t len = arguments[0] < sizeof line - 1 ? (size_t)arguments[0] : sizeof line - 1;
    for (size_t i = 0; i < len; i++)
        line[i] = (char)(thread->buffer[i] >= ' ' && thread->buffer[i] < 0x7F ? thread->buffer[i]
                                                                              : '?');
    line[len] = '\0';
    if (thread->host->run->log)
        thread->host->run->log(line);
    return 0;
}

static int64_t answer_grow(struct host_thread *thread, const uint64_t arguments[3])
{
    struct enclave *enclave = thread->host->enclave;
    return enclave->driver->grow(enclave, arguments[0], arguments[1], NULL) < 0 ? -ENOMEM : 0;
}

static int64_t answer_restrict(struct host_thread *thread, const uint64_t arguments[3])
{
    struct enclave *enclave = thread->host->enclave;
    int outcome = enclave->driver->restrict_access(enclave, arguments[0], arguments[1],
                                                   arguments[2], NULL);
    return outcome < 0 ? -EIO : 0;
}

static int64_t answer_type(struct host_thread *thread, const uint64_t arguments[3])
{
    struct enclave *enclave = thread->host->enclave;
    int outcome = enclave->driver->set_type(enclave, arguments[0], arguments[1], arguments[2],
                                            NULL);
    return outcome < 0 ? -EIO : 0;
}

static int64_t answer_remove(struct host_thread *thread, const uint64_t arguments[3])
{
    struct enclave *enclave = thread->host->enclave;
    if (enclave->driver->remove(enclave, arguments[0], arguments[1], NULL) < 0)
        return -EIO;
    return answer_grow(thread, arguments);
}

static int64_t answer_park(struct host_thread *thread, const uint64_t arguments[3])
{
    return host_park(thread, arguments[0], arguments[1]);
}

static int64_t answer_wake(struct host_thread *thread, const uint64_t arguments[3])
{
    const uint64_t one = 1;
    if (arguments[0] != 0 || arguments[1] != 0)
        host_wake(thread->host, arguments[0], arguments[1]);
    if (arguments[2] != 0)
        (void)!write(thread->host->called, &one, sizeof one);
    return 0;
}

static int64_t answer_spawn(struct host_thread *thread, const uint64_t arguments[3])
{
    return host_spawn(thread->host, arguments[0]);
}

static int64_t answer_alarm(struct host_thread *thread, const uint64_t arguments[3])
{
    return host_alarm(thread->host, arguments[0]);
}

static int64_t answer_cpuid(struct host_thread *thread, const uint64_t arguments[3])
{
    struct door_cpuid one;
    if (arguments[0] > DOOR_BUFFER_SIZE / sizeof one)
        return -EINVAL;
    for (size_t i = 0; i < arguments[0]; i++) {
        memcpy(&one, thread->buffer + i * sizeof one, sizeof one);
        memset(one.words, 0, sizeof one.words);
        (void)__get_cpuid_count(one.leaf, one.subleaf, &one.words[0], &one.words[1], &one.words[2],
                                &one.words[3]);
        memcpy(thread->buffer + i * sizeof one, &one, sizeof one);
    }
    return 0;
}

/* A program's report; those of the gate are quoted by who asked for them. */
static int64_t answer_quote(struct host_thread *thread, const uint64_t arguments[3])
{
    struct host *host = thread->host;
    if (host->is_child || !host->run->quoter)
        return -ENOSYS;
    if (arguments[0] > DOOR_BUFFER_SIZE)
        return -EINVAL;
    int stream = host_quoter_ask(host->run->quoter, span_of(thread->buffer, (size_t)arguments[0]));
    if (stream < 0)
        return stream;
    (void)pthread_mutex_lock(&host->lock);
    int64_t handle = host_net_add(host, stream);
    (void)pthread_mutex_unlock(&host->lock);
    return handle;
}

static uint64_t answer_honestly(struct host_thread *thread, uint64_t number,
                                const uint64_t arguments[3])
{
    static host_answer_fn *const answers[] = {
        [DOOR_WRITE] = answer_write,       [DOOR_READ] = answer_read,
        [DOOR_CLOCK] = answer_clock,       [DOOR_BLOCK] = answer_block,
        [DOOR_LOG] = answer_log,           [DOOR_GROW] = answer_grow,
        [DOOR_RESTRICT] = answer_restrict, [DOOR_CPUID] = answer_cpuid,
        [DOOR_PARK] = answer_park,         [DOOR_WAKE] = answer_wake,
        [DOOR_SPAWN] = answer_spawn,       [DOOR_ALARM] = answer_alarm,
        [DOOR_TELL] = host_answer_tell,    [DOOR_NEXT] = host_answer_next,
        [DOOR_INPUT] = host_answer_input,  [DOOR_BEGIN] = host_answer_begin,
        [DOOR_TYPE] = answer_type,         [DOOR_REMOVE] = answer_remove,
        [DOOR_QUOTE] = answer_quote,
    };
    host_outbox_empty(thread->host);
    if (number == DOOR_OUTBOX)
        return (uint64_t)host_outbox_answer(thread->host);
    if (number >= DOOR_CHILD && number <= DOOR_ARRIVE)
        return (uint64_t)host_children_answer(thread, number);
    if (number >= DOOR_SOCKET && number < DOOR_CHILD)
        return (uint64_t)host_net_answer(thread, number, arguments);
    if (number >= sizeof answers / sizeof *answers || !answers[number])
        return (uint64_t)-ENOSYS;
    return (uint64_t)answers[number](thread, arguments);
}

static uint64_t answer(void *context, uint64_t number, const uint64_t arguments[3])
{
    struct host_thread *thread = context;
    const struct enclave_host_run *run = thread->host->run;
    return run->instead ? run->instead(answer_honestly, thread, number, arguments)
                        : answer_honestly(thread, number, arguments);
}

static void put_start(const struct enclave_host_run *run, uint8_t *buffer)
{
    struct door_start start = {.tee = ""};
    (void)text_copy(start.tee, sizeof start.tee, run->tee);
    if (run->target)
        memcpy(start.target, run->target, sizeof start.target);
    memcpy(buffer, &start, sizeof start);
}

/* A write to what nobody reads is an answer, and no signal for this process. */
static void keep_sigpipe(bool is_kept, sigset_t *before)
{
    static const struct timespec now;
    sigset_t pipe;
    (void)sigemptyset(&pipe);
    (void)sigaddset(&pipe, SIGPIPE);
    if (is_kept) {
        (void)pthread_sigmask(SIG_BLOCK, &pipe, before);
    } else if (!sigismember(before, SIGPIPE)) {
        (void)sigtimedwait(&pipe, NULL, &now);
        (void)pthread_sigmask(SIG_SETMASK, before, NULL);
    }
}

/* The gate's thread, or a child's in its place, which nobody wakes. */
static int run_gate(struct host *host, uint64_t *result, struct error *err)
{
    struct host_thread gate = {.host = host,
                               .index = DOOR_GATE_THREAD,
                               .token = host->called,
                               .buffer = calloc(1, DOOR_BUFFER_SIZE)};
    const uint64_t arguments[4] = {host->is_child ? DOOR_RUN_CHILD : DOOR_RUN_GATE,
                                   (uintptr_t)gate.buffer};
    const struct enclave_host calls = {answer, &gate};
    sigset_t before;
    if (!gate.buffer)
        return error_memory(err);
    put_start(host->run, gate.buffer);
    keep_sigpipe(true, &before);
    int outcome = enclave_run_thread(host->enclave, host_tcs(&gate), arguments, &calls, result,
                                     err);
    keep_sigpipe(false, &before);
    free(gate.buffer);
    return outcome;
}

static int run(struct enclave *enclave, const struct enclave_image *image,
               const struct enclave_host_run *wanted, bool is_child, struct error *err)
{
    static const struct enclave_host calls = {.answer = answer};
    /* The program's threads, where they are inside still, go on with this until the process ends.
     */
    static struct host host;
    uint64_t result = 0;
    host = (struct host){.enclave = enclave,
                         .image = image,
                         .run = wanted,
                         .calls = &calls,
                         .is_child = is_child,
                         .program = {-1, -1, -1},
                         .gate = {-1, -1, -1},
                         .input = BUF_WITH_LIMIT(2 * DOOR_BUFFER_SIZE),
                         .ended = eventfd(0, EFD_CLOEXEC),
                         .called = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    if (host.ended < 0 || host.called < 0)
        return error_system(err, errno, "eventfd");
    if (host_threads_init(&host, err) < 0 || run_gate(&host, &result, err) < 0)
        return -1;
    if (result & DOOR_UNABLE)
        return error_system(err, (int)(result & (DOOR_UNABLE - 1)), "the library OS gave up");
    return 0;
}

int enclave_host_run(struct enclave *enclave, const struct enclave_image *image,
                     const struct enclave_host_run *wanted, struct error *err)
{
    return run(enclave, image, wanted, false, err);
}

int enclave_host_run_child(struct enclave *enclave, const struct enclave_image *image,
                           const struct enclave_host_run *wanted, struct error *err)
{
    return run(enclave, image, wanted, true, err);
}
