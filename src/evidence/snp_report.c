#include "evidence/snp_report.h"

#include "base/cursor.h"

/*
 * One table serves reading, writing and the check of what is reserved: every byte of the report
 * lies in exactly one row's field, or is reserved. Rows stand in the order of the report.
 */
enum kind { KIND_BYTES, KIND_U8, KIND_LE32, KIND_LE64 };

struct field {
    uint16_t offset; /* in the report */
    uint16_t size;
    uint16_t member;  /* offset in struct snp_report */
    uint8_t kind;     /* enum kind */
    uint8_t versions; /* the first version that has it; reserved before */
};

#define FIELD(at, name, how, since)                                                                \
    {                                                                                              \
        .offset = (at), .size = sizeof(((struct snp_report *)0)->name),                            \
        .member = offsetof(struct snp_report, name), .kind = (how), .versions = (since)            \
    }

static const struct field fields[] = {
    FIELD(0x000, version, KIND_LE32, 2),
    FIELD(0x004, guest_svn, KIND_LE32, 2),
    FIELD(0x008, policy, KIND_LE64, 2),
    FIELD(0x010, family_id, KIND_BYTES, 2),
    FIELD(0x020, image_id, KIND_BYTES, 2),
    FIELD(0x030, vmpl, KIND_LE32, 2),
    FIELD(0x034, signature_algorithm, KIND_LE32, 2),
    FIELD(0x038, current_tcb, KIND_BYTES, 2),
    FIELD(0x040, platform_info, KIND_LE64, 2),
    FIELD(0x048, key_info, KIND_LE32, 2),
    FIELD(0x050, report_data, KIND_BYTES, 2),
    FIELD(0x090, measurement, KIND_BYTES, 2),
    FIELD(0x0C0, host_data, KIND_BYTES, 2),
    FIELD(0x0E0, id_key_digest, KIND_BYTES, 2),
    FIELD(0x110, author_key_digest, KIND_BYTES, 2),
    FIELD(0x140, report_id, KIND_BYTES, 2),
    FIELD(0x160, report_id_ma, KIND_BYTES, 2),
    FIELD(0x180, reported_tcb, KIND_BYTES, 2),
    FIELD(0x188, cpuid_family, KIND_U8, 3),
    FIELD(0x189, cpuid_model, KIND_U8, 3),
    FIELD(0x18A, cpuid_stepping, KIND_U8, 3),
    FIELD(0x1A0, chip_id, KIND_BYTES, 2),
    FIELD(0x1E0, committed_tcb, KIND_BYTES, 2),
    FIELD(0x1E8, current.build, KIND_U8, 2),
    FIELD(0x1E9, current.minor, KIND_U8, 2),
    FIELD(0x1EA, current.major, KIND_U8, 2),
    FIELD(0x1EC, committed.build, KIND_U8, 2),
    FIELD(0x1ED, committed.minor, KIND_U8, 2),
    FIELD(0x1EE, committed.major, KIND_U8, 2),
    FIELD(0x1F0, launch_tcb, KIND_BYTES, 2),
    FIELD(0x1F8, launch_mit_vector, KIND_LE64, 5),
    FIELD(0x200, current_mit_vector, KIND_LE64, 5),
    FIELD(0x2A0, signature_r, KIND_BYTES, 2),
    FIELD(0x2E8, signature_s, KIND_BYTES, 2),
};

#define FIELD_COUNT (sizeof fields / sizeof *fields)

static void read_field(const struct field *field, struct span bytes, void *out)
{
    struct cursor cursor = cursor_of(span_of(bytes.data + field->offset, field->size));
    if (field->kind == KIND_LE32)
        (void)cursor_le32(&cursor, out);
    else if (field->kind == KIND_LE64)
        (void)cursor_le64(&cursor, out);
    else
        (void)cursor_copy(&cursor, out, field->size);
}

int snp_report_parse(struct span bytes, struct snp_report *report, struct error *err)
{
    memset(report, 0, sizeof *report);
    if (bytes.size != SNP_REPORT_SIZE)
        return error_set(err, ERROR_INVALID, "the report has %zu bytes instead of %d", bytes.size,
                         SNP_REPORT_SIZE);
    read_field(&fields[0], bytes, &report->version);
    if (report->version < SNP_VERSION_MIN || report->version > SNP_VERSION_MAX)
        return error_set(err, ERROR_INVALID, "the report has version %u; %d to %d are known",
                         report->version, SNP_VERSION_MIN, SNP_VERSION_MAX);
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (fields[i].versions <= report->version)
            read_field(&fields[i], bytes, (uint8_t *)report + fields[i].member);
    }
    return 0;
}

static int check_zero(struct span bytes, size_t from, size_t to, struct error *err)
{
    for (size_t at = from; at < to; at++) {
        if (bytes.data[at] != 0)
            return error_set(err, ERROR_INVALID,
                             "byte 0x%zx of the report is reserved and holds 0x%02x instead of 0",
                             at, bytes.data[at]);
    }
    return 0;
}

int snp_report_check_reserved(struct span bytes, const struct snp_report *report, struct error *err)
{
    size_t end = 0; /* of the field before */
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (fields[i].versions > report->version)
            continue;
        if (check_zero(bytes, end, fields[i].offset, err) < 0)
            return -1;
        end = (size_t)fields[i].offset + fields[i].size;
    }
    return check_zero(bytes, end, SNP_REPORT_SIZE, err);
}

static void write_field(const struct field *field, const uint8_t *value, uint8_t *out)
{
    uint64_t number = 0;
    if (field->kind == KIND_LE32) {
        uint32_t narrow;
        memcpy(&narrow, value, sizeof narrow);
        number = narrow;
    } else if (field->kind == KIND_LE64) {
        memcpy(&number, value, sizeof number);
    } else {
        memcpy(out, value, field->size);
        return;
    }
    for (size_t i = 0; i < field->size; i++)
        out[i] = (uint8_t)(number >> (8 * i));
}

void snp_report_write(const struct snp_report *report, uint8_t out[SNP_REPORT_SIZE])
{
    memset(out, 0, SNP_REPORT_SIZE);
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (fields[i].versions <= report->version)
            write_field(&fields[i], (const uint8_t *)report + fields[i].member,
                        out + fields[i].offset);
    }
}

unsigned snp_report_signing_key(const struct snp_report *report)
{
    return (report->key_info >> 2) & 7;
}
