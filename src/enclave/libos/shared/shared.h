/*
 * Memory that processes share, in enclaves that have no page in common: MAP_SHARED.
 *
 * Theory of operation: an object is a node of the tree (tree.h), with a name or without one. Each
 * page of it is, at any time, at home (in the node, in the first enclave), or readable in some
 * places, or writable in just one. A place is a page of a mapping in some enclave: two mappings of
 * one page in the same enclave are two places. Who touches a page that is not there faults, and
 * asks the first enclave for it (home.h). That one has it taken away from whoever is in the way,
 * keeps the bytes, and grants it. So what a program sees of a page is in one order for all.
 *
 * Who gives a page back first loses the access to write (EMODPR, EACCEPT), then its bytes are
 * copied, and then it is removed (EMODT, EACCEPT, EREMOVE). Who gets one has it with its bytes in
 * one step (EACCEPTCOPY): no other thread sees half a page.
 *
 * Who waits for whom: a thread that faults has the lock of its enclave and keeps it (lock_keep())
 * until the page has come, also in the midst of a system call that copies bytes. The first enclave
 * answers under its own lock, which it keeps while it recalls pages. What gives pages back in a
 * child's enclave is a thread of its own (give.c), which takes no lock, touches no shared page and
 * waits for nobody but a page that has been granted already. So there is no circle.
 *
 * Each grant has a serial number, and each recall names the one that it takes back: a recall that
 * overtakes its grant waits for it. A page that has just come is left alone for a moment, so that
 * the instruction that wanted it goes on.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_SHARED_SHARED_H
#define CAISSON_ENCLAVE_LIBOS_SHARED_SHARED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "enclave/libos/program/memory.h"

#define SHARED_AREAS_MAX 4096 /* of one enclave */

enum shared_mode { SHARED_NONE, SHARED_READ, SHARED_WRITE };

/* What is asked for: the third one is to read, and to write too where nobody else has the page. */
enum shared_wanted { SHARED_WANTS_READ, SHARED_WANTS_WRITE, SHARED_WANTS_EITHER };

/* What an enclave says when it unmaps pages. */
enum shared_drop {
    SHARED_LAST = 1,  /* nothing is left of any mapping of the object */
    SHARED_WHOLE = 2, /* of this one nothing is, but of another one */
};

/* Which part of which object a mapping shows. */
struct shared_source {
    uint32_t object;                /* the first enclave's number of it, above 0 */
    uint16_t may_write, is_segment; /* 1: so it is; shmat(2)'s (segment.h) */
    uint64_t first;                 /* page of the object */
};

/* A page goes back: from the first enclave to whoever has it. */
struct shared_recall {
    uint64_t serial; /* of the grant */
    uint64_t address;
    uint32_t mode; /* enum shared_mode: what is left to it */
    uint32_t zero;
};

struct shared_answer {
    uint64_t serial; /* of the recall */
    uint32_t has_bytes;
    uint32_t zero;
    uint8_t bytes[MEMORY_PAGE];
};

/* What the first enclave answers to who asks for a page. */
struct shared_grant {
    uint64_t serial;
    uint32_t mode;      /* enum shared_mode */
    uint32_t has_bytes; /* else they are there already */
    uint8_t bytes[MEMORY_PAGE];
};

/* --- an enclave's own mappings: with the lock, but for shared_give() -------------------------- */

/* Maps it, of an object to which this process is attached. As memory_map_shared(); -ENOMEM. */
int shared_map(uintptr_t *at, size_t size, unsigned access, bool is_fixed,
               const struct shared_source *source);

/* None of these pages is a shared one any more: what was written is at home. Before they are
 * unmapped, or others take their place; any range. */
void shared_unmap(uintptr_t at, size_t size);
/* The same for all of them. */
void shared_unmap_all(void);

/* Before mprotect(2) of these pages: -EACCES for what their mappings do not allow. */
int shared_protect(uintptr_t at, size_t size, unsigned access);

/* shmdt(2) of the segment that was attached at this address: -EINVAL for none. */
int shared_detach(uintptr_t at);

/* mremap(2) of a part of one mapping; as memory_resize(). */
int shared_resize(uintptr_t *at, size_t size, size_t new_size, bool may_move);

/* Whether a fault there is shared_fault()'s; without waiting for anything. */
bool shared_has(uintptr_t at);
/* At a fault: 1 when the page has come, 0 where the program may not do this, or a negative errno
 * for a page that cannot be had (SIGBUS): -EFAULT behind the file's end, -ENOSPC. */
int shared_fault(uintptr_t at, enum shared_wanted wanted);

/* Which object's bytes are at the address: false for memory that is not shared. */
bool shared_find(uintptr_t at, uint32_t *object, uint64_t *offset);

/* Without the lock, if it is not the first enclave: gives a page back. -EAGAIN for one that has not
 * come yet, -EBUSY for one that has just come, each to be asked for again; -EIO when the host does
 * not do what it should. */
int shared_give(const struct shared_recall *recall, struct shared_answer *out);

/* Whether some mapping is of this object. */
bool shared_has_object(uint32_t object);

/* For a snapshot (fork): the mappings, one by one; false at the end. */
struct shared_part {
    uint64_t begin; /* address */
    uint64_t pages;
    struct shared_source source;
    uint64_t access;
};
bool shared_next(uintptr_t at, struct shared_part *out);
/* In the enclave that takes it: -EPROTO for what is none, or as shared_map(). */
int shared_take(const struct shared_part *part);
bool shared_is_used(void);

/* --- whoever runs it provides these (reach.c; a test's own) ----------------------------------- */

/* Before the first mapping: that pages can be recalled. With the lock, which may be let go. */
int shared_prepare(void);

/* In the first enclave: what becomes of a recall in the enclave of this process (its index in the
 * table). The lock is kept. -EBUSY as shared_give() says; other errors: the enclave is lost. */
int shared_recall(size_t process, const struct shared_recall *recall, struct shared_answer *out);

/* In the first enclave: whether pages that this process (its index) gets can be recalled. Where its
 * wire has failed, it may not have heard of it: it gets no more. */
bool shared_can_recall(size_t process);

#endif
