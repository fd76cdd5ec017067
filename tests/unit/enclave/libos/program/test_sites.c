/* SYSCALLs in made code: what is rewritten runs, with the registers of a system call; what could be
 * reached otherwise stays as it was. */
#include "../../../check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../heap.h"
#include "enclave/libos/program/sites.h"

#define CODE_SIZE 0x10000
#define ROOM      0x8000 /* offset of the trampolines */

/* The library OS's part: the number, doubled; every register that SYSCALL loses is lost. */
void entry(void);
__asm__(".globl entry\n"
        "entry:\n"
        "    lea (%rax,%rax), %rax\n"
        "    mov $0x5555, %r11d\n"
        "    jmp *%rcx\n");

static uint8_t *code; /* CODE_SIZE bytes, written and executed */

static int set_up(void **state)
{
    (void)state;
    code = mmap(NULL, CODE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
                -1, 0);
    return code == MAP_FAILED ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    return munmap(code, CODE_SIZE);
}

struct bytes {
    const char *bytes;
    size_t size;
};
#define BYTES(text) ((struct bytes){text, sizeof(text) - 1})

static const struct bytes number_39 = BYTES("\xb8\x27\x00\x00\x00"); /* mov $39, %eax */
static const struct bytes call = BYTES("\x0f\x05");
static const struct bytes compare = BYTES("\x48\x3d\x01\xf0\xff\xff"); /* cmp $-4095, %rax */
static const struct bytes ret = BYTES("\xc3");

/* Parts one after the other, up to one of no bytes; their size. */
static size_t put(size_t at, const struct bytes *parts)
{
    for (; parts->size > 0; parts++) {
        memcpy(code + at, parts->bytes, parts->size);
        at += parts->size;
    }
    return at;
}

static size_t make(const struct bytes *parts)
{
    memset(code, 0x90, CODE_SIZE);
    return put(0, parts);
}

static int rewrite(size_t size)
{
    struct site sites[16];
    int count = sites_find(code, size, sites, 16);
    assert_true(count >= 0 && count <= 16);
    sites_make(code, sites, (size_t)count, code + ROOM, (uintptr_t)entry);
    sites_join(code, sites, (size_t)count, code + ROOM);
    return count;
}

static long run(void)
{
    long (*function)(void);
    void *at = code;
    memcpy(&function, &at, sizeof function);
    return function();
}

static void moves_what_stands_before(void **state)
{
    (void)state;
    assert_int_equal(rewrite(make((struct bytes[]){number_39, call, ret, {0}})), 1);
    assert_int_equal(code[0], 0xE9);
    assert_int_equal(code[5], 0xCC);
    assert_int_equal(code[7], 0xC3);
    assert_int_equal(run(), 78);
}

static void moves_what_stands_behind(void **state)
{
    (void)state;
    const struct bytes negate = BYTES("\x48\xf7\xd8");
    assert_int_equal(rewrite(make((struct bytes[]){number_39, call, negate, ret, {0}})), 1);
    assert_memory_equal(code, "\xb8\x27\x00\x00\x00\xe9", 6);
    assert_int_equal(run(), -78);
    const struct bytes set = BYTES("\x0f\x92\xc0"); /* setb %al, by what CMP says */
    assert_int_equal(rewrite(make((struct bytes[]){number_39, call, compare, set, ret, {0}})), 1);
    assert_int_equal(run() & 0xFF, 1);
}

/* Two bytes before where the call returns to, it begins anew. */
static void can_begin_anew(void **state)
{
    (void)state;
    assert_int_equal(rewrite(make((struct bytes[]){number_39, call, ret, {0}})), 1);
    const uint8_t *trampoline = code + ROOM + SITES_HEAD;
    assert_memory_equal(trampoline, number_39.bytes, 5);
    assert_memory_equal(trampoline + 5, "\x48\x8d\x0d\x08\x00\x00\x00\xff\x25", 9);
    assert_memory_equal(trampoline + 18, "\xeb\xf1\xe9", 3);
}

static void keeps_registers(void **state)
{
    (void)state;
    /* push rbx; mov $7, ebx; the call; lea (rax,rbx), rax; pop rbx */
    const struct bytes begin = BYTES("\x53\xbb\x07\x00\x00\x00");
    const struct bytes end = BYTES("\x48\x8d\x04\x18\x5b\xc3");
    assert_int_equal(rewrite(make((struct bytes[]){begin, number_39, call, end, {0}})), 1);
    assert_int_equal(run(), 85);
}

static void rewrites_each_of_several(void **state)
{
    (void)state;
    const struct bytes move = BYTES("\x48\x89\xc7"); /* mov %rax, %rdi */
    const struct bytes parts[] = {number_39, call,      move, number_39, call,
                                  move,      number_39, call, ret,       {0}};
    assert_int_equal(rewrite(make(parts)), 3);
    assert_int_equal(run(), 78);
}

static void refuses(const struct bytes *parts, const char *why)
{
    static uint8_t before[CODE_SIZE];
    size_t size = make(parts);
    memcpy(before, code, sizeof before);
    if (rewrite(size) != 0)
        fail_msg("rewritten: %s", why);
    memset(before + ROOM, 0, SITES_HEAD);
    memset(code + ROOM, 0, SITES_HEAD);
    assert_memory_equal(code, before, sizeof before);
}

static void leaves_what_is_no_call(void **state)
{
    (void)state;
    const struct bytes other = BYTES("\xb8\x27\x00\x00\x0f\x05\x00\x00\x00");
    const struct bytes inside = BYTES("\x48\xc7\xc0\x0f\x05\x00\x00"); /* mov $0x50f, %rax */
    const struct bytes unknown = BYTES("\x06\x06\x06\x06\x06\x06\x06\x06");
    const struct bytes nops = BYTES("\x90\x90\x90\x90\x90\x90");
    refuses((struct bytes[]){other, nops, ret, {0}}, "a number's bytes");
    refuses((struct bytes[]){nops, inside, nops, ret, {0}}, "an immediate");
    refuses((struct bytes[]){nops, call, nops, ret, {0}}, "nothing sets RAX");
    refuses((struct bytes[]){unknown, call, compare, ret, {0}}, "what is before is no code");
    refuses((struct bytes[]){call, compare, ret, {0}}, "nothing is before");
    refuses((struct bytes[]){ret, {0}}, "nothing");
    assert_int_equal(sites_find(code, 0, NULL, 0), 0);
}

/* Linkers may put constants into a segment of code: 0x50f among larger and smaller ones, each with
 * many others before it. */
static void leaves_tables_of_numbers(void **state)
{
    static const uint64_t numbers[] = {0x48b, 0x48f, 0x50b, 0x50f, 0x60b, 0x60f, 0x70b, 0x70f};
    struct site site;
    (void)state;
    for (uint64_t first = 0x400; first < 0x600; first++) {
        for (size_t width = sizeof(uint32_t); width <= sizeof(uint64_t); width *= 2) {
            size_t end = 0;
            for (size_t i = 0; i < 60; i++, end += width)
                memcpy(code + end, &first, width);
            for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++, end += width)
                memcpy(code + end, &numbers[i], width);
            if (sites_find(code, end, &site, 1) != 0)
                fail_msg("numbers of %zu bytes after 0x%llx are none", width,
                         (unsigned long long)first);
        }
    }
}

static void leaves_the_frame_of_signals(void **state)
{
    (void)state;
    const struct bytes sigreturn = BYTES("\x48\xc7\xc0\x0f\x00\x00\x00");
    const struct bytes other = BYTES("\x48\xc7\xc0\x10\x00\x00\x00");
    refuses((struct bytes[]){sigreturn, call, ret, {0}}, "rt_sigreturn");
    assert_int_equal(rewrite(make((struct bytes[]){other, call, ret, {0}})), 1);
}

static void leaves_what_cannot_move(void **state)
{
    (void)state;
    const struct bytes zero = BYTES("\x31\xc0\x90\xeb\x00"); /* a branch before */
    const struct bytes branch = BYTES("\x72\x02\x90\x90");
    const struct bytes relative = BYTES("\x48\x8b\x05\x00\x00\x00\x00");
    refuses((struct bytes[]){zero, call, branch, ret, {0}}, "a branch");
    refuses((struct bytes[]){zero, call, relative, ret, {0}}, "relative to where it stands");
    refuses((struct bytes[]){zero, call, ret, number_39, {0}}, "another function");
    refuses((struct bytes[]){zero, call, {0}}, "the end");
}

static void leaves_what_something_leads_into(void **state)
{
    (void)state;
    const struct bytes zero = BYTES("\x31\xc0\xeb\x00");
    const struct bytes three = BYTES("\x90\x90\x90");
    const struct bytes skip = BYTES("\x74\x06"); /* over the number and the call's first byte */
    const struct bytes to_call = BYTES("\x74\x05");
    const struct bytes back = BYTES("\x90\x75\xfc");
    const struct bytes far_back = BYTES("\xe9\xf6\xff\xff\xff");
    const struct bytes far_if = BYTES("\x0f\x84\xf4\xff\xff\xff");
    refuses((struct bytes[]){to_call, number_39, call, ret, {0}}, "a branch to the call");
    refuses((struct bytes[]){skip, number_39, call, ret, {0}}, "a branch into it");
    refuses((struct bytes[]){zero, call, three, back, ret, {0}}, "back behind the call");
    refuses((struct bytes[]){zero, call, three, ret, ret, far_back, {0}}, "a jump from afar");
    refuses((struct bytes[]){zero, call, three, ret, ret, far_if, {0}}, "a branch from afar");
    /* To the call itself they may go, where it is what begins. */
    const struct bytes to_begin = BYTES("\xe9\xf4\xff\xff\xff");
    assert_int_equal(rewrite(make((struct bytes[]){zero, call, three, ret, ret, to_begin, {0}})),
                     1);
}

/* From far away to the call itself, and to what is behind it. */
static void sees_branches_from_the_other_end(void **state)
{
    (void)state;
    for (int32_t into = 0; into < 2; into++) {
        const struct bytes negate = BYTES("\x48\xf7\xd8");
        (void)make((struct bytes[]){number_39, call, negate, ret, {0}});
        size_t at = ROOM - 5;
        int32_t distance = 5 + 2 * into - ROOM;
        code[at] = 0xE8;
        memcpy(code + at + 1, &distance, sizeof distance);
        /* Where the bytes behind may not move, those before do. */
        assert_int_equal(rewrite(ROOM), 1);
        assert_int_equal(code[0] == 0xE9, into == 1);
    }
}

/* What can begin a long branch counts wherever it stands, and what cannot does not. */
static void knows_long_branches_at_every_place(void **state)
{
    static const struct {
        uint8_t opcode[2];
        size_t size;
        bool is_branch;
    } cases[] = {
        {{0xE8}, 1, true},        {{0xE9}, 1, true},        {{0x0F, 0x80}, 2, true},
        {{0x0F, 0x8F}, 2, true},  {{0xE7}, 1, false},       {{0xEA}, 1, false},
        {{0x0F, 0x7F}, 2, false}, {{0x0F, 0x90}, 2, false}, {{0x0E, 0x80}, 2, false},
        {{0x0F, 0x0E}, 2, false}, {{0x10, 0x85}, 2, false},
    };
    const struct bytes negate = BYTES("\x48\xf7\xd8");
    const int32_t behind = 7; /* the call */
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (size_t end = ROOM; end > ROOM - 20; end--) { /* the last has nothing behind it */
            (void)make((struct bytes[]){number_39, call, negate, ret, {0}});
            int32_t distance = behind - (int32_t)end;
            size_t at = end - sizeof distance - cases[i].size;
            memcpy(code + at, cases[i].opcode, cases[i].size);
            memcpy(code + end - sizeof distance, &distance, sizeof distance);
            assert_int_equal(rewrite(ROOM), 1);
            /* Where something leads behind the call, what stands before it moves. */
            assert_int_equal(code[0] == 0xE9, cases[i].is_branch);
        }
    }
}

/* What stands before these thirteen bytes needs to be no code, unless something leads into them. */
static void knows_the_usual_call(void **state)
{
    (void)state;
    const struct bytes unknown = BYTES("\x06\x06\x06\x06\x06\x06\x06\x06");
    const struct bytes nop = BYTES("\x90");
    const struct bytes no_number = BYTES("\xb8\x00\x04\x00\x00"); /* mov $1024, %eax */
    const struct bytes other_register = BYTES("\xb9\x27\x00\x00\x00");
    const struct bytes back = BYTES("\xeb\xf6"); /* jmp to the comparison */
    const struct bytes end = BYTES("\x00\x00\x00");
    assert_int_equal(rewrite(make((struct bytes[]){unknown, number_39, call, compare, ret, {0}})),
                     1);
    assert_memory_equal(code + unknown.size, "\xb8\x27\x00\x00\x00\xe9", 6);
    assert_int_equal(rewrite(make((struct bytes[]){number_39, call, compare, ret, {0}})), 1);
    refuses((struct bytes[]){unknown, no_number, call, compare, ret, {0}}, "no call's number");
    refuses((struct bytes[]){unknown, other_register, call, compare, ret, {0}}, "not to RAX");
    refuses((struct bytes[]){unknown, number_39, nop, call, compare, ret, {0}}, "a byte between");
    refuses((struct bytes[]){unknown, number_39, call, nop, compare, ret, {0}}, "a byte behind");
    refuses((struct bytes[]){end, call, compare, ret, {0}}, "the number is not there");
    refuses((struct bytes[]){unknown, number_39, call, compare, ret, ret, back, {0}},
            "something may lead behind it");
}

/* From as far as a branch of one byte's distance can be, into the last of the bytes that move. */
static void sees_short_branches_from_afar(void **state)
{
    const struct bytes two = BYTES("\x66\x90");
    const struct bytes fifteen = BYTES("\x66\x66\x66\x66\x66\x66\x66\x0f\x1f\x84\0\0\0\0\0");
    const size_t at = 5 + 143; /* leads 17 bytes behind the call */
    (void)state;
    for (int has_branch = 0; has_branch < 2; has_branch++) {
        (void)make((struct bytes[]){number_39, call, two, fifteen, ret, {0}});
        if (has_branch)
            memcpy(code + at, "\xeb\x80", 2);
        assert_int_equal(rewrite(at + 2), 1);
        assert_int_equal(code[has_branch ? 0 : 5], 0xE9); /* then what stands before it moves */
    }
}

static void finds_more_than_a_few(void **state)
{
    (void)state;
    struct site sites[200];
    size_t end = 0;
    memset(code, 0x90, CODE_SIZE);
    for (int i = 0; i < 150; i++)
        end = put(end, (struct bytes[]){number_39, call, compare, {0}});
    assert_int_equal(sites_find(code, end, sites, 200), 150);
    assert_int_equal(sites_find(code, end, sites, 100), 100);
    assert_int_equal(sites[149].end, end);
    for (size_t left = 0; left < 3; left++) {
        heap_left = left;
        assert_int_equal(sites_find(code, end, sites, 200), -ENOMEM);
    }
    heap_left = SIZE_MAX;
}

static void says_when_there_is_no_memory(void **state)
{
    (void)state;
    struct site site;
    size_t size = make((struct bytes[]){number_39, call, ret, {0}});
    heap_left = 1;
    assert_int_equal(sites_find(code, size, &site, 1), -ENOMEM);
    heap_left = SIZE_MAX;
    assert_int_equal(sites_find(code, size, &site, 1), 1);
}

static void stays_within_its_bounds(void **state)
{
    (void)state;
    struct site sites[2];
    const struct bytes parts[] = {number_39, call, number_39, call, number_39, call, ret, {0}};
    size_t size = make(parts);
    assert_int_equal(sites_find(code, size, sites, 2), 2);
    for (size_t cut = 0; cut < size; cut++) {
        uint8_t *exact = malloc(cut ? cut : 1); /* for the sanitizer */
        assert_non_null(exact);
        memcpy(exact, code, cut);
        int count = sites_find(exact, cut, sites, 2);
        for (int i = 0; i < count; i++)
            assert_true(sites[i].end <= cut);
        free(exact);
    }
}

/* One of these numbers is wrong: none of them counts. */
static void refuses_sites_that_do_not_fit(void **state)
{
    (void)state;
    const struct bytes parts[] = {number_39, call, compare, number_39, call, compare, ret, {0}};
    const size_t size = make(parts);
    struct site good[2];
    assert_int_equal(sites_find(code, size, good, 2), 2);
    assert_true(sites_fit(code, size, good, 2));
    assert_true(sites_fit(code, size, NULL, 0));
    const struct site wrong[] = {
        {good[0].begin, good[0].call + 1, good[0].end},  /* no SYSCALL */
        {good[0].call + 1, good[0].call, good[0].end},   /* which begins behind it */
        {good[0].begin, good[0].call, good[0].call + 1}, /* or ends in it */
        {good[0].call, good[0].call, good[0].call + 4},  /* too short for a jump */
        {good[0].begin, good[0].call, good[1].begin + 1},
        {good[1].begin, good[1].call, good[1].end}, /* not ascending */
        {UINT32_MAX, good[0].call, good[0].end},
        {good[0].begin, UINT32_MAX, good[0].end},
        {good[0].begin, good[0].call, UINT32_MAX},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const struct site both[] = {wrong[i], good[1]};
        assert_false(sites_fit(code, size, both, 2));
    }
    for (size_t cut = 0; cut < good[1].end; cut++)
        assert_false(sites_fit(code, cut, good, 2));
}

static void refuses_sites_that_a_trampoline_has_no_room_for(void **state)
{
    (void)state;
    const struct site longest = {0, 0, 22};
    const struct site longer = {0, 0, 23};
    memset(code, 0x90, 64);
    memcpy(code, call.bytes, call.size);
    assert_true(sites_fit(code, 64, &longest, 1));
    assert_false(sites_fit(code, 64, &longer, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(moves_what_stands_before, set_up, tear_down),
        cmocka_unit_test_setup_teardown(moves_what_stands_behind, set_up, tear_down),
        cmocka_unit_test_setup_teardown(can_begin_anew, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keeps_registers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rewrites_each_of_several, set_up, tear_down),
        cmocka_unit_test_setup_teardown(leaves_what_is_no_call, set_up, tear_down),
        cmocka_unit_test_setup_teardown(leaves_tables_of_numbers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(leaves_the_frame_of_signals, set_up, tear_down),
        cmocka_unit_test_setup_teardown(leaves_what_cannot_move, set_up, tear_down),
        cmocka_unit_test_setup_teardown(leaves_what_something_leads_into, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sees_branches_from_the_other_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(knows_long_branches_at_every_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(knows_the_usual_call, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sees_short_branches_from_afar, set_up, tear_down),
        cmocka_unit_test_setup_teardown(finds_more_than_a_few, set_up, tear_down),
        cmocka_unit_test_setup_teardown(says_when_there_is_no_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stays_within_its_bounds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_sites_that_do_not_fit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_sites_that_a_trampoline_has_no_room_for, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
