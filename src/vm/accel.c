#include "vm/accel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "os/fd.h"
#include "os/file.h"
#include "vm/launch.h"
#include "vm/record.h"

#define PROBE_MEMORY_MIB 128
#define ANSWER_MAX       256

/* What the answer depends on: this boot of the host, and the kernel that was tried. */
static char *probe_key(const char *guest_folder)
{
    TEXT_AUTO kernel = text_format("%s/vmlinux", guest_folder);
    BUF_AUTO boot = BUF_WITH_LIMIT(64);
    struct stat status;
    if (!kernel || stat(kernel, &status) < 0 ||
        file_read("/proc/sys/kernel/random/boot_id", &boot, NULL) < 0 || boot.size < 36)
        return NULL;
    return text_format("%.36s %llu %lld", buf_text(&boot), (unsigned long long)status.st_size,
                       (long long)status.st_mtime);
}

static bool known_answer(const char *path, const char *key, bool *kvm)
{
    BUF_AUTO text = BUF_WITH_LIMIT(ANSWER_MAX);
    if (file_read(path, &text, NULL) < 0 || !text_starts_with(buf_text(&text), key))
        return false;
    *kvm = text_ends_with(buf_text(&text), " yes\n");
    return *kvm || text_ends_with(buf_text(&text), " no\n");
}

/* Boots the guest under KVM and waits for its first word. */
static bool guest_comes_up(const char *guest_folder)
{
    const struct vm_config config = {
        .tee = VM_TEE_SIMULATED,
        .guest_folder = guest_folder,
        .kvm = true,
        .memory_mib = PROBE_MEMORY_MIB,
        .vcpus = 1,
    };
    struct launch launch;
    FD_AUTO console = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (console < 0 || launch_start(&launch, &config, console, NULL) < 0)
        return false;
    struct pollfd wait = {.fd = launch.channel_fd, .events = POLLIN};
    uint8_t byte;
    bool up = poll(&wait, 1, ACCEL_PROBE_MS) == 1 && read(launch.channel_fd, &byte, 1) == 1;
    launch_end(&launch);
    return up;
}

int accel_choose(enum vm_tee tee, const char *guest_folder, bool *kvm, struct error *err)
{
    *kvm = tee == VM_TEE_SEV_SNP;
    if (*kvm || access("/dev/kvm", R_OK | W_OK) < 0)
        return 0;
    char *root;
    if (record_root(&root, err) < 0)
        return -1;
    TEXT_AUTO owned = root;
    TEXT_AUTO path = text_format("%s/.kvm", owned);
    TEXT_AUTO key = probe_key(guest_folder);
    if (!path)
        return error_memory(err);
    if (key && known_answer(path, key, kvm))
        return 0;
    *kvm = guest_comes_up(guest_folder);
    TEXT_AUTO answer = key ? text_format("%s %s\n", key, *kvm ? "yes" : "no") : NULL;
    return answer ? file_write_atomic(path, span_of_text(answer), 0600, err) : 0;
}
