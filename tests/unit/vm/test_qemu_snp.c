/* QEMU itself reads the whole line of an sev-snp machine, and stops at the hardware that is not
 * there. */
#include "../check.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "os/fd.h"
#include "os/process.h"
#include "vm/qemu_args.h"

#define WAIT_MS  30000
#define FD_COUNT 9

/* What QEMU says, or -1 with the error of its start. */
static int words_of(const struct qemu_args *args, const int *fds, struct buf *out,
                    struct error *err)
{
    int ends[2];
    pid_t pid;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    const struct process_spec spec = {.argv = (const char *const *)args->argv,
                                      .standard = {-1, -1, ends[1]},
                                      .keep = fds,
                                      .keep_count = FD_COUNT,
                                      .die_with_parent = true};
    int status = process_start(&spec, &pid, err);
    (void)close(ends[1]);
    if (status == 0) {
        struct pollfd wait = {.fd = process_watch(pid, NULL), .events = POLLIN};
        if (poll(&wait, 1, WAIT_MS) != 1)
            (void)kill(pid, SIGKILL);
        (void)close(wait.fd);
        check_ok(process_wait(pid, &(int){0}, err), err);
        check_ok(fd_read_to_end(ends[0], out, err), err);
    }
    (void)close(ends[0]);
    return status;
}

/* With the devices opened by QEMU, or handed over. */
static void check_stops_at_the_hardware_alone(bool hands_devices_over)
{
    static const char *const lacks[] = {
        "vm-type SEV-SNP not supported by KVM",
        "Could not access KVM kernel module",
        "KVM required",
        "failed to initialize kvm",
        "kvm version too old", /* what stands for the device is /dev/null */
    };
    struct error err = {0};
    int fds[FD_COUNT]; /* QEMU closes each when it has taken it: none may stand for two */
    for (size_t i = 0; i < FD_COUNT; i++)
        assert_true((fds[i] = open("/dev/null", O_RDWR | O_CLOEXEC)) >= 0);
    /* The console is written, and a disk is a file, open for reading. */
    (void)close(fds[5]);
    assert_true((fds[5] = open("/dev/null", O_WRONLY | O_CLOEXEC)) >= 0);
    (void)close(fds[6]);
    assert_true((fds[6] = open("/proc/self/exe", O_RDONLY | O_CLOEXEC)) >= 0);
    /* The channel's and the network's are sockets: one another's ends will do. */
    (void)close(fds[3]);
    (void)close(fds[4]);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds + 3), 0);
    const struct qemu_config config = {
        .tee = VM_TEE_SEV_SNP,
        .memory_mib = 512,
        .vcpus = 2,
        .kvm_fd = hands_devices_over ? fds[7] : -1,
        .sev_fd = hands_devices_over ? fds[8] : -1,
        .kernel_fd = fds[0],
        .initrd_fd = fds[1],
        .firmware_fd = fds[2],
        .cmdline = "quiet caisson.tee=sev-snp",
        .channel_fd = fds[3],
        .psp_fd = -1,
        .network_fd = fds[4],
        .console_fd = fds[5],
        .disk_fds = &fds[6],
        .disk_count = 1,
        .parts_fd = -1,
        .scratch_fd = -1,
        .cbitpos = 51,
        .reduced_phys_bits = 1,
    };
    QEMU_ARGS_AUTO args = {0};
    BUF_AUTO words = BUF_WITH_LIMIT(65536);
    check_ok(qemu_args_build(&config, &args, &err), &err);
    int status = words_of(&args, fds, &words, &err);
    for (size_t i = 0; i < FD_COUNT; i++)
        (void)close(fds[i]);
    if (status < 0)
        check_skip("%s", err.text);
    for (size_t i = 0; i < sizeof lacks / sizeof *lacks; i++) {
        if (strstr(buf_text(&words), lacks[i]))
            return;
    }
    fail_msg("QEMU says: %s", buf_text(&words));
}

static void stops_at_the_hardware_alone(void **state)
{
    (void)state;
    check_stops_at_the_hardware_alone(false);
}

static void stops_at_the_hardware_alone_where_the_devices_are_handed_over(void **state)
{
    (void)state;
    check_stops_at_the_hardware_alone(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stops_at_the_hardware_alone),
        cmocka_unit_test(stops_at_the_hardware_alone_where_the_devices_are_handed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
