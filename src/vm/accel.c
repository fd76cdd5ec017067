#include "vm/accel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/text.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/output.h"
#include "os/process.h"
#include "vm/confine.h"
#include "vm/qemu_args.h"

#define DEVICE           "/dev/kvm"
#define SEV_DEVICE       "/dev/sev"
#define SNP_PARAMETER    "/sys/module/kvm_amd/parameters/sev_snp"
#define BOOT_ID          "/proc/sys/kernel/random/boot_id"
#define PROBE_MEMORY_MIB 128
#define KEY_SIZE         16 /* bytes of the digest that names the answer */
#define ANSWER_YES       "yes\n"
#define ANSWER_NO        "no\n"

/* What QEMU is given, and the ends that stay here. */
struct trial {
    int kernel_fd;
    int initrd_fd;
    int console_fd;
    int channel[2]; /* ours, QEMU's */
    int psp[2];
    int kvm_fd; /* for a QEMU that may not open it */
    bool drops; /* QEMU runs as another user */
    struct process_user user;
    struct buf cmdline;
};

static void trial_fini(struct trial *trial)
{
    fd_close(&trial->kernel_fd);
    fd_close(&trial->initrd_fd);
    fd_close(&trial->console_fd);
    fd_close(&trial->kvm_fd);
    for (size_t i = 0; i < 2; i++) {
        fd_close(&trial->channel[i]);
        fd_close(&trial->psp[i]);
    }
    buf_fini(&trial->cmdline);
}
#define TRIAL_AUTO __attribute__((cleanup(trial_fini))) struct trial

static int open_in(const char *folder, const char *leaf, struct error *err)
{
    TEXT_AUTO path = text_format("%s/%s", folder, leaf);
    return path ? file_open_read(path, err) : error_memory(err);
}

static int trial_open(struct trial *trial, const char *folder, struct error *err)
{
    FD_AUTO cmdline_fd = open_in(folder, "cmdline.simulated", err);
    if (cmdline_fd < 0 || fd_read_to_end(cmdline_fd, &trial->cmdline, err) < 0)
        return -1;
    trial->kernel_fd = open_in(folder, "vmlinux", err);
    if (trial->kernel_fd < 0)
        return -1;
    trial->initrd_fd = open_in(folder, "initrd", err);
    if (trial->initrd_fd < 0)
        return -1;
    trial->console_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (trial->console_fd < 0 ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, trial->channel) < 0 ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, trial->psp) < 0)
        return error_system(err, errno, "the probe's channel");
    return 0;
}

/* As launch.c does for a machine. */
static int trial_confine(struct trial *trial, const char *device, struct error *err)
{
    trial->drops = confine_user(getpid(), CONFINE_QEMU, &trial->user);
    if (!trial->drops)
        return 0;
    trial->kvm_fd = open(device, O_RDWR | O_CLOEXEC);
    if (trial->kvm_fd < 0)
        return error_system(err, errno, "cannot open %s", device);
    if (confine_open_up(&trial->kernel_fd, err) < 0)
        return -1;
    return confine_open_up(&trial->initrd_fd, err);
}

static int trial_start(const struct trial *trial, const char *program, pid_t *pid,
                       struct error *err)
{
    const int keep[] = {trial->kernel_fd,  trial->initrd_fd, trial->console_fd,
                        trial->channel[1], trial->psp[1],    trial->kvm_fd};
    const size_t keep_count = sizeof keep / sizeof *keep - (trial->kvm_fd < 0 ? 1 : 0);
    const struct qemu_config config = {
        .tee = VM_TEE_SIMULATED,
        .program = program,
        .kvm = true,
        .memory_mib = PROBE_MEMORY_MIB,
        .vcpus = 1,
        .kvm_fd = trial->kvm_fd,
        .sev_fd = -1,
        .kernel_fd = trial->kernel_fd,
        .initrd_fd = trial->initrd_fd,
        .firmware_fd = -1,
        .cmdline = buf_text(&trial->cmdline),
        .channel_fd = trial->channel[1],
        .psp_fd = trial->psp[1],
        .network_fd = -1,
        .console_fd = trial->console_fd,
        .parts_fd = -1,
        .scratch_fd = -1,
    };
    QEMU_ARGS_AUTO args = {0};
    if (qemu_args_build(&config, &args, err) < 0)
        return -1;
    const struct process_spec spec = {
        .argv = (const char *const *)args.argv,
        .standard = {-1, -1, -1},
        .keep = keep,
        .keep_count = keep_count,
        .die_with_parent = true,
        .no_new_privileges = true,
        .user = trial->drops ? &trial->user : NULL,
    };
    return process_start(&spec, pid, err);
}

/* Waits for the guest's first byte. QEMU's end of the channel is closed here, so that its exit
 * reads as the end of the stream. */
static bool hears_guest(struct trial *trial, uint32_t timeout_ms, struct error *reason)
{
    struct pollfd wait = {.fd = trial->channel[0], .events = POLLIN};
    uint8_t byte;
    fd_close(&trial->channel[1]);
    if (poll(&wait, 1, (int)timeout_ms) <= 0) {
        (void)error_set(reason, ERROR_UNAVAILABLE,
                        "the guest's kernel does not come up in KVM within %u ms", timeout_ms);
        return false;
    }
    if (recv(trial->channel[0], &byte, 1, 0) == 1)
        return true;
    (void)error_set(reason, ERROR_UNAVAILABLE, "QEMU with KVM ends before the guest comes up");
    return false;
}

static int try_boot(const struct accel_probe *probe, bool *works, struct error *reason,
                    struct error *err)
{
    TRIAL_AUTO trial = {.kernel_fd = -1,
                        .initrd_fd = -1,
                        .console_fd = -1,
                        .kvm_fd = -1,
                        .channel = {-1, -1},
                        .psp = {-1, -1},
                        .cmdline = BUF_WITH_LIMIT(2048)};
    pid_t pid;
    if (trial_open(&trial, probe->guest_folder, err) < 0 ||
        (!probe->same_user &&
         trial_confine(&trial, probe->device ? probe->device : DEVICE, err) < 0) ||
        trial_start(&trial, probe->qemu_program, &pid, err) < 0)
        return -1;
    *works = hears_guest(&trial, probe->timeout_ms ? probe->timeout_ms : ACCEL_TIMEOUT_MS, reason);
    (void)kill(pid, SIGKILL);
    return process_wait(pid, &(int){0}, err);
}

/* Names the answer by what it is about: this kernel file, and this boot of the host. */
static int answer_path(const struct accel_probe *probe, char **out, struct error *err)
{
    FD_AUTO kernel = open_in(probe->guest_folder, "vmlinux", err);
    struct stat status;
    BUF_AUTO key = BUF_WITH_LIMIT(1024);
    uint8_t digest[SHA256_SIZE];
    char name[2 * KEY_SIZE + 1];
    if (kernel < 0)
        return error_context(err, "the guest (make guest builds it)");
    if (fstat(kernel, &status) < 0)
        return error_system(err, errno, "cannot look at the guest's kernel");
    if (buf_printf(&key, err, "%llu %llu %lld %lld.%ld ", (unsigned long long)status.st_dev,
                   (unsigned long long)status.st_ino, (long long)status.st_size,
                   (long long)status.st_mtim.tv_sec, status.st_mtim.tv_nsec) < 0 ||
        file_read(BOOT_ID, &key, err) < 0)
        return -1;
    sha256_digest(buf_span(&key), digest);
    hex_encode(span_of(digest, KEY_SIZE), name);
    *out = text_format("%s/kvm-%s", probe->cache_folder, name);
    return *out ? 0 : error_memory(err);
}

/* An answer that cannot be read, or is none, counts as not there. */
static bool recall(const char *path, bool *works)
{
    BUF_AUTO text = BUF_WITH_LIMIT(16);
    if (file_read(path, &text, NULL) < 0)
        return false;
    *works = strcmp(buf_text(&text), ANSWER_YES) == 0;
    return *works || strcmp(buf_text(&text), ANSWER_NO) == 0;
}

int accel_probe(const struct accel_probe *probe, bool *works, struct error *reason,
                struct error *err)
{
    const char *device = probe->device ? probe->device : DEVICE;
    FD_AUTO fd = open(device, O_RDWR | O_CLOEXEC);
    *works = false;
    if (fd < 0) {
        (void)error_system(reason, errno, "%s", device);
        return 0;
    }
    char *path = NULL;
    if (answer_path(probe, &path, err) < 0)
        return -1;
    TEXT_AUTO owned = path;
    if (recall(owned, works)) {
        if (!*works)
            (void)error_set(reason, ERROR_UNAVAILABLE,
                            "the guest's kernel did not come up in KVM when it was tried; remove "
                            "%s to try again",
                            owned);
        return 0;
    }
    if (try_boot(probe, works, reason, err) < 0)
        return error_context(err, "probing KVM");
    /* Where the answer cannot be kept, it is found out again. */
    const char *answer = *works ? ANSWER_YES : ANSWER_NO;
    if (dir_make_all(probe->cache_folder, 0700, NULL) == 0)
        (void)output_write(owned, span_of_text(answer), 0600, NULL);
    return 0;
}

bool accel_has_sev_snp(struct error *reason)
{
    BUF_AUTO parameter = BUF_WITH_LIMIT(64);
    static const char *const devices[] = {DEVICE, SEV_DEVICE};
    for (size_t i = 0; i < sizeof devices / sizeof *devices; i++) {
        if (access(devices[i], R_OK | W_OK) < 0) {
            (void)error_system(reason, errno, "%s", devices[i]);
            return false;
        }
    }
    if (file_read(SNP_PARAMETER, &parameter, reason) < 0)
        return false;
    if (parameter.size > 0 && (parameter.data[0] == 'Y' || parameter.data[0] == '1'))
        return true;
    (void)error_set(reason, ERROR_UNAVAILABLE, "%s is off", SNP_PARAMETER);
    return false;
}
