#include "enclave/libos/files/root.h"

#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/limits.h>
#include <linux/magic.h>

#include "enclave/inside/enclave.h"
#include "enclave/libos/bytes.h"
#include "enclave/libos/clock.h"
#include "enclave/libos/door/door.h"
#include "enclave/libos/files/attestation.h"
#include "enclave/libos/files/devices.h"
#include "enclave/libos/files/proc.h"
#include "enclave/libos/files/sysfs.h"
#include "enclave/libos/files/terminal.h"
#include "enclave/libos/files/verity.h"
#include "enclave/libos/log.h"
#include "enclave/libos/wire/handshake.h"

#define NANOSECONDS      UINT64_C(1000000000)
#define APART_DEVICE     62
#define APART_BLOCKS     64                  /* that are kept of its layer */
#define APART_LIMIT      (UINT64_C(1) << 20) /* bytes of its names */
#define TERMINALS_DEVICE 63
#define FIRST_DEVICE     64 /* behind those of /dev, /proc and /sys */

/* `arg` is the disk's number. */
static int read_blocks(void *arg, uint64_t block, size_t count, uint8_t *out)
{
    if (block > UINT64_MAX / VERITY_BLOCK_SIZE)
        return -EIO;
    return door_read_disk((uint32_t)(uintptr_t)arg, block * VERITY_BLOCK_SIZE, out,
                          count * VERITY_BLOCK_SIZE);
}

static int read_part(void *arg, uint64_t block, size_t offset, size_t size, void *out)
{
    return verity_disk_read(arg, block, offset, size, out);
}

static int read_whole(void *arg, uint64_t block, size_t count, void *out)
{
    return verity_disk_read_whole(arg, block, count, out);
}

static void now(void *arg, struct file_time *out)
{
    uint64_t time = clock_now(DOOR_CLOCK_REAL);
    (void)arg;
    *out = (struct file_time){(int64_t)(time / NANOSECONDS), (uint32_t)(time % NANOSECONDS)};
}

static int fill(void *arg, void *out, size_t size)
{
    (void)arg;
    return enclave_random(out, size) ? 0 : -EIO;
}

static int open_layer(const struct root_layer *layer, size_t cache, struct verity_disk **blocks,
                      struct ext4_reader *out)
{
    struct verity_source source = {read_blocks, (void *)(uintptr_t)layer->disk}; /* NOLINT */
    int status = verity_disk_new(&source, layer->data_blocks, layer->root, cache, blocks);
    if (status < 0)
        return status;
    struct ext4_source data = {read_part, read_whole, *blocks, verity_disk_blocks(*blocks)};
    status = ext4_reader_open(out, &data);
    if (status < 0)
        log_number("no layer of its root hash is on the disk ", layer->disk);
    return status;
}

int root_check_layer(const struct root_layer *layer)
{
    struct ext4_reader *reader = alloc_zeroed(1, sizeof *reader);
    struct verity_disk *blocks = NULL;
    int status = reader ? open_layer(layer, VERITY_CACHE_BLOCKS_MIN, &blocks, reader) : -ENOMEM;
    verity_disk_free(blocks);
    libos_free(reader);
    return status;
}

static struct account written = {.limit = ROOT_LIMIT};

/* Makes the folder where it is missing. */
static int mount_at(struct vfs *vfs, const char *path, struct tree *tree)
{
    int status = vfs_mkdir(vfs, AT_FDCWD, path, 0755);
    if (status == 0 || status == -EEXIST)
        status = vfs_mount(vfs, path, tree);
    if (status == 0)
        proc_note_mount(path, tree);
    return status;
}

static int mount_dev(struct vfs *vfs)
{
    struct tree_options options = {.limit = ROOT_LIMIT,
                                   .whole = &written,
                                   .flags = TREE_NO_SETUID,
                                   .device = 2,
                                   .mode = 0755,
                                   .clock = vfs->clock};
    struct tree *dev = NULL;
    int status = tree_new(&options, &dev);
    if (status == 0)
        status = devices_make(dev);
    if (status == 0)
        status = terminal_make_devices(dev);
    return status < 0 ? status : mount_at(vfs, "/dev", dev);
}

static int mount_terminals(struct vfs *vfs)
{
    struct tree_options options = {.limit = ROOT_LIMIT,
                                   .whole = &written,
                                   .flags = TREE_NO_SETUID | TREE_NO_EXECUTE,
                                   .device = TERMINALS_DEVICE,
                                   .mode = 0755,
                                   .clock = vfs->clock};
    struct tree *folder = NULL;
    int status = tree_new(&options, &folder);
    if (status < 0)
        return status;
    folder->kind = "devpts";
    folder->magic = DEVPTS_SUPER_MAGIC;
    status = terminal_make_folder(folder);
    return status < 0 ? status : mount_at(vfs, "/dev/pts", folder);
}

static int mount_system(struct vfs *vfs)
{
    const unsigned harmless = TREE_NO_SETUID | TREE_NO_DEVICES | TREE_NO_EXECUTE;
    struct tree *proc = NULL, *sys = NULL;
    int status = proc_new(vfs->clock, &proc);
    if (status < 0 || !proc)
        return status;
    proc->flags = harmless;
    status = mount_at(vfs, "/proc", proc);
    if (status == 0)
        status = sysfs_new(vfs->clock, &sys);
    if (status < 0 || !sys)
        return status;
    sys->flags = harmless | TREE_READ_ONLY;
    return mount_at(vfs, "/sys", sys);
}

/* The tree is *vfs's root, which is empty so far. */
static int begin_root(struct vfs *vfs, const struct tree_options *options, struct tree **root)
{
    int status = tree_new(options, root);
    if (status < 0)
        return status;
    vfs_init(vfs, *root, options->clock);
    vfs->random = (struct file_random){fill, NULL};
    return 0;
}

int root_mount(struct vfs *vfs, const struct root_layer *layers, size_t count)
{
    struct file_clock clock = {now, NULL};
    struct ext4_reader *readers = alloc_zeroed(count + 1, sizeof *readers);
    size_t cache = ROOT_BLOCKS / (count + 1);
    struct tree *root = NULL;
    int status = readers ? 0 : -ENOMEM;
    for (size_t i = 0; status == 0 && i < count; i++) {
        struct verity_disk *blocks = NULL;
        status = open_layer(&layers[i], cache, &blocks, &readers[i]);
    }
    struct tree_options options = {.limit = ROOT_LIMIT,
                                   .whole = &written,
                                   .device = 1,
                                   .mode = 0755,
                                   .clock = clock,
                                   .layers = readers,
                                   .layer_count = count};
    if (status == 0)
        status = begin_root(vfs, &options, &root);
    if (status < 0)
        return status;
    proc_note_mount("/", root);
    status = mount_dev(vfs);
    if (status == 0)
        status = mount_terminals(vfs);
    return status < 0 ? status : mount_system(vfs);
}

int root_open_apart(struct vfs *vfs, const struct root_layer *layer)
{
    struct file_clock clock = {now, NULL};
    struct ext4_reader *reader = alloc_zeroed(1, sizeof *reader);
    struct verity_disk *blocks = NULL;
    struct tree *root = NULL;
    int status = reader ? open_layer(layer, APART_BLOCKS, &blocks, reader) : -ENOMEM;
    struct tree_options options = {.limit = APART_LIMIT,
                                   .flags = TREE_READ_ONLY | TREE_NO_SETUID | TREE_NO_DEVICES,
                                   .device = APART_DEVICE,
                                   .clock = clock,
                                   .layers = reader,
                                   .layer_count = 1};
    return status < 0 ? status : begin_root(vfs, &options, &root);
}

static int make_folders(struct vfs *vfs, const char *path)
{
    char above[PATH_MAX];
    size_t size = strnlen(path, sizeof above);
    if (size == sizeof above || path[0] != '/')
        return size == sizeof above ? -ENAMETOOLONG : -EINVAL;
    memcpy(above, path, size + 1);
    for (size_t i = 1; i < size; i++) {
        if (above[i] != '/')
            continue;
        above[i] = 0;
        int status = vfs_mkdir(vfs, AT_FDCWD, above, 0755);
        above[i] = '/';
        if (status < 0 && status != -EEXIST)
            return status;
    }
    return 0;
}

static uint32_t next_device = FIRST_DEVICE;

int root_mount_tmpfs(struct vfs *vfs, const struct root_tmpfs *what)
{
    struct tree_options options = {.limit = what->limit,
                                   .whole = &written,
                                   .flags = what->flags,
                                   .device = next_device,
                                   .mode = what->mode,
                                   .clock = vfs->clock};
    struct tree *tree = NULL;
    int status = make_folders(vfs, what->path);
    if (status == 0)
        status = tree_new(&options, &tree);
    if (status < 0 || !tree)
        return status;
    next_device++;
    tree->root->uid = what->uid;
    tree->root->gid = what->gid;
    return mount_at(vfs, what->path, tree);
}

/* What is there is left as it is. */
static int make_file(struct vfs *vfs, const char *path)
{
    int number = vfs_open(vfs, AT_FDCWD, path, O_RDONLY | O_CREAT | O_NONBLOCK, 0644, 0);
    return number < 0 ? number : file_close(&vfs->files, number);
}

static int fill_file(struct node *node, struct span bytes)
{
    int64_t put = bytes.size > 0 ? node_write(node, 0, bytes.data, bytes.size) : 0;
    if (put >= 0 && (size_t)put < bytes.size)
        return -ENOSPC;
    return put < 0 ? (int)put : 0;
}

int root_mount_file(struct vfs *vfs, const struct root_file *what)
{
    struct tree_options options = {
        .limit = ROOT_LIMIT,
        .whole = &written,
        .flags = TREE_READ_ONLY | TREE_NO_SETUID | TREE_NO_DEVICES | TREE_NO_EXECUTE,
        .device = next_device,
        .mode = what->mode,
        .is_file = true,
        .clock = vfs->clock};
    struct tree *tree = NULL;
    int status = make_folders(vfs, what->path);
    if (status == 0)
        status = make_file(vfs, what->path);
    if (status == 0)
        status = tree_new(&options, &tree);
    if (status < 0 || !tree)
        return status;
    next_device++;
    tree->root->uid = what->uid;
    status = fill_file(tree->root, what->bytes);
    if (status == 0)
        status = vfs_mount(vfs, what->path, tree);
    if (status == 0)
        proc_note_mount(what->path, tree);
    return status;
}

static struct attestation_source source_of(const uint8_t quoting[512])
{
    struct attestation_source source = {.processor = &handshake_inside};
    _Static_assert(sizeof source.quoting == 512, "TARGETINFO");
    memcpy(source.quoting, quoting, sizeof source.quoting);
    return source;
}

void root_begin_attestation(const uint8_t quoting[512])
{
    const struct attestation_source source = source_of(quoting);
    attestation_begin(&source);
}

int root_mount_attestation(struct vfs *vfs, const uint8_t quoting[512])
{
    const struct attestation_source source = source_of(quoting);
    struct tree *tree = NULL;
    int status = attestation_new(&source, vfs->clock, &tree);
    if (status < 0 || !tree)
        return status;
    tree->flags = TREE_NO_SETUID | TREE_NO_DEVICES | TREE_NO_EXECUTE;
    return mount_at(vfs, "/dev/attestation", tree);
}

void root_bound(uint64_t size)
{
    written.limit = size < ROOT_LIMIT ? size : ROOT_LIMIT;
}

void root_be_read_only(struct vfs *vfs)
{
    vfs->root->tree->flags |= TREE_READ_ONLY;
}
