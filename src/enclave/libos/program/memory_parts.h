/* What the program's memory is to the files that make it (memory.h): a state of each page. */
#ifndef CAISSON_ENCLAVE_LIBOS_PROGRAM_MEMORY_PARTS_H
#define CAISSON_ENCLAVE_LIBOS_PROGRAM_MEMORY_PARTS_H

#include "enclave/libos/program/memory.h"
#include "enclave/libos/program/states.h"

#define ACCESS   (MEMORY_READ | MEMORY_WRITE | MEMORY_EXECUTE)
#define ACCEPTED 8U  /* the enclave's, with this access by the processor's word */
#define MAPPED   16U /* the program's */
#define SHARED   32U /* never ACCEPTED: who says so, and which access is had, is shared/shared.h */
#define STALE    64U /* ACCEPTED, mapped without access, and not yet cleared of what was there */
#define RW       ((unsigned)(MEMORY_READ | MEMORY_WRITE))

#define RUNS 4 /* places where faults may follow each other: a heap, a stack and the like */

#define CHUNK 512 /* pages that are looked at together: most of them are alike */

struct memory {
    uintptr_t first;
    size_t count;
    size_t reached; /* pages of the range that have ever been asked for: only these have a state */
    size_t grown;   /* those that the host has been asked for */
    size_t mapped, accepted; /* how many are */
    size_t most;             /* of those that may be accepted */
    size_t next;             /* where a search begins */
    struct {
        size_t came, end; /* pages that came at the last fault, and where they end */
    } runs[RUNS];
    size_t run;   /* the one that is followed no more when another begins */
    bool is_lazy; /* pages that can be written are accepted at their first access */
    const struct memory_leaves *leaves;
    uint8_t *pages; /* their states, of the library OS's own memory; for as long as the enclave */
    size_t room;    /* of these: so many */
};
extern struct memory memory; /* memory_pages.c */

static inline uintptr_t memory_address(size_t page)
{
    return memory.first + page * MEMORY_PAGE;
}

/* None of those that nobody has asked for is mapped. */
static inline unsigned memory_state(size_t page)
{
    return page < memory.reached ? memory.pages[page] : 0;
}

/* The pages that hold these bytes. */
static inline bool memory_find(uintptr_t at, size_t size, size_t *begin, size_t *end)
{
    size_t range = memory.count * MEMORY_PAGE;
    if (at < memory.first || size == 0 || at - memory.first >= range ||
        size > range - (at - memory.first))
        return false;
    *begin = (at - memory.first) / MEMORY_PAGE;
    *end = (at - memory.first + size - 1) / MEMORY_PAGE + 1;
    return true;
}

/* Whether one of these has any of these bits. */
static inline bool memory_have(size_t begin, size_t end, unsigned bits)
{
    if (end > memory.reached)
        end = memory.reached;
    return begin < end && states_have(memory.pages + begin, end - begin, (uint8_t)bits);
}

/* Whether the page waits for its first access. */
static inline bool memory_is_waiting(size_t page)
{
    return !(memory_state(page) & (ACCEPTED | SHARED)) && (memory_state(page) & ACCESS);
}

/* Where the pages end that are looked at together with this one. */
static inline size_t memory_chunk_end(size_t begin, size_t end)
{
    size_t next = begin - begin % CHUNK + CHUNK;
    return next < end ? next : end;
}

/* memory_pages.c. All pages before `end` have a state then, and the host gives them when they are
 * made use of: 0, or a negative errno. */
int memory_reach(size_t end);
/* They are mapped no more. An access that no page was accepted for is gone with it. */
void memory_forget(size_t begin, size_t end);
/* Pages of these that were there before (ACCEPTED, or of them those that are STALE), with the
 * access that they are to have. Without an access there is nobody yet who could see what they
 * hold. */
void memory_renew(size_t begin, size_t end, unsigned access, unsigned which);
/* At least readable and writable, and zero. */
int memory_make_fresh(size_t page);
int memory_set_access(size_t begin, size_t end, unsigned access);
/* With the access that was promised, which is at least reading and writing. */
int memory_come(size_t page);

#endif
