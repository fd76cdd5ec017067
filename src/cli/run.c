/* `caisson run`: an image, its layers, its policy, a machine, and the streams joined. */
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/generate.h"
#include "cli/guest_folder.h"
#include "cli/kvm_probe.h"
#include "cli/progress.h"
#include "crypto/random.h"
#include "os/file.h"
#include "os/terminal.h"
#include "policy/policy.h"
#include "vm/client.h"
#include "vm/machine.h"
#include "vm/record.h"

#define MEMORY_DEFAULT_MIB 512
#define UMASK_DEFAULT      022
#define REMOVED_TRIES      500 /* of 10 ms */

#define HOST_IS_HOSTILE "the host is what the container is protected from"

static const struct option_rule options[] = {
    WORKLOAD_OPTIONS,
    {.name = "tee", .operand = "KIND", .help = "What isolates it: sev-snp or simulated"},
    {.name = "detach", .letter = 'd', .help = "Print the name and leave the container running"},
    {.name = "interactive", .letter = 'i', .help = "Join standard input"},
    {.name = "tty", .letter = 't', .help = "Give the container a terminal"},
    {.name = "rm", .help = "Remove the machine's record when it has ended"},
    {.name = "name", .operand = "NAME", .help = "Call the machine NAME (default: chosen)"},
    {.name = "hostname",
     .operand = "NAME",
     .help = "The container's host name (default: the name)"},
    {.name = "publish",
     .letter = 'p',
     .operand = "[IP:]HOST:GUEST",
     .help = "Publish a port of the container",
     .repeats = true},
    {.name = "network", .operand = "KIND", .help = "user (the default) or none"},
    {.name = "memory", .letter = 'm', .operand = "SIZE", .help = "The machine's memory (512m)"},
    {.name = "cpus", .operand = "COUNT", .help = "The machine's CPUs (1)"},
    {.name = "read-only", .help = "Mount the root file system read-only"},
    {.name = "policy",
     .operand = "FILE",
     .help = "Enforce this policy (default: one generated from image and options)"},
    {.name = "pull",
     .operand = "WHEN",
     .help = "Ask the registry: missing (default), always, never"},
    {.name = "tls-ca", .operand = "FILE", .help = "Trust these certificate authorities too"},
    {.name = "guest", .operand = "DIR", .help = "The guest's files (default: beside the program)"},
    {.name = "quiet", .letter = 'q', .help = "Show no progress"},
    {.name = "privileged",
     .refusal = "it would hand the container the machine's kernel, which guards the policy"},
    {.name = "device", .operand = "PATH", .refusal = "there are no host devices: " HOST_IS_HOSTILE},
    {.name = "volume",
     .letter = 'v',
     .operand = "PATH",
     .refusal = "a folder of the host's is neither secret nor checked: " HOST_IS_HOSTILE
                "; put the files into a layer of the image"},
    {.name = "mount",
     .operand = "WHAT",
     .refusal = "a folder of the host's is neither secret nor checked: " HOST_IS_HOSTILE
                "; put the files into a layer of the image"},
    {.name = "pid", .operand = "KIND", .refusal = "no namespace is shared with the host"},
    {.name = "ipc", .operand = "KIND", .refusal = "no namespace is shared with the host"},
    {.name = "uts", .operand = "KIND", .refusal = "no namespace is shared with the host"},
    {.name = "userns", .operand = "KIND", .refusal = "no namespace is shared with the host"},
    {.name = "cgroupns", .operand = "KIND", .refusal = "no namespace is shared with the host"},
    {.name = "security-opt",
     .operand = "OPTION",
     .refusal = "the policy alone says what confines the container"},
    {.name = "runtime", .operand = "NAME", .refusal = "the runtime is part of the measured guest"},
    {0},
};

/* All that a run holds on to. */
struct run {
    const struct args *args;
    struct store *store;
    struct image *image;
    struct image_disk *disks;
    struct vm_disk *vm_disks;
    struct workload workload;
    struct buf policy;
    char *guest_folder;
    char *psp_folder;
    char name[RECORD_NAME_MAX + 1];
    struct kvm_probe kvm_probe;
    struct port_rule ports[PORTS_MAX];
    struct vm_config config;
};

static void run_fini(struct run *run)
{
    if (run->image)
        image_disks_free(run->disks, run->image->layer_count);
    kvm_probe_fini(&run->kvm_probe);
    free(run->vm_disks);
    image_free(run->image);
    store_free(run->store);
    workload_fini(&run->workload);
    buf_fini(&run->policy);
    free(run->guest_folder);
    free(run->psp_folder);
}

static int choose_tee(const struct args *args, enum vm_tee *tee, struct error *err)
{
    const char *kind = args_get(args, "tee");
    if (!kind && access("/dev/sev", F_OK) == 0) {
        *tee = VM_TEE_SEV_SNP;
        return 0;
    }
    if (!kind)
        return error_set(err, ERROR_UNAVAILABLE,
                         "this machine has no TEE that caisson can use; to run in a simulated one, "
                         "which protects nothing, say --tee simulated");
    if (!vm_tee_by_name(kind, tee))
        return error_set(err, ERROR_USAGE, "--tee is \"%s\"; sev-snp and simulated can be", kind);
    if (*tee == VM_TEE_SIMULATED)
        log_warning("SIMULATED: this machine's host can read the container's memory");
    return 0;
}

/* Docker's sizes: a number with b, k, m or g; here in whole MiB. */
static int read_memory(const char *text, uint32_t *mib, struct error *err)
{
    static const struct {
        char unit;
        unsigned int shift;
    } units[] = {{'b', 0}, {'k', 10}, {'m', 20}, {'g', 30}};
    char number[24];
    size_t len = text ? strlen(text) : 0;
    uint64_t value;
    unsigned int shift = 0;
    *mib = MEMORY_DEFAULT_MIB;
    if (!text)
        return 0;
    for (size_t i = 0; len > 0 && i < sizeof units / sizeof *units; i++) {
        if ((text[len - 1] | 0x20) == units[i].unit) {
            shift = units[i].shift;
            len--;
            break;
        }
    }
    if (len == 0 || len >= sizeof number)
        return error_set(err, ERROR_USAGE, "--memory is \"%s\"; 256m or 2g are sizes", text);
    memcpy(number, text, len);
    number[len] = '\0';
    if (!text_to_u64(number, UINT64_MAX >> shift, &value))
        return error_set(err, ERROR_USAGE, "--memory is \"%s\"; 256m or 2g are sizes", text);
    value = (value << shift) >> 20;
    if (value < QEMU_MEMORY_MIN || value > QEMU_MEMORY_MAX)
        return error_set(err, ERROR_USAGE, "--memory is \"%s\"; from %dm on it can be", text,
                         QEMU_MEMORY_MIN);
    *mib = (uint32_t)value;
    return 0;
}

static int read_size(struct run *run, struct error *err)
{
    const char *cpus = args_get(run->args, "cpus");
    uint64_t count = 1;
    if (cpus && (!text_to_u64(cpus, QEMU_VCPUS_MAX, &count) || count == 0))
        return error_set(err, ERROR_USAGE, "--cpus is \"%s\"; 1 to %d can be", cpus,
                         QEMU_VCPUS_MAX);
    run->config.vcpus = (uint32_t)count;
    return read_memory(args_get(run->args, "memory"), &run->config.memory_mib, err);
}

static int read_network(struct run *run, struct error *err)
{
    const char *network = args_get(run->args, "network");
    const char *text;
    if (network && strcmp(network, "none") != 0 && strcmp(network, "user") != 0)
        return error_set(err, ERROR_REFUSED,
                         "--network %s is refused: no namespace is shared with the host; user and "
                         "none can be",
                         network);
    run->config.network = !network || strcmp(network, "none") != 0;
    for (size_t i = 0; (text = args_get_nth(run->args, "publish", i)); i++) {
        if (i >= PORTS_MAX)
            return error_set(err, ERROR_LIMIT, "more than %d published ports", PORTS_MAX);
        if (port_rule_parse(text, &run->ports[i], err) < 0)
            return -1;
        run->config.port_count++;
    }
    if (run->config.port_count > 0 && !run->config.network)
        return error_set(err, ERROR_USAGE, "--publish needs a network");
    run->config.ports = run->ports;
    return 0;
}

static int choose_name(struct run *run, struct error *err)
{
    const char *given = args_get(run->args, "name");
    uint8_t chosen[6];
    if (given) {
        if (!record_name_is_good(given) || !text_copy(run->name, sizeof run->name, given))
            return error_set(err, ERROR_USAGE,
                             "--name is \"%.80s\"; letters, digits, and _ . - make a name", given);
        return 0;
    }
    if (random_bytes(chosen, sizeof chosen, err) < 0)
        return -1;
    hex_encode(span_of(chosen, sizeof chosen), run->name);
    return 0;
}

static int get_image(struct run *run, struct error *err)
{
    struct progress progress;
    struct image_options image_options = {.disks = true, .tls_ca = args_get(run->args, "tls-ca")};
    const char *pull = args_get(run->args, "pull");
    if (pull && !image_pull_parse(pull, &image_options.pull))
        return error_set(err, ERROR_USAGE, "--pull is \"%s\", not missing, always or never", pull);
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
static int get_policy(struct run *run, struct error *err)
{
    const char *path = args_get(run->args, "policy");
    if (!path)
        return generate_policy(run->image, run->disks, &run->workload, POLICY_GENERATION_DEFAULT,
                               &run->policy, err);
    POLICY_AUTO policy = NULL;
    if (file_read(path, &run->policy, err) < 0)
        return -1;
    if (policy_parse(buf_span(&run->policy), POLICY_STRICT, &policy, err) < 0)
        return error_context(err, "%s", path);
    return 0;
}

static int set_process(struct run *run, struct error *err)
{
    const struct args *args = run->args;
    const char *hostname = args_get(args, "hostname");
    struct vm_process *process = &run->config.process;
    process->hostname = hostname ? hostname : run->name;
    process->terminal = args_has(args, "tty");
    process->input = args_has(args, "interactive");
    process->read_only_root = args_has(args, "read-only");
    process->umask = UMASK_DEFAULT;
    (void)terminal_size(STDIN_FILENO, &process->rows, &process->columns);
    if (workload_init(&run->workload, &run->image->config, args, args_operands(args) + 1, err) <
            0 ||
        get_policy(run, err) < 0 || add_environment(run, err) < 0)
        return -1;
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
    run->config.kvm = true;
    if (run->config.tee == VM_TEE_SEV_SNP)
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

/* What costs nothing is checked before what costs time. */
static int prepare(struct run *run, struct error *err)
{
    const struct args *args = run->args;
    struct vm_config *config = &run->config;
    if (args_operand_count(args) == 0)
        return error_set(err, ERROR_USAGE, "name an image");
    if (args_has(args, "detach") && args_has(args, "interactive"))
        return error_set(err, ERROR_USAGE, "--detach and --interactive exclude each other");
    if (read_size(run, err) < 0 || read_network(run, err) < 0 || choose_name(run, err) < 0 ||
        choose_tee(args, &config->tee, err) < 0 ||
        guest_folder_find(args_get(args, "guest"), &run->guest_folder, err) < 0)
        return -1;
    run->store = store_open(NULL, err);
    if (!run->store ||
        (config->tee == VM_TEE_SIMULATED &&
         kvm_probe_begin(&run->kvm_probe, store_folder(run->store), run->guest_folder, err) < 0) ||
        get_image(run, err) < 0 || set_process(run, err) < 0)
        return -1;
    run->psp_folder = text_format("%s/simulated", store_folder(run->store));
    if (!run->psp_folder)
        return error_memory(err);
    config->name = run->name;
    config->image = run->image->reference;
    config->guest_folder = run->guest_folder;
    config->psp_folder = run->psp_folder;
    config->auto_remove = args_has(args, "rm");
    config->owned = !args_has(args, "detach");
    config->disks = run->vm_disks;
    config->disk_count = run->image->layer_count;
    config->policy = buf_span(&run->policy);
    config->stop_signal = stop_signal(run->image);
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
        wait_until_removed(run->name);
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
        return attach(run, connection, err);
    if (client_wait_started(connection, err) < 0)
        return error_context(err, "%s", run->name);
    (void)printf("%s\n", run->name);
    return EXIT_OK;
}

static int run_command(const struct args *args, struct error *err)
{
    struct run run = {.args = args, .policy = BUF_WITH_LIMIT(POLICY_SIZE_MAX)};
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
        "The exit status is the container's; 128 and the signal's number where a signal ended it; "
        "125 is "
        "never used: what keeps the container from running gives 1, 2 or 3.",
    .options = options,
    .stop_at_operand = true,
    .run = run_command,
};
