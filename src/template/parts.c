#include "template/parts.h"

int template_read_command(const struct template_reader *reader, json_t *properties,
                          struct policy_draft_container *out, struct error *err)
{
    if (template_find_texts(reader, properties, "command", &out->command, err) < 0)
        return -1;
    out->has_command = out->command.count > 0;
    return 0;
}

int template_room_for_execs(const struct template_reader *reader,
                            struct policy_draft_container *out, size_t count, struct error *err)
{
    struct policy_list *room = arena_take(&reader->groups->arena, count, sizeof *room);
    if (!room)
        return error_memory(err);
    out->exec_processes = room;
    out->exec_count = 0;
    return 0;
}

void template_add_exec(struct policy_draft_container *out, struct policy_list command)
{
    /* The room is the reader's own, and only lent as const. */
    struct policy_list *room = (struct policy_list *)(uintptr_t)out->exec_processes;
    room[out->exec_count++] = command;
}

int template_read_probe(const struct template_reader *reader, json_t *properties, const char *key,
                        struct policy_draft_container *out, struct error *err)
{
    json_t *probe, *exec;
    struct policy_list command;
    if (template_find_object(reader, properties, key, &probe, err) < 0 ||
        template_find_object(reader, probe, "exec", &exec, err) < 0 ||
        template_find_texts(reader, exec, "command", &command, err) < 0)
        return error_context(err, "%s", key);
    if (!exec)
        return 0;
    if (command.count == 0)
        return error_set(err, ERROR_INVALID, "%s: exec without a command", key);
    template_add_exec(out, command);
    return 0;
}

const char *template_mount_source(const char *kind)
{
    static const struct {
        const char *kind, *source;
    } sources[] = {
        {"azureFile", "sandbox:///tmp/atlas/azureFileVolume/.+"},
        {"secret", "sandbox:///tmp/atlas/secretsVolume/.+"},
        {"secretsSource", "plan9://"},
        {"emptyDir", POLICY_SOURCE_EMPTY_DIR},
        {"resolvconf", "sandbox:///tmp/atlas/resolvconf/.+"},
        {"gitRepo", "sandbox:///tmp/atlas/gitRepoVolume/.+"},
    };
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        if (strcmp(sources[i].kind, kind) == 0)
            return sources[i].source;
    }
    return NULL;
}

int template_fill_mount(const char *source, const char *destination, bool read_only,
                        struct policy_mount *out, struct error *err)
{
    static const char *const writable[] = {"rbind", "rshared", "rw"};
    static const char *const readable[] = {"rbind", "rshared", "ro"};
    if (*destination != '/')
        return error_set(err, ERROR_INVALID, "mount at \"%.128s\", which is not an absolute path",
                         destination);
    *out = (struct policy_mount){.destination = destination,
                                 .type = "bind",
                                 .source = source,
                                 .options = {read_only ? readable : writable, 3}};
    return 0;
}

int template_read_config_map(const struct template_reader *reader, json_t *properties,
                             struct policy_mount *mount, struct policy_draft_container *out,
                             struct error *err)
{
    json_t *map, *pairs;
    if (template_find_object(reader, properties, "configMap", &map, err) < 0 ||
        template_find_object(reader, map, "keyValuePairs", &pairs, err) < 0)
        return error_context(err, "configMap");
    if (json_object_size(pairs) == 0)
        return 0;
    out->mount_count++;
    return template_fill_mount(POLICY_SOURCE_EMPTY_DIR, "/mnt/configmap", false, mount, err);
}

static int read_fragment(const struct template_reader *reader, json_t *object,
                         struct policy_draft_fragment *out, struct error *err)
{
    if (template_get_text(reader, object, "feed", &out->feed, err) < 0 ||
        template_get_text(reader, object, "issuer", &out->issuer, err) < 0 ||
        template_get_text(reader, object, "minimum_svn", &out->minimum_svn, err) < 0 ||
        template_find_texts(reader, object, "includes", &out->includes, err) < 0)
        return -1;
    return 0;
}

int template_read_fragments(const struct template_reader *reader, json_t *document, const char *key,
                            const struct policy_draft_fragment **out, size_t *count,
                            struct error *err)
{
    json_t *array;
    if (template_find_array(reader, document, key, &array, err) < 0)
        return -1;
    size_t total = json_array_size(array);
    struct policy_draft_fragment *fragments = arena_take(&reader->groups->arena, total,
                                                         sizeof *fragments);
    if (!fragments)
        return error_memory(err);
    for (size_t i = 0; i < total; i++) {
        json_t *object;
        if (template_object_at(reader, array, i, key, &object, err) < 0 ||
            read_fragment(reader, object, &fragments[i], err) < 0)
            return error_context(err, "fragment %zu", i);
    }
    *out = fragments;
    *count = total;
    return 0;
}
