#include "vm/qemu_args.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/base64.h"
#include "format/channel.h"
#include "vm/passt.h"

#define ARGS_MAX (78 + 6 * QEMU_DISKS_MAX) /* six words a disk */

/* With more disks a 1-CPU machine has too few interrupt vectors for two a disk, and a disk that
 * gets none does not work: then all share the bus's four lines. */
#define DISKS_WITH_VECTORS 32

/* The sets of descriptors (-add-fd) that are no disk's; a disk has the one of its LUN and 1. */
enum { CONSOLE_SET = QEMU_DISKS_MAX + 1, KVM_SET, SEV_SET, SCRATCH_SET, PARTS_SET };

static const char *const tee_names[] = {
    [VM_TEE_SIMULATED] = "simulated",
    [VM_TEE_SEV_SNP] = "sev-snp",
    [VM_TEE_SGX_SIMULATED] = "sgx-simulated",
    [VM_TEE_SGX] = "sgx",
};
_Static_assert(sizeof tee_names / sizeof *tee_names == VM_TEE_COUNT, "a TEE without a name");

const char *vm_tee_name(enum vm_tee tee)
{
    return tee_names[tee];
}

bool vm_tee_by_name(const char *name, enum vm_tee *out)
{
    for (size_t i = 0; i < VM_TEE_COUNT; i++) {
        if (strcmp(name, tee_names[i]) == 0) {
            *out = (enum vm_tee)i;
            return true;
        }
    }
    return false;
}

/* The line under way. `failed` stays set, so that the caller looks once. */
struct line {
    struct qemu_args *args;
    bool snp;
    bool failed;
};

__attribute__((format(printf, 2, 3))) static void add(struct line *line, const char *format, ...)
{
    va_list values;
    char *text = NULL;
    va_start(values, format);
    int len = vasprintf(&text, format, values);
    va_end(values);
    if (len < 0 || line->args->count >= ARGS_MAX) {
        if (len >= 0)
            free(text);
        line->failed = true;
        return;
    }
    line->args->argv[line->args->count++] = text;
}

/* A virtio device, of the modern kind. With SEV-SNP it has the IOMMU's view of memory, since it may
 * see shared pages alone. */
__attribute__((format(printf, 3, 4))) static void add_device(struct line *line, const char *kind,
                                                             const char *format, ...)
{
    char properties[192];
    va_list values;
    va_start(values, format);
    int len = vsnprintf(properties, sizeof properties, format, values);
    va_end(values);
    if (len < 0 || (size_t)len >= sizeof properties) {
        line->failed = true;
        return;
    }
    add(line, "-device");
    add(line, "%s-pci,disable-legacy=on%s%s", kind, line->snp ? ",iommu_platform=on" : "",
        properties);
}

/* Hands QEMU a descriptor that it finds again as /dev/fdset/<set>: unlike a path in /proc, it takes
 * no right to open the file anew. */
static void add_fd(struct line *line, int fd, size_t set)
{
    add(line, "-add-fd");
    add(line, "fd=%d,set=%zu", fd, set);
}

static void add_kvm(struct line *line, int fd)
{
    if (fd >= 0)
        add_fd(line, fd, KVM_SET);
    add(line, "-accel");
    if (fd >= 0)
        add(line, "kvm,device=/dev/fdset/%d", KVM_SET);
    else
        add(line, "kvm");
}

static void add_tcg(struct line *line)
{
    add(line, "-accel");
    add(line, "tcg,thread=multi");
}

static void add_simulated_machine(struct line *line, const struct qemu_config *config)
{
    add(line, "-machine");
    /* PCI: by MMIO, virtio-serial makes the guest fill 12 MiB of buffers (docs/guest.md). */
    add(line,
        "microvm,pcie=on,pic=off,pit=off,rtc=on,acpi=on,isa-serial=on,auto-kernel-cmdline=off");
    if (config->kvm)
        add_kvm(line, config->kvm_fd);
    else
        add_tcg(line);
    add(line, "-cpu");
    /* TCG carries out `rep movsb` and its like byte by byte: without these features kernel and
     * libraries move words, and a machine starts in a tenth less time. */
    add(line, "%s", config->kvm ? "host" : "max,erms=off,fsrm=off,fsrs=off,fzrm=off");
    add(line, "-m");
    add(line, "%um", config->memory_mib);
}

static int add_snp_machine(struct line *line, const struct qemu_config *config, struct error *err)
{
    BUF_AUTO host_data = BUF_WITH_LIMIT(64);
    if (base64_encode(span_of(config->host_data, sizeof config->host_data), &host_data, err) < 0)
        return -1;
    add(line, "-machine");
    add(line, "q35,confidential-guest-support=sev0,memory-backend=ram1,smm=off,vmport=off");
    add_kvm(line, config->kvm_fd);
    add(line, "-cpu");
    add(line, "EPYC-Milan");
    add(line, "-m");
    add(line, "%um", config->memory_mib);
    add(line, "-object");
    add(line, "memory-backend-memfd,id=ram1,size=%uM,share=true,prealloc=false",
        config->memory_mib);
    char device[48] = "";
    if (config->sev_fd >= 0) {
        add_fd(line, config->sev_fd, SEV_SET);
        (void)snprintf(device, sizeof device, ",sev-device=/dev/fdset/%d", SEV_SET);
    }
    add(line, "-object");
    add(line,
        "sev-snp-guest,id=sev0,cbitpos=%u,reduced-phys-bits=%u,policy=0x30000,kernel-hashes=on,"
        "host-data=%s%s",
        config->cbitpos, config->reduced_phys_bits, buf_text(&host_data), device);
    add(line, "-bios");
    add(line, "/proc/self/fd/%d", config->firmware_fd);
    return 0;
}

/* What every machine has: no default device, no configuration file, a sandbox that can start
 * nothing. */
static void add_frame(struct line *line, const struct qemu_config *config)
{
    static const char *const fixed[] = {
        "-name",
        "caisson",
        "-nodefaults",
        "-no-user-config",
        "-display",
        "none",
        "-monitor",
        "none",
        "-parallel",
        "none",
        "-no-reboot",
        "-sandbox",
        "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
    };
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        add(line, "%s", fixed[i]);
    add(line, "-smp");
    add(line, "%u", config->vcpus);
}

static void add_kernel(struct line *line, const struct qemu_config *config)
{
    add(line, "-kernel");
    add(line, "/proc/self/fd/%d", config->kernel_fd);
    add(line, "-initrd");
    add(line, "/proc/self/fd/%d", config->initrd_fd);
    add(line, "-append");
    add(line, "%s", config->cmdline);
}

static void add_port(struct line *line, const char *id, const char *name, int fd)
{
    add(line, "-chardev");
    add(line, "socket,id=%s,fd=%d", id, fd);
    add(line, "-device");
    add(line, "virtserialport,chardev=%s,name=%s", id, name);
}

static void add_channels(struct line *line, const struct qemu_config *config)
{
    add_fd(line, config->console_fd, CONSOLE_SET);
    add(line, "-chardev");
    add(line, "file,id=console,path=/dev/fdset/%d,append=on", CONSOLE_SET);
    add(line, "-serial");
    add(line, "chardev:console");
    add_device(line, "virtio-serial", "%s", ",max_ports=3");
    add_port(line, "channel", CHANNEL_PORT_NAME, config->channel_fd);
    if (config->psp_fd >= 0)
        add_port(line, "psp", CHANNEL_PSP_PORT, config->psp_fd);
}

static void add_network(struct line *line, const struct qemu_config *config)
{
    if (config->network_fd < 0)
        return;
    add(line, "-netdev");
    add(line, "stream,id=net0,server=off,addr.type=fd,addr.str=%d", config->network_fd);
    /* passt sends what it has to this one address: the guest need not order filters for others. */
    add_device(line, "virtio-net", "%s",
               ",netdev=net0,romfile=,mac=" PASST_GUEST_MAC ",ctrl_vq=off,ctrl_rx=off,"
               "ctrl_vlan=off,ctrl_rx_extra=off,ctrl_mac_addr=off,guest_announce=off,"
               "ctrl_guest_offloads=off");
}

static size_t count_disks(const struct qemu_config *config)
{
    return config->disk_count + (config->scratch_fd >= 0);
}

/* The disk of this number, behind which the node `drive` is. */
static void add_disk(struct line *line, const struct qemu_config *config, size_t number,
                     const char *drive, const char *more)
{
    size_t count = count_disks(config);
    add_device(line, "virtio-blk", ",drive=%s,addr=%zx.%zx%s%s,num-queues=1,queue-size=64%s", drive,
               DISK_SLOT(number), DISK_FUNCTION(number),
               count > DISK_SLOTS ? ",multifunction=on" : "",
               count > DISKS_WITH_VECTORS ? ",vectors=0" : "", more);
}

/* Nothing on it outlives the machine: what the guest flushes need not reach the host's disk. */
static void add_scratch(struct line *line, const struct qemu_config *config)
{
    if (config->scratch_fd < 0)
        return;
    add_fd(line, config->scratch_fd, SCRATCH_SET);
    add(line, "-blockdev");
    add(line,
        "driver=raw,node-name=scratch,cache.no-flush=on,file.driver=file,file.locking=off,"
        "file.cache.no-flush=on,file.filename=/dev/fdset/%d",
        SCRATCH_SET);
    /* A host's disk that is full is an error in the guest, where QEMU would halt the machine. */
    add_disk(line, config, config->disk_count, "scratch", ",werror=report");
}

static void add_read_only(struct line *line, const char *node, int fd, size_t set)
{
    add_fd(line, fd, set);
    add(line, "-blockdev");
    add(line,
        "driver=raw,node-name=%s,read-only=on,file.driver=file,file.locking=off,"
        "file.filename=/dev/fdset/%zu",
        node, set);
}

static void add_parts(struct line *line, const struct qemu_config *config)
{
    if (config->parts_fd < 0)
        return;
    add_read_only(line, "parts", config->parts_fd, PARTS_SET);
    add_device(line, "virtio-blk", ",drive=parts,addr=%x.0,num-queues=1,queue-size=64",
               DISK_PARTS_SLOT);
}

static void add_disks(struct line *line, const struct qemu_config *config)
{
    for (size_t i = 0; i < config->disk_count; i++) {
        char node[32];
        (void)snprintf(node, sizeof node, "disk%zu", i);
        add_read_only(line, node, config->disk_fds[i], i + 1);
        add_disk(line, config, i, node, "");
    }
}

static int check(const struct qemu_config *config, struct error *err)
{
    if (config->memory_mib < QEMU_MEMORY_MIN || config->memory_mib > QEMU_MEMORY_MAX)
        return error_set(err, ERROR_INVALID, "%u MiB of memory; %u to %u can be",
                         config->memory_mib, QEMU_MEMORY_MIN, QEMU_MEMORY_MAX);
    if (config->vcpus < 1 || config->vcpus > QEMU_VCPUS_MAX)
        return error_set(err, ERROR_INVALID, "%u CPUs; 1 to %u can be", config->vcpus,
                         QEMU_VCPUS_MAX);
    size_t disks = count_disks(config);
    if (disks > QEMU_DISKS_MAX)
        return error_set(err, ERROR_LIMIT, "%zu disks; a machine takes %d", disks, QEMU_DISKS_MAX);
    return 0;
}

int qemu_args_build(const struct qemu_config *config, struct qemu_args *args, struct error *err)
{
    *args = (struct qemu_args){0};
    if (check(config, err) < 0)
        return -1;
    args->argv = calloc(ARGS_MAX + 1, sizeof *args->argv);
    if (!args->argv)
        return error_memory(err);
    struct line line = {.args = args, .snp = config->tee == VM_TEE_SEV_SNP};
    add(&line, "%s", config->program ? config->program : QEMU_PROGRAM);
    add_frame(&line, config);
    if (line.snp && add_snp_machine(&line, config, err) < 0)
        return -1;
    if (!line.snp)
        add_simulated_machine(&line, config);
    add_kernel(&line, config);
    add_channels(&line, config);
    add_network(&line, config);
    add_parts(&line, config);
    add_disks(&line, config);
    add_scratch(&line, config);
    return line.failed ? error_memory(err) : 0;
}

void qemu_args_fini(struct qemu_args *args)
{
    for (size_t i = 0; i < args->count; i++)
        free(args->argv[i]);
    free(args->argv);
    *args = (struct qemu_args){0};
}
