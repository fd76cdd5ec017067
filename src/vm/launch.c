#include "vm/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/process.h"
#include "vm/confine.h"

/* What is open only until QEMU has it. */
struct handover {
    int channel_fd;
    int psp_fd;
    int network_fd;
    int passt_fd;
    int kvm_fd; /* for a QEMU that may not open it, as the next */
    int sev_fd;
    int disk_fds[QEMU_DISKS_MAX];
    size_t disk_count;
    int parts_fd;
    int scratch_fd;
    bool drops; /* QEMU runs as another user */
    struct process_user qemu_user;
};

#define HANDOVER_NONE                                                                              \
    ((struct handover){.channel_fd = -1,                                                           \
                       .psp_fd = -1,                                                               \
                       .network_fd = -1,                                                           \
                       .passt_fd = -1,                                                             \
                       .kvm_fd = -1,                                                               \
                       .parts_fd = -1,                                                             \
                       .scratch_fd = -1,                                                           \
                       .sev_fd = -1})

static int open_in(const char *folder, const char *leaf, struct error *err)
{
    TEXT_AUTO path = text_format("%s/%s", folder, leaf);
    if (!path)
        return error_memory(err);
    int fd = file_open_read(path, err);
    return fd < 0 ? error_context(err, "the guest (make guest builds it)") : fd;
}

/*
 * The command line as built with the guest. Under TCG a microvm has no clock by which the kernel
 * could calibrate the time stamp counter, and QEMU hands the host's counter through: its rate is
 * appended for the kernel, outside the measured text, and the guest accepts this one word there
 * (docs/guest.md).
 */
static int read_cmdline(struct launch *launch, const struct vm_config *config, struct error *err)
{
    bool simulated = config->tee == VM_TEE_SIMULATED;
    TEXT_AUTO path = text_format("%s/%s", config->guest_folder,
                                 simulated ? "cmdline.simulated" : "cmdline");
    BUF_AUTO text = BUF_WITH_LIMIT(LAUNCH_CMDLINE_SIZE - 64);
    if (!path)
        return error_memory(err);
    if (file_read(path, &text, err) < 0)
        return -1;
    char suffix[48] = "";
    if (simulated && !config->kvm)
        (void)snprintf(suffix, sizeof suffix, " tsc_early_khz=%lu", tsc_khz(config->tsc));
    if (!text_copy(launch->cmdline, sizeof launch->cmdline, buf_text(&text)))
        return error_set(err, ERROR_LIMIT, "%s is too long", path);
    (void)snprintf(launch->booted, sizeof launch->booted, "%s%s", launch->cmdline, suffix);
    return 0;
}

/* What QEMU opens anew, by the descriptors' paths. */
static int open_up_guest(struct launch *launch, struct error *err)
{
    if (confine_open_up(&launch->kernel_fd, err) < 0 ||
        confine_open_up(&launch->initrd_fd, err) < 0)
        return -1;
    return launch->firmware_fd < 0 ? 0 : confine_open_up(&launch->firmware_fd, err);
}

static int open_guest(struct launch *launch, const struct vm_config *config, struct error *err)
{
    bool snp = config->tee == VM_TEE_SEV_SNP;
    launch->kernel_fd = open_in(config->guest_folder, snp ? "bzImage" : "vmlinux", err);
    if (launch->kernel_fd < 0)
        return -1;
    launch->initrd_fd = open_in(config->guest_folder, "initrd", err);
    if (launch->initrd_fd < 0)
        return -1;
    if (snp)
        launch->firmware_fd = open_in(config->guest_folder, "OVMF.amdsev.fd", err);
    if (snp && launch->firmware_fd < 0)
        return -1;
    return read_cmdline(launch, config, err);
}

int launch_make_pair(int *ours, int *theirs, struct error *err)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return error_system(err, errno, "socketpair");
    *ours = pair[0];
    *theirs = pair[1];
    return 0;
}

static int open_device(const char *path, int *fd, struct error *err)
{
    *fd = open(path, O_RDWR | O_CLOEXEC);
    return *fd < 0 ? error_system(err, errno, "cannot open %s", path) : 0;
}

/* Decides as whom QEMU runs, and opens the devices that it cannot open as that. */
static int open_confinement(struct launch *launch, struct handover *handover,
                            const struct vm_config *config, struct error *err)
{
    bool snp = config->tee == VM_TEE_SEV_SNP;
    handover->drops = !config->same_user &&
                      confine_user(getpid(), CONFINE_QEMU, &handover->qemu_user);
    if (!handover->drops)
        return 0;
    if ((snp || config->kvm) && open_device("/dev/kvm", &handover->kvm_fd, err) < 0)
        return -1;
    if (snp && open_device("/dev/sev", &handover->sev_fd, err) < 0)
        return -1;
    return open_up_guest(launch, err);
}

/* A file that ends with the last process that has it open. It takes room as it is written to. */
static int make_scratch(const char *folder, uint64_t size, struct error *err)
{
    TEXT_AUTO path = text_format("%s/scratch.XXXXXX", folder);
    if (!path)
        return error_memory(err);
    FD_AUTO fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return error_system(err, errno, "cannot make a scratch disk in %s", folder);
    (void)unlink(path);
    if (ftruncate(fd, (off_t)size) < 0)
        return error_system(err, errno, "cannot make a scratch disk of %llu bytes in %s",
                            (unsigned long long)size, folder);
    return fd_take(&fd);
}

/* What the guest needs for a scratch disk, fragments and secrets is on a disk of its own. */
static int open_parts(struct handover *handover, const struct vm_config *config, struct error *err)
{
    if (config->scratch_size == 0 && config->fragment_count == 0 && !config->attests)
        return 0;
    handover->parts_fd = open_in(config->guest_folder, "parts", err);
    return handover->parts_fd < 0 ? -1 : 0;
}

static int open_scratch(struct handover *handover, const struct vm_config *config,
                        struct error *err)
{
    if (config->scratch_size == 0)
        return 0;
    handover->scratch_fd = make_scratch(config->scratch_folder, config->scratch_size, err);
    return handover->scratch_fd < 0 ? -1 : 0;
}

static int open_handover(struct launch *launch, struct handover *handover,
                         const struct vm_config *config, struct error *err)
{
    if (launch_make_pair(&launch->channel_fd, &handover->channel_fd, err) < 0 ||
        (config->tee == VM_TEE_SIMULATED &&
         launch_make_pair(&launch->psp_fd, &handover->psp_fd, err) < 0) ||
        (config->network &&
         (launch_make_pair(&handover->passt_fd, &handover->network_fd, err) < 0 ||
          passt_announce(handover->network_fd, err) < 0)))
        return -1;
    for (size_t i = 0; i < config->disk_count && i < QEMU_DISKS_MAX; i++) {
        handover->disk_fds[i] = file_open_read(config->disks[i].path, err);
        if (handover->disk_fds[i] < 0)
            return -1;
        handover->disk_count++;
    }
    if (open_parts(handover, config, err) < 0)
        return -1;
    return open_scratch(handover, config, err);
}

static void close_handover(struct handover *handover)
{
    fd_close(&handover->channel_fd);
    fd_close(&handover->psp_fd);
    fd_close(&handover->network_fd);
    fd_close(&handover->passt_fd);
    fd_close(&handover->kvm_fd);
    fd_close(&handover->sev_fd);
    fd_close(&handover->parts_fd);
    fd_close(&handover->scratch_fd);
    for (size_t i = 0; i < handover->disk_count; i++)
        fd_close(&handover->disk_fds[i]);
}

/* CPUID 8000001F EBX: where the C-bit is, and how many address bits encryption takes. */
static void read_sev_cpuid(struct qemu_config *qemu)
{
    unsigned int eax = 0x8000001f;
    unsigned int ebx = 0;
    unsigned int ecx = 0;
    unsigned int edx;
    __asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
    qemu->cbitpos = ebx & 0x3f;
    qemu->reduced_phys_bits = (ebx >> 6) & 0x3f;
}

/* The descriptors that QEMU keeps, in `keep`; how many. */
static size_t list_kept(const struct qemu_config *qemu, int keep[PROCESS_KEEP_MAX])
{
    const int single[] = {qemu->kernel_fd, qemu->initrd_fd,  qemu->firmware_fd, qemu->channel_fd,
                          qemu->psp_fd,    qemu->network_fd, qemu->console_fd,  qemu->kvm_fd,
                          qemu->sev_fd,    qemu->parts_fd,   qemu->scratch_fd};
    size_t count = 0;
    for (size_t i = 0; i < sizeof single / sizeof *single; i++) {
        if (single[i] >= 0)
            keep[count++] = single[i];
    }
    for (size_t i = 0; i < qemu->disk_count; i++)
        keep[count++] = qemu->disk_fds[i];
    return count;
}

static int start_qemu(struct launch *launch, const struct qemu_config *qemu,
                      const struct process_user *user, struct error *err)
{
    QEMU_ARGS_AUTO args = {0};
    if (qemu_args_build(qemu, &args, err) < 0)
        return -1;
    int keep[PROCESS_KEEP_MAX];
    size_t keep_count = list_kept(qemu, keep);
    struct process_spec spec = {
        .argv = (const char *const *)args.argv,
        .standard = {-1, qemu->console_fd, qemu->console_fd},
        .keep = keep,
        .keep_count = keep_count,
        .die_with_parent = true,
        .no_new_privileges = true,
        .user = user,
    };
    if (process_start(&spec, &launch->qemu, err) < 0) {
        launch->qemu = 0;
        return -1;
    }
    launch->qemu_watch = process_watch(launch->qemu, err);
    return launch->qemu_watch < 0 ? -1 : 0;
}

static int start_passt(struct launch *launch, const struct vm_config *config, int fd,
                       struct error *err)
{
    struct process_user user;
    bool drops = !config->same_user && confine_user(getpid(), CONFINE_PASST, &user);
    const struct passt_config passt = {
        .program = config->passt_program ? config->passt_program : PASST_PROGRAM,
        .fd = fd,
        .ports = config->ports,
        .port_count = config->port_count + config->probe_port_count,
        .maps_loopback = config->maps_loopback,
        .user = drops ? &user : NULL,
    };
    if (passt_start(&passt, &launch->passt, err) < 0) {
        launch->passt = 0;
        return -1;
    }
    launch->passt_watch = process_watch(launch->passt, err);
    return launch->passt_watch < 0 ? -1 : 0;
}

static int start_all(struct launch *launch, struct handover *handover,
                     const struct vm_config *config, int console_fd, struct error *err)
{
    struct qemu_config qemu = {
        .tee = config->tee,
        .program = config->qemu_program,
        .kvm = config->kvm,
        .memory_mib = config->memory_mib,
        .vcpus = config->vcpus,
        .console_fd = console_fd,
        .cmdline = launch->booted,
        .disk_fds = handover->disk_fds,
    };
    if (open_guest(launch, config, err) < 0 || open_handover(launch, handover, config, err) < 0 ||
        open_confinement(launch, handover, config, err) < 0)
        return -1;
    qemu.kvm_fd = handover->kvm_fd;
    qemu.sev_fd = handover->sev_fd;
    qemu.kernel_fd = launch->kernel_fd;
    qemu.initrd_fd = launch->initrd_fd;
    qemu.firmware_fd = launch->firmware_fd;
    qemu.channel_fd = handover->channel_fd;
    qemu.psp_fd = handover->psp_fd;
    qemu.network_fd = handover->network_fd;
    qemu.disk_count = handover->disk_count;
    qemu.parts_fd = handover->parts_fd;
    qemu.scratch_fd = handover->scratch_fd;
    sha256_digest(config->policy, qemu.host_data);
    if (config->tee == VM_TEE_SEV_SNP)
        read_sev_cpuid(&qemu);
    if (start_qemu(launch, &qemu, handover->drops ? &handover->qemu_user : NULL, err) < 0)
        return -1;
    return config->network ? start_passt(launch, config, handover->passt_fd, err) : 0;
}

static int launch_machine(struct launch *launch, const struct vm_config *config, int console_fd,
                          struct error *err)
{
    struct handover handover = HANDOVER_NONE;
    int status = start_all(launch, &handover, config, console_fd, err);
    close_handover(&handover);
    return status;
}

static const struct launch_kind kinds[] = {
    [VM_TEE_SIMULATED] = {.has_processor = true,
                          .is_simulated = true,
                          .evidence = BUNDLE_TEE_SIMULATED},
    [VM_TEE_SEV_SNP] = {.evidence = BUNDLE_TEE_SNP},
    [VM_TEE_SGX_SIMULATED] = {.is_enclave = true,
                              .is_simulated = true,
                              .evidence = BUNDLE_TEE_SGX_SIMULATED},
    [VM_TEE_SGX] = {.is_enclave = true, .evidence = BUNDLE_TEE_SGX},
};
_Static_assert(sizeof kinds / sizeof *kinds == VM_TEE_COUNT, "a row for each TEE");

const struct launch_kind *launch_kind(enum vm_tee tee)
{
    return &kinds[tee];
}

int launch_start(struct launch *launch, const struct vm_config *config, int console_fd,
                 struct error *err)
{
    *launch = LAUNCH_NONE;
    int status = launch_kind(config->tee)->is_enclave
                     ? launch_enclave(launch, config, console_fd, err)
                     : launch_machine(launch, config, console_fd, err);
    if (status < 0)
        launch_end(launch);
    return status;
}

static int digest_of(int fd, uint8_t out[SHA256_SIZE], struct error *err)
{
    enum { PIECE = 1 << 20 };
    uint8_t *piece = malloc(PIECE);
    struct sha256 digest;
    size_t got = PIECE;
    int status = piece ? 0 : error_memory(err);
    sha256_init(&digest);
    for (off_t at = 0; status == 0 && got == PIECE; at += PIECE) {
        status = fd_pread_full(fd, piece, PIECE, at, &got, err);
        if (status == 0)
            sha256_update(&digest, span_of(piece, got));
    }
    sha256_final(&digest, out);
    free(piece);
    return status;
}

int launch_measure(struct launch *launch, struct error *err)
{
    measure_cmdline(launch->cmdline, launch->digests.cmdline);
    if (digest_of(launch->kernel_fd, launch->digests.kernel, err) < 0 ||
        digest_of(launch->initrd_fd, launch->digests.initrd, err) < 0)
        return error_context(err, "cannot measure the guest");
    return 0;
}

static void end_process(pid_t *pid, int *watch)
{
    if (*pid > 0) {
        (void)kill(*pid, SIGKILL);
        (void)process_wait(*pid, &(int){0}, NULL);
    }
    *pid = 0;
    fd_close(watch);
}

void launch_end(struct launch *launch)
{
    end_process(&launch->qemu, &launch->qemu_watch);
    end_process(&launch->passt, &launch->passt_watch);
    fd_close(&launch->channel_fd);
    fd_close(&launch->psp_fd);
    fd_close(&launch->kernel_fd);
    fd_close(&launch->initrd_fd);
    fd_close(&launch->firmware_fd);
}
