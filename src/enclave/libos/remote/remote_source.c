#include "enclave/libos/remote/remote_source.h"

#include <asm/errno.h>
#include <asm/unistd_64.h>

#include "enclave/libos/calls/code_sites.h"
#include "enclave/libos/calls/own_call.h"
#include "enclave/libos/processes/told.h"
#include "enclave/libos/program/script.h"
#include "enclave/libos/remote/remote_call.h"
#include "enclave/libos/remote/remote_file.h"

static int64_t call(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    const uint64_t arguments[REMOTE_ARGUMENTS] = {a, b, c, d};
    return (int64_t)remote_own_call(number, arguments);
}

static int open_file(void *argument, const struct program_name *name, struct program_file *out)
{
    uint64_t size = 0;
    (void)argument;
    int64_t number = call(OWN_OPEN_PROGRAM, (uint64_t)name->at, (uintptr_t)name->path, name->flags,
                          (uintptr_t)&size);
    if (number < 0)
        return (int)number;
    int64_t layer = remote_file_layer((uint64_t)number);
    *out = (struct program_file){
        .handle = (uint64_t)number + 1, .size = size, .layer = layer > 0 ? layer : 0};
    return 0;
}

static int64_t read_file(void *argument, const struct program_file *file, uint64_t offset,
                         void *out, size_t size)
{
    (void)argument;
    return remote_file_read(file->handle - 1, file->layer, offset, out, size);
}

static void close_file(void *argument, const struct program_file *file)
{
    (void)argument;
    (void)call(__NR_close, file->handle - 1, 0, 0, 0);
}

static int find_sites(void *argument, const struct program_file *file, uint64_t offset,
                      const uint8_t *code, size_t size, struct site *out)
{
    const struct code_origin origin = {NULL, file->handle - 1, offset};
    (void)argument;
    return code_sites_find(&origin, code, size, out);
}

static void begun(void *argument, const char *path, const struct program_words *words)
{
    (void)argument;
    (void)call(OWN_EXECUTED, (uintptr_t)path, (uintptr_t)words->texts, told_size(words), 0);
}

void remote_source_init(struct program_source *source, uint32_t uid, uint32_t gid)
{
    *source = (struct program_source){.open = open_file,
                                      .read = read_file,
                                      .close = close_file,
                                      .find_sites = find_sites,
                                      .begun = begun,
                                      .uid = uid,
                                      .gid = gid};
}
