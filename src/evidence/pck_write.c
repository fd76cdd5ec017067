#include "evidence/pck_write.h"

#include "format/der.h"

#define EXTENSION_MAX 1024
#define ANSWER_COUNT  3

#define OID_BYTES 0x2A, 0x86, 0x48, 0x86, 0xF8, 0x4D, 0x01, 0x0D, 0x01 /* PCK_EXTENSION_OID */

/* SEQUENCE { OID, what `value` already is }; `child` 0 for a part of the first step. */
static int put_entry(struct buf *out, uint8_t part, uint8_t child, const struct buf *value,
                     struct error *err)
{
    const uint8_t oid[] = {OID_BYTES, part, child};
    BUF_AUTO entry = BUF_WITH_LIMIT(EXTENSION_MAX);
    if (der_write(DER_OID, span_of(oid, sizeof oid - (child == 0)), &entry, err) < 0 ||
        buf_append(&entry, buf_span(value), err) < 0)
        return -1;
    return der_write(DER_SEQUENCE, buf_span(&entry), out, err);
}

static int put_bytes(struct buf *out, uint8_t part, uint8_t child, uint8_t tag, struct span bytes,
                     struct error *err)
{
    BUF_AUTO value = BUF_WITH_LIMIT(EXTENSION_MAX);
    return der_write(tag, bytes, &value, err) < 0 ? -1 : put_entry(out, part, child, &value, err);
}

/* In the shortest form that is not negative. */
static int put_number(struct buf *out, uint8_t part, uint8_t child, uint8_t tag, unsigned number,
                      struct error *err)
{
    const uint8_t bytes[3] = {0, (uint8_t)(number >> 8), (uint8_t)(number & 0xFF)};
    size_t from = number < 0x80 ? 2 : number < 0x8000 ? 1 : 0;
    return put_bytes(out, part, child, tag, span_of(bytes + from, sizeof bytes - from), err);
}

/* .2: the components (.1 to .16), PCESVN, CPUSVN. */
static int put_tcb(const struct pck *pck, struct buf *out, struct error *err)
{
    BUF_AUTO list = BUF_WITH_LIMIT(EXTENSION_MAX);
    for (uint8_t i = 0; i < TCB_COMPONENT_COUNT; i++) {
        if (put_number(&list, 2, (uint8_t)(i + 1), DER_INTEGER, pck->components[i], err) < 0)
            return -1;
    }
    if (put_number(&list, 2, 17, DER_INTEGER, pck->pcesvn, err) < 0 ||
        put_bytes(&list, 2, 18, DER_OCTET_STRING, span_of(pck->cpusvn, sizeof pck->cpusvn), err) <
            0)
        return -1;
    return put_bytes(out, 2, 0, DER_SEQUENCE, buf_span(&list), err);
}

static int put_configuration(const struct pck *pck, struct buf *out, struct error *err)
{
    const enum pck_answer answers[ANSWER_COUNT] = {pck->dynamic_platform, pck->cached_keys,
                                                   pck->smt};
    BUF_AUTO list = BUF_WITH_LIMIT(EXTENSION_MAX);
    for (uint8_t i = 0; i < ANSWER_COUNT; i++) {
        const uint8_t yes = answers[i] == PCK_YES ? 0xFF : 0;
        if (put_bytes(&list, 7, (uint8_t)(i + 1), DER_BOOLEAN, span_of(&yes, 1), err) < 0)
            return -1;
    }
    return put_bytes(out, 7, 0, DER_SEQUENCE, buf_span(&list), err);
}

int pck_write(const struct pck *pck, struct buf *der, struct error *err)
{
    BUF_AUTO list = BUF_WITH_LIMIT(EXTENSION_MAX);
    if (put_bytes(&list, 1, 0, DER_OCTET_STRING, span_of(pck->ppid, sizeof pck->ppid), err) < 0 ||
        put_tcb(pck, &list, err) < 0 ||
        put_bytes(&list, 3, 0, DER_OCTET_STRING, span_of(pck->pceid, sizeof pck->pceid), err) < 0 ||
        put_bytes(&list, 4, 0, DER_OCTET_STRING, span_of(pck->fmspc, sizeof pck->fmspc), err) < 0 ||
        put_number(&list, 5, 0, DER_ENUMERATED, pck->type, err) < 0)
        return -1;
    if (pck->has_instance && put_bytes(&list, 6, 0, DER_OCTET_STRING,
                                       span_of(pck->instance, sizeof pck->instance), err) < 0)
        return -1;
    if (pck->smt != PCK_UNSAID && put_configuration(pck, &list, err) < 0)
        return -1;
    return der_write(DER_SEQUENCE, buf_span(&list), der, err);
}
