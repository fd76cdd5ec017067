/* Messages of sockets: sendto, sendmsg, recvfrom, recvmsg and what sends or takes several. */
#include <asm/signal.h>
#include <linux/fcntl.h>
#include <linux/poll.h>
#include <linux/time_types.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/calls/syscall_parts.h"
#include "enclave/libos/calls/syscall_socket.h"
#include "enclave/libos/calls/syscall_vector.h"
#include "enclave/libos/threads/signal.h"
#include "enclave/libos/threads/wait.h"

#define MESSAGE_MAX (UINT64_C(1) << 18) /* bytes of several parts that go at once */
#define SEVERAL_MAX 1024                /* messages of sendmmsg and recvmmsg */
#define SOCKET_SOL  1                   /* SOL_SOCKET */

enum { CONTROL_FILES = 1, CONTROL_CREDS = 2 }; /* SCM_RIGHTS, SCM_CREDENTIALS */

struct control {
    uint64_t size; /* with this head */
    int32_t level, type;
};

#define CONTROL_ROOM(size) (((size) + 7) & ~(uint64_t)7)

/* --- sending ---------------------------------------------------------------------------------- */

static bool waits(const struct file *file, unsigned flags)
{
    return !(file->flags & O_NONBLOCK) && !(flags & SOCKET_DONTWAIT);
}

static uint64_t deadline_of(uint64_t timeout)
{
    return timeout ? wait_deadline(timeout) : DOOR_FOREVER;
}

/* One try with what is left of the parts. */
static int64_t send_once(struct file *file, const struct syscall_vector *parts, uint64_t done,
                         struct socket_message *message)
{
    const struct socket *socket = socket_of(file);
    uint64_t left = parts->total - done;
    if (left > MESSAGE_MAX && socket->type != SOCKET_STREAM)
        return -EMSGSIZE;
    message->size = (size_t)(left < MESSAGE_MAX ? left : MESSAGE_MAX);
    if (parts->count == 1) {
        message->bytes = (uint8_t *)parts->items->iov_base + done;
        return can_read((uint64_t)message->bytes, message->size) ? socket->ops->send(file, message)
                                                                 : -EFAULT;
    }
    message->bytes = libos_alloc(message->size + 1);
    if (!message->bytes)
        return -ENOMEM;
    int64_t result = syscall_copy_vector(parts, done, message->bytes, message->size, true);
    if (result == 0)
        result = socket->ops->send(file, message);
    libos_free(message->bytes);
    return result;
}

/* All of a stream, unless it fails; what was sent counts more than an error after it. */
static int64_t send_all(struct file *file, const struct syscall_vector *parts,
                        struct socket_message *message)
{
    const struct socket *socket = socket_of(file);
    uint64_t deadline = deadline_of(socket->send_timeout), done = 0;
    unsigned flags = message->flags;
    do {
        message->flags = flags;
        int64_t put = send_once(file, parts, done, message);
        bool again = put == -EAGAIN && waits(file, flags);
        if (again)
            put = syscall_wait_for(file, POLLOUT, deadline);
        if (put == -ETIMEDOUT && again)
            put = -EAGAIN;
        if (put < 0)
            return done > 0 ? (int64_t)done : put;
        done += again ? 0 : (uint64_t)put;
        if (!again && (socket->type != SOCKET_STREAM || put == 0 || !waits(file, flags)))
            break;
        if (!again)
            message->file_count = 0; /* they went with the first bytes */
    } while (done < parts->total || parts->total == 0);
    return (int64_t)done;
}

static uint64_t send_parts(struct file *file, const struct syscall_vector *parts,
                           struct socket_message *message)
{
    bool is_quiet = message->flags & SOCKET_NO_SIGNAL;
    file_get(file);
    int64_t sent = send_all(file, parts, message);
    if (sent == -EPIPE && !is_quiet && socket_of(file)->type != SOCKET_DATAGRAM)
        (void)signal_raise(thread_self(), SIGPIPE);
    file_put(file);
    return (uint64_t)sent;
}

uint64_t syscall_sendto(struct program_frame *frame)
{
    struct socket_message message = {.flags = (unsigned)frame->r10};
    struct syscall_vector parts;
    struct socket *socket;
    int status;
    struct file *file = syscall_socket_file(frame->rdi, &socket, &status);
    syscall_one_vector(frame->rsi, frame->rdx, &parts);
    if (status == 0 && frame->r8 != 0)
        status = syscall_take_address(frame->r8, (uint32_t)frame->r9, &message.address);
    return status < 0 ? (uint64_t)status : send_parts(file, &parts, &message);
}

/* The files of one control message; each number is a file, or none is sent. */
static int take_files(uint64_t at, uint64_t size, struct socket_message *out)
{
    size_t count = (size_t)size / sizeof(int);
    if (count + out->file_count > SOCKET_FILES_MAX)
        return -EINVAL;
    for (size_t i = 0; i < count; i++) {
        int number;
        memcpy(&number, (const void *)(at + i * sizeof number), sizeof number);
        struct file *file = file_table_get(&syscall_files()->files, number);
        if (!file)
            return -EBADF;
        out->files[out->file_count++] = file;
    }
    return 0;
}

static int take_control(const struct syscall_header *header, struct socket_message *out)
{
    uint64_t at = header->control, end = at + header->control_size;
    struct control control;
    if (header->control_size > UINT32_MAX || !can_read(at, header->control_size))
        return -EFAULT;
    while (end - at >= sizeof control) {
        memcpy(&control, (const void *)at, sizeof control);
        if (control.size < sizeof control || control.size > end - at)
            return -EINVAL;
        int status = 0;
        if (control.level == SOCKET_SOL && control.type == CONTROL_FILES)
            status = take_files(at + sizeof control, control.size - sizeof control, out);
        else if (control.level != SOCKET_SOL || control.type != CONTROL_CREDS)
            status = -EINVAL; /* credentials are the sender's, whatever it says */
        if (status < 0)
            return status;
        uint64_t step = CONTROL_ROOM(control.size);
        at = step < end - at ? at + step : end;
    }
    return 0;
}

static int take_header(uint64_t at, struct syscall_header *out)
{
    if (!can_read(at, sizeof *out))
        return -EFAULT;
    memcpy(out, (const void *)at, sizeof *out);
    return 0;
}

static int64_t send_header(struct file *file, uint64_t at, unsigned flags)
{
    struct file *files[SOCKET_FILES_MAX];
    struct socket_message message = {.flags = flags, .files = files};
    struct syscall_header header;
    struct syscall_vector parts;
    int status = take_header(at, &header);
    if (status == 0 && header.name != 0)
        status = syscall_take_address(header.name, header.name_size, &message.address);
    if (status == 0 && header.control != 0 && header.control_size > 0)
        status = take_control(&header, &message);
    if (status < 0)
        return status;
    status = syscall_take_vector(header.parts, header.part_count, &parts);
    int64_t sent = status < 0 ? status : (int64_t)send_parts(file, &parts, &message);
    syscall_vector_fini(&parts);
    return sent;
}

uint64_t syscall_sendmsg(struct program_frame *frame)
{
    struct socket *socket;
    int status;
    struct file *file = syscall_socket_file(frame->rdi, &socket, &status);
    return (uint64_t)(status < 0 ? status : send_header(file, frame->rsi, (unsigned)frame->rdx));
}

/* --- receiving -------------------------------------------------------------------------------- */

static int64_t receive_once(struct file *file, const struct syscall_vector *parts, uint64_t done,
                            struct socket_message *message)
{
    const struct socket *socket = socket_of(file);
    uint64_t left = parts->total - done;
    message->size = (size_t)(left < MESSAGE_MAX ? left : MESSAGE_MAX);
    if (parts->count == 1) {
        message->bytes = (uint8_t *)parts->items->iov_base + done;
        return can_write((uint64_t)message->bytes, message->size)
                   ? socket->ops->receive(file, message)
                   : -EFAULT;
    }
    message->bytes = libos_alloc(message->size + 1);
    if (!message->bytes)
        return -ENOMEM;
    int64_t got = socket->ops->receive(file, message);
    size_t there = got > (int64_t)message->size ? message->size : (size_t)got;
    if (got > 0 && syscall_copy_vector(parts, done, message->bytes, there, false) < 0)
        got = -EFAULT;
    libos_free(message->bytes);
    return got;
}

/* With MSG_WAITALL all of a stream, unless it ends, fails or brings files. */
static int64_t receive_all(struct file *file, const struct syscall_vector *parts,
                           struct socket_message *message)
{
    const struct socket *socket = socket_of(file);
    uint64_t deadline = deadline_of(socket->receive_timeout), done = 0;
    unsigned flags = message->flags;
    bool is_all = flags & SOCKET_WAIT_ALL && socket->type == SOCKET_STREAM &&
                  !(flags & SOCKET_PEEK);
    for (;;) {
        message->flags = flags;
        int64_t got = receive_once(file, parts, done, message);
        bool again = got == -EAGAIN && waits(file, flags);
        if (again)
            got = syscall_wait_for(file, POLLIN, deadline);
        if (got == -ETIMEDOUT && again)
            got = -EAGAIN;
        if (got < 0)
            return done > 0 ? (int64_t)done : got;
        if (again)
            continue;
        done += (uint64_t)got;
        if (!is_all || got == 0 || done >= parts->total || message->file_count > 0)
            return (int64_t)done;
    }
}

/* From `first` on. */
static void drop_files(struct socket_message *message, size_t first)
{
    for (size_t i = first; i < message->file_count; i++)
        file_put(message->files[i]);
}

static int64_t receive_parts(struct file *file, const struct syscall_vector *parts,
                             struct socket_message *message)
{
    file_get(file);
    int64_t got = receive_all(file, parts, message);
    if (got < 0) {
        message->flags = 0;
        drop_files(message, 0);
        message->file_count = 0;
    }
    file_put(file);
    return got;
}

uint64_t syscall_recvfrom(struct program_frame *frame)
{
    struct file *files[SOCKET_FILES_MAX];
    struct socket_message message = {.flags = (unsigned)frame->r10, .files = files};
    struct syscall_vector parts;
    struct socket *socket;
    int status;
    struct file *file = syscall_socket_file(frame->rdi, &socket, &status);
    if (status < 0)
        return (uint64_t)status;
    syscall_one_vector(frame->rsi, frame->rdx, &parts);
    int64_t got = receive_parts(file, &parts, &message);
    drop_files(&message, 0);
    if (got >= 0 && frame->r8 != 0)
        status = syscall_give_address(&message.address, frame->r8, frame->r9);
    return status < 0 ? (uint64_t)status : (uint64_t)got;
}

/* The files at numbers of their own, as many as there is room for: how many. */
static size_t give_files(struct socket_message *message, uint64_t at, uint64_t room, bool cloexec)
{
    size_t given = 0;
    for (; given < message->file_count && room - given * sizeof(int) >= sizeof(int); given++) {
        int number = file_table_add(&syscall_files()->files, message->files[given], 0, cloexec);
        if (number < 0)
            break;
        memcpy((void *)(at + given * sizeof number), &number, sizeof number);
    }
    if (given < message->file_count)
        message->flags |= SOCKET_CUT_CONTROL;
    drop_files(message, given);
    return given;
}

static void put_control(uint64_t *at, int type, uint64_t size)
{
    const struct control control = {sizeof control + size, SOCKET_SOL, type};
    memcpy((void *)*at, &control, sizeof control);
    *at += CONTROL_ROOM(control.size);
}

/* Control messages at `at`; `room` was allowed. The bytes that they take. */
static uint64_t give_control(struct socket_message *message, uint64_t at, uint64_t room,
                             bool cloexec)
{
    uint64_t end = at + room, start = at;
    if (message->has_creds && end - at >= sizeof(struct control) + sizeof message->creds) {
        memcpy((void *)(at + sizeof(struct control)), &message->creds, sizeof message->creds);
        put_control(&at, CONTROL_CREDS, sizeof message->creds);
    } else if (message->has_creds) {
        message->flags |= SOCKET_CUT_CONTROL;
    }
    if (at > end)
        at = end;
    uint64_t left = end - at > sizeof(struct control) ? end - at - sizeof(struct control) : 0;
    if (message->file_count > 0 && left == 0) {
        message->flags |= SOCKET_CUT_CONTROL;
        drop_files(message, 0);
    } else if (message->file_count > 0) {
        size_t given = give_files(message, at + sizeof(struct control), left, cloexec);
        if (given > 0)
            put_control(&at, CONTROL_FILES, given * sizeof(int));
    }
    return (at < end ? at : end) - start;
}

static int give_header(struct syscall_header *header, uint64_t at, struct socket_message *message,
                       bool cloexec)
{
    bool has_room = header->control != 0 && header->control_size <= UINT32_MAX &&
                    can_write(header->control, header->control_size);
    header->control_size = give_control(message, header->control,
                                        has_room ? header->control_size : 0, cloexec);
    header->flags = message->flags | (cloexec ? SOCKET_CLOEXEC : 0); /* as Linux tells it */
    if (header->name != 0) {
        size_t size = message->address.size < header->name_size ? message->address.size
                                                                : header->name_size;
        if (!can_write(header->name, size))
            return -EFAULT;
        memcpy((void *)header->name, message->address.bytes, size);
        header->name_size = (uint32_t)message->address.size;
    }
    if (!can_write(at, sizeof *header))
        return -EFAULT;
    memcpy((void *)at, header, sizeof *header);
    return 0;
}

static int64_t receive_header(struct file *file, uint64_t at, unsigned flags)
{
    struct file *files[SOCKET_FILES_MAX];
    struct socket_message message = {.flags = flags, .files = files};
    struct syscall_header header;
    struct syscall_vector parts;
    int status = take_header(at, &header);
    if (status < 0)
        return status;
    status = syscall_take_vector(header.parts, header.part_count, &parts);
    int64_t got = status < 0 ? status : receive_parts(file, &parts, &message);
    syscall_vector_fini(&parts);
    if (got < 0)
        return got;
    status = give_header(&header, at, &message, flags & SOCKET_CLOEXEC);
    return status < 0 ? status : got;
}

uint64_t syscall_recvmsg(struct program_frame *frame)
{
    struct socket *socket;
    int status;
    struct file *file = syscall_socket_file(frame->rdi, &socket, &status);
    return (uint64_t)(status < 0 ? status : receive_header(file, frame->rsi, (unsigned)frame->rdx));
}

/* --- several ---------------------------------------------------------------------------------- */

struct header_and_size {
    struct syscall_header header;
    uint32_t size, zero;
};

typedef int64_t one_fn(struct file *file, uint64_t at, unsigned flags);

/* As many as go; an error counts only when it is the first's. With MSG_WAITFORONE only the first
 * one waits. */
static uint64_t do_several(const struct program_frame *frame, one_fn *one)
{
    struct socket *socket;
    int status;
    struct file *file = syscall_socket_file(frame->rdi, &socket, &status);
    uint64_t count = (uint32_t)frame->rdx, done = 0;
    if (status < 0)
        return (uint64_t)status;
    count = count < SEVERAL_MAX ? count : SEVERAL_MAX;
    file_get(file);
    int64_t result = 0;
    for (; done < count; done++) {
        uint64_t at = frame->rsi + done * sizeof(struct header_and_size);
        unsigned flags = (unsigned)frame->r10 & ~(unsigned)SOCKET_WAIT_FOR_ONE;
        if (done > 0 && frame->r10 & SOCKET_WAIT_FOR_ONE)
            flags |= SOCKET_DONTWAIT;
        uint32_t size;
        result = can_write(at, sizeof(struct header_and_size)) ? one(file, at, flags) : -EFAULT;
        if (result < 0)
            break;
        size = (uint32_t)result;
        memcpy((void *)(at + sizeof(struct syscall_header)), &size, sizeof size);
    }
    file_put(file);
    return done > 0 ? done : (uint64_t)result;
}

uint64_t syscall_sendmmsg(struct program_frame *frame)
{
    return do_several(frame, send_header);
}

/* Its timeout is left aside: Linux looks at it only between messages (recvmmsg(2), BUGS). */
uint64_t syscall_recvmmsg(struct program_frame *frame)
{
    return do_several(frame, receive_header);
}
