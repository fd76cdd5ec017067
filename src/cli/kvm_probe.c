#include "cli/kvm_probe.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/text.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/process.h"

#define LABEL       "KVM"
#define PATIENCE_MS 200

static struct accel_probe question(const struct kvm_probe *probe)
{
    return (struct accel_probe){.guest_folder = probe->guest_folder, .cache_folder = probe->folder};
}

/* In the child: what it finds out, it leaves in the cache. */
__attribute__((noreturn)) static void find_out(const struct kvm_probe *probe, pid_t parent)
{
    struct accel_probe what = question(probe);
    bool works;
    TEXT_AUTO path = text_format("%s/lock", probe->folder);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (path && getppid() == parent && dir_make_all(probe->folder, 0700, NULL) == 0) {
        FD_AUTO lock = file_lock(path, true, NULL);
        if (lock >= 0)
            (void)accel_probe(&what, &works, NULL, NULL);
    }
    _exit(0);
}

int kvm_probe_begin(struct kvm_probe *probe, const char *store_folder, const char *guest_folder,
                    struct error *err)
{
    pid_t self = getpid();
    *probe = (struct kvm_probe){.folder = text_format("%s/probes", store_folder),
                                .guest_folder = guest_folder};
    if (!probe->folder)
        return error_memory(err);
    if (access("/dev/kvm", R_OK | W_OK) < 0)
        return 0;
    pid_t child = fork();
    if (child == 0)
        find_out(probe, self);
    probe->child = child > 0 ? child : 0; /* without it, finishing takes longer */
    return 0;
}

/* Whether it ends soon enough that nothing need be said of it: a known answer takes no time. */
static bool has_ended(pid_t child)
{
    FD_AUTO watch = process_watch(child, NULL);
    struct pollfd ended = {.fd = watch, .events = POLLIN};
    return watch >= 0 && poll(&ended, 1, PATIENCE_MS) == 1;
}

int kvm_probe_finish(struct kvm_probe *probe, struct progress *progress, bool *works,
                     struct error *err)
{
    struct accel_probe what = question(probe);
    bool waits = probe->child > 0 && !has_ended(probe->child);
    if (waits)
        progress_show(progress, LABEL ": is it of use here?", 0, 0, false);
    if (probe->child > 0 && process_wait(probe->child, &(int){0}, err) < 0)
        return -1;
    probe->child = 0;
    if (accel_probe(&what, works, NULL, err) < 0)
        return -1;
    if (waits)
        progress_done(progress, LABEL, *works ? "works" : "of no use here; emulating");
    return 0;
}

void kvm_probe_fini(struct kvm_probe *probe)
{
    if (probe->child > 0) {
        (void)kill(probe->child, SIGKILL);
        (void)process_wait(probe->child, &(int){0}, NULL);
    }
    free(probe->folder);
    *probe = (struct kvm_probe){0};
}
