/*
 * The default seccomp profile: what `--security-opt seccomp=default` and a pod's RuntimeDefault
 * mean.
 *
 * It lists the system calls of x86-64 as the kernel's arch/x86/entry/syscalls/syscall_64.tbl names
 * them. Which ones it refuses follows Docker's documentation ("Seccomp security profiles for
 * Docker", the table of significant calls that are blocked, and which capability opens each), with
 * io_uring, which the engines have refused since 2023, and the sockets of virtual machines
 * (AF_VSOCK).
 *
 * What is refused returns EPERM. A call that is not listed returns ENOSYS, so that programs that
 * try newer calls fall back to older ones. Other calling conventions are not: a 32-bit program
 * ends.
 */
#include "base/text.h"
#include "cli/seccomp_profile.h"
#include "policy/capabilities.h"

#define CLONE_NAMESPACES 0x7E020000 /* all flags of clone(2) that make a namespace */

static const char allowed[] =
    "accept accept4 access adjtimex alarm arch_prctl bind brk capget capset chdir chmod chown "
    "clock_getres clock_gettime clock_nanosleep close close_range connect copy_file_range creat "
    "dup dup2 dup3 epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait "
    "eventfd eventfd2 execve execveat exit exit_group faccessat faccessat2 fadvise64 fallocate "
    "fanotify_mark fchdir fchmod fchmodat fchown fchownat fcntl fdatasync fgetxattr flistxattr "
    "flock fork fremovexattr fsetxattr fstat fstatfs fsync ftruncate futex futex_waitv futimesat "
    "get_robust_list get_thread_area getcpu getcwd getdents getdents64 getegid geteuid getgid "
    "getgroups getitimer getpeername getpgid getpgrp getpid getppid getpriority getrandom "
    "getresgid getresuid getrlimit getrusage getsid getsockname getsockopt gettid gettimeofday "
    "getuid getxattr inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel "
    "io_destroy io_getevents io_pgetevents io_setup io_submit ioctl ioprio_get ioprio_set kill "
    "landlock_add_rule landlock_create_ruleset landlock_restrict_self lchown lgetxattr link "
    "linkat listen listxattr llistxattr lremovexattr lseek lsetxattr lstat madvise membarrier "
    "memfd_create memfd_secret mincore mkdir mkdirat mknod mknodat mlock mlock2 mlockall mmap "
    "modify_ldt mprotect mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedsend mq_unlink "
    "mremap msgctl msgget msgrcv msgsnd msync munlock munlockall munmap name_to_handle_at "
    "nanosleep newfstatat open openat openat2 pause pidfd_open pidfd_send_signal pipe pipe2 "
    "pkey_alloc pkey_free pkey_mprotect poll ppoll prctl pread64 preadv preadv2 prlimit64 "
    "process_mrelease process_vm_readv process_vm_writev pselect6 ptrace pwrite64 pwritev "
    "pwritev2 read readahead readlink readlinkat readv recvfrom recvmmsg recvmsg "
    "remap_file_pages removexattr rename renameat renameat2 restart_syscall rmdir rseq "
    "rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend "
    "rt_sigtimedwait rt_tgsigqueueinfo sched_get_priority_max sched_get_priority_min "
    "sched_getaffinity sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval "
    "sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield seccomp select "
    "semctl semget semop semtimedop sendfile sendmmsg sendmsg sendto set_robust_list "
    "set_thread_area set_tid_address setfsgid setfsuid setgid setgroups setitimer setpgid "
    "setpriority setregid setresgid setresuid setreuid setrlimit setsid setsockopt setuid "
    "setxattr shmat shmctl shmdt shmget shutdown sigaltstack signalfd signalfd4 socketpair splice "
    "stat statfs statx symlink symlinkat sync sync_file_range syncfs sysinfo tee tgkill time "
    "timer_create timer_delete timer_getoverrun timer_gettime timer_settime timerfd_create "
    "timerfd_gettime timerfd_settime times tkill truncate umask uname unlink unlinkat utime "
    "utimensat utimes vfork vmsplice wait4 waitid write writev";

/* Calls that a capability opens. One that stands in several groups needs one of them. */
static const struct {
    const char *capability; /* NULL: none does */
    const char *calls;
} groups[] = {
    {"CAP_SYS_ADMIN",
     "bpf fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie mount mount_setattr "
     "move_mount open_tree perf_event_open quotactl quotactl_fd setdomainname sethostname setns "
     "syslog umount2 unshare"},
    {"CAP_BPF", "bpf"},
    {"CAP_PERFMON", "perf_event_open"},
    {"CAP_SYSLOG", "syslog"},
    {"CAP_DAC_READ_SEARCH", "open_by_handle_at"},
    {"CAP_SYS_BOOT", "reboot"},
    {"CAP_SYS_CHROOT", "chroot"},
    {"CAP_SYS_MODULE", "delete_module finit_module init_module"},
    {"CAP_SYS_NICE", "get_mempolicy mbind move_pages set_mempolicy set_mempolicy_home_node"},
    {"CAP_SYS_PACCT", "acct"},
    {"CAP_SYS_PTRACE", "kcmp pidfd_getfd process_madvise"},
    {"CAP_SYS_RAWIO", "ioperm iopl"},
    {"CAP_SYS_TIME", "clock_adjtime clock_settime settimeofday"},
    {"CAP_SYS_TTY_CONFIG", "vhangup"},
    {NULL, "add_key io_uring_enter io_uring_register io_uring_setup kexec_file_load kexec_load "
           "keyctl migrate_pages pivot_root request_key swapoff swapon sysfs uselib userfaultfd "
           "ustat"},
};

/* Puts the words that the array lacks at its end. */
static void add_words(json_t *array, const char *words, const json_t *but_not)
{
    while (*words) {
        size_t i, size = strcspn(words, " ");
        json_t *word = json_stringn(words, size);
        const json_t *each;
        bool there = false;
        json_array_foreach (array, i, each)
            there = there || json_equal(each, word);
        json_array_foreach (but_not, i, each)
            there = there || json_equal(each, word);
        if (!there)
            (void)json_array_append(array, word);
        json_decref(word);
        words += size + (words[size] == ' ');
    }
}

static bool holds(uint64_t capabilities, const char *name)
{
    return name && capabilities >> policy_capability_number(name) & 1;
}

/* A rule for one call, by its first argument. */
static json_t *rule(const char *call, const char *action, json_int_t value, json_int_t mask)
{
    json_t *out = json_pack("{s:[s], s:s, s:[{s:i, s:I}]}", "names", call, "action", action, "args",
                            "index", 0, "value", value);
    json_t *condition = json_array_get(json_object_get(out, "args"), 0);
    if (strcmp(action, "SCMP_ACT_ALLOW") != 0)
        (void)json_object_set_new(out, "errnoRet", json_integer(1)); /* EPERM */
    if (mask) /* the argument and `value` are `mask` */
        (void)json_object_set_new(condition, "valueTwo", json_integer(mask > 0 ? mask : 0));
    (void)json_object_set_new(condition, "op",
                              json_string(mask ? "SCMP_CMP_MASKED_EQ" : "SCMP_CMP_EQ"));
    return out;
}

/* New namespaces are CAP_SYS_ADMIN's. clone3(2) hides its flags from a filter: without it is not
 * there (ENOSYS), and programs use clone(2). */
static void add_clone(json_t *rules, json_t *open, uint64_t capabilities)
{
    if (holds(capabilities, "CAP_SYS_ADMIN")) {
        add_words(open, "clone clone3", NULL);
        return;
    }
    (void)json_array_append_new(rules, rule("clone", "SCMP_ACT_ALLOW", CLONE_NAMESPACES, -1));
    for (json_int_t flag = 1; flag <= CLONE_NAMESPACES; flag <<= 1) {
        if (flag & CLONE_NAMESPACES)
            (void)json_array_append_new(rules, rule("clone", "SCMP_ACT_ERRNO", flag, flag));
    }
}

/* The execution domains of Linux itself: native, 32-bit addresses of uname, both, and the question
 * which it is. */
static void add_arguments(json_t *rules)
{
    static const json_int_t domains[] = {0, 0x8, 0x20000, 0x20008, 0xffffffff};
    json_t *socket = rule("socket", "SCMP_ACT_ALLOW", 40, 0); /* AF_VSOCK */
    for (size_t i = 0; i < sizeof domains / sizeof *domains; i++)
        (void)json_array_append_new(rules, rule("personality", "SCMP_ACT_ALLOW", domains[i], 0));
    (void)json_object_set_new(json_array_get(json_object_get(socket, "args"), 0), "op",
                              json_string("SCMP_CMP_NE"));
    (void)json_array_append_new(rules, socket);
    (void)json_array_append_new(rules, rule("socket", "SCMP_ACT_ERRNO", 40, 0));
}

json_t *seccomp_profile_default(uint64_t capabilities)
{
    json_t *open = json_array();
    json_t *closed = json_array();
    json_t *rules = json_array();
    add_words(open, allowed, NULL);
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        if (holds(capabilities, groups[i].capability))
            add_words(open, groups[i].calls, NULL);
    }
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        add_words(closed, groups[i].calls, open);
    add_clone(rules, open, capabilities);
    add_arguments(rules);
    (void)json_array_insert_new(rules, 0,
                                json_pack("{s:o, s:s}", "names", open, "action", "SCMP_ACT_ALLOW"));
    (void)json_array_insert_new(
        rules, 1,
        json_pack("{s:o, s:s, s:i}", "names", closed, "action", "SCMP_ACT_ERRNO", "errnoRet", 1));
    return json_pack("{s:s, s:i, s:[s], s:o}", "defaultAction", "SCMP_ACT_ERRNO", "defaultErrnoRet",
                     38, "architectures", "SCMP_ARCH_X86_64", "syscalls", rules);
}
