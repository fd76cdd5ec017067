#include "vm/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "os/fd.h"
#include "os/file.h"
#include "vm/monitor.h"

#define COMMAND_TEXT_MAX 4096
#define LAYERS_MAX       (QEMU_DISKS_MAX - 1) /* scratch takes a disk */

/* Makes the machine's folder and takes its lock: the name is this machine's from here on. */
static int claim_name(const char *name, char **folder, int *lock_fd, struct error *err)
{
    if (record_folder(name, folder, err) < 0)
        return -1;
    if (mkdir(*folder, 0700) < 0)
        return errno == EEXIST
                   ? error_set(err, ERROR_REFUSED, "the name %s is in use; caisson rm %s frees it",
                               name, name)
                   : error_system(err, errno, "cannot make %s", *folder);
    TEXT_AUTO path = record_path(*folder, "lock");
    if (!path)
        return error_memory(err);
    *lock_fd = file_lock(path, false, err);
    return *lock_fd < 0 ? -1 : 0;
}

static char *command_text(char *const *args)
{
    BUF_AUTO text = BUF_WITH_LIMIT(COMMAND_TEXT_MAX);
    for (; *args; args++) {
        if (buf_printf(&text, NULL, "%s%s", text.size ? " " : "", *args) < 0)
            break; /* for people: the beginning does */
    }
    return buf_take_text(&text);
}

/* The longest of a group's members, with some for what is killed then. Who restarts a single
 * container says it himself. */
static uint32_t grace_of(const struct vm_config *config)
{
    uint32_t longest = 0;
    for (size_t i = 0; i < config->member_count; i++) {
        uint32_t grace_s = config->members[i].plan.grace_ms / 1000;
        if (grace_s < RECORD_GRACE_MAX_S && grace_s >= longest)
            longest = grace_s + GROUP_LATE_MS / 1000;
    }
    if (longest > RECORD_GRACE_MAX_S)
        return RECORD_GRACE_MAX_S;
    return longest ? longest : RECORD_GRACE_S;
}

static int fill_record(struct record *record, const struct vm_config *config, struct error *err)
{
    *record = (struct record){
        .tee = config->tee,
        .status = RECORD_CREATED,
        .auto_remove = config->auto_remove,
        .kvm = config->kvm,
        .created = (int64_t)time(NULL),
        .memory_mib = config->memory_mib,
        .vcpus = config->vcpus,
        .scratch_size = config->scratch_size,
        .grace_s = grace_of(config),
        .port_count = config->port_count,
        .image = text_format("%s", config->image),
        .command = command_text(config->process.args),
        .failure = text_format("%s", ""),
    };
    if (!record->image || !record->command || !record->failure)
        return error_memory(err);
    text_make_printable(record->image);
    text_make_printable(record->command);
    (void)text_copy(record->name, sizeof record->name, config->name);
    sha256_digest(config->policy, record->policy_sha256);
    for (size_t i = 0; i < config->port_count; i++)
        record->ports[i] = config->ports[i];
    return 0;
}

/* Closes everything from 3 on but these two: the caller's locks and files are not the monitor's. */
static void close_others(int a, int b)
{
    unsigned int low = (unsigned int)(a < b ? a : b);
    unsigned int high = (unsigned int)(a < b ? b : a);
    if (low > 3)
        (void)close_range(3, low - 1, 0);
    if (high > low + 1)
        (void)close_range(low + 1, high - 1, 0);
    (void)close_range(high + 1, ~0U, 0);
}

/* The monitor keeps nothing of the command that started it: no terminal, no stream, no folder. */
static void leave_caller(int lock_fd, int starter_fd)
{
    close_others(lock_fd, starter_fd);
    (void)setsid();
    FD_AUTO null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int i = 0; null >= 0 && i < 3; i++)
        (void)dup2(null, i);
    (void)!chdir("/");
    for (int i = 1; i < NSIG; i++) {
        if (i != SIGKILL && i != SIGSTOP)
            (void)signal(i, SIG_DFL);
    }
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
}

/* In the new process; does not come back. */
__attribute__((noreturn)) static void be_monitor(const struct vm_config *config, const char *folder,
                                                 struct record *record, int lock_fd, int starter_fd)
{
    leave_caller(lock_fd, starter_fd);
    record->monitor = (int32_t)getpid();
    if (record_write(folder, record, NULL) == 0)
        monitor_run(config, folder, record, lock_fd, starter_fd);
    _exit(0);
}

static int start_monitor(const struct vm_config *config, const char *folder, int lock_fd,
                         int *client_fd, struct error *err)
{
    RECORD_AUTO record;
    int pair[2];
    if (fill_record(&record, config, err) < 0 || record_write(folder, &record, err) < 0)
        return -1;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return error_system(err, errno, "socketpair");
    pid_t pid = fork();
    if (pid == 0) {
        (void)close(pair[0]);
        be_monitor(config, folder, &record, lock_fd, pair[1]);
    }
    int sys = errno;
    (void)close(pair[1]);
    if (pid < 0) {
        (void)close(pair[0]);
        return error_system(err, sys, "fork");
    }
    *client_fd = pair[0];
    return 0;
}

/* The protocol is JSON: what is not UTF-8 would not arrive as it is. */
static int check_texts(const char *what, char *const *texts, struct error *err)
{
    for (size_t i = 0; texts && texts[i]; i++) {
        if (!text_is_utf8(span_of_text(texts[i])))
            return error_set(err, ERROR_INVALID, "%s %zu, \"%.80s\", is no UTF-8", what, i + 1,
                             texts[i]);
    }
    return 0;
}

static int check_process(const struct vm_process *process, struct error *err)
{
    const struct {
        const char *what;
        const char *text;
    } words[] = {{"working directory", process->cwd},
                 {"user", process->user},
                 {"host name", process->hostname}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (!text_is_utf8(span_of_text(words[i].text)))
            return error_set(err, ERROR_INVALID, "the %s \"%.80s\" is no UTF-8", words[i].what,
                             words[i].text);
    }
    if (check_texts("argument", process->args, err) < 0)
        return -1;
    return check_texts("variable", process->env, err);
}

static int check_members(const struct vm_config *config, struct error *err)
{
    for (size_t i = 0; i < config->member_count; i++) {
        const struct vm_member *member = &config->members[i];
        if (!record_name_is_good(member->plan.name) || strlen(member->plan.name) > GROUP_NAME_MAX)
            return error_set(err, ERROR_INVALID,
                             "the container's name \"%.80s\": it may have %d characters",
                             member->plan.name, GROUP_NAME_MAX);
        if (check_process(&member->process, err) < 0)
            return error_context(err, "container %s", member->plan.name);
    }
    return 0;
}

int machine_start(const struct vm_config *config, int *client_fd, struct error *err)
{
    char *folder = NULL;
    FD_AUTO lock_fd = -1;
    if (config->port_count + config->probe_port_count > PORTS_MAX ||
        config->disk_count > LAYERS_MAX || config->member_count > MACHINE_MEMBERS_MAX)
        return error_set(err, ERROR_LIMIT,
                         "too many ports, layers or containers: at most %d, %d and %d can be",
                         PORTS_MAX, LAYERS_MAX, MACHINE_MEMBERS_MAX);
    if (check_process(&config->process, err) < 0 || check_members(config, err) < 0)
        return -1;
    int status = claim_name(config->name, &folder, &lock_fd, err);
    if (status == 0) {
        status = start_monitor(config, folder, lock_fd, client_fd, err);
        fd_close(&lock_fd); /* the monitor shares it and keeps it */
        if (status < 0)
            (void)record_remove(config->name, NULL);
    }
    free(folder);
    return status;
}
