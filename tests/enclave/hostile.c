#include "hostile.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "enclave/host_parts.h"
#include "enclave/inside/door.h"
#include "os/fd.h"

#define FLIPS          100000 /* times: longer than the program runs */
#define DATA_OF_REPORT 320    /* REPORT_DATA */

/* A call, and who asked. */
struct asked {
    enclave_host_answer_fn *honest;
    struct host_thread *thread;
    uint64_t number;
    const uint64_t *arguments;
};

typedef uint64_t lie_fn(const struct asked *asked);

static struct {
    struct hostile_tally *tally;
    unsigned side;
    uint64_t number, turn;
    lie_fn *lie;
} plan;

static uint64_t honest(const struct asked *asked)
{
    return asked->honest(asked->thread, asked->number, asked->arguments);
}

/* --- answers without doing anything ----------------------------------------------------------- */

static uint64_t say_nothing_was_wrong(const struct asked *asked)
{
    (void)asked;
    return 0;
}

static uint64_t say_no_errno(const struct asked *asked)
{
    (void)asked;
    return (uint64_t)-4096;
}

static uint64_t say_least(const struct asked *asked)
{
    (void)asked;
    return UINT64_C(1) << 63;
}

static uint64_t say_most(const struct asked *asked)
{
    (void)asked;
    return INT64_MAX;
}

static uint64_t say_unknown(const struct asked *asked)
{
    (void)asked;
    return (uint64_t)-ENOSYS;
}

static uint64_t say_interrupted(const struct asked *asked)
{
    (void)asked;
    return (uint64_t)-EINTR;
}

/* A handle that the first 32 bits of are a good one's. */
static uint64_t say_wide(const struct asked *asked)
{
    (void)asked;
    return (UINT64_C(1) << 32) + DOOR_STREAMS;
}

/* --- what is done, and told wrongly ----------------------------------------------------------- */

/* One more than what was asked for; where nothing counts, what is no 0. */
static uint64_t say_more(const struct asked *asked)
{
    static const uint8_t counts[HOSTILE_DOORS] = {
        /* the argument that does, from 1 on */
        [DOOR_WRITE] = 2, [DOOR_READ] = 2,    [DOOR_BLOCK] = 3,     [DOOR_PARK] = 2,
        [DOOR_SEND] = 2,  [DOOR_RECEIVE] = 2, [DOOR_GET_OPTION] = 3};
    size_t which = counts[asked->number];
    (void)honest(asked);
    return which > 0 ? asked->arguments[which - 1] + 1 : 1;
}

static uint64_t say_less(const struct asked *asked)
{
    int64_t answer = (int64_t)honest(asked);
    return (uint64_t)(answer > 1 ? answer / 2 : answer);
}

/* Bytes of no meaning all over the buffer, and sizes among them; each time the same. */
static uint64_t give_noise(const struct asked *asked)
{
    uint64_t answer = honest(asked);
    uint64_t state = asked->number * UINT64_C(0x9E3779B97F4A7C15) + plan.turn;
    for (size_t i = 0; i < DOOR_BUFFER_SIZE; i += sizeof state) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        memcpy(asked->thread->buffer + i, &state, sizeof state);
    }
    return answer;
}

static uint64_t give_ones(const struct asked *asked)
{
    uint64_t answer = honest(asked);
    memset(asked->thread->buffer, 0xFF, DOOR_BUFFER_SIZE);
    return answer;
}

static uint64_t do_it_twice(const struct asked *asked)
{
    (void)honest(asked);
    return honest(asked);
}

/* --- quotes ----------------------------------------------------------------------------------- */

/* What is to be quoted says something else. */
static uint64_t quote_another(const struct asked *asked)
{
    asked->thread->buffer[DATA_OF_REPORT] ^= 1;
    return honest(asked);
}

/* Where there is something else, or nothing. */
static uint64_t say_first_handle(const struct asked *asked)
{
    (void)honest(asked);
    return DOOR_STREAMS;
}

/* --- events that did not happen --------------------------------------------------------------- */

static uint64_t happen(enum door_event event, uint64_t size)
{
    return event * DOOR_EVENT + size;
}

static uint64_t tell_over(const struct asked *asked)
{
    (void)asked;
    return happen(DOOR_OVER, 0);
}

static uint64_t tell_over_with_bytes(const struct asked *asked)
{
    (void)asked;
    return happen(DOOR_OVER, 1);
}

static uint64_t tell_taken(const struct asked *asked)
{
    (void)asked;
    return happen(DOOR_TAKEN, DOOR_BUFFER_SIZE);
}

static uint64_t tell_gone(const struct asked *asked)
{
    (void)asked;
    return happen(DOOR_SPOKEN, 0);
}

static uint64_t tell_noise(const struct asked *asked)
{
    memset(asked->thread->buffer, 0xA5, DOOR_BUFFER_SIZE);
    return happen(DOOR_SPOKEN, DOOR_BUFFER_SIZE);
}

static uint64_t tell_end_of_output(const struct asked *asked)
{
    (void)asked;
    return happen(DOOR_OUTPUT, 0);
}

static uint64_t tell_too_much(const struct asked *asked)
{
    return happen(DOOR_ERROR_OUTPUT, asked->arguments[1] + 1);
}

static uint64_t tell_no_event(const struct asked *asked)
{
    (void)asked;
    return happen(DOOR_CALLED + 1, 0);
}

/* --- entering when nobody asked --------------------------------------------------------------- */

/* As if by the host's own thread of this index. */
static struct host_thread *stand_in(struct host *host, size_t index)
{
    static struct host_thread gate;
    struct host_thread *thread = index < DOOR_THREADS_MAX ? &host->threads[index] : &gate;
    (void)pthread_mutex_lock(&host->lock);
    if (index >= DOOR_THREADS_MAX && !gate.buffer)
        gate = (struct host_thread){.host = host, .index = index, .token = -1};
    if (!thread->buffer)
        thread->buffer = calloc(1, DOOR_BUFFER_SIZE);
    if (thread->token < 0)
        thread->token = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    (void)pthread_mutex_unlock(&host->lock);
    return thread->buffer && thread->token >= 0 ? thread : NULL;
}

/* Each way of starting, and some that are none, twice. */
static void *intrude(void *argument)
{
    struct host_thread *thread = argument;
    const struct enclave_host calls = {thread->host->calls->answer, thread};
    for (uint64_t what = 0; what < 12; what++) {
        const uint64_t arguments[4] = {what % 6, (uintptr_t)thread->buffer};
        uint64_t result;
        (void)enclave_run_thread(thread->host->enclave, host_tcs(thread), arguments, &calls,
                                 &result, NULL);
    }
    return NULL;
}

/* By every TCS; those that come to something stay. */
static uint64_t enter_all(const struct asked *asked)
{
    struct host *host = asked->thread->host;
    for (size_t i = 0; i <= DOOR_THREADS_MAX; i++) {
        pthread_t id;
        struct host_thread *thread = stand_in(host, i);
        if (thread && pthread_create(&id, NULL, intrude, thread) == 0)
            (void)pthread_detach(id);
    }
    return honest(asked);
}

/* Where this thread waits for its answer: a start, numbers of no meaning, and a resumption. */
static uint64_t enter_here(const struct asked *asked)
{
    static const uint64_t numbers[] = {0, DOOR_START, 3, 99, UINT64_MAX};
    struct enclave *enclave = asked->thread->host->enclave;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct enclave_registers registers = {numbers[i], DOOR_RUN_THREAD,
                                              (uintptr_t)asked->thread->buffer, 0, 0};
        struct enclave_run run = {.tcs = enclave->base + host_tcs(asked->thread)};
        (void)enclave->driver->enter(enclave, &registers, SGX_EENTER, &run);
        (void)enclave->driver->enter(enclave, &registers, SGX_ERESUME, &run);
    }
    return honest(asked);
}

/* --- words that change while they are looked at ------------------------------------------------
 */

/* There and back; what was written meanwhile may be lost. */
static void flip(volatile uint64_t *words, size_t count)
{
    for (size_t i = 0; i < 2 * count; i++)
        words[i % count] = ~words[i % count];
}

/* Where sizes, handles, events and addresses stand: at the beginning of each thread's buffer,
 * behind what is looked at, and beside the outbox. */
static void *flip_all(void *argument)
{
    struct host *host = argument;
    for (unsigned round = 0; round < FLIPS; round++) {
        struct door_outbox *outbox = (struct door_outbox *)host->outbox; /* its first member */
        for (size_t i = 0; i < DOOR_THREADS_MAX; i++) {
            uint8_t *buffer = __atomic_load_n(&host->threads[i].buffer, __ATOMIC_RELAXED);
            if (!buffer)
                continue;
            flip((volatile uint64_t *)(void *)buffer, 8);
            flip((volatile uint64_t *)(void *)(buffer + DOOR_FETCHED_AT), 2);
        }
        if (!outbox)
            continue;
        flip(&outbox->taken, 1);
        flip(&outbox->is_served, 1);
    }
    return NULL;
}

static uint64_t flip_words(const struct asked *asked)
{
    pthread_t id;
    if (pthread_create(&id, NULL, flip_all, asked->thread->host) == 0)
        (void)pthread_detach(id);
    return honest(asked);
}

/* --- the plan --------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    lie_fn *lie;
} lies[] = {
    {"nothing", say_nothing_was_wrong},
    {"no-errno", say_no_errno},
    {"least", say_least},
    {"huge", say_most},
    {"unknown", say_unknown},
    {"interrupted", say_interrupted},
    {"wide", say_wide},
    {"more", say_more},
    {"less", say_less},
    {"noise", give_noise},
    {"ones", give_ones},
    {"twice", do_it_twice},
    {"another", quote_another},
    {"first", say_first_handle},
    {"over", tell_over},
    {"over-bytes", tell_over_with_bytes},
    {"taken", tell_taken},
    {"gone", tell_gone},
    {"spoken", tell_noise},
    {"no-output", tell_end_of_output},
    {"too-much", tell_too_much},
    {"no-event", tell_no_event},
    {"enter-all", enter_all},
    {"enter-here", enter_here},
    {"flips", flip_words},
};

/* A number, and the place behind its comma; NULL for none. */
static const char *take_number(const char *at, uint64_t *out)
{
    char *end = NULL;
    if (at)
        *out = strtoull(at, &end, 10);
    return end && end != at && *end == ',' ? end + 1 : NULL;
}

static int read_plan(const char *wrong, struct error *err)
{
    uint64_t side = 0;
    const char *name = take_number(wrong, &side);
    name = take_number(name, &plan.number);
    name = take_number(name, &plan.turn);
    plan.side = (unsigned)side;
    for (size_t i = 0; name && side < 2 && i < sizeof lies / sizeof *lies; i++) {
        if (strcmp(name, lies[i].name) == 0)
            plan.lie = lies[i].lie;
    }
    return plan.lie ? 0 : error_set(err, ERROR_USAGE, "%s: no such wrong answer", wrong);
}

int hostile_begin(const char *tally, const char *wrong, struct error *err)
{
    FD_AUTO fd = open(tally, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, sizeof *plan.tally) < 0)
        return error_system(err, errno, "%s", tally);
    void *memory = mmap(NULL, sizeof *plan.tally, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        return error_system(err, errno, "%s", tally);
    plan.tally = memory;
    return wrong ? read_plan(wrong, err) : 0;
}

/* OVER comes twice where it comes. */
static bool is_the_turn(uint64_t turn)
{
    return turn == plan.turn || (plan.lie == tell_over && turn == plan.turn + 1);
}

uint64_t hostile_answer(enclave_host_answer_fn *answer, struct host_thread *thread, uint64_t number,
                        const uint64_t arguments[3])
{
    static atomic_ullong turns;
    const struct asked asked = {answer, thread, number, arguments};
    unsigned side = thread->host->is_child ? 1 : 0;
    if (number < HOSTILE_DOORS)
        (void)__atomic_add_fetch(&plan.tally->calls[side][number], 1, __ATOMIC_RELAXED);
    if (!plan.lie || side != plan.side || number != plan.number ||
        !is_the_turn(atomic_fetch_add(&turns, 1) + 1))
        return honest(&asked);
    (void)__atomic_add_fetch(&plan.tally->lies, 1, __ATOMIC_RELAXED);
    return plan.lie(&asked);
}
