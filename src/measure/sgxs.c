#include "measure/sgxs.h"

#include <stdlib.h>

#include "base/cursor.h"
#include "measure/sgx.h"
#include "measure/sgxs_records.h"

#define PAGE_SIZE     SGX_PAGE_SIZE
#define CHUNKS_A_PAGE (PAGE_SIZE / SGXS_CHUNK_SIZE)

struct reader {
    struct cursor cursor;
    struct span stream;
    struct sha256 ctx;
    struct sgxs *out;
    uint8_t *added; /* a bit a page of the enclave's range */
    bool has_page;
    uint64_t page;   /* the offset of the page added last */
    uint32_t chunks; /* a bit for each of its chunks that is here */
    uint32_t measured;
};

static int refuse(const struct reader *reader, struct span record, struct error *err,
                  const char *what)
{
    return error_set(err, ERROR_INVALID, "the record at offset %zu: %s",
                     (size_t)(record.data - reader->stream.data), what);
}

/* "ECREATE", u32 SSAFRAMESIZE, u64 SIZE, zeros. */
static int read_create(struct reader *reader, struct span record, struct cursor *fields,
                       struct error *err)
{
    struct sgxs *out = reader->out;
    if (!cursor_le32(fields, &out->ssa_frame_size) || !cursor_le64(fields, &out->size) ||
        !span_is_zero(fields->rest))
        return refuse(reader, record, err, "ECREATE with reserved bytes that are not zero");
    if (out->ssa_frame_size == 0)
        return refuse(reader, record, err, "ECREATE with an SSA frame of no pages");
    bool power = out->size != 0 && (out->size & (out->size - 1)) == 0;
    if (!power || out->size < 2 * (uint64_t)PAGE_SIZE)
        return refuse(reader, record, err, "ECREATE with a size that is no power of two");
    if (out->size > SGXS_ELRANGE_MAX)
        return error_set(err, ERROR_LIMIT, "an enclave of 0x%llx bytes; 64 GiB are the limit",
                         (unsigned long long)out->size);
    reader->added = calloc((size_t)(out->size / PAGE_SIZE + 7) / 8, 1);
    return reader->added ? 0 : error_memory(err);
}

/* Intel SDM volume 3D, EADD: what SECINFO may say of a page that is added. */
static bool flags_allowed(uint64_t flags)
{
    if (flags == SGX_TCS)
        return true; /* the processor clears a TCS's access bits before it measures them */
    bool regular = (flags & ~SGX_ACCESS) == SGX_REGULAR;
    return regular && ((flags & SGX_WRITE) == 0 || (flags & SGX_READ) != 0);
}

static void end_page(struct reader *reader)
{
    if (reader->has_page && reader->measured != (1U << CHUNKS_A_PAGE) - 1)
        reader->out->partial_pages++;
}

/* "EADD", u64 offset, 48 bytes of SECINFO. */
static int read_add(struct reader *reader, struct span record, struct cursor *fields,
                    struct error *err)
{
    uint64_t offset;
    uint64_t flags;
    if (!cursor_le64(fields, &offset) || !cursor_le64(fields, &flags) ||
        !span_is_zero(fields->rest))
        return refuse(reader, record, err, "EADD with reserved bytes that are not zero");
    if (offset % PAGE_SIZE != 0 || offset >= reader->out->size)
        return refuse(reader, record, err, "EADD of no page of the enclave's range");
    if (!flags_allowed(flags))
        return refuse(
            reader, record, err,
            "EADD of a page that is neither a TCS (0x100) nor regular (0x200 and access)");
    size_t index = (size_t)(offset / PAGE_SIZE);
    if (reader->added[index / 8] & 1U << index % 8)
        return refuse(reader, record, err, "EADD of a page that is there already");
    end_page(reader);
    reader->added[index / 8] |= (uint8_t)(1U << index % 8);
    reader->has_page = true;
    reader->page = offset;
    reader->chunks = 0;
    reader->measured = 0;
    reader->out->page_count++;
    reader->out->tcs_count += flags == SGX_TCS;
    return 0;
}

/* "EEXTEND" or "UNMEASRD", u64 offset, zeros; then the 256 bytes. */
static int read_chunk(struct reader *reader, struct span record, struct cursor *fields,
                      bool is_measured, struct error *err)
{
    uint64_t offset;
    struct span chunk;
    if (!cursor_le64(fields, &offset) || !span_is_zero(fields->rest))
        return refuse(reader, record, err, "a chunk with reserved bytes that are not zero");
    if (!reader->has_page || offset % SGXS_CHUNK_SIZE != 0 || offset < reader->page ||
        offset - reader->page >= PAGE_SIZE)
        return refuse(reader, record, err, "a chunk that is not of the page added last");
    uint32_t bit = 1U << (offset - reader->page) / SGXS_CHUNK_SIZE;
    if (reader->chunks & bit)
        return refuse(reader, record, err, "a chunk that is there already");
    if (!cursor_read(&reader->cursor, SGXS_CHUNK_SIZE, &chunk))
        return refuse(reader, record, err, "a chunk cut short");
    reader->chunks |= bit;
    if (!is_measured) {
        reader->out->unmeasured++;
        return 0;
    }
    reader->measured |= bit;
    reader->out->chunk_count++;
    sha256_update(&reader->ctx, record);
    sha256_update(&reader->ctx, chunk);
    return 0;
}

static int read_record(struct reader *reader, struct error *err)
{
    struct span record;
    struct span tag;
    if (!cursor_read(&reader->cursor, SGXS_RECORD_SIZE, &record))
        return error_set(err, ERROR_INVALID, "the stream ends within a record of 64 bytes");
    struct cursor fields = cursor_of(record);
    (void)cursor_read(&fields, 8, &tag);
    bool is_create = span_equal(tag, span_of("ECREATE", 8));
    if (is_create != (record.data == reader->stream.data))
        return refuse(reader, record, err, "ECREATE stands at the beginning, and only there");
    if (span_equal(tag, span_of("EEXTEND", 8)))
        return read_chunk(reader, record, &fields, true, err);
    if (span_equal(tag, span_of("UNMEASRD", 8)))
        return read_chunk(reader, record, &fields, false, err);
    bool is_add = span_equal(tag, span_of("EADD\0\0\0", 8));
    if (!is_create && !is_add)
        return refuse(reader, record, err, "of an unknown kind");
    if ((is_create ? read_create : read_add)(reader, record, &fields, err) < 0)
        return -1;
    sha256_update(&reader->ctx, record);
    return 0;
}

int sgxs_measure(struct span stream, struct sgxs *out, struct error *err)
{
    struct reader reader = {.cursor = cursor_of(stream), .stream = stream, .out = out};
    int result = 0;
    memset(out, 0, sizeof *out);
    if (stream.size == 0 || stream.size > SGXS_SIZE_MAX)
        return error_set(err, ERROR_INVALID, "an SGXS stream of %zu bytes; 1 to %u are allowed",
                         stream.size, SGXS_SIZE_MAX);
    sha256_init(&reader.ctx);
    while (result == 0 && !cursor_at_end(&reader.cursor))
        result = read_record(&reader, err);
    free(reader.added);
    if (result < 0)
        return -1;
    end_page(&reader);
    sha256_final(&reader.ctx, out->mrenclave);
    return 0;
}
