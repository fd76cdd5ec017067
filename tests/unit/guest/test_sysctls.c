/* What a request may say. Setting is tested inside a machine. */
#include "../check.h"

#include <stdio.h>

#include "guest/sysctls.h"

static void takes_names_and_values(void **state)
{
    (void)state;
    static const char *const words[] = {"net.core.somaxconn=1024", "kernel.sem=250 32000\t32 128",
                                        "net.ipv4.ip_local_reserved_ports=8080,9148-9150"};
    struct error err = {0};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        check_ok(sysctls_check(words[i], &err), &err);
}

static void refuses_settings_that_guard_something(void **state)
{
    (void)state;
    static const char *const names[] = {
        "",
        "kernel",
        "kernel.",
        "kernel.core_pattern",
        "kernel.modprobe",
        "kernel.sysrq",
        "kernel.panic_on_oops",
        "kernel.randomize_va_space",
        "kernel.yama.ptrace_scope",
        "kernel.unprivileged_bpf_disabled",
        "kernel.hostname",
        "kernel.msg_next_id",
        "kernel/sem",
        "kernel.sem.",
        "kernel.shm_rmid_forced/../../vm/swappiness",
        "KERNEL.SEM",
        "vm.overcommit_memory",
        "fs.suid_dumpable",
        "fs.protected_symlinks",
        "net.ipv4.ip_forward",
        "net.ipv4.conf.all.route_localnet",
        "net.ipv4.conf.all.accept_redirects",
        "net.ipv4.conf.all.rp_filter",
        "net.ipv6.conf.all.disable_ipv6",
        "net.ipv6.conf.eth0.accept_ra",
        "net.core.bpf_jit_enable",
        "net.core.somaxconn/../bpf_jit_enable",
        "user.max_user_namespaces",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct error err;
        char text[128];
        (void)snprintf(text, sizeof text, "%s=1", names[i]);
        check_refused(sysctls_check(text, &err), &err, "not a container's to set");
    }
}

static void refuses_what_is_no_value(void **state)
{
    (void)state;
    static const char *const values[] = {
        "",     "=",    "=x",  "=1\n2",
        "=1;2", "=1=2", "=/1", "=11111111111111111111111111111111111111111111111111111111111111111",
    };
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct error err;
        char text[160];
        (void)snprintf(text, sizeof text, "kernel.sem%s", values[i]);
        check_error(sysctls_check(text, &err), &err, ERROR_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_names_and_values),
        cmocka_unit_test(refuses_settings_that_guard_something),
        cmocka_unit_test(refuses_what_is_no_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
