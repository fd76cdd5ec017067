/*
 * Segments of System V shared memory (shmget(2), svipc(7)): memory without a name that has a number
 * for all processes of the container, and perhaps a key. In the first enclave, under its lock; the
 * pages are home.h's.
 *
 * A segment is there until it was removed and nobody has it attached. How often it is, is counted
 * by process: each attachment, what fork(2) hands on, and what unmapping and ends take away.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_SHARED_SEGMENT_H
#define CAISSON_ENCLAVE_LIBOS_SHARED_SEGMENT_H

#include <asm/ipcbuf.h>
#include <asm/shmbuf.h>

#include "enclave/libos/processes/process.h"

#define SEGMENTS_MAX 256

/* linux/shm.h, which wants a libc's headers. */
#define SEGMENT_READ_ONLY 010000U /* shmat(2)'s SHM_RDONLY */
#define SEGMENT_ROUND     020000U /* SHM_RND */
#define SEGMENT_REMAP     040000U /* SHM_REMAP */
#define SEGMENT_EXECUTE   0100000U
#define SEGMENT_LOCK      11 /* shmctl(2)'s SHM_LOCK and so on */
#define SEGMENT_UNLOCK    12
#define SEGMENT_STAT      13
#define SEGMENT_INFO      14
#define SEGMENT_STAT_ANY  15

/* shmctl(2)'s SHM_INFO. */
struct segment_info {
    int32_t used;
    uint32_t zero;
    uint64_t total, resident, swapped; /* pages */
    uint64_t attempts, successes;
};

/* What is told of them, or set; by the command. */
union segment_told {
    struct shmid64_ds state;
    struct shminfo64 limits;
    struct segment_info info;
};

/* shmget(2): an id or a negative errno. */
int segment_get(const struct process *by, int key, uint64_t size, unsigned flags);

/* Bytes of what a command of shmctl(2) tells in the program's memory, or takes from there; 0: none.
 */
size_t segment_told_size(unsigned command);
bool segment_is_set(unsigned command); /* it takes them */

/* shmctl(2): as it answers. */
int segment_control(const struct process *by, int id, unsigned command, union segment_told *told);

/* shmat(2): an object of home.h's, to which the process in whose enclave `by` runs is attached from
 * now on, and which may be written to unless SEGMENT_READ_ONLY is given. */
struct segment_part {
    uint32_t object, may_write;
    uint64_t size; /* bytes */
};
int segment_attach(struct process *by, int id, unsigned flags, struct segment_part *out);

/* Of a node that may be a segment's, and processes by their indices: one of its mappings went, all
 * of them did, another process has the same ones. */
void segment_unmapped(const struct node *node, size_t process);
void segment_left(const struct node *node, size_t process);
void segment_forked(const struct node *node, size_t parent, size_t child);

#endif
