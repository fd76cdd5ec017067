/*
 * What makes an enclave, enters it and changes its pages: one table, behind which stands the
 * kernel's driver of the processor's SGX, or a model of it in software.
 *
 * The order is create, add (pages by ascending offsets or not, each once), init, enter; then pages
 * may change (EDMM). All but `enter` are for one thread at a time. The model protects nothing
 * against whoever is root on this machine, and against nobody who may read this process's memory:
 * `is_simulated` says which it is, and all that is shown to a user must say so too.
 */
#ifndef CAISSON_ENCLAVE_DRIVER_H
#define CAISSON_ENCLAVE_DRIVER_H

#include <stdbool.h>

#include "measure/enclave_image.h"
#include "measure/sgx.h"
#include "measure/sigstruct.h"

struct driver;

/* Begins every back-end's own structure. */
struct enclave {
    const struct driver *driver;
    uint64_t base; /* chosen by the driver, a multiple of the size */
    uint64_t size;
};

/* What crosses the boundary in registers, both ways. */
struct enclave_registers {
    uint64_t rdi, rsi, rdx, r8, r9;
};

/* As the vDSO's function has it (the kernel's <asm/sgx.h>): what to enter, and what came of it. */
struct enclave_run {
    uint64_t tcs;  /* address */
    uint32_t leaf; /* out: SGX_EEXIT, or the leaf at which an exception came */
    uint16_t exception_vector;
    uint16_t exception_code;
    uint64_t exception_address;
    uint64_t user_handler; /* none is used here: 0 */
    uint64_t user_data;
    uint8_t reserved[216];
};
static_assert(sizeof(struct enclave_run) == 256, "struct sgx_enclave_run");
static_assert(offsetof(struct enclave_run, user_handler) == 24, "struct sgx_enclave_run");

/* Takes the place of what the signal would do otherwise; async-signal-safe. Where this thread was
 * interrupted inside (or about to be resumed), it may enter the same TCS, to tell the code there.
 */
typedef void enclave_signal_fn(int number, bool is_inside);

/* No page is mapped below (vm.mmap_min_addr, as it is usually). */
#define DRIVER_LOWEST 0x10000

struct driver {
    const char *name;
    bool is_simulated;

    /* ECREATE. `secs` has all but the base. `first` is the lowest page's offset: where that leaves
     * out what Linux maps nothing at, the range begins at address 0 if it is free, and a program
     * has its fixed addresses in it. The caller calls free(). NULL with ERROR_UNAVAILABLE
     * where there is no such thing here, ERROR_INVALID for a SECS that the processor refuses. */
    struct enclave *(*create)(const struct sgx_secs *secs, uint64_t first, struct error *err);
    void (*free)(struct enclave *enclave);

    /* EADD, and EEXTEND where `pages` is to be measured: an enclave_add_fn, for the enclave. */
    enclave_add_fn *add;

    /* EINIT. ERROR_REFUSED, saying why as far as it is known. Once. */
    int (*init)(struct enclave *enclave, const uint8_t sigstruct[SIGSTRUCT_SIZE],
                struct error *err);

    /* EENTER or ERESUME by this thread. 0 when something came of it, which `run` tells: the
     * enclave's EEXIT, with its registers, or an exception. Else a negative errno. */
    int (*enter)(struct enclave *enclave, struct enclave_registers *registers, enum sgx_leaf leaf,
                 struct enclave_run *run);

    /* Here, where no pages are, the code inside may have some by EACCEPT (EAUG). */
    int (*grow)(struct enclave *enclave, uint64_t offset, uint64_t size, struct error *err);
    /* EMODPR, to SGX_READ and the like; the code inside has to EACCEPT it. */
    int (*restrict_access)(struct enclave *enclave, uint64_t offset, uint64_t size, uint64_t access,
                           struct error *err);
    /* EMODT, to SGX_TCS or SGX_TRIM; likewise. */
    int (*set_type)(struct enclave *enclave, uint64_t offset, uint64_t size, uint64_t type,
                    struct error *err);
    /* EREMOVE, of trimmed pages that were accepted. */
    int (*remove)(struct enclave *enclave, uint64_t offset, uint64_t size, struct error *err);

    /* Lets this signal interrupt enclaves. (The model takes the signals of faults for itself at the
     * first entry; what others do to these afterwards breaks it.) Handlers that are set otherwise
     * must not run in a thread that is inside: block their signals. */
    int (*handle_signal)(int number, enclave_signal_fn *handler, struct error *err);
};

/* Crosses by a function of the vDSO's kind, keeping the caller's registers from an enclave that
 * does not (cross.S). */
int enclave_cross(const void *function, struct enclave_registers *registers, uint32_t leaf,
                  struct enclave_run *run);

#endif
