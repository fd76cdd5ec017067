#include "enclave/host.h"

#include <cpuid.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"

#define NANOSECONDS UINT64_C(1000000000)
#define VECTOR_DE   0
#define VECTOR_UD   6
#define VECTOR_MF   16
#define VECTOR_XM   19

struct host {
    struct enclave *enclave;
    const struct enclave_host_run *run;
    uint8_t *buffer; /* DOOR_BUFFER_SIZE */
};

typedef int64_t answer_fn(struct host *host, const uint64_t arguments[3]);

static int64_t answer_write(struct host *host, const uint64_t arguments[3])
{
    if (arguments[0] < 1 || arguments[0] > 2 || arguments[1] > DOOR_BUFFER_SIZE)
        return -EINVAL;
    ssize_t taken = write(host->run->streams[arguments[0]], host->buffer, (size_t)arguments[1]);
    return taken < 0 ? -errno : taken;
}

static int64_t answer_read(struct host *host, const uint64_t arguments[3])
{
    if (arguments[0] != 0 || arguments[1] > DOOR_BUFFER_SIZE)
        return -EINVAL;
    ssize_t got = read(host->run->streams[0], host->buffer, (size_t)arguments[1]);
    return got < 0 ? -errno : got;
}

static int64_t answer_clock(struct host *host, const uint64_t arguments[3])
{
    struct timespec now;
    (void)host;
    if (clock_gettime(arguments[0] == DOOR_CLOCK_REAL ? CLOCK_REALTIME : CLOCK_MONOTONIC, &now) < 0)
        return -errno;
    return (int64_t)((uint64_t)now.tv_sec * NANOSECONDS + (uint64_t)now.tv_nsec);
}

static int64_t answer_block(struct host *host, const uint64_t arguments[3])
{
    if (arguments[0] >= host->run->disk_count || arguments[2] > DOOR_BUFFER_SIZE)
        return -EINVAL;
    struct span disk = host->run->disks[arguments[0]];
    if (arguments[1] >= disk.size)
        return 0;
    size_t left = disk.size - (size_t)arguments[1];
    size_t size = arguments[2] < left ? (size_t)arguments[2] : left;
    memcpy(host->buffer, disk.data + arguments[1], size);
    return (int64_t)size;
}

static int64_t answer_size(struct host *host, const uint64_t arguments[3])
{
    if (arguments[0] >= host->run->disk_count)
        return -EINVAL;
    return (int64_t)host->run->disks[arguments[0]].size;
}

/* One line, whatever bytes are in it. */
static int64_t answer_log(struct host *host, const uint64_t arguments[3])
{
    char line[256];
    size_t len = arguments[0] < sizeof line - 1 ? (size_t)arguments[0] : sizeof line - 1;
    for (size_t i = 0; i < len; i++)
        line[i] = (char)(host->buffer[i] >= ' ' && host->buffer[i] < 0x7F ? host->buffer[i] : '?');
    line[len] = '\0';
    if (host->run->log)
        host->run->log(line);
    return 0;
}

static int64_t answer_grow(struct host *host, const uint64_t arguments[3])
{
    const struct driver *driver = host->enclave->driver;
    return driver->grow(host->enclave, arguments[0], arguments[1], NULL) < 0 ? -ENOMEM : 0;
}

static int64_t answer_restrict(struct host *host, const uint64_t arguments[3])
{
    const struct driver *driver = host->enclave->driver;
    return driver->restrict_access(host->enclave, arguments[0], arguments[1], arguments[2], NULL) <
                   0
               ? -EIO
               : 0;
}

static int64_t answer_cpuid(struct host *host, const uint64_t arguments[3])
{
    struct door_cpuid one;
    if (arguments[0] > DOOR_BUFFER_SIZE / sizeof one)
        return -EINVAL;
    for (size_t i = 0; i < arguments[0]; i++) {
        memcpy(&one, host->buffer + i * sizeof one, sizeof one);
        memset(one.words, 0, sizeof one.words);
        (void)__get_cpuid_count(one.leaf, one.subleaf, &one.words[0], &one.words[1], &one.words[2],
                                &one.words[3]);
        memcpy(host->buffer + i * sizeof one, &one, sizeof one);
    }
    return 0;
}

static uint64_t answer(void *context, uint64_t number, const uint64_t arguments[3])
{
    static answer_fn *const answers[] = {
        [DOOR_WRITE] = answer_write, [DOOR_READ] = answer_read,         [DOOR_CLOCK] = answer_clock,
        [DOOR_BLOCK] = answer_block, [DOOR_SIZE] = answer_size,         [DOOR_LOG] = answer_log,
        [DOOR_GROW] = answer_grow,   [DOOR_RESTRICT] = answer_restrict, [DOOR_CPUID] = answer_cpuid,
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

/* As a shell tells of the signal that the kernel would have sent. */
static int code_of(uint64_t result)
{
    if (!(result & DOOR_DIED))
        return (int)(result & DOOR_CODE);
    switch (result & DOOR_CODE) {
    case VECTOR_DE:
    case VECTOR_MF:
    case VECTOR_XM:
        return 128 + SIGFPE;
    case VECTOR_UD:
        return 128 + SIGILL;
    default:
        return 128 + SIGSEGV;
    }
}

int enclave_host_run(struct enclave *enclave, const struct enclave_image *image,
                     const struct enclave_host_run *run, int *exit_code, struct error *err)
{
    struct host host = {.enclave = enclave, .run = run};
    const struct enclave_host calls = {answer, &host};
    uint64_t result = 0;
    size_t size = 0;
    host.buffer = calloc(1, DOOR_BUFFER_SIZE);
    if (!host.buffer)
        return error_memory(err);
    int outcome = make_words(run, host.buffer, &size, err);
    if (outcome == 0) {
        const uint64_t arguments[4] = {DOOR_RUN_PROGRAM, (uintptr_t)host.buffer, size};
        outcome = enclave_run_thread(enclave, image->threads_at, arguments, &calls, &result, err);
    }
    free(host.buffer);
    if (outcome < 0)
        return outcome;
    if (result & DOOR_UNABLE)
        return error_system(err, (int)(result & (DOOR_UNABLE - 1)),
                            "the library OS did not run the program");
    *exit_code = code_of(result);
    return 0;
}
