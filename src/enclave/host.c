#include "enclave/host.h"

#include <cpuid.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "enclave/host_parts.h"

#define NANOSECONDS UINT64_C(1000000000)
#define STREAMS     3
#define ROOM        4096 /* bytes that a pipe or terminal takes at once, if it takes any */

typedef int64_t answer_fn(struct host_thread *thread, const uint64_t arguments[3]);

int host_descriptor(const struct host *host, uint32_t handle)
{
    return handle < STREAMS ? host->run->streams[handle] : -1;
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
    return write_some(thread->host->run->streams[arguments[0]], thread->buffer,
                      (size_t)arguments[1]);
}

static int64_t answer_read(struct host_thread *thread, const uint64_t arguments[3])
{
    if (arguments[0] != 0 || arguments[1] > DOOR_BUFFER_SIZE)
        return -EINVAL;
    return read_some(thread->host->run->streams[0], thread->buffer, (size_t)arguments[1]);
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
    struct span disk = thread->host->run->disks[arguments[0]];
    if (arguments[1] >= disk.size)
        return 0;
    size_t left = disk.size - (size_t)arguments[1];
    size_t size = arguments[2] < left ? (size_t)arguments[2] : left;
    memcpy(thread->buffer, disk.data + arguments[1], size);
    return (int64_t)size;
}

static int64_t answer_size(struct host_thread *thread, const uint64_t arguments[3])
{
    if (arguments[0] >= thread->host->run->disk_count)
        return -EINVAL;
    return (int64_t)thread->host->run->disks[arguments[0]].size;
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

static int64_t answer_park(struct host_thread *thread, const uint64_t arguments[3])
{
    return host_park(thread, arguments[0], arguments[1]);
}

static int64_t answer_wake(struct host_thread *thread, const uint64_t arguments[3])
{
    host_wake(thread->host, arguments[0], arguments[1]);
    return 0;
}

static int64_t answer_spawn(struct host_thread *thread, const uint64_t arguments[3])
{
    return host_spawn(thread->host, arguments[0]);
}

static int64_t answer_signals(struct host_thread *thread, const uint64_t arguments[3])
{
    (void)arguments;
    return (int64_t)atomic_exchange(&thread->host->signals, 0);
}

static int64_t answer_alarm(struct host_thread *thread, const uint64_t arguments[3])
{
    return host_alarm(thread->host, arguments[0], arguments[1]);
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

static uint64_t answer(void *context, uint64_t number, const uint64_t arguments[3])
{
    static answer_fn *const answers[] = {
        [DOOR_WRITE] = answer_write,     [DOOR_READ] = answer_read,
        [DOOR_CLOCK] = answer_clock,     [DOOR_BLOCK] = answer_block,
        [DOOR_SIZE] = answer_size,       [DOOR_LOG] = answer_log,
        [DOOR_GROW] = answer_grow,       [DOOR_RESTRICT] = answer_restrict,
        [DOOR_CPUID] = answer_cpuid,     [DOOR_PARK] = answer_park,
        [DOOR_WAKE] = answer_wake,       [DOOR_SPAWN] = answer_spawn,
        [DOOR_SIGNALS] = answer_signals, [DOOR_ALARM] = answer_alarm,
    };
    if (number >= sizeof answers / sizeof *answers || !answers[number])
        return (uint64_t)-ENOSYS;
    return (uint64_t)answers[number](context, arguments);
}

static int put_texts(struct buf *words, const char *const *texts, uint32_t *count,
                     struct error *err)
{
    for (*count = 0; texts && texts[*count]; (*count)++) {
        const char *text = texts[*count];
        if (buf_append(words, span_of(text, strlen(text) + 1), err) < 0)
            return error_context(err, "the program's arguments and environment");
    }
    return 0;
}

static int make_words(const struct enclave_host_run *run, uint8_t *buffer, size_t *size,
                      struct error *err)
{
    struct door_start start = {.layer_count = (uint32_t)run->layer_count};
    const char *path = run->program ? run->program : "";
    BUF_AUTO words = BUF_WITH_LIMIT(DOOR_BUFFER_SIZE - sizeof start);
    if (run->layer_count > DOOR_LAYERS_MAX)
        return error_set(err, ERROR_LIMIT, "a program has at most %d layers, not %zu",
                         DOOR_LAYERS_MAX, run->layer_count);
    if (buf_append(&words, span_of(run->layers, run->layer_count * sizeof *run->layers), err) < 0 ||
        buf_append(&words, span_of(path, strlen(path) + 1), err) < 0 ||
        put_texts(&words, run->arguments, &start.argument_count, err) < 0 ||
        put_texts(&words, run->environment, &start.environment_count, err) < 0)
        return -1;
    memcpy(buffer, &start, sizeof start);
    if (words.size > 0)
        memcpy(buffer + sizeof start, words.data, words.size);
    *size = sizeof start + words.size;
    return 0;
}

/* As a shell tells of the signal that ended it. */
static int code_of(uint64_t result)
{
    return (int)(result & DOOR_CODE) + (result & DOOR_DIED ? 128 : 0);
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

static int run(struct host *host, uint64_t *result, struct error *err)
{
    size_t size = 0;
    sigset_t before;
    if (make_words(host->run, host->threads[0].buffer, &size, err) < 0)
        return -1;
    keep_sigpipe(true, &before);
    int outcome = host_threads_run(host, size, result, err);
    keep_sigpipe(false, &before);
    return outcome;
}

int enclave_host_run(struct enclave *enclave, const struct enclave_image *image,
                     const struct enclave_host_run *wanted, int *exit_code, struct error *err)
{
    const struct enclave_host calls = {.answer = answer};
    uint64_t result = 0;
    struct host *host = calloc(1, sizeof *host);
    if (!host)
        return error_memory(err);
    *host = (struct host){.enclave = enclave, .image = image, .run = wanted, .calls = &calls};
    int outcome = host_threads_init(host, err);
    if (outcome == 0)
        outcome = run(host, &result, err);
    host_threads_fini(host);
    free(host);
    if (outcome < 0)
        return outcome;
    if (result & DOOR_UNABLE)
        return error_system(err, (int)(result & (DOOR_UNABLE - 1)),
                            "the library OS did not run the program");
    *exit_code = code_of(result);
    return 0;
}
