/* What the default profile lets through is asked of the kernel itself, in children that install
 * the filter that the guest makes of it. */
#include "../check.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/seccomp_profile.h"
#include "format/seccomp_json.h"
#include "guest/syscallfilter.h"
#include "policy/capabilities.h"

#define NONE    0
#define ALL     (~UINT64_C(0))
#define ALLOWED 0 /* whatever the kernel then says */

static void compile(uint64_t capabilities, struct syscallfilter *out)
{
    struct error err = {0};
    struct value profile;
    struct arena arena = {.limit = 1 << 22};
    BUF_AUTO text = BUF_WITH_LIMIT(SECCOMP_PROFILE_MAX);
    json_auto_t *json = seccomp_profile_default(capabilities);
    assert_non_null(json);
    check_ok(seccomp_write_json(json, &text, &err), &err);
    check_ok(value_read_object(buf_span(&text), 8, &arena, &profile, &err), &err);
    check_ok(syscallfilter_compile(&profile, out, &err), &err);
    arena_fini(&arena);
}

/* What the filter says to a call, with arguments that do nothing where it is let through. */
struct attempt {
    long number;
    unsigned long first;
};

static int outcome(uint64_t capabilities, struct attempt attempt)
{
    struct error err = {0};
    struct syscallfilter filter;
    compile(capabilities, &filter);
    pid_t child = fork();
    if (child == 0) {
        (void)signal(SIGSYS, SIG_DFL);
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || syscallfilter_install(&filter, &err) < 0)
            _exit(200);
        long result = syscall(attempt.number, attempt.first, -1L, -1L, -1L, -1L, -1L);
        _exit(result == -1 ? errno : 0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    syscallfilter_fini(&filter);
    assert_true(WIFEXITED(status));
    assert_int_not_equal(WEXITSTATUS(status), 200);
    return WEXITSTATUS(status);
}

static uint64_t with(const char *name)
{
    return UINT64_C(1) << policy_capability_number(name);
}

/* The kernel's own answer, which differs from the filter's. */
static void lets_programs_work(void **state)
{
    static const struct {
        struct attempt attempt;
        int answer;
    } calls[] = {
        {{SYS_close, 9999}, EBADF},          {{SYS_getppid, 0}, 0},
        {{SYS_epoll_create1, ~0UL}, EINVAL}, {{SYS_memfd_create, 1}, EINVAL},
        {{SYS_openat2, ~0UL}, E2BIG},        {{SYS_socket, AF_UNSPEC}, EINVAL},
        {{SYS_personality, 0xffffffff}, 0},  {{SYS_clone, SIGCHLD | CLONE_SIGHAND}, EINVAL},
        {{SYS_io_destroy, 9999}, EINVAL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        int answer = outcome(NONE, calls[i].attempt);
        if (answer != calls[i].answer)
            fail_msg("call %ld: %d", calls[i].attempt.number, answer);
    }
}

static void refuses_what_is_for_machines(void **state)
{
    static const struct {
        struct attempt attempt;
        const char *capability; /* that opens it; NULL for none */
        int answer;             /* then */
    } calls[] = {
        {{SYS_mount, 1}, "CAP_SYS_ADMIN", EFAULT},
        {{SYS_unshare, 1}, "CAP_SYS_ADMIN", EINVAL},
        {{SYS_setns, 9999}, "CAP_SYS_ADMIN", EBADF},
        {{SYS_clone, CLONE_NEWUSER | CLONE_SIGHAND}, "CAP_SYS_ADMIN", EINVAL},
        {{SYS_clone, CLONE_NEWCGROUP | CLONE_SIGHAND}, "CAP_SYS_ADMIN", EINVAL},
        {{SYS_bpf, 9999}, "CAP_SYS_ADMIN", -1},
        {{SYS_bpf, 9999}, "CAP_BPF", -1},
        {{SYS_open_by_handle_at, 9999}, "CAP_DAC_READ_SEARCH", -1},
        {{SYS_kcmp, 0}, "CAP_SYS_PTRACE", ESRCH},
        {{SYS_mbind, 1}, "CAP_SYS_NICE", EINVAL},
        {{SYS_chroot, 1}, "CAP_SYS_CHROOT", EFAULT},
        {{SYS_keyctl, 9999}, NULL, 0},
        {{SYS_add_key, 1}, NULL, 0},
        {{SYS_kexec_load, 1}, NULL, 0},
        {{SYS_io_uring_setup, 1}, NULL, 0},
        {{SYS_userfaultfd, ~0UL}, NULL, 0},
        {{SYS_socket, AF_VSOCK}, NULL, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        const char *capability = calls[i].capability;
        int answer = outcome(
            capability ? ALL & ~with(capability) & ~with("CAP_SYS_ADMIN") & ~with("CAP_BPF") : ALL,
            calls[i].attempt);
        if (answer != EPERM)
            fail_msg("call %ld without %s: %d", calls[i].attempt.number,
                     capability ? capability : "any", answer);
        if (!capability || calls[i].answer < 0) /* then the kernel says the same */
            continue;
        answer = outcome(with(capability), calls[i].attempt);
        if (answer != calls[i].answer)
            fail_msg("call %ld with %s: %d", calls[i].attempt.number, capability, answer);
    }
}

/* ENOSYS: a program then uses what is older. */
static void hides_what_it_does_not_know(void **state)
{
    (void)state;
    assert_int_equal(outcome(NONE, (struct attempt){9999, 0}), ENOSYS);
    assert_int_equal(outcome(NONE, (struct attempt){SYS_clone3, 1}), ENOSYS);
    assert_int_equal(outcome(ALL, (struct attempt){SYS_clone3, 1}), E2BIG);
    assert_int_equal(outcome(ALL, (struct attempt){SYS_personality, ADDR_NO_RANDOMIZE}), ENOSYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lets_programs_work),
        cmocka_unit_test(refuses_what_is_for_machines),
        cmocka_unit_test(hides_what_it_does_not_know),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
