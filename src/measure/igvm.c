#include "measure/igvm.h"

#define FIXED_SIZE_1     24
#define FIXED_SIZE_2     32
#define CHECKSUM_AT      20
#define ARCHITECTURE_X64 0
#define PAGE_SIZE        4096
#define OPTIONAL_BIT     (UINT32_C(1) << 31)
#define LAST_PLATFORM    0x100
#define LAST_INIT        0x200
#define FIRST_DIRECTIVE  0x301
#define LAST_DIRECTIVE   0x400
#define CRC32_POLYNOMIAL 0xEDB88320U /* IEEE 802.3, reversed */

static uint32_t crc32_update(uint32_t crc, struct span bytes)
{
    uint32_t table[16];
    for (uint32_t i = 0; i < 16; i++) {
        table[i] = i;
        for (int bit = 0; bit < 4; bit++)
            table[i] = table[i] >> 1 ^ (table[i] & 1 ? CRC32_POLYNOMIAL : 0);
    }
    for (size_t i = 0; i < bytes.size; i++) {
        crc ^= bytes.data[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return crc;
}

uint32_t igvm_checksum(struct span fixed, struct span headers)
{
    static const uint8_t zero[4];
    const size_t after = CHECKSUM_AT + sizeof zero;
    uint32_t crc = crc32_update(UINT32_MAX, span_of(fixed.data, CHECKSUM_AT));
    crc = crc32_update(crc, span_of(zero, sizeof zero));
    crc = crc32_update(crc, span_of(fixed.data + after, fixed.size - after));
    return ~crc32_update(crc, headers);
}

struct fixed_header {
    size_t size;
    uint32_t headers_at;
    uint32_t headers_size;
    uint32_t checksum;
};

static int read_version_2(struct cursor *cursor, struct error *err)
{
    uint32_t architecture;
    uint32_t page_size;
    (void)cursor_le32(cursor, &architecture);
    if (!cursor_le32(cursor, &page_size) || architecture != ARCHITECTURE_X64 ||
        page_size != PAGE_SIZE)
        return error_set(err, ERROR_INVALID,
                         "an IGVM file of another architecture than x86-64, or of other pages than "
                         "4096 bytes");
    return 0;
}

static int read_fixed(struct span file, struct fixed_header *out, struct error *err)
{
    struct cursor cursor = cursor_of(file);
    struct span magic;
    uint32_t version;
    uint32_t total;
    if (!cursor_read(&cursor, 4, &magic) || !span_equal_text(magic, "IGVM") ||
        !cursor_le32(&cursor, &version) || !cursor_le32(&cursor, &out->headers_at) ||
        !cursor_le32(&cursor, &out->headers_size) || !cursor_le32(&cursor, &total) ||
        !cursor_le32(&cursor, &out->checksum))
        return error_set(err, ERROR_INVALID, "this is no IGVM file");
    if (version != 1 && version != 2)
        return error_set(err, ERROR_INVALID, "an IGVM file of version %u; 1 and 2 are known",
                         version);
    if (total != file.size)
        return error_set(err, ERROR_INVALID, "an IGVM file of %zu bytes that says that it has %u",
                         file.size, total);
    out->size = version == 1 ? FIXED_SIZE_1 : FIXED_SIZE_2;
    return version == 1 ? 0 : read_version_2(&cursor, err);
}

int igvm_open(struct span file, struct igvm *out, struct error *err)
{
    struct fixed_header fixed;
    if (file.size > IGVM_SIZE_MAX)
        return error_set(err, ERROR_LIMIT, "an IGVM file of %zu bytes; %u are the limit", file.size,
                         IGVM_SIZE_MAX);
    if (read_fixed(file, &fixed, err) < 0)
        return -1;
    if (fixed.headers_at < fixed.size || fixed.headers_at % 8 != 0 ||
        fixed.headers_at > file.size || fixed.headers_size > file.size - fixed.headers_at)
        return error_set(err, ERROR_INVALID,
                         "the IGVM file's variable headers (%u bytes at %u) do not lie in it",
                         fixed.headers_size, fixed.headers_at);
    out->file = file;
    out->headers = span_of(file.data + fixed.headers_at, fixed.headers_size);
    out->data_start = (size_t)fixed.headers_at + fixed.headers_size;
    uint32_t found = igvm_checksum(span_of(file.data, fixed.size), out->headers);
    if (found != fixed.checksum)
        return error_set(err, ERROR_INVALID, "the IGVM file's checksum is %08x instead of %08x",
                         found, fixed.checksum);
    return 0;
}

struct igvm_reader igvm_read(const struct igvm *igvm)
{
    return (struct igvm_reader){.cursor = cursor_of(igvm->headers)};
}

static int set_stage(struct igvm_header *header, struct error *err)
{
    uint32_t type = header->type;
    if (type >= 1 && type <= LAST_PLATFORM)
        header->stage = IGVM_STAGE_PLATFORM;
    else if (type > LAST_PLATFORM && type <= LAST_INIT)
        header->stage = IGVM_STAGE_INITIALIZATION;
    else if (type >= FIRST_DIRECTIVE && type <= LAST_DIRECTIVE)
        header->stage = IGVM_STAGE_DIRECTIVE;
    else
        return error_set(err, ERROR_INVALID, "an IGVM header of type 0x%x, which is of no stage",
                         type);
    return 0;
}

int igvm_next(struct igvm_reader *reader, struct igvm_header *out, struct error *err)
{
    uint32_t size;
    struct span padding;
    if (cursor_at_end(&reader->cursor))
        return 0;
    if (!cursor_le32(&reader->cursor, &out->type) || !cursor_le32(&reader->cursor, &size) ||
        !cursor_read(&reader->cursor, size, &out->content) ||
        !cursor_read(&reader->cursor, (8 - size % 8) % 8, &padding))
        return error_set(err, ERROR_INVALID, "an IGVM header is cut short");
    if (!span_is_zero(padding))
        return error_set(err, ERROR_INVALID, "an IGVM header's padding is not zero");
    out->is_optional = (out->type & OPTIONAL_BIT) != 0;
    out->type &= ~OPTIONAL_BIT;
    if (set_stage(out, err) < 0)
        return -1;
    if (out->stage < reader->stage)
        return error_set(err, ERROR_INVALID, "an IGVM header of type 0x%x stands too late",
                         out->type);
    reader->stage = out->stage;
    return 1;
}

int igvm_data(const struct igvm *igvm, uint32_t offset, size_t size, struct span *out,
              struct error *err)
{
    if (offset < igvm->data_start || offset > igvm->file.size || size > igvm->file.size - offset)
        return error_set(err, ERROR_INVALID, "%zu bytes at %u do not lie in the IGVM file's data",
                         size, offset);
    *out = span_of(igvm->file.data + offset, size);
    return 0;
}
