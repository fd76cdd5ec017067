/* The mappings of one enclave: for the files of this folder alone. */
#ifndef CAISSON_ENCLAVE_LIBOS_SHARED_AREAS_H
#define CAISSON_ENCLAVE_LIBOS_SHARED_AREAS_H

#include "enclave/libos/shared/shared.h"

struct shared_page {
    uint64_t serial; /* of the last grant */
    uint8_t mode;    /* enum shared_mode */
    bool is_fresh;   /* has come, and nobody has asked for it since */
    bool is_gone;    /* is no part of the mapping any more */
};

struct shared_area {
    struct shared_area *next;
    uintptr_t begin;
    size_t count, left; /* pages, and those that are not gone */
    struct shared_source source;
    struct shared_page pages[];
};

/* Who changes areas or their pages has the guard besides the lock; who has no lock has the guard to
 * read them. It is held for as long as a page takes to come or to go. */
void shared_guard_take(void);
void shared_guard_release(void);

/* The area of an address, and its page; NULL for none. */
struct shared_area *shared_area_at(uintptr_t at, struct shared_page **page);

/* With the guard: takes access away from a page that is there, down to `mode`. Its bytes, if it
 * could be written to. -EIO. */
int shared_take_away(struct shared_page *page, uintptr_t at, enum shared_mode mode,
                     struct shared_answer *out);

#endif
