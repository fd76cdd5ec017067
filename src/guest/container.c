#include "guest/container.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/sealed.h"

#define RUNTIME  "/usr/bin/crun"
#define LOG_SIZE 4096

/* Bytes that wait for the host, of all streams: a host that grants more credit than it reads bytes
 * makes the guest hold no more than this. */
#define QUEUE_MAX ((size_t)4 << 20)

/* The container's ends, given to crun. */
struct ends {
    int fds[3];
};

void container_init(struct container *container)
{
    *container = (struct container){.listener = -1,
                                    .terminal = -1,
                                    .input = {.fd = -1, .pending = BUF_WITH_LIMIT(CHANNEL_WINDOW)},
                                    .outputs = {{.fd = -1}, {.fd = -1}}};
}

void container_fini(struct container *container)
{
    fd_close(&container->listener);
    fd_close(&container->terminal);
    fd_close(&container->input.fd);
    fd_close(&container->outputs[0].fd);
    fd_close(&container->outputs[1].fd);
    buf_fini(&container->input.pending);
    container_init(container);
}

static void ends_close(struct ends *ends)
{
    for (size_t i = 0; i < 3; i++)
        fd_close(&ends->fds[i]);
}

/* --- starting --------------------------------------------------------------------------------- */

int container_open_runtime(struct error *err)
{
    FD_AUTO runtime = sealed_copy(RUNTIME, err);
    if (runtime < 0)
        return -1;
    if (unlink(RUNTIME) < 0)
        return error_system(err, errno, "cannot remove %s", RUNTIME);
    return fd_take(&runtime);
}

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

/* For a terminal: crun itself gets nothing, and sends the terminal over a socket. */
static int make_listener(struct container *container, const char *folder, struct ends *ends,
                         struct error *err)
{
    static const uint32_t none[3] = {0};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s/console", folder);
    container->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (container->listener < 0 ||
        bind(container->listener, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(container->listener, 1) < 0)
        return error_system(err, errno, "cannot listen for the terminal at %s", address.sun_path);
    return make_pipes(container, none, ends, err);
}

/* In the new process: nothing of ours but its streams. Never returns. */
static void become_runtime(int runtime, char *const argv[], const struct ends *ends)
{
    char path[] = "PATH=/usr/bin";
    char *const environment[] = {path, NULL};
    sigset_t none;
    sigemptyset(&none);
    (void)signal(SIGPIPE, SIG_DFL);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    for (int i = 0; i < 3; i++) {
        if (dup2(ends->fds[i], i) < 0)
            _exit(126);
    }
    (void)fexecve(runtime, argv, environment);
    _exit(127);
}

static int spawn(struct container *container, int runtime, char *const argv[],
                 const struct ends *ends, struct error *err)
{
    pid_t pid = fork();
    if (pid < 0)
        return error_system(err, errno, "cannot start %s", RUNTIME);
    if (pid == 0)
        become_runtime(runtime, argv, ends);
    container->runtime = pid;
    return 0;
}

static int run_runtime(struct container *container, const struct container_start *start,
                       const struct ends *ends, struct error *err)
{
    TEXT_AUTO id = text_format("%s", start->id);
    TEXT_AUTO log = text_format("--log=%s/log", start->folder);
    TEXT_AUTO bundle = text_format("--bundle=%s/bundle", start->folder);
    TEXT_AUTO pid_file = text_format("--pid-file=%s/pid", start->folder);
    TEXT_AUTO console = text_format("--console-socket=%s/console", start->folder);
    if (!id || !log || !bundle || !pid_file || !console)
        return error_memory(err);
    char words[][32] = {RUNTIME, "--root=/run/crun", "--cgroup-manager=cgroupfs", "run",
                        "--detach"};
    char *argv[] = {words[0], words[1], words[2], log,  words[3], words[4],
                    bundle,   pid_file, id,       NULL, NULL};
    if (start->terminal) {
        argv[8] = console;
        argv[9] = id;
    }
    return spawn(container, start->runtime, argv, ends, err);
}

int container_start(struct container *container, const struct container_start *start,
                    struct error *err)
{
    struct ends ends = {{-1, -1, -1}};
    container_init(container);
    container->has_terminal = start->terminal;
    container->rows = start->rows;
    container->columns = start->columns;
    int made = start->terminal ? make_listener(container, start->folder, &ends, err)
                               : make_pipes(container, start->standard, &ends, err);
    if (made == 0)
        made = run_runtime(container, start, &ends, err);
    ends_close(&ends);
    if (made < 0) {
        container_fini(container);
        return -1;
    }
    container->input.stream = start->standard[0];
    container->outputs[0].stream = start->standard[1];
    container->outputs[1].stream = start->standard[2];
    (void)text_copy(container->id, sizeof container->id, start->id);
    return 0;
}

/* What crun wrote about its failure, in one line. */
static int explain_failure(const char *folder, int status, struct error *err)
{
    BUF_AUTO log = BUF_WITH_LIMIT(LOG_SIZE);
    TEXT_AUTO path = text_format("%s/log", folder);
    if (path)
        (void)file_read(path, &log, NULL);
    for (size_t i = 0; i < log.size; i++) {
        if (log.data[i] < ' ')
            log.data[i] = ' ';
    }
    return error_set(err, ERROR_SYSTEM, "crun cannot start the container (status %d): %s",
                     WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
                     log.size ? buf_text(&log) : "it says nothing");
}

static int read_pid(const char *folder, pid_t *pid, struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(32);
    TEXT_AUTO path = text_format("%s/pid", folder);
    uint64_t number;
    if (!path)
        return error_memory(err);
    if (file_read(path, &text, err) < 0)
        return -1;
    if (!text_to_u64(buf_text(&text), INT32_MAX, &number) || number < 2)
        return error_set(err, ERROR_INVALID, "crun wrote no process number");
    *pid = (pid_t)number;
    return 0;
}

/* Takes the one descriptor that came over the socket. */
static int receive_descriptor(int socket, struct error *err)
{
    char byte[64];
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec part = {.iov_base = byte, .iov_len = sizeof byte};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    ssize_t size = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    if (size < 0)
        return error_system(err, errno, "no terminal came from crun");
    const struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (!header || header->cmsg_type != SCM_RIGHTS || header->cmsg_len != CMSG_LEN(sizeof(int)))
        return error_set(err, ERROR_PROTOCOL, "no terminal came from crun");
    int fd;
    memcpy(&fd, CMSG_DATA(header), sizeof fd);
    return fd;
}

/* crun has sent it before it exited, so that nothing here waits. */
static int take_terminal(struct container *container, struct error *err)
{
    FD_AUTO socket = accept4(container->listener, NULL, NULL, SOCK_CLOEXEC);
    if (socket < 0)
        return error_system(err, errno, "no terminal came from crun");
    container->terminal = receive_descriptor(socket, err);
    if (container->terminal < 0 || fd_set_nonblocking(container->terminal, err) < 0)
        return -1;
    if (container->input.stream != 0)
        container->input.fd = fcntl(container->terminal, F_DUPFD_CLOEXEC, 3);
    /* Without a stream its output is read all the same, and dropped: a full terminal would block.
     */
    container->outputs[0].fd = fcntl(container->terminal, F_DUPFD_CLOEXEC, 3);
    if (container->outputs[0].fd < 0 || (container->input.stream != 0 && container->input.fd < 0))
        return error_system(err, errno, "cannot use the terminal");
    return container_resize(container, container->rows, container->columns, err);
}

int container_started(struct container *container, const char *folder, int status,
                      struct error *err)
{
    container->runtime = 0;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return explain_failure(folder, status, err);
    if (read_pid(folder, &container->pid, err) < 0)
        return -1;
    return container->has_terminal ? take_terminal(container, err) : 0;
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
    /* Before crun is done a terminal is not there yet, and its absence is no end. */
    if (container->runtime)
        return 0;
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
    return container->reaped && container->outputs[0].fd < 0 && container->outputs[1].fd < 0;
}

int container_resize(struct container *container, unsigned int rows, unsigned int columns,
                     struct error *err)
{
    struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};
    if (ioctl(container->terminal, TIOCSWINSZ, &size) < 0)
        return error_system(err, errno, "cannot set the terminal's size");
    return 0;
}
