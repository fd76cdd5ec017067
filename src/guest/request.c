#include "guest/request.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdlib.h>

#include "base/hex.h"
#include "base/text.h"
#include "format/channel.h"
#include "format/seccomp.h"
#include "guest/fragment.h"

#define DEPTH_MAX 8

/* --- values ----------------------------------------------------------------------------------- */

static int get_number(const json_t *args, const char *key, uint64_t min, uint64_t max,
                      unsigned int *out, struct error *err)
{
    uint64_t value;
    if (json_get_u64(args, key, max, &value, err) < 0)
        return -1;
    if (value < min)
        return error_set(err, ERROR_INVALID, "key \"%s\": %llu is less than %llu", key,
                         (unsigned long long)value, (unsigned long long)min);
    *out = (unsigned int)value;
    return 0;
}

static bool is_in(const char *text, const char *allowed)
{
    return text[strspn(text, allowed)] == '\0';
}

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS  "0123456789"

static int get_container_id(const json_t *args, const char **out, struct error *err)
{
    if (json_get_text(args, "id", out, err) < 0)
        return -1;
    size_t size = strlen(*out);
    if (size == 0 || size > REQUEST_CONTAINER_MAX || **out == '.' || **out == '-' ||
        !is_in(*out, LETTERS DIGITS "_.-"))
        return error_set(err, ERROR_INVALID,
                         "key \"id\": a container's id is 1 to %d of [a-zA-Z0-9_.-], not starting "
                         "with a dot or a dash",
                         REQUEST_CONTAINER_MAX);
    return 0;
}

static int get_hostname(const json_t *args, const char **out, struct error *err)
{
    if (json_get_text(args, "hostname", out, err) < 0)
        return -1;
    if (strlen(*out) > REQUEST_HOSTNAME_MAX || !is_in(*out, LETTERS DIGITS "_.-"))
        return error_set(err, ERROR_INVALID, "key \"hostname\": at most %d of [a-zA-Z0-9_.-]",
                         REQUEST_HOSTNAME_MAX);
    return 0;
}

/* A layer's place: /run/mounts/scsi/mN, N without leading zeros. */
static int check_target(const char *target, struct error *err)
{
    static const char prefix[] = "/run/mounts/scsi/m";
    uint64_t number;
    if (!text_starts_with(target, prefix) ||
        !text_to_u64(target + sizeof prefix - 1, 65535, &number))
        return error_set(err, ERROR_INVALID, "the target \"%.64s\" is not %sN", target, prefix);
    return 0;
}

/* An address that a host can have: none of this host's own (127/8, 0/8), of groups, or of all. The
 * loopback is what the containers trust to be theirs. */
static bool is_of_a_host(struct in_addr address)
{
    uint32_t first = ntohl(address.s_addr) >> 24;
    return first != 0 && first != 127 && first < 224;
}

static int get_address(const json_t *args, const char *key, struct in_addr *out, struct error *err)
{
    const char *text;
    if (json_get_text(args, key, &text, err) < 0)
        return -1;
    if (inet_pton(AF_INET, text, out) != 1 || !is_of_a_host(*out))
        return error_set(err, ERROR_INVALID, "key \"%s\": \"%.64s\" is no IPv4 address of a host",
                         key, text);
    return 0;
}

/* --- lists ------------------------------------------------------------------------------------ */

/* An array that lives as long as the request. */
static void *new_array(struct request *request, size_t count, size_t size, struct error *err)
{
    if (request->array_count == REQUEST_ARRAYS_MAX) {
        (void)error_set(err, ERROR_LIMIT, "more than %d lists in a request", REQUEST_ARRAYS_MAX);
        return NULL;
    }
    void *array = calloc(count ? count : 1, size);
    if (!array)
        (void)error_memory(err);
    else
        request->arrays[request->array_count++] = array;
    return array;
}

static int get_texts(struct request *request, const json_t *args, const char *key, size_t max,
                     struct policy_list *out, struct error *err)
{
    json_t *array;
    if (json_get_array(args, key, &array, err) < 0)
        return -1;
    size_t count = json_array_size(array);
    if (count > max)
        return error_set(err, ERROR_LIMIT, "key \"%s\": %zu elements; at most %zu", key, count,
                         max);
    const char **items = new_array(request, count, sizeof *items, err);
    if (!items)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (json_text_at(array, i, key, &items[i], err) < 0)
            return -1;
    }
    *out = (struct policy_list){.items = items, .count = count};
    return 0;
}

/* --- operations ------------------------------------------------------------------------------- */

static int parse_upload(struct request *request, const json_t *args, uint64_t max,
                        struct error *err)
{
    struct request_upload *out = &request->args.upload;
    if (get_number(args, "stream", 1, UINT32_MAX, &out->stream, err) < 0)
        return -1;
    return json_get_u64(args, "size", max, &out->size, err);
}

static int parse_set_policy(struct request *request, const json_t *args, struct error *err)
{
    return parse_upload(request, args, POLICY_SIZE_MAX, err);
}

static int parse_load_fragment(struct request *request, const json_t *args, struct error *err)
{
    return parse_upload(request, args, FRAGMENT_COSE_MAX, err);
}

static int parse_set_network(struct request *request, const json_t *args, struct error *err)
{
    struct request_set_network *out = &request->args.set_network;
    struct policy_list dns;
    if (get_address(args, "address", &out->address, err) < 0 ||
        get_number(args, "prefix", 1, 32, &out->prefix, err) < 0 ||
        get_address(args, "gateway", &out->gateway, err) < 0 ||
        get_texts(request, args, "dns", REQUEST_DNS_MAX, &dns, err) < 0)
        return -1;
    for (out->dns_count = 0; out->dns_count < dns.count; out->dns_count++) {
        if (inet_pton(AF_INET, dns.items[out->dns_count], &out->dns[out->dns_count]) != 1)
            return error_set(err, ERROR_INVALID, "key \"dns\": \"%.64s\" is no IPv4 address",
                             dns.items[out->dns_count]);
    }
    return get_hostname(args, &out->hostname, err);
}

static int parse_mount_device(struct request *request, const json_t *args, struct error *err)
{
    struct request_mount_device *out = &request->args.mount_device;
    if (get_number(args, "lun", 0, 255, &out->lun, err) < 0 ||
        json_get_text(args, "root_hash", &out->root_hash, err) < 0 ||
        json_get_text(args, "target", &out->target, err) < 0)
        return -1;
    if (strlen(out->root_hash) != 64 || !is_in(out->root_hash, DIGITS "abcdef"))
        return error_set(err, ERROR_INVALID, "key \"root_hash\": not 64 lower-case hex digits");
    return check_target(out->target, err);
}

static int parse_scratch_mount(struct request *request, const json_t *args, struct error *err)
{
    struct request_scratch_mount *out = &request->args.scratch_mount;
    if (get_number(args, "lun", 0, 255, &out->lun, err) < 0)
        return -1;
    return get_number(args, "parts_lun", 0, 255, &out->parts_lun, err);
}

static int parse_mount_overlay(struct request *request, const json_t *args, struct error *err)
{
    struct request_mount_overlay *out = &request->args.mount_overlay;
    if (get_container_id(args, &out->id, err) < 0 ||
        get_texts(request, args, "layers", REQUEST_LAYERS_MAX, &out->layers, err) < 0)
        return -1;
    if (out->layers.count == 0)
        return error_set(err, ERROR_INVALID, "key \"layers\": a container needs a layer");
    for (size_t i = 0; i < out->layers.count; i++) {
        if (check_target(out->layers.items[i], err) < 0)
            return -1;
    }
    return 0;
}

static int parse_capabilities(struct request *request, const json_t *args, struct error *err)
{
    static const char *const keys[] = {"bounding",  "effective", "inheritable",
                                       "permitted", "ambient",   NULL};
    static_assert(sizeof keys / sizeof keys[0] == POLICY_CAPABILITY_SETS + 1,
                  "a name for each set");
    json_t *object;
    if (json_get_object(args, "capabilities", &object, err) < 0 ||
        json_check_keys(object, keys, err) < 0)
        return -1;
    for (size_t i = 0; i < POLICY_CAPABILITY_SETS; i++) {
        if (get_texts(request, object, keys[i], 64, &request->args.process.capabilities.sets[i],
                      err) < 0)
            return error_context(err, "capabilities");
    }
    return 0;
}

static int parse_mount(struct request *request, json_t *object, struct policy_mount *out,
                       struct error *err)
{
    static const char *const keys[] = {"destination", "type", "source", "options", NULL};
    if (!json_is_object(object))
        return error_set(err, ERROR_INVALID, "expected an object, found %s", json_kind(object));
    if (json_check_keys(object, keys, err) < 0 ||
        json_get_text(object, "destination", &out->destination, err) < 0 ||
        json_get_text(object, "type", &out->type, err) < 0 ||
        json_get_text(object, "source", &out->source, err) < 0)
        return -1;
    return get_texts(request, object, "options", 64, &out->options, err);
}

static int parse_mounts(struct request *request, const json_t *args, struct error *err)
{
    struct request_process *out = &request->args.process;
    json_t *array;
    if (json_get_array(args, "mounts", &array, err) < 0)
        return -1;
    size_t count = json_array_size(array);
    if (count > REQUEST_MOUNTS_MAX)
        return error_set(err, ERROR_LIMIT, "key \"mounts\": %zu elements; at most %d", count,
                         REQUEST_MOUNTS_MAX);
    struct policy_mount *mounts = new_array(request, count, sizeof *mounts, err);
    if (!mounts)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (parse_mount(request, json_array_get(array, i), &mounts[i], err) < 0)
            return error_context(err, "mount %zu", i);
    }
    out->mounts = mounts;
    out->mount_count = count;
    return 0;
}

static int parse_flags(struct request_process *out, const json_t *args, struct error *err)
{
    const struct {
        const char *key;
        bool *value;
    } flags[] = {
        {"no_new_privileges", &out->no_new_privileges},
        {"privileged", &out->privileged},
        {"read_only_root", &out->read_only_root},
        {"terminal", &out->terminal},
    };
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if (json_get_bool(args, flags[i].key, flags[i].value, err) < 0)
            return -1;
    }
    return 0;
}

static int parse_standard(struct request_process *out, const json_t *args, struct error *err)
{
    static const char *const keys[] = {"stdin", "stdout", "stderr"};
    for (size_t i = 0; i < 3; i++) {
        if (get_number(args, keys[i], 0, UINT32_MAX, &out->standard[i], err) < 0)
            return -1;
        for (size_t k = 0; k < i; k++) {
            if (out->standard[i] != 0 && out->standard[i] == out->standard[k])
                return error_set(err, ERROR_INVALID, "%s and %s are one stream", keys[k], keys[i]);
        }
    }
    if (out->terminal && out->standard[2] != 0)
        return error_set(err, ERROR_INVALID, "a terminal's stderr must be 0");
    return 0;
}

/* What a process is called with. */
static int parse_process(struct request *request, const json_t *args, struct error *err)
{
    struct request_process *out = &request->args.process;
    if (get_texts(request, args, "args", REQUEST_LIST_MAX, &out->args, err) < 0 ||
        get_texts(request, args, "env", REQUEST_LIST_MAX, &out->env, err) < 0 ||
        json_get_text(args, "cwd", &out->cwd, err) < 0 ||
        json_get_text(args, "user", &out->user, err) < 0 ||
        (json_object_get(args, "groups") &&
         get_texts(request, args, "groups", USER_GROUPS_MAX, &out->groups, err) < 0) ||
        get_number(args, "umask", 0, 0777, &out->umask, err) < 0)
        return -1;
    if (out->args.count == 0)
        return error_set(err, ERROR_INVALID, "key \"args\": a process needs a program");
    for (size_t i = 0; i < out->env.count; i++) {
        if (!strchr(out->env.items[i], '=') || out->env.items[i][0] == '=')
            return error_set(err, ERROR_INVALID, "key \"env\": element %zu is not NAME=value", i);
    }
    if (out->cwd[0] != '/')
        return error_set(err, ERROR_INVALID, "key \"cwd\": not an absolute path");
    return 0;
}

static int parse_seccomp(struct request_process *out, const json_t *args, struct error *err)
{
    BUF_AUTO written = BUF_WITH_LIMIT(SECCOMP_PROFILE_MAX);
    uint8_t digest[SHA256_SIZE];
    json_t *profile;
    if (json_find_object(args, "seccomp", &profile, err) < 0)
        return -1;
    if (!profile)
        return 0;
    if (seccomp_write(profile, &written, err) < 0)
        return error_context(err, "seccomp");
    sha256_digest(buf_span(&written), digest);
    hex_encode(span_of(digest, sizeof digest), out->seccomp_sha256);
    out->seccomp = profile;
    return 0;
}

/* What may be absent: then there is no profile, and limits and settings are the guest's own. */
static int parse_confinement(struct request_process *out, const json_t *args, struct error *err)
{
    json_t *limits;
    json_t *sysctls;
    rlimits_init(&out->rlimits);
    if (parse_seccomp(out, args, err) < 0 || json_find_object(args, "rlimits", &limits, err) < 0 ||
        json_find_object(args, "sysctls", &sysctls, err) < 0)
        return -1;
    if (limits && rlimits_parse(limits, &out->rlimits, err) < 0)
        return error_context(err, "rlimits");
    if (sysctls && sysctls_parse(sysctls, &out->sysctls, err) < 0)
        return error_context(err, "sysctls");
    return 0;
}

/* Of a process with a terminal both are at least 1. */
static int parse_size(struct request_process *out, const json_t *args, struct error *err)
{
    if (get_number(args, "rows", out->terminal, 65535, &out->rows, err) < 0)
        return -1;
    return get_number(args, "columns", out->terminal, 65535, &out->columns, err);
}

/* Each limit may be left out, and so may all. */
static int parse_limits(struct spec_limits *out, const json_t *args, struct error *err)
{
    static const char *const keys[] = {"memory", "cpu", "count", NULL};
    json_t *object;
    uint64_t cpu = 0, count = 0;
    if (json_find_object(args, "limits", &object, err) < 0 || !object)
        return object || !json_object_get(args, "limits") ? 0 : -1;
    if (json_check_keys(object, keys, err) < 0 ||
        json_find_u64(object, "memory", REQUEST_MEMORY_MAX, &out->memory, err) < 0 ||
        json_find_u64(object, "cpu", REQUEST_CPU_MAX, &cpu, err) < 0 ||
        json_find_u64(object, "count", REQUEST_COUNT_MAX, &count, err) < 0)
        return error_context(err, "limits");
    out->cpu = (unsigned int)cpu;
    out->count = (unsigned int)count;
    return 0;
}

static int parse_create_container(struct request *request, const json_t *args, struct error *err)
{
    struct request_process *out = &request->args.process;
    if (get_container_id(args, &out->id, err) < 0 || parse_process(request, args, err) < 0 ||
        parse_capabilities(request, args, err) < 0 || parse_mounts(request, args, err) < 0 ||
        parse_flags(out, args, err) < 0 || get_hostname(args, &out->hostname, err) < 0 ||
        parse_size(out, args, err) < 0 || parse_limits(&out->limits, args, err) < 0 ||
        parse_confinement(out, args, err) < 0)
        return -1;
    return parse_standard(out, args, err);
}

static int parse_exec(struct request *request, const json_t *args, struct error *err)
{
    struct request_process *out = &request->args.process;
    if (get_container_id(args, &out->id, err) < 0 || parse_process(request, args, err) < 0 ||
        parse_capabilities(request, args, err) < 0 ||
        json_get_bool(args, "no_new_privileges", &out->no_new_privileges, err) < 0 ||
        json_get_bool(args, "terminal", &out->terminal, err) < 0 || parse_size(out, args, err) < 0)
        return -1;
    return parse_standard(out, args, err);
}

static int parse_signal(struct request *request, const json_t *args, struct error *err)
{
    struct request_signal *out = &request->args.signal;
    if (get_container_id(args, &out->id, err) < 0 ||
        json_find_u64(args, "process", REQUEST_ID_MAX, &out->process, err) < 0)
        return -1;
    return get_number(args, "signal", 1, 64, &out->signal, err);
}

static int parse_resize(struct request *request, const json_t *args, struct error *err)
{
    struct request_resize *out = &request->args.resize;
    if (get_container_id(args, &out->id, err) < 0 ||
        json_find_u64(args, "process", REQUEST_ID_MAX, &out->process, err) < 0 ||
        get_number(args, "rows", 1, 65535, &out->rows, err) < 0)
        return -1;
    return get_number(args, "columns", 1, 65535, &out->columns, err);
}

static int parse_container(struct request *request, const json_t *args, struct error *err)
{
    return get_container_id(args, &request->args.object.name, err);
}

static int parse_target(struct request *request, const json_t *args, struct error *err)
{
    if (json_get_text(args, "target", &request->args.object.name, err) < 0)
        return -1;
    return check_target(request->args.object.name, err);
}

static int parse_attest(struct request *request, const json_t *args, struct error *err)
{
    struct request_attest *out = &request->args.attest;
    const char *text;
    if (json_get_text(args, "nonce", &text, err) < 0)
        return -1;
    size_t size = strlen(text);
    out->nonce_size = size / 2;
    if (size == 0 || out->nonce_size > REQUEST_NONCE_MAX ||
        !hex_decode(span_of_text(text), out->nonce, out->nonce_size))
        return error_set(err, ERROR_INVALID, "key \"nonce\": not 1 to %d bytes in hex",
                         REQUEST_NONCE_MAX);
    return 0;
}

static int parse_port(struct request *request, const json_t *args, struct error *err)
{
    return get_number(args, "port", 1, 65535, &request->args.port, err);
}

static int parse_nothing(struct request *request, const json_t *args, struct error *err)
{
    (void)request;
    (void)args;
    (void)err;
    return 0;
}

/* An operation: its name, its keys, and how its values are read. */
struct operation {
    const char *name;
    const char *keys[24];
    int (*parse)(struct request *request, const json_t *args, struct error *err);
};

static const struct operation operations[] = {
    [REQUEST_SET_POLICY] = {"set_policy", {"stream", "size"}, parse_set_policy},
    [REQUEST_LOAD_FRAGMENT] = {"load_fragment", {"stream", "size"}, parse_load_fragment},
    [REQUEST_SET_NETWORK] = {"set_network",
                             {"address", "prefix", "gateway", "dns", "hostname"},
                             parse_set_network},
    [REQUEST_MOUNT_DEVICE] = {"mount_device", {"lun", "root_hash", "target"}, parse_mount_device},
    [REQUEST_SCRATCH_MOUNT] = {"scratch_mount", {"lun", "parts_lun"}, parse_scratch_mount},
    [REQUEST_MOUNT_OVERLAY] = {"mount_overlay", {"id", "layers"}, parse_mount_overlay},
    [REQUEST_CREATE_CONTAINER] =
        {"create_container",
         {"id",         "args",           "env",          "cwd",
          "user",       "umask",          "capabilities", "no_new_privileges",
          "privileged", "read_only_root", "mounts",       "hostname",
          "terminal",   "rows",           "columns",      "stdin",
          "stdout",     "stderr",         "limits",       "seccomp",
          "rlimits",    "sysctls",        "groups"},
         parse_create_container},
    [REQUEST_EXEC] = {"exec_in_container",
                      {"id", "args", "env", "cwd", "user", "umask", "capabilities",
                       "no_new_privileges", "terminal", "rows", "columns", "stdin", "stdout",
                       "stderr", "groups"},
                      parse_exec},
    [REQUEST_SIGNAL] = {"signal_container_process", {"id", "process", "signal"}, parse_signal},
    [REQUEST_RESIZE] = {"resize_terminal", {"id", "process", "rows", "columns"}, parse_resize},
    [REQUEST_SHUTDOWN] = {"shutdown_container", {"id"}, parse_container},
    [REQUEST_UNMOUNT_OVERLAY] = {"unmount_overlay", {"id"}, parse_container},
    [REQUEST_UNMOUNT_DEVICE] = {"unmount_device", {"target"}, parse_target},
    [REQUEST_PAUSE] = {"pause", {NULL}, parse_nothing},
    [REQUEST_UNPAUSE] = {"unpause", {NULL}, parse_nothing},
    [REQUEST_ATTEST] = {"attest", {"nonce"}, parse_attest},
    [REQUEST_STATISTICS] = {"get_statistics", {NULL}, parse_nothing},
    [REQUEST_PROBE_PORT] = {"probe_port", {"port"}, parse_port},
    [REQUEST_USAGE] = {"get_usage", {"id"}, parse_container},
    [REQUEST_PROCESSES] = {"list_processes", {"id"}, parse_container},
    [REQUEST_POWER_OFF] = {"power_off", {NULL}, parse_nothing},
};

#define OPERATION_COUNT (sizeof operations / sizeof operations[0])
static_assert(OPERATION_COUNT == REQUEST_POINT, "an entry for each operation");

/* --- messages --------------------------------------------------------------------------------- */

static int find_operation(struct request *request, const char *name, struct error *err)
{
    for (size_t i = 0; i < OPERATION_COUNT; i++) {
        if (strcmp(name, operations[i].name) == 0) {
            request->op = (enum request_op)i;
            return 0;
        }
    }
    request->op = REQUEST_POINT;
    if (policy_point_of_name(name, &request->point))
        return 0;
    return error_set(err, ERROR_INVALID, "key \"op\": \"%.64s\" is unknown", name);
}

static int parse_message(struct request *request, struct error *err)
{
    static const char *const keys[] = {"id", "op", "args", NULL};
    const char *name;
    json_t *args;
    uint64_t id;
    if (json_get_u64(request->document, "id", REQUEST_ID_MAX, &id, err) < 0)
        return -1;
    request->id = id;
    if (id == 0)
        return error_set(err, ERROR_INVALID, "key \"id\": 0 is no request's number");
    if (json_check_keys(request->document, keys, err) < 0 ||
        json_get_text(request->document, "op", &name, err) < 0 ||
        find_operation(request, name, err) < 0 ||
        json_get_object(request->document, "args", &args, err) < 0)
        return -1;
    if (request->op == REQUEST_POINT)
        return 0;
    const struct operation *operation = &operations[request->op];
    if (json_check_keys(args, operation->keys, err) < 0)
        return -1;
    return operation->parse(request, args, err);
}

int request_parse(struct span message, struct request *out, struct error *err)
{
    static const struct json_limits limits = {.size = CHANNEL_PAYLOAD_MAX, .depth = DEPTH_MAX};
    *out = (struct request){.op = REQUEST_POINT};
    out->document = json_parse_object(message, &limits, err);
    return out->document ? parse_message(out, err) : -1;
}

void request_fini(struct request *request)
{
    json_decref(request->document);
    for (size_t i = 0; i < request->array_count; i++)
        free(request->arrays[i]);
    *request = (struct request){0};
}
