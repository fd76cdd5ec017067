#include "cli/container_logs.h"

#include <string.h>

#include "base/text.h"

static const char *name_at(const struct record *record, size_t index)
{
    const char *name = json_string_value(
        json_object_get(json_array_get(record->containers, index), "name"));
    return name ? name : "";
}

static int add(struct container_logs *logs, const char *folder, const char *container,
               struct error *err)
{
    struct container_log_reader *reader = &logs->readers[logs->count];
    if (logs->count == MACHINE_MEMBERS_MAX)
        return error_set(err, ERROR_LIMIT, "more than %d containers", MACHINE_MEMBERS_MAX);
    if (container)
        (void)snprintf(logs->prefixes[logs->count], sizeof logs->prefixes[0], "%.*s | ",
                       RECORD_NAME_MAX, container);
    logs->count++;
    return container_log_reader_open(folder, container, reader, err);
}

static int add_all(struct container_logs *logs, const struct record *record, const char *folder,
                   const char *container, struct error *err)
{
    size_t count = json_array_size(record->containers);
    if (count == 0 && !container)
        return add(logs, folder, NULL, err);
    for (size_t i = 0; i < count; i++) {
        const char *name = name_at(record, i);
        if ((!container || strcmp(container, name) == 0) && add(logs, folder, name, err) < 0)
            return -1;
    }
    if (logs->count == 0)
        return error_set(err, ERROR_NOT_FOUND, "%s has no container %s; see: caisson inspect %s",
                         record->name, container ? container : "", record->name);
    for (size_t i = 0; i < logs->count && logs->count > 1; i++)
        logs->readers[i].prefix = logs->prefixes[i];
    return 0;
}

int container_logs_open(const struct record *record, const char *container,
                        struct container_logs *out, struct error *err)
{
    char *folder;
    out->count = 0;
    if (record_folder(record->name, &folder, err) < 0)
        return -1;
    TEXT_AUTO owned = folder;
    if (add_all(out, record, owned, container, err) == 0)
        return 0;
    container_logs_close(out);
    return -1;
}

void container_logs_close(struct container_logs *logs)
{
    for (size_t i = 0; i < logs->count; i++)
        container_log_reader_close(&logs->readers[i]);
    logs->count = 0;
}

int container_logs_read(struct container_logs *logs, bool *more, struct error *err)
{
    *more = false;
    for (size_t i = 0; i < logs->count; i++) {
        bool some;
        if (container_log_read(&logs->readers[i], stdout, stderr, &some, err) < 0)
            return -1;
        *more = *more || some;
    }
    if (fflush(stdout) != 0)
        return error_set(err, ERROR_SYSTEM, "cannot write standard output");
    return 0;
}
