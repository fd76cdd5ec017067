/*
 * A program's memory: mmap and its kin over the pages of the enclave's range that are added on
 * demand (EAUG).
 *
 * Theory of operation: one byte a page says whether it is mapped, whether the enclave has accepted
 * it, and its access. A page is accepted (EACCEPT) when it is first given an access, or, with
 * memory_be_lazy(), when that is first made use of; what may be done then only EMODPE widens and
 * EMODPR with EACCEPT narrows, so that the host cannot. A page that was unmapped stays the
 * enclave's and is cleared when it is mapped again. The range may be much larger than what is ever
 * used: only pages below the highest one that was mapped have a state, and the host is asked for
 * the range in steps. Not for several threads at once.
 *
 * Of pages that are shared with others (shared/shared.h) it has the place and the access that was
 * promised; whether there is one, and with which bytes, is not its affair.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_PROGRAM_MEMORY_H
#define CAISSON_ENCLAVE_LIBOS_PROGRAM_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MEMORY_PAGE      4096
#define MEMORY_TAKEN_MAX ((size_t)262144)   /* pages that the enclave takes at most: 1 GiB */
#define MEMORY_GROWTH    ((size_t)64 << 20) /* bytes that the host is asked for at once */

#define MEMORY_READ    1
#define MEMORY_WRITE   2
#define MEMORY_EXECUTE 4

/* What the enclave does to pages: 0 or a negative errno. */
struct memory_leaves {
    int (*accept)(uintptr_t page); /* it can be read and written then, and is zero */
    void (*extend)(uintptr_t page, unsigned access);
    int (*restrict_access)(uintptr_t first, size_t size, unsigned access);
    int (*grow)(uintptr_t first, size_t size); /* they may come from now on; NULL: all may */
    /* One that was never accepted, or was removed: with these bytes (a page) in one step. */
    int (*accept_copy)(uintptr_t page, const uint8_t *bytes, unsigned access);
    int (*remove)(uintptr_t first, size_t size); /* they can be accepted again */
};

/* `first` is a page's address, `size` whole pages. -ENOMEM. */
int memory_init(uintptr_t first, size_t size, const struct memory_leaves *leaves);

/* No more bytes than these are the enclave's at once, nor than MEMORY_TAKEN_MAX pages, which is so
 * from the beginning; and how many that are. For children of this enclave, too (order.h). */
void memory_bound(uint64_t size);
uint64_t memory_bounded(void);

/* For another program: nothing is mapped. */
void memory_reset(void);

/* Whether the range has all these bytes. */
bool memory_has(uintptr_t at, size_t size);

/* Zeroed pages at *at (fixed, in the place of what was there), or there if that is free, else where
 * there is room: *at is set. -EINVAL for what are no pages of the range, -ENOMEM when there is no
 * room, or more is to be accessible than MEMORY_TAKEN_MAX leaves. */
int memory_map(uintptr_t *at, size_t size, unsigned access, bool is_fixed);
int memory_unmap(uintptr_t at, size_t size);
/* -ENOMEM where a page is not mapped. */
int memory_protect(uintptr_t at, size_t size, unsigned access);

/* mremap(2): *at grows or shrinks where it is, or, if it may, moves. The access of all is that of
 * the first page. -EINVAL, -EFAULT for what is not mapped, -ENOMEM. */
int memory_resize(uintptr_t *at, size_t size, size_t new_size, bool may_move);
/* Zeros in the place of what was there. -EINVAL, -ENOMEM where a page is not mapped. */
int memory_clear(uintptr_t at, size_t size);

/* For an enclave that learns the address of a fault: from now on pages that can be written are
 * accepted at their first access, by memory_fault(). */
void memory_be_lazy(void);
bool memory_is_lazy(void);
/* Accepts what of these pages waits for that: for who is about to fill them. -EIO. */
int memory_touch(uintptr_t at, size_t size);
/* At a fault, with the lock or in a thread that has it: whether a page has come there, so that the
 * access can be made again. Neighbours that wait for the same come with it. */
bool memory_fault(uintptr_t at);
/* Whether these bytes can be accessed without a fault, for who may have none. */
bool memory_is_there(uintptr_t at, size_t size, unsigned access);

/* Whether the program may do this with all these bytes. */
bool memory_allows(uintptr_t at, size_t size, unsigned access);

/* Maps pages of which shared/shared.h takes care: the place of them as memory_map() has it, the
 * enclave has none of them. What was there before must be unmapped, if it was shared. -EINVAL,
 * -ENOMEM, -EIO; -ENODEV where faults do not tell their address. */
int memory_map_shared(uintptr_t *at, size_t size, unsigned access, bool is_fixed);
/* Whether one of these pages is such a one. */
bool memory_has_shared(uintptr_t at, size_t size);
/* Of these pages, those that are shared are mapped no more. */
void memory_unmap_shared(uintptr_t at, size_t size);
const struct memory_leaves *memory_get_leaves(void);

/* Pages that are mapped, that the enclave has taken (for good: they are used again), and that it
 * takes at most. */
size_t memory_used(void);
size_t memory_taken(void);
size_t memory_all(void);

/* The whole range, in bytes. */
uintptr_t memory_first(void);
size_t memory_size(void);

/* The bytes of the page at `page`: 1, or 0 for one that is not mapped or has only zeros. -EIO when
 * the host does not let it be as it was. */
int memory_copy(uintptr_t page, uint8_t out[MEMORY_PAGE]);

/* Pages beside each other that are mapped with the same access. */
struct memory_run {
    uintptr_t begin, end;
    unsigned access;
    unsigned is_shared;
};

/* The first of them at or behind an address (begin is cut to it); false for none. */
bool memory_next(uintptr_t at, struct memory_run *out);

#endif
