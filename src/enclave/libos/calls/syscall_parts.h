/* What the files of the system calls share. */
#ifndef CAISSON_ENCLAVE_LIBOS_CALLS_SYSCALL_PARTS_H
#define CAISSON_ENCLAVE_LIBOS_CALLS_SYSCALL_PARTS_H

#include <asm/errno.h>

#include "enclave/libos/calls/syscall.h"
#include "enclave/libos/door/door_calls.h"
#include "enclave/libos/processes/process.h"
#include "enclave/libos/program/memory.h"
#include "enclave/libos/threads/thread.h"

#define SYSCALL_FAULT SYSCALL_ERROR(EFAULT)

/* The program's memory: nothing of it is touched before one of these has allowed it. A thread that
 * makes calls for another has room of its own in its place. */
static inline bool can_reach(uint64_t at, uint64_t size, unsigned access)
{
    const struct thread_room *room = thread_self()->room;
    if (!room)
        return memory_allows(at, size, access);
    return size == 0 || (at >= room->begin && at <= room->end && size <= room->end - at);
}

static inline bool can_read(uint64_t at, uint64_t size)
{
    return can_reach(at, size, MEMORY_READ);
}

static inline bool can_write(uint64_t at, uint64_t size)
{
    return can_reach(at, size, MEMORY_READ | MEMORY_WRITE);
}

/* F_SETLK and its kin of fcntl(2); `at` is where the program has its struct flock. */
int syscall_lock_control(struct file *file, unsigned command, uint64_t at);

/* Whether mmap(2) of a file could be with these arguments: 0 or a negative errno. */
uint64_t syscall_check_mapping(const struct program_frame *frame);
/* The same for a child, and of a layer's file its number (node_layer_number()). */
uint64_t syscall_tell_mapping(const struct program_frame *frame);
/* Copies what a file has from an offset on into memory that can be written, up to its end. `file`
 * is NULL for the open file of this number in another enclave. 0 or a negative errno. */
int syscall_fill_mapping(struct file *file, uint64_t number, uint64_t offset, uintptr_t at,
                         size_t size);
/* F_ADD_SEALS and F_GET_SEALS of fcntl(2). */
int syscall_seals(struct file *file, unsigned command, uint64_t seals);

/* The siginfo_t that a program tells with a signal: -EFAULT; -EINVAL for no signal; -EPERM where it
 * says that it is the kernel's or kill's. And what kill(2) tells by itself. */
int syscall_take_info(uint64_t at, uint64_t number, bool is_to_itself, struct signal_info *out);
void syscall_describe_sender(int number, struct signal_info *out);

/* The files of the process for which this thread runs. */
struct vfs *syscall_files(void);

/* The open file of a number, borrowed; NULL for none. */
struct file *syscall_file(uint64_t number);

/* Waits until something has become of the file, as wait_on() (wait.h); the file has a reference. */
int syscall_wait_for(struct file *file, unsigned events, uint64_t deadline);

/* The deadline of the monotonic clock that a time means, which is since now or absolute by `clock`.
 * False for a time that is none. What is more than a century away never comes. */
struct __kernel_timespec;
bool syscall_deadline(const struct __kernel_timespec *time, enum door_clock clock, bool is_absolute,
                      uint64_t *out);

/* Nanoseconds of a time (struct __kernel_timespec) in the program's memory: -EFAULT, -EINVAL. More
 * than a century is UINT64_MAX, for ever. */
int syscall_take_time(uint64_t at, uint64_t *out);
/* The deadline that such a time from now on means; without one (`at` 0), never. */
int syscall_take_deadline(uint64_t at, uint64_t *out);
/* 0 for none: not to wait. */
uint64_t syscall_deadline_in(uint64_t nanoseconds);

/* Two new files at numbers, both or none; takes the files. */
int syscall_add_pair(struct file *ends[2], bool cloexec, int out[2]);

/* The mask of signals that ppoll and its kin have for the time of the call; `at` may be 0. */
int syscall_lend_mask(uint64_t at, uint64_t size);

/* Copies a path: 0, -EFAULT, or -ENAMETOOLONG. */
#define SYSCALL_PATH_MAX 4096 /* bytes with the end */
int syscall_path(uint64_t at, char out[SYSCALL_PATH_MAX]);

#endif
