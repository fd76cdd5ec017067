#include "../check.h"

#include <stdlib.h>

#include "evidence/pck_write.h"
#include "format/der.h"

static struct error err;

#define ENTRY_COUNT_MAX 24

struct der {
    uint8_t bytes[1024];
    size_t size;
};

/* The entries of one SEQUENCE. */
struct list {
    struct der entries[ENTRY_COUNT_MAX];
    size_t count;
};

/* What the extension is made of; entry i of `top` has the arc i + 1, and so for the others. */
struct extension {
    struct list top;
    struct list tcb;
    struct list configuration;
};

static struct der element(uint8_t tag, const void *content, size_t size)
{
    struct der der = {.size = 0};
    der.bytes[der.size++] = tag;
    if (size > 0xFF) {
        der.bytes[der.size++] = 0x82;
        der.bytes[der.size++] = (uint8_t)(size >> 8);
    } else if (size > 0x7F) {
        der.bytes[der.size++] = 0x81;
    }
    der.bytes[der.size++] = (uint8_t)size;
    assert_true(size <= sizeof der.bytes - der.size);
    memcpy(der.bytes + der.size, content, size);
    der.size += size;
    return der;
}

static struct der join(struct der a, const struct der *b)
{
    assert_true(b->size <= sizeof a.bytes - a.size);
    memcpy(a.bytes + a.size, b->bytes, b->size);
    a.size += b->size;
    return a;
}

static struct der sequence(const struct list *list)
{
    struct der all = {.size = 0};
    for (size_t i = 0; i < list->count; i++)
        all = join(all, &list->entries[i]);
    return element(DER_SEQUENCE, all.bytes, all.size);
}

/* SEQUENCE { 1.2.840.113741.1.13.1[.parent].arc, value } */
static struct der entry(uint8_t parent, uint8_t arc, struct der value)
{
    uint8_t oid[11] = {0x2A, 0x86, 0x48, 0x86, 0xF8, 0x4D, 0x01, 0x0D, 0x01};
    size_t size = 9;
    if (parent)
        oid[size++] = parent;
    oid[size++] = arc;
    struct der pair = element(DER_OID, oid, size);
    pair = join(pair, &value);
    return element(DER_SEQUENCE, pair.bytes, pair.size);
}

static struct der octets(uint8_t value, size_t size)
{
    uint8_t bytes[32];
    assert_true(size <= sizeof bytes);
    memset(bytes, value, size);
    return element(DER_OCTET_STRING, bytes, size);
}

static struct der byte(uint8_t tag, uint8_t value)
{
    return element(tag, &value, 1);
}

static void make(struct extension *made)
{
    memset(made, 0, sizeof *made);
    for (uint8_t arc = 1; arc <= 16; arc++)
        made->tcb.entries[arc - 1] = entry(2, arc, byte(DER_INTEGER, arc + 1));
    made->tcb.entries[16] = entry(2, 17, element(DER_INTEGER, "\x01\x02", 2));
    made->tcb.entries[17] = entry(2, 18, octets(0xC5, 16));
    made->tcb.count = 18;
    made->configuration.entries[0] = entry(7, 1, byte(DER_BOOLEAN, 0xFF));
    made->configuration.entries[1] = entry(7, 2, byte(DER_BOOLEAN, 0x00));
    made->configuration.entries[2] = entry(7, 3, byte(DER_BOOLEAN, 0xFF));
    made->configuration.count = 3;
    made->top.entries[0] = entry(0, 1, octets(0xA1, 16));
    made->top.entries[2] = entry(0, 3, octets(0xA3, 2));
    made->top.entries[3] = entry(0, 4, octets(0xA4, 6));
    made->top.entries[4] = entry(0, 5, byte(DER_ENUMERATED, PCK_SCALABLE));
    made->top.entries[5] = entry(0, 6, octets(0xA6, 16));
    made->top.count = 7;
}

/* Puts the two inner lists in their places. */
static void finish(struct extension *made)
{
    made->top.entries[1] = entry(0, 2, sequence(&made->tcb));
    made->top.entries[6] = entry(0, 7, sequence(&made->configuration));
}

static void make_finished(struct extension *made)
{
    make(made);
    finish(made);
}

static void drop(struct list *list, size_t at)
{
    list->count--;
    for (size_t i = at; i < list->count; i++)
        list->entries[i] = list->entries[i + 1];
}

static void add(struct list *list, struct der added)
{
    assert_true(list->count < ENTRY_COUNT_MAX);
    list->entries[list->count++] = added;
}

static int parse(const struct list *top, struct pck *pck)
{
    struct der all = sequence(top);
    return pck_parse(span_of(all.bytes, all.size), pck, &err);
}

static void refuse(const struct list *top, const char *words)
{
    struct pck pck;
    check_refused(parse(top, &pck), &err, words);
    assert_int_equal(err.code, ERROR_INVALID);
}

static bool all_are(const uint8_t *bytes, size_t size, uint8_t value)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != value)
            return false;
    }
    return true;
}

static void reads_what_a_platform_ca_says(void **state)
{
    (void)state;
    struct extension made;
    struct pck pck;
    make_finished(&made);
    check_ok(parse(&made.top, &pck), &err);
    for (unsigned i = 0; i < TCB_COMPONENT_COUNT; i++)
        assert_int_equal(pck.components[i], i + 2);
    assert_int_equal(pck.pcesvn, 0x0102);
    assert_true(all_are(pck.ppid, sizeof pck.ppid, 0xA1));
    assert_true(all_are(pck.cpusvn, sizeof pck.cpusvn, 0xC5));
    assert_true(all_are(pck.pceid, sizeof pck.pceid, 0xA3));
    assert_true(all_are(pck.fmspc, sizeof pck.fmspc, 0xA4));
    assert_int_equal(pck.type, PCK_SCALABLE);
    assert_true(pck.has_instance);
    assert_true(all_are(pck.instance, sizeof pck.instance, 0xA6));
    assert_int_equal(pck.dynamic_platform, PCK_YES);
    assert_int_equal(pck.cached_keys, PCK_NO);
    assert_int_equal(pck.smt, PCK_YES);
}

static void reads_what_a_processor_ca_says(void **state)
{
    (void)state;
    struct extension made;
    struct pck pck;
    make_finished(&made);
    made.top.count = 5;
    made.top.entries[4] = entry(0, 5, byte(DER_ENUMERATED, PCK_STANDARD));
    check_ok(parse(&made.top, &pck), &err);
    assert_int_equal(pck.type, PCK_STANDARD);
    assert_false(pck.has_instance);
    assert_int_equal(pck.dynamic_platform, PCK_UNSAID);
    assert_int_equal(pck.cached_keys, PCK_UNSAID);
    assert_int_equal(pck.smt, PCK_UNSAID);
}

static void reads_parts_in_any_order(void **state)
{
    (void)state;
    struct extension made;
    struct pck pck;
    make_finished(&made);
    struct der first = made.top.entries[0];
    drop(&made.top, 0);
    add(&made.top, first);
    check_ok(parse(&made.top, &pck), &err);
    assert_int_equal(pck.ppid[0], 0xA1);
}

static void reads_the_largest_numbers(void **state)
{
    (void)state;
    struct extension made;
    struct pck pck;
    make(&made);
    made.tcb.entries[4] = entry(2, 5, element(DER_INTEGER, "\x00\xFF", 2));
    made.tcb.entries[16] = entry(2, 17, element(DER_INTEGER, "\x00\xFF\xFF", 3));
    finish(&made);
    check_ok(parse(&made.top, &pck), &err);
    assert_int_equal(pck.components[4], 0xFF);
    assert_int_equal(pck.pcesvn, 0xFFFF);
}

static void refuses_a_missing_part(void **state)
{
    (void)state;
    struct extension made;
    for (size_t i = 0; i < 5; i++) {
        make_finished(&made);
        drop(&made.top, i);
        refuse(&made.top, "is missing");
    }
    for (size_t i = 0; i < 18; i++) {
        make(&made);
        drop(&made.tcb, i);
        finish(&made);
        refuse(&made.top, "the TCB (.2)");
    }
    refuse(&(struct list){.count = 0}, "is missing");
}

/* What a Platform CA adds may be absent, each alone. */
static void does_without_what_may_be_absent(void **state)
{
    (void)state;
    struct extension made;
    struct pck pck;
    for (size_t i = 0; i < 3; i++) {
        make(&made);
        drop(&made.configuration, i);
        finish(&made);
        check_ok(parse(&made.top, &pck), &err);
        const enum pck_answer got[] = {pck.dynamic_platform, pck.cached_keys, pck.smt};
        for (size_t k = 0; k < 3; k++)
            assert_int_equal(got[k] == PCK_UNSAID, k == i);
    }
    make_finished(&made);
    drop(&made.top, 5);
    check_ok(parse(&made.top, &pck), &err);
    assert_false(pck.has_instance);
}

static void refuses_a_part_that_is_there_twice(void **state)
{
    (void)state;
    static struct extension made;
    for (size_t i = 0; i < 7; i++) {
        make_finished(&made);
        add(&made.top, made.top.entries[i]);
        refuse(&made.top, "unknown, or there twice");
    }
    for (size_t i = 0; i < 18; i++) {
        make(&made);
        add(&made.tcb, made.tcb.entries[i]);
        finish(&made);
        refuse(&made.top, "the TCB (.2)");
    }
    for (size_t i = 0; i < 3; i++) {
        make(&made);
        add(&made.configuration, made.configuration.entries[i]);
        finish(&made);
        refuse(&made.top, "the configuration (.7)");
    }
}

static void refuses_an_unknown_part(void **state)
{
    (void)state;
    static const uint8_t arcs[] = {0, 19, 32, 33, 34, 127, 128, 255};
    struct extension made;
    for (size_t i = 0; i < sizeof arcs; i++) {
        make_finished(&made);
        add(&made.top, entry(0, arcs[i], octets(0, 16)));
        refuse(&made.top, "unknown, or there twice");
        make(&made);
        add(&made.tcb, entry(2, arcs[i], byte(DER_INTEGER, 1)));
        finish(&made);
        refuse(&made.top, "the TCB (.2)");
        make(&made);
        add(&made.configuration, entry(7, arcs[i], byte(DER_BOOLEAN, 0)));
        finish(&made);
        refuse(&made.top, "the configuration (.7)");
    }
    make_finished(&made);
    add(&made.top, entry(0, 8, octets(0, 16)));
    refuse(&made.top, "unknown, or there twice");
}

static void refuses_a_name_of_another_place(void **state)
{
    (void)state;
    struct extension made;
    make(&made);
    made.tcb.entries[2] = entry(7, 3, byte(DER_INTEGER, 1));
    finish(&made);
    refuse(&made.top, "the TCB (.2)");
    make(&made);
    made.configuration.entries[2] = entry(2, 3, byte(DER_BOOLEAN, 0));
    finish(&made);
    refuse(&made.top, "the configuration (.7)");
    make(&made);
    made.tcb.entries[2] = entry(0, 3, byte(DER_INTEGER, 1));
    finish(&made);
    refuse(&made.top, "the TCB (.2)");
    make_finished(&made);
    made.top.entries[2] = entry(2, 3, octets(0, 2));
    refuse(&made.top, "unknown, or there twice");
    make_finished(&made);
    made.top.entries[2].bytes[5] ^= 1; /* within the prefix */
    refuse(&made.top, "unknown, or there twice");
}

static void refuses_parts_of_another_form(void **state)
{
    (void)state;
    const struct {
        uint8_t arc;
        struct der value;
        const char *words;
    } refused[] = {
        {1, octets(0, 15), "the PPID (.1)"},
        {1, octets(0, 17), "the PPID (.1)"},
        {1, byte(DER_INTEGER, 1), "the PPID (.1)"},
        {2, octets(0, 16), "the TCB (.2)"},
        {2, element(DER_SEQUENCE, "", 0), "the TCB (.2)"},
        {3, octets(0, 1), "the PCE-ID (.3)"},
        {3, octets(0, 3), "the PCE-ID (.3)"},
        {4, octets(0, 5), "the FMSPC (.4)"},
        {4, octets(0, 7), "the FMSPC (.4)"},
        {4, octets(0, 0), "the FMSPC (.4)"},
        {5, byte(DER_ENUMERATED, 3), "the SGX type (.5)"},
        {5, byte(DER_ENUMERATED, 0xFF), "the SGX type (.5)"},
        {5, byte(DER_INTEGER, 1), "the SGX type (.5)"},
        {5, element(DER_ENUMERATED, "", 0), "the SGX type (.5)"},
        {6, octets(0, 15), "the platform instance (.6)"},
        {6, octets(0, 17), "the platform instance (.6)"},
        {7, byte(DER_BOOLEAN, 0xFF), "the configuration (.7)"},
    };
    static struct extension made;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        make_finished(&made);
        made.top.entries[refused[i].arc - 1] = entry(0, refused[i].arc, refused[i].value);
        refuse(&made.top, refused[i].words);
    }
}

static void refuses_numbers_of_another_form(void **state)
{
    (void)state;
    const struct {
        uint8_t arc;
        struct der value;
    } refused[] = {
        {1, element(DER_INTEGER, "\x01\x00", 2)},      /* 256 */
        {16, element(DER_INTEGER, "\x01\x00", 2)},     /* 256 */
        {1, byte(DER_INTEGER, 0xFF)},                  /* -1 */
        {1, element(DER_INTEGER, "\x00\x01", 2)},      /* not the shortest */
        {1, byte(DER_ENUMERATED, 1)},                  /* another tag */
        {17, element(DER_INTEGER, "\x01\x00\x00", 3)}, /* 65536 */
        {17, octets(0, 2)},
        {18, octets(0, 15)},
        {18, octets(0, 17)},
        {18, byte(DER_INTEGER, 1)},
    };
    static struct extension made;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        make(&made);
        made.tcb.entries[refused[i].arc - 1] = entry(2, refused[i].arc, refused[i].value);
        finish(&made);
        refuse(&made.top, "the TCB (.2)");
    }
    make(&made);
    made.configuration.entries[1] = entry(7, 2, byte(DER_BOOLEAN, 0x01));
    finish(&made);
    refuse(&made.top, "the configuration (.7)");
}

/* One element more in an entry. */
static void refuses_bytes_after_a_value(void **state)
{
    (void)state;
    static struct extension made;
    struct der null = {.bytes = {0x05, 0x00}, .size = 2};
    for (uint8_t arc = 1; arc <= 7; arc++) {
        make_finished(&made);
        const struct der *old = &made.top.entries[arc - 1];
        size_t head = old->bytes[1] == 0x82 ? 4 : old->bytes[1] == 0x81 ? 3 : 2;
        head += 2 + 10; /* the OID */
        struct der value = {.size = old->size - head};
        memcpy(value.bytes, old->bytes + head, value.size);
        made.top.entries[arc - 1] = entry(0, arc, value);
        struct pck pck;
        check_ok(parse(&made.top, &pck), &err);
        made.top.entries[arc - 1] = entry(0, arc, join(value, &null));
        refuse(&made.top, "the SGX extension");
    }
    make(&made);
    made.tcb.entries[0] = entry(2, 1, join(byte(DER_INTEGER, 1), &null));
    finish(&made);
    refuse(&made.top, "the TCB (.2)");
    make(&made);
    made.configuration.entries[0] = entry(7, 1, join(byte(DER_BOOLEAN, 0), &null));
    finish(&made);
    refuse(&made.top, "the configuration (.7)");
}

static void refuses_every_truncation_and_what_follows(void **state)
{
    (void)state;
    static struct extension made;
    struct pck pck;
    make_finished(&made);
    struct der all = sequence(&made.top);
    for (size_t size = 0; size <= all.size + 1; size++) {
        if (size == all.size)
            continue;
        uint8_t *exact = calloc(1, size + 1); /* so that a sanitizer sees what reads beyond */
        assert_non_null(exact);
        memcpy(exact + 1, all.bytes, size);
        check_error(pck_parse(span_of(exact + 1, size), &pck, &err), &err, ERROR_INVALID);
        free(exact);
    }
}

/* What is read is written as the same bytes again. */
static void writes_what_it_reads(void **state)
{
    (void)state;
    struct extension made;
    struct pck pck;
    for (int i = 0; i < 3; i++) {
        BUF_AUTO written = BUF_WITH_LIMIT(1024);
        make_finished(&made);
        made.top.count -= (size_t)i; /* without the configuration, without the instance too */
        struct der all = sequence(&made.top);
        check_ok(pck_parse(span_of(all.bytes, all.size), &pck, &err), &err);
        check_ok(pck_write(&pck, &written, &err), &err);
        assert_true(span_equal(buf_span(&written), span_of(all.bytes, all.size)));
        BUF_AUTO brief = BUF_WITH_LIMIT(all.size - 1);
        check_error(pck_write(&pck, &brief, &err), &err, ERROR_LIMIT);
        assert_int_equal(brief.size, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_a_platform_ca_says),
        cmocka_unit_test(reads_what_a_processor_ca_says),
        cmocka_unit_test(reads_parts_in_any_order),
        cmocka_unit_test(reads_the_largest_numbers),
        cmocka_unit_test(refuses_a_missing_part),
        cmocka_unit_test(does_without_what_may_be_absent),
        cmocka_unit_test(refuses_a_part_that_is_there_twice),
        cmocka_unit_test(refuses_an_unknown_part),
        cmocka_unit_test(refuses_a_name_of_another_place),
        cmocka_unit_test(refuses_parts_of_another_form),
        cmocka_unit_test(refuses_numbers_of_another_form),
        cmocka_unit_test(refuses_bytes_after_a_value),
        cmocka_unit_test(refuses_every_truncation_and_what_follows),
        cmocka_unit_test(writes_what_it_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
