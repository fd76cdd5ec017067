#include "guest/program.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guest/parts.h"
#include "guest/parts_disk.h"
#include "os/fd.h"

#define NOBODY     65534
#define PROGRAM_FD 3 /* gone once it is executed */

int program_open(const char *part, struct error *err)
{
    BUF_AUTO parts = BUF_WITH_LIMIT(PARTS_SIZE_MAX);
    struct span bytes;
    if (parts_disk_read(&parts, err) < 0)
        return -1;
    if (!part_find(buf_span(&parts), part, &bytes))
        return error_set(err, ERROR_INVALID, "the parts hold no %s", part);
    FD_AUTO executable = memfd_create(part, MFD_CLOEXEC);
    if (executable < 0)
        return error_system(err, errno, "cannot make room for %s", part);
    return fd_write_all(executable, bytes, err) < 0 ? -1 : fd_take(&executable);
}

static bool limit(int resource, rlim_t most)
{
    const struct rlimit both = {most, most};
    return setrlimit((__rlimit_resource_t)resource, &both) == 0;
}

/* The child's part: its descriptors, no rights, the program. */
static void become(int executable, const struct program *program)
{
    char *const argv[] = {(char *)(uintptr_t)program->name, NULL};
    char *const env[] = {NULL};
    bool root = geteuid() == 0;
    for (int i = 0; i < 3; i++) {
        if (program->ends[i] < 0 ? close(i) < 0 && errno != EBADF : dup2(program->ends[i], i) < 0)
            return;
    }
    if (dup3(executable, PROGRAM_FD, O_CLOEXEC) < 0 ||
        syscall(SYS_close_range, PROGRAM_FD + 1U, ~0U, 0U) < 0 ||
        !limit(RLIMIT_FSIZE, program->file_size) ||
        (program->cpu && !limit(RLIMIT_CPU, program->cpu)) ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return;
    if (root && (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
                 setresuid(NOBODY, NOBODY, NOBODY) < 0))
        return;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        return;
    (void)execveat(PROGRAM_FD, "", argv, env, AT_EMPTY_PATH);
}

pid_t program_start(int executable, const struct program *program, struct error *err)
{
    pid_t pid = fork();
    if (pid < 0)
        return error_system(err, errno, "cannot start %s", program->name);
    if (pid == 0) {
        become(executable, program);
        _exit(127);
    }
    return pid;
}
