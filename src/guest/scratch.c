#include "guest/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/secret.h"
#include "base/text.h"
#include "crypto/random.h"
#include "guest/disk.h"
#include "guest/parts.h"
#include "guest/parts_disk.h"
#include "os/devicemapper.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/module.h"
#include "os/mount.h"

#define TAGS   "scratch-tags"
#define DEVICE "scratch"

/* AEGIS-128 (CAESAR's portfolio; draft-irtf-cfrg-aegis-aead) under a random nonce of 128 bits:
 * no number of blocks makes one come twice. A key and a nonce are 16 bytes each, and so is a
 * tag. */
#define CIPHER   "capi:aegis128-random"
#define KEY_SIZE 16
#define TAG_SIZE 32 /* nonce and tag, kept beside the block */

#define SECTOR_SIZE 512
#define UNIT_SIZE   4096

#define QUOTA_ENABLE_SIMPLE 4 /* BTRFS_QUOTA_CTL_ENABLE_SIMPLE_QUOTA, which older headers lack */

/* --- the parts -------------------------------------------------------------------------------- */

/* A driver for instructions that this processor lacks is no loss: there is a portable one too. */
static int load_module(const struct part *part, struct error *err)
{
    struct error why;
    if (module_load_bytes(part->name, part->bytes, &why) == 0 || why.code == ERROR_UNAVAILABLE)
        return 0;
    if (err)
        *err = why;
    return -1;
}

/* Loads the modules; the template comes last. */
static int load_parts(struct span parts, struct span *template, struct error *err)
{
    struct cursor cursor = cursor_of(parts);
    struct part part;
    while (part_read(&cursor, &part)) {
        *template = part.bytes;
        if (strcmp(part.name, "template") == 0)
            return 0;
        if (load_module(&part, err) < 0)
            return -1;
    }
    return error_set(err, ERROR_INVALID, "the parts hold no template");
}

/* --- the device ------------------------------------------------------------------------------- */

/* The sectors that are left beside tags, which take less than a 128th, and dm-integrity's own. */
static uint64_t usable_sectors(uint64_t size)
{
    uint64_t blocks = size / UNIT_SIZE;
    return (blocks - blocks / 128 - 512) * (UNIT_SIZE / SECTOR_SIZE);
}

/* dm-integrity formats a disk that begins with zeros, and takes what the host has left there
 * otherwise. */
static int clear_start(const char *disk, uint64_t *size, struct error *err)
{
    static const uint8_t zeros[UNIT_SIZE];
    FD_AUTO fd = open(disk, O_RDWR | O_CLOEXEC);
    if (fd < 0 || ioctl(fd, BLKGETSIZE64, size) < 0)
        return error_system(err, errno, "cannot open the disk");
    if (*size < SCRATCH_SIZE_MIN)
        return error_set(err, ERROR_INVALID, "the disk has %llu bytes; scratch needs %llu",
                         (unsigned long long)*size, SCRATCH_SIZE_MIN);
    if (fd_pwrite_all(fd, span_of(zeros, sizeof zeros), 0, err) < 0)
        return -1;
    return fsync(fd) < 0 ? error_system(err, errno, "cannot write to the disk") : 0;
}

static int make_crypt(const char *tags, uint64_t sectors, char path[DEVICEMAPPER_PATH_SIZE],
                      struct error *err)
{
    uint8_t key[KEY_SIZE];
    if (random_bytes(key, sizeof key, err) < 0)
        return -1;
    const struct devicemapper_crypt crypt = {.name = DEVICE,
                                             .disk = tags,
                                             .cipher = CIPHER,
                                             .sectors = sectors,
                                             .tag_size = TAG_SIZE,
                                             .key = span_of(key, sizeof key)};
    int status = devicemapper_create_crypt(&crypt, path, err);
    secret_wipe(key, sizeof key);
    return status;
}

static int make_device(unsigned int lun, char path[DEVICEMAPPER_PATH_SIZE], struct error *err)
{
    char disk[DISK_PATH_SIZE];
    char tags[DEVICEMAPPER_PATH_SIZE];
    uint64_t size;
    if (disk_find(lun, disk, err) < 0 || clear_start(disk, &size, err) < 0)
        return -1;
    const struct devicemapper_integrity integrity = {
        .name = TAGS, .disk = disk, .sectors = usable_sectors(size), .tag_size = TAG_SIZE};
    if (devicemapper_create_integrity(&integrity, tags, err) < 0)
        return -1;
    if (make_crypt(tags, integrity.sectors, path, err) < 0) {
        (void)devicemapper_remove(TAGS, NULL);
        return -1;
    }
    return 0;
}

static void remove_device(void)
{
    (void)devicemapper_remove(DEVICE, NULL);
    (void)devicemapper_remove(TAGS, NULL);
}

/* --- the file system -------------------------------------------------------------------------- */

static int write_template(const char *device, struct span template, struct error *err)
{
    struct cursor cursor = cursor_of(template);
    struct scratch_block block;
    FD_AUTO fd = open(device, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return error_system(err, errno, "cannot open %s", device);
    while (scratch_block_read(&cursor, &block)) {
        if (fd_pwrite_all(fd, span_of(block.bytes, sizeof block.bytes), (off_t)block.offset, err) <
            0)
            return -1;
    }
    if (!cursor_at_end(&cursor))
        return error_set(err, ERROR_INVALID, "the template ends within a block");
    return fsync(fd) < 0 ? error_system(err, errno, "cannot write to %s", device) : 0;
}

/* An ioctl of btrfs about a name in the scratch's top folder. */
static int command(unsigned long number, const char *name, struct error *err)
{
    struct btrfs_ioctl_vol_args args = {0};
    FD_AUTO fd = open(GATE_SCRATCH, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (!text_copy(args.name, sizeof args.name, name))
        return error_set(err, ERROR_LIMIT, "the name %.64s… is too long", name);
    if (fd < 0 || ioctl(fd, number, &args) < 0)
        return error_system(err, errno, "the scratch's %s", name);
    return 0;
}

/* Nothing here is to outlive the machine: no barrier is needed, and no access time. What removed
 * folders held is free again after the next commit. */
static int mount_device(const char *device, struct error *err)
{
    if (dir_make_all(GATE_SCRATCH, 0700, err) < 0 ||
        mount_filesystem(device, GATE_SCRATCH, "btrfs", MS_NODEV | MS_NOATIME,
                         "nobarrier,nodiscard,commit=5", err) < 0)
        return -1;
    if (command(BTRFS_IOC_RESIZE, "max", err) < 0 || chmod(GATE_SCRATCH, 0700) < 0) {
        (void)mount_remove(GATE_SCRATCH, NULL);
        return -1;
    }
    return 0;
}

static int open_device(unsigned int lun, struct span template, struct error *err)
{
    char device[DEVICEMAPPER_PATH_SIZE];
    if (make_device(lun, device, err) < 0)
        return error_context(err, "LUN %u", lun);
    if (write_template(device, template, err) < 0 || mount_device(device, err) < 0) {
        remove_device();
        return error_context(err, "LUN %u", lun);
    }
    return 0;
}

int scratch_open(const struct request_scratch_mount *request, struct error *err)
{
    BUF_AUTO parts = BUF_WITH_LIMIT(PARTS_SIZE_MAX);
    struct span template;
    if (parts_disk_read(&parts, err) < 0 || load_parts(buf_span(&parts), &template, err) < 0)
        return -1;
    return open_device(request->lun, template, err);
}

/* Simple quotas (Linux 6.7) count what is written from now on; the group 0 is the folder's own. */
static int limit_folder(const char *path, uint64_t size, struct error *err)
{
    struct btrfs_ioctl_quota_ctl_args simple = {.cmd = QUOTA_ENABLE_SIMPLE};
    struct btrfs_ioctl_qgroup_limit_args limit = {
        .lim = {.flags = BTRFS_QGROUP_LIMIT_MAX_RFER, .max_rfer = size}};
    FD_AUTO fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || ioctl(fd, BTRFS_IOC_QUOTA_CTL, &simple) < 0 ||
        ioctl(fd, BTRFS_IOC_QGROUP_LIMIT, &limit) < 0)
        return error_system(err, errno, "cannot limit %s", path);
    return 0;
}

/* A folder is a subvolume: taking it away with all that is in it is one call. */
int scratch_add_folder(const char *name, mode_t mode, uint64_t size, const char *target,
                       struct error *err)
{
    TEXT_AUTO path = text_format("%s/%s", GATE_SCRATCH, name);
    if (!path)
        return error_memory(err);
    if (dir_make_all(target, 0700, err) < 0 || command(BTRFS_IOC_SUBVOL_CREATE, name, err) < 0)
        return -1;
    bool limited = !size || limit_folder(path, size, err) == 0;
    if (!limited || chmod(path, mode) < 0 || mount(path, target, NULL, MS_BIND, NULL) < 0) {
        if (limited)
            (void)error_system(err, errno, "cannot bind %s to %s", path, target);
        (void)command(BTRFS_IOC_SNAP_DESTROY, name, NULL);
        return -1;
    }
    return 0;
}

void scratch_remove_folder(const char *name, const char *target)
{
    (void)mount_remove(target, NULL);
    (void)command(BTRFS_IOC_SNAP_DESTROY, name, NULL);
}
