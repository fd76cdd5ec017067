#include "enclave/libos/program/source.h"

#include "enclave/libos/calls/code_sites.h"
#include "enclave/libos/processes/process.h"
#include "enclave/libos/program/script.h"

static int open_file(void *argument, const struct program_name *name, struct program_file *out)
{
    struct process *process = argument;
    struct file *file;
    int status = vfs_open_program(&process->vfs, name->at, name->path, name->flags, &file);
    if (status == 0)
        *out = (struct program_file){.handle = (uintptr_t)file, .size = file->node->size};
    return status;
}

static int64_t read_file(void *argument, const struct program_file *file, uint64_t offset,
                         void *out, size_t size)
{
    (void)argument;
    return file_read((struct file *)file->handle, offset, out, size); /* NOLINT: open_file()'s */
}

static void close_file(void *argument, const struct program_file *file)
{
    (void)argument;
    file_put((struct file *)file->handle); /* NOLINT: open_file()'s */
}

static int find_sites(void *argument, const struct program_file *file, uint64_t offset,
                      const uint8_t *code, size_t size, struct site *out)
{
    const struct code_origin origin = {(struct file *)file->handle, 0,
                                       offset}; /* NOLINT: likewise */
    (void)argument;
    return code_sites_find(&origin, code, size, out);
}

static void begin(void *argument, const char *path, const struct program_words *words)
{
    struct process *process = argument;
    process_execute(process);
    told_begin(&process->told, &process->vfs, path, words->texts, told_size(words));
}

void program_source_init(struct program_source *source, struct process *process)
{
    *source = (struct program_source){.open = open_file,
                                      .read = read_file,
                                      .close = close_file,
                                      .find_sites = find_sites,
                                      .begun = begin,
                                      .argument = process,
                                      .uid = process->vfs.creds.uid,
                                      .gid = process->vfs.creds.gid};
}
