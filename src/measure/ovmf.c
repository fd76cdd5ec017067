#include "measure/ovmf.h"

#include "base/cursor.h"
#include "format/guid.h"

#define PAGE_SIZE         4096
#define FOOTER_FROM_END   32 /* the table ends here */
#define ENTRY_HEADER_SIZE 18 /* u16 size, GUID; after the entry's data */
#define METADATA_VERSION  1

static const uint8_t guid_footer[GUID_SIZE] = GUID(0x96b582de, 0x1fb2, 0x45f7, 0xbaea,
                                                   0xa366c55a082d);
static const uint8_t guid_reset[GUID_SIZE] = GUID(0x00f771de, 0x1a7e, 0x4fcb, 0x890e,
                                                  0x68c77e2fb44e);
static const uint8_t guid_hashes[GUID_SIZE] = GUID(0x7255371f, 0x3a3b, 0x4b04, 0x927b,
                                                   0x1da6efa8d454);
static const uint8_t guid_metadata[GUID_SIZE] = GUID(0xdc886566, 0x984a, 0x4798, 0xa75e,
                                                     0x5585a7bf67cc);

/* COCONUT-SVSM's own (qemu, target/i386/sev.c). */
static const uint8_t guid_svsm[GUID_SIZE] = GUID(0xa789a612, 0x0597, 0x4c4b, 0xa49f,
                                                 0xcbb1fe9d1ddd);

static int malformed(struct error *err, const char *what)
{
    return error_set(err, ERROR_INVALID, "the firmware image's %s", what);
}

static int read_reset(struct ovmf *ovmf, struct span data, struct error *err)
{
    struct cursor cursor = cursor_of(data);
    if (!cursor_le32(&cursor, &ovmf->reset_eip))
        return malformed(err, "SEV-ES reset block is too short");
    ovmf->has_reset_eip = true;
    return 0;
}

static int read_hashes(struct ovmf *ovmf, struct span data, struct error *err)
{
    struct cursor cursor = cursor_of(data);
    if (!cursor_le32(&cursor, &ovmf->hash_table_gpa))
        return malformed(err, "hash table entry is too short");
    ovmf->has_hash_table = true;
    return 0;
}

static int read_svsm(struct ovmf *ovmf, struct span data, struct error *err)
{
    struct cursor cursor = cursor_of(data);
    if (!cursor_le32(&cursor, &ovmf->svsm_entry))
        return malformed(err, "SVSM entry is too short");
    ovmf->has_svsm_entry = true;
    return 0;
}

static int read_section(struct cursor *cursor, struct ovmf *ovmf, struct error *err)
{
    struct ovmf_section section;
    if (!cursor_le32(cursor, &section.gpa) || !cursor_le32(cursor, &section.size) ||
        !cursor_le32(cursor, &section.kind))
        return malformed(err, "SEV metadata is truncated");
    bool known = (section.kind >= OVMF_SECTION_SEC_MEM && section.kind <= OVMF_SECTION_SVSM_CAA) ||
                 section.kind == OVMF_SECTION_KERNEL_HASHES;
    if (!known)
        return error_set(err, ERROR_INVALID, "SEV metadata section of unknown type %u",
                         section.kind);
    if (section.gpa % PAGE_SIZE != 0 || section.size % PAGE_SIZE != 0 ||
        section.gpa > UINT32_MAX - section.size)
        return error_set(err, ERROR_INVALID, "SEV metadata section 0x%x+0x%x is no whole pages",
                         section.gpa, section.size);
    ovmf->sections[ovmf->section_count++] = section;
    return 0;
}

/* The entry holds how far from the image's end the metadata begins: 'ASEV', size, version, count,
 * and the sections. */
static int read_metadata(struct ovmf *ovmf, struct span data, struct error *err)
{
    struct cursor entry = cursor_of(data);
    uint32_t from_end;
    if (!cursor_le32(&entry, &from_end) || from_end > ovmf->image.size)
        return malformed(err, "SEV metadata lies outside it");
    struct cursor cursor = cursor_of(
        span_of(ovmf->image.data + ovmf->image.size - from_end, from_end));
    struct span magic;
    uint32_t size;
    uint32_t version;
    uint32_t count;
    if (!cursor_read(&cursor, 4, &magic) || !span_equal_text(magic, "ASEV") ||
        !cursor_le32(&cursor, &size) || !cursor_le32(&cursor, &version) ||
        version != METADATA_VERSION || !cursor_le32(&cursor, &count))
        return malformed(err, "SEV metadata has no header of version 1");
    if (count > OVMF_SECTION_MAX)
        return error_set(err, ERROR_LIMIT, "%u SEV metadata sections; at most %d are allowed",
                         count, OVMF_SECTION_MAX);
    if (ovmf->section_count > 0)
        return malformed(err, "SEV metadata is there twice");
    for (uint32_t i = 0; i < count; i++) {
        if (read_section(&cursor, ovmf, err) < 0)
            return -1;
    }
    return 0;
}

static int read_entry(struct ovmf *ovmf, struct span guid, struct span data, struct error *err)
{
    if (span_equal(guid, span_of(guid_reset, 16)))
        return read_reset(ovmf, data, err);
    if (span_equal(guid, span_of(guid_hashes, 16)))
        return read_hashes(ovmf, data, err);
    if (span_equal(guid, span_of(guid_metadata, 16)))
        return read_metadata(ovmf, data, err);
    if (span_equal(guid, span_of(guid_svsm, 16)))
        return read_svsm(ovmf, data, err);
    return 0; /* others are for other readers */
}

/* Splits the last entry off `table`: data, u16 size of all three, GUID. */
static int take_last(struct span *table, struct span *guid, struct span *data, struct error *err)
{
    if (table->size < ENTRY_HEADER_SIZE)
        return malformed(err, "table of GUIDs has an entry cut short");
    *guid = span_of(table->data + table->size - 16, 16);
    struct cursor cursor = cursor_of(span_of(guid->data - 2, 2));
    uint16_t size;
    if (!cursor_le16(&cursor, &size) || size < ENTRY_HEADER_SIZE || size > table->size)
        return malformed(err, "table of GUIDs has an entry of impossible size");
    *data = span_of(table->data + table->size - size, size - (size_t)ENTRY_HEADER_SIZE);
    table->size -= size;
    return 0;
}

int ovmf_parse(struct span image, struct ovmf *ovmf, struct error *err)
{
    memset(ovmf, 0, sizeof *ovmf);
    ovmf->image = image;
    if (image.size < FOOTER_FROM_END + ENTRY_HEADER_SIZE || image.size > OVMF_SIZE_MAX ||
        image.size % PAGE_SIZE != 0)
        return error_set(err, ERROR_INVALID,
                         "a firmware image of %zu bytes; whole pages up to %u bytes are allowed",
                         image.size, OVMF_SIZE_MAX);
    struct span table = span_of(image.data, image.size - FOOTER_FROM_END);
    struct span guid = span_of(table.data + table.size - 16, 16);
    if (!span_equal(guid, span_of(guid_footer, 16)))
        return malformed(err, "table of GUIDs is missing: is this an OVMF image?");
    /* The footer's size is that of the whole table, itself included. */
    struct cursor cursor = cursor_of(span_of(guid.data - 2, 2));
    uint16_t size;
    if (!cursor_le16(&cursor, &size) || size < ENTRY_HEADER_SIZE || size > table.size)
        return malformed(err, "table of GUIDs has an impossible size");
    table = span_of(table.data + table.size - size, size - (size_t)ENTRY_HEADER_SIZE);
    while (table.size > 0) {
        struct span data = {0};
        if (take_last(&table, &guid, &data, err) < 0 || read_entry(ovmf, guid, data, err) < 0)
            return -1;
    }
    return 0;
}
