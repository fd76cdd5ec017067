#include "enclave/libos/gate/gate_exec.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/text.h"
#include "enclave/libos/files/pipe.h"
#include "enclave/libos/files/terminal.h"
#include "enclave/libos/gate/gate_parts.h"
#include "enclave/libos/processes/line.h"
#include "enclave/libos/processes/process.h"
#include "enclave/libos/processes/settle.h"
#include "enclave/libos/threads/lock.h"
#include "enclave/libos/wipe.h"

#define PLACES GATE_PROCESSES_MAX

static struct container *watched; /* once there is something to look at */
static size_t used;               /* further processes; with the lock, as the next one */
static bool is_called;            /* the gate was, and has not looked yet */

/* --- what happens inside ---------------------------------------------------------------------- */

static void call_gate(void)
{
    if (!is_called)
        lock_wake_gate_later();
    is_called = true;
}

static bool have_changed(const struct container *all)
{
    if (gate_streams_have_changed(&all->first))
        return true;
    for (size_t i = 0; i < PLACES && used > 0; i++) {
        if (all->execs[i].number != 0 && gate_streams_have_changed(&all->execs[i].streams))
            return true;
    }
    return false;
}

/* In the place of wait_files_changed(): what the gate carries is looked at besides. */
static void notice_files(void)
{
    wait_files_changed();
    if (!is_called && have_changed(watched))
        call_gate();
}

void gate_exec_watch(struct container *all)
{
    watched = all;
    file_changed = notice_files;
}

static void notice_end(struct process *process)
{
    (void)process;
    call_gate();
}

/* A service of the library OS's: an enclave for the process. */
static void begin(void *argument)
{
    struct exec *exec = argument;
    lock_take();
    exec->status = settle_and_run(exec->process, &exec->order, exec->path, exec->texts.data);
    if (exec->status < 0)
        process_cancel(exec->process);
    exec->state = exec->status < 0 ? EXEC_FAILED : EXEC_BEGUN;
    call_gate();
    lock_release();
}

/* --- starting: with the lock ------------------------------------------------------------------ */

static struct exec *find(struct container *all, uint64_t number)
{
    for (size_t i = 0; i < PLACES; i++) {
        if (all->execs[i].number == number)
            return &all->execs[i];
    }
    return NULL;
}

static int make_process(struct container *all, struct exec *exec, const struct spec *spec,
                        const uint32_t standard[3], struct error *err)
{
    int status = process_new_outsider(&all->view, notice_end, &exec->process);
    if (status < 0)
        return gate_cannot("its place", status, err);
    struct process *process = exec->process;
    process->post = line_post; /* until its enclave runs it takes none */
    process->limits = all->limits;
    process->vfs.files.limit = limits_files(&all->limits);
    status = gate_streams_open(&exec->streams, process, spec, standard);
    if (status < 0)
        return gate_cannot("its streams", status, err);
    gate_become(process, spec);
    status = vfs_chdir(&process->vfs, spec->cwd);
    return status < 0 ? gate_cannot(spec->cwd, status, err) : 0;
}

/* What can be refused is refused here, with its reason; its enclave opens the program again. */
static int check_program(const struct exec *exec, const struct program_words *words)
{
    const struct program_name name = {.at = AT_FDCWD, .path = exec->path};
    struct program_source source;
    struct program_image *image;
    if (words->size > PROGRAM_WORDS_MAX)
        return -E2BIG;
    program_source_init(&source, exec->process);
    int status = program_open(&source, &name, words, &image);
    if (status == 0)
        program_close(image);
    return status;
}

static int put_order(struct exec *exec, const struct spec *spec, struct error *err)
{
    struct program_words words;
    if (gate_find_program(&exec->process->vfs, spec, exec->path, err) < 0 ||
        gate_put_words(spec, exec->path, &exec->texts, &words, err) < 0)
        return -1;
    int status = check_program(exec, &words);
    if (status < 0)
        return gate_cannot(exec->path, status, err);
    const char *slash = strrchr(exec->path, '/');
    exec->order = settle_order(exec->process, ORDER_PROGRAM);
    exec->order.path_size = (uint32_t)strlen(exec->path) + 1;
    exec->order.size = exec->order.path_size + (uint32_t)words.size;
    exec->order.at = AT_FDCWD;
    exec->order.arguments = (uint32_t)words.arguments;
    exec->order.environment = (uint32_t)words.environment;
    (void)snprintf(exec->order.name, sizeof exec->order.name, "%s", slash ? slash + 1 : exec->path);
    return 0;
}

/* Nothing is left. */
static void free_place(struct exec *exec)
{
    gate_streams_close(&exec->streams);
    buf_fini(&exec->texts);
    libos_wipe(&exec->order, sizeof exec->order);
    *exec = (struct exec){.number = 0};
    used--;
}

static int start(struct container *all, struct exec *exec, const struct spec *spec,
                 const uint32_t standard[3], struct error *err)
{
    exec->texts = (struct buf)BUF_WITH_LIMIT(GATE_WORDS_MAX);
    if (make_process(all, exec, spec, standard, err) < 0 || put_order(exec, spec, err) < 0)
        return -1;
    if (thread_start_service(begin, exec) < 0)
        return gate_cannot(exec->path, -EAGAIN, err);
    return 0;
}

int gate_exec_start(struct container *all, const struct spec *spec, uint64_t number,
                    const uint32_t standard[3], struct error *err)
{
    if (!lock_take_by_gate())
        return error_set(err, ERROR_NOT_FOUND, "the container has ended");
    struct exec *exec = find(all, 0); /* as many places as the gate has processes */
    exec->number = number;
    used++;
    gate_exec_watch(all);
    int status = start(all, exec, spec, standard, err);
    if (status < 0 && exec->process)
        process_cancel(exec->process);
    if (status < 0)
        free_place(exec);
    lock_release();
    return status;
}

/* --- what came of it -------------------------------------------------------------------------- */

static struct gate_process_name name_of(const struct container *all, const struct exec *exec)
{
    struct gate_process_name name = {.process = exec->number};
    (void)text_copy(name.id, sizeof name.id, all->id);
    return name;
}

static int tell_failure(struct container *all, struct exec *exec, int reason, struct error *err)
{
    const struct gate_process_name name = name_of(all, exec);
    struct error why;
    (void)gate_cannot(exec->path, reason, &why);
    return gate_create_failed(&all->gate, &name, &why, err);
}

static int tell_start(struct container *all, struct exec *exec, struct error *err)
{
    const struct gate_process_name name = name_of(all, exec);
    exec->is_told = true;
    return gate_created(&all->gate, &name, exec->process->number, err);
}

/* `result` is as wait(2) tells it. */
static int tell_end(struct container *all, struct exec *exec, uint32_t result, struct error *err)
{
    const struct gate_process_name name = name_of(all, exec);
    return gate_exited(&all->gate, &name, WIFSIGNALED(result) ? 0 : WEXITSTATUS(result),
                       WIFSIGNALED(result) ? WTERMSIG(result) : 0, err);
}

/* What failed, or has ended and told all. */
static int finish(struct container *all, struct exec *exec, struct error *err)
{
    int status = gate_streams_end_input(&exec->streams, &all->gate.channel, err);
    if (status == 0 && exec->state == EXEC_FAILED)
        status = tell_failure(all, exec, exec->status, err);
    else if (status == 0)
        status = tell_end(all, exec, exec->process->status, err);
    if (exec->state == EXEC_BEGUN)
        process_forget(exec->process);
    free_place(exec);
    return status;
}

/* Of one that has begun, which the gate is told first. */
static int pump_streams(struct container *all, struct exec *exec, struct error *err)
{
    if (!exec->is_told && tell_start(all, exec, err) < 0)
        return -1;
    return gate_streams_pump(&exec->streams, &all->gate.channel,
                             exec->process->state == PROCESS_ENDED, err);
}

static int pump(struct container *all, struct exec *exec, struct error *err)
{
    if (exec->state == EXEC_STARTS)
        return 0;
    if (exec->state == EXEC_FAILED)
        return finish(all, exec, err);
    if (pump_streams(all, exec, err) < 0)
        return -1;
    bool is_over = exec->process->state == PROCESS_ENDED;
    return is_over && gate_streams_are_done(&exec->streams) ? finish(all, exec, err) : 0;
}

int gate_exec_pump(struct container *all, struct error *err)
{
    bool has_work = used > 0 || all->first.terminal;
    if (!has_work || all->state != PROGRAM_RUNNING || !lock_take_by_gate())
        return 0;
    is_called = false;
    int status = gate_streams_pump(&all->first, &all->gate.channel, false, err);
    for (size_t i = 0; i < PLACES && status == 0; i++) {
        if (all->execs[i].number != 0)
            status = pump(all, &all->execs[i], err);
    }
    lock_release();
    return status;
}

/* Without the lock nothing is known but what the gate was told, and a service may read the place:
 * no memory is given back, since nothing begins in this enclave any more. */
static int end(struct container *all, struct exec *exec, bool has_lock, struct error *err)
{
    uint32_t result = SIGKILL;
    if (has_lock && exec->state == EXEC_BEGUN) {
        if (pump_streams(all, exec, err) < 0)
            return -1;
        if (exec->process->state == PROCESS_ENDED)
            result = exec->process->status;
    }
    if (gate_streams_abandon(&exec->streams, &all->gate.channel, err) < 0)
        return -1;
    int status = exec->is_told ? tell_end(all, exec, result, err)
                               : tell_failure(all, exec, -ESRCH, err);
    exec->number = 0;
    used--;
    return status;
}

int gate_exec_end(struct container *all, struct error *err)
{
    int status = 0;
    if (used == 0 && !all->first.terminal)
        return 0;
    bool has_lock = lock_take_by_gate();
    if (has_lock)
        status = gate_streams_pump(&all->first, &all->gate.channel, true, err);
    if (status == 0)
        status = gate_streams_abandon(&all->first, &all->gate.channel, err);
    for (size_t i = 0; i < PLACES && status == 0; i++) {
        if (all->execs[i].number != 0)
            status = end(all, &all->execs[i], has_lock, err);
    }
    if (has_lock)
        lock_release();
    return status;
}

/* --- while it runs ---------------------------------------------------------------------------- */

int gate_exec_signal(struct container *all, uint64_t number, unsigned signal, struct error *err)
{
    const struct signal_info info = {.number = (int)signal, .code = SI_USER};
    struct exec *exec = find(all, number);
    if (!exec || !exec->is_told || !lock_take_by_gate())
        return error_set(err, ERROR_NOT_FOUND, "the process does not run");
    int status = process_signal(exec->process, &info);
    lock_release();
    return status < 0 ? error_set(err, ERROR_LIMIT, "more signals wait for the process than may")
                      : 0;
}

static struct gate_streams *find_input(struct container *all, uint32_t stream)
{
    if (all->first.input.stream == stream)
        return &all->first;
    for (size_t i = 0; i < PLACES; i++) {
        if (all->execs[i].number != 0 && all->execs[i].streams.input.stream == stream)
            return &all->execs[i].streams;
    }
    return NULL;
}

/* The channel's credit bounds what is pending by the buffer's limit. */
bool gate_exec_take_input(struct container *all, uint32_t stream, struct span bytes)
{
    struct gate_streams *streams = find_input(all, stream);
    return streams && streams->input.file && buf_append(&streams->pending, bytes, NULL) == 0;
}

bool gate_exec_end_input(struct container *all, uint32_t stream)
{
    struct gate_streams *streams = find_input(all, stream);
    if (streams)
        streams->input_ended = true;
    return streams != NULL;
}

int gate_exec_resize(struct container *all, uint64_t number, unsigned rows, unsigned columns,
                     struct error *err)
{
    struct exec *exec = number != 0 ? find(all, number) : NULL;
    const struct gate_streams *streams = number == 0 ? &all->first : exec ? &exec->streams : NULL;
    if (all->state != PROGRAM_RUNNING || !streams || !streams->terminal || !lock_take_by_gate())
        return error_set(err, ERROR_NOT_FOUND, "the process runs with no terminal");
    terminal_resize(streams->terminal, rows, columns);
    lock_release();
    return 0;
}
