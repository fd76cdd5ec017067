#include "enclave/libos/files/devices.h"

#include <linux/errno.h>

#include "enclave/libos/bytes.h"

#define MEMORY_MAJOR 1

static int64_t read_nothing(struct file *file, uint64_t offset, void *out, size_t size)
{
    (void)file;
    (void)offset;
    (void)out;
    (void)size;
    return 0;
}

static int64_t read_zeros(struct file *file, uint64_t offset, void *out, size_t size)
{
    (void)file;
    (void)offset;
    memset(out, 0, size);
    return (int64_t)size;
}

static int64_t read_random(struct file *file, uint64_t offset, void *out, size_t size)
{
    const struct vfs *vfs = file->state;
    (void)offset;
    int status = vfs->random.fill(vfs->random.arg, out, size);
    return status < 0 ? status : (int64_t)size;
}

static int64_t write_away(struct file *file, uint64_t offset, const void *bytes, size_t size)
{
    (void)file;
    (void)offset;
    (void)bytes;
    return (int64_t)size;
}

static int64_t write_full(struct file *file, uint64_t offset, const void *bytes, size_t size)
{
    (void)file;
    (void)offset;
    (void)bytes;
    return size == 0 ? 0 : -ENOSPC;
}

static const struct file_kind null_kind = {.read = read_nothing, .write = write_away};
static const struct file_kind zero_kind = {.read = read_zeros, .write = write_away};
static const struct file_kind full_kind = {.read = read_zeros, .write = write_full};
static const struct file_kind random_kind = {.read = read_random, .write = write_away};

static const struct {
    const char *name;
    uint32_t minor;
    const struct file_kind *kind;
} devices[] = {
    {"null", 3, &null_kind},     {"zero", 5, &zero_kind},      {"full", 7, &full_kind},
    {"random", 8, &random_kind}, {"urandom", 9, &random_kind},
};
#define DEVICES (sizeof devices / sizeof *devices)

int devices_open(struct vfs *vfs, struct file *file)
{
    const struct node *node = file->node;
    for (size_t i = 0; i < DEVICES; i++) {
        if (node->major != MEMORY_MAJOR || node->minor != devices[i].minor)
            continue;
        if (devices[i].kind == &random_kind && !vfs->random.fill)
            return -ENXIO;
        file->kind = devices[i].kind;
        file->state = vfs;
        return 0;
    }
    return -ENXIO;
}

int devices_make(struct tree *tree)
{
    static const struct {
        const char *name, *target;
    } links[] = {{"fd", "/proc/self/fd"},
                 {"stdin", "/proc/self/fd/0"},
                 {"stdout", "/proc/self/fd/1"},
                 {"stderr", "/proc/self/fd/2"}};
    struct node_new shm = {.mode = EXT4_DIR << 12 | 01777};
    int status = tree_create(tree->root, span_of_text("shm"), &shm, NULL);
    for (size_t i = 0; i < DEVICES && status == 0; i++) {
        struct node_new what = {
            .mode = EXT4_CHAR << 12 | 0666, .major = MEMORY_MAJOR, .minor = devices[i].minor};
        status = tree_create(tree->root, span_of_text(devices[i].name), &what, NULL);
    }
    for (size_t i = 0; i < sizeof links / sizeof *links && status == 0; i++) {
        struct node_new what = {.mode = EXT4_LINK << 12 | 0777,
                                .target = span_of_text(links[i].target)};
        status = tree_create(tree->root, span_of_text(links[i].name), &what, NULL);
    }
    return status;
}
