#include <stdio.h>

#include "policy/generate_parts.h"

static void put_rows(struct writer *writer, struct policy_rows rows)
{
    char text[32];
    put(writer, "[");
    for (size_t i = 0; i < rows.count; i++) {
        (void)snprintf(text, sizeof text, "%s%zu", i ? "," : "", rows.items[i]);
        put(writer, text);
    }
    put(writer, "]");
}

/* Caisson's own: the reference passes over a definition that it does not ask for. */
void generate_group(struct writer *writer, const struct policy_group *group)
{
    char text[64];
    put(writer, "caisson_group := {\"containers\":");
    put_rows(writer, group->containers);
    put(writer, ",\"empty_dirs\":[");
    for (size_t i = 0; i < group->empty_dir_count; i++) {
        const struct policy_empty_dir *dir = &group->empty_dirs[i];
        put(writer, i ? ",{" : "{");
        if (dir->group) {
            (void)snprintf(text, sizeof text, "\"group\":%u,", dir->group);
            put(writer, text);
        }
        put(writer, "\"memory\":");
        put_bool(writer, dir->memory);
        put(writer, ",\"name\":");
        put_string(writer, dir->name);
        (void)snprintf(text, sizeof text, ",\"size\":%llu}", (unsigned long long)dir->size);
        put(writer, text);
    }
    put(writer, "],\"init\":");
    put_rows(writer, group->init);
    put(writer, ",\"restart\":");
    put_string(writer, policy_restart_names[group->restart]);
    put(writer, ",\"shared_ipc\":");
    put_bool(writer, group->shared_ipc);
    put(writer, ",\"shared_pid\":");
    put_bool(writer, group->shared_pid);
    if (group->sidecars.count > 0) {
        put(writer, ",\"sidecars\":");
        put_rows(writer, group->sidecars);
    }
    put(writer, "}\n\n");
}
