#include "os/devicefilter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/fd.h"

#define CONSOLE_MAJOR 5
#define CONSOLE_MINOR 1

#define LOAD(to, field)                                                                            \
    {                                                                                              \
        .code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = (to), .src_reg = BPF_REG_1,                  \
        .off = offsetof(struct bpf_cgroup_dev_ctx, field)                                          \
    }
#define SKIP_UNLESS(reg, value, count)                                                             \
    {                                                                                              \
        .code = BPF_JMP | BPF_JNE | BPF_K, .dst_reg = (reg), .off = (count), .imm = (value)        \
    }
#define ANSWER(value)                                                                              \
    {                                                                                              \
        .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = (value)                  \
    }
#define EXIT                                                                                       \
    {                                                                                              \
        .code = BPF_JMP | BPF_EXIT                                                                 \
    }

static int bpf(enum bpf_cmd command, union bpf_attr *attributes)
{
    return (int)syscall(SYS_bpf, command, attributes, sizeof *attributes);
}

static int load_program(struct error *err)
{
    const struct bpf_insn program[] = {
        LOAD(BPF_REG_2, major),
        SKIP_UNLESS(BPF_REG_2, CONSOLE_MAJOR, 4),
        LOAD(BPF_REG_2, minor),
        SKIP_UNLESS(BPF_REG_2, CONSOLE_MINOR, 2),
        ANSWER(0),
        EXIT,
        ANSWER(1),
        EXIT,
    };
    union bpf_attr load = {.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
                           .insns = (uintptr_t)program,
                           .insn_cnt = sizeof program / sizeof program[0],
                           .license = (uintptr_t) "Apache-2.0"};
    int fd = bpf(BPF_PROG_LOAD, &load);
    return fd < 0 ? error_system(err, errno, "the kernel takes no program for devices") : fd;
}

int devicefilter_forbid_console(const char *path, struct error *err)
{
    FD_AUTO group = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (group < 0)
        return error_system(err, errno, "cannot open %s", path);
    FD_AUTO program = load_program(err);
    if (program < 0)
        return -1;
    union bpf_attr attach = {.target_fd = (uint32_t)group,
                             .attach_bpf_fd = (uint32_t)program,
                             .attach_type = BPF_CGROUP_DEVICE,
                             .attach_flags = BPF_F_ALLOW_MULTI};
    if (bpf(BPF_PROG_ATTACH, &attach) < 0)
        return error_system(err, errno, "cannot keep the console from %s", path);
    return 0;
}
