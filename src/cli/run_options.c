#include "cli/run_options.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/policy_file.h"
#include "cli/run_enclave.h"
#include "cli/secret_options.h"
#include "cli/size.h"
#include "cli/workload.h"
#include "crypto/random.h"
#include "os/file.h"
#include "os/terminal.h"
#include "vm/accel.h"
#include "vm/launch.h"

#define MEMORY_DEFAULT_MIB 512
#define SCRATCH_DEFAULT    (10ULL << 30) /* bytes; room is taken as it is written to */
#define HOSTNAME_MAX       64            /* docs/protocol.md, as what it is made of */

#define HOST_IS_HOSTILE "the host is what the container is protected from"
#define NO_DEVICES      "there are no host devices: " HOST_IS_HOSTILE
#define NO_SHARING      "no namespace is shared with the host"
#define NO_FOLDERS                                                                                 \
    "a folder of the host's is neither secret nor checked: " HOST_IS_HOSTILE                       \
    "; put the files into a layer of the image"

const struct option_rule run_option_rules[] = {
    WORKLOAD_OPTIONS,
    SECRET_OPTIONS,
    {.name = "tee",
     .operand = "KIND",
     .help = "What isolates it: sev-snp or simulated; sgx or sgx-simulated (an enclave)"},
    {.name = "detach", .letter = 'd', .help = "Print the name and leave the container running"},
    {.name = "interactive", .letter = 'i', .help = "Join standard input"},
    {.name = "tty", .letter = 't', .help = "Give the container a terminal"},
    {.name = "rm", .help = "Remove the machine's record when it has ended"},
    {.name = "name", .operand = "NAME", .help = "Call the machine NAME (default: chosen)"},
    {.name = "hostname",
     .letter = 'h',
     .operand = "NAME",
     .help = "The container's host name (default: the name)"},
    {.name = "publish",
     .letter = 'p',
     .operand = "[IP:]HOST:GUEST",
     .help = "Publish a port of the container, GUEST/udp for a UDP port",
     .repeats = true},
    {.name = "network",
     .operand = "KIND",
     .help = "user (the default) or none; an enclave may also share this process': host"},
    {.name = "net", .operand = "KIND"}, /* Docker's other name for it */
    {.name = "memory", .letter = 'm', .operand = "SIZE", .help = "The machine's memory (512m)"},
    {.name = "scratch",
     .operand = "WHERE",
     .help = "What is written goes to memory (the default), disk, or disk:SIZE, encrypted (10g)"},
    {.name = "storage-opt", .operand = "size=SIZE"}, /* Docker's word for it */
    {.name = "cpus", .operand = "COUNT", .help = "The machine's CPUs (1)"},
    LIMIT_OPTIONS,
    {.name = "group",
     .operand = "FILE",
     .help = "Run the containers of this Kubernetes manifest in one machine, and no IMAGE"},
    {.name = "workload", .operand = "NAME", .help = "Of a manifest with several, this workload"},
    {.name = "images",
     .operand = "LOCK",
     .help = "Of a group, make the policy from this image lock (see policy lock)"},
    {.name = "restart",
     .operand = "WHEN",
     .help = "Start the container again when it has ended: no, on-failure[:MAX], always"},
    {.name = "policy",
     .operand = "FILE",
     .help = "Enforce this policy (default: one generated from image and options)"},
    {.name = "fragment",
     .operand = "FILE",
     .help = "Hand the guest this signed policy fragment",
     .repeats = true},
    POLICY_ALLOW_ALL_OPTION,
    {.name = "pull",
     .operand = "WHEN",
     .help = "Ask the registry: missing (default), always, never"},
    {.name = "tls-ca", .operand = "FILE", .help = "Trust these certificate authorities too"},
    {.name = "guest", .operand = "DIR", .help = "The guest's files (default: beside the program)"},
    {.name = "enclave",
     .operand = "DIR",
     .help = "The enclave's files (default: beside the program)"},
    {.name = "quiet", .letter = 'q', .help = "Show no progress"},
    {.name = "privileged",
     .refusal = "it would hand the container the machine's kernel, which guards the policy"},
    {.name = "device", .operand = "PATH", .refusal = NO_DEVICES},
    {.name = "device-cgroup-rule", .operand = "RULE", .refusal = NO_DEVICES},
    {.name = "gpus", .operand = "WHICH", .refusal = NO_DEVICES},
    {.name = "volume", .letter = 'v', .operand = "PATH", .refusal = NO_FOLDERS},
    {.name = "volumes-from", .operand = "NAME", .refusal = NO_FOLDERS},
    {.name = "pid", .operand = "KIND", .refusal = NO_SHARING},
    {.name = "ipc", .operand = "KIND", .refusal = NO_SHARING},
    {.name = "uts", .operand = "KIND", .refusal = NO_SHARING},
    {.name = "userns", .operand = "KIND", .refusal = NO_SHARING},
    {.name = "cgroupns", .operand = "KIND", .refusal = NO_SHARING},
    {.name = "cgroup-parent",
     .operand = "NAME",
     .refusal = "the container is in no cgroup of the host's, but in a machine of its own"},
    {.name = "init",
     .refusal = "the first process is the one that the policy names; put an init into the image"},
    {.name = "runtime", .operand = "NAME", .refusal = "the runtime is part of the measured guest"},
    {0},
};

static int read_tee(const struct args *args, enum vm_tee *tee, struct error *err)
{
    const char *kind = args_get(args, "tee");
    struct error reason = {0};
    *tee = VM_TEE_SEV_SNP;
    if (kind && !vm_tee_by_name(kind, tee))
        return error_set(err, ERROR_USAGE,
                         "--tee is \"%s\"; sev-snp, simulated, sgx and sgx-simulated can be", kind);
    if (launch_kind(*tee)->is_enclave)
        return run_enclave_check(args, *tee, err);
    if (*tee == VM_TEE_SIMULATED)
        log_warning("SIMULATED: this machine's host can read the container's memory");
    if (*tee == VM_TEE_SIMULATED || accel_has_sev_snp(&reason))
        return 0;
    if (kind)
        return error_set(err, ERROR_UNAVAILABLE,
                         "this machine has no SEV-SNP that caisson can use (%s); caisson doctor "
                         "tells what is missing",
                         reason.text);
    return error_set(
        err, ERROR_UNAVAILABLE,
        "this machine has no TEE that caisson can use (%s); to run in a simulated one, "
        "which protects nothing, say --tee simulated",
        reason.text);
}

static int read_memory(const char *text, uint32_t *mib, struct error *err)
{
    uint64_t value;
    *mib = MEMORY_DEFAULT_MIB;
    if (!text)
        return 0;
    if (!size_parse(text, &value))
        return error_set(err, ERROR_USAGE, "--memory is \"%s\"; 256m or 2g are sizes", text);
    value >>= 20;
    if (value < QEMU_MEMORY_MIN || value > QEMU_MEMORY_MAX)
        return error_set(err, ERROR_USAGE, "--memory is \"%s\"; %dm to %dg can be", text,
                         QEMU_MEMORY_MIN, QEMU_MEMORY_MAX / 1024);
    *mib = (uint32_t)value;
    return 0;
}

static int read_scratch_size(const char *option, const char *text, uint64_t *out, struct error *err)
{
    if (!size_parse(text, out) || *out < MACHINE_SCRATCH_MIN || *out > MACHINE_SCRATCH_MAX)
        return error_set(err, ERROR_USAGE, "%s: the size is \"%s\"; %llum to %llug can be", option,
                         text, MACHINE_SCRATCH_MIN >> 20, MACHINE_SCRATCH_MAX >> 30);
    *out &= ~((1ULL << 20) - 1);
    return 0;
}

/* "memory", "disk" or "disk:SIZE"; Docker's --storage-opt size=SIZE is the latter. */
static int read_scratch(const struct args *args, uint64_t *size, struct error *err)
{
    const char *scratch = args_get(args, "scratch");
    const char *option = args_get(args, "storage-opt");
    *size = 0;
    if (scratch && option)
        return error_set(err, ERROR_USAGE, "--scratch and --storage-opt are the same; give one");
    if (option && text_starts_with(option, "size="))
        return read_scratch_size("--storage-opt", option + strlen("size="), size, err);
    if (option)
        return error_set(err, ERROR_USAGE, "--storage-opt is \"%s\"; size=SIZE can be", option);
    if (!scratch || strcmp(scratch, "memory") == 0)
        return 0;
    if (text_starts_with(scratch, "disk:"))
        return read_scratch_size("--scratch", scratch + strlen("disk:"), size, err);
    if (strcmp(scratch, "disk") != 0)
        return error_set(err, ERROR_USAGE, "--scratch is \"%s\"; memory, disk and disk:SIZE can be",
                         scratch);
    *size = SCRATCH_DEFAULT;
    return 0;
}

static int read_size(const struct args *args, struct run_options *out, struct error *err)
{
    const char *cpus = args_get(args, "cpus");
    uint64_t count = 1;
    if (cpus && (!text_to_u64(cpus, QEMU_VCPUS_MAX, &count) || count == 0))
        return error_set(err, ERROR_USAGE, "--cpus is \"%s\"; 1 to %d whole ones can be", cpus,
                         QEMU_VCPUS_MAX);
    out->vcpus = (uint32_t)count;
    if (read_scratch(args, &out->scratch_size, err) < 0)
        return -1;
    return read_memory(args_get(args, "memory"), &out->memory_mib, err);
}

static int read_network(const struct args *args, struct run_options *out, struct error *err)
{
    const char *network = args_get(args, args_has(args, "net") ? "net" : "network");
    if (args_has(args, "net") && args_has(args, "network"))
        return error_set(err, ERROR_USAGE, "--net and --network are the same; give one");
    enum vm_tee tee = VM_TEE_SEV_SNP;
    (void)(args_has(args, "tee") && vm_tee_by_name(args_get(args, "tee"), &tee));
    out->host_network = launch_kind(tee)->is_enclave && network && strcmp(network, "host") == 0;
    if (network && strcmp(network, "none") != 0 && strcmp(network, "user") != 0 &&
        !out->host_network)
        return error_set(err, ERROR_REFUSED,
                         "--network %s is refused: " NO_SHARING "; user and none can be", network);
    out->network = !out->host_network && (!network || strcmp(network, "none") != 0);
    return 0;
}

static bool is_same_listener(const struct port_rule *a, const struct port_rule *b)
{
    return a->host == b->host && a->udp == b->udp && strcmp(a->address, b->address) == 0;
}

/* passt keeps the guest away from the host's loopback, and with it the answers to datagrams that
 * came from there. */
static int check_udp(const struct port_rule *rule, const char *text, struct error *err)
{
    if (!rule->udp || !text_starts_with(rule->address, "127."))
        return 0;
    return error_set(
        err, ERROR_USAGE,
        "--publish %s: the container's answers do not reach the host's loopback by UDP; "
        "publish on another address of this host",
        text);
}

static int read_ports(const struct args *args, struct run_options *out, struct error *err)
{
    const char *text;
    while ((text = args_get_nth(args, "publish", out->port_count))) {
        struct port_rule *rule = &out->ports[out->port_count];
        if (out->port_count >= PORTS_MAX)
            return error_set(err, ERROR_LIMIT, "more than %d published ports", PORTS_MAX);
        if (port_rule_parse(text, rule, err) < 0 || check_udp(rule, text, err) < 0)
            return -1;
        for (const struct port_rule *other = out->ports; other != rule; other++) {
            if (is_same_listener(rule, other))
                return error_set(err, ERROR_USAGE, "--publish %s: port %u is published already",
                                 text, rule->host);
        }
        out->port_count++;
    }
    if (out->port_count > 0 && !out->network)
        return error_set(err, ERROR_USAGE, "--publish needs a network");
    return 0;
}

static int read_name(const struct args *args, char out[RECORD_NAME_MAX + 1], struct error *err)
{
    const char *given = args_get(args, "name");
    uint8_t chosen[6];
    if (given) {
        if (!record_name_is_good(given) || !text_copy(out, RECORD_NAME_MAX + 1, given))
            return error_set(err, ERROR_USAGE,
                             "--name is \"%.80s\"; letters, digits, and _ . - make a name", given);
        return 0;
    }
    if (random_bytes(chosen, sizeof chosen, err) < 0)
        return -1;
    hex_encode(span_of(chosen, sizeof chosen), out);
    return 0;
}

static int read_hostname(const struct args *args, struct run_options *out, struct error *err)
{
    static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    const char *given = args_get(args, "hostname");
    out->hostname = given && *given ? given : out->name;
    size_t len = strlen(out->hostname);
    if (len > HOSTNAME_MAX || strspn(out->hostname, good) != len)
        return error_set(err, ERROR_USAGE,
                         "--hostname is \"%.80s\"; at most %d of letters, digits, and _ . - can be",
                         given, HOSTNAME_MAX);
    return 0;
}

/* A process with a terminal reads its keys: what is piped in has no key for the end. */
static int read_streams(const struct args *args, struct run_options *out, struct error *err)
{
    out->detach = args_has(args, "detach");
    out->input = args_has(args, "interactive");
    out->terminal = args_has(args, "tty");
    if (out->terminal && out->input && !out->detach && !terminal_is(STDIN_FILENO))
        return error_set(err, ERROR_USAGE,
                         "--interactive with --tty needs a terminal as standard input; leave --tty "
                         "out to pipe something in");
    return 0;
}

static int read_pull(const struct args *args, enum image_pull *out, struct error *err)
{
    const char *pull = args_get(args, "pull");
    *out = IMAGE_PULL_MISSING;
    if (pull && !image_pull_parse(pull, out))
        return error_set(err, ERROR_USAGE, "--pull is \"%s\"; missing, always and never can be",
                         pull);
    return 0;
}

/* What the workload takes from the options, over an image that has nothing. */
static int check_workload(const struct args *args, struct error *err)
{
    static const struct oci_config nothing;
    static char word[] = "-";
    char *const command[] = {word, NULL};
    WORKLOAD_AUTO workload;
    json_auto_t *limits = json_object();
    if (workload_init(&workload, &nothing, args, command, err) < 0 ||
        confinement_read(args, &workload.confinement, err) < 0)
        return -1;
    return limits ? confinement_add_limits(args, limits, err) : error_memory(err);
}

/* What a manifest says itself, and what its containers' logs take the place of. */
static int check_group(const struct args *args, struct error *err)
{
    static const char *const of_one[] = {
        "env",       "env-file",   "workdir",    "user",    "entrypoint", "hostname",
        "read-only", "tty",        "restart",    "cap-add", "cap-drop",   "security-opt",
        "tmpfs",     "mount",      "shm-size",   "ulimit",  "sysctl",     "group-add",
        "umask",     "allow-exec", "interactive"};
    static const char *const of_group[] = {"workload", "images"};
    bool group = args_has(args, "group");
    for (size_t i = 0; group && i < sizeof of_one / sizeof *of_one; i++) {
        if (args_has(args, of_one[i]))
            return error_set(err, ERROR_USAGE, "--%s is for one container, not for a --group",
                             of_one[i]);
    }
    for (size_t i = 0; !group && i < sizeof of_group / sizeof *of_group; i++) {
        if (args_has(args, of_group[i]))
            return error_set(err, ERROR_USAGE, "--%s is for a --group", of_group[i]);
    }
    if (group && args_operand_count(args) > 0)
        return error_set(err, ERROR_USAGE,
                         "--group takes its images from the manifest: leave \"%.64s\" out",
                         args_operands(args)[0]);
    return 0;
}

/* Docker's words. Nothing outlives the host's restart, so unless-stopped means always. */
static int read_restart(const struct args *args, struct run_options *out, struct error *err)
{
    static const char on_failure[] = "on-failure";
    const char *when = args_get(args, "restart");
    uint64_t most = 0;
    out->restart = POLICY_RESTART_NEVER;
    if (!when || strcmp(when, "no") == 0)
        return 0;
    if (args_has(args, "interactive") || args_has(args, "tty"))
        return error_set(err, ERROR_USAGE,
                         "--restart: what the container writes goes to its log alone, without "
                         "--interactive and --tty");
    out->restart = POLICY_RESTART_ALWAYS;
    if (strcmp(when, "always") == 0 || strcmp(when, "unless-stopped") == 0)
        return 0;
    out->restart = POLICY_RESTART_ON_FAILURE;
    const char *rest = when + strlen(on_failure);
    if (text_starts_with(when, on_failure) &&
        (*rest == '\0' || (*rest == ':' && text_to_u64(rest + 1, UINT32_MAX, &most)))) {
        out->restarts_max = (uint32_t)most;
        return 0;
    }
    return error_set(err, ERROR_USAGE,
                     "--restart is \"%.64s\"; no, on-failure, on-failure:MAX, always and "
                     "unless-stopped can be",
                     when);
}

int run_options_read(const struct args *args, struct run_options *out, struct error *err)
{
    *out = (struct run_options){0};
    if (check_group(args, err) < 0)
        return -1;
    if (args_operand_count(args) == 0 && !args_has(args, "group"))
        return error_set(err, ERROR_USAGE, "name an image");
    if (read_restart(args, out, err) < 0 || read_streams(args, out, err) < 0 ||
        read_size(args, out, err) < 0 || read_network(args, out, err) < 0 ||
        read_ports(args, out, err) < 0 || read_name(args, out->name, err) < 0 ||
        read_hostname(args, out, err) < 0 || read_pull(args, &out->pull, err) < 0 ||
        check_workload(args, err) < 0)
        return -1;
    for (size_t i = 0; i < out->port_count; i++) {
        if (port_rule_check_free(&out->ports[i], err) < 0)
            return -1;
    }
    return read_tee(args, &out->tee, err);
}
