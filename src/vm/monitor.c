#include "vm/monitor.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "os/fd.h"
#include "vm/monitor_state.h"

#define BOOT_TIMEOUT_MS                                                                            \
    180000 /* from QEMU's start to the container's, on a machine that is busy                      \
            */
#define PASST_GRACE_MS   300
#define MEMORY_SMALL_MIB 128 /* with less, a guest that dies young may lack it */
#define BOOTS_MAX        3   /* QEMU ends before the guest's first word now and then, under load */

static int boot(struct monitor *monitor, struct error *err);

/* --- the end ---------------------------------------------------------------------------------- */

static struct timeval milliseconds(uint32_t ms)
{
    return (struct timeval){.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};
}

static void wake_sweep(struct monitor *monitor)
{
    if (monitor->sweep)
        event_active(monitor->sweep, EV_TIMEOUT, 0);
}

void monitor_end(struct monitor *monitor, const struct error *failure)
{
    if (monitor->phase == MONITOR_ENDED)
        return;
    struct record *record = monitor->record;
    monitor->phase = MONITOR_ENDED;
    record->status = RECORD_EXITED;
    record->finished = (int64_t)time(NULL);
    if (failure) {
        monitor->failure = *failure;
        monitor->exit_code = 137;
        free(record->failure);
        record->failure = text_format("%s", failure->text);
    }
    record->exit_code = monitor->exit_code;
    (void)record_write(monitor->folder, record, NULL);
    if (monitor->launch.qemu > 0)
        (void)kill(monitor->launch.qemu, SIGKILL);
    if (monitor->boot_timer)
        (void)event_del(monitor->boot_timer);
    wake_sweep(monitor);
}

static void end_with(struct monitor *monitor, enum error_code code, const char *text)
{
    struct error err = {0};
    (void)error_set(&err, code, "%s", text);
    monitor_end(monitor, &err);
}

/* As end_with(), quoting what the guest, QEMU or passt said last. */
static void end_with_console(struct monitor *monitor, const char *text)
{
    char tail[CONSOLE_TAIL_SIZE];
    struct error err = {0};
    console_tail(&monitor->console, tail);
    (void)error_set(&err, ERROR_UNAVAILABLE, "%s; its console ends: %s", text,
                    *tail ? tail : "(empty)");
    monitor_end(monitor, &err);
}

static void on_boot_timeout(evutil_socket_t fd, short what, void *argument)
{
    struct monitor *monitor = argument;
    (void)fd;
    (void)what;
    end_with_console(monitor, monitor->greeted ? "the container did not start in time"
                                               : "the guest did not come up in time");
}

static void on_stop_timeout(evutil_socket_t fd, short what, void *argument)
{
    struct monitor *monitor = argument;
    struct error err = {0};
    (void)fd;
    (void)what;
    (void)error_set(&err, ERROR_NONE,
                    "stopped: the container did not end by itself in time (%u ms)",
                    monitor->stop_timeout_ms);
    monitor_end(monitor, &err);
}

static void on_stop_signal(void *argument, const json_t *result, const struct error *refusal)
{
    if (!result && refusal)
        monitor_end(argument, refusal);
}

void monitor_stop(struct monitor *monitor, uint32_t timeout_ms)
{
    struct timeval timeout = milliseconds(timeout_ms);
    int signal = monitor->config->stop_signal ? (int)monitor->config->stop_signal : SIGTERM;
    monitor->stop_timeout_ms = timeout_ms;
    if (monitor->phase != MONITOR_RUNNING || timeout_ms == 0) {
        end_with(monitor, ERROR_NONE, "stopped");
        return;
    }
    (void)evtimer_add(monitor->stop_timer, &timeout);
    if (monitor->group) {
        monitor_group_stop(monitor);
        return;
    }
    json_t *args = json_pack("{s:s, s:i}", "id", monitor->config->name, "signal", signal);
    struct error err = {0};
    if (session_request(monitor->session, "signal_container_process", args, on_stop_signal, monitor,
                        &err) < 0)
        monitor_end(monitor, &err);
}

static void on_qemu_ended(evutil_socket_t fd, short what, void *argument)
{
    struct monitor *monitor = argument;
    (void)fd;
    (void)what;
    (void)event_del(monitor->qemu_ended);
    if (monitor->phase == MONITOR_ENDED) {
        wake_sweep(monitor);
        return;
    }
    bool is_enclave = launch_kind(monitor->config->tee)->is_enclave;
    if (!monitor->greeted && !is_enclave && monitor->boots < BOOTS_MAX) {
        struct error err = {0};
        if (boot(monitor, &err) < 0)
            monitor_end(monitor, &err);
        return;
    }
    if (!monitor->greeted && !is_enclave && monitor->config->memory_mib < MEMORY_SMALL_MIB)
        end_with_console(monitor, "QEMU ended before the guest came up: has the machine too little "
                                  "memory (--memory)?");
    else if (is_enclave)
        end_with_console(monitor, "the enclave's process ended by itself");
    else
        end_with_console(monitor, monitor->greeted ? "the machine ended by itself"
                                                   : "QEMU ended before the guest came up");
}

static bool has_ended(int watch_fd)
{
    struct pollfd ended = {.fd = watch_fd, .events = POLLIN};
    return watch_fd >= 0 && poll(&ended, 1, 0) == 1;
}

static void on_passt_missing(evutil_socket_t fd, short what, void *argument)
{
    struct monitor *monitor = argument;
    (void)fd;
    (void)what;
    if (monitor->phase != MONITOR_ENDED && has_ended(monitor->launch.passt_watch))
        end_with_console(monitor, "passt ended, and with it the machine's network");
}

/* passt ends by itself when QEMU does, and may be noticed first: it is asked again a little later.
 */
static void on_passt_ended(evutil_socket_t fd, short what, void *argument)
{
    struct monitor *monitor = argument;
    struct timeval delay = milliseconds(PASST_GRACE_MS);
    (void)fd;
    (void)what;
    (void)event_del(monitor->passt_ended);
    (void)evtimer_add(monitor->passt_timer, &delay);
}

static void on_told_to_end(evutil_socket_t signal, short what, void *argument)
{
    (void)signal;
    (void)what;
    end_with(argument, ERROR_NONE, "stopped: its monitor was told to end");
}

/* --- the container's streams --------------------------------------------------------------------
 */

static struct monitor_output *output_of(struct monitor *monitor, uint32_t stream)
{
    return &monitor->outputs[stream == SESSION_STDERR ? 1 : 0];
}

static void pump_one(struct monitor *monitor, struct client *client, size_t index)
{
    struct monitor_output *output = &monitor->outputs[index];
    uint32_t from = index ? SESSION_STDERR : SESSION_STDOUT;
    uint32_t to = index ? CLIENT_STDERR : CLIENT_STDOUT;
    if (!client && monitor->holds_output)
        return;
    while (output->pending.size > 0) {
        size_t size = client ? channel_sendable(&client->link.channel, to) : output->pending.size;
        if (size > output->pending.size)
            size = output->pending.size;
        if (size == 0)
            break;
        if (client &&
            channel_send(&client->link.channel, to, span_of(output->pending.data, size), NULL) < 0)
            break;
        buf_consume(&output->pending, size);
        session_grant(monitor->session, from, size);
    }
}

void monitor_pump_output(struct monitor *monitor)
{
    struct client *client = clients_attached(monitor);
    pump_one(monitor, client, 0);
    pump_one(monitor, client, 1);
    if (client)
        link_flush(&client->link);
    if (monitor->phase == MONITOR_ENDED)
        wake_sweep(monitor);
}

bool monitor_is_drained(const struct monitor *monitor)
{
    return monitor->outputs[0].pending.size == 0 && monitor->outputs[1].pending.size == 0;
}

static void on_output(void *argument, uint32_t stream, struct span bytes)
{
    struct monitor *monitor = argument;
    if (exec_take_output(monitor, stream, bytes))
        return;
    if (monitor->group) {
        monitor_group_output(monitor, stream, bytes);
        return;
    }
    container_log_write(monitor->log, stream == SESSION_STDERR ? 2 : 1, bytes);
    if (buf_append(&output_of(monitor, stream)->pending, bytes, NULL) < 0) {
        end_with(monitor, ERROR_PROTOCOL, "the guest sent more output than it may");
        return;
    }
    monitor_pump_output(monitor);
}

static void on_output_closed(void *argument, uint32_t stream)
{
    /* All that counts is the container's end, which the guest tells after its last output. */
    (void)argument;
    (void)stream;
}

void monitor_pump_input(struct monitor *monitor)
{
    struct client *client = clients_attached(monitor);
    while (monitor->input_open && monitor->input.size > 0) {
        size_t size = session_sendable(monitor->session, SESSION_STDIN);
        if (size > monitor->input.size)
            size = monitor->input.size;
        if (size == 0 || session_send(monitor->session, SESSION_STDIN,
                                      span_of(monitor->input.data, size), NULL) < 0)
            break;
        buf_consume(&monitor->input, size);
        if (client && client->input)
            (void)channel_grant(&client->link.channel, CLIENT_STDIN, size, NULL);
    }
    if (client)
        link_flush(&client->link);
    if (monitor->input_open && monitor->input_ended && monitor->input.size == 0) {
        (void)session_end_input(monitor->session, SESSION_STDIN, NULL);
        monitor->input_open = false;
    }
}

static void on_input_writable(void *argument, uint32_t stream)
{
    if (!exec_take_writable(argument, stream))
        monitor_pump_input(argument);
}

static void on_exited(void *argument, const struct session_exit *exit)
{
    struct monitor *monitor = argument;
    if (exit->process != 0)
        exec_exited(monitor, exit);
    if (monitor->group) {
        monitor_group_exited(monitor, exit);
        return;
    }
    if (exit->process != 0)
        return;
    if (monitor->phase == MONITOR_BOOTING) {
        end_with(monitor, ERROR_PROTOCOL, "the guest tells the end of what it has not started");
        return;
    }
    monitor->exit_code = exit->signal ? 128 + exit->signal : exit->code;
    monitor->exit_signal = exit->signal;
    monitor_end(monitor, NULL);
}

static void on_session_ended(void *argument, const struct error *err)
{
    /* Without an error QEMU has closed its end: its exit, told elsewhere, decides. */
    if (err)
        monitor_end(argument, err);
}

void monitor_run_begins(struct monitor *monitor)
{
    struct error err = {0};
    if (monitor->phase != MONITOR_BOOTING)
        return;
    monitor->phase = MONITOR_RUNNING;
    /* Only now has the guest opened the stream. */
    monitor->input_open = monitor->config->process.input && !monitor->group;
    (void)event_del(monitor->boot_timer);
    monitor->record->status = RECORD_RUNNING;
    monitor->record->started = (int64_t)time(NULL);
    if (record_write(monitor->folder, monitor->record, &err) < 0) {
        monitor_end(monitor, &err);
        return;
    }
    clients_tell_phase(monitor);
    monitor_pump_input(monitor);
}

static void on_hello(void *argument)
{
    ((struct monitor *)argument)->greeted = true;
}

static const struct session_handler session_functions = {
    .hello = on_hello,
    .output = on_output,
    .output_closed = on_output_closed,
    .input_writable = on_input_writable,
    .exited = on_exited,
    .ended = on_session_ended,
};

/* --- boot ---------------------------------------------------------------------------------------
 */

static void free_event(struct event **event)
{
    if (*event)
        event_free(*event);
    *event = NULL;
}

static void leave_machine(struct monitor *monitor)
{
    free_event(&monitor->qemu_ended);
    free_event(&monitor->passt_ended);
    free_event(&monitor->psp_readable);
    if (monitor->passt_timer)
        (void)event_del(monitor->passt_timer);
    if (monitor->session) {
        session_close(monitor->session);
        monitor->session = NULL;
        /* The session has closed this descriptor. */
        monitor->launch.channel_fd = -1;
    }
    launch_end(&monitor->launch);
}

static int watch(struct monitor *monitor, int fd, event_callback_fn function, struct event **out,
                 struct error *err)
{
    *out = event_new(monitor->base, fd, EV_READ | EV_PERSIST, function, monitor);
    return *out && event_add(*out, NULL) == 0 ? 0 : error_memory(err);
}

/* Starts QEMU, then measures and opens the processor while the guest boots. */
static int boot(struct monitor *monitor, struct error *err)
{
    const struct vm_config *config = monitor->config;
    leave_machine(monitor);
    monitor->boots++;
    if (launch_start(&monitor->launch, config, monitor->console.guest_fd, err) < 0)
        return -1;
    monitor->session = session_open(monitor->base, monitor->launch.channel_fd,
                                    vm_tee_name(config->tee), &session_functions, monitor, err);
    if (!monitor->session)
        return -1;
    if (watch(monitor, monitor->launch.qemu_watch, on_qemu_ended, &monitor->qemu_ended, err) < 0 ||
        (config->network && watch(monitor, monitor->launch.passt_watch, on_passt_ended,
                                  &monitor->passt_ended, err) < 0) ||
        start_queue(monitor, err) < 0)
        return -1;
    const struct launch_kind *kind = launch_kind(config->tee);
    if (!kind->is_enclave && launch_measure(&monitor->launch, err) < 0)
        return -1;
    return kind->has_processor ? processor_start(monitor, err) : 0;
}

/* --- the process --------------------------------------------------------------------------------
 */

static int open_timers(struct monitor *monitor, struct error *err)
{
    struct event_base *base = monitor->base;
    monitor->boot_timer = evtimer_new(base, on_boot_timeout, monitor);
    monitor->stop_timer = evtimer_new(base, on_stop_timeout, monitor);
    monitor->passt_timer = evtimer_new(base, on_passt_missing, monitor);
    monitor->told_to_end = evsignal_new(base, SIGTERM, on_told_to_end, monitor);
    struct timeval timeout = milliseconds(
        monitor->config->boot_timeout_ms ? monitor->config->boot_timeout_ms : BOOT_TIMEOUT_MS);
    if (!monitor->boot_timer || !monitor->stop_timer || !monitor->passt_timer ||
        !monitor->told_to_end || event_add(monitor->told_to_end, NULL) < 0 ||
        evtimer_add(monitor->boot_timer, &timeout) < 0)
        return error_memory(err);
    return 0;
}

/* The starter comes first: it hears of whatever fails later. */
static int open_all(struct monitor *monitor, int starter_fd, struct error *err)
{
    monitor->base = event_base_new();
    if (!monitor->base)
        return error_memory(err);
    if (clients_open(monitor, err) < 0 || clients_adopt(monitor, starter_fd, true, err) < 0 ||
        open_timers(monitor, err) < 0 || clients_listen(monitor, err) < 0 ||
        console_open(&monitor->console, monitor->base, monitor->folder, err) < 0)
        return -1;
    /* passt's complaints come there too. */
    (void)dup2(monitor->console.guest_fd, STDERR_FILENO);
    return monitor->config->member_count > 0
               ? 0
               : container_log_open(monitor->folder, NULL, &monitor->log, err);
}

static void close_all(struct monitor *monitor)
{
    leave_machine(monitor);
    monitor_group_end(monitor);
    execs_end(monitor);
    clients_close_all(monitor);
    container_log_close(monitor->log);
    psp_close(monitor->psp);
    free_event(&monitor->boot_timer);
    free_event(&monitor->stop_timer);
    free_event(&monitor->passt_timer);
    free_event(&monitor->told_to_end);
    console_close(&monitor->console);
    buf_fini(&monitor->psp_request);
    buf_fini(&monitor->outputs[0].pending);
    buf_fini(&monitor->outputs[1].pending);
    buf_fini(&monitor->input);
    if (monitor->base)
        event_base_free(monitor->base);
}

void monitor_run(const struct vm_config *config, const char *folder, struct record *record,
                 int lock_fd, int starter_fd)
{
    struct error err = {0};
    struct monitor monitor = {
        .config = config,
        .folder = folder,
        .record = record,
        .launch = LAUNCH_NONE,
        .console = CONSOLE_NONE,
        .listener_fd = -1,
        .holds_output = config->owned && config->member_count == 0,
        .psp_request = BUF_WITH_LIMIT(PSP_REQUEST_SIZE),
        .input = BUF_WITH_LIMIT(CHANNEL_WINDOW),
    };
    buf_init(&monitor.outputs[0].pending, CHANNEL_WINDOW);
    buf_init(&monitor.outputs[1].pending, CHANNEL_WINDOW);
    (void)signal(SIGPIPE, SIG_IGN);
    if (open_all(&monitor, starter_fd, &err) < 0 || boot(&monitor, &err) < 0)
        monitor_end(&monitor, &err);
    if (monitor.base)
        (void)event_base_dispatch(monitor.base);
    close_all(&monitor);
    fd_close(&lock_fd);
    if (config->auto_remove)
        (void)record_remove(config->name, NULL);
}
