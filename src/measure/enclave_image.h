/*
 * Caisson's enclave image: a static, position-independent ELF file, and the rule by which it
 * becomes pages of an enclave (docs/sgx.md, "The image"). The loader and whoever computes MRENCLAVE
 * both go through enclave_image_add(): there is no second rule.
 *
 * The file says how many threads it has and how large they are in a note, so that MRENCLAVE is a
 * function of the file alone.
 */
#ifndef CAISSON_MEASURE_ENCLAVE_IMAGE_H
#define CAISSON_MEASURE_ENCLAVE_IMAGE_H

#include "base/buf.h"
#include "crypto/digest.h"

#define ENCLAVE_IMAGE_SIZE_MAX     (64U * 1024 * 1024) /* bytes of the file, and in memory */
#define ENCLAVE_IMAGE_AT_MAX       (UINT64_C(1) << 32) /* bytes that are left out before it */
#define ENCLAVE_IMAGE_SEGMENTS_MAX 8                   /* to be loaded */
#define ENCLAVE_IMAGE_THREADS_MAX  1024
#define ENCLAVE_IMAGE_STACK_MAX    (UINT64_C(16) << 20) /* bytes a thread */
#define ENCLAVE_IMAGE_HEAP_MAX     (UINT64_C(1) << 35)  /* bytes */
#define ENCLAVE_IMAGE_NOTE_NAME    "Caisson"
#define ENCLAVE_IMAGE_NOTE_TYPE    1
#define ENCLAVE_IMAGE_NOTE_SIZE    36

struct enclave_segment {
    uint64_t offset;   /* from the enclave's base, of its first byte */
    uint64_t size;     /* bytes in memory */
    struct span bytes; /* borrowed from the file; the rest is zero */
    uint64_t flags;    /* SGX_REGULAR and access */
};

struct enclave_image {
    uint32_t threads;        /* there is room for */
    uint32_t added;          /* of these, the last: their pages are there from the start */
    uint32_t ssa_frames;     /* a thread */
    uint32_t ssa_frame_size; /* pages */
    uint64_t stack_size;     /* bytes a thread */
    uint64_t heap_size;      /* bytes */
    uint64_t entry;
    struct enclave_segment segments[ENCLAVE_IMAGE_SEGMENTS_MAX]; /* ascending */
    size_t segment_count;
    uint64_t threads_at; /* where the pages of the first thread begin */
    uint64_t heap_at;
    uint64_t size; /* of the enclave's range: a power of two */
};

/* Pages of one kind that follow each other. */
struct enclave_pages {
    uint64_t offset;
    uint64_t size; /* bytes, a multiple of SGX_PAGE_SIZE */
    uint64_t flags;
    struct span bytes; /* `size` of them, or empty for zeros */
    bool is_measured;
};

/* Takes pages in the order of their offsets. */
typedef int enclave_add_fn(void *context, const struct enclave_pages *pages, struct error *err);

/* Reads the file, from which the result borrows. ERROR_INVALID for what is no such image, with the
 * part; ERROR_REFUSED for a segment that is both writable and executable; ERROR_LIMIT. */
int enclave_image_parse(struct span file, struct enclave_image *out, struct error *err);

/* Bytes from the pages of one thread to those of the next. */
uint64_t enclave_image_thread_size(const struct enclave_image *image);

/* Hands every page of the enclave to `add`, and ends where that fails. */
int enclave_image_add(const struct enclave_image *image, enclave_add_fn *add, void *context,
                      struct error *err);

/* MRENCLAVE: the SHA-256 of what the above adds. */
int enclave_image_measure(const struct enclave_image *image, uint8_t out[SHA256_SIZE],
                          struct error *err);

/* Appends it as an SGXS stream, the heap and the stacks without their content. */
int enclave_image_write_sgxs(const struct enclave_image *image, struct buf *stream,
                             struct error *err);

#endif
