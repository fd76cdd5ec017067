#include "enclave/libos/processes/process.h"

#include <asm/errno.h>
#include <asm/siginfo.h>
#include <asm/signal.h>

#include "enclave/libos/alloc.h"
#include "enclave/libos/door/door_calls.h"
#include "enclave/libos/files/attestation.h"
#include "enclave/libos/files/file.h"
#include "enclave/libos/files/pipe.h"
#include "enclave/libos/files/terminal.h"
#include "enclave/libos/shared/home.h"
#include "enclave/libos/shared/semaphore.h"
#include "enclave/libos/threads/thread.h"
#include "enclave/libos/wipe.h"

static struct process processes[PROCESSES_MAX];
static uint64_t last_serial; /* number 1 has 0 */

void process_begin(void)
{
    processes[0] = (struct process){.state = PROCESS_ALIVE,
                                    .number = PROCESS_FIRST,
                                    .group = PROCESS_FIRST,
                                    .session = PROCESS_FIRST};
}

struct process *process_first(void)
{
    return &processes[0];
}

struct process *process_self(void)
{
    return thread_self()->process;
}

struct process *process_at(size_t index)
{
    return &processes[index];
}

size_t process_index(const struct process *process)
{
    return (size_t)(process - processes);
}

struct process *process_of_enclave(struct process *process)
{
    while (process->parent && !process->line)
        process = process->parent;
    return process;
}

struct process *process_find_any(int number)
{
    for (size_t i = 0; i < PROCESSES_MAX; i++) {
        if (processes[i].state != PROCESS_FREE && processes[i].number == number)
            return &processes[i];
    }
    return NULL;
}

bool process_sees(const struct process *self, const struct process *other)
{
    return self == other || !other->is_apart;
}

struct process *process_find(int number)
{
    struct process *process = process_find_any(number);
    return process && process_sees(process_self(), process) ? process : NULL;
}

/* --- numbers ---------------------------------------------------------------------------------- */

static bool is_used(int number)
{
    for (size_t i = 0; i < PROCESSES_MAX; i++) {
        const struct process *one = &processes[i];
        if (one->state != PROCESS_FREE &&
            (one->number == number || one->group == number || one->session == number))
            return true;
    }
    return thread_find(number) != NULL;
}

/* Numbers that are used last come again last, as Linux does it. */
int process_new_number(void)
{
    static int last = PROCESS_FIRST;
    do
        last = last < THREAD_NUMBER_MAX ? last + 1 : PROCESS_FIRST;
    while (is_used(last));
    return last;
}

/* --- making ----------------------------------------------------------------------------------- */

static struct process *find_free(void)
{
    for (size_t i = 0; i < PROCESSES_MAX; i++) {
        if (processes[i].state == PROCESS_FREE)
            return &processes[i];
    }
    return NULL;
}

static int make_secret(const struct vfs *vfs, uint8_t secret[PROCESS_SECRET_SIZE])
{
    return vfs->random.fill ? vfs->random.fill(vfs->random.arg, secret, PROCESS_SECRET_SIZE) : -EIO;
}

/* The last of what makes one alive. */
static int give_files(struct process *process, const struct vfs *vfs)
{
    int status = make_secret(vfs, process->secret);
    if (status == 0)
        status = vfs_fork(vfs, &process->vfs);
    if (status < 0)
        return status;
    process->state = PROCESS_ALIVE;
    process_identify(process);
    return 0;
}

int process_new(struct process *parent, int exit_signal, struct process **out)
{
    struct process *process = find_free();
    if (!process)
        return -EAGAIN;
    *process = (struct process){.number = process_new_number(),
                                .serial = ++last_serial,
                                .group = parent->group,
                                .session = parent->session,
                                .parent = parent,
                                .exit_signal = exit_signal,
                                .ignores_children = parent->ignores_children,
                                .forgets_children = parent->forgets_children,
                                .ignores_stops = parent->ignores_stops,
                                .is_undumpable = parent->is_undumpable,
                                .has_no_terminal = parent->has_no_terminal,
                                .watched = parent->watched,
                                .nice = parent->nice,
                                .identity = parent->identity,
                                .limits = parent->limits};
    int status = attested_copy(parent->attested, &process->attested);
    if (status == 0)
        status = give_files(process, &parent->vfs);
    if (status < 0) {
        libos_free(process->attested);
        return status;
    }
    told_copy(&process->told, &parent->told);
    *out = process;
    return 0;
}

int process_new_outsider(const struct vfs *vfs, void (*has_ended)(struct process *process),
                         struct process **out)
{
    struct process *process = find_free();
    if (!process)
        return -EAGAIN;
    int number = process_new_number();
    *process = (struct process){.number = number,
                                .serial = ++last_serial,
                                .group = number,
                                .session = number,
                                .has_ended = has_ended};
    int status = give_files(process, vfs);
    if (status == 0)
        *out = process;
    return status;
}

void process_identify(struct process *process)
{
    process->vfs.creds = identity_creds(&process->identity);
    process->vfs.files.process = process->number;
}

struct process *process_note(int number)
{
    struct process *process = find_free();
    if (process)
        *process = (struct process){
            .state = PROCESS_ALIVE, .number = number, .parent = process_first()};
    return process;
}

/* The next one in its place is to have nothing that was its own. */
void process_cancel(struct process *process)
{
    shared_home_leave(process_index(process));
    vfs_fini(&process->vfs);
    told_end(&process->told);
    libos_free(process->attested);
    process->attested = NULL;
    libos_wipe(process->secret, sizeof process->secret);
    process->state = PROCESS_FREE;
}

void process_execute(struct process *process)
{
    process->has_executed = true;
    process->forgets_children = process->ignores_stops = process->is_undumpable = false;
    file_table_close_on_exec(&process->vfs.files);
    identity_exec(&process->identity);
    process_identify(process);
}

/* --- ending ----------------------------------------------------------------------------------- */

uint32_t process_status(uint64_t result)
{
    uint32_t code = (uint32_t)(result & DOOR_CODE);
    return result & DOOR_DIED ? code : code << 8;
}

/* Who waits for its pidfds looks again. */
static void tell_watchers(const struct process *process)
{
    if (process->is_watched && file_changed)
        file_changed();
}

void process_forget(struct process *process)
{
    process->state = PROCESS_FREE;
    tell_watchers(process);
}

static struct signal_info describe(const struct process *process)
{
    uint32_t status = process->status;
    bool has_died = (status & 0x7F) != 0;
    uint64_t user = process->identity.ids[IDENTITY_USER].real;
    return (struct signal_info){
        process->exit_signal,
        has_died ? CLD_KILLED : CLD_EXITED,
        {(uint32_t)process->number | user << 32, has_died ? status & 0x7F : status >> 8}};
}

/* kernel/signal.c, do_notify_parent(). */
static void tell_parent(struct process *process)
{
    struct process *parent = process->parent;
    const struct signal_info info = describe(process);
    if (!parent) {
        process->has_ended(process);
        return;
    }
    if (process->exit_signal == SIGCHLD && (parent->ignores_children || parent->forgets_children))
        process_forget(process);
    if (info.number != 0)
        (void)process_signal(parent, &info);
    wait_wake_all(&process_changes);
}

/* kernel/exit.c, find_new_reaper(). */
static struct process *find_heir(const struct process *process)
{
    struct process *heir = process->parent;
    while (heir && !(heir->keeps_orphans && heir->state == PROCESS_ALIVE))
        heir = heir->parent;
    return heir ? heir : process_first();
}

/* What is left of its children: kernel/exit.c, forget_original_parent(). */
static void hand_on(struct process *process)
{
    struct process *heir = find_heir(process);
    for (size_t i = 0; i < PROCESSES_MAX; i++) {
        struct process *child = &processes[i];
        if (child->state == PROCESS_FREE || child->parent != process)
            continue;
        const struct signal_info info = {
            child->death_signal, SI_USER, {(uint32_t)process->number, 0}};
        child->parent = heir;
        child->exit_signal = SIGCHLD;
        if (child->state == PROCESS_ENDED)
            tell_parent(child);
        else if (info.number != 0)
            (void)process_signal(child, &info);
        process_lose_parent(child, process);
    }
}

/* kernel/signal.c, do_notify_parent_cldstop(). */
void process_stop(struct process *process, int number)
{
    const struct process *parent = process->parent;
    uint64_t user = process->identity.ids[IDENTITY_USER].real;
    const struct signal_info info = {
        SIGCHLD,
        number != 0 ? CLD_STOPPED : CLD_CONTINUED,
        {(uint32_t)process->number | user << 32, (uint64_t)(number != 0 ? number : SIGCONT)}};
    process->stopped_by = number;
    process->news = number != 0 ? PROCESS_STOPPED : PROCESS_CONTINUED;
    if (parent && !parent->ignores_children && !parent->ignores_stops)
        (void)process_signal(process->parent, &info);
    wait_wake_all(&process_changes);
}

void process_end(struct process *process, uint32_t status)
{
    terminal_leave(process);
    semaphore_left(process->number);
    process_cancel(process);
    process->stopped_by = 0;
    process->news = PROCESS_NO_NEWS;
    process->state = PROCESS_ENDED;
    process->status = status;
    process->post = NULL;
    process->post_to = NULL;
    tell_watchers(process);
    hand_on(process);
    process_lose_parent(process, process->parent);
    tell_parent(process);
}
