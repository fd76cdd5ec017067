#include "evidence/pck.h"

#include "format/der.h"

/* 1.2.840.113741.1.13.1, the content octets; every part's name is this and one or two arcs more. */
static const uint8_t prefix[] = {0x2A, 0x86, 0x48, 0x86, 0xF8, 0x4D, 0x01, 0x0D, 0x01};

enum part { PPID = 1, TCB, PCEID, FMSPC, TYPE, INSTANCE, CONFIGURATION, PART_COUNT };
#define PARTS_REQUIRED (1U << PPID | 1U << TCB | 1U << PCEID | 1U << FMSPC | 1U << TYPE)

/* Below TCB: .1 to .16 are the components. */
#define TCB_PCESVN   17
#define TCB_CPUSVN   18
#define TCB_REQUIRED (((UINT32_C(1) << (TCB_CPUSVN + 1)) - 1) & ~UINT32_C(1))

enum configuration { DYNAMIC_PLATFORM = 1, CACHED_KEYS, SMT, CONFIGURATION_COUNT };

static int refuse(struct error *err, const char *what)
{
    return error_set(err, ERROR_INVALID, "the SGX extension of the PCK certificate: %s", what);
}

/* SEQUENCE { OID, value }: the last arc of an OID of the prefix, one more where `parent` is given;
 * the cursor `value` stands before the value. */
static bool read_entry(struct cursor *list, unsigned parent, unsigned *arc, struct cursor *value)
{
    struct span entry;
    struct span oid;
    size_t size = sizeof prefix + (parent ? 2 : 1);
    if (!der_read(list, DER_SEQUENCE, &entry))
        return false;
    *value = cursor_of(entry);
    if (!der_read(value, DER_OID, &oid) || oid.size != size ||
        memcmp(oid.data, prefix, sizeof prefix) != 0 ||
        (parent && oid.data[sizeof prefix] != parent))
        return false;
    *arc = oid.data[size - 1];
    return true;
}

/* Notes that a part was seen; false when it is unknown or was seen before. */
static bool note(uint32_t *seen, unsigned arc, unsigned count)
{
    if (arc == 0 || arc >= count || (*seen & UINT32_C(1) << arc))
        return false;
    *seen |= UINT32_C(1) << arc;
    return true;
}

static bool read_tcb_value(struct cursor *value, unsigned arc, struct pck *pck)
{
    uint64_t number = 0;
    if (arc == TCB_CPUSVN)
        return der_copy_octets(value, pck->cpusvn, sizeof pck->cpusvn);
    if (!der_read_uint(value, DER_INTEGER, arc == TCB_PCESVN ? UINT16_MAX : UINT8_MAX, &number))
        return false;
    if (arc == TCB_PCESVN)
        pck->pcesvn = (uint16_t)number;
    else
        pck->components[arc - 1] = (uint8_t)number;
    return true;
}

static bool read_tcb(struct cursor *outer, struct pck *pck)
{
    struct span list;
    uint32_t seen = 0;
    if (!der_read(outer, DER_SEQUENCE, &list))
        return false;
    struct cursor cursor = cursor_of(list);
    while (cursor.rest.size > 0) {
        unsigned arc;
        struct cursor value;
        if (!read_entry(&cursor, TCB, &arc, &value) || !note(&seen, arc, TCB_CPUSVN + 1) ||
            !read_tcb_value(&value, arc, pck) || !cursor_at_end(&value))
            return false;
    }
    return seen == TCB_REQUIRED;
}

static bool read_configuration(struct cursor *outer, struct pck *pck)
{
    struct span list;
    uint32_t seen = 0;
    enum pck_answer *const answers[CONFIGURATION_COUNT] = {
        [DYNAMIC_PLATFORM] = &pck->dynamic_platform,
        [CACHED_KEYS] = &pck->cached_keys,
        [SMT] = &pck->smt,
    };
    if (!der_read(outer, DER_SEQUENCE, &list))
        return false;
    struct cursor cursor = cursor_of(list);
    while (cursor.rest.size > 0) {
        unsigned arc;
        bool yes;
        struct cursor value;
        if (!read_entry(&cursor, CONFIGURATION, &arc, &value) ||
            !note(&seen, arc, CONFIGURATION_COUNT) || !der_read_bool(&value, &yes) ||
            !cursor_at_end(&value))
            return false;
        *answers[arc] = yes ? PCK_YES : PCK_NO;
    }
    return true;
}

static bool read_type(struct cursor *value, struct pck *pck)
{
    uint64_t number;
    if (!der_read_uint(value, DER_ENUMERATED, PCK_SCALABLE_WITH_INTEGRITY, &number))
        return false;
    pck->type = (enum pck_type)number;
    return true;
}

static bool read_part(struct cursor *value, unsigned arc, struct pck *pck)
{
    switch (arc) {
    case PPID:
        return der_copy_octets(value, pck->ppid, sizeof pck->ppid);
    case TCB:
        return read_tcb(value, pck);
    case PCEID:
        return der_copy_octets(value, pck->pceid, sizeof pck->pceid);
    case FMSPC:
        return der_copy_octets(value, pck->fmspc, sizeof pck->fmspc);
    case TYPE:
        return read_type(value, pck);
    case INSTANCE:
        pck->has_instance = true;
        return der_copy_octets(value, pck->instance, sizeof pck->instance);
    default:
        return read_configuration(value, pck);
    }
}

int pck_parse(struct span extension, struct pck *pck, struct error *err)
{
    static const char *const names[PART_COUNT] = {
        [PPID] = "the PPID (.1) is not 16 bytes",
        [TCB] = "the TCB (.2) is not 16 components, PCESVN and CPUSVN, each once",
        [PCEID] = "the PCE-ID (.3) is not 2 bytes",
        [FMSPC] = "the FMSPC (.4) is not 6 bytes",
        [TYPE] = "the SGX type (.5) is not 0, 1 or 2",
        [INSTANCE] = "the platform instance (.6) is not 16 bytes",
        [CONFIGURATION] = "the configuration (.7) is not made of known booleans",
    };
    struct span list;
    uint32_t seen = 0;
    struct cursor cursor = cursor_of(extension);
    memset(pck, 0, sizeof *pck);
    if (!der_read(&cursor, DER_SEQUENCE, &list) || !cursor_at_end(&cursor))
        return refuse(err, "it is no SEQUENCE");
    cursor = cursor_of(list);
    while (cursor.rest.size > 0) {
        unsigned arc;
        struct cursor value;
        if (!read_entry(&cursor, 0, &arc, &value) || !note(&seen, arc, PART_COUNT))
            return refuse(err, "a part is unknown, or there twice");
        if (!read_part(&value, arc, pck) || !cursor_at_end(&value))
            return refuse(err, names[arc]);
    }
    if ((seen & PARTS_REQUIRED) != PARTS_REQUIRED)
        return refuse(err, "one of PPID, TCB, PCE-ID, FMSPC and SGX type is missing");
    return 0;
}
