#include "enclave/vdso.h"

#include <elf.h>

#include "base/cursor.h"

#define SECTIONS_MAX 64

struct section {
    uint32_t name, type;
    uint64_t flags, address, offset, size;
    uint32_t link, info;
    uint64_t alignment, entry_size;
};

static int malformed(struct error *err, const char *what)
{
    return error_set(err, ERROR_INVALID, "the vDSO %s", what);
}

static bool cut(struct span image, uint64_t offset, uint64_t size, struct span *out)
{
    *out = span_of(NULL, 0);
    if (offset > image.size || size > image.size - offset)
        return false;
    *out = span_of(image.data + offset, (size_t)size);
    return true;
}

static bool read_section(struct cursor *cursor, struct section *out)
{
    return cursor_le32(cursor, &out->name) && cursor_le32(cursor, &out->type) &&
           cursor_le64(cursor, &out->flags) && cursor_le64(cursor, &out->address) &&
           cursor_le64(cursor, &out->offset) && cursor_le64(cursor, &out->size) &&
           cursor_le32(cursor, &out->link) && cursor_le32(cursor, &out->info) &&
           cursor_le64(cursor, &out->alignment) && cursor_le64(cursor, &out->entry_size);
}

/* Where the table of sections lies, and how many there are. */
static int read_header(struct span image, struct span *table, uint16_t *count, struct error *err)
{
    static const uint8_t ident[] = {0x7F, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT};
    struct cursor cursor = cursor_of(image);
    struct span found;
    uint64_t offset;
    uint16_t entry_size;
    if (!cursor_read(&cursor, sizeof ident, &found) ||
        !span_equal(found, span_of(ident, sizeof ident)) || !cursor_skip(&cursor, 33) ||
        !cursor_le64(&cursor, &offset) || !cursor_skip(&cursor, 10) ||
        !cursor_le16(&cursor, &entry_size) || !cursor_le16(&cursor, count))
        return malformed(err, "is no ELF file of 64 bits");
    if (entry_size != sizeof(Elf64_Shdr) || *count == 0 || *count > SECTIONS_MAX)
        return malformed(err, "has no table of sections that is known here");
    if (!cut(image, offset, (uint64_t)*count * entry_size, table))
        return malformed(err, "has its table of sections beyond its end");
    return 0;
}

static bool nth_section(struct span table, uint16_t count, uint32_t index, struct section *out)
{
    struct span entry;
    if (index >= count ||
        !cut(table, (uint64_t)index * sizeof(Elf64_Shdr), sizeof(Elf64_Shdr), &entry))
        return false;
    struct cursor cursor = cursor_of(entry);
    return read_section(&cursor, out);
}

/* Whether the text that begins there is this name, its end included. */
static bool is_named(struct span names, uint32_t at, const char *name)
{
    struct span found;
    return cut(names, at, strlen(name) + 1, &found) && memcmp(found.data, name, found.size) == 0;
}

static int find_symbol(struct span image, struct span symbols, struct span names, const char *name,
                       uint64_t *offset, struct error *err)
{
    struct cursor cursor = cursor_of(symbols);
    while (cursor.rest.size >= sizeof(Elf64_Sym)) {
        uint32_t at;
        uint8_t info, other;
        uint16_t section;
        uint64_t value, size;
        if (!cursor_le32(&cursor, &at) || !cursor_u8(&cursor, &info) ||
            !cursor_u8(&cursor, &other) || !cursor_le16(&cursor, &section) ||
            !cursor_le64(&cursor, &value) || !cursor_le64(&cursor, &size))
            break;
        if (section == SHN_UNDEF || ELF64_ST_TYPE(info) != STT_FUNC || !is_named(names, at, name))
            continue;
        if (value >= image.size)
            return malformed(err, "has the function beyond its end");
        *offset = value;
        return 0;
    }
    return error_set(err, ERROR_NOT_FOUND, "the vDSO has no %s", name);
}

int vdso_find(struct span image, const char *name, uint64_t *offset, struct error *err)
{
    struct span table = {0};
    struct span symbols, names;
    struct section section, strings;
    uint16_t count;
    if (read_header(image, &table, &count, err) < 0)
        return -1;
    for (uint32_t i = 0; nth_section(table, count, i, &section); i++) {
        if (section.type != SHT_DYNSYM)
            continue;
        if (!nth_section(table, count, section.link, &strings) ||
            !cut(image, section.offset, section.size, &symbols) ||
            !cut(image, strings.offset, strings.size, &names))
            return malformed(err, "has its symbols beyond its end");
        return find_symbol(image, symbols, names, name, offset, err);
    }
    return malformed(err, "has no dynamic symbols");
}
