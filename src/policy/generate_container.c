#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/hex.h"
#include "base/text.h"
#include "policy/capabilities.h"
#include "policy/generate_parts.h"

static bool list_has(struct policy_list list, const char *text)
{
    for (size_t i = 0; i < list.count; i++) {
        if (strcmp(list.items[i], text) == 0)
            return true;
    }
    return false;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool add_unique(const char **set, size_t *count, const char *name)
{
    if (list_has((struct policy_list){set, *count}, name))
        return true;
    if (*count == POLICY_DRAFT_CAPABILITIES_MAX)
        return false;
    set[(*count)++] = name;
    return true;
}

/* What is added comes literally; what is dropped is taken out; then the set is sorted. */
int policy_draft_capabilities(const struct policy_draft_container *draft,
                              const char *set[POLICY_DRAFT_CAPABILITIES_MAX],
                              struct policy_list *out, struct error *err)
{
    size_t count = 0;
    bool fits = true;
    const char *const *names = draft->privileged ? policy_privileged_capability_names
                                                 : policy_default_capability_names;
    size_t name_count = draft->privileged ? policy_privileged_capability_count
                                          : policy_default_capability_count;
    for (size_t i = 0; i < name_count; i++) {
        if (!list_has(draft->capabilities_drop, names[i]))
            fits = add_unique(set, &count, names[i]) && fits;
    }
    for (size_t i = 0; i < draft->capabilities_add.count; i++) {
        if (!list_has(draft->capabilities_drop, draft->capabilities_add.items[i]))
            fits = add_unique(set, &count, draft->capabilities_add.items[i]) && fits;
    }
    if (!fits)
        return error_set(err, ERROR_LIMIT, "more than %d capabilities",
                         POLICY_DRAFT_CAPABILITIES_MAX);
    qsort((void *)set, count, sizeof *set, by_text);
    *out = (struct policy_list){set, count};
    return 0;
}

static void put_capability_set(struct writer *writer, const struct policy_draft_container *draft)
{
    const char *set[POLICY_DRAFT_CAPABILITIES_MAX];
    struct policy_list list;
    if (policy_draft_capabilities(draft, set, &list, writer->text.err) < 0)
        writer->text.failed = true;
    else
        put_list(writer, list);
}

static void put_capabilities(struct writer *writer, const struct policy_draft_container *draft)
{
    put(writer, "\"capabilities\":{\"ambient\":[],\"bounding\":");
    put_capability_set(writer, draft);
    put(writer, ",\"effective\":");
    put_capability_set(writer, draft);
    put(writer, ",\"inheritable\":");
    if (draft->privileged)
        put_capability_set(writer, draft);
    else
        put(writer, "[]");
    put(writer, ",\"permitted\":");
    put_capability_set(writer, draft);
    put(writer, "}");
}

static bool equal_lists(struct policy_list a, struct policy_list b)
{
    if (a.count != b.count)
        return false;
    for (size_t i = 0; i < a.count; i++) {
        if (strcmp(a.items[i], b.items[i]) != 0)
            return false;
    }
    return true;
}

static bool seen_before(const struct policy_list *lists, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (equal_lists(lists[i], lists[index]))
            return true;
    }
    return false;
}

static void put_execs(struct writer *writer, const struct policy_draft_container *draft)
{
    bool first = true;
    put(writer, ",\"exec_processes\":[");
    for (size_t i = 0; i < draft->exec_count; i++) {
        if (writer->generation->unique_execs && seen_before(draft->exec_processes, i))
            continue;
        put(writer, first ? "{\"command\":" : ",{\"command\":");
        put_list(writer, draft->exec_processes[i]);
        put(writer, draft->exec_kill ? ",\"signals\":[9]}" : ",\"signals\":[]}");
        first = false;
    }
    if (writer->draft->debug) {
        put(writer, first ? "" : ",");
        put(writer, "{\"command\":[\"/bin/sh\"],\"signals\":[]},"
                    "{\"command\":[\"/bin/bash\"],\"signals\":[]}");
    }
    put(writer, "]");
}

unsigned int policy_signal_number(const char *name)
{
    static const char *const names[] = {
        "HUP",  "INT",  "QUIT", "ILL",    "TRAP",   "ABRT",  "BUS",  "FPE",  "KILL", "USR1", "SEGV",
        "USR2", "PIPE", "ALRM", "TERM",   "STKFLT", "CHLD",  "CONT", "STOP", "TSTP", "TTIN", "TTOU",
        "URG",  "XCPU", "XFSZ", "VTALRM", "PROF",   "WINCH", "IO",   "PWR",  "SYS"};
    if (strncasecmp(name, "SIG", 3) != 0)
        return 0;
    for (unsigned int i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcasecmp(name + 3, names[i]) == 0)
            return i + 1;
    }
    return strcasecmp(name + 3, "UNUSED") == 0 ? 31 : 0;
}

static void put_signals(struct writer *writer, const struct policy_draft_container *draft)
{
    bool defaults = writer->generation->default_signals;
    unsigned int number = policy_signal_number(draft->stop_signal);
    bool known = defaults && (number == 9 || number == 15);
    char text[16];
    (void)snprintf(text, sizeof text, "%u", number);
    put(writer, defaults ? ",\"signals\":[9,15" : ",\"signals\":[");
    if (*draft->stop_signal && !known) {
        put(writer, defaults ? "," : "");
        if (number)
            put(writer, text);
        else
            put_string(writer, draft->stop_signal);
    }
    put(writer, "]");
}

static void put_identity(struct writer *writer, const struct policy_draft_identity *identity)
{
    put(writer, "{\"pattern\":");
    put_string(writer, identity->strategy ? identity->pattern : "");
    put(writer, ",\"strategy\":");
    put_string(writer, identity->strategy ? identity->strategy : "any");
    put(writer, "}");
}

static void put_user(struct writer *writer, const struct policy_draft_container *draft)
{
    put(writer, ",\"user\":{\"group_idnames\":[");
    put_identity(writer, &draft->group);
    for (size_t i = 0; i < draft->group_count && draft->group.strategy; i++) {
        put(writer, ",");
        put_identity(writer, &draft->groups[i]);
    }
    put(writer, "],\"umask\":");
    put_string(writer, draft->umask ? draft->umask : "0022");
    put(writer, ",\"user_idname\":");
    put_identity(writer, &draft->user);
    put(writer, "}");
}

static void put_layers(struct writer *writer, const struct policy_draft_container *draft)
{
    for (size_t i = 0; i < draft->layers.count; i++) {
        uint8_t hash[32];
        if (!hex_decode(span_of_text(draft->layers.items[i]), hash, sizeof hash)) {
            writer->text.failed = true;
            (void)error_set(writer->text.err, ERROR_INVALID, "layer %zu is no root hash: \"%.80s\"",
                            i, draft->layers.items[i]);
            return;
        }
    }
    put(writer, ",\"layers\":");
    put_list(writer, draft->layers);
}

/* Where nothing is said confcom's bytes stay. */
static void put_settings(struct writer *writer, const struct policy_draft_container *draft)
{
    if (draft->read_only_root)
        put(writer, "\"caisson_read_only_root\":true,");
    if (draft->rlimits.count > 0) {
        put(writer, "\"caisson_rlimits\":");
        put_list(writer, draft->rlimits);
        put(writer, ",");
    }
    if (draft->sysctls.count > 0) {
        put(writer, "\"caisson_sysctls\":");
        put_list(writer, draft->sysctls);
        put(writer, ",");
    }
}

void generate_container(struct writer *writer, const struct policy_draft_container *draft)
{
    put(writer, "{\"allow_elevated\":");
    put_bool(writer, draft->privileged);
    put(writer, ",\"allow_stdio_access\":");
    put_bool(writer, !writer->draft->disable_stdio);
    put(writer, ",");
    put_settings(writer, draft);
    put_capabilities(writer, draft);
    put(writer, ",\"command\":");
    if (draft->has_command)
        put_list(writer, draft->command);
    else
        put(writer, "null");
    generate_env_rules(writer, draft);
    put_execs(writer, draft);
    if (draft->id) {
        put(writer, ",\"id\":");
        put_string(writer, draft->id);
    }
    put_layers(writer, draft);
    generate_mounts(writer, draft);
    if (draft->name) {
        put(writer, ",\"name\":");
        put_string(writer, draft->name);
    }
    put(writer, ",\"no_new_privileges\":");
    put_bool(writer, draft->no_new_privileges);
    put(writer, ",\"seccomp_profile_sha256\":");
    put_string(writer, draft->seccomp_sha256);
    put_signals(writer, draft);
    put_user(writer, draft);
    put(writer, ",\"working_dir\":");
    put_string(writer, *draft->working_dir ? draft->working_dir : "/");
    put(writer, "}");
}

struct policy_draft_identity policy_draft_identity(const char *text)
{
    bool number = *text && text[strspn(text, "0123456789")] == '\0';
    return (struct policy_draft_identity){text, number ? "id" : "name"};
}

int policy_draft_user(const char *text, char room[POLICY_USER_MAX],
                      struct policy_draft_container *out, struct error *err)
{
    out->user = out->group = (struct policy_draft_identity){0};
    if (!*text)
        return 0;
    if (!text_copy(room, POLICY_USER_MAX, text))
        return error_set(err, ERROR_LIMIT, "user \"%.32s...\" is longer than %d bytes", text,
                         POLICY_USER_MAX - 1);
    char *group = strchr(room, ':');
    if (group)
        *group++ = '\0';
    out->user = policy_draft_identity(room);
    if (group && *group)
        out->group = policy_draft_identity(group);
    return 0;
}
