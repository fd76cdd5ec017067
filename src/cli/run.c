/* `caisson run`: an image, its layers, its policy, a machine, and the streams joined. */
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/container_logs.h"
#include "cli/generate.h"
#include "cli/group_run.h"
#include "cli/guest_folder.h"
#include "cli/kvm_probe.h"
#include "cli/policy_file.h"
#include "cli/progress.h"
#include "cli/run_enclave.h"
#include "cli/run_fragments.h"
#include "cli/run_options.h"
#include "cli/run_services.h"
#include "cli/secret_options.h"
#include "os/terminal.h"
#include "policy/policy.h"
#include "vm/client.h"
#include "vm/launch.h"
#include "vm/machine.h"

#define RESTARTED          "main"  /* the name of a container that is started again */
#define RESTARTED_GRACE_MS 3600000 /* who stops it says how long it may take */
#define REMOVED_TRIES      500     /* of 10 ms */

/* All that a run holds on to. */
struct run {
    const struct args *args;
    struct store *store;
    struct image *image;
    struct image_disk *disks;
    struct vm_disk *vm_disks;
    struct workload workload;
    struct buf policy;
    struct run_fragments fragments;
    struct secret_options secrets;
    struct run_services services;
    struct run_enclave enclave;
    char *guest_folder;
    char *psp_folder;
    struct run_options options;
    struct group_run *group; /* with --group, in the place of image, disks and workload */
    struct vm_member member; /* with --restart: a group of one */
    struct port_rule ports[PORTS_MAX];
    struct kvm_probe kvm_probe;
    struct vm_config config;
    json_t *confinement;
};

static void run_fini(struct run *run)
{
    if (run->image)
        image_disks_free(run->disks, run->image->layer_count);
    group_run_free(run->group);
    kvm_probe_fini(&run->kvm_probe);
    free(run->vm_disks);
    image_free(run->image);
    store_free(run->store);
    workload_fini(&run->workload);
    json_decref(run->confinement);
    buf_fini(&run->policy);
    run_fragments_fini(&run->fragments);
    run_enclave_fini(&run->enclave);
    secret_options_fini(&run->secrets);
    free(run->guest_folder);
    free(run->psp_folder);
}

static int get_group(struct run *run, struct error *err)
{
    const struct args *args = run->args;
    struct progress progress;
    struct group_inputs inputs = {
        .manifest = args_get(args, "group"),
        .workload = args_get(args, "workload"),
        .lock = args_get(args, "images"),
        .args = args,
        .folder = store_folder(run->store),
        .network = run->options.network,
        .images = {.disks = true, .tls_ca = args_get(args, "tls-ca"), .pull = run->options.pull}};
    progress_init(&progress, args_has(args, "quiet"));
    inputs.images.observer = progress_observer(&progress);
    int status = group_run_make(&inputs, &run->policy, &run->group, err);
    progress_clear(&progress);
    return status;
}

static int get_image(struct run *run, struct error *err)
{
    struct progress progress;
    struct image_options image_options = {
        .disks = true, .tls_ca = args_get(run->args, "tls-ca"), .pull = run->options.pull};
    progress_init(&progress, args_has(run->args, "quiet"));
    image_options.observer = progress_observer(&progress);
    run->image = image_resolve(run->store, args_operands(run->args)[0], &image_options, err);
    if (run->image)
        run->disks = image_disks(run->image, &image_options, err);
    progress_clear(&progress);
    if (!run->image || !run->disks)
        return -1;
    run->vm_disks = calloc(run->image->layer_count + 1, sizeof *run->vm_disks);
    if (!run->vm_disks)
        return error_memory(err);
    for (size_t i = 0; i < run->image->layer_count; i++) {
        run->vm_disks[i].path = run->disks[i].path;
        memcpy(run->vm_disks[i].root_hash, run->disks[i].root_hash, SHA256_SIZE);
    }
    return 0;
}

/* Variables that a container finds beyond those that image and caller name. */
static int add_environment(struct run *run, struct error *err)
{
    TEXT_AUTO hostname = text_format("HOSTNAME=%s", run->config.process.hostname);
    if (!hostname)
        return error_memory(err);
    if (!workload_has_env(&run->workload, "HOSTNAME") &&
        workload_set_env(&run->workload, hostname, err) < 0)
        return -1;
    if (run->config.process.terminal && !workload_has_env(&run->workload, "TERM"))
        return workload_set_env(&run->workload, "TERM=xterm", err);
    return 0;
}

/* A given policy is read here too: what the guest would refuse is better said before a boot. */
static int read_policy(struct run *run, struct error *err)
{
    const char *path = args_get(run->args, "policy");
    POLICY_AUTO policy = NULL;
    if (!path)
        return 0;
    return policy_file_read(run->args, path, &run->policy, &policy, err) < 0
               ? error_context(err, "--policy")
               : 0;
}

/* What a generated policy says of secrets; a given one says it itself. */
static int read_secrets(struct run *run, struct error *err)
{
    bool found;
    if (secret_options_read(run->args, &run->secrets, &found, err) < 0)
        return -1;
    if (found && args_has(run->args, "policy"))
        return secret_options_refuse(err);
    run->workload.attestation = found ? &run->secrets.attestation : NULL;
    return 0;
}

static int set_process(struct run *run, struct error *err)
{
    const struct args *args = run->args;
    struct vm_process *process = &run->config.process;
    process->hostname = run->options.hostname;
    process->terminal = run->options.terminal;
    process->input = run->options.input;
    (void)terminal_size(STDIN_FILENO, &process->rows, &process->columns);
    if (workload_init(&run->workload, &run->image->config, args, args_operands(args) + 1, err) <
            0 ||
        confinement_read(args, &run->workload.confinement, err) < 0)
        return -1;
    process->umask = run->workload.confinement.umask;
    process->read_only_root = run->workload.confinement.read_only_root;
    if (read_secrets(run, err) < 0)
        return -1;
    if (!args_has(args, "policy") &&
        generate_policy(run->image, run->disks, &run->workload, POLICY_GENERATION_DEFAULT,
                        &run->policy, err) < 0)
        return -1;
    if (add_environment(run, err) < 0)
        return -1;
    run->confinement = confinement_request(&run->workload.confinement, err);
    if (!run->confinement || confinement_add_limits(args, run->confinement, err) < 0 ||
        (launch_kind(run->options.tee)->is_enclave &&
         run_enclave_limit(args, &run->options, run->confinement, err) < 0))
        return -1;
    process->confinement = run->confinement;
    process->args = run->workload.args;
    process->env = run->workload.env;
    process->cwd = run->workload.cwd;
    process->user = run->workload.user;
    return 0;
}

/* SEV-SNP is KVM's; a simulated machine takes KVM where the guest comes up in it. */
static int choose_accel(struct run *run, struct error *err)
{
    struct progress progress;
    run->config.kvm = !launch_kind(run->options.tee)->is_enclave;
    if (run->options.tee != VM_TEE_SIMULATED)
        return 0;
    progress_init(&progress, args_has(run->args, "quiet"));
    int status = kvm_probe_finish(&run->kvm_probe, &progress, &run->config.kvm, err);
    progress_clear(&progress);
    return status;
}

/* The image's own wish for how it is to be ended, by name or number. */
static uint32_t stop_signal(const struct image *image)
{
    const char *name = image->config.stop_signal ? image->config.stop_signal : "";
    uint64_t number;
    if (text_to_u64(name, 64, &number))
        return (uint32_t)number;
    return policy_signal_number(name);
}

static int set_config(struct run *run, struct error *err)
{
    const struct run_options *options = &run->options;
    run->psp_folder = text_format("%s/simulated", store_folder(run->store));
    if (!run->psp_folder)
        return error_memory(err);
    struct vm_config *config = &run->config;
    config->name = options->name;
    config->guest_folder = run->guest_folder;
    config->psp_folder = run->psp_folder;
    config->tee = options->tee;
    config->network = options->network;
    config->host_network = options->host_network;
    config->auto_remove = args_has(run->args, "rm");
    config->owned = !options->detach;
    config->memory_mib = options->memory_mib;
    config->vcpus = options->vcpus;
    config->scratch_size = options->scratch_size;
    config->scratch_folder = store_folder(run->store);
    config->ports = options->ports;
    config->port_count = options->port_count;
    config->policy = buf_span(&run->policy);
    config->fragments = run->fragments.spans;
    config->fragment_count = run->fragments.count;
    return run_services_find(config->policy, &run->services, config, err);
}

/* A container that is started again is a group of one. */
static void set_restart(struct run *run)
{
    struct vm_config *config = &run->config;
    run->member = (struct vm_member){
        .plan = {.name = RESTARTED,
                 .restart = run->options.restart,
                 .restarts_max = run->options.restarts_max,
                 .grace_ms = RESTARTED_GRACE_MS},
        .image = config->image,
        .process = config->process,
        .layer_count = config->disk_count,
        .stop_signal = config->stop_signal,
    };
    config->members = &run->member;
    config->member_count = 1;
}

static int set_image(struct run *run, struct error *err)
{
    struct vm_config *config = &run->config;
    if (get_image(run, err) < 0 || set_process(run, err) < 0 || set_config(run, err) < 0)
        return -1;
    config->image = run->image->reference;
    config->disks = run->vm_disks;
    config->disk_count = run->image->layer_count;
    config->stop_signal = stop_signal(run->image);
    if (run->options.restart != POLICY_RESTART_NEVER)
        set_restart(run);
    return 0;
}

static int set_group(struct run *run, struct error *err)
{
    if (get_group(run, err) < 0 || set_config(run, err) < 0)
        return -1;
    memcpy(run->ports, run->options.ports, sizeof run->ports);
    return group_run_configure(run->group, run->ports, &run->config, err);
}

/* What costs nothing is checked before what costs time. */
static int prepare(struct run *run, struct error *err)
{
    const struct args *args = run->args;
    if (run_options_read(args, &run->options, err) < 0 || read_policy(run, err) < 0 ||
        run_fragments_read(args, &run->fragments, err) < 0)
        return -1;
    const bool is_enclave = launch_kind(run->options.tee)->is_enclave;
    if (!is_enclave && guest_folder_find(args_get(args, "guest"), &run->guest_folder, err) < 0)
        return -1;
    run->store = store_open(NULL, err);
    if (!run->store ||
        (is_enclave && run_enclave_prepare(args, run->options.tee, store_folder(run->store),
                                           &run->enclave, &run->config, err) < 0) ||
        (run->options.tee == VM_TEE_SIMULATED &&
         kvm_probe_begin(&run->kvm_probe, store_folder(run->store), run->guest_folder, err) < 0) ||
        (args_has(args, "group") ? set_group(run, err) : set_image(run, err)) < 0)
        return -1;
    if (run->config.member_count > 0 && run->config.owned)
        run->config.auto_remove = false; /* see remove_when_gone() */
    return choose_accel(run, err);
}

static int report_exit(const struct client_exit *end, struct error *err)
{
    if (end->failure.code == ERROR_NONE)
        return (int)end->code;
    *err = end->failure;
    return -1;
}

/* The monitor tells the end before it removes the record; who runs the same name next must not meet
 * it. One that is gone or stuck by then has its record removed by `rm`. */
static void wait_until_removed(const char *name)
{
    char *folder;
    if (record_folder(name, &folder, NULL) < 0)
        return;
    TEXT_AUTO owned = folder;
    for (int tries = 0; tries < REMOVED_TRIES && access(owned, F_OK) == 0; tries++)
        (void)nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
}

/* The logs are in the machine's folder: who shows them removes it. */
static void remove_when_gone(const char *name)
{
    struct error ignored = {0};
    for (int tries = 0; tries < REMOVED_TRIES && record_remove(name, &ignored) < 0 &&
                        ignored.code == ERROR_REFUSED;
         tries++)
        (void)nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
}

/* What a group's containers write is in their logs alone. */
struct follower {
    const char *name;
    struct container_logs logs;
    bool open;
};

static void show_logs(void *argument)
{
    struct follower *follower = argument;
    RECORD_AUTO record = {0};
    struct error ignored = {0};
    bool more;
    /* Only once the machine has begun does its record say which containers there are. */
    if (!follower->open && record_read(follower->name, &record, &ignored) == 0 &&
        json_array_size(record.containers) > 0)
        follower->open = container_logs_open(&record, NULL, &follower->logs, &ignored) == 0;
    if (follower->open)
        (void)container_logs_read(&follower->logs, &more, &ignored);
}

static int follow(struct run *run, struct client_connection *connection, struct error *err)
{
    struct client_exit end;
    struct follower follower = {.name = run->options.name};
    int status = client_follow(connection, show_logs, &follower, &end, err);
    show_logs(&follower);
    if (follower.open)
        container_logs_close(&follower.logs);
    if (args_has(run->args, "rm"))
        remove_when_gone(run->options.name);
    return status < 0 ? -1 : report_exit(&end, err);
}

static int attach(struct run *run, struct client_connection *connection, struct error *err)
{
    struct client_exit end;
    struct client_streams streams = {
        .in = run->config.process.input ? STDIN_FILENO : -1,
        .out = STDOUT_FILENO,
        .error = STDERR_FILENO,
        .terminal = run->config.process.terminal,
    };
    if (client_attach(connection, &streams, &end, err) < 0)
        return -1;
    if (run->config.auto_remove)
        wait_until_removed(run->options.name);
    return report_exit(&end, err);
}

static int start(struct run *run, struct error *err)
{
    int fd;
    if (machine_start(&run->config, &fd, err) < 0)
        return -1;
    CLIENT_AUTO connection = client_open(fd, err);
    if (!connection)
        return -1;
    if (run->config.owned)
        return run->config.member_count > 0 ? follow(run, connection, err)
                                            : attach(run, connection, err);
    if (client_wait_started(connection, err) < 0)
        return error_context(err, "%s", run->options.name);
    (void)printf("%s\n", run->options.name);
    return EXIT_OK;
}

static int run_command(const struct args *args, struct error *err)
{
    struct run run = {
        .args = args, .policy = BUF_WITH_LIMIT(POLICY_SIZE_MAX), .config.tsc = tsc_look()};
    int status = prepare(&run, err) < 0 ? -1 : start(&run, err);
    run_fini(&run);
    return status;
}

const struct command command_run = {
    .name = "run",
    .operands = "IMAGE [COMMAND [ARG…]]",
    .summary = "Run a container in a machine of its own that its host can't read",
    .description =
        "Resolves the image (a registry's, or oci:DIR, docker-archive:FILE, …), makes a verity "
        "disk "
        "of each layer, takes or generates the policy, and starts a machine whose hardware reports "
        "the policy's digest. The guest checks each request of the host against it.\n\n"
        "Without --tee the machine's own TEE is used; where there is none the command stops. "
        "--tee simulated runs the same in an ordinary machine, which protects nothing.\n\n"
        "--group FILE runs the containers of a Kubernetes Pod (or another workload's pod template) "
        "in "
        "one machine: init containers, order, restarts, probes, emptyDirs, ConfigMaps and Secrets "
        "as files. What they write goes to their logs, and is shown with their names.\n\n"
        "Ports are published by passt, over IPv4. The guest cannot reach the host's loopback; so a "
        "UDP port answers at the host's other addresses alone.\n\n"
        "The exit status is the container's; 128 and the signal's number where a signal ended it; "
        "125 is "
        "never used: what keeps the container from running gives 1, 2 or 3.",
    .options = run_option_rules,
    .stop_at_operand = true,
    .run = run_command,
};
