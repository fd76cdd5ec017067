/* What the gate has done: layers and the root of them, users, reports. Of what a utility VM can do
 * and an enclave cannot, each says so by name. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/hex.h"
#include "base/text.h"
#include "enclave/inside/enclave.h"
#include "enclave/libos/gate/gate_parts.h"
#include "enclave/libos/threads/lock.h"
#include "enclave/libos/threads/posted.h"
#include "evidence/enclave_mark.h"
#include "format/ext4.h"
#include "format/verity.h"

#define CONFIG_ID_AT 192 /* in a report's body (Intel SDM volume 3D, table 38-19) */

static int not_here(const char *what, struct error *err)
{
    return error_set(err, ERROR_UNAVAILABLE, "an enclave has no %s", what);
}

/* --- reports ---------------------------------------------------------------------------------- */

_Static_assert(REPORT_DATA_SIZE == SGX_REPORT_DATA_SIZE, "both kinds of hardware take as much");
_Static_assert(sizeof(struct sgx_targetinfo) == sizeof((struct door_start *)0)->target,
               "TARGETINFO");

/* For the quoting enclave that the host names: with another one, nobody signs it. */
static int machine_report(void *argument, const uint8_t report_data[REPORT_DATA_SIZE],
                          struct buf *report, struct buf *certificates, struct error *err)
{
    const struct container *all = argument;
    static struct sgx_targetinfo target __attribute__((aligned(512)));
    static uint8_t data[SGX_REPORT_DATA_SIZE] __attribute__((aligned(128)));
    static struct sgx_report made __attribute__((aligned(512)));
    (void)certificates;
    memcpy(&target, all->start.target, sizeof target);
    memcpy(data, report_data, sizeof data);
    enclave_mark_set(data);
    enclu_report(&target, data, &made);
    return buf_append(report, span_of(&made, SGX_REPORT_SIZE), err);
}

/* --- layers ----------------------------------------------------------------------------------- */

static struct gate_layer *find_layer(struct container *all, const char *target)
{
    for (size_t i = 0; i < REQUEST_LAYERS_MAX; i++) {
        if (strcmp(all->layers[i].target, target) == 0)
            return &all->layers[i];
    }
    return NULL;
}

int gate_read_blocks(struct root_layer *layer, struct error *err)
{
    uint8_t superblock[EXT4_SUPERBLOCK_SIZE];
    if (door_read_disk(layer->disk, EXT4_SUPERBLOCK_OFFSET, superblock, sizeof superblock) < 0)
        return error_set(err, ERROR_INVALID, "there is no such disk, or it is too small");
    return verity_ext4_blocks(span_of(superblock, sizeof superblock), &layer->data_blocks, err);
}

/* Its memory is the library OS's, which other threads use once there are some. */
static int check_layer(const struct container *all, const struct root_layer *layer)
{
    const bool is_shared = all->state > PROGRAM_ROOT;
    if (is_shared && !lock_take_by_gate())
        return -ESRCH;
    int status = root_check_layer(layer);
    if (is_shared)
        lock_release();
    return status;
}

static int machine_mount_device(void *argument, const struct request_mount_device *device,
                                struct error *err)
{
    struct container *all = argument;
    struct gate_layer *place = find_layer(all, "");
    struct root_layer layer = {.disk = device->lun};
    if (!place)
        return error_set(err, ERROR_LIMIT, "an enclave has at most %d layers", REQUEST_LAYERS_MAX);
    if (!hex_decode(span_of_text(device->root_hash), layer.root, sizeof layer.root))
        return error_set(err, ERROR_INVALID, "the root hash is not 64 digits");
    if (gate_read_blocks(&layer, err) < 0)
        return error_context(err, "LUN %u", device->lun);
    int status = check_layer(all, &layer);
    if (status == -ENOMEM)
        return error_memory(err);
    if (status == -ESRCH)
        return error_set(err, ERROR_NOT_FOUND, "the container has ended");
    if (status < 0)
        return error_set(err, ERROR_REFUSED,
                         "LUN %u: the disk is not the layer of this root hash: its hash tree does "
                         "not stand for its file system",
                         device->lun);
    if (!text_copy(place->target, sizeof place->target, device->target))
        return error_set(err, ERROR_LIMIT, "%s is too long", device->target);
    place->layer = layer;
    return 0;
}

static int machine_unmount_device(void *argument, const char *target, struct error *err)
{
    struct gate_layer *layer = find_layer(argument, target);
    if (!layer)
        return error_set(err, ERROR_NOT_FOUND, "no layer is mounted at %s", target);
    *layer = (struct gate_layer){.target = ""};
    return 0;
}

static int machine_mount_overlay(void *argument, const char *id, struct policy_list layers,
                                 struct error *err)
{
    static struct root_layer stack[REQUEST_LAYERS_MAX];
    struct container *all = argument;
    if (all->state != PROGRAM_NONE)
        return error_set(err, ERROR_REFUSED, "an enclave has one container, and once");
    for (size_t i = 0; i < layers.count; i++) {
        const struct gate_layer *layer = find_layer(all, layers.items[i]);
        if (!layer)
            return error_set(err, ERROR_NOT_FOUND, "no layer is mounted at %s", layers.items[i]);
        stack[i] = layer->layer;
    }
    all->state = PROGRAM_ROOT;
    int status = root_mount(all->vfs, stack, layers.count);
    if (status < 0)
        return error_set(err, ERROR_INVALID, "the layers make no root (errno %d)", -status);
    (void)text_copy(all->id, sizeof all->id, id);
    return 0;
}

/* What was stacked stays until the enclave ends: nothing runs in it any more. */
static int machine_remove_overlay(void *argument, const char *id, struct error *err)
{
    struct container *all = argument;
    (void)id;
    (void)err;
    if (all->state != PROGRAM_NONE)
        all->state = PROGRAM_ENDED;
    return 0;
}

/* --- users ------------------------------------------------------------------------------------ */

static int read_whole(struct file *file, struct buf *out, struct error *err)
{
    uint8_t piece[4096];
    int64_t got;
    while ((got = file_read(file, out->size, piece, sizeof piece)) > 0) {
        if (buf_append(out, span_of(piece, (size_t)got), err) < 0)
            return -1;
    }
    return got < 0 ? error_set(err, ERROR_INVALID, "it cannot be read (errno %d)", (int)-got) : 0;
}

/* A file of the container's; one that is not there is empty. */
static int read_file(struct vfs *vfs, const char *path, struct buf *out, struct error *err)
{
    int number = vfs_open(vfs, AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0, 0);
    if (number == -ENOENT || number == -ENOTDIR)
        return 0;
    if (number < 0)
        return error_set(err, ERROR_INVALID, "cannot open the container's %s", path);
    struct file *file = file_table_get(&vfs->files, number);
    int status = file->kind == &file_plain ? read_whole(file, out, err)
                                           : error_set(err, ERROR_INVALID, "it is no file");
    (void)file_close(&vfs->files, number);
    return status < 0 ? error_context(err, "the container's %s", path) : 0;
}

/* The container's own, as they are now. Once the program runs, files are under the lock. */
static int read_users(struct container *all, struct buf *passwd, struct buf *group,
                      struct error *err)
{
    bool runs = all->state == PROGRAM_RUNNING;
    struct vfs *vfs = runs ? &all->view : all->vfs;
    if (!runs && all->state != PROGRAM_ROOT)
        return error_set(err, ERROR_NOT_FOUND, "the container does not run");
    if (runs && !lock_take_by_gate())
        return error_set(err, ERROR_NOT_FOUND, "the container has ended");
    int status = read_file(vfs, "/etc/passwd", passwd, err);
    if (status == 0)
        status = read_file(vfs, "/etc/group", group, err);
    if (runs)
        lock_release();
    return status;
}

static int machine_find_user(void *argument, const struct request_process *process,
                             struct user *out, struct error *err)
{
    BUF_AUTO passwd = BUF_WITH_LIMIT(USER_FILE_MAX);
    BUF_AUTO group = BUF_WITH_LIMIT(USER_FILE_MAX);
    if (read_users(argument, &passwd, &group, err) < 0)
        return -1;
    if (user_resolve(process->user, buf_span(&passwd), buf_span(&group), out, err) < 0)
        return -1;
    return user_add_groups(process->groups, buf_span(&group), out, err);
}

/* --- the process's streams -------------------------------------------------------------------- */

static bool machine_stream_data(void *argument, uint32_t stream, struct span bytes)
{
    struct container *all = argument;
    if (stream != all->standard[0])
        return gate_exec_take_input(all, stream, bytes);
    if (all->state == PROGRAM_WAITS)
        return gate_keep_input(all, bytes);
    return bytes.size > 0 && door_input(bytes.data, bytes.size) == 0;
}

static bool machine_stream_closed(void *argument, uint32_t stream)
{
    struct container *all = argument;
    if (stream != all->standard[0])
        return gate_exec_end_input(all, stream);
    if (all->state == PROGRAM_WAITS) {
        all->kept.input_ended = true;
        return true;
    }
    all->standard[0] = 0;
    (void)door_input(NULL, 0);
    channel_forget(&all->gate.channel, stream);
    return true;
}

/* --- what is not here ------------------------------------------------------------------------- */

/* The host's half has the network already. The first process' name is its own request's. */
static int machine_set_network(void *argument, const struct request_set_network *network,
                               struct error *err)
{
    struct container *all = argument;
    (void)err;
    all->dns = network->dns;
    all->services = network->services;
    return 0;
}

static int machine_scratch_mount(void *argument, const struct request_scratch_mount *scratch,
                                 struct error *err)
{
    (void)argument;
    (void)scratch;
    return not_here("scratch disk", err);
}

static int machine_signal(void *argument, const char *id, uint64_t process, unsigned int number,
                          struct error *err)
{
    struct container *all = argument;
    (void)id;
    if (all->state != PROGRAM_RUNNING)
        return error_set(err, ERROR_NOT_FOUND, "the process does not run");
    if (number < 1 || number > SIGNALS)
        return error_set(err, ERROR_INVALID, "there is no signal %u", number);
    if (process != 0)
        return gate_exec_signal(all, process, number, err);
    posted_put((int)number);
    return 0;
}

static int machine_resize(void *argument, const char *id, uint64_t process, unsigned int rows,
                          unsigned int columns, struct error *err)
{
    (void)id;
    return gate_exec_resize(argument, process, rows, columns, err);
}

static int machine_probe_port(void *argument, unsigned int port, bool *open, struct error *err)
{
    (void)argument;
    (void)port;
    *open = false;
    return not_here("network", err);
}

static int machine_freeze(void *argument, bool frozen, struct error *err)
{
    (void)argument;
    (void)frozen;
    return not_here("way to stop a container for a while", err);
}

static int machine_verify_fragment(void *argument, struct span cose, struct buf *answer,
                                   struct error *err)
{
    (void)argument;
    (void)cose;
    (void)answer;
    return not_here("verifier of signed fragments", err);
}

static int machine_statistics(void *argument, uint64_t *total, uint64_t *available,
                              struct error *err)
{
    (void)argument;
    *total = *available = 0;
    return not_here("figures of its memory", err);
}

const struct machine_ops enclave_machine_ops = {
    .reports = {SGX_REPORT_SIZE, CONFIG_ID_AT, "CONFIGID"},
    .report = machine_report,
    .set_network = machine_set_network,
    .mount_device = machine_mount_device,
    .scratch_mount = machine_scratch_mount,
    .mount_overlay = machine_mount_overlay,
    .remove_overlay = machine_remove_overlay,
    .unmount_device = machine_unmount_device,
    .find_user = machine_find_user,
    .start = gate_start_program,
    .signal = machine_signal,
    .resize = machine_resize,
    .probe_port = machine_probe_port,
    .freeze = machine_freeze,
    .usage = gate_tell_usage,
    .processes = gate_tell_processes,
    .verify_fragment = machine_verify_fragment,
    .statistics = machine_statistics,
    .stream_data = machine_stream_data,
    .stream_closed = machine_stream_closed,
};
