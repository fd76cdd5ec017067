#include "guest/syscallfilter.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/text.h"
#include "os/fd.h"

#define CONDITIONS_MAX 6    /* arguments of a system call */
#define ERRNO_MAX      4095 /* the kernel's MAX_ERRNO */

struct word {
    const char *name;
    uint32_t value;
};

static const struct word actions[] = {
    {"SCMP_ACT_ALLOW", SCMP_ACT_ALLOW},
    {"SCMP_ACT_ERRNO", SCMP_ACT_ERRNO(0)},
    {"SCMP_ACT_KILL", SCMP_ACT_KILL_THREAD},
    {"SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS},
    {"SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD},
    {"SCMP_ACT_LOG", SCMP_ACT_LOG},
    {"SCMP_ACT_TRACE", SCMP_ACT_TRACE(0)},
    {"SCMP_ACT_TRAP", SCMP_ACT_TRAP},
    {0},
};

static const struct word operators[] = {
    {"SCMP_CMP_EQ", SCMP_CMP_EQ}, {"SCMP_CMP_GE", SCMP_CMP_GE},
    {"SCMP_CMP_GT", SCMP_CMP_GT}, {"SCMP_CMP_LE", SCMP_CMP_LE},
    {"SCMP_CMP_LT", SCMP_CMP_LT}, {"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ},
    {"SCMP_CMP_NE", SCMP_CMP_NE}, {0},
};

/* What this processor runs. The filter ends a process that calls by a convention which the profile
 * does not name; those of other processors are never met. */
static const struct word architectures[] = {
    {"SCMP_ARCH_X86_64", SCMP_ARCH_X86_64},
    {"SCMP_ARCH_X86", SCMP_ARCH_X86},
    {"SCMP_ARCH_X32", SCMP_ARCH_X32},
    {0},
};

/* All threads have it anyway: there is one. */
static const struct word flag_words[] = {
    {"SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG},
    {"SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW},
    {"SECCOMP_FILTER_FLAG_TSYNC", 0},
    {0},
};

static int value_of(const struct word *words, const char *name, uint32_t *value, struct error *err)
{
    for (; words->name; words++) {
        if (strcmp(words->name, name) == 0) {
            *value = words->value;
            return 0;
        }
    }
    return error_set(err, ERROR_INVALID, "\"%.64s\" is unknown here", name);
}

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static uint64_t number_of(const json_t *object, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(object, key));
}

/* An action with the error that it returns: EPERM where the profile names none. */
static int read_action(const json_t *object, const char *key, const char *errno_key,
                       uint32_t *action, struct error *err)
{
    uint64_t number = EPERM;
    const char *name = text_of(object, key);
    if (value_of(actions, name, action, err) < 0 ||
        json_find_u64(object, errno_key, ERRNO_MAX, &number, err) < 0)
        return -1;
    if (*action == SCMP_ACT_ERRNO(0) || *action == SCMP_ACT_TRACE(0))
        *action |= (uint32_t)number;
    else if (json_object_get(object, errno_key))
        return error_set(err, ERROR_INVALID, "key \"%s\": %s returns no error", errno_key, name);
    return 0;
}

/* The kernel's own order: of several filters' actions the least one, as a signed number, counts. */
static bool is_as_strict(uint32_t action, uint32_t than)
{
    return (int32_t)(action & SECCOMP_RET_ACTION_FULL) <= (int32_t)(than & SECCOMP_RET_ACTION_FULL);
}

static int read_conditions(const json_t *rule, struct scmp_arg_cmp conditions[CONDITIONS_MAX],
                           unsigned int *count, struct error *err)
{
    const json_t *array = json_object_get(rule, "args");
    size_t size = json_array_size(array);
    if (size > CONDITIONS_MAX)
        return error_set(err, ERROR_INVALID, "%zu conditions; a system call has %d arguments", size,
                         CONDITIONS_MAX);
    for (size_t i = 0; i < size; i++) {
        const json_t *object = json_array_get(array, i);
        uint64_t index = number_of(object, "index");
        uint32_t comparison = 0;
        if (value_of(operators, text_of(object, "op"), &comparison, err) < 0)
            return -1;
        if (index >= CONDITIONS_MAX)
            return error_set(err, ERROR_INVALID, "there is no argument %llu",
                             (unsigned long long)index);
        conditions[i] = (struct scmp_arg_cmp){.arg = (unsigned int)index,
                                              .op = (enum scmp_compare)comparison,
                                              .datum_a = number_of(object, "value"),
                                              .datum_b = number_of(object, "valueTwo")};
    }
    *count = (unsigned int)size;
    return 0;
}

static int add_rule(scmp_filter_ctx context, uint32_t otherwise, const json_t *rule,
                    struct error *err)
{
    struct scmp_arg_cmp conditions[CONDITIONS_MAX];
    const json_t *names = json_object_get(rule, "names");
    unsigned int count = 0;
    uint32_t action = 0;
    if (read_action(rule, "action", "errnoRet", &action, err) < 0 ||
        read_conditions(rule, conditions, &count, err) < 0)
        return -1;
    for (size_t i = 0; action != otherwise && i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        int number = seccomp_syscall_resolve_name(name);
        if (number == __NR_SCMP_ERROR && is_as_strict(otherwise, action))
            continue;
        if (number == __NR_SCMP_ERROR)
            return error_set(err, ERROR_INVALID, "the system call \"%.64s\" is unknown here", name);
        int added = seccomp_rule_add_array(context, action, number, count, conditions);
        if (added < 0)
            return error_system(err, -added, "libseccomp takes no such rule for \"%.64s\"", name);
    }
    return 0;
}

static int add_architectures(scmp_filter_ctx context, const json_t *names, struct error *err)
{
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        uint32_t token = 0;
        if (value_of(architectures, name, &token, err) < 0) {
            if (text_starts_with(name, "SCMP_ARCH_"))
                continue;
            return error_context(err, "architectures");
        }
        int added = seccomp_arch_add(context, token);
        if (added < 0 && added != -EEXIST)
            return error_system(err, -added, "libseccomp does not take %s", name);
    }
    return 0;
}

static int read_flags(const json_t *names, unsigned int *flags, struct error *err)
{
    for (size_t i = 0; i < json_array_size(names); i++) {
        uint32_t flag = 0;
        if (value_of(flag_words, json_string_value(json_array_get(names, i)), &flag, err) < 0)
            return error_context(err, "flags");
        *flags |= flag;
    }
    return 0;
}

static int fill(scmp_filter_ctx context, uint32_t otherwise, const json_t *profile,
                struct error *err)
{
    const json_t *rules = json_object_get(profile, "syscalls");
    if (add_architectures(context, json_object_get(profile, "architectures"), err) < 0)
        return -1;
    for (size_t i = 0; i < json_array_size(rules); i++) {
        if (add_rule(context, otherwise, json_array_get(rules, i), err) < 0)
            return error_context(err, "syscalls[%zu]", i);
    }
    return 0;
}

/* libseccomp writes to a descriptor alone. */
static int export(scmp_filter_ctx context, struct syscallfilter *out, struct error *err)
{
    struct stat status;
    FD_AUTO file = memfd_create("filter", MFD_CLOEXEC);
    int written = file < 0 ? -errno : seccomp_export_bpf(context, file);
    if (written < 0 || fstat(file, &status) < 0)
        return error_system(err, written < 0 ? -written : errno, "cannot write the filter");
    size_t size = (size_t)status.st_size;
    if (size > BPF_MAXINSNS * sizeof *out->instructions)
        return error_set(err, ERROR_LIMIT, "a filter of %zu instructions; the kernel takes %d",
                         size / sizeof *out->instructions, BPF_MAXINSNS);
    out->instructions = malloc(size);
    if (!out->instructions)
        return error_memory(err);
    out->count = (unsigned short)(size / sizeof *out->instructions);
    if (pread(file, out->instructions, size, 0) != (ssize_t)size) {
        syscallfilter_fini(out);
        return error_system(err, EIO, "cannot read the filter");
    }
    return 0;
}

int syscallfilter_compile(const json_t *profile, struct syscallfilter *out, struct error *err)
{
    uint32_t otherwise = 0;
    *out = (struct syscallfilter){0};
    if (read_action(profile, "defaultAction", "defaultErrnoRet", &otherwise, err) < 0 ||
        read_flags(json_object_get(profile, "flags"), &out->flags, err) < 0)
        return -1;
    scmp_filter_ctx context = seccomp_init(otherwise);
    if (!context)
        return error_memory(err);
    int made = fill(context, otherwise, profile, err) < 0 ? -1 : export(context, out, err);
    seccomp_release(context);
    return made;
}

void syscallfilter_fini(struct syscallfilter *filter)
{
    free(filter->instructions);
    *filter = (struct syscallfilter){0};
}

int syscallfilter_install(const struct syscallfilter *filter, struct error *err)
{
    const struct sock_fprog program = {.len = filter->count, .filter = filter->instructions};
    if (filter->instructions &&
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, filter->flags, &program) < 0)
        return error_system(err, errno, "cannot limit its system calls");
    return 0;
}
