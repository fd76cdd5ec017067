#include "vm/monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/text.h"
#include "measure/simulated.h"
#include "os/fd.h"
#include "vm/monitor_state.h"

#define BOOT_TIMEOUT_S 180 /* from QEMU's start to the container's, on a machine that is busy */
#define PASST_GRACE_US 300000
#define CONSOLE_TAIL   400 /* bytes of the console that a failure quotes */
#define BOOTS_MAX      3   /* QEMU ends before the guest's first word now and then, under load */

static int boot(struct monitor *monitor, struct error *err);

/* --- the end ---------------------------------------------------------------------------------- */

static void wake_sweep(struct monitor *monitor)
{
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
        /* Nothing more comes from the guest. */
        monitor->outputs[0].open = false;
        monitor->outputs[1].open = false;
    }
    record->exit_code = monitor->exit_code;
    (void)record_write(monitor->folder, record, NULL);
    if (monitor->launch.qemu > 0)
        (void)kill(monitor->launch.qemu, SIGKILL);
    (void)event_del(monitor->boot_timer);
    wake_sweep(monitor);
}

static void end_with(struct monitor *monitor, enum error_code code, const char *text)
{
    struct error err = {0};
    (void)error_set(&err, code, "%s", text);
    monitor_end(monitor, &err);
}

/* As end_with(), quoting what the guest or QEMU said last. */
static void end_with_console(struct monitor *monitor, const char *text)
{
    char tail[CONSOLE_TAIL + 1];
    struct error err = {0};
    TEXT_AUTO path = record_path(monitor->folder, "console");
    FD_AUTO fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
    off_t size = fd >= 0 ? lseek(fd, 0, SEEK_END) : 0;
    off_t start = size > CONSOLE_TAIL ? size - CONSOLE_TAIL : 0;
    size_t got = 0;
    if (fd >= 0)
        (void)fd_pread_full(fd, tail, CONSOLE_TAIL, start, &got, NULL);
    tail[got] = '\0';
    (void)error_set(&err, ERROR_UNAVAILABLE, "%s; its console ends: %s", text,
                    got ? tail : "(empty)");
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
    (void)fd;
    (void)what;
    end_with(argument, ERROR_NONE, "stopped: the container did not end by itself in time");
}

static void on_stop_signal(void *argument, const json_t *result, const struct error *refusal)
{
    if (!result && refusal)
        monitor_end(argument, refusal);
}

void monitor_stop(struct monitor *monitor, uint32_t timeout_ms)
{
    struct timeval timeout = {.tv_sec = timeout_ms / 1000, .tv_usec = (timeout_ms % 1000) * 1000};
    if (monitor->phase != MONITOR_RUNNING || timeout_ms == 0) {
        end_with(monitor, ERROR_NONE, "stopped");
        return;
    }
    (void)evtimer_add(monitor->stop_timer, &timeout);
    json_t *args = json_pack("{s:s, s:i}", "id", monitor->config->name, "signal", SIGTERM);
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
    if (!monitor->greeted && monitor->boots < BOOTS_MAX) {
        struct error err = {0};
        if (boot(monitor, &err) < 0)
            monitor_end(monitor, &err);
        return;
    }
    end_with_console(monitor, monitor->greeted ? "the machine ended by itself"
                                               : "QEMU ended before the guest came up");
}

static void on_passt_missing(evutil_socket_t fd, short what, void *argument)
{
    struct monitor *monitor = argument;
    (void)fd;
    (void)what;
    if (monitor->phase != MONITOR_ENDED && monitor->launch.passt_watch >= 0)
        end_with(monitor, ERROR_UNAVAILABLE,
                 "passt ended, and with it the machine's network; is a published port in use?");
}

/* passt ends by itself when QEMU does, and may be noticed first: it is asked again a little later.
 */
static void on_passt_ended(evutil_socket_t fd, short what, void *argument)
{
    struct monitor *monitor = argument;
    struct timeval delay = {.tv_usec = PASST_GRACE_US};
    (void)fd;
    (void)what;
    (void)event_del(monitor->passt_ended);
    (void)event_base_once(monitor->base, -1, EV_TIMEOUT, on_passt_missing, monitor, &delay);
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
    container_log_write(monitor->log, stream == SESSION_STDERR ? 2 : 1, bytes);
    if (buf_append(&output_of(monitor, stream)->pending, bytes, NULL) < 0) {
        end_with(monitor, ERROR_PROTOCOL, "the guest sent more output than it may");
        return;
    }
    monitor_pump_output(monitor);
}

static void on_output_closed(void *argument, uint32_t stream)
{
    output_of(argument, stream)->open = false;
}

void monitor_pump_input(struct monitor *monitor)
{
    struct client *client = clients_attached(monitor);
    while (monitor->input_open && monitor->input.size > 0) {
        size_t size = session_sendable(monitor->session);
        if (size > monitor->input.size)
            size = monitor->input.size;
        if (size == 0 ||
            session_send(monitor->session, span_of(monitor->input.data, size), NULL) < 0)
            return;
        buf_consume(&monitor->input, size);
        if (client && client->input)
            (void)channel_grant(&client->link.channel, CLIENT_STDIN, size, NULL);
    }
    if (client)
        link_flush(&client->link);
    if (monitor->input_open && monitor->input_ended && monitor->input.size == 0) {
        (void)session_end_input(monitor->session, NULL);
        monitor->input_open = false;
    }
}

static void on_input_writable(void *argument)
{
    monitor_pump_input(argument);
}

static void on_exited(void *argument, unsigned int code, unsigned int signal)
{
    struct monitor *monitor = argument;
    monitor->exit_code = signal ? 128 + signal : code;
    monitor->exit_signal = signal;
    monitor_end(monitor, NULL);
}

static void on_session_ended(void *argument, const struct error *err)
{
    /* Without an error QEMU has closed its end: its exit, told elsewhere, decides. */
    if (err)
        monitor_end(argument, err);
}

/* --- the start ----------------------------------------------------------------------------------
 */

static void on_step(void *argument, const json_t *result, const struct error *refusal)
{
    if (!result)
        monitor_end(argument, refusal);
}

static void on_created(void *argument, const json_t *result, const struct error *refusal)
{
    struct monitor *monitor = argument;
    if (!result) {
        monitor_end(monitor, refusal);
        return;
    }
    if (monitor->phase != MONITOR_BOOTING)
        return;
    monitor->phase = MONITOR_RUNNING;
    /* Only now has the guest opened the stream. */
    monitor->input_open = monitor->config->process.input;
    (void)event_del(monitor->boot_timer);
    monitor->record->status = RECORD_RUNNING;
    monitor->record->started = (int64_t)time(NULL);
    struct error err = {0};
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

static int request_step(struct monitor *monitor, const char *op, json_t *args, struct error *err)
{
    return session_request(monitor->session, op, args, on_step, monitor, err);
}

static int queue_network(struct monitor *monitor, struct error *err)
{
    if (!monitor->config->network)
        return 0;
    return request_step(monitor, "set_network",
                        json_pack("{s:s, s:i, s:s, s:[s], s:s}", "address", PASST_GUEST, "prefix",
                                  PASST_PREFIX, "gateway", PASST_GATEWAY, "dns", PASST_NAME_SERVER,
                                  "hostname", monitor->config->process.hostname),
                        err);
}

static int queue_layers(struct monitor *monitor, struct error *err)
{
    const struct vm_config *config = monitor->config;
    json_t *targets = json_array();
    for (size_t i = 0; i < config->disk_count; i++) {
        char hash[2 * SHA256_SIZE + 1];
        char target[48];
        hex_encode(span_of(config->disks[i].root_hash, SHA256_SIZE), hash);
        (void)snprintf(target, sizeof target, "/run/mounts/scsi/m%zu", i);
        (void)json_array_insert_new(targets, 0, json_string(target)); /* topmost first */
        if (request_step(
                monitor, "mount_device",
                json_pack("{s:i, s:s, s:s}", "lun", (int)i, "root_hash", hash, "target", target),
                err) < 0) {
            json_decref(targets);
            return -1;
        }
    }
    return request_step(monitor, "mount_overlay",
                        json_pack("{s:s, s:o}", "id", config->name, "layers", targets), err);
}

static json_t *texts_json(char *const *texts)
{
    json_t *array = json_array();
    for (; array && texts && *texts; texts++)
        (void)json_array_append_new(array, json_string(*texts));
    return array;
}

/* The capabilities of an unprivileged container, as Docker has them. */
static json_t *capabilities_json(void)
{
    static const char *const names[] = {
        "CAP_CHOWN",   "CAP_DAC_OVERRIDE", "CAP_FSETID",           "CAP_FOWNER",
        "CAP_MKNOD",   "CAP_NET_RAW",      "CAP_SETGID",           "CAP_SETUID",
        "CAP_SETFCAP", "CAP_SETPCAP",      "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT",
        "CAP_KILL",    "CAP_AUDIT_WRITE",
    };
    json_t *set = json_array();
    for (size_t i = 0; set && i < sizeof names / sizeof *names; i++)
        (void)json_array_append_new(set, json_string(names[i]));
    json_t *sets = json_pack("{s:O, s:O, s:O, s:[], s:[]}", "bounding", set, "effective", set,
                             "permitted", set, "inheritable", "ambient");
    json_decref(set);
    return sets;
}

/* What every container of a policy may have: the guest's own resolv.conf. */
static json_t *mounts_json(const struct monitor *monitor)
{
    if (!monitor->config->network)
        return json_array();
    char source[192];
    (void)snprintf(source, sizeof source,
                   "/run/gcs/c/%s/sandboxMounts/tmp/atlas/resolvconf/resolv.conf",
                   monitor->config->name);
    return json_pack("[{s:s, s:s, s:s, s:[s, s, s]}]", "destination", "/etc/resolv.conf", "type",
                     "bind", "source", source, "options", "rbind", "rshared", "rw");
}

static int queue_container(struct monitor *monitor, struct error *err)
{
    const struct vm_process *process = &monitor->config->process;
    if (session_open_streams(monitor->session, process->input, !process->terminal, err) < 0)
        return -1;
    monitor->outputs[0].open = true;
    monitor->outputs[1].open = !process->terminal;
    json_t *args = json_pack(
        "{s:s, s:o, s:o, s:s, s:s, s:i, s:o, s:b, s:b, s:b, s:o, s:s, s:b, s:i, s:i, s:i, s:i, "
        "s:i}",
        "id", monitor->config->name, "args", texts_json(process->args), "env",
        texts_json(process->env), "cwd", process->cwd, "user", process->user, "umask",
        (int)process->umask, "capabilities", capabilities_json(), "no_new_privileges",
        process->no_new_privileges, "privileged", false, "read_only_root", process->read_only_root,
        "mounts", mounts_json(monitor), "hostname", process->hostname, "terminal",
        process->terminal, "rows", (int)process->rows, "columns", (int)process->columns, "stdin",
        process->input ? (int)SESSION_STDIN : 0, "stdout", (int)SESSION_STDOUT, "stderr",
        process->terminal ? 0 : (int)SESSION_STDERR);
    return session_request(monitor->session, "create_container", args, on_created, monitor, err);
}

static int queue_start(struct monitor *monitor, struct error *err)
{
    if (session_set_policy(monitor->session, monitor->config->policy, on_step, monitor, err) < 0 ||
        queue_network(monitor, err) < 0 || queue_layers(monitor, err) < 0)
        return -1;
    return queue_container(monitor, err);
}

/* --- the simulated secure processor -------------------------------------------------------------
 */

static void answer_psp(struct monitor *monitor)
{
    uint8_t answer[PSP_ANSWER_SIZE];
    struct error err = {0};
    if (psp_answer(monitor->psp, buf_span(&monitor->psp_request), answer, &err) < 0 ||
        fd_write_all(monitor->launch.psp_fd, span_of(answer, sizeof answer), &err) < 0)
        monitor_end(monitor, &err);
    buf_consume(&monitor->psp_request, monitor->psp_request.size);
}

static void on_psp_readable(evutil_socket_t fd, short what, void *argument)
{
    struct monitor *monitor = argument;
    uint8_t bytes[PSP_REQUEST_SIZE];
    (void)what;
    ssize_t got = recv(fd, bytes, PSP_REQUEST_SIZE - monitor->psp_request.size, MSG_DONTWAIT);
    if (got <= 0) {
        if (got == 0 || errno != EAGAIN)
            (void)event_del(monitor->psp_readable);
        return;
    }
    if (buf_append(&monitor->psp_request, span_of(bytes, (size_t)got), NULL) == 0 &&
        monitor->psp_request.size == PSP_REQUEST_SIZE)
        answer_psp(monitor);
}

static int start_psp(struct monitor *monitor, struct error *err)
{
    struct psp_launch launch = {.policy = PSP_POLICY_DEFAULT};
    if (!monitor->psp)
        monitor->psp = psp_open(monitor->config->psp_folder, err);
    if (!monitor->psp || measure_simulated(&monitor->launch.digests, monitor->config->vcpus,
                                           launch.measurement, err) < 0)
        return -1;
    sha256_digest(monitor->config->policy, launch.host_data);
    /* A guest that does not read its answers must not stop this process. */
    if (fd_set_nonblocking(monitor->launch.psp_fd, err) < 0)
        return -1;
    if (psp_launch(monitor->psp, &launch, err) < 0)
        return -1;
    monitor->psp_readable = event_new(monitor->base, monitor->launch.psp_fd, EV_READ | EV_PERSIST,
                                      on_psp_readable, monitor);
    if (!monitor->psp_readable || event_add(monitor->psp_readable, NULL) < 0)
        return error_memory(err);
    return 0;
}

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
    session_close(monitor->session);
    monitor->session = NULL;
    /* The session has closed this descriptor. */
    monitor->launch.channel_fd = -1;
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
    if (launch_start(&monitor->launch, config, monitor->console_fd, err) < 0)
        return -1;
    monitor->session = session_open(monitor->base, monitor->launch.channel_fd,
                                    vm_tee_name(config->tee), &session_functions, monitor, err);
    if (!monitor->session)
        return -1;
    if (watch(monitor, monitor->launch.qemu_watch, on_qemu_ended, &monitor->qemu_ended, err) < 0 ||
        (config->network && watch(monitor, monitor->launch.passt_watch, on_passt_ended,
                                  &monitor->passt_ended, err) < 0) ||
        queue_start(monitor, err) < 0 || launch_measure(&monitor->launch, err) < 0)
        return -1;
    return config->tee == VM_TEE_SIMULATED ? start_psp(monitor, err) : 0;
}

/* --- the process --------------------------------------------------------------------------------
 */

static int open_all(struct monitor *monitor, int starter_fd, struct error *err)
{
    TEXT_AUTO console = record_path(monitor->folder, "console");
    if (!console)
        return error_memory(err);
    monitor->console_fd = open(console, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW,
                               0600);
    if (monitor->console_fd < 0)
        return error_system(err, errno, "cannot open %s", console);
    monitor->base = event_base_new();
    if (!monitor->base)
        return error_memory(err);
    monitor->boot_timer = evtimer_new(monitor->base, on_boot_timeout, monitor);
    monitor->stop_timer = evtimer_new(monitor->base, on_stop_timeout, monitor);
    if (!monitor->boot_timer || !monitor->stop_timer)
        return error_memory(err);
    if (clients_listen(monitor, err) < 0 ||
        clients_adopt(monitor, starter_fd, monitor->config->owned, err) < 0)
        return -1;
    if (container_log_open(monitor->folder, &monitor->log, err) < 0)
        return -1;
    struct timeval timeout = {.tv_sec = BOOT_TIMEOUT_S};
    return evtimer_add(monitor->boot_timer, &timeout) == 0 ? 0 : error_memory(err);
}

static void close_all(struct monitor *monitor)
{
    leave_machine(monitor);
    clients_close_all(monitor);
    container_log_close(monitor->log);
    psp_close(monitor->psp);
    free_event(&monitor->boot_timer);
    free_event(&monitor->stop_timer);
    free_event(&monitor->sweep);
    buf_fini(&monitor->psp_request);
    buf_fini(&monitor->outputs[0].pending);
    buf_fini(&monitor->outputs[1].pending);
    buf_fini(&monitor->input);
    fd_close(&monitor->console_fd);
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
        .console_fd = -1,
        .listener_fd = -1,
        .psp_request = BUF_WITH_LIMIT(PSP_REQUEST_SIZE),
        .input = BUF_WITH_LIMIT(CHANNEL_WINDOW),
    };
    buf_init(&monitor.outputs[0].pending, CHANNEL_WINDOW);
    buf_init(&monitor.outputs[1].pending, CHANNEL_WINDOW);
    (void)signal(SIGPIPE, SIG_IGN);
    if (open_all(&monitor, starter_fd, &err) == 0) {
        if (boot(&monitor, &err) < 0)
            monitor_end(&monitor, &err);
        (void)event_base_dispatch(monitor.base);
    }
    close_all(&monitor);
    fd_close(&lock_fd);
    if (config->auto_remove)
        (void)record_remove(config->name, NULL);
}
