#include "vm/record.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/text.h"
#include "format/json.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/output.h"
#include "vm/launch.h"

#define RECORD_SIZE_MAX (1024 * 1024)
#define MACHINES_MAX    4096

static const char *const status_names[] = {
    [RECORD_CREATED] = "created",
    [RECORD_RUNNING] = "running",
    [RECORD_EXITED] = "exited",
};
_Static_assert(sizeof status_names / sizeof *status_names == RECORD_STATUS_COUNT,
               "a status without name");

const char *record_status_name(enum record_status status)
{
    return status_names[status];
}

void record_fini(struct record *record)
{
    free(record->image);
    free(record->command);
    free(record->failure);
    json_decref(record->containers);
    *record = (struct record){0};
}

bool record_name_is_good(const char *name)
{
    static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    static const char rest[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    size_t len = strlen(name);
    return len >= 1 && len <= RECORD_NAME_MAX && strchr(first, name[0]) &&
           strspn(name, rest) == len;
}

static char *root_path(void)
{
    const char *own = getenv("CAISSON_RUN");
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    if (own && *own)
        return text_format("%s", own);
    if (runtime && *runtime)
        return text_format("%s/caisson", runtime);
    if (geteuid() == 0)
        return text_format("/run/caisson");
    return text_format("/tmp/caisson-%u", (unsigned int)geteuid());
}

static int check_root(const char *path, struct error *err)
{
    struct stat status;
    if (lstat(path, &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == geteuid() &&
        (status.st_mode & 077) == 0)
        return 0;
    return error_set(err, ERROR_REFUSED,
                     "the folder %s must be this user's own with mode 0700; set CAISSON_RUN to "
                     "another",
                     path);
}

/* Absolute: the monitor works in another folder than its caller. */
int record_root(char **out, struct error *err)
{
    *out = root_path();
    if (!*out)
        return error_memory(err);
    if (dir_make_all(*out, 0700, err) == 0 && check_root(*out, err) == 0 &&
        dir_make_absolute(out, err) == 0)
        return 0;
    free(*out);
    *out = NULL;
    return -1;
}

int record_folder(const char *name, char **out, struct error *err)
{
    *out = NULL;
    if (!record_name_is_good(name))
        return error_set(err, ERROR_INVALID,
                         "\"%.80s\" is no name: 1 to %d of letters, digits, and _ . - are", name,
                         RECORD_NAME_MAX);
    char *root;
    if (record_root(&root, err) < 0)
        return -1;
    *out = text_format("%s/%s", root, name);
    free(root);
    return *out ? 0 : error_memory(err);
}

char *record_path(const char *folder, const char *leaf)
{
    return text_format("%s/%s", folder, leaf);
}

static json_t *ports_json(const struct record *record)
{
    json_t *ports = json_array();
    for (size_t i = 0; ports && i < record->port_count; i++) {
        char text[PORT_RULE_TEXT];
        port_rule_text(&record->ports[i], text);
        (void)json_array_append_new(ports, json_string(text));
    }
    return ports;
}

int record_append_json(const struct record *record, struct buf *out, struct error *err)
{
    char policy[2 * SHA256_SIZE + 1];
    hex_encode(span_of(record->policy_sha256, SHA256_SIZE), policy);
    json_auto_t *containers = record->containers ? json_incref(record->containers) : json_array();
    json_auto_t *json = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:I, s:I, s:I, s:i, s:i, s:s, s:b, s:b, s:s, s:o, "
        "s:b, s:O, s:s, s:I, s:i, s:b, s:b}",
        "name", record->name, "image", record->image, "command", record->command, "tee",
        vm_tee_name(record->tee), "status", status_names[record->status], "exit_code",
        (int)record->exit_code, "monitor", (int)record->monitor, "created",
        (json_int_t)record->created, "started", (json_int_t)record->started, "finished",
        (json_int_t)record->finished, "memory_mib", (int)record->memory_mib, "vcpus",
        (int)record->vcpus, "policy_sha256", policy, "auto_remove", record->auto_remove, "kvm",
        record->kvm, "failure", record->failure ? record->failure : "", "ports", ports_json(record),
        "ready", record->ready, "containers", containers, "scratch",
        record->scratch_size ? "disk" : "memory", "scratch_bytes", (json_int_t)record->scratch_size,
        "grace", (int)record->grace_s, "paused", record->paused && record->status == RECORD_RUNNING,
        "simulated", launch_kind(record->tee)->is_simulated);
    if (!json)
        return error_memory(err);
    return json_append_pretty(json, out, err);
}

int record_write(const char *folder, const struct record *record, struct error *err)
{
    TEXT_AUTO path = record_path(folder, "record.json");
    BUF_AUTO text = BUF_WITH_LIMIT(RECORD_SIZE_MAX);
    if (!path)
        return error_memory(err);
    if (record_append_json(record, &text, err) < 0)
        return -1;
    /* What runs does not outlive a power cut; so the start need not wait for the disk. */
    return record->status == RECORD_EXITED ? output_write(path, buf_span(&text), 0600, err)
                                           : output_write_passing(path, buf_span(&text), 0600, err);
}

static bool status_by_name(const char *name, enum record_status *out)
{
    for (size_t i = 0; i < RECORD_STATUS_COUNT; i++) {
        if (strcmp(name, status_names[i]) != 0)
            continue;
        *out = (enum record_status)i;
        return true;
    }
    return false;
}

static int read_words(const json_t *json, struct record *out, struct error *err)
{
    const char *name;
    const char *image;
    const char *command;
    const char *tee;
    const char *status;
    const char *policy;
    const char *failure;
    if (json_get_text(json, "name", &name, err) < 0 ||
        json_get_text(json, "image", &image, err) < 0 ||
        json_get_text(json, "command", &command, err) < 0 ||
        json_get_text(json, "tee", &tee, err) < 0 ||
        json_get_text(json, "status", &status, err) < 0 ||
        json_get_text(json, "policy_sha256", &policy, err) < 0 ||
        json_get_text(json, "failure", &failure, err) < 0)
        return -1;
    if (!status_by_name(status, &out->status))
        return error_set(err, ERROR_INVALID, "the status \"%.32s\" is none", status);
    if (!record_name_is_good(name) || !text_copy(out->name, sizeof out->name, name) ||
        !vm_tee_by_name(tee, &out->tee) ||
        !hex_decode(span_of_text(policy), out->policy_sha256, SHA256_SIZE))
        return error_set(err, ERROR_INVALID, "a name, TEE or digest is none");
    out->image = text_format("%s", image);
    out->command = text_format("%s", command);
    out->failure = text_format("%s", failure);
    return out->image && out->command && out->failure ? 0 : error_memory(err);
}

static int read_numbers(const json_t *json, struct record *out, struct error *err)
{
    uint64_t monitor;
    uint64_t code;
    uint64_t memory;
    uint64_t vcpus;
    uint64_t grace;
    if (json_get_u64(json, "monitor", INT32_MAX, &monitor, err) < 0 ||
        json_get_u64(json, "exit_code", 255, &code, err) < 0 ||
        json_get_u64(json, "memory_mib", QEMU_MEMORY_MAX, &memory, err) < 0 ||
        json_get_u64(json, "vcpus", QEMU_VCPUS_MAX, &vcpus, err) < 0 ||
        json_get_u64(json, "grace", RECORD_GRACE_MAX_S, &grace, err) < 0 ||
        json_get_u64(json, "scratch_bytes", INT64_MAX, &out->scratch_size, err) < 0 ||
        json_get_i64(json, "created", &out->created, err) < 0 ||
        json_get_i64(json, "started", &out->started, err) < 0 ||
        json_get_i64(json, "finished", &out->finished, err) < 0 ||
        json_get_bool(json, "auto_remove", &out->auto_remove, err) < 0 ||
        json_get_bool(json, "kvm", &out->kvm, err) < 0)
        return -1;
    out->monitor = (int32_t)monitor;
    out->exit_code = (uint32_t)code;
    out->memory_mib = (uint32_t)memory;
    out->vcpus = (uint32_t)vcpus;
    out->grace_s = (uint32_t)grace;
    return 0;
}

static int read_containers(const json_t *json, struct record *out, struct error *err)
{
    json_t *containers = NULL;
    if (json_find_bool(json, "paused", &out->paused, err) < 0 ||
        json_find_bool(json, "ready", &out->ready, err) < 0 ||
        json_find_array(json, "containers", &containers, err) < 0)
        return -1;
    out->containers = containers ? json_incref(containers) : json_array();
    return out->containers ? 0 : error_memory(err);
}

static int read_ports(const json_t *json, struct record *out, struct error *err)
{
    json_t *ports;
    if (json_get_array(json, "ports", &ports, err) < 0)
        return -1;
    if (json_array_size(ports) > PORTS_MAX)
        return error_set(err, ERROR_LIMIT, "more than %d ports", PORTS_MAX);
    for (size_t i = 0; i < json_array_size(ports); i++) {
        const char *text;
        if (json_text_at(ports, i, "ports", &text, err) < 0 ||
            port_rule_parse(text, &out->ports[i], err) < 0)
            return -1;
        out->port_count++;
    }
    return 0;
}

/* Whether the monitor holds its lock. Looking must not make the file, nor be in the way of others
 * who look: so the lock that is tried is a shared one. */
static bool is_locked(const char *path)
{
    FD_AUTO fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

/* A monitor that was killed could not say so: its lock is free. */
static void notice_dead_monitor(const char *folder, struct record *record)
{
    TEXT_AUTO path = record_path(folder, "lock");
    if (record->status == RECORD_EXITED || !path || is_locked(path))
        return;
    record->status = RECORD_EXITED;
    record->exit_code = 137;
    free(record->failure);
    record->failure = text_format("its monitor was killed");
}

int record_read(const char *name, struct record *out, struct error *err)
{
    *out = (struct record){0};
    char *folder;
    if (record_folder(name, &folder, err) < 0)
        return -1;
    TEXT_AUTO owned = folder;
    TEXT_AUTO path = record_path(owned, "record.json");
    BUF_AUTO text = BUF_WITH_LIMIT(RECORD_SIZE_MAX);
    static const struct json_limits limits = {RECORD_SIZE_MAX, 4};
    if (!path)
        return error_memory(err);
    if (file_read(path, &text, err) < 0) {
        if (err && err->code == ERROR_NOT_FOUND)
            (void)error_set(err, ERROR_NOT_FOUND, "no machine is called %s; see: caisson ps -a",
                            name);
        return -1;
    }
    json_auto_t *json = json_parse_object(buf_span(&text), &limits, err);
    if (!json || read_words(json, out, err) < 0 || read_numbers(json, out, err) < 0 ||
        read_ports(json, out, err) < 0 || read_containers(json, out, err) < 0) {
        record_fini(out);
        return error_context(err, "%s", path);
    }
    notice_dead_monitor(owned, out);
    return 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void record_names_free(char **names)
{
    for (size_t i = 0; names && names[i]; i++)
        free(names[i]);
    free(names);
}

int record_names(char ***out, struct error *err)
{
    char *root;
    *out = calloc(MACHINES_MAX + 1, sizeof **out);
    if (!*out)
        return error_memory(err);
    if (record_root(&root, err) < 0)
        return -1;
    DIR *folder = opendir(root);
    if (!folder)
        (void)error_system(err, errno, "cannot read %s", root);
    free(root);
    if (!folder)
        return -1;
    size_t count = 0;
    for (struct dirent *entry; (entry = readdir(folder)) && count < MACHINES_MAX;) {
        if (record_name_is_good(entry->d_name) && ((*out)[count] = strdup(entry->d_name)))
            count++;
    }
    (void)closedir(folder);
    qsort(*out, count, sizeof **out, compare_names);
    return 0;
}

/* Removes all files in the machine's folder, whatever a monitor that was killed has left there. The
 * lock goes last: until then the name is not free. */
static int empty_folder(const char *path, struct error *err)
{
    DIR *folder = opendir(path);
    if (!folder)
        return error_system(err, errno, "cannot read %s", path);
    int status = 0;
    for (struct dirent *entry; status == 0 && (entry = readdir(folder));) {
        bool stays = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
                     strcmp(entry->d_name, "lock") == 0;
        if (!stays && unlinkat(dirfd(folder), entry->d_name, 0) < 0)
            status = error_system(err, errno, "cannot remove %s/%s", path, entry->d_name);
    }
    if (status == 0 && unlinkat(dirfd(folder), "lock", 0) < 0)
        status = error_system(err, errno, "cannot remove %s/lock", path);
    (void)closedir(folder);
    return status;
}

int record_remove(const char *name, struct error *err)
{
    char *folder;
    if (record_folder(name, &folder, err) < 0)
        return -1;
    TEXT_AUTO owned = folder;
    TEXT_AUTO lock_path = record_path(owned, "lock");
    struct stat status;
    if (!lock_path)
        return error_memory(err);
    if (stat(owned, &status) < 0)
        return error_set(err, ERROR_NOT_FOUND, "no machine is called %s; see: caisson ps -a", name);
    FD_AUTO lock = file_lock(lock_path, false, err);
    if (lock < 0 && err && err->code == ERROR_REFUSED)
        return error_set(err, ERROR_REFUSED, "%s runs; stop it first, or say rm -f", name);
    if (lock < 0)
        return -1;
    if (empty_folder(owned, err) < 0)
        return -1;
    if (rmdir(owned) < 0)
        return error_system(err, errno, "cannot remove %s", owned);
    return 0;
}
