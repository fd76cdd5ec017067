/* From what the policy allowed to a program that is loaded: the container's first process. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "enclave/libos/calls/syscall.h"
#include "enclave/libos/files/streams.h"
#include "enclave/libos/gate/gate_parts.h"
#include "enclave/libos/processes/process.h"
#include "enclave/libos/program/facts.h"
#include "enclave/libos/program/memory.h"
#include "enclave/libos/system.h"

/* What an enclave does not do for a process is refused, never left out. */
static int check(const struct spec *spec, struct error *err)
{
    bool limited = spec->limits.cpu || spec->limits.count;
    const struct {
        bool asked;
        const char *what;
    } all[] = {
        {spec->privileged, "privileges"},
        {spec->sysctls.count > 0, "kernel settings"},
        {limited, "limits of a container's time and processes"},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (all[i].asked)
            return error_set(err, ERROR_UNAVAILABLE,
                             "cannot start the process: an enclave has no %s", all[i].what);
    }
    return 0;
}

/* The folder is made where it is missing, as the utility VM does. */
static int enter_folder(struct vfs *vfs, const char *cwd, struct error *err)
{
    char path[PATH_MAX];
    if (!text_copy(path, sizeof path, cwd))
        return gate_cannot(cwd, -ENAMETOOLONG, err);
    for (char *at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
        *at = '\0';
        (void)vfs_mkdir(vfs, AT_FDCWD, path, 0755);
        *at = '/';
    }
    (void)vfs_mkdir(vfs, AT_FDCWD, path, 0755);
    return 0;
}

/* What is named, or its interpreter, and a stack with the words. */
static int load_words(struct container *all, const struct program_words *words)
{
    const struct program_name name = {.at = AT_FDCWD, .path = words->texts};
    struct program_source source;
    struct program_image *image;
    program_source_init(&source, process_first());
    int status = program_open(&source, &name, words, &image);
    if (status < 0)
        return status;
    status = program_load(image, &all->program, &all->stack);
    if (status == 0) {
        program_facts_begin(&all->program, all->stack);
        told_begin(&process_first()->told, all->vfs, image->path, words->texts, told_size(words));
    }
    program_close(image);
    return status;
}

static int load_program(struct container *all, const struct spec *spec, const char *path,
                        struct error *err)
{
    __attribute__((cleanup(buf_fini_secret))) struct buf texts = BUF_WITH_LIMIT(GATE_WORDS_MAX);
    struct program_words words;
    if (gate_put_words(spec, path, &texts, &words, err) < 0)
        return -1;
    int status = load_words(all, &words);
    return status < 0 ? gate_cannot(path, status, err) : 0;
}

/* A terminal is in this enclave; else streams are the host's. */
static int open_streams(struct container *all, const struct spec *spec)
{
    unsigned streams = 0;
    if (spec->terminal) {
        const uint32_t *standard = all->standard;
        int status = gate_streams_open(&all->first, process_first(), spec, standard);
        memset(all->standard, 0, sizeof all->standard);
        return status;
    }
    for (unsigned i = 0; i < 3; i++)
        streams |= all->standard[i] != 0 ? 1U << i : 0;
    return streams_open(all->vfs, streams);
}

/* All that stands in the container's files before anybody is asked for secrets. */
static int prepare(struct container *all, const struct spec *spec, struct error *err)
{
    int status = open_streams(all, spec);
    if (status < 0)
        return gate_cannot("its streams", status, err);
    if (spec->attestation && spec->attestation->api)
        status = root_mount_attestation(all->vfs, all->start.target);
    if (status < 0)
        return gate_cannot("/dev/attestation", status, err);
    if (gate_prepare_agent(all, spec, err) < 0 || gate_mount_all(all, spec, err) < 0)
        return -1;
    return enter_folder(all->vfs, spec->cwd, err);
}

int gate_finish_start(struct container *all, const struct spec *spec, struct error *err)
{
    char path[PATH_MAX];
    if (spec->read_only_root)
        root_be_read_only(all->vfs);
    gate_become(process_first(), spec);
    int status = vfs_chdir(all->vfs, spec->cwd);
    if (status < 0)
        return gate_cannot(spec->cwd, status, err);
    if (gate_find_program(all->vfs, spec, path, err) < 0)
        return -1;
    if (load_program(all, spec, path, err) < 0)
        return -1;
    all->state = PROGRAM_LOADED;
    return 0;
}

static int load(struct container *all, const struct spec *spec, struct error *err)
{
    if (prepare(all, spec, err) < 0)
        return -1;
    return gate_wants_secrets(spec) ? gate_ask_for_secrets(all, spec, err)
                                    : gate_finish_start(all, spec, err);
}

int gate_start_program(void *argument, const struct spec *spec, uint64_t process,
                       const uint32_t standard[3], struct error *err)
{
    struct container *all = argument;
    struct rlimits limits;
    if (process != 0)
        return gate_exec_start(all, spec, process, standard, err);
    if (all->state != PROGRAM_ROOT)
        return error_set(err, ERROR_UNAVAILABLE, "an enclave has one container, and once");
    if (check(spec, err) < 0 || rlimits_parse(spec->rlimits, &limits, err) < 0)
        return -1;
    if (vfs_fork(all->vfs, &all->view) < 0)
        return error_memory(err);
    if (spec->limits.memory) {
        memory_bound(spec->limits.memory);
        root_bound(spec->limits.memory);
    }
    limits_init(&all->limits, limits.values[RLIMIT_NOFILE].rlim_cur, PROGRAM_STACK_SIZE);
    process_first()->limits = all->limits;
    all->vfs->files.limit = limits_files(&all->limits);
    system_set_hostname(spec->hostname);
    memcpy(all->standard, standard, sizeof all->standard);
    if (load(all, spec, err) < 0) {
        memset(all->standard, 0, sizeof all->standard);
        return -1;
    }
    return 0;
}
