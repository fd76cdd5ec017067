/* The pages of an enclave image, in their order: to a loader, to a digest, to a stream. */
#include <stdlib.h>

#include "measure/enclave_image.h"
#include "measure/enclave_thread.h"
#include "measure/sgx.h"
#include "measure/sgxs.h"
#include "measure/sgxs_records.h"

#define DATA  (SGX_REGULAR | SGX_READ | SGX_WRITE)
#define PIECE ((size_t)128 * 1024) /* bytes of a segment at once, whole pages */

struct target {
    enclave_add_fn *add;
    void *context;
    uint8_t *piece; /* of a segment, at a page's beginning */
};

static int add_zeros(const struct target *target, uint64_t offset, uint64_t size, struct error *err)
{
    const struct enclave_pages pages = {.offset = offset, .size = size, .flags = DATA};
    return size == 0 ? 0 : target->add(target->context, &pages, err);
}

static int add_bytes(const struct target *target, uint64_t offset, uint64_t flags,
                     struct span bytes, struct error *err)
{
    const struct enclave_pages pages = {
        .offset = offset, .size = bytes.size, .flags = flags, .bytes = bytes, .is_measured = true};
    return target->add(target->context, &pages, err);
}

/* The bytes of whole pages: what lies before and after the segment's is zero, not the file's. */
static void fill(const struct enclave_segment *segment, uint64_t at, size_t size, uint8_t *out)
{
    const uint64_t first = segment->offset;
    const uint64_t last = first + segment->bytes.size;
    const uint64_t begin = at > first ? at : first;
    const uint64_t end = at + size < last ? at + size : last;
    memset(out, 0, size);
    if (begin < end)
        memcpy(out + (begin - at), segment->bytes.data + (begin - first), (size_t)(end - begin));
}

/* Pages without a byte of the file are made zeros inside, where they can be written: to measure
 * zeros takes as long as to measure code. */
static int add_segment(const struct target *target, const struct enclave_segment *segment,
                       struct error *err)
{
    const uint64_t all = sgx_page_up(segment->offset + segment->size);
    const uint64_t end = segment->flags & SGX_WRITE
                             ? sgx_page_up(segment->offset + segment->bytes.size)
                             : all;
    for (uint64_t at = segment->offset / SGX_PAGE_SIZE * SGX_PAGE_SIZE; at < end; at += PIECE) {
        size_t size = (size_t)(end - at < PIECE ? end - at : PIECE);
        fill(segment, at, size, target->piece);
        if (add_bytes(target, at, segment->flags, span_of(target->piece, size), err) < 0)
            return -1;
    }
    return add_zeros(target, end, all - end, err);
}

static int add_segments(struct target *target, const struct enclave_image *image, struct error *err)
{
    int status = 0;
    target->piece = aligned_alloc(SGX_PAGE_SIZE, PIECE);
    if (!target->piece)
        return error_memory(err);
    for (size_t i = 0; status == 0 && i < image->segment_count; i++)
        status = add_segment(target, &image->segments[i], err);
    free(target->piece);
    return status;
}

static void describe_thread(const struct enclave_image *image, uint32_t index,
                            struct enclave_thread *out)
{
    uint64_t ssa_frame = (uint64_t)image->ssa_frame_size * SGX_PAGE_SIZE;
    uint64_t tcs = image->threads_at + index * enclave_image_thread_size(image);
    uint64_t ssa = tcs + 2 * (uint64_t)SGX_PAGE_SIZE;
    *out = (struct enclave_thread){
        .offset = tcs + SGX_PAGE_SIZE,
        .index = index,
        .threads = image->threads,
        .tcs = tcs,
        .ssa = ssa,
        .ssa_frame_size = ssa_frame,
        .ssa_frames = image->ssa_frames,
        .stack_top = ssa + image->ssa_frames * ssa_frame + SGX_PAGE_SIZE + image->stack_size,
        .stack_size = image->stack_size,
        .heap = image->heap_at,
        .heap_size = image->heap_size,
        .size = image->size,
    };
}

static int add_thread(const struct target *target, const struct enclave_image *image,
                      uint32_t index, struct error *err)
{
    struct enclave_thread thread;
    uint8_t page[SGX_PAGE_SIZE] = {0};
    describe_thread(image, index, &thread);
    struct sgx_tcs tcs = {0};
    enclave_thread_set_tcs(&thread, image->entry, &tcs);
    memcpy(page, &thread, sizeof thread);
    if (add_bytes(target, thread.tcs, SGX_TCS, span_of(&tcs, sizeof tcs), err) < 0 ||
        add_bytes(target, thread.offset, DATA, span_of(page, sizeof page), err) < 0 ||
        add_zeros(target, thread.ssa, thread.ssa_frames * thread.ssa_frame_size, err) < 0)
        return -1;
    return add_zeros(target, thread.stack_top - thread.stack_size, thread.stack_size, err);
}

int enclave_image_add(const struct enclave_image *image, enclave_add_fn *add, void *context,
                      struct error *err)
{
    struct target target = {add, context, NULL};
    if (add_segments(&target, image, err) < 0)
        return -1;
    for (uint32_t i = image->threads - image->added; i < image->threads; i++) {
        if (add_thread(&target, image, i, err) < 0)
            return -1;
    }
    return add_zeros(&target, image->heap_at, image->heap_size, err);
}

/* --- a digest, a stream ----------------------------------------------------------------------- */

struct sink {
    struct sha256 *digest; /* or NULL */
    struct buf *stream;    /* or NULL */
};

static int put(const struct sink *sink, struct span bytes, struct error *err)
{
    if (sink->digest)
        sha256_update(sink->digest, bytes);
    return sink->stream ? buf_append(sink->stream, bytes, err) : 0;
}

static int put_page(const struct sink *sink, const struct enclave_pages *pages, uint64_t at,
                    struct error *err)
{
    uint8_t record[SGXS_RECORD_SIZE];
    sgxs_record_add(record, pages->offset + at, pages->flags);
    if (put(sink, span_of(record, sizeof record), err) < 0)
        return -1;
    for (uint64_t i = 0; pages->is_measured && i < SGX_PAGE_SIZE; i += SGXS_CHUNK_SIZE) {
        sgxs_record_extend(record, pages->offset + at + i);
        if (put(sink, span_of(record, sizeof record), err) < 0 ||
            put(sink, span_of(pages->bytes.data + at + i, SGXS_CHUNK_SIZE), err) < 0)
            return -1;
    }
    return 0;
}

static int put_pages(void *context, const struct enclave_pages *pages, struct error *err)
{
    for (uint64_t at = 0; at < pages->size; at += SGX_PAGE_SIZE) {
        if (put_page(context, pages, at, err) < 0)
            return -1;
    }
    return 0;
}

static int put_all(const struct enclave_image *image, struct sink *sink, struct error *err)
{
    uint8_t record[SGXS_RECORD_SIZE];
    sgxs_record_create(record, image->ssa_frame_size, image->size);
    if (put(sink, span_of(record, sizeof record), err) < 0)
        return -1;
    return enclave_image_add(image, put_pages, sink, err);
}

int enclave_image_measure(const struct enclave_image *image, uint8_t out[SHA256_SIZE],
                          struct error *err)
{
    struct sha256 digest;
    struct sink sink = {.digest = &digest};
    sha256_init(&digest);
    if (put_all(image, &sink, err) < 0)
        return -1;
    sha256_final(&digest, out);
    return 0;
}

int enclave_image_write_sgxs(const struct enclave_image *image, struct buf *stream,
                             struct error *err)
{
    struct sink sink = {.stream = stream};
    return put_all(image, &sink, err);
}
