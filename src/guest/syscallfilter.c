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
#include "policy/list.h"

#define CONDITIONS_MAX 6         /* arguments of a system call */
#define ERRNO_MAX      4095      /* the kernel's MAX_ERRNO */
#define MEMORY_MAX     (4 << 20) /* of rules, while the filter is made */

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

static int value_of(struct decoder *decoder, const struct value *value, const struct word *words,
                    uint32_t *out)
{
    if (value->kind != VALUE_TEXT)
        return field_refuse(decoder, value, "a string");
    while (words->name && strcmp(words->name, value->text) != 0)
        words++;
    *out = words->value;
    return words->name
               ? 0
               : error_set(decoder->err, ERROR_INVALID, "\"%.64s\" is unknown here", value->text);
}

/* The values of a list of words, together. */
static int read_words(struct decoder *decoder, const struct value *value, const struct field *field,
                      const struct word *words, uint32_t *out)
{
    if (value->kind != VALUE_ARRAY)
        return field_refuse(decoder, value, "an array");
    for (const struct value *each = value->first; each; each = each->next) {
        uint32_t number = 0;
        if (value_of(decoder, each, words, &number) < 0)
            return error_context(decoder->err, "%s", field->key);
        *out |= number;
    }
    return 0;
}

static int read_architectures(struct decoder *decoder, const struct value *value,
                              const struct field *field, void *out)
{
    return read_words(decoder, value, field, architectures, field_at(field, out));
}

static int read_flags(struct decoder *decoder, const struct value *value, const struct field *field,
                      void *out)
{
    return read_words(decoder, value, field, flag_words, field_at(field, out));
}

static int read_action(struct decoder *decoder, const struct value *value,
                       const struct field *field, void *out)
{
    return value_of(decoder, value, actions, field_at(field, out));
}

static int read_comparison(struct decoder *decoder, const struct value *value,
                           const struct field *field, void *out)
{
    uint32_t comparison = 0;
    if (value_of(decoder, value, comparisons, &comparison) < 0)
        return -1;
    *(enum scmp_compare *)field_at(field, out) = (enum scmp_compare)comparison;
    return 0;
}

struct action {
    uint32_t value;
    unsigned int error; /* that it returns; EPERM where the profile names none */
};

#define NO_ERROR (ERRNO_MAX + 1)

static int finish_action(struct decoder *decoder, struct action *action, const char *key)
{
    if (action->value == SCMP_ACT_ERRNO(0) || action->value == SCMP_ACT_TRACE(0))
        action->value |= action->error == NO_ERROR ? EPERM : action->error;
    else if (action->error != NO_ERROR)
        return error_set(decoder->err, ERROR_INVALID, "key \"%s\": the action returns no error",
                         key);
    return 0;
}

/* The kernel's own order: of several filters' actions the least one, as a signed number, counts. */
static bool is_as_strict(uint32_t action, uint32_t than)
{
    return (int32_t)(action & SECCOMP_RET_ACTION_FULL) <= (int32_t)(than & SECCOMP_RET_ACTION_FULL);
}

static const struct field condition_fields[] = {
    {"index", field_uint, offsetof(struct scmp_arg_cmp, arg), .max = CONDITIONS_MAX - 1},
    {"value", field_u64, offsetof(struct scmp_arg_cmp, datum_a), .max = INT64_MAX},
    {"valueTwo", field_u64, offsetof(struct scmp_arg_cmp, datum_b), .max = INT64_MAX,
     .optional = true},
    {"op", read_comparison, offsetof(struct scmp_arg_cmp, op)},
    {0}};

static int read_condition(struct decoder *decoder, const struct value *value, void *row)
{
    return fields_read(decoder, value, condition_fields, row);
}

struct rule {
    struct policy_list names;
    struct action action;
    const struct scmp_arg_cmp *conditions;
    size_t condition_count;
};

static const struct field rule_fields[] = {
    {"names", policy_list_read, offsetof(struct rule, names)},
    {"action", read_action, offsetof(struct rule, action.value)},
    {"errnoRet", field_uint, offsetof(struct rule, action.error), .max = ERRNO_MAX,
     .optional = true},
    {"args", field_rows,
     FIELD_ROWS(struct rule, conditions, condition_count, read_condition, struct scmp_arg_cmp),
     .max = CONDITIONS_MAX, .optional = true},
    {0}};

static int read_rule(struct decoder *decoder, const struct value *value, void *row)
{
    struct rule *rule = row;
    rule->action.error = NO_ERROR;
    return fields_read(decoder, value, rule_fields, rule) < 0
               ? -1
               : finish_action(decoder, &rule->action, "errnoRet");
}

struct profile {
    struct action otherwise;
    uint32_t conventions, flags;
    const struct rule *rules;
    size_t rule_count;
};

static const struct field profile_fields[] = {
    {"defaultAction", read_action, offsetof(struct profile, otherwise.value)},
    {"defaultErrnoRet", field_uint, offsetof(struct profile, otherwise.error), .max = ERRNO_MAX,
     .optional = true},
    {"architectures", read_architectures, offsetof(struct profile, conventions), .optional = true},
    {"flags", read_flags, offsetof(struct profile, flags), .optional = true},
    {"syscalls", field_rows, FIELD_ROWS(struct profile, rules, rule_count, read_rule, struct rule),
     .optional = true},
    {0}};

static int add_rule(scmp_filter_ctx context, uint32_t otherwise, const struct rule *rule,
                    struct error *err)
{
    uint32_t action = rule->action.value;
    for (size_t i = 0; i < rule->names.count; i++) {
        const char *name = rule->names.items[i];
        int number = seccomp_syscall_resolve_name(name);
        if (action == otherwise || (number == __NR_SCMP_ERROR && is_as_strict(otherwise, action)))
            continue;
        int added = number == __NR_SCMP_ERROR
                        ? -ENOSYS
                        : seccomp_rule_add_array(context, action, number,
                                                 (unsigned int)rule->condition_count,
                                                 rule->conditions);
        if (added < 0)
            return error_system(err, -added, "there can be no such rule for \"%.64s\"", name);
    }
    return 0;
}

static int fill(scmp_filter_ctx context, const struct profile *profile, struct error *err)
{
    if ((profile->conventions & CONVENTION_I386 && seccomp_arch_add(context, SCMP_ARCH_X86) < 0) ||
        (profile->conventions & CONVENTION_X32 && seccomp_arch_add(context, SCMP_ARCH_X32) < 0))
        return error_memory(err);
    for (size_t i = 0; i < profile->rule_count; i++) {
        if (add_rule(context, profile->otherwise.value, &profile->rules[i], err) < 0)
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

static int compile(struct decoder *decoder, const struct value *value, struct syscallfilter *out)
{
    struct profile profile = {.otherwise.error = NO_ERROR};
    if (fields_read(decoder, value, profile_fields, &profile) < 0 ||
        finish_action(decoder, &profile.otherwise, "defaultErrnoRet") < 0)
        return -1;
    scmp_filter_ctx context = seccomp_init(profile.otherwise.value);
    if (!context)
        return error_memory(decoder->err);
    int made = fill(context, &profile, decoder->err) < 0 ? -1 : export(context, out, decoder->err);
    seccomp_release(context);
    out->flags = profile.flags;
    return made;
}

int syscallfilter_compile(const struct value *profile, struct syscallfilter *out, struct error *err)
{
    struct arena arena = {.limit = MEMORY_MAX};
    struct decoder decoder = {.arena = &arena, .err = err};
    *out = (struct syscallfilter){0};
    int made = compile(&decoder, profile, out);
    arena_fini(&arena);
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
