#include "guest/task.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "guest/control_group.h"
#include "guest/join.h"
#include "os/fd.h"

/* Bytes that wait for the host, of all streams: a host that grants more credit than it reads bytes
 * makes the guest hold no more than this. */
#define QUEUE_MAX ((size_t)4 << 20)

/* The process's ends of its streams. */
struct ends {
    int fds[3];
};

void task_init(struct task *task)
{
    *task = (struct task){.outcome = -1,
                          .terminal = -1,
                          .input = {.fd = -1, .pending = BUF_WITH_LIMIT(CHANNEL_WINDOW)},
                          .outputs = {{.fd = -1}, {.fd = -1}}};
}

void task_fini(struct task *task)
{
    fd_close(&task->outcome);
    fd_close(&task->terminal);
    fd_close(&task->input.fd);
    fd_close(&task->outputs[0].fd);
    fd_close(&task->outputs[1].fd);
    buf_fini(&task->input.pending);
    syscallfilter_fini(&task->filter);
    task_init(task);
}

static void ends_close(struct ends *ends)
{
    for (size_t i = 0; i < 3; i++)
        fd_close(&ends->fds[i]);
}

/* --- starting --------------------------------------------------------------------------------- */

/* A pipe between this process (non-blocking) and the new one, or /dev/null for no stream. */
static int make_pipe(uint32_t stream, bool to_process, int *ours, int *theirs, struct error *err)
{
    int fds[2];
    if (stream == 0) {
        *theirs = open("/dev/null", to_process ? O_RDONLY | O_CLOEXEC : O_WRONLY | O_CLOEXEC);
        return *theirs < 0 ? error_system(err, errno, "cannot open /dev/null") : 0;
    }
    if (pipe2(fds, O_CLOEXEC) < 0)
        return error_system(err, errno, "cannot make a pipe");
    *ours = fds[to_process];
    *theirs = fds[!to_process];
    return fd_set_nonblocking(*ours, err);
}

static int make_pipes(struct task *task, const uint32_t standard[3], struct ends *ends,
                      struct error *err)
{
    if (make_pipe(standard[0], true, &task->input.fd, &ends->fds[0], err) < 0)
        return -1;
    for (size_t i = 0; i < 2; i++) {
        if (make_pipe(standard[1 + i], false, &task->outputs[i].fd, &ends->fds[1 + i], err) < 0)
            return -1;
    }
    return 0;
}

/* What the first process is confined by confines the others too. */
static int start(struct task *task, const struct spec *spec, const struct task *first,
                 const uint32_t standard[3], struct error *err)
{
    struct ends ends = {{-1, -1, -1}};
    struct spec ready = *spec;
    ready.filter = first ? &first->filter : &task->filter;
    ready.resources = first ? &first->rlimits : &task->rlimits;
    if (!first && rlimits_parse(spec->rlimits, &task->rlimits, err) < 0)
        return -1;
    if (!first && spec->seccomp && syscallfilter_compile(spec->seccomp, &task->filter, err) < 0)
        return error_context(err, "seccomp");
    int made = spec->terminal ? 0 : make_pipes(task, standard, &ends, err);
    if (made == 0)
        made = task->outcome = first ? join_process(&ready, first->pid, ends.fds, err)
                                     : start_process(&ready, ends.fds, &task->pid, err);
    ends_close(&ends);
    return made < 0 ? -1 : 0;
}

int task_start(struct task *task, const struct spec *spec, const struct task *first,
               const uint32_t standard[3], struct error *err)
{
    task_init(task);
    if (start(task, spec, first, standard, err) < 0) {
        control_group_remove(spec->id); /* one that is in use stays */
        task_fini(task);
        return -1;
    }
    task->input.stream = standard[0];
    task->outputs[0].stream = standard[1];
    task->outputs[1].stream = standard[2];
    (void)text_copy(task->id, sizeof task->id, spec->id);
    return 0;
}

/* Without a stream its output is read all the same, and dropped: a full terminal would block. */
static int use_terminal(struct task *task, struct error *err)
{
    if (task->terminal < 0)
        return 0;
    if (fd_set_nonblocking(task->terminal, err) < 0)
        return -1;
    if (task->input.stream != 0)
        task->input.fd = fcntl(task->terminal, F_DUPFD_CLOEXEC, 3);
    task->outputs[0].fd = fcntl(task->terminal, F_DUPFD_CLOEXEC, 3);
    if (task->outputs[0].fd < 0 || (task->input.stream != 0 && task->input.fd < 0))
        return error_system(err, errno, "cannot use the terminal");
    return 0;
}

enum start_state task_poll_start(struct task *task, struct error *err)
{
    struct start_told told = {.pid = task->pid, .terminal = task->terminal};
    enum start_state state = start_read(task->outcome, &told, err);
    task->pid = told.pid;
    task->terminal = told.terminal;
    if (state == START_DONE) {
        fd_close(&task->outcome);
        return use_terminal(task, err) < 0 ? START_FAILED : START_DONE;
    }
    return state;
}

bool task_reap(struct task *task)
{
    int status;
    if (task->pid == 0 && task->outcome >= 0)
        start_peek(task->outcome, &task->pid);
    if (task->pid > 0 && !task->reaped && waitpid(task->pid, &status, WNOHANG) == task->pid) {
        task->reaped = true;
        task->status = status;
    }
    return task->pid > 0;
}

/* --- the pumps -------------------------------------------------------------------------------- */

/* How many bytes may be read of an output now: without a stream they are dropped. */
static size_t output_room(const struct task_output *output, const struct channel *channel)
{
    if (output->fd < 0)
        return 0;
    if (output->stream == 0)
        return CHANNEL_PAYLOAD_MAX;
    return channel_output(channel).size < QUEUE_MAX ? channel_sendable(channel, output->stream) : 0;
}

size_t task_collect(const struct task *task, const struct channel *channel,
                    struct pollfd polls[TASK_POLLS])
{
    size_t count = 0;
    if (task->outcome >= 0) {
        polls[0] = (struct pollfd){.fd = task->outcome, .events = POLLIN};
        return 1;
    }
    if (task->input.fd >= 0 && task->input.pending.size > 0)
        polls[count++] = (struct pollfd){.fd = task->input.fd, .events = POLLOUT};
    for (size_t i = 0; i < 2; i++) {
        if (output_room(&task->outputs[i], channel) > 0)
            polls[count++] = (struct pollfd){.fd = task->outputs[i].fd, .events = POLLIN};
    }
    return count;
}

/* The process reads no more: what is pending is dropped, and so is what comes. */
static int drop_input(struct task_input *input, struct channel *channel, struct error *err)
{
    size_t size = input->pending.size;
    fd_close(&input->fd);
    buf_consume(&input->pending, size);
    return size ? channel_grant(channel, input->stream, size, err) : 0;
}

static int pump_input(struct task_input *input, struct channel *channel, struct error *err)
{
    while (input->fd >= 0 && input->pending.size > 0) {
        ssize_t size = write(input->fd, input->pending.data, input->pending.size);
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0 && errno == EAGAIN)
            return 0;
        if (size < 0)
            return drop_input(input, channel, err);
        buf_consume(&input->pending, (size_t)size);
        if (channel_grant(channel, input->stream, (size_t)size, err) < 0)
            return -1;
    }
    if (input->ended && input->pending.size == 0 && input->stream != 0) {
        channel_forget(channel, input->stream);
        input->stream = 0;
        fd_close(&input->fd);
    }
    return 0;
}

static int end_output(struct task_output *output, struct channel *channel, struct error *err)
{
    fd_close(&output->fd);
    return output->stream ? channel_close(channel, output->stream, err) : 0;
}

/* One read a round, so that no stream starves another. */
static int pump_output(struct task_output *output, struct channel *channel, struct error *err)
{
    static uint8_t bytes[CHANNEL_PAYLOAD_MAX];
    size_t room = output_room(output, channel);
    if (room == 0)
        return 0;
    ssize_t size = read(output->fd, bytes, room);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (size <= 0) /* a terminal whose last user is gone answers EIO */
        return end_output(output, channel, err);
    return output->stream ? channel_send(channel, output->stream, span_of(bytes, (size_t)size), err)
                          : 0;
}

int task_pump(struct task *task, struct channel *channel, struct error *err)
{
    if (task->reaped && drop_input(&task->input, channel, err) < 0)
        return -1;
    if (pump_input(&task->input, channel, err) < 0 ||
        pump_output(&task->outputs[0], channel, err) < 0)
        return -1;
    return pump_output(&task->outputs[1], channel, err);
}

void task_take_input(struct task *task, struct span bytes)
{
    /* The channel's credit bounds what is pending by the buffer's limit. */
    (void)buf_append(&task->input.pending, bytes, NULL);
}

void task_end_input(struct task *task)
{
    task->input.ended = true;
}

bool task_has_ended(const struct task *task)
{
    return task->outcome < 0 && task->reaped && task->outputs[0].fd < 0 && task->outputs[1].fd < 0;
}

int task_resize(struct task *task, unsigned int rows, unsigned int columns, struct error *err)
{
    struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};
    if (ioctl(task->terminal, TIOCSWINSZ, &size) < 0)
        return error_system(err, errno, "cannot set the terminal's size");
    return 0;
}
