/* What the container's first process and further ones have in common: a user, a program in the
 * container's PATH, and the words that it begins with. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "enclave/libos/gate/gate_parts.h"
#include "enclave/libos/processes/process.h"
#include "policy/capabilities.h"

#define PATH_DEFAULT "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

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
        {EIO, "a block of a layer is not what its root hash says, or the host answers wrongly"},
        {ELOOP, "too many links"},
        {ESRCH, "the container has ended"},
        {EAGAIN, "the enclave has no room for one more process"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (texts[i].number == -status)
            return texts[i].text;
    }
    return "it cannot be opened";
}

int gate_cannot(const char *what, int status, struct error *err)
{
    return error_set(err, ERROR_SYSTEM, "cannot start the process: %.256s: %s (errno %d)", what,
                     text_of(status), -status);
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
void gate_become(struct process *process, const struct spec *spec)
{
    const struct policy_list *sets = spec->capabilities.sets;
    const struct user *user = spec->user;
    struct identity *identity = &process->identity;
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
    process->vfs.umask = (uint16_t)spec->umask;
    process_identify(process);
}

/* The place of a variable, which is env.count for none. */
static size_t find_variable(const struct spec *spec, const char *name)
{
    size_t i = 0;
    while (i < spec->env.count && !text_starts_with(spec->env.items[i], name))
        i++;
    return i;
}

int gate_find_program(struct vfs *vfs, const struct spec *spec, char path[PATH_MAX],
                      struct error *err)
{
    const char *name = spec->args.items[0];
    size_t place = find_variable(spec, "PATH=");
    const char *folders = place < spec->env.count ? spec->env.items[place] + strlen("PATH=") : NULL;
    if (strchr(name, '/'))
        return text_copy(path, PATH_MAX, name) ? 0 : gate_cannot(name, -ENAMETOOLONG, err);
    for (const char *at = folders ? folders : PATH_DEFAULT; *name && at;) {
        const char *end = strchr(at, ':');
        int size = end ? (int)(end - at) : (int)strlen(at);
        int len = snprintf(path, PATH_MAX, "%.*s/%s", size, size > 0 ? at : ".", name);
        if (len > 0 && len < PATH_MAX && vfs_access(vfs, AT_FDCWD, path, 1, 0) == 0)
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

/* Programs expect HOME. */
int gate_put_words(const struct spec *spec, const char *path, struct buf *texts,
                   struct program_words *out, struct error *err)
{
    char home[sizeof "HOME=" + USER_HOME_SIZE];
    bool has_home = find_variable(spec, "HOME=") < spec->env.count;
    (void)snprintf(home, sizeof home, "HOME=%s", *spec->user->home ? spec->user->home : "/");
    if (put(texts, path, err) < 0 || put_all(texts, spec->args, err) < 0 ||
        put_all(texts, spec->env, err) < 0 || (!has_home && put(texts, home, err) < 0))
        return -1;
    *out = (struct program_words){(const char *)texts->data, texts->size, spec->args.count,
                                  spec->env.count + (has_home ? 0 : 1)};
    return 0;
}
