/* The program's system calls, which syscall_answer() (program.h) finds by their numbers. What is
 * not there is -ENOSYS, and the log says its name once. */
#ifndef CAISSON_ENCLAVE_LIBOS_CALLS_SYSCALL_H
#define CAISSON_ENCLAVE_LIBOS_CALLS_SYSCALL_H

#include "enclave/libos/program/load.h"
#include "enclave/libos/program/program.h"

/* Before the first call of syscall_answer() (program.h). */
void syscall_begin(const struct program *program);

typedef uint64_t syscall_fn(struct program_frame *frame);

/* As Linux calls it, for the log. */
const char *syscall_name(uint64_t number);

/* With the lock: of each thread of this enclave, what becomes of its robust locks at its end. */
void syscall_end_robust_locks(void);

/* syscall_io.c */
syscall_fn syscall_close;
syscall_fn syscall_close_range;
syscall_fn syscall_dup2;
syscall_fn syscall_dup3;
syscall_fn syscall_dup;
syscall_fn syscall_eventfd2;
syscall_fn syscall_fallocate;
syscall_fn syscall_fcntl;
syscall_fn syscall_fsync;
syscall_fn syscall_ftruncate;
syscall_fn syscall_getdents;
syscall_fn syscall_getdents64;
syscall_fn syscall_ioctl;
syscall_fn syscall_lseek;
syscall_fn syscall_pipe2;
syscall_fn syscall_pipe;
syscall_fn syscall_pread64;
syscall_fn syscall_preadv2;
syscall_fn syscall_preadv;
syscall_fn syscall_pwrite64;
syscall_fn syscall_pwritev2;
syscall_fn syscall_pwritev;
syscall_fn syscall_read;
syscall_fn syscall_readv;
syscall_fn syscall_syncfs;
syscall_fn syscall_write;
syscall_fn syscall_writev;

/* syscall_paths.c */
syscall_fn syscall_access;
syscall_fn syscall_chdir;
syscall_fn syscall_chroot;
syscall_fn syscall_creat;
syscall_fn syscall_faccessat2;
syscall_fn syscall_faccessat;
syscall_fn syscall_fchdir;
syscall_fn syscall_getcwd;
syscall_fn syscall_link;
syscall_fn syscall_linkat;
syscall_fn syscall_mkdir;
syscall_fn syscall_mkdirat;
syscall_fn syscall_mknod;
syscall_fn syscall_mknodat;
syscall_fn syscall_open;
syscall_fn syscall_openat2;
syscall_fn syscall_openat;
syscall_fn syscall_readlink;
syscall_fn syscall_readlinkat;
syscall_fn syscall_rename;
syscall_fn syscall_renameat2;
syscall_fn syscall_renameat;
syscall_fn syscall_rmdir;
syscall_fn syscall_symlink;
syscall_fn syscall_symlinkat;
syscall_fn syscall_umask;
syscall_fn syscall_unlink;
syscall_fn syscall_unlinkat;

/* syscall_exec.c */
syscall_fn syscall_execve;
syscall_fn syscall_execveat;
/* syscall_schedule.c */
syscall_fn syscall_getcpu;
syscall_fn syscall_ioprio_get;
syscall_fn syscall_ioprio_set;
syscall_fn syscall_membarrier;
syscall_fn syscall_personality;
syscall_fn syscall_sched_get_priority_max;
syscall_fn syscall_sched_get_priority_min;
syscall_fn syscall_sched_getattr;
syscall_fn syscall_sched_getparam;
syscall_fn syscall_sched_getscheduler;
syscall_fn syscall_sched_rr_get_interval;
syscall_fn syscall_sched_setattr;
syscall_fn syscall_sched_setparam;
syscall_fn syscall_sched_setscheduler;

/* syscall_advise.c */
syscall_fn syscall_fadvise64;
syscall_fn syscall_mincore;
syscall_fn syscall_mlock2;
syscall_fn syscall_mlock;
syscall_fn syscall_mlockall;
syscall_fn syscall_msync;
syscall_fn syscall_munlockall;
syscall_fn syscall_readahead;

/* syscall_refused.c */
syscall_fn syscall_refused;
syscall_fn syscall_unshare;

/* syscall_anonymous.c */
syscall_fn syscall_eventfd;
syscall_fn syscall_memfd_create;
syscall_fn syscall_signalfd4;
syscall_fn syscall_signalfd;

/* syscall_poll.c */
syscall_fn syscall_poll;
syscall_fn syscall_ppoll;
syscall_fn syscall_pselect6;
syscall_fn syscall_select;

/* syscall_segment.c */
syscall_fn syscall_shmat;
syscall_fn syscall_shmctl;
syscall_fn syscall_shmdt;
syscall_fn syscall_shmget;

/* syscall_semaphore.c */
syscall_fn syscall_semctl;
syscall_fn syscall_semget;
syscall_fn syscall_semop;
syscall_fn syscall_semtimedop;

/* syscall_signal.c */
syscall_fn syscall_pause;
syscall_fn syscall_rt_sigaction;
syscall_fn syscall_rt_sigpending;
syscall_fn syscall_rt_sigprocmask;
syscall_fn syscall_rt_sigreturn;
syscall_fn syscall_rt_sigsuspend;
syscall_fn syscall_rt_sigtimedwait;
syscall_fn syscall_sigaltstack;

/* syscall_timer.c */
syscall_fn syscall_alarm;
syscall_fn syscall_getitimer;
syscall_fn syscall_setitimer;
syscall_fn syscall_timer_create;
syscall_fn syscall_timer_delete;
syscall_fn syscall_timer_getoverrun;
syscall_fn syscall_timer_gettime;
syscall_fn syscall_timer_settime;

/* syscall_sleep.c */
syscall_fn syscall_clock_nanosleep;
syscall_fn syscall_nanosleep;

/* syscall_thread.c */
syscall_fn syscall_clone;
syscall_fn syscall_clone3;
syscall_fn syscall_exit;
syscall_fn syscall_exit_group;
syscall_fn syscall_futex;
syscall_fn syscall_get_robust_list;
syscall_fn syscall_gettid;
syscall_fn syscall_sched_getaffinity;
syscall_fn syscall_sched_setaffinity;
syscall_fn syscall_sched_yield;
syscall_fn syscall_set_robust_list;
syscall_fn syscall_set_tid_address;

/* syscall_socket.c */
syscall_fn syscall_accept;
syscall_fn syscall_accept4;
syscall_fn syscall_bind;
syscall_fn syscall_connect;
syscall_fn syscall_getpeername;
syscall_fn syscall_getsockname;
syscall_fn syscall_getsockopt;
syscall_fn syscall_listen;
syscall_fn syscall_setsockopt;
syscall_fn syscall_shutdown;
syscall_fn syscall_socket;
syscall_fn syscall_socketpair;

/* syscall_message.c */
syscall_fn syscall_recvfrom;
syscall_fn syscall_recvmmsg;
syscall_fn syscall_recvmsg;
syscall_fn syscall_sendmmsg;
syscall_fn syscall_sendmsg;
syscall_fn syscall_sendto;

/* syscall_stat.c */
syscall_fn syscall_fstat;
syscall_fn syscall_fstatfs;
syscall_fn syscall_lstat;
syscall_fn syscall_newfstatat;
syscall_fn syscall_stat;
syscall_fn syscall_statfs;
syscall_fn syscall_statx;

/* syscall_change.c */
syscall_fn syscall_chmod;
syscall_fn syscall_chown;
syscall_fn syscall_fchmod;
syscall_fn syscall_fchmodat;
syscall_fn syscall_fchown;
syscall_fn syscall_fchownat;
syscall_fn syscall_futimesat;
syscall_fn syscall_lchown;
syscall_fn syscall_truncate;
syscall_fn syscall_utime;
syscall_fn syscall_utimensat;
syscall_fn syscall_utimes;

/* syscall_epoll.c */
syscall_fn syscall_epoll_create;
syscall_fn syscall_epoll_create1;
syscall_fn syscall_epoll_ctl;
syscall_fn syscall_epoll_pwait;
syscall_fn syscall_epoll_pwait2;
syscall_fn syscall_epoll_wait; /* and epoll_pwait */
syscall_fn syscall_timerfd_create;
syscall_fn syscall_timerfd_gettime;
syscall_fn syscall_timerfd_settime;

/* syscall_notify.c */
syscall_fn syscall_inotify_add_watch;
syscall_fn syscall_inotify_init1;
syscall_fn syscall_inotify_init;
syscall_fn syscall_inotify_rm_watch;

/* syscall_pidfd.c */
syscall_fn syscall_pidfd_open;
syscall_fn syscall_pidfd_send_signal;

/* syscall_process.c */
syscall_fn syscall_getpgid;
syscall_fn syscall_getpgrp;
syscall_fn syscall_getpid;
syscall_fn syscall_getppid;
syscall_fn syscall_getsid;
syscall_fn syscall_kill;
syscall_fn syscall_rt_sigqueueinfo;
syscall_fn syscall_rt_tgsigqueueinfo;
syscall_fn syscall_setpgid;
syscall_fn syscall_setsid;
syscall_fn syscall_tgkill;
syscall_fn syscall_tkill;

/* syscall_wait.c */
syscall_fn syscall_wait4;
syscall_fn syscall_waitid;

/* syscall_fork.c */
syscall_fn syscall_fork;
syscall_fn syscall_vfork;

/* syscall_identity.c */
syscall_fn syscall_capget;
syscall_fn syscall_capset;
syscall_fn syscall_getegid;
syscall_fn syscall_geteuid;
syscall_fn syscall_getgid;
syscall_fn syscall_getgroups;
syscall_fn syscall_getresgid;
syscall_fn syscall_getresuid;
syscall_fn syscall_getuid;
syscall_fn syscall_setfsgid;
syscall_fn syscall_setfsuid;
syscall_fn syscall_setgid;
syscall_fn syscall_setgroups;
syscall_fn syscall_setregid;
syscall_fn syscall_setresgid;
syscall_fn syscall_setresuid;
syscall_fn syscall_setreuid;
syscall_fn syscall_setuid;

/* syscall_prctl.c */
syscall_fn syscall_getpriority;
syscall_fn syscall_getrlimit;
syscall_fn syscall_getrusage;
syscall_fn syscall_prctl;
syscall_fn syscall_prlimit64;
syscall_fn syscall_setpriority;
syscall_fn syscall_setrlimit;
syscall_fn syscall_sysinfo;
syscall_fn syscall_times;

/* syscall_lock.c */
syscall_fn syscall_flock;

/* syscall_move.c */
syscall_fn syscall_copy_file_range;
syscall_fn syscall_sendfile;
syscall_fn syscall_splice;

/* syscall_xattr.c */
syscall_fn syscall_fgetxattr;
syscall_fn syscall_flistxattr;
syscall_fn syscall_fremovexattr;
syscall_fn syscall_fsetxattr;
syscall_fn syscall_getxattr;
syscall_fn syscall_lgetxattr;
syscall_fn syscall_listxattr;
syscall_fn syscall_llistxattr;
syscall_fn syscall_lremovexattr;
syscall_fn syscall_lsetxattr;
syscall_fn syscall_removexattr;
syscall_fn syscall_setxattr;

/* syscall_memory.c */
syscall_fn syscall_brk;
syscall_fn syscall_madvise;
syscall_fn syscall_mmap;
syscall_fn syscall_mprotect;
syscall_fn syscall_mremap;
syscall_fn syscall_munmap;

#define SYSCALL_ERROR(number) ((uint64_t) - (int64_t)(number))

#endif
