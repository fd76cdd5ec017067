/* What the model's files share. */
#ifndef CAISSON_ENCLAVE_MODEL_PARTS_H
#define CAISSON_ENCLAVE_MODEL_PARTS_H

#include <pthread.h>
#include <stdatomic.h>

#include "enclave/model.h"

/* What the EPCM says of a page. 0: there is none. */
struct model_page {
    uint16_t flags;  /* SECINFO's: type, access, pending, modified, restricted */
    uint8_t given;   /* the access that the memory has now: never more than the flags say */
    bool is_used;    /* it has been the enclave's: before, its memory is zeros without access */
    bool is_touched; /* its memory has had an access since it was zeros */
    bool is_open;    /* its memory can be written until EINIT */
    bool is_there;   /* its memory has come, with a block (model_blocks.c) */
};

/* Of a TCS what entering it takes (table 38-8), and not its 4 KiB: there are a hundred. */
struct model_tcs {
    atomic_bool is_busy; /* a thread is inside by it */
    bool is_good;        /* its fields are as they may be */
    uint64_t offset;
    uint64_t ssa, entry, fs, gs;
    uint32_t current_ssa, ssa_count;
};

struct model_thread;

/* What model_direct.S finds by the page that leads to it. */
struct model_direct {
    uint64_t base, size;
    struct model_thread **threads; /* who is inside, by the page at which its GS points */
    uint64_t page;                 /* offset of that page; 0 for none */
};

struct model {
    struct enclave enclave; /* first: the driver's functions get it */
    struct sgx_secs secs;
    struct sha256 measurement;
    uint8_t family_id[16]; /* SIGSTRUCT's, for reports */
    uint8_t ext_prod_id[16];
    uint8_t fuse[MODEL_FUSE_SIZE];
    bool is_initialised;
    bool has_no_blocks;   /* it was tried in vain (model_blocks.c) */
    size_t xsave_size;    /* bytes of the vector state by XFRM */
    pthread_mutex_t lock; /* of what follows */
    struct model_direct direct;
    uint64_t code_begin, code_end;   /* the offsets between which all code was added */
    uint64_t added_begin, added_end; /* and all pages */
    struct model_page *pages;        /* size / SGX_PAGE_SIZE of them */
    uint8_t *growing;                /* a bit a page: none is there, and EAUG may add one */
    struct model_tcs *tcs[ENCLAVE_IMAGE_THREADS_MAX];
    size_t tcs_count;
};

/* Of thousands of bytes, quicker than span_is_zero(). */
bool model_is_zero(const uint8_t *bytes, size_t size);

/* model_pages.c: the caller holds the lock, or is alone. */
struct model_page *model_page_at(struct model *model, uint64_t offset);
/* Apart from the pages: a program's range is large, and most of it is never there. */
static inline bool model_page_may_grow(const struct model *model, uint64_t offset)
{
    uint64_t page = offset / SGX_PAGE_SIZE;
    return model->growing[page / 8] >> page % 8 & 1;
}
void model_page_set_growing(struct model *model, uint64_t offset, bool may_grow);
/* Puts memory under [offset, offset + size), with bytes or zeros, and gives it the access. */
int model_pages_back(struct model *model, uint64_t offset, uint64_t size, struct span bytes,
                     uint64_t flags, struct error *err);
/* The same for EADD: memory is there for many pages at once, and has its access from
 * model_pages_close() on, which EINIT calls. */
int model_pages_add(struct model *model, const struct enclave_pages *pages, struct error *err);
int model_pages_close(struct model *model, struct error *err);
/* The bytes of a page that is there. Its memory can be read then, whatever its flags say: they are
 * about to change, and it is settled. */
int model_page_take(struct model *model, uint64_t offset, uint8_t out[SGX_PAGE_SIZE],
                    struct error *err);
/* A page with these bytes and this access, in one step for whoever looks at it. */
int model_page_put(struct model *model, uint64_t offset, const uint8_t bytes[SGX_PAGE_SIZE],
                   uint64_t flags, struct error *err);
/* Makes the page one that EAUG has added and the enclave has not accepted. */
int model_page_add(struct model *model, uint64_t offset, struct error *err);
/* Lets the memory of these pages have the access that their flags now say. What narrows does so at
 * once. What widens (EACCEPT, EMODPE) waits for a fault, so that neighbours have it together. */
int model_pages_settle(struct model *model, uint64_t offset, uint64_t size, struct error *err);
/* What a page fault at this address was. */
enum model_page_fault {
    MODEL_FAULT_REAL,
    MODEL_FAULT_WAITED, /* for this: now the access can be made again */
    MODEL_FAULT_IS_OVER /* as far as is known here: another thread's was quicker */
};
enum model_page_fault model_pages_fault(struct model *model, uint64_t address, uint64_t access);
/* Whether all these bytes are inside, on pages that are there and allow it. */
bool model_allows(struct model *model, uint64_t address, uint64_t size, uint64_t access);

/* model_blocks.c: likewise. These pages, which had no access yet, are about to be written. */
void model_blocks_come(struct model *model, uint64_t offset, uint64_t size);

/* model_tcs.c: likewise. */
struct model_tcs *model_find_tcs(struct model *model, uint64_t offset); /* or NULL */
int model_add_tcs(struct model *model, uint64_t offset, struct span bytes, struct error *err);
/* Of a regular page that is about to become one, for EACCEPT to say whether it may. */
int model_retype_tcs(struct model *model, uint64_t offset, struct error *err);

/* model_launch.c: what ECREATE and EINIT check. */
int model_check_secs(const struct sgx_secs *secs, size_t *xsave_size, struct error *err);
int model_check_sigstruct(struct model *model, const uint8_t bytes[SIGSTRUCT_SIZE],
                          struct error *err);

/* model_direct.c: once the enclave is initialised. */
int model_direct_begin(struct model *model, struct error *err);

/* model_edmm.c */
int model_grow(struct enclave *enclave, uint64_t offset, uint64_t size, struct error *err);
int model_restrict(struct enclave *enclave, uint64_t offset, uint64_t size, uint64_t access,
                   struct error *err);
int model_set_type(struct enclave *enclave, uint64_t offset, uint64_t size, uint64_t type,
                   struct error *err);
int model_remove(struct enclave *enclave, uint64_t offset, uint64_t size, struct error *err);

/* model_enter.c */
int model_enter(struct enclave *enclave, struct enclave_registers *registers, enum sgx_leaf leaf,
                struct enclave_run *run);
int model_handle_signal(int number, enclave_signal_fn *handler, struct error *err);

/* An exception of the processor's. */
struct model_fault {
    uint8_t vector;
    uint32_t code;
    uint64_t address;
};
#define MODEL_DE 0
#define MODEL_DB 1
#define MODEL_BP 3
#define MODEL_UD 6
#define MODEL_GP 13
#define MODEL_PF 14
#define MODEL_MF 16
#define MODEL_AC 17
#define MODEL_XM 19

/* model_leaves.c: the leaves that do not leave, with the registers as the enclave set them. True
 * when done: *status goes into RAX and ZF; else the fault. */
bool model_leaf(struct model *model, const struct sgx_gprs *registers, uint32_t *status,
                struct model_fault *fault);

#endif
