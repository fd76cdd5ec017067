#include "policy/generate.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/hex.h"
#include "base/text.h"
#include "policy/capabilities.h"

/* What differs between generations. */
static const struct generation {
    const char *api;
    const char *framework;
    bool default_signals; /* 9 and 15, to which the image's stop signal is added */
    bool unique_execs;
    bool rw_mount_device;
    bool host_network;
} generations[] = {
    [POLICY_GENERATION_A] = {"0.10.0", "0.2.3", false, false, false, false},
    [POLICY_GENERATION_A2] = {"0.11.0", "0.2.3", false, false, true, false},
    [POLICY_GENERATION_A3] = {"0.11.0", "0.2.3", false, true, true, false},
    [POLICY_GENERATION_B] = {"0.11.0", "0.2.3", true, true, true, false},
    [POLICY_GENERATION_C] = {"0.12.0", "0.5.0", true, true, true, true},
};

/* Rules that every container gets: names and values as confcom has them. */
static const struct {
    const char *name;
    const char *value;
    const char *strategy;
} fixed_rules[] = {
    {"TERM", "xterm", "string"},
    {"(?i)(FABRIC)_.+", ".+", "re2"},
    {"HOSTNAME", ".+", "re2"},
    {"T(E)?MP", ".+", "re2"},
    {"FabricPackageFileName", ".+", "re2"},
    {"HostedServiceName", ".+", "re2"},
    {"IDENTITY_API_VERSION", ".+", "re2"},
    {"IDENTITY_HEADER", ".+", "re2"},
    {"IDENTITY_SERVER_THUMBPRINT", ".+", "re2"},
    {"azurecontainerinstance_restarted_by", ".+", "re2"},
};

/* A writer whose first error stops it: the text is checked once, at its end. */
struct writer {
    const struct policy_draft *draft;
    const struct generation *generation;
    struct buf *out;
    struct error *err;
    bool failed;
};

static void put(struct writer *writer, const char *text)
{
    writer->failed = writer->failed || buf_append_text(writer->out, text, writer->err) < 0;
}

static void put_unicode(struct writer *writer, uint32_t rune)
{
    if (writer->failed)
        return;
    if (rune < 0x10000)
        writer->failed = buf_printf(writer->out, writer->err, "\\u%04x", rune) < 0;
    else
        writer->failed = buf_printf(writer->out, writer->err, "\\u%04x\\u%04x",
                                    0xD800 + ((rune - 0x10000) >> 10),
                                    0xDC00 + ((rune - 0x10000) & 0x3FF)) < 0;
}

static uint32_t take_rune(const uint8_t **at)
{
    const uint8_t *p = *at;
    int more = p[0] < 0x80 ? 0 : p[0] < 0xE0 ? 1 : p[0] < 0xF0 ? 2 : 3;
    uint32_t rune = more == 0 ? p[0] : p[0] & (0x3FU >> more);
    for (int i = 1; i <= more; i++)
        rune = rune << 6 | (p[i] & 0x3FU);
    *at = p + more + 1;
    return rune;
}

/* As Python's json.dumps: ASCII only. */
static void put_string(struct writer *writer, const char *text)
{
    static const char escaped[] = "\"\\\b\f\n\r\t";
    static const char letters[] = "\"\\bfnrt";
    if (!text_is_utf8(span_of_text(text))) {
        writer->failed = true;
        (void)error_set(writer->err, ERROR_INVALID, "text for a policy is not UTF-8");
        return;
    }
    put(writer, "\"");
    for (const uint8_t *at = (const uint8_t *)text; *at;) {
        uint32_t rune = take_rune(&at);
        const char *escape = rune < 0x80 ? strchr(escaped, (int)rune) : NULL;
        if (escape)
            put(writer, (char[]){'\\', letters[escape - escaped], '\0'});
        else if (rune < ' ' || rune >= 0x80)
            put_unicode(writer, rune);
        else
            put(writer, (char[]){(char)rune, '\0'});
    }
    put(writer, "\"");
}

static void put_bool(struct writer *writer, bool value)
{
    put(writer, value ? "true" : "false");
}

static void put_list(struct writer *writer, struct policy_list list)
{
    put(writer, "[");
    for (size_t i = 0; i < list.count; i++) {
        put(writer, i ? "," : "");
        put_string(writer, list.items[i]);
    }
    put(writer, "]");
}

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
    if (*count == 128)
        return false;
    set[(*count)++] = name;
    return true;
}

/* What is added comes literally; what is dropped is taken out; then the set is sorted. */
static void put_capability_set(struct writer *writer, const struct policy_draft_container *draft)
{
    const char *set[128];
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
    if (!fits) {
        writer->failed = true;
        (void)error_set(writer->err, ERROR_LIMIT, "more than 128 capabilities");
        return;
    }
    qsort((void *)set, count, sizeof *set, by_text);
    put_list(writer, (struct policy_list){set, count});
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

static bool same_name(const char *assignment, const char *name, size_t size)
{
    return strncmp(assignment, name, size) == 0 && assignment[size] == '=';
}

static bool names_variable(struct policy_list env, const char *name, size_t size)
{
    for (size_t i = 0; i < env.count; i++) {
        if (same_name(env.items[i], name, size))
            return true;
    }
    return false;
}

static void put_env_rule(struct writer *writer, const char *pattern, const char *strategy,
                         bool *first)
{
    put(writer, *first ? "{\"pattern\":" : ",{\"pattern\":");
    put_string(writer, pattern);
    put(writer, ",\"required\":false,\"strategy\":");
    put_string(writer, strategy);
    put(writer, "}");
    *first = false;
}

static void put_fixed_rules(struct writer *writer, const struct policy_draft_container *draft,
                            bool *first)
{
    for (size_t i = 0; i < sizeof fixed_rules / sizeof *fixed_rules; i++) {
        char pattern[80];
        const char *name = fixed_rules[i].name;
        if (names_variable(draft->env, name, strlen(name)) ||
            names_variable(draft->image_env, name, strlen(name)))
            continue;
        (void)snprintf(pattern, sizeof pattern, "%s=%s", name, fixed_rules[i].value);
        put_env_rule(writer, pattern, fixed_rules[i].strategy, first);
    }
}

static void put_env_rules(struct writer *writer, const struct policy_draft_container *draft)
{
    bool first = true;
    put(writer, ",\"env_rules\":[");
    for (size_t i = 0; i < draft->env.count; i++)
        put_env_rule(writer, draft->env.items[i], "string", &first);
    for (size_t i = 0; i < draft->image_env.count; i++) {
        const char *rule = draft->image_env.items[i];
        if (!names_variable(draft->env, rule, strcspn(rule, "=")))
            put_env_rule(writer, rule, "string", &first);
    }
    put_fixed_rules(writer, draft, &first);
    put(writer, "]");
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
        put(writer, ",\"signals\":[]}");
        first = false;
    }
    if (writer->draft->debug) {
        put(writer, first ? "" : ",");
        put(writer, "{\"command\":[\"/bin/sh\"],\"signals\":[]},"
                    "{\"command\":[\"/bin/bash\"],\"signals\":[]}");
    }
    put(writer, "]");
}

static void put_mount(struct writer *writer, const struct policy_mount *mount)
{
    put(writer, "{\"destination\":");
    put_string(writer, mount->destination);
    put(writer, ",\"options\":");
    put_list(writer, mount->options);
    put(writer, ",\"source\":");
    put_string(writer, mount->source);
    put(writer, ",\"type\":");
    put_string(writer, mount->type);
    put(writer, "}");
}

static void put_mounts(struct writer *writer, const struct policy_draft_container *draft)
{
    static const char *const options[] = {"rbind", "rshared", "rw"};
    static const struct policy_mount resolver = {.destination = "/etc/resolv.conf",
                                                 .type = "bind",
                                                 .source = "sandbox:///tmp/atlas/resolvconf/.+",
                                                 .options = {options, 3}};
    put(writer, ",\"mounts\":[");
    for (size_t i = 0; i < draft->mount_count; i++) {
        put_mount(writer, &draft->mounts[i]);
        put(writer, ",");
    }
    put_mount(writer, &resolver);
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
    put(writer, "],\"umask\":\"0022\",\"user_idname\":");
    put_identity(writer, &draft->user);
    put(writer, "}");
}

static void put_layers(struct writer *writer, const struct policy_draft_container *draft)
{
    for (size_t i = 0; i < draft->layers.count; i++) {
        uint8_t hash[32];
        if (!hex_decode(span_of_text(draft->layers.items[i]), hash, sizeof hash)) {
            writer->failed = true;
            (void)error_set(writer->err, ERROR_INVALID, "layer %zu is no root hash: \"%.80s\"", i,
                            draft->layers.items[i]);
            return;
        }
    }
    put(writer, ",\"layers\":");
    put_list(writer, draft->layers);
}

static void put_container(struct writer *writer, const struct policy_draft_container *draft)
{
    put(writer, "{\"allow_elevated\":");
    put_bool(writer, draft->privileged);
    put(writer, ",\"allow_stdio_access\":");
    put_bool(writer, !writer->draft->disable_stdio);
    put(writer, ",");
    put_capabilities(writer, draft);
    put(writer, ",\"command\":");
    if (draft->has_command)
        put_list(writer, draft->command);
    else
        put(writer, "null");
    put_env_rules(writer, draft);
    put_execs(writer, draft);
    if (draft->id) {
        put(writer, ",\"id\":");
        put_string(writer, draft->id);
    }
    put_layers(writer, draft);
    put_mounts(writer, draft);
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

/* The container that holds a pod's namespaces; its capabilities stand in the reference's order. */
static void put_pause(struct writer *writer)
{
    const struct policy_list caps = {policy_default_capability_names,
                                     policy_default_capability_count};
    put(writer, "{\"allow_elevated\":false,\"allow_stdio_access\":");
    put_bool(writer, !writer->draft->disable_stdio);
    put(writer, ",\"capabilities\":{\"ambient\":[],\"bounding\":");
    put_list(writer, caps);
    put(writer, ",\"effective\":");
    put_list(writer, caps);
    put(writer, ",\"inheritable\":[],\"permitted\":");
    put_list(writer, caps);
    put(writer,
        "},\"command\":[\"/pause\"],\"env_rules\":[{\"pattern\":\"PATH=/usr/local/sbin:"
        "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\",\"required\":true,\"strategy\":"
        "\"string\"},{\"pattern\":\"TERM=xterm\",\"required\":false,\"strategy\":\"string\"}],"
        "\"exec_processes\":[],\"layers\":[\"" POLICY_PAUSE_LAYER "\"],\"mounts\":[],"
        "\"name\":\"pause-container\",\"no_new_privileges\":false,"
        "\"seccomp_profile_sha256\":\"\",\"signals\":[");
    put(writer, writer->generation->default_signals ? "9,15" : "");
    put(writer, "],\"user\":{\"group_idnames\":[{\"pattern\":\"\",\"strategy\":\"any\"}],\"umask\":"
                "\"0022\",\"user_idname\":{\"pattern\":\"\",\"strategy\":\"any\"}},"
                "\"working_dir\":\"/\"}");
}

static void put_fragments(struct writer *writer)
{
    const char *svn = writer->draft->infrastructure_svn;
    put(writer, "fragments := ");
    if (writer->draft->exclude_default_fragments) {
        put(writer, "[]\n\n");
        return;
    }
    put(writer, "[\n  {\n    \"feed\": \"mcr.microsoft.com/aci/aci-cc-infra-fragment\",\n"
                "    \"includes\": [\n      \"containers\",\n      \"fragments\"\n    ],\n"
                "    \"issuer\": \"did:x509:0:sha256:I__iuL25oXEVFdTP_aBLx_eT1RPHbCQ_ECBQfYZpt9s::"
                "eku:1.3.6.1.4.1.311.76.59.1.3\",\n    \"minimum_svn\": ");
    put_string(writer, svn ? svn : "4");
    put(writer, "\n  }\n]\n\n");
}

static void put_flags(struct writer *writer)
{
    put(writer, "allow_properties_access := true\nallow_dump_stacks := ");
    put_bool(writer, writer->draft->debug);
    put(writer, "\nallow_runtime_logging := ");
    put_bool(writer, writer->draft->debug);
    put(writer, "\nallow_environment_variable_dropping := true\n"
                "allow_unencrypted_scratch := false\nallow_capability_dropping := true\n");
    put(writer, writer->generation->host_network ? "allow_host_network := false\n\n" : "\n");
}

static void put_points(struct writer *writer)
{
    static const char *const points[] = {
        "mount_device",
        "unmount_device",
        "mount_overlay",
        "unmount_overlay",
        "create_container",
        "exec_in_container",
        "exec_external",
        "shutdown_container",
        "signal_container_process",
        "plan9_mount",
        "plan9_unmount",
        "get_properties",
        "dump_stacks",
        "runtime_logging",
        "load_fragment",
        "scratch_mount",
        "scratch_unmount",
        "rw_mount_device",
        "host_network",
        "load_transparency_trust_list",
    };
    size_t count = sizeof points / sizeof *points;
    if (!writer->generation->host_network)
        count -= writer->generation->rw_mount_device ? 2 : 3;
    for (size_t i = 0; i < count; i++) {
        put(writer, points[i]);
        put(writer, " := data.framework.");
        put(writer, points[i]);
        put(writer, "\n");
    }
    put(writer, "\nreason := {\"errors\": data.framework.errors}");
}

int policy_generate(const struct policy_draft *draft, struct buf *out, struct error *err)
{
    struct writer writer = {
        .draft = draft, .generation = &generations[draft->generation], .out = out, .err = err};
    put(&writer, "package policy\n\nimport future.keywords.every\nimport future.keywords.in\n\n"
                 "api_version := \"");
    put(&writer, writer.generation->api);
    put(&writer, "\"\nframework_version := \"");
    put(&writer, writer.generation->framework);
    put(&writer, "\"\n\n");
    put_fragments(&writer);
    put(&writer, "containers := [");
    for (size_t i = 0; i < draft->container_count && !writer.failed; i++) {
        put_container(&writer, &draft->containers[i]);
        put(&writer, ",");
    }
    put_pause(&writer);
    put(&writer, "]\n\n");
    put_flags(&writer);
    put_points(&writer);
    return writer.failed ? -1 : 0;
}

static const char *strategy_of(const char *text)
{
    return *text && text[strspn(text, "0123456789")] == '\0' ? "id" : "name";
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
    out->user = (struct policy_draft_identity){room, strategy_of(room)};
    if (group && *group)
        out->group = (struct policy_draft_identity){group, strategy_of(group)};
    return 0;
}
