/* Calls of another enclave's process: each is made once where the files are and once by a thread
 * that stands for the caller, and both times answers and memory are the same. */
#include <asm/ioctls.h>
#include <asm/unistd_64.h>
#include <errno.h>
#include <linux/eventpoll.h>
#include <linux/fcntl.h>
#include <linux/poll.h>
#include <linux/prctl.h>
#include <linux/time_types.h>
#include <linux/uio.h>
#include <signal.h>
#include <string.h>

#include "../../../check.h"
#include "calls_stage.h"
#include "enclave/libos/calls/syscall_socket.h"
#include "enclave/libos/threads/thread.h"

/* --- what the program has in its memory ------------------------------------------------------- */

enum {
    OUT = 0,         /* the first 64 KiB: what calls write to */
    LARGE = 0x10000, /* 64 KiB of bytes to write */
    TEXTS = 0x20000, /* of 64 bytes each */
    PARTS = 0x21000, /* three of struct iovec */
    HEADER = 0x21100,
    NAME = 0x21200, /* struct sockaddr_un of an abstract name */
    TIMES = 0x21300,
    ZERO_TIME = 0x21400,
    POLLED = 0x21500,
    SETS = 0x21600,
    EVENT = 0x21700,
    LOCK = 0x21800,
    SIZE = 0x21900, /* a 32-bit size */
    NUMBER = 0x21A00,
    HOW = 0x21B00,
    CONTROL = 0x21C00, /* a message with one file */
    SEVERAL = 0x21D00, /* two of struct mmsghdr */
    MASK = 0x21E00,
    OFFSET = 0x21F00,
    LONG = 0x22000, /* a path without end */
    GROUPS = 0x24000,
    CAPABILITIES = 0x24100,
};

enum { FILE_PATH, FOLDER, INNER, LINK, OTHER, ATTRIBUTE, VALUE, ROOT, EMPTY, MISSING };

static const char *const texts[] = {"/file",     "/folder", "/folder/x", "/link", "/other",
                                    "user.name", "value",   "/",         "",      "/missing"};

#define AT(offset) ((uint64_t)stage_program + (offset))
#define TEXT(i)    AT(TEXTS + 64 * (i))
#define HERE       ((uint64_t)AT_FDCWD)
#define END        AT(STAGE_SIZE)

static void put(size_t offset, const void *bytes, size_t size)
{
    memcpy(stage_program + offset, bytes, size);
}

#define PUT(offset, ...)                                                                           \
    do {                                                                                           \
        __VA_ARGS__;                                                                               \
        put(offset, &value, sizeof value);                                                         \
    } while (0)

static void put_headers(void)
{
    const struct iovec parts[3] = {
        {(void *)AT(OUT), 5}, {(void *)AT(OUT + 0x100), 0}, {(void *)AT(OUT + 0x200), 4000}};
    const struct syscall_header header = {.name = AT(OUT + 0x4000),
                                          .name_size = 110,
                                          .parts = AT(PARTS),
                                          .part_count = 3,
                                          .control = AT(CONTROL),
                                          .control_size = 24};
    put(PARTS, parts, sizeof parts);
    put(HEADER, &header, sizeof header);
    for (size_t i = 0; i < 2; i++)
        put(SEVERAL + i * 64, &header, sizeof header);
    PUT(CONTROL, const uint64_t value[3] = {20, 1 | (uint64_t)1 << 32, 0});
    PUT(NAME, const uint8_t value[8] = {1, 0, 0, 'n', 'a', 'm', 'e', '1'});
}

/* All that calls read, afresh. */
static void put_all(void)
{
    stage_clear();
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        put(TEXTS + 64 * i, texts[i], strlen(texts[i]) + 1);
    for (size_t i = 0; i < 0x10000; i++)
        stage_program[LARGE + i] = (uint8_t)(i * 7);
    memset(stage_program + OUT, 'o', 0x200);
    put_headers();
    PUT(TIMES, const int64_t value[4] = {100, 200, 300, 400});
    PUT(ZERO_TIME, const int64_t value[2] = {0, 0});
    PUT(POLLED, const struct pollfd value[2] = {{3, POLLIN | POLLOUT, 0}, {77, POLLIN, 0}});
    PUT(SETS, const uint64_t value[2] = {8, 8});
    PUT(EVENT, const struct epoll_event value = {EPOLLIN, 0x1234567887654321});
    PUT(LOCK, static const struct flock value = {F_WRLCK, 0, 10, 20, 0}); /* its gaps are 0 */
    PUT(SIZE, const uint32_t value = 100);
    PUT(NUMBER, const uint32_t value = 1);
    PUT(HOW, const uint64_t value[3] = {O_RDONLY, 0, 0});
    PUT(MASK, const uint64_t value[3] = {1, AT(MASK), 8});
    PUT(OFFSET, const uint64_t value = 2);
    PUT(GROUPS, const uint32_t value[3] = {5, 6, 7});
    PUT(CAPABILITIES, const uint32_t value[2] = {0x20080522, 0});
    memset(stage_program + LONG, 'a', 8000);
}

/* --- the calls -------------------------------------------------------------------------------- */

struct step {
    uint64_t number;
    uint64_t arguments[REMOTE_ARGUMENTS];
};

#define STEPS_MAX 600

struct record {
    int64_t result;
    uint64_t hash; /* of the whole memory afterwards */
};

static struct step steps[STEPS_MAX];
static size_t step_count;

static void step(uint64_t number, const uint64_t arguments[REMOTE_ARGUMENTS])
{
    assert_true(step_count < STEPS_MAX);
    steps[step_count].number = number;
    memcpy(steps[step_count++].arguments, arguments, sizeof steps->arguments);
}

#define DO(name, ...) step(__NR_##name, (const uint64_t[REMOTE_ARGUMENTS]){__VA_ARGS__})

static uint64_t hash_of_memory(void)
{
    uint64_t hash = 0xcbf29ce484222325, word;
    for (size_t i = 0; i < STAGE_SIZE; i += sizeof word) {
        memcpy(&word, stage_program + i, sizeof word);
        hash = (hash ^ word) * 0x100000001b3;
    }
    return hash;
}

static void run_all(struct record *out)
{
    for (size_t i = 0; i < step_count; i++) {
        put_all();
        out[i].result = stage_call(steps[i].number, steps[i].arguments);
        out[i].hash = hash_of_memory();
    }
}

/* In two worlds that begin alike. */
static void compare(void (*list)(void))
{
    static struct record local[STEPS_MAX], remote[STEPS_MAX];
    stage_start();
    step_count = 0;
    list();
    run_all(local);
    stage_end();
    stage_start();
    stage_begin_remote();
    run_all(remote);
    stage_end();
    for (size_t i = 0; i < step_count; i++) {
        if (local[i].result != remote[i].result || local[i].hash != remote[i].hash)
            print_error("step %zu: call %llu: %lld and %lld%s\n", i,
                        (unsigned long long)steps[i].number, (long long)local[i].result,
                        (long long)remote[i].result,
                        local[i].hash != remote[i].hash ? ", another memory" : "");
    }
    for (size_t i = 0; i < step_count; i++) {
        assert_int_equal(local[i].result, remote[i].result);
        assert_true(local[i].hash == remote[i].hash);
    }
}

static void names(void)
{
    DO(mkdir, TEXT(FOLDER), 0755);
    DO(mkdirat, HERE, TEXT(FOLDER), 0755); /* is there */
    DO(open, TEXT(FILE_PATH), O_CREAT | O_RDWR, 0644);
    DO(openat, HERE, TEXT(INNER), O_CREAT | O_RDWR, 0600);
    DO(openat2, HERE, TEXT(INNER), AT(HOW), 24);
    DO(creat, TEXT(OTHER), 0644);
    DO(symlink, TEXT(FILE_PATH), TEXT(LINK));
    DO(symlinkat, TEXT(FILE_PATH), HERE, TEXT(LINK));
    DO(readlink, TEXT(LINK), AT(OUT), 100);
    DO(readlink, TEXT(LINK), AT(OUT), 3);
    DO(readlinkat, HERE, TEXT(LINK), AT(OUT), 100000);
    DO(readlink, TEXT(LINK), AT(OUT), (uint32_t)-1);
    DO(access, TEXT(FILE_PATH), 4);
    DO(faccessat, HERE, TEXT(MISSING), 4);
    DO(faccessat2, HERE, TEXT(FILE_PATH), 1, 0);
    DO(link, TEXT(OTHER), TEXT(MISSING));
    DO(linkat, HERE, TEXT(OTHER), HERE, TEXT(MISSING), 0);
    DO(rename, TEXT(MISSING), TEXT(OTHER));
    DO(renameat, HERE, TEXT(OTHER), HERE, TEXT(INNER));
    DO(renameat2, HERE, TEXT(INNER), HERE, TEXT(FILE_PATH), 1);
    DO(unlinkat, HERE, TEXT(INNER), 0);
    DO(unlink, TEXT(LINK));
    DO(unlink, TEXT(EMPTY));
    DO(mknod, TEXT(LINK), 010600, 0);
    DO(mknodat, HERE, TEXT(MISSING), 020600, 0x103);
    DO(chmod, TEXT(FILE_PATH), 0604);
    DO(fchmod, 0, 0600);
    DO(fchmodat, HERE, TEXT(FILE_PATH), 0640);
    DO(chown, TEXT(FILE_PATH), 1, 2);
    DO(lchown, TEXT(FILE_PATH), 3, 4);
    DO(fchown, 0, 5, 6);
    DO(fchownat, HERE, TEXT(FILE_PATH), 7, 8, 0);
    DO(utime, TEXT(FILE_PATH), AT(TIMES));
    DO(utimes, TEXT(FILE_PATH), AT(TIMES));
    DO(futimesat, HERE, TEXT(FILE_PATH), AT(TIMES));
    DO(utimensat, HERE, TEXT(FILE_PATH), AT(TIMES), 0);
    DO(utimensat, 0, 0, 0, 0);
    DO(truncate, TEXT(FILE_PATH), 50);
    DO(stat, TEXT(FILE_PATH), AT(OUT));
    DO(lstat, TEXT(FOLDER), AT(OUT));
    DO(fstat, 0, AT(OUT));
    DO(newfstatat, HERE, TEXT(FILE_PATH), AT(OUT), 0);
    DO(statx, HERE, TEXT(FILE_PATH), 0, 0x7FF, AT(OUT));
    DO(statfs, TEXT(ROOT), AT(OUT));
    DO(fstatfs, 0, AT(OUT));
    DO(chdir, TEXT(FOLDER));
    DO(getcwd, AT(OUT), 100);
    DO(getcwd, AT(OUT), 3);
    DO(getcwd, AT(OUT), 1 << 20);
    DO(open, TEXT(ROOT), O_RDONLY | O_DIRECTORY);
    DO(fchdir, 4);
    DO(getdents64, 4, AT(OUT), 4096);
    DO(getdents64, 4, AT(OUT), 4096);
    DO(chroot, TEXT(FOLDER));
    DO(umask, 077);
    DO(rmdir, TEXT(ROOT));
}

static void attributes(void)
{
    DO(open, TEXT(FILE_PATH), O_CREAT | O_RDWR, 0644);
    DO(setxattr, TEXT(FILE_PATH), TEXT(ATTRIBUTE), TEXT(VALUE), 5, 0);
    DO(lsetxattr, TEXT(FILE_PATH), TEXT(ATTRIBUTE), TEXT(VALUE), 4, 2);
    DO(fsetxattr, 0, TEXT(ATTRIBUTE), TEXT(VALUE), 3, 1); /* is there */
    DO(setxattr, TEXT(FILE_PATH), TEXT(ATTRIBUTE), AT(OUT), 70000, 0);
    DO(setxattr, TEXT(FILE_PATH), AT(LONG), TEXT(VALUE), 3, 0);
    DO(getxattr, TEXT(FILE_PATH), TEXT(ATTRIBUTE), AT(OUT), 100);
    DO(getxattr, TEXT(FILE_PATH), TEXT(ATTRIBUTE), AT(OUT), 0);
    DO(getxattr, TEXT(FILE_PATH), TEXT(ATTRIBUTE), AT(OUT), 1);
    DO(getxattr, TEXT(FILE_PATH), TEXT(ATTRIBUTE), AT(OUT), 1 << 17);
    DO(lgetxattr, TEXT(FILE_PATH), TEXT(VALUE), AT(OUT), 100);
    DO(fgetxattr, 0, TEXT(ATTRIBUTE), AT(OUT), 100);
    DO(listxattr, TEXT(FILE_PATH), AT(OUT), 100);
    DO(llistxattr, TEXT(FILE_PATH), AT(OUT), 2);
    DO(flistxattr, 0, AT(OUT), 0);
    DO(removexattr, TEXT(FILE_PATH), TEXT(VALUE));
    DO(lremovexattr, TEXT(FILE_PATH), TEXT(ATTRIBUTE));
    DO(fremovexattr, 0, TEXT(ATTRIBUTE));
}

static void bytes(void)
{
    DO(open, TEXT(FILE_PATH), O_CREAT | O_RDWR, 0644);
    DO(write, 0, AT(LARGE), 0x10000);
    DO(pwrite64, 0, AT(LARGE), 100, 0x20000);
    DO(pwrite64, 0, AT(LARGE), 100, (uint64_t)-1);
    DO(writev, 0, AT(PARTS), 3);
    DO(pwritev, 0, AT(PARTS), 3, 5);
    DO(pwritev2, 0, AT(PARTS), 3, (uint64_t)-1, 0, 0);
    DO(pwritev2, 0, AT(PARTS), 3, 0, 0, 1); /* no such flag */
    DO(writev, 0, AT(PARTS), 0);
    DO(writev, 0, AT(PARTS), 1025);
    DO(lseek, 0, 0, 0);
    DO(read, 0, AT(OUT), 100);
    DO(read, 0, AT(OUT), 0);
    DO(read, 0, 0, 0);
    DO(read, 0, AT(OUT), 0x10000);
    DO(pread64, 0, AT(OUT), 300, 7);
    DO(readv, 0, AT(PARTS), 3);
    DO(preadv, 0, AT(PARTS), 2, 9);
    DO(preadv2, 0, AT(PARTS), 3, 11, 0, 0);
    DO(pread64, 0, AT(OUT), 0x30000, 0x1FFF0);
    DO(pwrite64, 0, AT(OUT), STAGE_SIZE, 1);
    DO(pread64, 0, AT(OUT), STAGE_SIZE, 0);
    DO(pwrite64, 0, AT(OUT), STAGE_SIZE + 1, 1);
    DO(ftruncate, 0, 10);
    DO(fallocate, 0, 0, 0, 100);
    DO(fsync, 0);
    DO(fdatasync, 0);
    DO(syncfs, 0);
    DO(sync_file_range, 0, 0, 0, 0);
    DO(dup, 0);
    DO(dup2, 0, 9);
    DO(dup3, 0, 8, O_CLOEXEC);
    DO(fcntl, 8, F_GETFD);
    DO(fcntl, 0, F_DUPFD, 20);
    DO(fcntl, 0, F_SETLK, AT(LOCK));
    DO(fcntl, 0, F_GETLK, AT(LOCK));
    DO(fcntl, 0, F_OFD_SETLK, AT(LOCK)); /* the process is in the way */
    DO(fcntl, 0, F_GETFL);
    DO(flock, 0, 2);
    DO(ioctl, 0, FIONBIO, AT(NUMBER));
    DO(ioctl, 0, FIOCLEX, AT(NUMBER));
    DO(ioctl, 0, TCGETS, AT(OUT));
    DO(open, TEXT(OTHER), O_CREAT | O_RDWR, 0644);
    DO(lseek, 0, 0, 0);
    DO(sendfile, 2, 0, AT(OFFSET), 50);
    DO(copy_file_range, 0, AT(OFFSET), 2, AT(OFFSET), 30, 0);
    DO(copy_file_range, 0, 0, 2, 0, 30, 0);
    DO(close, 1);
    DO(close, 1);
    DO(close_range, 8, 30, 0);
}

static void streams(void)
{
    DO(open, TEXT(FILE_PATH), O_CREAT | O_RDWR, 0644);
    DO(pipe, AT(OUT));
    DO(pipe2, AT(OUT), O_NONBLOCK);
    DO(write, 2, AT(LARGE), 1000);
    DO(read, 1, AT(OUT), 0x8000);
    DO(read, 3, AT(OUT), 10); /* would wait */
    DO(write, 4, AT(LARGE), 0x10000);
    DO(write, 4, AT(LARGE), 1); /* is full */
    DO(poll, AT(POLLED), 2, 0);
    DO(poll, AT(POLLED), 0, 0);
    DO(poll, AT(POLLED), 70000, 0);
    DO(ppoll, AT(POLLED), 2, AT(ZERO_TIME), AT(MASK), 8);
    DO(select, 4, AT(SETS), 0, 0, AT(ZERO_TIME));
    DO(select, 4, 0, AT(SETS), AT(SETS + 8), AT(ZERO_TIME));
    DO(select, (uint32_t)-1, AT(SETS), 0, 0, AT(ZERO_TIME));
    DO(pselect6, 4, AT(SETS), 0, 0, AT(ZERO_TIME), AT(MASK + 8));
    DO(epoll_create1, 0);
    DO(epoll_ctl, 5, EPOLL_CTL_ADD, 3, AT(EVENT));
    DO(epoll_ctl, 5, EPOLL_CTL_DEL, 2, 1);
    DO(epoll_wait, 5, AT(OUT), 10, 0);
    DO(epoll_wait, 5, AT(OUT), 100000, 0); /* more than there is memory */
    DO(epoll_wait, 5, AT(OUT), 0, 0);
    DO(epoll_wait, 5, AT(OUT), (uint32_t)-1, 0);
    DO(epoll_pwait, 5, AT(OUT), 10, 0, AT(MASK), 8);
    DO(epoll_pwait2, 5, AT(OUT), 10, AT(ZERO_TIME), AT(MASK), 8);
    DO(splice, 3, 0, 0, AT(OFFSET), 100, 0);
    DO(eventfd2, 3, 0);
    DO(read, 6, AT(OUT), 8);
    DO(timerfd_create, 1, O_NONBLOCK);
    DO(timerfd_settime, 7, 0, AT(TIMES), AT(OUT));
    DO(epoll_create, 1);
    DO(lseek, 1, 0, 0);
    DO(read, 2, AT(OUT), 1);
}

static void sockets(void)
{
    DO(open, TEXT(FILE_PATH), O_CREAT | O_RDWR, 0644);
    DO(socketpair, 1, 1, 0, AT(OUT));
    DO(socket, 1, 1, 0);
    DO(bind, 3, AT(NAME), 8);
    DO(bind, 3, AT(NAME), 200); /* no such size */
    DO(listen, 3, 4);
    DO(getsockname, 3, AT(OUT), AT(SIZE));
    DO(socket, 1, 1, 0);
    DO(connect, 4, AT(NAME), 8);
    DO(accept, 3, AT(OUT), AT(SIZE));
    DO(getpeername, 4, AT(OUT), AT(SIZE));
    DO(getsockopt, 4, 1, 3, AT(OUT), AT(SIZE));
    DO(setsockopt, 4, 1, 16, AT(NUMBER), 4);
    DO(setsockopt, 4, 1, 16, AT(NUMBER), (uint32_t)-1);
    DO(sendto, 4, AT(LARGE), 100, 0, 0, 0);
    DO(recvfrom, 5, AT(OUT), 1000, 0, AT(OUT + 0x2000), AT(SIZE));
    DO(sendmsg, 1, AT(HEADER), 0); /* with a name, where it is connected */
    DO(sendmmsg, 1, AT(SEVERAL), 2, 0);
    DO(recvmsg, 2, AT(HEADER), 0x40);
    DO(recvmmsg, 2, AT(SEVERAL), 2, 0x40 | 0x10000, 0);
    DO(recvmsg, 2, AT(HEADER), 0x40);
    DO(shutdown, 4, 1);
    DO(recvfrom, 5, AT(OUT), 1000, 0, 0, 0);
    DO(accept4, 5, 0, 0, 0);
    DO(socketpair, 1, 2, 0, AT(OUT));
    DO(sendto, 6, AT(LARGE), 0x10000, 0, 0, 0);
    DO(recvfrom, 7, AT(OUT), 100, 0x20, 0, 0); /* tells of all, and has a part */
    DO(sendmsg, 3, AT(HEADER), 0);
    DO(sendto, 0, AT(LARGE), 1, 0, 0, 0); /* no socket */
    DO(getsockname, 0, AT(OUT), AT(SIZE));
}

static void processes(void)
{
    DO(getuid);
    DO(geteuid);
    DO(getgid);
    DO(getegid);
    DO(setgroups, 3, AT(GROUPS));
    DO(setgroups, 70000, AT(GROUPS));
    DO(getgroups, 0, 0);
    DO(getgroups, 10, AT(OUT));
    DO(getgroups, (uint32_t)-1, AT(OUT));
    DO(setresuid, 1, 1, 0);
    DO(getresuid, AT(OUT), AT(OUT + 4), AT(OUT + 8));
    DO(setresgid, 1, 1, 2);
    DO(getresgid, AT(OUT), AT(OUT + 4), AT(OUT + 8));
    DO(capget, AT(CAPABILITIES), AT(OUT));
    DO(capset, AT(CAPABILITIES), AT(OUT));
    DO(prlimit64, 0, 7, 0, AT(OUT));
    DO(getrlimit, 7, AT(OUT));
    DO(setrlimit, 7, AT(TIMES));
    DO(getpriority, 0, 0);
    DO(setpriority, 0, 0, 5);
    DO(prctl, PR_SET_PDEATHSIG, 15);
    DO(prctl, PR_GET_PDEATHSIG, AT(OUT));
    DO(prctl, PR_GET_PDEATHSIG, END);
    DO(wait4, (uint64_t)-1, AT(OUT), 0, AT(OUT + 16));
    DO(waitid, 0, 0, AT(OUT), 4, 0);
    DO(setfsuid, 7);
    DO(setfsgid, 7);
    DO(setuid, 1);
    DO(setgid, 1);
    DO(setreuid, 1, 1);
    DO(setregid, 1, 1);
}

static void answers_names_as_at_home(void **state)
{
    (void)state;
    compare(names);
}

static void answers_attributes_as_at_home(void **state)
{
    (void)state;
    compare(attributes);
}

static void carries_bytes_as_at_home(void **state)
{
    (void)state;
    compare(bytes);
}

static void carries_streams_as_at_home(void **state)
{
    (void)state;
    compare(streams);
}

static void carries_sockets_as_at_home(void **state)
{
    (void)state;
    compare(sockets);
}

static void answers_for_processes_as_at_home(void **state)
{
    (void)state;
    compare(processes);
}

/* Each call with addresses that are none, that go beyond the memory, and that are 0, in the place
 * of each argument that is one. None of them waits: what is waited for is there, or wrong. */
static uint64_t default_of(const struct remote_argument *argument)
{
    switch (argument->kind) {
    case REMOTE_NUMBER:
    case REMOTE_MASK:
        return 0;
    case REMOTE_TEXT:
        return TEXT(MISSING);
    default:
        return AT(ZERO_TIME);
    }
}

static void hostile_in(uint64_t number, const struct remote_row *row, uint64_t address)
{
    uint64_t arguments[REMOTE_ARGUMENTS];
    for (size_t i = 0; i < REMOTE_ARGUMENTS; i++) {
        if (row->arguments[i].kind == REMOTE_NUMBER)
            continue;
        for (size_t k = 0; k < REMOTE_ARGUMENTS; k++)
            arguments[k] = default_of(&row->arguments[k]);
        for (size_t k = 0; k < REMOTE_ARGUMENTS; k++) {
            if (row->arguments[k].by > 0 && row->arguments[k].kind != REMOTE_ROOMED)
                arguments[row->arguments[k].by - 1] = 16;
        }
        arguments[i] = address;
        step(number, arguments);
    }
}

static uint64_t hostile_address;

static void hostile(void)
{
    DO(open, TEXT(FILE_PATH), O_CREAT | O_RDWR, 0644);
    for (uint64_t number = 0; number < 512; number++) {
        const struct remote_row *row = remote_row(number);
        bool waits = number == __NR_mmap || number == __NR_wait4 || number == __NR_waitid ||
                     (hostile_address == 0 &&
                      (number == __NR_ppoll || number == __NR_select || number == __NR_pselect6));
        if (row && !waits)
            hostile_in(number, row, hostile_address);
    }
}

static void answers_bad_addresses_as_at_home(void **state)
{
    const size_t addresses[] = {0, 1, STAGE_SIZE - 1, STAGE_SIZE, SIZE_MAX / 2};
    (void)state;
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        stage_start();
        hostile_address = addresses[i] < 2 ? addresses[i] : AT(addresses[i]);
        stage_end();
        compare(hostile);
    }
}

/* --- waiting ---------------------------------------------------------------------------------- */

static int64_t call(uint64_t number, const uint64_t arguments[REMOTE_ARGUMENTS])
{
    return stage_call(number, arguments);
}

#define CALL(name, ...) call(__NR_##name, (const uint64_t[REMOTE_ARGUMENTS]){__VA_ARGS__})

static int start_remote(void **state)
{
    (void)state;
    stage_start();
    put_all();
    stage_begin_remote();
    return 0;
}

static int end_remote(void **state)
{
    (void)state;
    stage_end();
    return 0;
}

static void a_signal_ends_a_wait(void **state)
{
    struct signal_info info;
    (void)state;
    thread_at(0)->signals.mask = 0;
    assert_int_equal(CALL(pipe, AT(OUT)), 0);
    for (int i = 0; i < 3; i++) {
        stage_interrupt_soon(SIGUSR1);
        assert_int_equal(CALL(read, 0, AT(OUT), 10), -EINTR);
        assert_int_equal(signal_take(thread_at(0), UINT64_MAX, &info), SIGUSR1);
    }
    assert_int_equal(CALL(write, 1, AT(LARGE), 10), 10);
    assert_int_equal(CALL(read, 0, AT(OUT), 10), 10);
    assert_memory_equal(stage_program + OUT, stage_program + LARGE, 10);
}

/* Nothing of what was written is told of twice, or forgotten. */
static void what_was_done_before_a_signal_counts(void **state)
{
    (void)state;
    thread_at(0)->signals.mask = 0;
    assert_int_equal(CALL(pipe, AT(OUT)), 0);
    stage_interrupt_soon(SIGUSR1);
    assert_int_equal(CALL(write, 1, AT(OUT), STAGE_SIZE), 65536);
    stage_interrupt_soon(SIGUSR1);
    assert_int_equal(CALL(poll, 0, 0, (uint64_t)-1), -EINTR);
}

static void sigpipe_is_the_callers(void **state)
{
    struct signal_info info;
    (void)state;
    assert_int_equal(CALL(pipe, AT(OUT)), 0);
    assert_int_equal(CALL(close, 0), 0);
    assert_int_equal(CALL(write, 1, AT(LARGE), 10), -EPIPE);
    assert_int_equal(signal_take(thread_at(0), UINT64_MAX, &info), SIGPIPE);
    assert_int_equal(thread_at(1)->signals.pending.set, 0);
}

/* What is there is read, and the rest is not waited for. */
static void a_read_in_pieces_does_not_wait_for_more(void **state)
{
    (void)state;
    assert_int_equal(CALL(socketpair, 1, 1, 0, AT(OUT)), 0);
    int64_t sent = CALL(sendto, 0, AT(OUT), STAGE_SIZE, 0x40, 0, 0);
    assert_in_range(sent, 1, STAGE_SIZE);
    assert_int_equal(CALL(read, 1, AT(OUT), STAGE_SIZE), sent);
    assert_int_equal(CALL(socketpair, 1, 5, 0, AT(OUT)), 0);
    assert_int_equal(CALL(sendto, 2, AT(OUT), STAGE_SIZE, 0, 0, 0), -EMSGSIZE);
    assert_int_equal(CALL(write, 2, AT(OUT), STAGE_SIZE), -EMSGSIZE);
}

/* Only the call does not wait: what it comes to is waited for. */
static void a_hasty_call_has_an_answer(void **state)
{
    struct thread *self = thread_at(0);
    (void)state;
    self->is_hasty = true;
    assert_int_equal(CALL(open, TEXT(FILE_PATH), O_RDWR | O_CREAT, 0600), 0);
    assert_int_equal(CALL(open, TEXT(MISSING), O_RDWR), -ENOENT);
    assert_int_equal(CALL(open, TEXT(FILE_PATH), O_RDWR), 1);
    assert_int_equal(CALL(fcntl, 0, F_OFD_SETLKW, AT(LOCK)), 0);
    assert_int_equal(CALL(fcntl, 1, F_OFD_SETLKW, AT(LOCK)), -EAGAIN);
    assert_int_equal(CALL(pipe, AT(OUT)), 0);
    assert_int_equal(CALL(read, 2, AT(OUT), 10), -EAGAIN);
    assert_int_equal(CALL(write, 3, AT(LARGE), 10), 10);
    assert_int_equal(CALL(read, 2, AT(OUT), 10), 10);
    assert_true(self->is_hasty);
    self->is_hasty = false;
}

static void a_thread_that_leaves_leaves_its_link(void **state)
{
    (void)state;
    assert_int_equal(CALL(open, TEXT(MISSING), O_RDWR), -ENOENT);
    assert_true(stage_leave_remote(0));
    stage_begin_remote(); /* another one */
    assert_int_equal(CALL(open, TEXT(MISSING), O_RDWR), -ENOENT);
    assert_false(stage_leave_remote(1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_names_as_at_home),
        cmocka_unit_test(answers_attributes_as_at_home),
        cmocka_unit_test(carries_bytes_as_at_home),
        cmocka_unit_test(carries_streams_as_at_home),
        cmocka_unit_test(carries_sockets_as_at_home),
        cmocka_unit_test(answers_for_processes_as_at_home),
        cmocka_unit_test(answers_bad_addresses_as_at_home),
        cmocka_unit_test_setup_teardown(a_signal_ends_a_wait, start_remote, end_remote),
        cmocka_unit_test_setup_teardown(what_was_done_before_a_signal_counts, start_remote,
                                        end_remote),
        cmocka_unit_test_setup_teardown(sigpipe_is_the_callers, start_remote, end_remote),
        cmocka_unit_test_setup_teardown(a_hasty_call_has_an_answer, start_remote, end_remote),
        cmocka_unit_test_setup_teardown(a_read_in_pieces_does_not_wait_for_more, start_remote,
                                        end_remote),
        cmocka_unit_test_setup_teardown(a_thread_that_leaves_leaves_its_link, start_remote,
                                        end_remote),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
