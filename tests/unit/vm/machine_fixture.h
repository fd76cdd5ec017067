/* A machine of the fake QEMU's: folders, a configuration, and what its end was. */
#ifndef CAISSON_TESTS_MACHINE_FIXTURE_H
#define CAISSON_TESTS_MACHINE_FIXTURE_H

#include "../check.h"
#include "../remove_tree.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/output.h"
#include "processor.h"
#include "vm/client.h"
#include "vm/machine.h"
#include "vm/record.h"

#define NAME    "a"
#define SOON_MS 200
#define LONG_MS 20000

extern char *fake_qemu; /* its path */
extern struct processor shared_processor;

struct machine_fixture {
    char folder[96];
    char *qemu;
    char *guest;
    struct vm_disk disk;
    struct vm_config config;
};

static inline char *path_in(const struct machine_fixture *fixture, const char *leaf)
{
    char *path = text_format("%s/%s", fixture->folder, leaf);
    assert_non_null(path);
    return path;
}

static inline void write_in(const struct machine_fixture *fixture, const char *leaf,
                            const char *text)
{
    struct error err = {0};
    TEXT_AUTO path = path_in(fixture, leaf);
    check_ok(output_write(path, span_of_text(text), 0600, &err), &err);
}

static inline int machine_set_up(void **state)
{
    static char *const args[] = {"/bin/app", NULL};
    static char *const env[] = {"PATH=/bin", NULL};
    struct machine_fixture *fixture = calloc(1, sizeof *fixture);
    const char *tmp = getenv("TMPDIR");
    (void)snprintf(fixture->folder, sizeof fixture->folder, "%.32s/caisson-vm-XXXXXX",
                   tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(fixture->folder));
    TEXT_AUTO run = path_in(fixture, "run");
    assert_int_equal(setenv("CAISSON_RUN", run, 1), 0);
    write_in(fixture, "vmlinux", "kernel");
    write_in(fixture, "initrd", "initrd");
    write_in(fixture, "cmdline.simulated", "quiet");
    write_in(fixture, "disk", "disk");
    fixture->guest = path_in(fixture, "");
    fixture->disk.path = path_in(fixture, "disk");
    fixture->config = (struct vm_config){
        .name = NAME,
        .image = "image",
        .guest_folder = fixture->guest,
        .psp_folder = shared_processor.dir,
        .tee = VM_TEE_SIMULATED,
        .kvm = true,
        .owned = true,
        .same_user = true, /* the fake QEMU writes beside itself */
        .memory_mib = 128,
        .vcpus = 1,
        .disks = &fixture->disk,
        .disk_count = 1,
        .policy = span_of_text("the policy"),
        .process = {.args = args, .env = env, .cwd = "/", .user = "", .hostname = "h"},
        .boot_timeout_ms = LONG_MS,
    };
    *state = fixture;
    return 0;
}

static inline void pause_ms(long ms)
{
    (void)nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

/* Waits for the monitors, which are this process's children: none may be left. */
static inline void wait_for_monitors(void)
{
    for (int tries = 0; tries < LONG_MS / 10; tries++) {
        pid_t pid = waitpid(-1, NULL, WNOHANG);
        if (pid < 0)
            return;
        if (pid == 0)
            pause_ms(10);
    }
    fail_msg("a monitor is left");
}

static inline int machine_tear_down(void **state)
{
    struct machine_fixture *fixture = *state;
    wait_for_monitors();
    (void)remove_tree(fixture->folder);
    union {
        const char *in;
        char *out;
    } path = {fixture->disk.path};
    free(path.out);
    free(fixture->guest);
    free(fixture->qemu);
    free(fixture);
    return 0;
}

/* Starts a machine whose QEMU is called `life`. */
static inline struct client_connection *start_machine(struct machine_fixture *fixture,
                                                      const char *life)
{
    struct error err = {0};
    int fd;
    free(fixture->qemu);
    fixture->qemu = path_in(fixture, life);
    (void)!symlink(fake_qemu, fixture->qemu);
    fixture->config.qemu_program = fixture->qemu;
    check_ok(machine_start(&fixture->config, &fd, &err), &err);
    struct client_connection *connection = client_open(fd, &err);
    if (!connection)
        fail_msg("%s", err.text);
    return connection;
}

/* Attaches without input, output to /dev/null, and gives the end. */
static inline struct client_exit end_of(struct client_connection *connection)
{
    struct error err = {0};
    struct client_exit end = {0};
    FD_AUTO null = open("/dev/null", O_RDWR | O_CLOEXEC);
    struct client_streams streams = {.in = -1, .out = null, .error = null};
    check_ok(client_attach(connection, &streams, &end, &err), &err);
    return end;
}

/* The record, once the machine has exited. */
static inline void read_end(struct record *record)
{
    struct error err = {0};
    check_ok(record_read(NAME, record, &err), &err);
    assert_int_equal(record->status, RECORD_EXITED);
}

static inline void check_holds(const char *text, const char *words)
{
    if (!strstr(text, words))
        fail_msg("\"%s\" does not hold \"%s\"", text, words);
}

/* How often the fake QEMU was started. */
static inline long runs_of(const struct machine_fixture *fixture)
{
    struct stat status = {0};
    TEXT_AUTO path = path_in(fixture, "runs");
    (void)stat(path, &status);
    return (long)status.st_size;
}

/* What both programs of machines do: `path` is the fake QEMU's. */
static inline int run_machine_tests(const char *name, const struct CMUnitTest *tests, size_t count,
                                    const char *path)
{
    fake_qemu = realpath(path, NULL);
    struct psp *psp = NULL;
    if (processor_prepare(&shared_processor) < 0 || !(psp = psp_open(shared_processor.dir, NULL)))
        return 1;
    psp_close(psp);
    int failed = _cmocka_run_group_tests(name, tests, count, NULL, NULL);
    (void)processor_remove(&shared_processor);
    free(fake_qemu);
    return failed;
}

#endif
