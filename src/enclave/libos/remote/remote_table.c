#include "enclave/libos/remote/remote_table.h"

#include <asm/ioctls.h>
#include <asm/unistd_64.h>
#include <linux/fcntl.h>
#include <linux/prctl.h>

#include "enclave/libos/calls/own_call.h"
#include "enclave/libos/files/terminal.h"
#include "enclave/libos/processes/told.h"
#include "enclave/libos/program/load.h"
#include "enclave/libos/program/sites.h"
#include "enclave/libos/program/snapshot.h"
#include "enclave/libos/shared/segment.h"
#include "enclave/libos/shared/semaphore.h"
#include "enclave/libos/shared/shared.h"

#define CALLS_MAX 512

/* clang-format off */
#define N              {.kind = REMOTE_NUMBER}
#define PATH           {.kind = REMOTE_TEXT, .size = 1, .most = REMOTE_TEXT_MAX}
#define NAME           {.kind = REMOTE_TEXT, .size = 1, .most = 256} /* XATTR_NAME_MAX and its end */
#define IN(bytes)      {.kind = REMOTE_IN, .size = bytes, .most = bytes}
#define OUT(bytes)     {.kind = REMOTE_OUT, .size = bytes, .most = bytes}
#define BOTH(bytes)    {.kind = REMOTE_BOTH, .size = bytes, .most = bytes}
/* Counted by argument `i` (from 0 on), as 64 or 32 bits, `bytes` each, `limit` bytes in all. */
#define MANY(way, i, bytes, limit)                                                                 \
    {.kind = way, .by = (i) + 1, .size = bytes, .most = limit}
#define WORDS(way, i, bytes, limit)                                                                \
    {.kind = way, .by = (i) + 1, .is_word = true, .size = bytes, .most = limit}
#define GOT(i, bytes, limit)                                                                       \
    {.kind = REMOTE_OUT, .by = (i) + 1, .is_answer = true, .size = bytes, .most = limit}
#define GOT_WORDS(i, bytes, limit)                                                                 \
    {.kind = REMOTE_OUT, .by = (i) + 1, .is_word = true, .is_answer = true, .size = bytes, .most = limit}
#define ROOMED(i, limit) {.kind = REMOTE_ROOMED, .by = (i) + 1, .size = 1, .most = limit}
#define SET            {.kind = REMOTE_BOTH, .by = 1, .is_word = true, .is_set = true, .size = 8, .most = 128}
#define DATA_IN        {.kind = REMOTE_DATA_IN, .by = 3, .size = 1, .most = REMOTE_PIECE_MAX}
#define DATA_OUT       {.kind = REMOTE_DATA_OUT, .by = 3, .is_answer = true, .size = 1, .most = REMOTE_PIECE_MAX}
#define PARTS_IN       {.kind = REMOTE_PARTS_IN, .by = 3, .size = 1, .most = REMOTE_PIECE_MAX}
#define PARTS_OUT      {.kind = REMOTE_PARTS_OUT, .by = 3, .is_answer = true, .size = 1, .most = REMOTE_PIECE_MAX}
#define HEADER(way)    {.kind = way, .size = 1, .most = REMOTE_PIECE_MAX}
#define HEAD           {.kind = REMOTE_BOTH, .size = 8, .most = 8, .is_always = true}
#define LEFT           {.kind = REMOTE_BOTH, .size = TIME, .most = TIME, .is_always = true} /* what is left of a time */
#define MASK           {.kind = REMOTE_MASK}
#define ONCE(...)      {.way = REMOTE_ONCE, .arguments = {__VA_ARGS__}}
#define PIECES(...)    {.way = REMOTE_PIECES, .arguments = {__VA_ARGS__}}
#define PIECES_AT(...) {.way = REMOTE_PIECES, .position = 3, .arguments = {__VA_ARGS__}}
/* Of a thread, which argument `i` names: one of this enclave's own is dealt with here. */
#define OF_THREAD(i, ...) {.way = REMOTE_ONCE, .thread = (i) + 1, .arguments = {__VA_ARGS__}}
#define SEVERAL(one)   {.way = REMOTE_SEVERAL, .other = one}

#define VALUES   65536                  /* bytes of extended attributes: XATTR_SIZE_MAX */
#define STAT     144                    /* struct stat */
#define STATFS   120                    /* struct statfs */
#define STATX    256                    /* struct statx */
#define ADDRESS  REMOTE_NAME_MAX
#define TIME     16                     /* struct timespec, timeval, utimbuf */
#define EVENT    12                     /* struct epoll_event */
#define EVENTS   (4096 * EVENT)         /* that one call gives */
#define POLLED   8                      /* struct pollfd */
#define GROUPS   1024                   /* bytes of supplementary groups */
#define LIMIT    16                     /* struct rlimit64 */
#define INFO     128                    /* siginfo_t */
#define UNAME    390                    /* struct new_utsname */
#define USAGE    144                    /* struct rusage */
#define OPTION   64                     /* bytes of a socket's option */

static const struct remote_row rows[CALLS_MAX] = {
    [__NR_accept]            = ONCE(N, ROOMED(2, ADDRESS), BOTH(4)),
    [__NR_accept4]           = ONCE(N, ROOMED(2, ADDRESS), BOTH(4), N),
    [__NR_access]            = ONCE(PATH, N),
    [__NR_bind]              = ONCE(N, WORDS(REMOTE_IN, 2, 1, ADDRESS), N),
    [__NR_capget]            = ONCE(HEAD, BOTH(24)),
    [__NR_capset]            = ONCE(HEAD, IN(24)),
    [__NR_chdir]             = ONCE(PATH),
    [__NR_chmod]             = ONCE(PATH, N),
    [__NR_chown]             = ONCE(PATH, N, N),
    [__NR_chroot]            = ONCE(PATH),
    [__NR_close]             = ONCE(N),
    [__NR_close_range]       = ONCE(N, N, N),
    [__NR_connect]           = ONCE(N, WORDS(REMOTE_IN, 2, 1, ADDRESS), N),
    [__NR_copy_file_range]   = ONCE(N, BOTH(8), N, BOTH(8), N, N),
    [__NR_creat]             = ONCE(PATH, N),
    [__NR_dup]               = ONCE(N),
    [__NR_dup2]              = ONCE(N, N),
    [__NR_dup3]              = ONCE(N, N, N),
    [__NR_epoll_create]      = ONCE(N),
    [__NR_epoll_create1]     = ONCE(N),
    [__NR_epoll_ctl]         = ONCE(N, N, N, IN(EVENT)),
    [__NR_epoll_pwait]       = ONCE(N, GOT_WORDS(2, EVENT, EVENTS), N, N, MASK, N),
    [__NR_epoll_pwait2]      = ONCE(N, GOT_WORDS(2, EVENT, EVENTS), N, IN(TIME), MASK, N),
    [__NR_epoll_wait]        = ONCE(N, GOT_WORDS(2, EVENT, EVENTS), N, N),
    [__NR_eventfd]           = ONCE(N),
    [__NR_eventfd2]          = ONCE(N, N),
    [__NR_faccessat]         = ONCE(N, PATH, N),
    [__NR_faccessat2]        = ONCE(N, PATH, N, N),
    [__NR_fadvise64]         = ONCE(N, N, N, N),
    [__NR_fallocate]         = ONCE(N, N, N, N),
    [__NR_fchdir]            = ONCE(N),
    [__NR_fchmod]            = ONCE(N, N),
    [__NR_fchmodat]          = ONCE(N, PATH, N),
    [__NR_fchown]            = ONCE(N, N, N),
    [__NR_fchownat]          = ONCE(N, PATH, N, N, N),
    [__NR_fcntl]             = ONCE(N, N, {.kind = REMOTE_LOCK}),
    [__NR_fdatasync]         = ONCE(N),
    [__NR_fgetxattr]         = ONCE(N, NAME, GOT(3, 1, VALUES), N),
    [__NR_flistxattr]        = ONCE(N, GOT(2, 1, VALUES), N),
    [__NR_flock]             = ONCE(N, N),
    [__NR_fremovexattr]      = ONCE(N, NAME),
    [__NR_fsetxattr]         = ONCE(N, NAME, MANY(REMOTE_IN, 3, 1, VALUES), N, N),
    [__NR_fstat]             = ONCE(N, OUT(STAT)),
    [__NR_fstatfs]           = ONCE(N, OUT(STATFS)),
    [__NR_fsync]             = ONCE(N),
    [__NR_ftruncate]         = ONCE(N, N),
    [__NR_futimesat]         = ONCE(N, PATH, IN(2 * TIME)),
    [__NR_getcwd]            = ONCE(GOT(1, 1, REMOTE_TEXT_MAX), N),
    [__NR_getdents]          = ONCE(N, GOT_WORDS(2, 1, REMOTE_PIECE_MAX), N),
    [__NR_getdents64]        = ONCE(N, GOT_WORDS(2, 1, REMOTE_PIECE_MAX), N),
    [__NR_getegid]           = ONCE(N),
    [__NR_geteuid]           = ONCE(N),
    [__NR_getgid]            = ONCE(N),
    [__NR_getgroups]         = ONCE(N, GOT_WORDS(0, 4, GROUPS)),
    [__NR_getpeername]       = ONCE(N, ROOMED(2, ADDRESS), BOTH(4)),
    [__NR_getpgid]           = ONCE(N),
    [__NR_getpgrp]           = ONCE(N),
    [__NR_getppid]           = ONCE(N),
    [__NR_getpriority]       = ONCE(N, N),
    [__NR_getresgid]         = ONCE(OUT(4), OUT(4), OUT(4)),
    [__NR_getresuid]         = ONCE(OUT(4), OUT(4), OUT(4)),
    [__NR_getrlimit]         = ONCE(N, OUT(LIMIT)),
    [__NR_getsid]            = ONCE(N),
    [__NR_getsockname]       = ONCE(N, ROOMED(2, ADDRESS), BOTH(4)),
    [__NR_getsockopt]        = ONCE(N, N, N, ROOMED(4, OPTION), BOTH(4)),
    [__NR_getuid]            = ONCE(N),
    [__NR_getxattr]          = ONCE(PATH, NAME, GOT(3, 1, VALUES), N),
    [__NR_inotify_add_watch] = ONCE(N, PATH, N),
    [__NR_inotify_init]      = ONCE(N),
    [__NR_inotify_init1]     = ONCE(N),
    [__NR_inotify_rm_watch]  = ONCE(N, N),
    [__NR_ioctl]             = ONCE(N, N, {.kind = REMOTE_CONTROL}),
    [__NR_kill]              = ONCE(N, N),
    [__NR_lchown]            = ONCE(PATH, N, N),
    [__NR_lgetxattr]         = ONCE(PATH, NAME, GOT(3, 1, VALUES), N),
    [__NR_link]              = ONCE(PATH, PATH),
    [__NR_linkat]            = ONCE(N, PATH, N, PATH, N),
    [__NR_listen]            = ONCE(N, N),
    [__NR_listxattr]         = ONCE(PATH, GOT(2, 1, VALUES), N),
    [__NR_llistxattr]        = ONCE(PATH, GOT(2, 1, VALUES), N),
    [__NR_lremovexattr]      = ONCE(PATH, NAME),
    [__NR_lseek]             = ONCE(N, N, N),
    [__NR_lsetxattr]         = ONCE(PATH, NAME, MANY(REMOTE_IN, 3, 1, VALUES), N, N),
    [__NR_lstat]             = ONCE(PATH, OUT(STAT)),
    [__NR_memfd_create]      = ONCE(PATH, N),
    [__NR_mkdir]             = ONCE(PATH, N),
    [__NR_mkdirat]           = ONCE(N, PATH, N),
    [__NR_mknod]             = ONCE(PATH, N, N),
    [__NR_mknodat]           = ONCE(N, PATH, N, N),
    [__NR_mmap]              = ONCE(N, N, N, N, N, N),
    [__NR_newfstatat]        = ONCE(N, PATH, OUT(STAT), N),
    [__NR_open]              = ONCE(PATH, N, N),
    [__NR_openat]            = ONCE(N, PATH, N, N),
    [__NR_openat2]           = ONCE(N, PATH, IN(24), N),
    [__NR_pidfd_open]        = ONCE(N, N),
    [__NR_pidfd_send_signal] = ONCE(N, N, IN(INFO), N),
    [__NR_pipe]              = ONCE(OUT(8)),
    [__NR_pipe2]             = ONCE(OUT(8), N),
    [__NR_poll]              = ONCE(WORDS(REMOTE_BOTH, 1, POLLED, REMOTE_PIECE_MAX), N, N),
    [__NR_ppoll]             = ONCE(WORDS(REMOTE_BOTH, 1, POLLED, REMOTE_PIECE_MAX), N, LEFT, MASK, N),
    [__NR_prctl]             = ONCE(N, {.kind = REMOTE_OPTION}, N, N, N),
    [__NR_pread64]           = PIECES_AT(N, DATA_OUT, N, N),
    [__NR_preadv]            = PIECES_AT(N, PARTS_OUT, N, N),
    [__NR_preadv2]           = PIECES_AT(N, PARTS_OUT, N, N, N, N),
    [__NR_prlimit64]         = ONCE(N, N, IN(LIMIT), OUT(LIMIT)),
    [__NR_pselect6]          = ONCE(N, SET, SET, SET, LEFT, {.kind = REMOTE_MASK_PAIR}),
    [__NR_pwrite64]          = PIECES_AT(N, DATA_IN, N, N),
    [__NR_pwritev]           = PIECES_AT(N, PARTS_IN, N, N),
    [__NR_pwritev2]          = PIECES_AT(N, PARTS_IN, N, N, N, N),
    [__NR_read]              = PIECES(N, DATA_OUT, N),
    [__NR_readlink]          = ONCE(PATH, GOT_WORDS(2, 1, REMOTE_TEXT_MAX), N),
    [__NR_readlinkat]        = ONCE(N, PATH, GOT_WORDS(3, 1, REMOTE_TEXT_MAX), N),
    [__NR_readv]             = PIECES(N, PARTS_OUT, N),
    [__NR_recvfrom]          = ONCE(N, DATA_OUT, N, N, ROOMED(5, ADDRESS), BOTH(4)),
    [__NR_recvmmsg]          = SEVERAL(__NR_recvmsg),
    [__NR_recvmsg]           = ONCE(N, HEADER(REMOTE_HEADER_OUT), N),
    [__NR_removexattr]       = ONCE(PATH, NAME),
    [__NR_readahead]         = ONCE(N, N, N),
    [__NR_rename]            = ONCE(PATH, PATH),
    [__NR_renameat]          = ONCE(N, PATH, N, PATH),
    [__NR_renameat2]         = ONCE(N, PATH, N, PATH, N),
    [__NR_rmdir]             = ONCE(PATH),
    [__NR_rt_sigqueueinfo]   = ONCE(N, N, IN(INFO)),
    [__NR_rt_tgsigqueueinfo] = OF_THREAD(1, N, N, N, IN(INFO)),
    [__NR_select]            = ONCE(N, SET, SET, SET, LEFT),
    [__NR_semget]            = ONCE(N, N, N),
    [__NR_semop]             = ONCE(N, WORDS(REMOTE_IN, 2, sizeof(struct sembuf), SEMAPHORE_OPERATIONS_MAX * sizeof(struct sembuf)), N),
    [__NR_semtimedop]        = ONCE(N, WORDS(REMOTE_IN, 2, sizeof(struct sembuf), SEMAPHORE_OPERATIONS_MAX * sizeof(struct sembuf)), N, IN(TIME)),
    [__NR_sendfile]          = ONCE(N, N, BOTH(8), N),
    [__NR_sendmmsg]          = SEVERAL(__NR_sendmsg),
    [__NR_sendmsg]           = PIECES(N, HEADER(REMOTE_HEADER_IN), N),
    [__NR_sendto]            = PIECES(N, DATA_IN, N, N, WORDS(REMOTE_IN, 5, 1, ADDRESS), N),
    [__NR_setfsgid]          = ONCE(N),
    [__NR_setfsuid]          = ONCE(N),
    [__NR_setgid]            = ONCE(N),
    [__NR_setgroups]         = ONCE(N, WORDS(REMOTE_IN, 0, 4, GROUPS)),
    [__NR_setpgid]           = ONCE(N, N),
    [__NR_setpriority]       = ONCE(N, N, N),
    [__NR_setregid]          = ONCE(N, N),
    [__NR_setresgid]         = ONCE(N, N, N),
    [__NR_setresuid]         = ONCE(N, N, N),
    [__NR_setreuid]          = ONCE(N, N),
    [__NR_setrlimit]         = ONCE(N, IN(LIMIT)),
    [__NR_setsid]            = ONCE(N),
    [__NR_setsockopt]        = ONCE(N, N, N, WORDS(REMOTE_IN, 4, 1, OPTION), N),
    [__NR_setuid]            = ONCE(N),
    [__NR_setxattr]          = ONCE(PATH, NAME, MANY(REMOTE_IN, 3, 1, VALUES), N, N),
    [__NR_shmctl]            = ONCE(N, N, {.kind = REMOTE_SEGMENT}),
    [__NR_shmget]            = ONCE(N, N, N),
    [__NR_shutdown]          = ONCE(N, N),
    [__NR_signalfd]          = ONCE(N, IN(8), N),
    [__NR_signalfd4]         = ONCE(N, IN(8), N, N),
    [__NR_socket]            = ONCE(N, N, N),
    [__NR_socketpair]        = ONCE(N, N, N, OUT(8)),
    [__NR_splice]            = ONCE(N, BOTH(8), N, BOTH(8), N, N),
    [__NR_stat]              = ONCE(PATH, OUT(STAT)),
    [__NR_statfs]            = ONCE(PATH, OUT(STATFS)),
    [__NR_statx]             = ONCE(N, PATH, N, N, OUT(STATX)),
    [__NR_symlink]           = ONCE(PATH, PATH),
    [__NR_symlinkat]         = ONCE(PATH, N, PATH),
    [__NR_sync_file_range]   = ONCE(N, N, N, N),
    [__NR_syncfs]            = ONCE(N),
    [__NR_tgkill]            = OF_THREAD(1, N, N, N),
    [__NR_timerfd_create]    = ONCE(N, N),
    [__NR_timerfd_gettime]   = ONCE(N, OUT(2 * TIME)),
    [__NR_timerfd_settime]   = ONCE(N, N, IN(2 * TIME), OUT(2 * TIME)),
    [__NR_tkill]             = OF_THREAD(0, N, N),
    [__NR_truncate]          = ONCE(PATH, N),
    [__NR_umask]             = ONCE(N),
    [__NR_uname]             = ONCE(OUT(UNAME)),
    [__NR_unlink]            = ONCE(PATH),
    [__NR_unlinkat]          = ONCE(N, PATH, N),
    [__NR_utime]             = ONCE(PATH, IN(TIME)),
    [__NR_utimensat]         = ONCE(N, PATH, IN(2 * TIME), N),
    [__NR_utimes]            = ONCE(PATH, IN(2 * TIME)),
    [__NR_wait4]             = ONCE(N, BOTH(4), N, BOTH(USAGE)),
    [__NR_waitid]            = ONCE(N, N, BOTH(INFO), N, BOTH(USAGE)),
    [__NR_write]             = PIECES(N, DATA_IN, N),
    [__NR_writev]            = PIECES(N, PARTS_IN, N),

    [OWN_OPEN_PROGRAM]       = ONCE(N, PATH, N, OUT(8)),
    [OWN_EXECUTED]           = ONCE(PATH, MANY(REMOTE_IN, 2, 1, TOLD_WORDS_MAX), N),
    [OWN_CHILD_ACTION]       = ONCE(N, N, N),
    [OWN_NUMBER]             = ONCE(N),
    [OWN_BORROW]             = ONCE(N, N),
    [OWN_RETURN]             = ONCE(N),
    [OWN_SPAWN]              = ONCE(N, PATH, N, IN(sizeof(struct own_words)), MANY(REMOTE_IN, 5, 1, PROGRAM_WORDS_MAX), N),
    [OWN_FORK]               = ONCE(N, OUT(4)),
    [OWN_FORK_SEND]          = ONCE(N, MANY(REMOTE_IN, 2, 1, SNAPSHOT_MESSAGE_MAX), N),
    [OWN_FORK_END]           = ONCE(N, N, N, N),
    [OWN_MOVE]               = ONCE(N, N),
    [OWN_SHARED_OPEN]        = ONCE(N, N, N, N),
    [OWN_SHARED_PAGE]        = ONCE(N, N, N, N, OUT(sizeof(struct shared_grant))),
    [OWN_SHARED_DROP]        = ONCE(N, N, N, N, N),
    [OWN_SHARED_LEAVE]       = ONCE(N),
    [OWN_SHARED_WAIT]        = ONCE(N, N, N, N, N),
    [OWN_SHARED_WAKE]        = ONCE(N, N, N, N),
    [OWN_STOPPED]            = ONCE(N),
    [OWN_SEGMENT_ATTACH]     = ONCE(N, N, OUT(sizeof(struct segment_part))),
    [OWN_SEMAPHORE_CONTROL]  = ONCE(N, N, N, N, BOTH(sizeof(struct semaphore_told))),
    [OWN_PIDFD]              = ONCE(N),
    [OWN_CLOSE]              = ONCE(N),
    [OWN_NAMED]              = ONCE(IN(THREAD_NAME_SIZE)),
    [OWN_SITES]              = ONCE(N, N, N, GOT(4, sizeof(struct site), SITES_MAX * sizeof(struct site)), N),
};
/* clang-format on */

const struct remote_row *remote_row(uint64_t number)
{
    return number < CALLS_MAX && rows[number].way != REMOTE_LOCAL ? &rows[number] : NULL;
}

static struct remote_argument plain(enum remote_kind kind, uint16_t size)
{
    return (struct remote_argument){.kind = (uint8_t)kind, .size = size, .most = size};
}

static struct remote_argument of_control(uint64_t command)
{
    switch ((uint32_t)command) {
    case F_GETLK:
    case F_SETLK:
    case F_SETLKW:
    case F_OFD_GETLK:
    case F_OFD_SETLK:
    case F_OFD_SETLKW:
        return plain(REMOTE_BOTH, sizeof(struct flock));
    default:
        return plain(REMOTE_NUMBER, 0);
    }
}

static struct remote_argument of_request(uint64_t request)
{
    const struct terminal_request *terminal = terminal_request_find((uint32_t)request);
    if (terminal && terminal->size > 0)
        return plain(terminal->is_in ? REMOTE_IN : REMOTE_OUT, terminal->size);
    switch ((uint32_t)request) {
    case FIOASYNC:
    case FIONBIO:
        return plain(REMOTE_IN, sizeof(int));
    case FIONREAD:
        return plain(REMOTE_OUT, sizeof(int));
    default:
        return plain(REMOTE_NUMBER, 0);
    }
}

static struct remote_argument of_option(uint64_t option)
{
    bool gets = option == PR_GET_PDEATHSIG || option == PR_GET_CHILD_SUBREAPER;
    return gets ? plain(REMOTE_OUT, sizeof(int)) : plain(REMOTE_NUMBER, 0);
}

static struct remote_argument of_segment(uint64_t command)
{
    size_t size = segment_told_size((unsigned)command);
    bool is_set = segment_is_set((unsigned)command);
    return plain(size == 0 ? REMOTE_NUMBER : is_set ? REMOTE_IN : REMOTE_OUT, (uint16_t)size);
}

struct remote_argument remote_argument(const struct remote_row *row, size_t i,
                                       const uint64_t arguments[REMOTE_ARGUMENTS])
{
    switch (row->arguments[i].kind) {
    case REMOTE_LOCK:
        return of_control(arguments[1]);
    case REMOTE_CONTROL:
        return of_request(arguments[1]);
    case REMOTE_OPTION:
        return of_option(arguments[0]);
    case REMOTE_SEGMENT:
        return of_segment(arguments[1]);
    case REMOTE_MASK:
    case REMOTE_MASK_PAIR:
        return plain(REMOTE_NUMBER, 0);
    default:
        return row->arguments[i];
    }
}

uint64_t remote_size(const struct remote_argument *argument,
                     const uint64_t arguments[REMOTE_ARGUMENTS])
{
    uint64_t count = 1, size;
    if (argument->by > 0)
        count = arguments[argument->by - 1];
    if (argument->is_word)
        count = (uint32_t)count;
    if (argument->is_set)
        count = (count < 1024 ? count + 63 : 1024) /
                64; /* FD_SETSIZE: what is beyond is left out */
    if (__builtin_mul_overflow(count, argument->size, &size) || size > argument->most)
        return UINT64_MAX;
    return size;
}

uint64_t remote_answer_size(const struct remote_argument *argument, uint64_t size, uint64_t result)
{
    uint64_t got;
    if (!argument->is_answer || __builtin_mul_overflow(result, argument->size, &got))
        return size;
    return got < size ? got : size;
}

bool remote_is_out(const struct remote_argument *argument)
{
    return argument->kind == REMOTE_OUT || argument->kind == REMOTE_BOTH ||
           argument->kind == REMOTE_DATA_OUT;
}
