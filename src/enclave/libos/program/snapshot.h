/*
 * A process' program as it is, on its way to another enclave: fork(2).
 *
 * Theory of operation: messages, in this order: the state (registers, signals, brk); which pages
 * are mapped, with which access; the bytes of those that are not zero, ascending; which memory is
 * shared; the end. The
 * other enclave is of the same image at the same address, so that all addresses stay what they are,
 * those of trampolines (sites.h) too. What comes is checked all the same: nothing of it leads
 * beyond the program's memory, or to a register's value that the processor refuses.
 *
 * Pages that come from files go like others: the child would have to ask for them over the same
 * wire. Of memory that is shared it is said which part of which object it shows (shared/shared.h).
 * Other threads run on meanwhile: what they change is in the child as it was at some time
 * in between.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_PROGRAM_SNAPSHOT_H
#define CAISSON_ENCLAVE_LIBOS_PROGRAM_SNAPSHOT_H

#include <stddef.h>
#include <stdint.h>

#include "enclave/libos/program/brk.h"
#include "enclave/libos/program/program.h"
#include "enclave/libos/program/rewrite.h"
#include "enclave/libos/threads/thread.h"

#define SNAPSHOT_MESSAGE_MAX (60 * 1024) /* bytes */

/* Where messages go: 0, or a negative errno. Without the lock. */
struct snapshot_sink {
    int (*send)(void *argument, const void *bytes, size_t size);
    void *argument;
};

/* Where they come from: the bytes of the next one, which are no more than there is room for; 0 at
 * the end, or a negative errno. */
struct snapshot_source {
    int64_t (*receive)(void *argument, void *out, size_t room);
    void *argument;
};

/* How the child's thread begins. */
struct snapshot_thread {
    struct program_frame frame; /* as it goes on; `number` is that of a call which it makes first */
    uint64_t fs;
    uint64_t set_number;   /* address where it writes its number, or 0 */
    uint64_t clear_number; /* that is cleared when it ends, or 0 */
    uint64_t robust;       /* address of its list of robust locks, or 0 */
};

struct snapshot {
    struct snapshot_thread thread;
    char name[THREAD_NAME_SIZE];
    uint64_t mask, stack, stack_size; /* of signals */
    struct signal_action actions[SIGNALS + 1];
    struct brk heap;
    struct rewrite_piece pieces[REWRITE_PIECES_MAX];
    _Alignas(64) uint8_t vectors[PROGRAM_VECTORS_SIZE];
};

/* With the lock, which it lets go while it sends: this thread and the memory around it. What the
 * sink says, -ENOMEM, -EIO. */
int snapshot_send(const struct snapshot_thread *thread, const struct snapshot_sink *sink);

/* Into an enclave whose memory is empty, before anything runs there, without the lock: the memory
 * is set up. The snapshot is the caller's, snapshot_free() ends it. -EPROTO for what is none,
 * -ENOMEM, -EIO, or what the source says; memory is in no good state then. */
int snapshot_take(const struct snapshot_source *source, struct snapshot **out);
void snapshot_free(struct snapshot *snapshot);

/* With the lock, in the thread that is to run the program, once it has its number: what is not
 * memory; and its registers. */
void snapshot_resume(const struct snapshot *snapshot, struct program_frame *frame);

/* snapshot_memory.c: the parts about pages. */
int snapshot_send_memory(const struct snapshot_sink *sink);
int snapshot_take_memory(const struct snapshot_source *source);

/* Each message begins with one of these, u32. */
enum snapshot_kind {
    SNAPSHOT_STATE = 1,
    SNAPSHOT_RUNS,
    SNAPSHOT_PAGES,
    SNAPSHOT_END,
    SNAPSHOT_SHARED
};

#endif
