#include "guest/start.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/keyctl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/text.h"
#include "guest/control_group.h"
#include "guest/credentials.h"
#include "guest/rootfs.h"
#include "guest/sandbox.h"
#include "guest/secrets.h"
#include "guest/start_internal.h"
#include "guest/sysctls.h"
#include "os/fd.h"

#define PATH_DEFAULT "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define NAMESPACES   ((unsigned long long)(CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNS))
#define INTO_GROUP   CLONE_INTO_CGROUP

/* --- what the process tells ------------------------------------------------------------------- */

/* The first byte of a message. TELLS_PROCESS is followed by a pid_t, and either may carry the
 * terminal. */
enum { TELLS_FAILURE = 'F', TELLS_PROCESS = 'P' };

#define PROCESS_SIZE (1 + sizeof(pid_t))

union control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
};

static int send_message(int outcome, const struct msghdr *message, struct error *err)
{
    if (sendmsg(outcome, message, MSG_NOSIGNAL) < 0)
        return error_system(err, errno, "cannot tell how the start went");
    return 0;
}

int start_tell_process(int outcome, pid_t pid, int terminal, struct error *err)
{
    char text[PROCESS_SIZE] = {TELLS_PROCESS};
    struct iovec part = {.iov_base = text, .iov_len = sizeof text};
    union control control = {0};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    memcpy(text + 1, &pid, sizeof pid);
    if (terminal < 0)
        return send_message(outcome, &message, err);
    message.msg_control = &control;
    message.msg_controllen = sizeof control;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof terminal);
    memcpy(CMSG_DATA(header), &terminal, sizeof terminal);
    return send_message(outcome, &message, err);
}

void start_tell_failure(int outcome, const struct error *why)
{
    char text[1 + ERROR_TEXT_SIZE] = {TELLS_FAILURE};
    size_t size = strlen(why->text);
    memcpy(text + 1, why->text, size);
    (void)send(outcome, text, 1 + size, MSG_NOSIGNAL);
}

/* The process's number, where that is what is told: 0 by one whose parent knows it. */
static bool read_process(const char *text, ssize_t size, pid_t *pid)
{
    if (size != (ssize_t)PROCESS_SIZE || text[0] != TELLS_PROCESS)
        return false;
    pid_t told;
    memcpy(&told, text + 1, sizeof told);
    if (told > 0)
        *pid = told;
    return true;
}

void start_peek(int outcome, pid_t *pid)
{
    char text[PROCESS_SIZE] = {0};
    ssize_t size = recv(outcome, text, sizeof text, MSG_PEEK | MSG_DONTWAIT);
    (void)read_process(text, size, pid);
}

enum start_state start_read(int outcome, struct start_told *told, struct error *err)
{
    char text[1 + ERROR_TEXT_SIZE];
    struct iovec part = {.iov_base = text, .iov_len = sizeof text - 1};
    union control control = {0};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    ssize_t size = recvmsg(outcome, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return START_GOES_ON;
    /* It executes its program; or it was killed before, which its parent learns by its status. */
    if (size == 0 && told->pid > 0)
        return START_DONE;
    const struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (read_process(text, size, &told->pid)) {
        if (header && header->cmsg_len == CMSG_LEN(sizeof told->terminal))
            memcpy(&told->terminal, CMSG_DATA(header), sizeof told->terminal);
        return START_GOES_ON;
    }
    text[size > 0 ? size : 0] = '\0';
    (void)error_set(err, ERROR_SYSTEM, "cannot start the process: %s",
                    size > 0 ? text + 1 : "it was ended before");
    return START_FAILED;
}

/* --- what the process does -------------------------------------------------------------------- */

int start_begin_session(struct error *err)
{
    if (setsid() < 0 || syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0)
        return error_system(err, errno, "cannot begin a session");
    return 0;
}

static int become_own_machine(const struct spec *spec, struct error *err)
{
    if (unshare(CLONE_NEWCGROUP) < 0)
        return error_system(err, errno, "cannot make its control group its own");
    if (sethostname(spec->hostname, strlen(spec->hostname)) < 0)
        return error_system(err, errno, "cannot set the host name %s", spec->hostname);
    return sysctls_set(spec->sysctls, err);
}

/* A pipe becomes the user's, who may open it once more by /dev/stdout. */
int start_use_streams(const struct spec *spec, const int ends[3], struct error *err)
{
    for (int i = 0; i < 3; i++) {
        struct stat status;
        if (fstat(ends[i], &status) < 0 ||
            (S_ISFIFO(status.st_mode) && fchown(ends[i], spec->user->user.id, (gid_t)-1) < 0))
            return error_system(err, errno, "cannot give the standard streams to the user");
        if (dup2(ends[i], i) < 0)
            return error_system(err, errno, "cannot use the standard streams");
    }
    return 0;
}

/* Makes a terminal in the container's own devpts; the slave is never looked up by name. */
int start_open_terminal(const struct spec *spec, int *master, int *slave, struct error *err)
{
    struct winsize size = {.ws_row = (unsigned short)spec->rows,
                           .ws_col = (unsigned short)spec->columns};
    int locked = 0;
    *master = open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (*master < 0 || ioctl(*master, TIOCSPTLCK, &locked) < 0 ||
        (*slave = ioctl(*master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC)) < 0)
        return error_system(err, errno, "cannot make a terminal");
    if (ioctl(*master, TIOCSWINSZ, &size) < 0 || fchown(*slave, spec->user->user.id, (gid_t)-1) < 0)
        return error_system(err, errno, "cannot use the terminal");
    return 0;
}

static int use_terminal(const struct spec *spec, int outcome, struct error *err)
{
    FD_AUTO master = -1;
    FD_AUTO slave = -1;
    if (start_open_terminal(spec, &master, &slave, err) < 0 || rootfs_set_console(slave, err) < 0 ||
        start_tell_process(outcome, 0, master, err) < 0)
        return -1;
    return start_use_streams(spec, (const int[3]){slave, slave, slave}, err);
}

/* exec does not change the strings; its type only cannot say so. */
union strings {
    const char **made;
    char *const *given;
};

/* The strings with one more where it is not NULL, and their end. NULL for want of memory. */
static union strings strings_of(struct policy_list list, const char *more)
{
    union strings strings = {.made = calloc(list.count + 2, sizeof *strings.made)};
    if (strings.made && list.count > 0)
        memcpy(strings.made, list.items, list.count * sizeof *strings.made);
    if (strings.made)
        strings.made[list.count] = more;
    return strings;
}

static const char *variable(const struct spec *spec, const char *prefix)
{
    for (size_t i = 0; i < spec->env.count; i++) {
        if (text_starts_with(spec->env.items[i], prefix))
            return spec->env.items[i] + strlen(prefix);
    }
    return NULL;
}

/* As execvp(3) looks for it, but that a file of an unknown format is not given to a shell: that
 * would be another program than the policy names. Returns with errno. */
static void execute(const char *path, char *const argv[], char *const env[])
{
    int found = ENOENT;
    if (strchr(argv[0], '/')) {
        (void)execve(argv[0], argv, env);
        return;
    }
    for (size_t len; *path; path += len + (path[len] == ':')) {
        char file[PATH_MAX];
        len = strcspn(path, ":");
        if (snprintf(file, sizeof file, "%.*s/%s", len ? (int)len : 1, len ? path : ".", argv[0]) >=
            (int)sizeof file)
            continue;
        (void)execve(file, argv, env);
        if (errno != ENOENT && errno != ENOTDIR && errno != EACCES)
            return;
        if (errno == EACCES)
            found = EACCES;
    }
    errno = found;
}

int start_run_program(const struct spec *spec, struct error *err)
{
    /* Programs expect HOME, whether or not the policy says it. */
    char home[sizeof "HOME=" + USER_HOME_SIZE];
    (void)snprintf(home, sizeof home, "HOME=%s", *spec->user->home ? spec->user->home : "/");
    const char *path = variable(spec, "PATH=");
    union strings argv = strings_of(spec->args, NULL);
    union strings env = strings_of(spec->env, variable(spec, "HOME=") ? NULL : home);
    sigset_t none;
    if (!argv.made || !env.made)
        return error_memory(err);
    if (spec->terminal && ioctl(STDIN_FILENO, TIOCSCTTY, 0) < 0)
        return error_system(err, errno, "cannot take the terminal");
    (void)signal(SIGPIPE, SIG_DFL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    /* Last of all, so that the profile need allow nothing of what comes before. */
    if (syscallfilter_install(spec->filter, err) < 0)
        return -1;
    execute(path ? path : PATH_DEFAULT, argv.given, env.given);
    return error_system(err, errno, "%.256s%s", argv.given[0],
                        errno == ENOENT && !strchr(argv.given[0], '/')
                            ? " is in no folder of the container's PATH"
                            : "");
}

int start_become(const struct spec *spec, const struct credentials *credentials, struct error *err)
{
    if (chdir(spec->cwd) < 0)
        return error_system(err, errno, "cannot work in the folder %.256s", spec->cwd);
    (void)umask(spec->umask);
    return credentials_become(credentials, err);
}

static int become_first(struct spec *spec, const struct credentials *credentials, const int ends[3],
                        int outcome, struct error *err)
{
    struct policy_mount mounts[REQUEST_MOUNTS_MAX];
    (void)umask(0);
    if (spec->secrets && secrets_bring(spec->secrets, spec, mounts, err) < 0)
        return -1;
    if (sandbox_join(spec->sandbox, err) < 0 || start_begin_session(err) < 0 ||
        become_own_machine(spec, err) < 0 || rootfs_enter(spec, err) < 0 ||
        (spec->terminal ? use_terminal(spec, outcome, err) : start_use_streams(spec, ends, err)) <
            0 ||
        rlimits_set(spec->resources, err) < 0 || start_become(spec, credentials, err) < 0)
        return -1;
    return start_run_program(spec, err);
}

/* --- its parent ------------------------------------------------------------------------------- */

int start_open_pair(int pair[2], struct error *err)
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return error_system(err, errno, "cannot make a pair of sockets");
    return 0;
}

pid_t start_clone(unsigned long long namespaces, int group, struct error *err)
{
    struct clone_args args = {
        .flags = namespaces | INTO_GROUP, .exit_signal = SIGCHLD, .cgroup = (unsigned int)group};
    long cloned = syscall(SYS_clone3, &args, sizeof args);
    return cloned < 0 ? error_system(err, errno, "cannot make the process") : (pid_t)cloned;
}

int start_process(const struct spec *spec, const int ends[3], pid_t *pid, struct error *err)
{
    struct credentials credentials;
    int pair[2];
    if (spec_check_mounts(spec, err) < 0 || credentials_of(spec, &credentials, err) < 0)
        return -1;
    FD_AUTO group = control_group_make(spec->id, spec->privileged, &spec->limits, err);
    if (group < 0 || start_open_pair(pair, err) < 0)
        return -1;
    FD_AUTO ours = pair[0];
    FD_AUTO theirs = pair[1];
    if (sandbox_begin_children(spec->sandbox, err) < 0)
        return -1;
    *pid = start_clone(sandbox_own(spec->sandbox, NAMESPACES), group, err);
    if (*pid != 0 && (sandbox_end_children(spec->sandbox, *pid < 0 ? NULL : err) < 0 || *pid < 0))
        return -1;
    if (*pid == 0) {
        struct error why;
        struct spec own = *spec;
        (void)become_first(&own, &credentials, ends, theirs, &why);
        start_tell_failure(theirs, &why);
        _exit(127);
    }
    return fd_take(&ours);
}
