/* From what the policy allowed to a program that is loaded: user, folder, streams, arguments. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "enclave/libos/calls/syscall.h"
#include "enclave/libos/files/streams.h"
#include "enclave/libos/gate/gate_parts.h"
#include "enclave/libos/processes/process.h"
#include "enclave/libos/program/facts.h"
#include "enclave/libos/program/memory.h"
#include "enclave/libos/system.h"
#include "policy/capabilities.h"

#define PATH_DEFAULT "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define WORDS_MAX    (UINT64_C(1) << 20)

static const char *text_of(int status)
{
    static const struct {
        int number;
        const char *text;
    } texts[] = {
        {ENOENT, "no such file or folder"},
        {EACCES, "permission denied"},
        {ENOTDIR, "not a folder"},
        {ENOEXEC, "no program for an enclave (the log says why)"},
        {E2BIG, "arguments and variables are too long"},
        {ENOMEM, "the enclave has no memory left"},
        {EIO, "a block of a layer is not what its root hash says"},
        {ELOOP, "too many links"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (texts[i].number == -status)
            return texts[i].text;
    }
    return "it cannot be opened";
}

static int cannot(const char *what, int status, struct error *err)
{
    return error_set(err, ERROR_SYSTEM, "cannot start the process: %.256s: %s (errno %d)", what,
                     text_of(status), -status);
}

/* What an enclave does not do for a process is refused, never left out. */
static int check(const struct spec *spec, struct error *err)
{
    bool limited = spec->limits.cpu || spec->limits.count;
    const struct {
        bool asked;
        const char *what;
    } all[] = {
        {spec->privileged, "privileges"},
        {spec->terminal, "terminal"},
        {spec->sysctls.count > 0, "kernel settings"},
        {limited, "limits of a container's time and processes"},
        {spec->attestation != NULL, "secrets and services (caisson_attestation)"},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (all[i].asked)
            return error_set(err, ERROR_UNAVAILABLE,
                             "cannot start the process: an enclave has no %s", all[i].what);
    }
    return 0;
}

static uint64_t bits_of(struct policy_list names)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < names.count; i++) {
        int number = policy_capability_number(names.items[i]);
        bits |= number >= 0 ? 1ULL << number : 0;
    }
    return bits;
}

static struct identity_ids all_of(uint32_t id)
{
    return (struct identity_ids){id, id, id, id};
}

/* As a kernel leaves them behind execve(2): all but root have the ambient ones alone. Root gets no
 * more by another execve(2) than the policy permits. */
static void become(struct container *all, const struct spec *spec)
{
    const struct policy_list *sets = spec->capabilities.sets;
    const struct user *user = spec->user;
    struct identity *identity = &process_first()->identity;
    bool is_root = user->user.id == 0;
    uint64_t bounding = bits_of(sets[POLICY_BOUNDING]);
    uint64_t kept = bits_of(sets[is_root ? POLICY_PERMITTED : POLICY_AMBIENT]) & bounding;
    *identity = (struct identity){
        .ids = {all_of(user->user.id), all_of(user->groups[0].id)},
        .group_count = user->group_count - 1,
        .sets = {kept, kept, bits_of(sets[POLICY_INHERITABLE]) & (is_root ? kept : bounding)},
        .bounding = is_root ? kept : bounding,
        .ambient = is_root ? 0 : kept};
    for (size_t i = 1; i < user->group_count; i++)
        identity->groups[i - 1] = user->groups[i].id;
    all->vfs->umask = (uint16_t)spec->umask;
    process_identify(process_first());
}

/* The folder is made where it is missing, as the utility VM does. */
static int enter_folder(struct vfs *vfs, const char *cwd, struct error *err)
{
    char path[PATH_MAX];
    if (!text_copy(path, sizeof path, cwd))
        return cannot(cwd, -ENAMETOOLONG, err);
    for (char *at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
        *at = '\0';
        (void)vfs_mkdir(vfs, AT_FDCWD, path, 0755);
        *at = '/';
    }
    (void)vfs_mkdir(vfs, AT_FDCWD, path, 0755);
    return 0;
}

static const char *variable(const struct spec *spec, const char *name)
{
    for (size_t i = 0; i < spec->env.count; i++) {
        if (text_starts_with(spec->env.items[i], name))
            return spec->env.items[i] + strlen(name);
    }
    return NULL;
}

/* Looks the program up in the container's PATH, as a shell would; else it is a path already. */
static int find_program(struct container *all, const struct spec *spec, char path[PATH_MAX],
                        struct error *err)
{
    const char *name = spec->args.items[0];
    const char *folders = variable(spec, "PATH=");
    if (strchr(name, '/'))
        return text_copy(path, PATH_MAX, name) ? 0 : cannot(name, -ENAMETOOLONG, err);
    for (const char *at = folders ? folders : PATH_DEFAULT; *name && at;) {
        const char *end = strchr(at, ':');
        int size = end ? (int)(end - at) : (int)strlen(at);
        int len = snprintf(path, PATH_MAX, "%.*s/%s", size, size > 0 ? at : ".", name);
        if (len > 0 && len < PATH_MAX && vfs_access(all->vfs, AT_FDCWD, path, 1, 0) == 0)
            return 0;
        at = end ? end + 1 : NULL;
    }
    return error_set(err, ERROR_SYSTEM,
                     "cannot start the process: %.256s is in no folder of the container's PATH",
                     name);
}

static int put(struct buf *words, const char *text, struct error *err)
{
    return buf_append(words, span_of(text, strlen(text) + 1), err);
}

static int put_all(struct buf *words, struct policy_list texts, struct error *err)
{
    for (size_t i = 0; i < texts.count; i++) {
        if (put(words, texts.items[i], err) < 0)
            return -1;
    }
    return 0;
}

/* What is named, or its interpreter, and a stack with the words. */
static int load_words(struct container *all, const struct program_words *words)
{
    const struct program_name name = {.at = AT_FDCWD, .path = words->texts};
    struct program_source source;
    struct program_image *image;
    program_source_init(&source, process_first());
    int status = program_open(&source, &name, words, &image);
    if (status < 0)
        return status;
    status = program_load(image, &all->program, &all->stack);
    if (status == 0) {
        program_facts_begin(&all->program, all->stack);
        told_begin(&process_first()->told, all->vfs, image->path, words->texts, told_size(words));
    }
    program_close(image);
    return status;
}

/* The path, the arguments and the environment. Programs expect HOME. */
static int load_program(struct container *all, const struct spec *spec, const char *path,
                        struct error *err)
{
    char home[sizeof "HOME=" + USER_HOME_SIZE];
    BUF_AUTO words = BUF_WITH_LIMIT(WORDS_MAX);
    bool has_home = variable(spec, "HOME=") != NULL;
    (void)snprintf(home, sizeof home, "HOME=%s", *spec->user->home ? spec->user->home : "/");
    if (put(&words, path, err) < 0 || put_all(&words, spec->args, err) < 0 ||
        put_all(&words, spec->env, err) < 0 || (!has_home && put(&words, home, err) < 0))
        return -1;
    const struct program_words all_words = {(const char *)words.data, words.size, spec->args.count,
                                            spec->env.count + (has_home ? 0 : 1)};
    int status = load_words(all, &all_words);
    return status < 0 ? cannot(path, status, err) : 0;
}

static int load(struct container *all, const struct spec *spec, struct error *err)
{
    char path[PATH_MAX];
    unsigned streams = 0;
    for (unsigned i = 0; i < 3; i++)
        streams |= all->standard[i] != 0 ? 1U << i : 0;
    int status = streams_open(all->vfs, streams);
    if (status < 0)
        return cannot("/dev/null", status, err);
    if (gate_mount_all(all, spec, err) < 0 || enter_folder(all->vfs, spec->cwd, err) < 0)
        return -1;
    if (spec->read_only_root)
        root_be_read_only(all->vfs);
    become(all, spec);
    status = vfs_chdir(all->vfs, spec->cwd);
    if (status < 0)
        return cannot(spec->cwd, status, err);
    if (find_program(all, spec, path, err) < 0)
        return -1;
    return load_program(all, spec, path, err);
}

int gate_start_program(void *argument, const struct spec *spec, uint64_t process,
                       const uint32_t standard[3], struct error *err)
{
    struct container *all = argument;
    struct rlimits limits;
    if (process != 0 || all->state != PROGRAM_ROOT)
        return error_set(err, ERROR_UNAVAILABLE, "an enclave starts one process");
    if (check(spec, err) < 0 || rlimits_parse(spec->rlimits, &limits, err) < 0)
        return -1;
    if (spec->limits.memory) {
        memory_bound(spec->limits.memory);
        root_bound(spec->limits.memory);
    }
    memcpy(all->standard, standard, sizeof all->standard);
    if (load(all, spec, err) < 0) {
        memset(all->standard, 0, sizeof all->standard);
        return -1;
    }
    limits_init(&process_first()->limits, limits.values[RLIMIT_NOFILE].rlim_cur,
                PROGRAM_STACK_SIZE);
    all->vfs->files.limit = limits_files(&process_first()->limits);
    system_set_hostname(spec->hostname);
    all->state = PROGRAM_LOADED;
    return 0;
}
