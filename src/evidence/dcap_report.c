#include "evidence/dcap_report.h"

#include <assert.h>

#include "base/cursor.h"

/* One row a field, SGX's in the order of their offsets and then TDX's. `sgx` and `td` are the
 * offsets plus one; 0: that kind of report has no such field. */
static const struct row {
    const char *name;
    uint16_t sgx;
    uint16_t td;
    uint16_t size;
} rows[] = {
    [DCAP_CPUSVN] = {"cpusvn", 0 + 1, 0, 16},
    [DCAP_MISCSELECT] = {"miscselect", 16 + 1, 0, 4},
    [DCAP_ISVEXTPRODID] = {"isvextprodid", 32 + 1, 0, 16},
    [DCAP_ATTRIBUTES] = {"attributes", 48 + 1, 0, 16},
    [DCAP_MRENCLAVE] = {"mrenclave", 64 + 1, 0, 32},
    [DCAP_MRSIGNER] = {"mrsigner", 128 + 1, 0, 32},
    [DCAP_CONFIGID] = {"configid", 192 + 1, 0, 64},
    [DCAP_ISVPRODID] = {"isvprodid", 256 + 1, 0, 2},
    [DCAP_ISVSVN] = {"isvsvn", 258 + 1, 0, 2},
    [DCAP_CONFIGSVN] = {"configsvn", 260 + 1, 0, 2},
    [DCAP_ISVFAMILYID] = {"isvfamilyid", 304 + 1, 0, 16},
    [DCAP_TEE_TCB_SVN] = {"tee_tcb_svn", 0, 0 + 1, 16},
    [DCAP_MRSEAM] = {"mrseam", 0, 16 + 1, 48},
    [DCAP_MRSIGNERSEAM] = {"mrsignerseam", 0, 64 + 1, 48},
    [DCAP_SEAMATTRIBUTES] = {"seamattributes", 0, 112 + 1, 8},
    [DCAP_TDATTRIBUTES] = {"tdattributes", 0, 120 + 1, 8},
    [DCAP_XFAM] = {"xfam", 0, 128 + 1, 8},
    [DCAP_MRTD] = {"mrtd", 0, 136 + 1, 48},
    [DCAP_MRCONFIGID] = {"mrconfigid", 0, 184 + 1, 48},
    [DCAP_MROWNER] = {"mrowner", 0, 232 + 1, 48},
    [DCAP_MROWNERCONFIG] = {"mrownerconfig", 0, 280 + 1, 48},
    [DCAP_RTMR0] = {"rtmr0", 0, 328 + 1, 48},
    [DCAP_RTMR1] = {"rtmr1", 0, 376 + 1, 48},
    [DCAP_RTMR2] = {"rtmr2", 0, 424 + 1, 48},
    [DCAP_RTMR3] = {"rtmr3", 0, 472 + 1, 48},
    [DCAP_REPORT_DATA] = {"report_data", 320 + 1, 520 + 1, 64},
    [DCAP_TEE_TCB_SVN2] = {"tee_tcb_svn2", 0, 584 + 1, 16},
    [DCAP_MRSERVICETD] = {"mrservicetd", 0, 600 + 1, 48},
};
static_assert(sizeof rows / sizeof *rows == DCAP_FIELD_COUNT, "a row for each field");

size_t dcap_body_size(unsigned body)
{
    static const size_t sizes[] = {[DCAP_BODY_SGX] = DCAP_SGX_SIZE,
                                   [DCAP_BODY_TD10] = DCAP_TD10_SIZE,
                                   [DCAP_BODY_TD15] = DCAP_TD15_SIZE};
    return body < sizeof sizes / sizeof *sizes ? sizes[body] : 0;
}

const char *dcap_body_name(enum dcap_body body)
{
    static const char *const names[] = {[DCAP_BODY_SGX] = "SGX enclave",
                                        [DCAP_BODY_TD10] = "TDX 1.0 trust domain",
                                        [DCAP_BODY_TD15] = "TDX 1.5 trust domain"};
    return names[body];
}

const char *dcap_field_name(enum dcap_field field)
{
    return rows[field].name;
}

size_t dcap_field_size(enum dcap_field field)
{
    return rows[field].size;
}

bool dcap_body_has(enum dcap_body body, enum dcap_field field)
{
    const struct row *row = &rows[field];
    unsigned at = dcap_body_is_td(body) ? row->td : row->sgx;
    return at != 0 && at - 1 + row->size <= dcap_body_size(body);
}

struct span dcap_report_get(enum dcap_body body, struct span report, enum dcap_field field)
{
    const struct row *row = &rows[field];
    if (!dcap_body_has(body, field) || report.size != dcap_body_size(body))
        return span_of(NULL, 0);
    unsigned at = dcap_body_is_td(body) ? row->td : row->sgx;
    return span_of(report.data + at - 1, row->size);
}

uint16_t dcap_report_get_u16(enum dcap_body body, struct span report, enum dcap_field field)
{
    uint16_t number;
    struct cursor cursor = cursor_of(dcap_report_get(body, report, field));
    (void)cursor_le16(&cursor, &number);
    return number;
}

int dcap_report_check_reserved(enum dcap_body body, struct span report, struct error *err)
{
    size_t end = 0; /* of the field before */
    if (report.size != dcap_body_size(body))
        return error_set(err, ERROR_INVALID, "a report of %zu bytes instead of %zu", report.size,
                         dcap_body_size(body));
    for (unsigned field = 0; field <= DCAP_FIELD_COUNT; field++) {
        bool last = field == DCAP_FIELD_COUNT;
        if (!last && !dcap_body_has(body, field))
            continue;
        struct span bytes = last ? span_of(report.data + report.size, 0)
                                 : dcap_report_get(body, report, field);
        for (size_t at = end; at < (size_t)(bytes.data - report.data); at++) {
            if (report.data[at] != 0)
                return error_set(err, ERROR_INVALID,
                                 "byte %zu of the report is reserved and holds 0x%02x instead of 0",
                                 at, report.data[at]);
        }
        end = (size_t)(bytes.data - report.data) + bytes.size;
    }
    return 0;
}
