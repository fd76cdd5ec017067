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

#include "os/fd.h"

#define CONDITIONS_MAX 6    /* arguments of a system call */
#define ERRNO_MAX      4095 /* the kernel's MAX_ERRNO */

/* A word of the specification. The lists end with one that is NULL. */
struct word {
    const char *name;
    uint32_t value;
};

static const struct word actions[] = {{"SCMP_ACT_ALLOW", SCMP_ACT_ALLOW},
                                      {"SCMP_ACT_ERRNO", SCMP_ACT_ERRNO(0)},
                                      {"SCMP_ACT_KILL", SCMP_ACT_KILL_THREAD},
                                      {"SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS},
                                      {"SCMP_ACT_LOG", SCMP_ACT_LOG},
                                      {"SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD},
                                      {"SCMP_ACT_TRAP", SCMP_ACT_TRAP},
                                      {"SCMP_ACT_TRACE", SCMP_ACT_TRACE(0)},
                                      {NULL, 0}};

static const struct word comparisons[] = {
    {"SCMP_CMP_EQ", SCMP_CMP_EQ}, {"SCMP_CMP_GE", SCMP_CMP_GE},
    {"SCMP_CMP_GT", SCMP_CMP_GT}, {"SCMP_CMP_LE", SCMP_CMP_LE},
    {"SCMP_CMP_LT", SCMP_CMP_LT}, {"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ},
    {"SCMP_CMP_NE", SCMP_CMP_NE}, {NULL, 0}};

/* The filter ends a process that calls by a convention which the profile does not name. This
 * processor's own needs no name, and those of others are never met. */
enum { CONVENTION_I386 = 1, CONVENTION_X32 = 2 };
static const struct word architectures[] = {{"SCMP_ARCH_X86_64", 0},
                                            {"SCMP_ARCH_X86", CONVENTION_I386},
                                            {"SCMP_ARCH_X32", CONVENTION_X32},
                                            {"SCMP_ARCH_AARCH64", 0},
                                            {"SCMP_ARCH_ARM", 0},
                                            {"SCMP_ARCH_PPC64LE", 0},
                                            {"SCMP_ARCH_S390X", 0},
                                            {"SCMP_ARCH_RISCV64", 0},
                                            {NULL, 0}};

/* All threads have it anyway: there is one. */
static const struct word flag_words[] = {
    {"SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG},
    {"SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW},
    {"SECCOMP_FILTER_FLAG_TSYNC", 0},
    {NULL, 0}};

static int value_of(const char *name, const struct word *words, uint32_t *value, struct error *err)
{
    while (words->name && strcmp(words->name, name) != 0)
        words++;
    *value = words->value;
    return words->name ? 0 : error_set(err, ERROR_INVALID, "\"%.64s\" is unknown here", name);
}

static int get_word(const json_t *object, const char *key, const struct word *words,
                    uint32_t *value, struct error *err)
{
    const char *name;
    return json_get_text(object, key, &name, err) < 0 ? -1 : value_of(name, words, value, err);
}

/* The values of an optional list of words, together. */
static int find_words(const json_t *object, const char *key, const struct word *words,
                      uint32_t *values, struct error *err)
{
    json_t *array;
    *values = 0;
    if (json_find_array(object, key, &array, err) < 0)
        return -1;
    for (size_t i = 0; i < json_array_size(array); i++) {
        const char *name;
        uint32_t value;
        if (json_text_at(array, i, key, &name, err) < 0 || value_of(name, words, &value, err) < 0)
            return error_context(err, "%s", key);
        *values |= value;
    }
    return 0;
}

/* An action with the error that it returns: EPERM where the profile names none. */
static int get_action(const json_t *object, const char *key, const char *errno_key,
                      uint32_t *action, struct error *err)
{
    uint64_t number = EPERM;
    if (get_word(object, key, actions, action, err) < 0 ||
        json_find_u64(object, errno_key, ERRNO_MAX, &number, err) < 0)
        return -1;
    if (*action == SCMP_ACT_ERRNO(0) || *action == SCMP_ACT_TRACE(0))
        *action |= (uint32_t)number;
    else if (json_object_get(object, errno_key))
        return error_set(err, ERROR_INVALID, "key \"%s\": the action returns no error", errno_key);
    return 0;
}

/* The kernel's own order: of several filters' actions the least one, as a signed number, counts. */
static bool is_as_strict(uint32_t action, uint32_t than)
{
    return (int32_t)(action & SECCOMP_RET_ACTION_FULL) <= (int32_t)(than & SECCOMP_RET_ACTION_FULL);
}

static int get_condition(const json_t *object, struct scmp_arg_cmp *out, struct error *err)
{
    static const char *const keys[] = {"index", "value", "valueTwo", "op", NULL};
    uint64_t index, value, second = 0;
    uint32_t comparison;
    if (json_check_keys(object, keys, err) < 0 ||
        json_get_u64(object, "index", CONDITIONS_MAX - 1, &index, err) < 0 ||
        json_get_u64(object, "value", INT64_MAX, &value, err) < 0 ||
        json_find_u64(object, "valueTwo", INT64_MAX, &second, err) < 0 ||
        get_word(object, "op", comparisons, &comparison, err) < 0)
        return -1;
    *out = (struct scmp_arg_cmp){(unsigned int)index, (enum scmp_compare)comparison, value, second};
    return 0;
}

static int find_conditions(const json_t *rule, struct scmp_arg_cmp conditions[CONDITIONS_MAX],
                           unsigned int *count, struct error *err)
{
    json_t *array;
    *count = 0;
    if (json_find_array(rule, "args", &array, err) < 0)
        return -1;
    size_t size = json_array_size(array);
    if (size > CONDITIONS_MAX)
        return error_set(err, ERROR_INVALID, "%zu conditions; a system call has %d arguments", size,
                         CONDITIONS_MAX);
    for (; *count < size; ++*count) {
        if (get_condition(json_array_get(array, *count), &conditions[*count], err) < 0)
            return error_context(err, "args[%u]", *count);
    }
    return 0;
}

static int add_rule(scmp_filter_ctx context, uint32_t otherwise, const json_t *rule,
                    struct error *err)
{
    static const char *const keys[] = {"names", "action", "errnoRet", "args", NULL};
    struct scmp_arg_cmp conditions[CONDITIONS_MAX];
    json_t *names;
    unsigned int count;
    uint32_t action;
    if (json_check_keys(rule, keys, err) < 0 || json_get_array(rule, "names", &names, err) < 0 ||
        get_action(rule, "action", "errnoRet", &action, err) < 0 ||
        find_conditions(rule, conditions, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *name;
        if (json_text_at(names, i, "names", &name, err) < 0)
            return -1;
        int number = seccomp_syscall_resolve_name(name);
        if (action == otherwise || (number == __NR_SCMP_ERROR && is_as_strict(otherwise, action)))
            continue;
        int added = number == __NR_SCMP_ERROR
                        ? -ENOSYS
                        : seccomp_rule_add_array(context, action, number, count, conditions);
        if (added < 0)
            return error_system(err, -added, "there can be no such rule for \"%.64s\"", name);
    }
    return 0;
}

static int fill(scmp_filter_ctx context, uint32_t otherwise, const json_t *profile,
                struct error *err)
{
    json_t *rules;
    uint32_t conventions;
    if (find_words(profile, "architectures", architectures, &conventions, err) < 0 ||
        json_find_array(profile, "syscalls", &rules, err) < 0)
        return -1;
    if ((conventions & CONVENTION_I386 && seccomp_arch_add(context, SCMP_ARCH_X86) < 0) ||
        (conventions & CONVENTION_X32 && seccomp_arch_add(context, SCMP_ARCH_X32) < 0))
        return error_memory(err);
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
    static const char *const keys[] = {"defaultAction", "defaultErrnoRet", "architectures",
                                       "flags",         "syscalls",        NULL};
    uint32_t otherwise;
    *out = (struct syscallfilter){0};
    if (json_check_keys(profile, keys, err) < 0 ||
        get_action(profile, "defaultAction", "defaultErrnoRet", &otherwise, err) < 0 ||
        find_words(profile, "flags", flag_words, &out->flags, err) < 0)
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
