#include "calls_stage.h"

#include <errno.h>
#include <linux/poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "../../../check.h"
#include "../stage.h"
#include "enclave/inside/enclave.h"
#include "enclave/libos/calls/syscall.h"
#include "enclave/libos/door/door.h"
#include "enclave/libos/files/pipe.h"
#include "enclave/libos/log.h"
#include "enclave/libos/processes/process.h"
#include "enclave/libos/program/memory.h"
#include "enclave/libos/program/rewrite.h"
#include "enclave/libos/remote/mirror.h"
#include "enclave/libos/remote/remote_call.h"
#include "enclave/libos/threads/deliver.h"
#include "enclave/libos/threads/finish.h"
#include "enclave/libos/threads/lock.h"
#include "enclave/libos/threads/signal_frame.h"
#include "enclave/libos/threads/thread.h"
#include "enclave/libos/threads/wait.h"
#include "enclave/libos/wire/arrivals.h"
#include "enclave/libos/wire/handshake.h"

#define HANDLE 100 /* of the mirror's end */
#define SECOND UINT64_C(1000000000)

enum { CHILD, MIRROR, OTHER, THREADS }; /* indices */

uint8_t *stage_program;

static _Thread_local size_t mine;

struct thread *thread_self(void)
{
    return thread_at(mine);
}

bool thread_has_lock(void)
{
    return true;
}

/* --- the link: messages in order, each way ---------------------------------------------------- */

struct message {
    struct message *next;
    size_t size;
    uint8_t bytes[];
};

static pthread_mutex_t host_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t host_changed = PTHREAD_COND_INITIALIZER;
static struct message *queues[2]; /* to the child, to the mirror */
static bool is_closed;
static bool tokens[THREADS_MAX];
static atomic_bool mirror_waits;

static void wait_a_little(void)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    (void)pthread_cond_timedwait(&host_changed, &host_lock, &until);
}

static int link_send(void *end, const void *bytes, size_t size)
{
    struct message **place = &queues[end == &queues[CHILD] ? MIRROR : CHILD];
    struct message *message = malloc(sizeof *message + size);
    assert_non_null(message);
    message->next = NULL;
    message->size = size;
    memcpy(message->bytes, bytes, size);
    (void)pthread_mutex_lock(&host_lock);
    while (*place)
        place = &(*place)->next;
    *place = message;
    (void)pthread_cond_broadcast(&host_changed);
    (void)pthread_mutex_unlock(&host_lock);
    return 0;
}

/* With the host's lock. */
static int64_t take_message(struct message **queue, void *out, size_t room)
{
    struct message *message = *queue;
    if (!message)
        return is_closed ? 0 : -EAGAIN;
    assert_true(message->size <= room);
    int64_t size = (int64_t)message->size;
    memcpy(out, message->bytes, message->size);
    *queue = message->next;
    free(message);
    return size;
}

/* As a wire has it: what is not to wait at all gets nothing. */
static int64_t link_receive(void *end, void *out, size_t room, bool may_interrupt)
{
    int64_t got;
    if (may_interrupt && thread_self()->is_hasty)
        return -EAGAIN;
    (void)pthread_mutex_lock(&host_lock);
    while ((got = take_message(end, out, room)) == -EAGAIN) {
        if (may_interrupt && signal_interrupts(thread_self())) {
            got = -EINTR;
            break;
        }
        wait_a_little();
    }
    (void)pthread_mutex_unlock(&host_lock);
    return got;
}

static int64_t link_receive_now(void *end, void *out, size_t room, bool is_ready)
{
    (void)is_ready;
    (void)pthread_mutex_lock(&host_lock);
    int64_t got = take_message(end, out, room);
    (void)pthread_mutex_unlock(&host_lock);
    return got;
}

static struct remote_link link_at(size_t end)
{
    return (struct remote_link){link_send, link_receive, link_receive_now, &queues[end]};
}

/* --- the host --------------------------------------------------------------------------------- */

static uint8_t buffers[THREADS_MAX][DOOR_BUFFER_SIZE];

unsigned char **door_buffer(void)
{
    static _Thread_local unsigned char *place;
    place = buffers[mine];
    return &place;
}

static uint64_t host_clock(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

/* Of the handles there is the mirror's alone, which is the last one. */
static bool look_at_handles(size_t count)
{
    struct door_ready *items = (struct door_ready *)buffers[mine];
    for (size_t i = 0; i < count; i++) {
        bool is_ready = items[i].handle == HANDLE && (queues[MIRROR] || is_closed);
        items[i].ready = is_ready ? POLLIN : 0;
        if (is_ready)
            return true;
    }
    return false;
}

static uint64_t park(uint64_t deadline, size_t count)
{
    bool is_ready;
    (void)pthread_mutex_lock(&host_lock);
    while (!(is_ready = look_at_handles(count)) && !tokens[mine] && host_clock() < deadline) {
        atomic_store(&mirror_waits, mine == MIRROR && count > 0);
        wait_a_little();
    }
    if (mine == MIRROR)
        atomic_store(&mirror_waits, false);
    tokens[mine] = false;
    (void)pthread_mutex_unlock(&host_lock);
    return is_ready;
}

static uint64_t wake(uint64_t bits)
{
    (void)pthread_mutex_lock(&host_lock);
    for (size_t i = 0; i < THREADS_MAX; i++)
        tokens[i] = tokens[i] || (bits >> i % DOOR_WAKE_BITS & 1);
    (void)pthread_cond_broadcast(&host_changed);
    (void)pthread_mutex_unlock(&host_lock);
    return 0;
}

uint64_t door_ask(uint64_t number, uint64_t a, uint64_t b, uint64_t c)
{
    (void)c;
    switch (number) {
    case DOOR_CLOCK:
        return host_clock();
    case DOOR_PARK:
        return park(a, b);
    case DOOR_WAKE:
        return wake(a);
    case DOOR_ALARM:
        return 0;
    default:
        return (uint64_t)-ENOSYS;
    }
}

/* --- what the calls of this enclave's own threads ask for, and here nobody ---------------------
 */

static _Thread_local uint64_t fs;

bool program_put(uint64_t at, uint64_t first, uint64_t second)
{
    (void)at, (void)first, (void)second;
    return false;
}

void program_set_fs(uint64_t address)
{
    fs = address;
}

uint64_t program_get_fs(void)
{
    return fs;
}

void program_save_control(uint32_t *mxcsr, uint16_t *control)
{
    *mxcsr = 0x1F80;
    *control = 0x37F;
}

void program_save_vectors(void *area)
{
    (void)area;
}

void program_load_vectors(const void *area)
{
    (void)area;
}

void program_clean_vectors(void)
{
}

int finish_others(void)
{
    return 0;
}

bool enclave_random(void *out, size_t size)
{
    memset(out, 4, size);
    return true;
}

void deliver_look_again(void)
{
}

bool deliver_signals(struct program_frame *frame)
{
    (void)frame;
    return false;
}

int signal_frame_leave(struct program_frame *frame)
{
    (void)frame;
    return -EFAULT;
}

void finish_thread(uint64_t code)
{
    (void)code;
    abort();
}

void log_line(const char *text, const char *more)
{
    (void)text;
    (void)more;
}

void log_number(const char *text, uint64_t number)
{
    (void)text;
    (void)number;
}

/* --- the world -------------------------------------------------------------------------------- */

static struct tree *trees[2];
static struct process *child;
static bool is_remote;
static struct remote_side sides[2];
static pthread_t mirror;

static void now(void *arg, struct file_time *out)
{
    (void)arg;
    *out = (struct file_time){.sec = 1};
}

static int fill(void *arg, void *out, size_t size)
{
    (void)arg;
    memset(out, 5, size);
    return 0;
}

static int accept_page(uintptr_t page)
{
    memset((void *)page, 0, MEMORY_PAGE);
    return 0;
}

static void extend_page(uintptr_t page, unsigned access)
{
    (void)page;
    (void)access;
}

static int restrict_pages(uintptr_t first, size_t size, unsigned access)
{
    (void)first;
    (void)size;
    (void)access;
    return 0;
}

static void make_memory(void)
{
    static const struct memory_leaves leaves = {accept_page, extend_page, restrict_pages};
    static uint8_t *all;
    const size_t size = (size_t)512 * MEMORY_PAGE;
    uintptr_t at = 0;
    if (!all)
        all = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(all, MAP_FAILED);
    memory_init((uintptr_t)all, size, &leaves);
    at = (uintptr_t)all + MEMORY_PAGE;
    assert_int_equal(memory_map(&at, STAGE_SIZE, MEMORY_READ | MEMORY_WRITE, true), 0);
    stage_program = (uint8_t *)at;
}

static void make_files(struct process *process, size_t i)
{
    struct tree_options options = {.limit = 1 << 24, .mode = 0755, .clock = {now, NULL}};
    assert_int_equal(tree_new(&options, &trees[i]), 0);
    vfs_init(&process->vfs, trees[i], options.clock);
    process->vfs.random = (struct file_random){fill, NULL};
    process_identify(process);
}

void stage_start(void)
{
    make_memory();
    process_begin();
    process_first()->vfs.random = (struct file_random){fill, NULL};
    make_files(process_first(), 0);
    assert_int_equal(process_new(process_first(), 0, &child), 0);
    vfs_fini(&child->vfs);
    child->number = child->group = child->session = STAGE_CHILD;
    make_files(child, 1);
    for (size_t i = 0; i < THREADS; i++)
        *thread_at(i) = (struct thread){.state = THREAD_RUNS, .signals = {.mask = UINT64_MAX}};
    thread_at(CHILD)->process = process_first();
    thread_at(CHILD)->number = 1;
    is_remote = false;
    file_changed = wait_files_changed;
}

void stage_end(void)
{
    if (is_remote)
        stage_end_remote();
    vfs_fini(&process_first()->vfs);
    vfs_fini(&child->vfs);
    child->state = PROCESS_FREE;
    tree_free(trees[0]);
    tree_free(trees[1]);
    for (size_t i = 0; i < THREADS; i++)
        thread_at(i)->state = THREAD_FREE;
    file_changed = NULL;
}

void stage_clear(void)
{
    memset(stage_program, 0xAA, STAGE_SIZE);
}

static bool is_left; /* what it came to */

static void *run_mirror(void *argument)
{
    (void)argument;
    mine = MIRROR;
    is_left = mirror_serve(&sides[MIRROR], STAGE_CHILD, HANDLE);
    return NULL;
}

void stage_begin_remote(void)
{
    is_closed = false;
    thread_at(CHILD)->process = child;
    for (size_t i = 0; i < 2; i++) {
        sides[i].is_broken = false;
        sides[i].link = link_at(i);
    }
    is_remote = true;
    assert_int_equal(pthread_create(&mirror, NULL, run_mirror, NULL), 0);
}

void stage_end_remote(void)
{
    (void)pthread_mutex_lock(&host_lock);
    is_closed = true;
    (void)pthread_cond_broadcast(&host_changed);
    (void)pthread_mutex_unlock(&host_lock);
    assert_int_equal(pthread_join(mirror, NULL), 0);
    is_remote = false;
}

bool stage_leave_remote(size_t more)
{
    uint8_t bytes[sizeof(struct remote_head) + 8] = {0};
    struct remote_buffer word = {bytes, sizeof(struct remote_head) + more, sizeof bytes};
    assert_int_equal(remote_send(&sides[CHILD], &word, REMOTE_LEFT, sides[CHILD].serial), 0);
    assert_int_equal(pthread_join(mirror, NULL), 0);
    is_remote = false;
    return is_left;
}

struct remote_side *remote_side(void)
{
    return &sides[CHILD];
}

/* No program runs here. */
const uint8_t program_call[1];

/* No enclave arrives here. */
void arrival_serve(struct wire *wire, const void *first, size_t size)
{
    (void)wire;
    (void)first;
    (void)size;
    abort();
}

const struct handshake_processor handshake_inside;

/* A thread's side is the test's. */
void remote_end_thread(void)
{
}

void remote_lost(void)
{
    abort();
}

int64_t stage_call(uint64_t number, const uint64_t arguments[REMOTE_ARGUMENTS])
{
    struct program_frame frame = {
        .rax = number,
        .rdi = arguments[0],
        .rsi = arguments[1],
        .rdx = arguments[2],
        .r10 = arguments[3],
        .r8 = arguments[4],
        .r9 = arguments[5],
    };
    lock_take();
    uint64_t answer = is_remote ? remote_call(&frame) : mirror_make_call(&frame);
    if (thread_self()->signals.has_before) {
        thread_self()->signals.has_before = false;
        signal_set_mask(thread_self(), thread_self()->signals.before);
    }
    lock_release();
    return (int64_t)answer;
}

/* --- signals ---------------------------------------------------------------------------------- */

static void *interrupt_it(void *argument)
{
    const struct timespec little = {0, 100000};
    mine = OTHER;
    while (!atomic_load(&mirror_waits))
        (void)nanosleep(&little, NULL);
    lock_take();
    (void)signal_raise(thread_at(CHILD), *(int *)argument);
    lock_release();
    return NULL;
}

static int interrupt_number;
static pthread_t interrupter;

void stage_interrupt_soon(int number)
{
    interrupt_number = number;
    thread_at(OTHER)->process = process_first();
    assert_int_equal(pthread_create(&interrupter, NULL, interrupt_it, &interrupt_number), 0);
    (void)pthread_detach(interrupter);
}
