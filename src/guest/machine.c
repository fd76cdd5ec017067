#include "guest/machine.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "guest/control_group.h"
#include "guest/disk.h"
#include "guest/fragment.h"
#include "guest/program.h"
#include "guest/report.h"
#include "guest/scratch.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/mount.h"
#include "os/network.h"

#define CONTAINERS  "/run/gcs/c"
#define INTERFACE   "eth0"
#define REPORT_TURN "/run/report" /* who asks for a report holds its lock */

/* --- reports ---------------------------------------------------------------------------------- */

static int machine_report(void *argument, const uint8_t report_data[REPORT_DATA_SIZE],
                          struct buf *report, struct buf *certificates, struct error *err)
{
    const struct machine *machine = argument;
    const struct report_request request = {
        .report_data = report_data, .report = report, .certificates = certificates};
    /* A container's first process on its way asks, too. */
    FD_AUTO turn = open(REPORT_TURN, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (turn < 0 || flock(turn, LOCK_EX) < 0)
        return error_system(err, errno, "cannot wait for a report's turn");
    if (machine->tee == GUEST_SIMULATED)
        return report_from_port(machine->processor, &request, err);
    if (report_from_tsm(REPORT_TSM_DIR, &request, err) == 0)
        return 0;
    /* Older kernels have the device alone. */
    return access(REPORT_SEV_DEVICE, F_OK) == 0
               ? report_from_sev_guest(REPORT_SEV_DEVICE, &request, err)
               : -1;
}

/* --- network ---------------------------------------------------------------------------------- */

static int machine_set_network(void *argument, const struct request_set_network *network,
                               struct error *err)
{
    struct machine *machine = argument;
    if (network_set_address(INTERFACE, network->address, network->prefix, err) < 0 ||
        network_add_default_route(INTERFACE, network->gateway, err) < 0)
        return -1;
    if (*network->hostname && sethostname(network->hostname, strlen(network->hostname)) < 0)
        return error_system(err, errno, "cannot set the host name");
    machine->address = network->address;
    machine->dns = network->dns;
    machine->services = network->services;
    return 0;
}

/* --- layers ----------------------------------------------------------------------------------- */

static int machine_mount_device(void *argument, const struct request_mount_device *device,
                                struct error *err)
{
    (void)argument;
    return disk_mount(device, err);
}

static int machine_unmount_device(void *argument, const char *target, struct error *err)
{
    (void)argument;
    return disk_unmount(target, err);
}

/* The folders of one container's overlay. */
struct places {
    char root[128];
    char scratch[128];
    char upper[160];
    char work[160];
    char folder[96]; /* the scratch's name on the scratch disk */
};

static struct places places_of(const char *id)
{
    struct places places;
    (void)snprintf(places.root, sizeof places.root, "%s/%s/rootfs", CONTAINERS, id);
    (void)snprintf(places.scratch, sizeof places.scratch, "%s/%s/scratch", CONTAINERS, id);
    (void)snprintf(places.upper, sizeof places.upper, "%s/upper", places.scratch);
    (void)snprintf(places.work, sizeof places.work, "%s/work", places.scratch);
    (void)snprintf(places.folder, sizeof places.folder, "overlay-%s", id);
    return places;
}

/* The merged root shows the upper folder's owner and mode: those of the image's root. */
static int make_upper(const char *upper, const char *top_layer, struct error *err)
{
    struct stat status;
    if (stat(top_layer, &status) < 0)
        return error_system(err, errno, "cannot read the layer %s", top_layer);
    if (mkdir(upper, 0755) < 0 || chown(upper, status.st_uid, status.st_gid) < 0 ||
        chmod(upper, status.st_mode & 07777) < 0)
        return error_system(err, errno, "cannot make %s", upper);
    return 0;
}

static int stack(const struct places *places, struct policy_list layers, struct error *err)
{
    const struct mount_overlay overlay = {.lower = layers.items,
                                          .lower_count = layers.count,
                                          .upper = places->upper,
                                          .work = places->work,
                                          .target = places->root};
    if (make_upper(places->upper, layers.items[0], err) < 0 ||
        dir_make_all(places->work, 0700, err) < 0 || dir_make_all(places->root, 0755, err) < 0)
        return -1;
    return mount_overlay(&overlay, err);
}

static int machine_scratch_mount(void *argument, const struct request_scratch_mount *scratch,
                                 struct error *err)
{
    struct machine *machine = argument;
    if (scratch_open(scratch, err) < 0)
        return -1;
    machine->has_scratch = machine->sandbox.has_scratch = true;
    return 0;
}

static int make_scratch(const struct machine *machine, const struct places *places,
                        struct error *err)
{
    if (machine->has_scratch)
        return scratch_add_folder(places->folder, 0700, 0, places->scratch, err);
    if (dir_make_all(places->scratch, 0700, err) < 0)
        return -1;
    return mount_filesystem("scratch", places->scratch, "tmpfs", MS_NODEV, "size=50%,mode=0700",
                            err);
}

static int machine_remove_overlay(void *argument, const char *id, struct error *err)
{
    const struct machine *machine = argument;
    struct places places = places_of(id);
    int removed = mount_remove(places.root, err);
    if (machine->has_scratch)
        scratch_remove_folder(places.folder, places.scratch);
    else
        (void)mount_remove(places.scratch, NULL);
    (void)rmdir(places.root);
    (void)rmdir(places.scratch);
    return removed;
}

static int machine_mount_overlay(void *argument, const char *id, struct policy_list layers,
                                 struct error *err)
{
    struct places places = places_of(id);
    if (make_scratch(argument, &places, err) < 0)
        return -1;
    if (stack(&places, layers, err) < 0) {
        (void)machine_remove_overlay(argument, id, NULL);
        return -1;
    }
    return 0;
}

/* --- users ------------------------------------------------------------------------------------ */

/* Reads a file of the container's, with every link on the way taken as the container would. */
static int read_beneath(const char *root, const char *path, struct buf *out, struct error *err)
{
    struct stat status;
    FD_AUTO dir = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return error_system(err, errno, "cannot open %s", root);
    FD_AUTO fd = fd_open_resolved(dir, path, O_RDONLY | O_NONBLOCK | O_NOCTTY,
                                  RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return 0;
    if (fd < 0 || fstat(fd, &status) < 0)
        return error_system(err, errno, "cannot open the container's /%s", path);
    if (!S_ISREG(status.st_mode))
        return error_set(err, ERROR_INVALID, "the container's /%s is no file", path);
    return fd_read_to_end(fd, out, err) < 0 ? error_context(err, "the container's /%s", path) : 0;
}

static int machine_find_user(void *argument, const struct request_process *process,
                             struct user *out, struct error *err)
{
    struct places places = places_of(process->id);
    BUF_AUTO passwd = BUF_WITH_LIMIT(USER_FILE_MAX);
    BUF_AUTO group = BUF_WITH_LIMIT(USER_FILE_MAX);
    (void)argument;
    if (read_beneath(places.root, "etc/passwd", &passwd, err) < 0 ||
        read_beneath(places.root, "etc/group", &group, err) < 0)
        return -1;
    if (user_resolve(process->user, buf_span(&passwd), buf_span(&group), out, err) < 0)
        return -1;
    return user_add_groups(process->groups, buf_span(&group), out, err);
}

/* --- containers ------------------------------------------------------------------------------- */

/* A source that is not there yet is a folder that containers share, for every user to write, as an
 * emptyDir is. No link may lead out of it. */
static int prepare_source(const char *source, struct error *err)
{
    FD_AUTO fd = fd_open_resolved(AT_FDCWD, source, O_PATH, RESOLVE_NO_SYMLINKS);
    if (fd >= 0)
        return 0;
    if (errno != ENOENT)
        return error_system(err, errno, "the mount's source %s", source);
    if (dir_make_all(source, 0755, err) < 0)
        return -1;
    if (chmod(source, 0777) < 0)
        return error_system(err, errno, "cannot open up %s", source);
    return 0;
}

static int prepare_sources(const struct spec *spec, struct error *err)
{
    for (size_t i = 0; i < spec->mount_count; i++) {
        if (spec_mount_is_bind(&spec->mounts[i]) && prepare_source(spec->mounts[i].source, err) < 0)
            return -1;
    }
    return 0;
}

/* NULL where there is none; a free slot for "". */
static struct task *find_task(struct machine *machine, const char *id, uint64_t process)
{
    for (size_t i = 0; i < MACHINE_TASKS_MAX; i++) {
        struct task *task = &machine->tasks[i];
        if (strcmp(task->id, id) == 0 && task->process == process)
            return task;
    }
    return NULL;
}

/* A reaped process's number may be another's. */
static struct task *find_running(struct machine *machine, const char *id, uint64_t process,
                                 struct error *err)
{
    struct task *task = find_task(machine, id, process);
    if (task && !task->reaped && task->pid > 0)
        return task;
    (void)error_set(err, ERROR_NOT_FOUND, "the process %llu of the container %s has ended",
                    (unsigned long long)process, id);
    return NULL;
}

/* --- the attestation agent -------------------------------------------------------------------- */

#define SIDECAR_PORT 8080 /* Microsoft's secure key release sidecar */
#define BROKER_PORT  8006 /* Confidential Containers' api-server-rest */

static struct agent_order order_of(struct machine *machine, const struct spec *spec)
{
    return (struct agent_order){.executable = machine->agent,
                                .attestation = spec->attestation,
                                .addresses = machine->services.items,
                                .address_count = machine->services.count,
                                .policy = spec->policy,
                                .row = spec->row,
                                .sockets = {-1, -1},
                                .report = machine_report,
                                .machine = machine};
}

static bool has_secrets(const struct policy_attestation *attestation, size_t row)
{
    for (size_t i = 0; attestation && i < attestation->secret_count; i++) {
        if (attestation->secrets[i].container == row)
            return true;
    }
    return false;
}

/* The ports are taken before any container could take them. */
static int start_serving(struct machine *machine, const struct spec *spec, struct error *err)
{
    pid_t pid;
    machine->serving = order_of(machine, spec);
    machine->serving.row = POLICY_NO_ROW;
    FD_AUTO sidecar = network_listen_loopback(SIDECAR_PORT, err);
    FD_AUTO broker = sidecar < 0 ? -1 : network_listen_loopback(BROKER_PORT, err);
    if (broker < 0)
        return -1;
    machine->serving.sockets[0] = sidecar;
    machine->serving.sockets[1] = broker;
    machine->served = agent_start(&machine->serving, &pid, err);
    return machine->served;
}

/* Opens the program where the policy makes one necessary, and starts the one that serves. */
static int prepare_agent(struct machine *machine, const struct spec *spec, struct error *err)
{
    bool serves = spec->attestation && spec->attestation->api;
    if (machine->agent >= 0 || !(serves || has_secrets(spec->attestation, spec->row)))
        return 0;
    if ((machine->agent = program_open(EXCHANGE_PART, err)) < 0)
        return -1;
    if (!serves || start_serving(machine, spec, err) >= 0)
        return 0;
    fd_close(&machine->agent); /* no container without it */
    return -1;
}

/* One that says what it should not, or ends, is not started again. */
static void pump_agent(struct machine *machine)
{
    BUF_AUTO message = BUF_WITH_LIMIT(EXCHANGE_SECRET_MAX + 1);
    int kind = machine->served < 0
                   ? 0
                   : agent_take(&machine->serving, machine->served, false, &message, NULL);
    if (kind != 0 && kind != EXCHANGE_REPORT)
        fd_close(&machine->served);
}

/* What the containers share is made with the first of them. */
static int start_first(struct machine *machine, struct task *task, const struct spec *spec,
                       const uint32_t standard[3], struct error *err)
{
    struct policy_mount mounts[REQUEST_MOUNTS_MAX];
    struct spec shared = *spec;
    struct agent_order order;
    if (spec_check_mounts(spec, err) < 0 ||
        sandbox_make(&machine->sandbox, spec->group, &machine->dns, err) < 0 ||
        prepare_sources(spec, err) < 0 || prepare_agent(machine, spec, err) < 0)
        return -1;
    shared.sandbox = &machine->sandbox;
    order = order_of(machine, spec);
    shared.secrets = has_secrets(spec->attestation, spec->row) ? &order : NULL;
    if (sandbox_add_mounts(&machine->sandbox, &shared, mounts, err) < 0)
        return -1;
    return task_start(task, &shared, NULL, standard, err);
}

static int machine_start(void *argument, const struct spec *spec, uint64_t process,
                         const uint32_t standard[3], struct error *err)
{
    struct machine *machine = argument;
    struct task *task = find_task(machine, "", 0);
    const struct task *first = process ? find_running(machine, spec->id, 0, err) : NULL;
    if (process && !first)
        return -1;
    if (!task)
        return error_set(err, ERROR_LIMIT, "too many processes in one machine");
    if ((first ? task_start(task, spec, first, standard, err)
               : start_first(machine, task, spec, standard, err)) < 0)
        return -1;
    task->process = process;
    return 0;
}

static int machine_signal(void *argument, const char *id, uint64_t process, unsigned int number,
                          struct error *err)
{
    const struct task *task = find_running(argument, id, process, err);
    if (!task)
        return -1;
    if (kill(task->pid, (int)number) < 0)
        return error_system(err, errno, "cannot signal the process");
    return 0;
}

static int machine_resize(void *argument, const char *id, uint64_t process, unsigned int rows,
                          unsigned int columns, struct error *err)
{
    struct task *task = find_task(argument, id, process);
    if (!task || task->terminal < 0)
        return error_set(err, ERROR_NOT_FOUND, "the process has no terminal");
    return task_resize(task, rows, columns, err);
}

static int machine_freeze(void *argument, bool frozen, struct error *err)
{
    (void)argument;
    return control_group_freeze(frozen, err);
}

static int machine_usage(void *argument, const char *id, struct buf *out, struct error *err)
{
    (void)argument;
    return control_group_statistics(id, out, err);
}

static int machine_processes(void *argument, const char *id, struct buf *out, struct error *err)
{
    (void)argument;
    return control_group_processes(id, out, err);
}

/* --- the machine's own ------------------------------------------------------------------------ */

/* "MemAvailable:   12345 kB" */
static int read_meminfo(const char *text, const char *key, uint64_t *bytes, struct error *err)
{
    const char *at = strstr(text, key);
    const char *digits = at ? at + strlen(key) + strspn(at + strlen(key), ": ") : "";
    char *end = NULL;
    unsigned long long kilobytes = strtoull(digits, &end, 10);
    if (strncmp(end, " kB\n", 4) != 0 || kilobytes > UINT64_MAX / 1024)
        return error_set(err, ERROR_INVALID, "/proc/meminfo does not say %s", key);
    *bytes = kilobytes * 1024;
    return 0;
}

static int machine_verify_fragment(void *argument, struct span cose, struct buf *answer,
                                   struct error *err)
{
    int *program = &((struct machine *)argument)->fragment_check;
    if (*program < 0 && (*program = program_open(FRAGMENT_PART, err)) < 0)
        return -1;
    return fragment_verify(*program, cose, answer, err);
}

static int machine_statistics(void *argument, uint64_t *total, uint64_t *available,
                              struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(65536);
    (void)argument;
    if (file_read("/proc/meminfo", &text, err) < 0 ||
        read_meminfo(buf_text(&text), "MemTotal", total, err) < 0)
        return -1;
    return read_meminfo(buf_text(&text), "MemAvailable", available, err);
}

static int machine_probe_port(void *argument, unsigned int port, bool *open, struct error *err)
{
    const struct machine *machine = argument;
    return network_probe_port(machine->address, (uint16_t)port, open, err);
}

/* --- streams ---------------------------------------------------------------------------------- */

static struct task *find_input(struct machine *machine, uint32_t stream)
{
    for (size_t i = 0; i < MACHINE_TASKS_MAX; i++) {
        struct task *each = &machine->tasks[i];
        if (each->id[0] && each->input.stream == stream)
            return each;
    }
    return NULL;
}

static bool machine_stream_data(void *argument, uint32_t stream, struct span bytes)
{
    struct task *task = find_input(argument, stream);
    /* While it starts, a terminal is still to come. */
    if (!task || (task->input.fd < 0 && task->outcome < 0))
        return false;
    task_take_input(task, bytes);
    return true;
}

static bool machine_stream_closed(void *argument, uint32_t stream)
{
    struct task *task = find_input(argument, stream);
    if (!task)
        return false;
    task_end_input(task);
    return true;
}

const struct machine_ops machine_real_ops = {
    .reports = GATE_REPORTS_SNP,
    .report = machine_report,
    .set_network = machine_set_network,
    .mount_device = machine_mount_device,
    .scratch_mount = machine_scratch_mount,
    .mount_overlay = machine_mount_overlay,
    .remove_overlay = machine_remove_overlay,
    .unmount_device = machine_unmount_device,
    .find_user = machine_find_user,
    .start = machine_start,
    .signal = machine_signal,
    .resize = machine_resize,
    .probe_port = machine_probe_port,
    .freeze = machine_freeze,
    .verify_fragment = machine_verify_fragment,
    .statistics = machine_statistics,
    .usage = machine_usage,
    .processes = machine_processes,
    .stream_data = machine_stream_data,
    .stream_closed = machine_stream_closed,
};

/* --- the loop's side -------------------------------------------------------------------------- */

void machine_init(struct machine *machine, struct gate *gate, enum guest_tee tee, int processor)
{
    *machine = (struct machine){.gate = gate,
                                .tee = tee,
                                .processor = processor,
                                .fragment_check = -1,
                                .agent = -1,
                                .served = -1,
                                .sandbox = SANDBOX_NONE,
                                .address = {htonl(INADDR_LOOPBACK)}};
    for (size_t i = 0; i < MACHINE_TASKS_MAX; i++)
        task_init(&machine->tasks[i]);
}

size_t machine_collect(const struct machine *machine, struct pollfd *polls)
{
    size_t count = machine->served >= 0;
    polls[0] = (struct pollfd){.fd = machine->served, .events = POLLIN};
    for (size_t i = 0; i < MACHINE_TASKS_MAX; i++) {
        const struct task *each = &machine->tasks[i];
        if (each->id[0])
            count += task_collect(each, &machine->gate->channel, polls + count);
    }
    return count;
}

/* Frees the task's slot. Its container's group goes with the last of its tasks. */
static struct gate_process_name take_name(struct task *task)
{
    struct gate_process_name name = {.process = task->process};
    memcpy(name.id, task->id, sizeof name.id);
    task_fini(task);
    control_group_remove(name.id);
    return name;
}

static int tell_end(struct machine *machine, struct task *task, struct error *err)
{
    bool signalled = WIFSIGNALED(task->status);
    unsigned int code = signalled ? 128U + (unsigned int)WTERMSIG(task->status)
                                  : (unsigned int)WEXITSTATUS(task->status);
    unsigned int number = signalled ? (unsigned int)WTERMSIG(task->status) : 0;
    struct gate_process_name name = take_name(task);
    return gate_exited(machine->gate, &name, code & 255U, number, err);
}

/* Tells the gate how a start came out, once that is known. */
static int pump_start(struct machine *machine, struct task *task, struct error *err)
{
    struct error why;
    enum start_state state = task_poll_start(task, &why);
    if (state == START_GOES_ON)
        return 0;
    /* Whoever ended while a number was to come was left as it was. */
    machine_reap(machine);
    if (state == START_DONE) {
        struct gate_process_name name = {.process = task->process};
        memcpy(name.id, task->id, sizeof name.id);
        return gate_created(machine->gate, &name, task->pid, err);
    }
    if (task->pid > 0 && !task->reaped)
        (void)kill(task->pid, SIGKILL);
    struct gate_process_name name = take_name(task);
    return gate_create_failed(machine->gate, &name, &why, err);
}

static int pump(struct machine *machine, struct task *task, struct error *err)
{
    if (task->outcome >= 0 && pump_start(machine, task, err) < 0)
        return -1;
    if (task->outcome >= 0 || !task->id[0])
        return 0;
    if (task_pump(task, &machine->gate->channel, err) < 0)
        return -1;
    return task_has_ended(task) ? tell_end(machine, task, err) : 0;
}

int machine_pump(struct machine *machine, struct error *err)
{
    pump_agent(machine);
    for (size_t i = 0; i < MACHINE_TASKS_MAX; i++) {
        if (machine->tasks[i].id[0] && pump(machine, &machine->tasks[i], err) < 0)
            return -1;
    }
    return 0;
}

/* False while some task's process is not known. */
static bool reap_tasks(struct machine *machine)
{
    bool known = true;
    for (size_t i = 0; i < MACHINE_TASKS_MAX; i++) {
        struct task *task = &machine->tasks[i];
        bool reaped = task->reaped;
        if (!task->id[0])
            continue;
        known = task_reap(task) && known;
        /* Where processes are shared they would outlive their container's first. */
        if (task->reaped && !reaped && task->process == 0)
            control_group_kill(task->id);
    }
    return known;
}

/* A task's own end is kept until it is told; the rest are orphans. As long as somebody's number is
 * to come, they may be its. */
void machine_reap(struct machine *machine)
{
    siginfo_t info = {0};
    bool known = reap_tasks(machine);
    while (known && waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0) {
        /* One that ended between the two looks may be a task's after all. */
        (void)reap_tasks(machine);
        (void)waitpid(info.si_pid, NULL, WNOHANG);
        info = (siginfo_t){0};
    }
}
