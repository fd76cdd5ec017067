#include "guest/request.h"

#include <arpa/inet.h>
#include <assert.h>

#include "base/hex.h"
#include "base/text.h"
#include "format/channel.h"
#include "format/seccomp.h"
#include "guest/fragment.h"
#include "policy/list.h"

#define DEPTH_MAX        8
#define CAPABILITIES_MAX 64 /* of one set */

/* --- texts of a form -------------------------------------------------------------------------- */

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS  "0123456789"

static bool is_in(const char *text, const char *allowed)
{
    return text[strspn(text, allowed)] == '\0';
}

static int read_container_id(struct decoder *decoder, const struct value *value,
                             const struct field *field, void *out)
{
    if (field_text(decoder, value, field, out) < 0)
        return -1;
    size_t size = strlen(value->text);
    if (size == 0 || size > REQUEST_CONTAINER_MAX || strchr(".-", *value->text) ||
        !is_in(value->text, LETTERS DIGITS "_.-"))
        return error_set(decoder->err, ERROR_INVALID,
                         "key \"id\": a container's id is 1 to %d of [a-zA-Z0-9_.-], not starting "
                         "with a dot or a dash",
                         REQUEST_CONTAINER_MAX);
    return 0;
}

static int read_hostname(struct decoder *decoder, const struct value *value,
                         const struct field *field, void *out)
{
    if (field_text(decoder, value, field, out) < 0)
        return -1;
    if (strlen(value->text) > REQUEST_HOSTNAME_MAX || !is_in(value->text, LETTERS DIGITS "_.-"))
        return error_set(decoder->err, ERROR_INVALID,
                         "key \"hostname\": at most %d of [a-zA-Z0-9_.-]", REQUEST_HOSTNAME_MAX);
    return 0;
}

static int read_root_hash(struct decoder *decoder, const struct value *value,
                          const struct field *field, void *out)
{
    if (field_text(decoder, value, field, out) < 0)
        return -1;
    return strlen(value->text) == 64 && is_in(value->text, DIGITS "abcdef")
               ? 0
               : error_set(decoder->err, ERROR_INVALID,
                           "key \"root_hash\": not 64 lower-case hex digits");
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

static int read_target(struct decoder *decoder, const struct value *value,
                       const struct field *field, void *out)
{
    return field_text(decoder, value, field, out) < 0 ? -1
                                                      : check_target(value->text, decoder->err);
}

/* An address that a host can have: none of this host's own (127/8, 0/8), of groups, or of all. The
 * loopback is what the containers trust to be theirs. */
static bool is_of_a_host(struct in_addr address)
{
    uint32_t first = ntohl(address.s_addr) >> 24;
    return first != 0 && first != 127 && first < 224;
}

static int read_address(struct decoder *decoder, const struct value *value,
                        const struct field *field, void *out)
{
    struct in_addr *address = field_at(field, out);
    if (value->kind != VALUE_TEXT)
        return field_refuse(decoder, value, "a string");
    return inet_pton(AF_INET, value->text, address) == 1 && is_of_a_host(*address)
               ? 0
               : error_set(decoder->err, ERROR_INVALID,
                           "key \"%s\": \"%.64s\" is no IPv4 address of a host", field->key,
                           value->text);
}

static int read_addresses(struct decoder *decoder, const struct value *value,
                          const struct field *field, void *out)
{
    struct request_addresses *addresses = field_at(field, out);
    struct policy_list list;
    if (policy_list_read(decoder, value, &(struct field){.key = field->key, .max = field->max},
                         &list) < 0)
        return -1;
    for (; addresses->count < list.count; addresses->count++) {
        const char *text = list.items[addresses->count];
        if (inet_pton(AF_INET, text, &addresses->items[addresses->count]) != 1)
            return error_set(decoder->err, ERROR_INVALID,
                             "key \"%s\": \"%.64s\" is no IPv4 address", field->key, text);
    }
    return 0;
}

static int read_nonce(struct decoder *decoder, const struct value *value, const struct field *field,
                      void *out)
{
    struct request_attest *attest = out;
    const char *text;
    if (field_text(decoder, value, field, &text) < 0)
        return -1;
    attest->nonce_size = strlen(text) / 2;
    if (*text == '\0' || attest->nonce_size > REQUEST_NONCE_MAX ||
        !hex_decode(span_of_text(text), attest->nonce, attest->nonce_size))
        return error_set(decoder->err, ERROR_INVALID, "key \"nonce\": not 1 to %d bytes in hex",
                         REQUEST_NONCE_MAX);
    return 0;
}

/* --- processes -------------------------------------------------------------------------------- */

static const struct field mount_fields[] = {
    {"destination", field_text, offsetof(struct policy_mount, destination)},
    {"type", field_text, offsetof(struct policy_mount, type)},
    {"source", field_text, offsetof(struct policy_mount, source)},
    {"options", policy_list_read, offsetof(struct policy_mount, options), .max = 64},
    {0}};

static int read_mount(struct decoder *decoder, const struct value *value, void *row)
{
    return fields_read(decoder, value, mount_fields, row);
}

/* Each limit may be left out. */
static const struct field limit_fields[] = {
    {"memory", field_u64, offsetof(struct spec_limits, memory), .max = REQUEST_MEMORY_MAX,
     .optional = true},
    {"cpu", field_uint, offsetof(struct spec_limits, cpu), .max = REQUEST_CPU_MAX,
     .optional = true},
    {"count", field_uint, offsetof(struct spec_limits, count), .max = REQUEST_COUNT_MAX,
     .optional = true},
    {0}};

static int read_limits(struct decoder *decoder, const struct value *value,
                       const struct field *field, void *out)
{
    return fields_read(decoder, value, limit_fields, field_at(field, out)) < 0
               ? error_context(decoder->err, "limits")
               : 0;
}

static int read_seccomp(struct decoder *decoder, const struct value *value,
                        const struct field *field, void *out)
{
    struct request_process *process = out;
    BUF_AUTO written = BUF_WITH_LIMIT(SECCOMP_PROFILE_MAX);
    uint8_t digest[SHA256_SIZE];
    (void)field;
    if (value->kind != VALUE_OBJECT)
        return field_refuse(decoder, value, "an object");
    if (seccomp_write(value, &written, decoder->err) < 0)
        return error_context(decoder->err, "seccomp");
    sha256_digest(buf_span(&written), digest);
    hex_encode(span_of(digest, sizeof digest), process->seccomp_sha256);
    process->seccomp = value;
    return 0;
}

static int check_standard(const struct request_process *process, struct error *err)
{
    static const char *const keys[] = {"stdin", "stdout", "stderr"};
    for (size_t i = 1; i < 3; i++) {
        for (size_t k = 0; k < i; k++) {
            if (process->standard[i] != 0 && process->standard[i] == process->standard[k])
                return error_set(err, ERROR_INVALID, "%s and %s are one stream", keys[k], keys[i]);
        }
    }
    if (process->terminal && process->standard[2] != 0)
        return error_set(err, ERROR_INVALID, "a terminal's stderr must be 0");
    if (process->terminal && (process->rows == 0 || process->columns == 0))
        return error_set(err, ERROR_INVALID,
                         "keys \"rows\" and \"columns\": 0 is no terminal's size");
    return 0;
}

static int check_process(const union request_args *args, struct error *err)
{
    const struct request_process *process = &args->process;
    if (process->args.count == 0)
        return error_set(err, ERROR_INVALID, "key \"args\": a process needs a program");
    for (size_t i = 0; i < process->env.count; i++) {
        if (!strchr(process->env.items[i], '=') || process->env.items[i][0] == '=')
            return error_set(err, ERROR_INVALID, "key \"env\": element %zu is not NAME=value", i);
    }
    if (process->cwd[0] != '/')
        return error_set(err, ERROR_INVALID, "key \"cwd\": not an absolute path");
    for (size_t i = 0; i < POLICY_CAPABILITY_SETS; i++) {
        if (process->capabilities.sets[i].count > CAPABILITIES_MAX)
            return error_set(err, ERROR_LIMIT, "capabilities: more than %d in a set",
                             CAPABILITIES_MAX);
    }
    return check_standard(process, err);
}

static int check_overlay(const union request_args *args, struct error *err)
{
    struct policy_list layers = args->mount_overlay.layers;
    if (layers.count == 0)
        return error_set(err, ERROR_INVALID, "key \"layers\": a container needs a layer");
    for (size_t i = 0; i < layers.count; i++) {
        if (check_target(layers.items[i], err) < 0)
            return -1;
    }
    return 0;
}

/* --- operations ------------------------------------------------------------------------------- */

#define NUMBER(type, member, least, most)                                                          \
    {                                                                                              \
#member, field_uint, offsetof(type, member), .min = (least), .max = (most)                 \
    }
#define FLAG(member)                                                                               \
    {                                                                                              \
#member, field_bool, offsetof(struct request_process, member)                              \
    }
#define TEXT(member)                                                                               \
    {                                                                                              \
#member, field_text, offsetof(struct request_process, member)                              \
    }
#define LIST(type, member, most)                                                                   \
    {                                                                                              \
#member, policy_list_read, offsetof(type, member), .max = (most)                           \
    }
#define STREAM(name, number)                                                                       \
    {                                                                                              \
        name, field_uint, offsetof(struct request_process, standard[number]), .max = UINT32_MAX    \
    }
#define ID(type)                                                                                   \
    {                                                                                              \
        "id", read_container_id, offsetof(type, id)                                                \
    }
#define PROCESS(type)                                                                              \
    {                                                                                              \
        "process", field_u64, offsetof(type, process), .max = REQUEST_ID_MAX, .optional = true     \
    }

static const struct field no_fields[] = {{0}};

static const struct field policy_fields[] = {
    NUMBER(struct request_upload, stream, 1, UINT32_MAX),
    {"size", field_u64, offsetof(struct request_upload, size), .max = POLICY_SIZE_MAX},
    {0}};

static const struct field fragment_fields[] = {
    NUMBER(struct request_upload, stream, 1, UINT32_MAX),
    {"size", field_u64, offsetof(struct request_upload, size), .max = FRAGMENT_COSE_MAX},
    {0}};

static const struct field network_fields[] = {
    {"address", read_address, offsetof(struct request_set_network, address)},
    NUMBER(struct request_set_network, prefix, 1, 32),
    {"gateway", read_address, offsetof(struct request_set_network, gateway)},
    {"dns", read_addresses, offsetof(struct request_set_network, dns), .max = REQUEST_DNS_MAX},
    {"services", read_addresses, offsetof(struct request_set_network, services), true,
     .max = REQUEST_DNS_MAX},
    {"hostname", read_hostname, offsetof(struct request_set_network, hostname)},
    {0}};

static const struct field device_fields[] = {
    NUMBER(struct request_mount_device, lun, 0, 255),
    {"root_hash", read_root_hash, offsetof(struct request_mount_device, root_hash)},
    {"target", read_target, offsetof(struct request_mount_device, target)},
    {0}};

static const struct field scratch_fields[] = {NUMBER(struct request_scratch_mount, lun, 0, 255),
                                              {0}};

static const struct field overlay_fields[] = {
    ID(struct request_mount_overlay),
    LIST(struct request_mount_overlay, layers, REQUEST_LAYERS_MAX),
    {0}};

/* What a process is called with. */
#define PROCESS_FIELDS                                                                             \
    ID(struct request_process), LIST(struct request_process, args, REQUEST_LIST_MAX),              \
        LIST(struct request_process, env, REQUEST_LIST_MAX), TEXT(cwd), TEXT(user),                \
        {"groups", policy_list_read, offsetof(struct request_process, groups),                     \
         .max = USER_GROUPS_MAX, .optional = true},                                                \
        NUMBER(struct request_process, umask, 0, 0777),                                            \
        {"capabilities", policy_capabilities_read,                                                 \
         offsetof(struct request_process, capabilities)},                                          \
        FLAG(no_new_privileges), FLAG(terminal), NUMBER(struct request_process, rows, 0, 65535),   \
        NUMBER(struct request_process, columns, 0, 65535), STREAM("stdin", 0),                     \
        STREAM("stdout", 1), STREAM("stderr", 2)

/* Where what may be absent is, there is no profile, and limits and settings are the guest's own. */
static const struct field create_fields[] = {
    PROCESS_FIELDS,
    FLAG(privileged),
    FLAG(read_only_root),
    {"mounts", field_rows,
     FIELD_ROWS(struct request_process, mounts, mount_count, read_mount, struct policy_mount),
     .max = REQUEST_MOUNTS_MAX},
    {"hostname", read_hostname, offsetof(struct request_process, hostname)},
    {"limits", read_limits, offsetof(struct request_process, limits), .optional = true},
    {"seccomp", read_seccomp, .optional = true},
    {"rlimits", policy_list_read, offsetof(struct request_process, rlimits), true,
     .max = POLICY_SETTINGS_MAX},
    {"sysctls", policy_list_read, offsetof(struct request_process, sysctls), true,
     .max = POLICY_SETTINGS_MAX},
    {0}};

static const struct field exec_fields[] = {PROCESS_FIELDS, {0}};

static const struct field signal_fields[] = {ID(struct request_signal),
                                             PROCESS(struct request_signal),
                                             NUMBER(struct request_signal, signal, 1, 64),
                                             {0}};

static const struct field resize_fields[] = {ID(struct request_resize),
                                             PROCESS(struct request_resize),
                                             NUMBER(struct request_resize, rows, 1, 65535),
                                             NUMBER(struct request_resize, columns, 1, 65535),
                                             {0}};

static const struct field id_fields[] = {
    {"id", read_container_id, offsetof(struct request_object, name)}, {0}};

static const struct field target_fields[] = {
    {"target", read_target, offsetof(struct request_object, name)}, {0}};

static const struct field attest_fields[] = {{"nonce", read_nonce}, {0}};

static const struct field port_fields[] = {NUMBER(union request_args, port, 1, 65535), {0}};

/* An operation: its name, how its arguments are read, and what they must be together. */
static const struct operation {
    const char *name;
    const struct field *fields;
    int (*check)(const union request_args *args, struct error *err);
} operations[] = {
    [REQUEST_SET_POLICY] = {"set_policy", policy_fields},
    [REQUEST_LOAD_FRAGMENT] = {"load_fragment", fragment_fields},
    [REQUEST_SET_NETWORK] = {"set_network", network_fields},
    [REQUEST_MOUNT_DEVICE] = {"mount_device", device_fields},
    [REQUEST_SCRATCH_MOUNT] = {"scratch_mount", scratch_fields},
    [REQUEST_MOUNT_OVERLAY] = {"mount_overlay", overlay_fields, check_overlay},
    [REQUEST_CREATE_CONTAINER] = {"create_container", create_fields, check_process},
    [REQUEST_EXEC] = {"exec_in_container", exec_fields, check_process},
    [REQUEST_SIGNAL] = {"signal_container_process", signal_fields},
    [REQUEST_RESIZE] = {"resize_terminal", resize_fields},
    [REQUEST_SHUTDOWN] = {"shutdown_container", id_fields},
    [REQUEST_UNMOUNT_OVERLAY] = {"unmount_overlay", id_fields},
    [REQUEST_UNMOUNT_DEVICE] = {"unmount_device", target_fields},
    [REQUEST_PAUSE] = {"pause", no_fields},
    [REQUEST_UNPAUSE] = {"unpause", no_fields},
    [REQUEST_ATTEST] = {"attest", attest_fields},
    [REQUEST_STATISTICS] = {"get_statistics", no_fields},
    [REQUEST_PROBE_PORT] = {"probe_port", port_fields},
    [REQUEST_USAGE] = {"get_usage", id_fields},
    [REQUEST_PROCESSES] = {"list_processes", id_fields},
    [REQUEST_POWER_OFF] = {"power_off", no_fields},
};

#define OPERATION_COUNT (sizeof operations / sizeof operations[0])
static_assert(OPERATION_COUNT == REQUEST_POINT, "an entry for each operation");

/* --- messages --------------------------------------------------------------------------------- */

static int read_operation(struct decoder *decoder, const struct value *value,
                          const struct field *field, void *out)
{
    struct request *request = out;
    const char *name;
    if (field_text(decoder, value, field, &name) < 0)
        return -1;
    size_t i = 0;
    while (i < OPERATION_COUNT && strcmp(name, operations[i].name) != 0)
        i++;
    request->op = (enum request_op)i;
    return i < OPERATION_COUNT || policy_point_of_name(name, &request->point)
               ? 0
               : error_set(decoder->err, ERROR_INVALID, "key \"op\": \"%.64s\" is unknown", name);
}

/* Those of a point of the policy are passed over, since it is denied. */
static int read_args(struct decoder *decoder, const struct value *value, const struct field *field,
                     void *out)
{
    struct request *request = out;
    (void)field;
    if (value->kind != VALUE_OBJECT)
        return field_refuse(decoder, value, "an object");
    if (request->op == REQUEST_POINT)
        return 0;
    const struct operation *operation = &operations[request->op];
    if (fields_read(decoder, value, operation->fields, &request->args) < 0)
        return -1;
    return operation->check ? operation->check(&request->args, decoder->err) : 0;
}

static const struct field message_fields[] = {
    {"id", field_u64, offsetof(struct request, id), .min = 1, .max = REQUEST_ID_MAX},
    {"op", read_operation},
    {"args", read_args},
    {0}};

int request_parse(struct span message, struct request *out, struct error *err)
{
    struct value document;
    struct decoder decoder = {.arena = &out->memory, .err = err};
    *out = (struct request){.op = REQUEST_POINT, .memory.limit = REQUEST_MEMORY_LIMIT};
    if (message.size > CHANNEL_PAYLOAD_MAX)
        return error_set(err, ERROR_LIMIT, "a message of %zu bytes", message.size);
    if (value_read_object(message, DEPTH_MAX, &out->memory, &document, err) < 0)
        return -1;
    /* First of all, since a refusal is answered by it. */
    const struct value *id = value_member(&document, "id");
    if (id && message_fields[0].read(&decoder, id, message_fields, out) < 0)
        return -1;
    return fields_read(&decoder, &document, message_fields, out);
}

void request_fini(struct request *request)
{
    arena_fini(&request->memory);
    *request = (struct request){0};
}
