/* /proc/sys: settings of a kernel that programs look at. None can be changed. */
#include <linux/errno.h>
#include <linux/utsname.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/files/proc.h"
#include "enclave/libos/processes/process.h"
#include "enclave/libos/system.h"

#define UUID_BYTES 16

/* --- the name --------------------------------------------------------------------------------- */

static int line(struct pseudo_text *out, const char *text)
{
    pseudo_print(out, "%s\n", text);
    return 0;
}

static int text_host(const struct pseudo_key *key, struct pseudo_text *out)
{
    (void)key;
    return line(out, system_name()->nodename);
}

static int text_domain(const struct pseudo_key *key, struct pseudo_text *out)
{
    (void)key;
    return line(out, system_name()->domainname);
}

static int text_release(const struct pseudo_key *key, struct pseudo_text *out)
{
    (void)key;
    return line(out, system_name()->release);
}

static int text_type(const struct pseudo_key *key, struct pseudo_text *out)
{
    (void)key;
    return line(out, system_name()->sysname);
}

static int text_version(const struct pseudo_key *key, struct pseudo_text *out)
{
    (void)key;
    return line(out, system_name()->version);
}

/* --- random numbers --------------------------------------------------------------------------- */

static int make_uuid(uint8_t out[UUID_BYTES])
{
    const struct file_random *random = &process_first()->vfs.random;
    int status = random->fill ? random->fill(random->arg, out, UUID_BYTES) : -EIO;
    if (status < 0)
        return status;
    out[6] = (uint8_t)((out[6] & 0x0F) | 0x40); /* RFC 9562, section 5.4 */
    out[8] = (uint8_t)((out[8] & 0x3F) | 0x80);
    return 0;
}

static void add_uuid(struct pseudo_text *out, const uint8_t bytes[UUID_BYTES])
{
    for (size_t i = 0; i < UUID_BYTES; i++) {
        bool is_cut = i == 4 || i == 6 || i == 8 || i == 10;
        pseudo_print(out, "%s%02lx", is_cut ? "-" : "", (unsigned long)bytes[i]);
    }
    pseudo_add(out, "\n", 1);
}

static int text_uuid(const struct pseudo_key *key, struct pseudo_text *out)
{
    uint8_t bytes[UUID_BYTES];
    (void)key;
    int status = make_uuid(bytes);
    if (status == 0)
        add_uuid(out, bytes);
    return status;
}

/* One for as long as the enclave lives. */
static int text_boot(const struct pseudo_key *key, struct pseudo_text *out)
{
    static uint8_t bytes[UUID_BYTES];
    static bool is_made;
    (void)key;
    int status = is_made ? 0 : make_uuid(bytes);
    is_made = status == 0;
    if (is_made)
        add_uuid(out, bytes);
    return status;
}

/* --- the tables ------------------------------------------------------------------------------- */

#define CONSTANT(which, text)                                                                      \
    {                                                                                              \
        .name = (which), .mode = PROC_FILE(0444), .constant = (text)                               \
    }
#define MADE(which, function)                                                                      \
    {                                                                                              \
        .name = (which), .mode = PROC_FILE(0444), .text = (function)                               \
    }
#define FOLDER(which, table)                                                                       \
    {                                                                                              \
        .name = (which), .mode = PROC_FOLDER(0555), .entries = (table)                             \
    }
#define END                                                                                        \
    {                                                                                              \
        .name = NULL                                                                               \
    }

/* As notify_file.h has them. */
static const struct pseudo_entry notify_entries[] = {
    CONSTANT("max_queued_events", "16384\n"),
    CONSTANT("max_user_instances", "128\n"),
    CONSTANT("max_user_watches", "8192\n"),
    END,
};

static const struct pseudo_entry file_entries[] = {
    CONSTANT("file-max", "9223372036854775807\n"),
    CONSTANT("file-nr", "0\t0\t9223372036854775807\n"),
    FOLDER("inotify", notify_entries),
    CONSTANT("nr_open", "65536\n"),
    CONSTANT("pipe-max-size", "65536\n"),
    END,
};

static const struct pseudo_entry random_entries[] = {
    MADE("boot_id", text_boot),
    CONSTANT("entropy_avail", "256\n"),
    CONSTANT("poolsize", "256\n"),
    MADE("uuid", text_uuid),
    END,
};

static const struct pseudo_entry kernel_entries[] = {
    CONSTANT("cap_last_cap", "40\n"),
    CONSTANT("core_pattern", "core\n"),
    CONSTANT("core_uses_pid", "0\n"),
    MADE("domainname", text_domain),
    MADE("hostname", text_host),
    CONSTANT("ngroups_max", "65536\n"),
    MADE("osrelease", text_release),
    MADE("ostype", text_type),
    CONSTANT("overflowgid", "65534\n"),
    CONSTANT("overflowuid", "65534\n"),
    CONSTANT("pid_max", "4194304\n"),
    FOLDER("random", random_entries),
    CONSTANT("randomize_va_space", "0\n"),
    CONSTANT("shmall", "0\n"),
    CONSTANT("shmmax", "0\n"),
    CONSTANT("tainted", "0\n"),
    CONSTANT("threads-max", "64\n"),
    MADE("version", text_version),
    END,
};

static const struct pseudo_entry core_entries[] = {CONSTANT("somaxconn", "4096\n"), END};
static const struct pseudo_entry net_entries[] = {FOLDER("core", core_entries), END};

static const struct pseudo_entry memory_entries[] = {
    CONSTANT("max_map_count", "65530\n"),
    CONSTANT("mmap_min_addr", "65536\n"),
    CONSTANT("nr_hugepages", "0\n"),
    CONSTANT("overcommit_memory", "0\n"),
    CONSTANT("overcommit_ratio", "50\n"),
    CONSTANT("swappiness", "0\n"),
    END,
};

const struct pseudo_entry proc_sys_entries[] = {
    FOLDER("fs", file_entries),
    FOLDER("kernel", kernel_entries),
    FOLDER("net", net_entries),
    FOLDER("vm", memory_entries),
    END,
};
