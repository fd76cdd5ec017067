#include "enclave/libos/program/exec.h"

#include <asm/signal.h>
#include <string.h>

#include "enclave/libos/door/door_calls.h"
#include "enclave/libos/log.h"
#include "enclave/libos/processes/process.h"
#include "enclave/libos/program/brk.h"
#include "enclave/libos/program/facts.h"
#include "enclave/libos/program/memory.h"
#include "enclave/libos/program/rewrite.h"
#include "enclave/libos/shared/shared.h"
#include "enclave/libos/threads/alarm.h"
#include "enclave/libos/threads/finish.h"
#include "enclave/libos/threads/thread.h"

/* The thread's name is the file's, without its folder (execve(2), prctl(2)). */
static void take_name(const char *path)
{
    struct thread *self = thread_self();
    const char *name = path;
    for (const char *at = path; *at; at++)
        name = *at == '/' ? at + 1 : name;
    memset(self->name, 0, sizeof self->name);
    memcpy(self->name, name, strnlen(name, sizeof self->name - 1));
}

void exec_forget_program(void)
{
    struct thread *self = thread_self();
    struct signal_thread *signals = &self->signals;
    self->clear_number = self->robust = 0;
    signals->stack = signals->stack_size = 0;
    signal_reset();
    alarm_reset();
    rewrite_forget(0, SIZE_MAX);
    shared_unmap_all();
    memory_reset();
}

/* With the registers that a program begins with. */
static void begin(struct program_frame *frame, const struct program *program, uint64_t stack)
{
    *frame = (struct program_frame){.rip = program->start,
                                    .rsp = stack,
                                    .flags = PROGRAM_FLAGS_FIXED,
                                    .is_whole = 1,
                                    .number = PROGRAM_NO_CALL};
    program_clean_vectors();
    program_set_fs(0);
    brk_begin(program->heap);
}

int exec_image(struct program_frame *frame, const struct program_image *image)
{
    struct program program;
    uint64_t stack;
    int status = finish_others();
    if (status < 0)
        return status;
    exec_forget_program();
    if (image->source.begun)
        image->source.begun(image->source.argument, image->path, &image->words);
    status = program_load(image, &program, &stack);
    if (status < 0) {
        log_number("the program ended: it cannot be loaded, errno ", (uint64_t)-status);
        finish_all(DOOR_DIED | SIGKILL);
    }
    take_name(image->words.texts);
    program_facts_begin(&program, stack);
    begin(frame, &program, stack);
    return 0;
}
