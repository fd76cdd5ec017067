#include "enclave/libos/files/sysfs.h"

#include "enclave/libos/system.h"

#define SYSFS_DEVICE 4
#define FOLDER_MODE  (EXT4_DIR << 12 | 0555)
#define FILE_MODE    (EXT4_FILE << 12 | 0444)

_Static_assert(SYSTEM_PROCESSORS == 8, "the tables say so");

static const struct pseudo_entry processor_entries[] = {
    {.name = "kernel_max", .mode = FILE_MODE, .constant = "7\n"},
    {.name = "online", .mode = FILE_MODE, .constant = "0-7\n"},
    {.name = "possible", .mode = FILE_MODE, .constant = "0-7\n"},
    {.name = "present", .mode = FILE_MODE, .constant = "0-7\n"},
    {.name = NULL},
};

static const struct pseudo_entry memory_entries[] = {
    {.name = "has_cpu", .mode = FILE_MODE, .constant = "0\n"},
    {.name = "online", .mode = FILE_MODE, .constant = "0\n"},
    {.name = "possible", .mode = FILE_MODE, .constant = "0\n"},
    {.name = NULL},
};

static const struct pseudo_entry system_entries[] = {
    {.name = "cpu", .mode = FOLDER_MODE, .entries = processor_entries},
    {.name = "node", .mode = FOLDER_MODE, .entries = memory_entries},
    {.name = NULL},
};

static const struct pseudo_entry device_entries[] = {
    {.name = "system", .mode = FOLDER_MODE, .entries = system_entries},
    {.name = NULL},
};

static const struct pseudo_entry page_entries[] = {
    {.name = "defrag",
     .mode = FILE_MODE,
     .constant = "always defer defer+madvise madvise [never]\n"},
    {.name = "enabled", .mode = FILE_MODE, .constant = "always madvise [never]\n"},
    {.name = "hpage_pmd_size", .mode = FILE_MODE, .constant = "2097152\n"},
    {.name = NULL},
};

static const struct pseudo_entry mm_entries[] = {
    {.name = "transparent_hugepage", .mode = FOLDER_MODE, .entries = page_entries},
    {.name = NULL},
};

static const struct pseudo_entry kernel_entries[] = {
    {.name = "mm", .mode = FOLDER_MODE, .entries = mm_entries},
    {.name = NULL},
};

static const struct pseudo_entry fs_entries[] = {
    {.name = "cgroup", .mode = FOLDER_MODE},
    {.name = NULL},
};

static const struct pseudo_entry root_entries[] = {
    {.name = "devices", .mode = FOLDER_MODE, .entries = device_entries},
    {.name = "fs", .mode = FOLDER_MODE, .entries = fs_entries},
    {.name = "kernel", .mode = FOLDER_MODE, .entries = kernel_entries},
    {.name = NULL},
};

static const struct pseudo_entry root = {.name = "", .mode = FOLDER_MODE, .entries = root_entries};

int sysfs_new(struct file_clock clock, struct tree **out)
{
    const struct pseudo_options options = {.root = &root,
                                           .kind = "sysfs",
                                           .magic = MAGIC_SYSFS,
                                           .device = SYSFS_DEVICE,
                                           .clock = clock};
    return pseudo_new(&options, out);
}
