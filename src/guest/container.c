#include "guest/container.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/text.h"
#include "guest/control_group.h"
#include "os/fd.h"

/* Bytes that wait for the host, of all streams: a host that grants more credit than it reads bytes
 * makes the guest hold no more than this. */
#define QUEUE_MAX ((size_t)4 << 20)

/* The container's ends of its streams. */
struct ends {
    int fds[3];
};

void container_init(struct container *container)
{
    *container = (struct container){.outcome = -1,
                                    .terminal = -1,
                                    .input = {.fd = -1, .pending = BUF_WITH_LIMIT(CHANNEL_WINDOW)},
                                    .outputs = {{.fd = -1}, {.fd = -1}}};
}

void container_fini(struct container *container)
{
    fd_close(&container->outcome);
    fd_close(&container->terminal);
    fd_close(&container->input.fd);
    fd_close(&container->outputs[0].fd);
    fd_close(&container->outputs[1].fd);
    buf_fini(&container->input.pending);
    syscallfilter_fini(&container->filter);
    container_init(container);
}

static void ends_close(struct ends *ends)
{
    for (size_t i = 0; i < 3; i++)
        fd_close(&ends->fds[i]);
}

/* --- starting --------------------------------------------------------------------------------- */

/* A pipe between this process (non-blocking) and the container, or /dev/null for no stream. */
static int make_pipe(uint32_t stream, bool to_container, int *ours, int *theirs, struct error *err)
{
    int fds[2];
    if (stream == 0) {
        *theirs = open("/dev/null", to_container ? O_RDONLY | O_CLOEXEC : O_WRONLY | O_CLOEXEC);
        return *theirs < 0 ? error_system(err, errno, "cannot open /dev/null") : 0;
    }
    if (pipe2(fds, O_CLOEXEC) < 0)
        return error_system(err, errno, "cannot make a pipe");
    *ours = fds[to_container];
    *theirs = fds[!to_container];
    return fd_set_nonblocking(*ours, err);
}

static int make_pipes(struct container *container, const uint32_t standard[3], struct ends *ends,
                      struct error *err)
{
    if (make_pipe(standard[0], true, &container->input.fd, &ends->fds[0], err) < 0)
        return -1;
    for (size_t i = 0; i < 2; i++) {
        if (make_pipe(standard[1 + i], false, &container->outputs[i].fd, &ends->fds[1 + i], err) <
            0)
            return -1;
    }
    return 0;
}

static int start(struct container *container, const struct spec *spec, const uint32_t standard[3],
                 struct error *err)
{
    struct ends ends = {{-1, -1, -1}};
    struct spec ready = *spec;
    ready.filter = &container->filter;
    container->rlimits = *spec->rlimits;
    if (spec->seccomp && syscallfilter_compile(spec->seccomp, &container->filter, err) < 0)
        return error_context(err, "seccomp");
    int made = spec->terminal ? 0 : make_pipes(container, standard, &ends, err);
    if (made == 0)
        made = container->outcome = start_process(&ready, ends.fds, &container->pid, err);
    ends_close(&ends);
    return made < 0 ? -1 : 0;
}

int container_start(struct container *container, const struct spec *spec,
                    const uint32_t standard[3], struct error *err)
{
    container_init(container);
    if (start(container, spec, standard, err) < 0) {
        control_group_remove(spec->id);
        container_fini(container);
        return -1;
    }
    container->input.stream = standard[0];
    container->outputs[0].stream = standard[1];
    container->outputs[1].stream = standard[2];
    (void)text_copy(container->id, sizeof container->id, spec->id);
    return 0;
}

/* Without a stream its output is read all the same, and dropped: a full terminal would block. */
static int use_terminal(struct container *container, struct error *err)
{
    if (container->terminal < 0)
        return 0;
    if (fd_set_nonblocking(container->terminal, err) < 0)
        return -1;
    if (container->input.stream != 0)
        container->input.fd = fcntl(container->terminal, F_DUPFD_CLOEXEC, 3);
    container->outputs[0].fd = fcntl(container->terminal, F_DUPFD_CLOEXEC, 3);
    if (container->outputs[0].fd < 0 || (container->input.stream != 0 && container->input.fd < 0))
        return error_system(err, errno, "cannot use the terminal");
    return 0;
}

enum start_state container_poll_start(struct container *container, struct error *err)
{
    enum start_state state = start_read(container->outcome, &container->terminal, err);
    if (state == START_DONE) {
        fd_close(&container->outcome);
        return use_terminal(container, err) < 0 ? START_FAILED : START_DONE;
    }
    return state;
}

/* --- the pumps -------------------------------------------------------------------------------- */

/* How many bytes may be read of an output now: without a stream they are dropped. */
static size_t output_room(const struct container_output *output, const struct channel *channel)
{
    if (output->fd < 0)
        return 0;
    if (output->stream == 0)
        return CHANNEL_PAYLOAD_MAX;
    return channel_output(channel).size < QUEUE_MAX ? channel_sendable(channel, output->stream) : 0;
}

size_t container_collect(const struct container *container, const struct channel *channel,
                         struct pollfd polls[CONTAINER_POLLS])
{
    size_t count = 0;
    if (container->outcome >= 0) {
        polls[0] = (struct pollfd){.fd = container->outcome, .events = POLLIN};
        return 1;
    }
    if (container->input.fd >= 0 && container->input.pending.size > 0)
        polls[count++] = (struct pollfd){.fd = container->input.fd, .events = POLLOUT};
    for (size_t i = 0; i < 2; i++) {
        if (output_room(&container->outputs[i], channel) > 0)
            polls[count++] = (struct pollfd){.fd = container->outputs[i].fd, .events = POLLIN};
    }
    return count;
}

/* The process reads no more: what is pending is dropped, and so is what comes. */
static int drop_input(struct container_input *input, struct channel *channel, struct error *err)
{
    size_t size = input->pending.size;
    fd_close(&input->fd);
    buf_consume(&input->pending, size);
    return size ? channel_grant(channel, input->stream, size, err) : 0;
}

static int pump_input(struct container_input *input, struct channel *channel, struct error *err)
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

static int end_output(struct container_output *output, struct channel *channel, struct error *err)
{
    fd_close(&output->fd);
    return output->stream ? channel_close(channel, output->stream, err) : 0;
}

/* One read a round, so that no stream starves another. */
static int pump_output(struct container_output *output, struct channel *channel, struct error *err)
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

int container_pump(struct container *container, struct channel *channel, struct error *err)
{
    if (container->reaped && drop_input(&container->input, channel, err) < 0)
        return -1;
    if (pump_input(&container->input, channel, err) < 0 ||
        pump_output(&container->outputs[0], channel, err) < 0)
        return -1;
    return pump_output(&container->outputs[1], channel, err);
}

void container_take_input(struct container *container, struct span bytes)
{
    /* The channel's credit bounds what is pending by the buffer's limit. */
    (void)buf_append(&container->input.pending, bytes, NULL);
}

void container_end_input(struct container *container)
{
    container->input.ended = true;
}

bool container_has_ended(const struct container *container)
{
    return container->outcome < 0 && container->reaped && container->outputs[0].fd < 0 &&
           container->outputs[1].fd < 0;
}

int container_resize(struct container *container, unsigned int rows, unsigned int columns,
                     struct error *err)
{
    struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};
    if (ioctl(container->terminal, TIOCSWINSZ, &size) < 0)
        return error_system(err, errno, "cannot set the terminal's size");
    return 0;
}
