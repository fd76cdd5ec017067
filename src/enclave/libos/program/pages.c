#include "enclave/libos/program/pages.h"

#include <linux/errno.h>

#include "enclave/libos/bytes.h"

#define BITS     6
#define BRANCHES (1U << BITS)

struct step {
    void *branches[BRANCHES];
};

/* Whether a tree of this height has a place for the page. */
static bool reaches(unsigned height, uint64_t number)
{
    return number >> (BITS * height) == 0;
}

static unsigned branch(unsigned height, uint64_t number)
{
    return (unsigned)(number >> (BITS * (height - 1))) % BRANCHES;
}

uint8_t *pages_get(const struct pages *pages, uint64_t number)
{
    void *at = pages->root;
    if (!reaches(pages->height, number))
        return NULL;
    for (unsigned height = pages->height; at && height > 0; height--)
        at = ((struct step *)at)->branches[branch(height, number)];
    return at;
}

static int make(struct account *account, size_t size, void **out)
{
    if (!account_take(account, size))
        return -ENOSPC;
    *out = alloc_zeroed(1, size);
    if (*out)
        return 0;
    account_give(account, size);
    return -ENOMEM;
}

int pages_make(struct pages *pages, uint64_t number, struct account *account, uint8_t **out)
{
    int status = 0;
    if (number > PAGES_LAST_MAX)
        return -EFBIG;
    while (!reaches(pages->height, number)) {
        if (pages->root) {
            void *step;
            status = make(account, sizeof(struct step), &step);
            if (status < 0)
                return status;
            ((struct step *)step)->branches[0] = pages->root;
            pages->root = step;
        }
        pages->height++;
    }
    void **place = &pages->root;
    for (unsigned height = pages->height; height > 0; height--) {
        if (!*place && (status = make(account, sizeof(struct step), place)) < 0)
            return status;
        place = &((struct step *)*place)->branches[branch(height, number)];
    }
    if (!*place)
        status = make(account, PAGES_SIZE, place);
    *out = *place;
    return status;
}

/* Frees what lies below `at` from page `first` of it on. True when nothing is left of it. */
static bool cut(void *at, unsigned height, uint64_t first, struct account *account)
{
    if (height == 0) {
        account_give(account, PAGES_SIZE);
        libos_free(at);
        return true;
    }
    struct step *step = at;
    bool any = false;
    for (unsigned i = 0; i < BRANCHES; i++) {
        uint64_t start = (uint64_t)i << (BITS * (height - 1));
        uint64_t end = (uint64_t)(i + 1) << (BITS * (height - 1));
        if (step->branches[i] && end > first &&
            cut(step->branches[i], height - 1, first > start ? first - start : 0, account))
            step->branches[i] = NULL;
        any = any || step->branches[i];
    }
    if (any)
        return false;
    account_give(account, sizeof *step);
    libos_free(step);
    return true;
}

void pages_cut(struct pages *pages, uint64_t first, struct account *account)
{
    if (!pages->root || (first > 0 && pages->height == 0) || !reaches(pages->height, first))
        return;
    if (cut(pages->root, pages->height, first, account))
        *pages = (struct pages){NULL, 0};
}

static uint64_t count(const void *at, unsigned height)
{
    uint64_t sum = 0;
    if (!at || height == 0)
        return at != NULL;
    for (unsigned i = 0; i < BRANCHES; i++)
        sum += count(((const struct step *)at)->branches[i], height - 1);
    return sum;
}

uint64_t pages_count(const struct pages *pages)
{
    return count(pages->root, pages->height);
}
