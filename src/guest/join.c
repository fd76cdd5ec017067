#include "guest/join.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guest/control_group.h"
#include "guest/start_internal.h"
#include "os/fd.h"
#include "os/process.h"

#define KEPT       900 /* the first of two descriptors that are kept, out of the others' way */
#define NAMESPACES (CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNS | CLONE_NEWCGROUP)

/* What the first process has in hand. */
struct joint {
    const struct spec *spec;
    const struct credentials *credentials;
    int outcome;
    int master; /* of its terminal, -1 without */
};

static int take_streams(struct joint *joint, const int ends[3], struct error *err)
{
    FD_AUTO slave = -1;
    if (!joint->spec->terminal)
        return start_use_streams(joint->spec, ends, err);
    if (start_open_terminal(joint->spec, &joint->master, &slave, err) < 0)
        return -1;
    return start_use_streams(joint->spec, (const int[3]){slave, slave, slave}, err);
}

/* The second process: its number has been told once the pipe ends. */
static _Noreturn void run_second(const struct joint *joint, int told)
{
    struct error why;
    char byte;
    while (read(told, &byte, 1) < 0 && errno == EINTR)
        continue;
    if (start_begin_session(&why) == 0)
        (void)start_run_program(joint->spec, &why);
    start_tell_failure(joint->outcome, &why);
    _exit(127);
}

/* The agent becomes its parent. */
static int make_second(const struct joint *joint, struct error *err)
{
    const struct clone_args args = {.flags = CLONE_PARENT};
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_system(err, errno, "cannot make a pipe");
    long cloned = syscall(SYS_clone3, &args, sizeof args);
    if (cloned < 0)
        return error_system(err, errno, "cannot make the process");
    if (cloned == 0) {
        (void)close(ends[1]);
        run_second(joint, ends[0]);
    }
    int told = start_tell_process(joint->outcome, (pid_t)cloned, joint->master, err);
    if (told < 0)
        (void)kill((pid_t)cloned, SIGKILL);
    return told;
}

/* Nothing of the agent's stays open but what it is told by. */
static int close_others(struct joint *joint, struct error *err)
{
    joint->outcome = fcntl(joint->outcome, F_DUPFD_CLOEXEC, KEPT);
    if (joint->master >= 0)
        joint->master = fcntl(joint->master, F_DUPFD_CLOEXEC, KEPT + 1);
    if (joint->outcome < 0 || syscall(SYS_close_range, 3U, KEPT - 1U, 0U) < 0 ||
        syscall(SYS_close_range, KEPT + 2U, ~0U, 0U) < 0)
        return error_system(err, errno, "cannot close the agent's files");
    return 0;
}

/* The first process. Who is the same user in the container may not trace the second as long as it
 * is a copy of the agent. */
static int join(struct joint *joint, int container, const int ends[3], struct error *err)
{
    (void)umask(0);
    if (setns(container, NAMESPACES) < 0)
        return error_system(err, errno, "cannot join the container");
    if (take_streams(joint, ends, err) < 0 || close_others(joint, err) < 0 ||
        rlimits_set(joint->spec->resources, err) < 0 ||
        start_become(joint->spec, joint->credentials, err) < 0)
        return -1;
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return error_system(err, errno, "cannot keep the process from being traced");
    return make_second(joint, err);
}

int join_process(const struct spec *spec, pid_t first, const int ends[3], struct error *err)
{
    struct credentials credentials;
    int pair[2];
    if (credentials_of(spec, &credentials, err) < 0)
        return -1;
    FD_AUTO container = process_watch(first, err);
    FD_AUTO group = container < 0 ? -1 : control_group_open(spec->id, err);
    if (group < 0 || start_open_pair(pair, err) < 0)
        return -1;
    FD_AUTO ours = pair[0];
    struct joint joint = {
        .spec = spec, .credentials = &credentials, .outcome = pair[1], .master = -1};
    pid_t pid = start_clone(0, group, err);
    if (pid == 0) {
        struct error why;
        if (join(&joint, container, ends, &why) == 0)
            _exit(0);
        start_tell_failure(joint.outcome, &why);
        _exit(127);
    }
    fd_close(&joint.outcome);
    return pid < 0 ? -1 : fd_take(&ours);
}
