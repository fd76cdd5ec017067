/* The pages of a snapshot, out and in. */
#include <asm/errno.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/program/memory.h"
#include "enclave/libos/program/snapshot.h"
#include "enclave/libos/shared/shared.h"
#include "enclave/libos/threads/lock.h"

#define RUNS_MAX  2048
#define PAGES_MAX 14
#define RUNS_MOST 65536 /* of one process, as Linux has it: vm.max_map_count */
#define PARTS_MAX 1024

/* Addresses are told as they are: the other enclave has them too. */
struct runs_message {
    uint32_t kind, count;
    struct memory_run runs[RUNS_MAX];
};

struct pages_message {
    uint32_t kind, count;
    uint64_t pages[PAGES_MAX];             /* addresses, ascending */
    uint8_t bytes[PAGES_MAX][MEMORY_PAGE]; /* of as many as there are */
};

struct shared_message {
    uint32_t kind, count;
    struct shared_part parts[PARTS_MAX];
};

struct end_message {
    uint32_t kind, unused;
    uint64_t pages; /* how many came */
};

union message {
    uint32_t kind;
    struct runs_message runs;
    struct pages_message pages;
    struct shared_message shared;
    struct end_message end;
};
_Static_assert(sizeof(union message) <= SNAPSHOT_MESSAGE_MAX, "one message");

/* --- out -------------------------------------------------------------------------------------- */

/* Without the lock, and back to it. */
static int send(const struct snapshot_sink *sink, const void *bytes, size_t size)
{
    lock_release();
    int status = sink->send(sink->argument, bytes, size);
    lock_take();
    return status;
}

static int send_runs(const struct snapshot_sink *sink, struct runs_message *message)
{
    uintptr_t at = 0;
    int status = 0;
    bool goes_on = true;
    while (status == 0 && goes_on) {
        uint32_t count = 0;
        while (count < RUNS_MAX && (goes_on = memory_next(at, &message->runs[count]))) {
            at = message->runs[count].end;
            count += !message->runs[count].is_shared;
        }
        message->kind = SNAPSHOT_RUNS;
        message->count = count;
        if (count > 0)
            status = send(sink, message,
                          offsetof(struct runs_message, runs) + count * sizeof *message->runs);
    }
    return status;
}

static int send_pages(const struct snapshot_sink *sink, struct pages_message *message,
                      uint64_t *total)
{
    size_t size = offsetof(struct pages_message, bytes) + message->count * (size_t)MEMORY_PAGE;
    *total += message->count;
    message->kind = SNAPSHOT_PAGES;
    int status = message->count > 0 ? send(sink, message, size) : 0;
    message->count = 0;
    return status;
}

/* Those of a run that have bytes. */
static int send_run(const struct snapshot_sink *sink, struct pages_message *message,
                    const struct memory_run *run, uint64_t *total)
{
    for (uintptr_t page = run->begin; page < run->end; page += MEMORY_PAGE) {
        int status = memory_copy(page, message->bytes[message->count]);
        if (status == 1) {
            message->pages[message->count++] = page;
            status = message->count == PAGES_MAX ? send_pages(sink, message, total) : 0;
        }
        if (status < 0)
            return status;
    }
    return 0;
}

static int send_shared(const struct snapshot_sink *sink, struct shared_message *message)
{
    uintptr_t at = 0;
    int status = 0;
    bool goes_on = true;
    while (status == 0 && goes_on) {
        uint32_t count = 0;
        while (count < PARTS_MAX && (goes_on = shared_next(at, &message->parts[count]))) {
            at = message->parts[count].begin + message->parts[count].pages * MEMORY_PAGE;
            count++;
        }
        message->kind = SNAPSHOT_SHARED;
        message->count = count;
        if (count > 0)
            status = send(sink, message,
                          offsetof(struct shared_message, parts) + count * sizeof *message->parts);
    }
    return status;
}

static int send_all(const struct snapshot_sink *sink, union message *message)
{
    struct end_message end = {.kind = SNAPSHOT_END};
    struct memory_run run;
    int status = send_runs(sink, &message->runs);
    message->pages.count = 0;
    for (uintptr_t at = 0; status == 0 && memory_next(at, &run); at = run.end)
        status = send_run(sink, &message->pages, &run, &end.pages);
    if (status == 0)
        status = send_pages(sink, &message->pages, &end.pages);
    if (status == 0)
        status = send_shared(sink, &message->shared);
    return status == 0 ? send(sink, &end, sizeof end) : status;
}

int snapshot_send_memory(const struct snapshot_sink *sink)
{
    union message *message = libos_alloc(sizeof *message);
    if (!message)
        return -ENOMEM;
    int status = send_all(sink, message);
    libos_free(message);
    return status;
}

/* --- in --------------------------------------------------------------------------------------- */

/* What has come so far. */
struct taken {
    struct memory_run *runs; /* ascending */
    size_t count;
    uint64_t pages;
    uintptr_t behind; /* the page that came last */
    size_t run;       /* in which that is, or a later one */
};

/* First the pages that are mapped: without access, until their bytes have come. */
static int take_run(struct taken *taken, const struct memory_run *run)
{
    uintptr_t at = run->begin;
    uintptr_t least = taken->count > 0 ? taken->runs[taken->count - 1].end : 0;
    if (taken->count == RUNS_MOST || run->begin < least || run->end <= run->begin ||
        run->begin % MEMORY_PAGE != 0 || run->end % MEMORY_PAGE != 0 || run->access > 7 ||
        run->is_shared || !memory_has(run->begin, run->end - run->begin))
        return -EPROTO;
    taken->runs[taken->count++] = *run;
    return memory_map(&at, run->end - run->begin, 0, true);
}

static int take_runs(struct taken *taken, const struct runs_message *message, size_t size)
{
    const size_t head = offsetof(struct runs_message, runs);
    int status = 0;
    if (size < head || taken->pages > 0 || message->count == 0 ||
        (size - head) / sizeof *message->runs != message->count ||
        (size - head) % sizeof *message->runs != 0)
        return -EPROTO;
    for (uint32_t i = 0; status == 0 && i < message->count; i++)
        status = take_run(taken, &message->runs[i]);
    return status;
}

/* A page of a run, behind those that have come. */
static int take_page(struct taken *taken, uintptr_t page, const uint8_t *bytes)
{
    while (taken->run < taken->count && taken->runs[taken->run].end <= page)
        taken->run++;
    if (page < taken->behind || page % MEMORY_PAGE != 0 || taken->run == taken->count ||
        page < taken->runs[taken->run].begin)
        return -EPROTO;
    int status = memory_protect(page, MEMORY_PAGE, MEMORY_READ | MEMORY_WRITE);
    if (status == 0)
        status = memory_touch(page, MEMORY_PAGE);
    if (status < 0)
        return status;
    memcpy((void *)page, bytes, MEMORY_PAGE); /* NOLINT: it is mapped */
    taken->behind = page + MEMORY_PAGE;
    taken->pages++;
    return 0;
}

static int take_pages(struct taken *taken, const struct pages_message *message, size_t size)
{
    const size_t head = offsetof(struct pages_message, bytes);
    int status = 0;
    if (size <= head || message->count > PAGES_MAX ||
        size != head + message->count * (size_t)MEMORY_PAGE)
        return -EPROTO;
    for (uint32_t i = 0; status == 0 && i < message->count; i++)
        status = take_page(taken, message->pages[i], message->bytes[i]);
    return status;
}

static int take_shared(const struct shared_message *message, size_t size)
{
    const size_t head = offsetof(struct shared_message, parts);
    int status = 0;
    if (size <= head || message->count > PARTS_MAX ||
        size != head + message->count * sizeof *message->parts)
        return -EPROTO;
    for (uint32_t i = 0; status == 0 && i < message->count; i++)
        status = shared_take(&message->parts[i]);
    return status;
}

/* All have come: each page gets its access. */
static int finish(const struct taken *taken, const struct end_message *end, size_t size)
{
    int status = size == sizeof *end && end->pages == taken->pages ? 0 : -EPROTO;
    for (size_t i = 0; status == 0 && i < taken->count; i++) {
        const struct memory_run *run = &taken->runs[i];
        status = memory_protect(run->begin, run->end - run->begin, run->access);
    }
    return status;
}

/* 1 when there is more to come. */
static int take_message(struct taken *taken, const union message *message, size_t size)
{
    int status = size < sizeof message->kind ? -EPROTO : 1;
    if (status < 0)
        return status;
    switch (message->kind) {
    case SNAPSHOT_RUNS:
        status = take_runs(taken, &message->runs, size);
        break;
    case SNAPSHOT_PAGES:
        status = take_pages(taken, &message->pages, size);
        break;
    case SNAPSHOT_SHARED:
        status = take_shared(&message->shared, size);
        break;
    case SNAPSHOT_END:
        return finish(taken, &message->end, size);
    default:
        return -EPROTO;
    }
    return status < 0 ? status : 1;
}

int snapshot_take_memory(const struct snapshot_source *source)
{
    struct taken taken = {.runs = alloc_array(RUNS_MOST, sizeof *taken.runs)};
    union message *message = libos_alloc(sizeof *message);
    int status = !taken.runs || !message ? -ENOMEM : memory_used() == 0 ? 1 : -EPROTO;
    while (status == 1) {
        int64_t size = source->receive(source->argument, message, sizeof *message);
        status = size <= 0 ? (size < 0 ? (int)size : -EPROTO)
                           : take_message(&taken, message, (size_t)size);
    }
    libos_free(message);
    libos_free(taken.runs);
    return status;
}
