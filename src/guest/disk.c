#include "guest/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/text.h"
#include "format/disk_place.h"
#include "format/verity.h"
#include "os/devicemapper.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/mount.h"

#define PCI_DEVICES "/sys/bus/pci/devices"

static void closedir_cleanup(DIR **dir)
{
    if (*dir)
        (void)closedir(*dir);
}
#define DIR_AUTO __attribute__((cleanup(closedir_cleanup))) DIR

/* The path of the folder's first entry that begins so. The caller frees it; NULL for none. */
static char *first_in(const char *folder, const char *prefix)
{
    DIR_AUTO *dir = folder ? opendir(folder) : NULL;
    struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        if (text_starts_with(entry->d_name, prefix))
            return text_format("%s/%s", folder, entry->d_name);
    }
    return NULL;
}

/* The kernel has known all disks since it loaded their driver. */
static int find_at(unsigned int slot, unsigned int function, char path[DISK_PATH_SIZE],
                   struct error *err)
{
    TEXT_AUTO device = text_format(PCI_DEVICES "/0000:00:%02x.%x", slot, function);
    TEXT_AUTO driver = first_in(device, "virtio");
    TEXT_AUTO folder = driver ? text_format("%s/block", driver) : NULL;
    TEXT_AUTO disk = first_in(folder, "vd");
    if (!disk)
        return error_set(err, ERROR_NOT_FOUND, "there is no such disk (PCI device %02x.%x)", slot,
                         function);
    int size = snprintf(path, DISK_PATH_SIZE, "/dev%s", strrchr(disk, '/'));
    return size < DISK_PATH_SIZE ? 0 : error_set(err, ERROR_LIMIT, "%s is too long a name", disk);
}

int disk_find(unsigned int lun, char path[DISK_PATH_SIZE], struct error *err)
{
    return find_at(DISK_SLOT(lun), DISK_FUNCTION(lun), path, err);
}

int disk_find_parts(char path[DISK_PATH_SIZE], struct error *err)
{
    return find_at(DISK_PARTS_SLOT, 0, path, err);
}

static int read_exactly(int fd, void *out, size_t size, uint64_t offset, struct error *err)
{
    size_t got;
    if (fd_pread_full(fd, out, size, (off_t)offset, &got, err) < 0)
        return -1;
    if (got != size)
        return error_set(err, ERROR_INVALID, "the disk ends at %llu",
                         (unsigned long long)(offset + got));
    return 0;
}

/* What a disk says of itself, and nothing vouches for yet. */
struct layout {
    uint64_t blocks; /* of the file system */
    uint8_t first[VERITY_BLOCK_SIZE];
};

static int check_size(int fd, uint64_t blocks, struct error *err)
{
    uint64_t size;
    if (ioctl(fd, BLKGETSIZE64, &size) < 0)
        return error_system(err, errno, "cannot learn the disk's size");
    uint64_t needed = (blocks + 1 + verity_tree_blocks(blocks)) * VERITY_BLOCK_SIZE;
    if (needed > size)
        return error_set(err, ERROR_INVALID, "the disk has %llu bytes; its parts need %llu",
                         (unsigned long long)size, (unsigned long long)needed);
    return 0;
}

/* The first block up to the root hash, as dm-verity will see it. So the disk is the layer that it
 * is taken for, and the size true that all was computed from; else it is refused by name, where
 * dm-verity could only end the machine. */
static int check_first_block(int fd, const struct layout *layout,
                             const uint8_t root_hash[SHA256_SIZE], struct error *err)
{
    uint64_t path[VERITY_LEVELS_MAX];
    uint8_t block[VERITY_BLOCK_SIZE];
    uint8_t digest[SHA256_SIZE];
    size_t count = verity_first_path(layout->blocks, path);
    bool fits = true;
    verity_block_digest(layout->first, digest);
    for (size_t i = 0; fits && i < count; i++) {
        uint64_t offset = (layout->blocks + 1 + path[i]) * VERITY_BLOCK_SIZE;
        if (read_exactly(fd, block, sizeof block, offset, err) < 0)
            return -1;
        fits = memcmp(block, digest, sizeof digest) == 0;
        verity_block_digest(block, digest);
    }
    if (!fits || memcmp(root_hash, digest, sizeof digest) != 0)
        return error_set(err, ERROR_REFUSED,
                         "the disk is not the layer of this root hash: its hash tree does not "
                         "stand for its first block");
    return 0;
}

static int read_layout(int fd, struct layout *layout, struct error *err)
{
    uint8_t bytes[VERITY_SUPERBLOCK_SIZE];
    struct verity_superblock superblock;
    struct span ext4 = span_of(layout->first + EXT4_SUPERBLOCK_OFFSET, EXT4_SUPERBLOCK_SIZE);
    if (read_exactly(fd, layout->first, sizeof layout->first, 0, err) < 0 ||
        verity_ext4_blocks(ext4, &layout->blocks, err) < 0 ||
        read_exactly(fd, bytes, sizeof bytes, layout->blocks * VERITY_BLOCK_SIZE, err) < 0 ||
        verity_superblock_parse(span_of(bytes, sizeof bytes), &superblock, err) < 0)
        return -1;
    if (superblock.data_blocks != layout->blocks)
        return error_set(
            err, ERROR_INVALID, "dm-verity covers %llu blocks, the file system has %llu",
            (unsigned long long)superblock.data_blocks, (unsigned long long)layout->blocks);
    return check_size(fd, layout->blocks, err);
}

static int read_disk(const char *disk, const uint8_t root_hash[SHA256_SIZE], struct layout *layout,
                     struct error *err)
{
    FD_AUTO fd = file_open_read(disk, err);
    if (fd < 0 || read_layout(fd, layout, err) < 0)
        return -1;
    return check_first_block(fd, layout, root_hash, err);
}

static int mount_device(const char *device, const char *target, struct error *err)
{
    if (dir_make_all(target, 0755, err) < 0)
        return -1;
    /* Devices in an image have no meaning here, whiteouts among them aside; setuid programs do. */
    if (mount_filesystem(device, target, "ext4", MS_RDONLY | MS_NODEV | MS_NOATIME, NULL, err) <
        0) {
        (void)rmdir(target);
        return -1;
    }
    return 0;
}

int disk_mount(const struct request_mount_device *device, struct error *err)
{
    char disk[DISK_PATH_SIZE];
    char path[DEVICEMAPPER_PATH_SIZE];
    struct layout layout;
    struct devicemapper_verity verity = {.name = strrchr(device->target, '/') + 1, .disk = disk};
    if (!hex_decode(span_of_text(device->root_hash), verity.root_hash, sizeof verity.root_hash))
        return error_set(err, ERROR_INVALID, "the root hash is not 64 digits");
    if (disk_find(device->lun, disk, err) < 0 ||
        read_disk(disk, verity.root_hash, &layout, err) < 0)
        return error_context(err, "LUN %u", device->lun);
    verity.data_blocks = layout.blocks;
    verity.tree_block = layout.blocks + 1;
    if (devicemapper_create_verity(&verity, path, err) < 0)
        return error_context(err, "LUN %u", device->lun);
    if (mount_device(path, device->target, err) < 0) {
        (void)devicemapper_remove(verity.name, NULL);
        return error_context(err, "LUN %u", device->lun);
    }
    return 0;
}

/* What of it a process still has open lives until then; the name is not free before. */
int disk_unmount(const char *target, struct error *err)
{
    if (mount_remove(target, err) < 0)
        return -1;
    (void)rmdir(target);
    return devicemapper_remove(strrchr(target, '/') + 1, err);
}
