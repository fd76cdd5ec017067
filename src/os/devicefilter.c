#include "os/devicefilter.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/fd.h"

/* Numbers of Documentation/admin-guide/devices.txt of the kernel. */
#define MEMORY_MAJOR    1
#define TTY_MAJOR       5
#define CONSOLE_MINOR   1
#define PTY_SLAVE_MAJOR 136

/* What the programs keep where. */
#define CONTEXT BPF_REG_1
#define ACCESS  BPF_REG_2
#define MAJOR   BPF_REG_3
#define MINOR   BPF_REG_4

#define LOAD(to, field)                                                                            \
    {                                                                                              \
        .code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = (to), .src_reg = CONTEXT,                    \
        .off = offsetof(struct bpf_cgroup_dev_ctx, field)                                          \
    }
#define SKIP_IF(reg, value, count)                                                                 \
    {                                                                                              \
        .code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = (reg), .off = (count), .imm = (value)        \
    }
#define SKIP_UNLESS(reg, value, count)                                                             \
    {                                                                                              \
        .code = BPF_JMP | BPF_JNE | BPF_K, .dst_reg = (reg), .off = (count), .imm = (value)        \
    }
#define SKIP(count)                                                                                \
    {                                                                                              \
        .code = BPF_JMP | BPF_JA, .off = (count)                                                   \
    }
#define ANSWER(value)                                                                              \
    {                                                                                              \
        .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = (value)                  \
    }
#define EXIT                                                                                       \
    {                                                                                              \
        .code = BPF_JMP | BPF_EXIT                                                                 \
    }

/* The access is (what << 16) | kind. */
#define MAKE_CHARACTER ((BPF_DEVCG_ACC_MKNOD << 16) | BPF_DEVCG_DEV_CHAR)
#define MAKE_BLOCK     ((BPF_DEVCG_ACC_MKNOD << 16) | BPF_DEVCG_DEV_BLOCK)

static const struct bpf_insn harmless[] = {
    LOAD(ACCESS, access_type),
    LOAD(MAJOR, major),
    LOAD(MINOR, minor),
    /* Making alone, of anything. */
    SKIP_IF(ACCESS, MAKE_CHARACTER, 16),
    SKIP_IF(ACCESS, MAKE_BLOCK, 15),
    /* Else no block device. */
    {.code = BPF_ALU64 | BPF_AND | BPF_K, .dst_reg = ACCESS, .imm = 0xffff},
    SKIP_UNLESS(ACCESS, BPF_DEVCG_DEV_CHAR, 11),
    SKIP_IF(MAJOR, PTY_SLAVE_MAJOR, 12),
    SKIP_UNLESS(MAJOR, MEMORY_MAJOR, 6),
    SKIP_IF(MINOR, 3, 10), /* null */
    SKIP_IF(MINOR, 5, 9),  /* zero */
    SKIP_IF(MINOR, 7, 8),  /* full */
    SKIP_IF(MINOR, 8, 7),  /* random */
    SKIP_IF(MINOR, 9, 6),  /* urandom */
    SKIP(3),
    SKIP_UNLESS(MAJOR, TTY_MAJOR, 2),
    SKIP_IF(MINOR, 0, 3), /* tty */
    SKIP_IF(MINOR, 2, 2), /* ptmx */
    ANSWER(0),
    EXIT,
    ANSWER(1),
    EXIT,
};

static const struct bpf_insn no_console[] = {
    LOAD(MAJOR, major),
    LOAD(MINOR, minor),
    SKIP_UNLESS(MAJOR, TTY_MAJOR, 3),
    SKIP_UNLESS(MINOR, CONSOLE_MINOR, 2),
    ANSWER(0),
    EXIT,
    ANSWER(1),
    EXIT,
};

static const struct {
    const struct bpf_insn *code;
    uint32_t count;
} programs[] = {
    [DEVICEFILTER_HARMLESS] = {harmless, sizeof harmless / sizeof *harmless},
    [DEVICEFILTER_NO_CONSOLE] = {no_console, sizeof no_console / sizeof *no_console},
};

static int bpf(enum bpf_cmd command, union bpf_attr *attributes)
{
    return (int)syscall(SYS_bpf, command, attributes, sizeof *attributes);
}

static int load_program(enum devicefilter filter, struct error *err)
{
    union bpf_attr load = {.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
                           .insns = (uintptr_t)programs[filter].code,
                           .insn_cnt = programs[filter].count,
                           .license = (uintptr_t) "Apache-2.0"};
    int fd = bpf(BPF_PROG_LOAD, &load);
    return fd < 0 ? error_system(err, errno, "the kernel takes no program for devices") : fd;
}

int devicefilter_attach(int group, enum devicefilter filter, struct error *err)
{
    FD_AUTO program = load_program(filter, err);
    if (program < 0)
        return -1;
    union bpf_attr attach = {.target_fd = (uint32_t)group,
                             .attach_bpf_fd = (uint32_t)program,
                             .attach_type = BPF_CGROUP_DEVICE,
                             .attach_flags = BPF_F_ALLOW_MULTI};
    if (bpf(BPF_PROG_ATTACH, &attach) < 0)
        return error_system(err, errno, "cannot keep devices from a control group");
    return 0;
}
