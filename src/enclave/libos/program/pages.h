/*
 * The bytes of a file in memory, page by page, with holes: a tree of 64 branches a step, as high as
 * the last page needs. Pages and steps are charged to an account with a limit.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_PROGRAM_PAGES_H
#define CAISSON_ENCLAVE_LIBOS_PROGRAM_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGES_SIZE     4096
#define PAGES_LAST_MAX ((UINT64_C(1) << 51) - 1) /* number of a page: files reach to 2^63 */

struct account {
    uint64_t used; /* bytes */
    uint64_t limit;
    struct account *whole; /* of which it is a part, and which is charged too; NULL for none */
};

/* False, and nothing charged, when the limit does not allow it. */
static inline bool account_take(struct account *account, uint64_t size)
{
    if (size > account->limit - account->used ||
        (account->whole && !account_take(account->whole, size)))
        return false;
    account->used += size;
    return true;
}

static inline void account_give(struct account *account, uint64_t size)
{
    account->used -= size;
    if (account->whole)
        account_give(account->whole, size);
}

struct pages {
    void *root; /* a page, or a step */
    unsigned height;
};

/* The page, or NULL for a hole. */
uint8_t *pages_get(const struct pages *pages, uint64_t number);

/* The page, made of zeros where there was none. 0, -ENOSPC, -ENOMEM, -EFBIG. */
int pages_make(struct pages *pages, uint64_t number, struct account *account, uint8_t **out);

/* Makes holes of this page and all behind it. */
void pages_cut(struct pages *pages, uint64_t first, struct account *account);

/* How many pages there are. */
uint64_t pages_count(const struct pages *pages);

#endif
