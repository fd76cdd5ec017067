/*
 * What a quote is about: the report of an SGX enclave (Intel SDM volume 3D, table "Layout of
 * REPORT", as the quote holds it: 384 bytes) or of a TDX trust domain ("Intel TDX DCAP Quoting
 * Library API", appendix A.3: 584 bytes for TDX 1.0, 648 for TDX 1.5). One table knows where each
 * field lies; the bytes themselves stay where they are.
 */
#ifndef CAISSON_EVIDENCE_DCAP_REPORT_H
#define CAISSON_EVIDENCE_DCAP_REPORT_H

#include "base/error.h"
#include "base/span.h"

/* The numbers that a quote of version 5 uses. */
enum dcap_body { DCAP_BODY_SGX = 1, DCAP_BODY_TD10 = 2, DCAP_BODY_TD15 = 3 };

#define DCAP_SGX_SIZE  384
#define DCAP_TD10_SIZE 584
#define DCAP_TD15_SIZE 648

#define DCAP_FIELD_SIZE_MAX 64

enum dcap_field {
    DCAP_CPUSVN,
    DCAP_MISCSELECT,
    DCAP_ISVEXTPRODID,
    DCAP_ATTRIBUTES,
    DCAP_MRENCLAVE,
    DCAP_MRSIGNER,
    DCAP_CONFIGID,
    DCAP_ISVPRODID,
    DCAP_ISVSVN,
    DCAP_CONFIGSVN,
    DCAP_ISVFAMILYID,
    DCAP_TEE_TCB_SVN,
    DCAP_MRSEAM,
    DCAP_MRSIGNERSEAM,
    DCAP_SEAMATTRIBUTES,
    DCAP_TDATTRIBUTES,
    DCAP_XFAM,
    DCAP_MRTD,
    DCAP_MRCONFIGID,
    DCAP_MROWNER,
    DCAP_MROWNERCONFIG,
    DCAP_RTMR0,
    DCAP_RTMR1,
    DCAP_RTMR2,
    DCAP_RTMR3,
    DCAP_REPORT_DATA, /* of both kinds */
    DCAP_TEE_TCB_SVN2,
    DCAP_MRSERVICETD,
    DCAP_FIELD_COUNT
};

/* The body's size in bytes; 0 for a number that is no body. */
size_t dcap_body_size(unsigned body);

/* "TDX 1.0 trust domain" */
const char *dcap_body_name(enum dcap_body body);

static inline bool dcap_body_is_td(enum dcap_body body)
{
    return body != DCAP_BODY_SGX;
}

/* "mrenclave": as Intel's documents write it, in small letters. */
const char *dcap_field_name(enum dcap_field field);

/* The field's size, the same in every body that has it. */
size_t dcap_field_size(enum dcap_field field);

/* True where this kind of body has the field. */
bool dcap_body_has(enum dcap_body body, enum dcap_field field);

/* The field's bytes, borrowed from a report of dcap_body_size() bytes; empty where this kind has
 * none. */
struct span dcap_report_get(enum dcap_body body, struct span report, enum dcap_field field);

/* A field of two bytes, as a number; 0 where this kind has none. */
uint16_t dcap_report_get_u16(enum dcap_body body, struct span report, enum dcap_field field);

/* ERROR_INVALID, with the offset, when a byte that belongs to no field is not zero, and for a
 * report of another size. */
int dcap_report_check_reserved(enum dcap_body body, struct span report, struct error *err);

#endif
