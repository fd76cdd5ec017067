#include "enclave/libos/remote/remote_call.h"

#include <asm/unistd_64.h>
#include <linux/prctl.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/calls/own_call.h"
#include "enclave/libos/calls/syscall_parts.h"
#include "enclave/libos/files/signal_file.h"
#include "enclave/libos/processes/process.h"
#include "enclave/libos/remote/remote_pack.h"
#include "enclave/libos/threads/lock.h"
#include "enclave/libos/threads/signal.h"

#define SEVERAL_MAX 1024 /* messages of sendmmsg and recvmmsg */

static bool is_child;

void remote_begin_child(void)
{
    is_child = true;
}

bool remote_is_child(void)
{
    return is_child;
}

/* --- one parcel there and back ---------------------------------------------------------------- */

/* The thread has a signal to deal with: the other side is told, and its answer is waited for. */
static int interrupt(struct remote_side *side, struct remote_buffer *answer)
{
    uint8_t bytes[sizeof(struct remote_head)];
    struct remote_buffer word = {bytes, sizeof bytes, sizeof bytes};
    int status = remote_send(side, &word, REMOTE_INTERRUPT, side->serial);
    return status < 0 ? status : remote_receive(side, answer, false);
}

static int check_answer(struct remote_side *side, const struct remote_buffer *answer, int status)
{
    const struct remote_head head = remote_head_of(answer);
    if (status == 1 && (head.kind != REMOTE_ANSWER || head.serial != side->serial))
        status = -EIO;
    if (status == 1)
        side->is_asked = false;
    return status == 1 ? 0 : status == 0 ? -EIO : status;
}

/* A thread that is killed while it waits has calls to make yet (its process' end): what it waited
 * for comes first. */
static int settle(struct remote_side *side)
{
    struct remote_buffer unused = {0};
    int status = check_answer(side, &unused, interrupt(side, &unused));
    lock_take();
    remote_buffer_fini(&unused);
    lock_release();
    return status;
}

/* Without the lock. */
static int talk(struct remote_side *side, struct remote_buffer *question,
                struct remote_buffer *answer)
{
    int status = side->is_asked ? settle(side) : 0;
    if (status == 0)
        status = remote_send(side, question, REMOTE_CALL, ++side->serial);
    if (status < 0)
        return status;
    side->is_asked = true;
    status = remote_receive(side, answer, true);
    if (status == -EINTR)
        status = interrupt(side, answer);
    return check_answer(side, answer, status);
}

/* With the lock, which is let go meanwhile. A call that is not to wait does not there: its answer
 * is waited for all the same. */
static int talk_patiently(struct remote_side *side, struct remote_buffer *question,
                          struct remote_buffer *answer)
{
    struct thread *self = thread_self();
    bool is_hasty = self->is_hasty;
    self->is_hasty = false;
    lock_release();
    int status = talk(side, question, answer);
    lock_take();
    self->is_hasty = is_hasty;
    return status;
}

/* Signals that the call raised, as SIGPIPE, are this thread's. */
static void raise_all(uint64_t signals)
{
    for (; signals != 0; signals &= signals - 1)
        (void)signal_raise(thread_self(), __builtin_ctzll(signals) + 1);
}

static int64_t exchange(struct remote_side *side, struct remote_call *call)
{
    struct remote_buffer parcel = {0};
    struct remote_answer answer;
    bool is_wrong;
    call->pending = signal_pending(thread_self());
    call->unheard = (uint32_t)signal_unheard();
    int status = remote_pack(call);
    if (status < 0)
        return status;
    status = talk_patiently(side, &call->parcel, &parcel);
    if (status < 0)
        remote_lost();
    int64_t result = remote_unpack(call, &parcel, &answer, &is_wrong);
    remote_buffer_fini(&parcel);
    if (is_wrong)
        remote_lost();
    raise_all(answer.signals);
    signal_files_watch |= answer.watched;
    side->taken = answer.taken;
    return result;
}

/* Signals of signalfds that come while such a call waits are told by making it again. */
static bool has_news(uint64_t number)
{
    switch (number) {
    case __NR_read:
    case __NR_poll:
    case __NR_ppoll:
    case __NR_select:
    case __NR_pselect6:
    case __NR_epoll_wait:
    case __NR_epoll_pwait:
    case __NR_epoll_pwait2:
        return true;
    default:
        return false;
    }
}

/* --- calls ------------------------------------------------------------------------------------ */

/* A piece that went whole is followed by the next one. What was done counts more than an error
 * after it. */
static int64_t exchange_all(struct remote_side *side, struct remote_call *call)
{
    for (;;) {
        int64_t result = exchange(side, call);
        if (!call->has_data || call->row->way != REMOTE_PIECES)
            return result;
        if (result < 0)
            return call->done > 0 ? (int64_t)call->done : result;
        call->done += (uint64_t)result;
        if ((uint64_t)result < call->piece || result == 0 || call->done >= call->data.total)
            return (int64_t)call->done;
    }
}

static int64_t call_one(struct remote_side *side, const struct remote_row *row, uint64_t number,
                        const uint64_t arguments[REMOTE_ARGUMENTS])
{
    struct remote_call call = {
        .row = row, .number = number, .process = (uint32_t)process_self()->number};
    memcpy(call.given, arguments, sizeof call.given);
    struct signal_thread *signals = &thread_self()->signals;
    int64_t result = remote_begin(&call);
    if (has_news(number)) /* what is pending now is told with the call */
        signals->news = signal_files_watch & ~signal_pending(thread_self());
    if (result == 0)
        result = exchange_all(side, &call);
    signals->news = 0;
    remote_call_fini(&call);
    return result;
}

/* Masks are lent here, where signals are. */
static int lend_masks(const struct remote_row *row, const uint64_t arguments[REMOTE_ARGUMENTS])
{
    uint64_t pair[2] = {0, 0}; /* address, size */
    for (size_t i = 0; i < REMOTE_ARGUMENTS; i++) {
        uint8_t kind = row->arguments[i].kind;
        if (kind == REMOTE_MASK)
            return syscall_lend_mask(arguments[i], arguments[i + 1]);
        if (kind != REMOTE_MASK_PAIR || arguments[i] == 0)
            continue;
        if (!can_read(arguments[i], sizeof pair))
            return -EFAULT;
        memcpy(pair, (const void *)arguments[i], sizeof pair);
        return syscall_lend_mask(pair[0], pair[1]);
    }
    return 0;
}

/* The kernel's struct mmsghdr. */
struct header_and_size {
    struct syscall_header header;
    uint32_t size, zero;
};

/* As many as go; an error counts only when it is the first's. With MSG_WAITFORONE only the first
 * one waits. */
static int64_t call_several(struct remote_side *side, const struct remote_row *row,
                            const uint64_t arguments[REMOTE_ARGUMENTS])
{
    const struct remote_row *one = remote_row(row->other);
    uint64_t count = (uint32_t)arguments[2], flags = (uint32_t)arguments[3], done = 0;
    int64_t result = 0;
    count = count < SEVERAL_MAX ? count : SEVERAL_MAX;
    for (; done < count; done++) {
        uint64_t at = arguments[1] + done * sizeof(struct header_and_size);
        uint64_t given[REMOTE_ARGUMENTS] = {arguments[0], at,
                                            flags & ~(uint64_t)SOCKET_WAIT_FOR_ONE};
        if (done > 0 && flags & SOCKET_WAIT_FOR_ONE)
            given[2] |= SOCKET_DONTWAIT;
        result = can_write(at, sizeof(struct header_and_size))
                     ? call_one(side, one, row->other, given)
                     : -EFAULT;
        if (result < 0)
            break;
        const uint32_t size = (uint32_t)result;
        if (can_write(at, sizeof(struct header_and_size)))
            memcpy((void *)(at + sizeof(struct syscall_header)), &size, sizeof size);
    }
    return done > 0 ? (int64_t)done : result;
}

static int64_t call_any(uint64_t number, const uint64_t arguments[REMOTE_ARGUMENTS])
{
    const struct remote_row *row = remote_row(number);
    struct remote_side *side = row ? remote_side() : NULL;
    if (!row)
        return -ENOSYS;
    if (!side)
        return -EAGAIN;
    int status = lend_masks(row, arguments);
    if (status < 0)
        return status;
    return row->way == REMOTE_SEVERAL ? call_several(side, row, arguments)
                                      : call_one(side, row, number, arguments);
}

/* A signal to itself has come when the call returns. */
static bool is_to_itself(const struct program_frame *frame)
{
    return (frame->rax == __NR_kill || frame->rax == __NR_rt_sigqueueinfo) &&
           (int)frame->rdi == process_self()->number;
}

/* A mapping of a file is a copy, which is made here (syscall_memory.c). */
bool remote_carries(const struct program_frame *frame)
{
    const uint64_t arguments[2] = {frame->rdi, frame->rsi};
    const struct remote_row *row = is_child ? remote_row(frame->rax) : NULL;
    if (!row || frame->rax == __NR_mmap || frame->rax >= OWN_FIRST)
        return false;
    if (frame->rax == __NR_prctl && (frame->rdi == PR_SET_NAME || frame->rdi == PR_GET_NAME))
        return false;
    if (is_to_itself(frame))
        return false;
    return row->thread == 0 || !thread_find((int)arguments[row->thread - 1]);
}

/* Of read(2): the signals are here. -EAGAIN where another thread has just taken them. */
static int64_t take_signals(uint64_t at, uint64_t size)
{
    if (!can_write(at, size))
        return -EFAULT;
    return signal_file_take(remote_side()->taken, (void *)at, size);
}

uint64_t remote_call(const struct program_frame *frame)
{
    const uint64_t arguments[REMOTE_ARGUMENTS] = {frame->rdi, frame->rsi, frame->rdx,
                                                  frame->r10, frame->r8,  frame->r9};
    int64_t result;
    do {
        result = call_any(frame->rax, arguments);
        if (result != -SIGNAL_FILE_ELSEWHERE)
            return (uint64_t)result;
        result = frame->rax == __NR_read ? take_signals(frame->rsi, frame->rdx) : -EINVAL;
    } while (result == -EAGAIN);
    return (uint64_t)result;
}

uint64_t remote_make_call(uint64_t number, const uint64_t arguments[REMOTE_ARGUMENTS])
{
    return (uint64_t)call_any(number, arguments);
}

uint64_t remote_own_call(uint64_t number, const uint64_t arguments[REMOTE_ARGUMENTS])
{
    static const struct thread_room everything = {0, UINT64_MAX};
    struct thread *self = thread_self();
    const struct thread_room *before = self->room;
    self->room = &everything;
    int64_t result = call_any(number, arguments);
    self->room = before;
    return (uint64_t)result;
}
