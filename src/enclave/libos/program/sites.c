#include "enclave/libos/program/sites.h"

#include <asm/errno.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/program/x86.h"

#define JUMP_SIZE    5
#define SYSCALL_SIZE 2
#define CALL_SIZE    15 /* LEA, the jump, and the jump back to LEA */
#define INT3         0xCC
#define NUMBER_MAX   1024
#define SIGRETURN    15  /* unwinders know a signal's frame by these bytes */
#define BACK         12  /* instructions before a SYSCALL that are looked at */
#define MOVED_MAX    3   /* of which so many may move */
#define STARTS       16  /* places from which it is read up to a SYSCALL */
#define BEFORE       192 /* bytes to the first of them */
#define SHORT_BRANCH 144 /* bytes: a branch of one byte's distance, and an instruction */
#define WINDOW       32  /* bytes on both sides, of which targets are kept */
#define COARSE       64  /* bytes a bit */

#define ONES UINT64_C(0x0101010101010101)

/* A SYSCALL that looks like one. */
struct candidate {
    size_t call;
    uint64_t targets;    /* a bit a byte from call - WINDOW on: a branch leads there */
    size_t before[BACK]; /* where the last instructions begin, the latest first; SIZE_MAX: none */
};

struct text {
    const uint8_t *code;
    size_t size;
    uint8_t *coarse; /* a bit for COARSE bytes: a window reaches there */
    struct candidate *candidates;
    size_t count;
};

static bool is_syscall(const uint8_t *at)
{
    return at[0] == 0x0F && at[1] == 0x05;
}

/* The highest bit of each byte that is 0, and now and then of one above such. */
static uint64_t zero_bytes(uint64_t word)
{
    return (word - ONES) & ~word & 128 * ONES;
}

/* --- whether it is one ------------------------------------------------------------------------ */

/* MOV of a small number to EAX or RAX, of another register or of memory; XOR of EAX with itself. */
static bool sets_rax(const uint8_t *at, size_t size)
{
    uint32_t number = NUMBER_MAX;
    if (at[0] == 0xB8 && size == 5)
        __builtin_memcpy(&number, at + 1, sizeof number);
    if (at[0] == 0x48 && at[1] == 0xC7 && size == 7 && at[2] == 0xC0)
        __builtin_memcpy(&number, at + 3, sizeof number);
    if (number < NUMBER_MAX)
        return true;
    size_t rex = (at[0] & 0xF0) == 0x40 ? 1 : 0;
    if (size < rex + 2)
        return false;
    uint8_t opcode = at[rex];
    uint8_t modrm = at[rex + 1];
    bool to_rax = (opcode == 0x8B && (modrm & 0x38) == 0) ||  /* MOV r, r/m */
                  (opcode == 0x89 && (modrm & 0xC7) == 0xC0); /* MOV r/m, r */
    return to_rax || ((opcode == 0x31 || opcode == 0x33) && modrm == 0xC0);
}

/* CMP RAX, -4095 or -4096 */
static bool compares_error(const struct text *text, size_t at)
{
    static const uint8_t compare[] = {0x48, 0x3D, 0x00, 0xF0, 0xFF, 0xFF};
    const uint8_t *code = text->code + at;
    return text->size - at >= sizeof compare && code[0] == compare[0] && code[1] == compare[1] &&
           (code[2] & 0xFE) == 0 && __builtin_memcmp(code + 3, compare + 3, 3) == 0;
}

static bool has_number(const struct text *text, const struct candidate *candidate)
{
    size_t end = candidate->call;
    if (compares_error(text, end + SYSCALL_SIZE))
        return true;
    for (size_t i = 0; i < BACK && candidate->before[i] != SIZE_MAX; i++) {
        size_t begin = candidate->before[i];
        if (sets_rax(text->code + begin, end - begin))
            return true;
        end = begin;
    }
    return false;
}

static bool is_sigreturn(const struct text *text, const struct candidate *candidate)
{
    size_t at = candidate->before[0];
    return at != SIZE_MAX && candidate->call - at == 7 && text->code[at + 1] == 0xC7 &&
           text->code[at + 3] == SIGRETURN && text->code[at + 4] == 0;
}

/* --- the code around it ----------------------------------------------------------------------- */

static void mark(struct candidate *candidate, size_t next, int32_t distance)
{
    size_t from = next + (size_t)(int64_t)distance - (candidate->call - WINDOW);
    if (from < 2 * (size_t)WINDOW)
        candidate->targets |= UINT64_C(1) << from;
}

/* Where reading from a byte leads. */
enum way { UNKNOWN, ARRIVES, PASSES, BREAKS };

/* Of each of the last BEFORE bytes, as far as it was asked for: bytes of the instruction there (0
 * not yet, NONE for none), and the way from there. */
#define NONE 0xFF
_Static_assert(NONE > BEFORE, "beyond the SYSCALL, wherever it begins");
struct steps {
    size_t first;
    uint8_t sizes[BEFORE];
    uint8_t ways[BEFORE];
};

static size_t step(const struct text *text, struct steps *steps, size_t at)
{
    uint8_t *size = &steps->sizes[at - steps->first];
    struct x86_instruction next;
    if (*size == 0)
        *size = x86_read(text->code + at, text->size - at, &next) ? next.size : NONE;
    return *size;
}

/* The instruction there, or 0 where there is none, and where the way is known: the way. */
static size_t go_on(const struct text *text, struct steps *steps, size_t at, enum way *way)
{
    *way = (enum way)steps->ways[at - steps->first];
    size_t size = *way == UNKNOWN ? step(text, steps, at) : 0;
    if (size == NONE)
        *way = BREAKS;
    return size == NONE ? 0 : size;
}

/* From there to the SYSCALL. Ways fall together soon, and each is gone once. */
static enum way find_way(const struct text *text, struct steps *steps, size_t begin, size_t call)
{
    enum way way = UNKNOWN;
    size_t at = begin;
    while (at < call && way == UNKNOWN)
        at += go_on(text, steps, at, &way);
    if (way == UNKNOWN)
        way = at == call ? ARRIVES : PASSES;
    while (begin < call && steps->ways[begin - steps->first] == UNKNOWN) {
        size_t place = begin - steps->first;
        steps->ways[place] = (uint8_t)way;
        begin += steps->sizes[place]; /* NONE is beyond the call */
    }
    return way;
}

/* Wherever reading begins, it falls in step with the code soon: three of four must arrive. */
static bool find_step(const struct text *text, struct steps *steps, size_t call, size_t *begin)
{
    unsigned good = 0;
    unsigned all = 0;
    steps->first = call > BEFORE ? call - BEFORE : 0;
    size_t last = call - steps->first > BEFORE - STARTS ? steps->first + STARTS : steps->first + 1;
    if (call == 0)
        return false;
    for (size_t at = steps->first; at < last && at < call; at++) {
        enum way way = find_way(text, steps, at, call);
        if (way == BREAKS)
            continue;
        all++;
        if (way == ARRIVES && good++ == 0)
            *begin = at;
    }
    return good > 0 && 4 * good >= 3 * all && (all >= STARTS / 4 || steps->first == 0);
}

static bool read_before(const struct text *text, struct candidate *out)
{
    struct steps steps = {0};
    struct x86_instruction next;
    size_t at = 0;
    if (!find_step(text, &steps, out->call, &at))
        return false;
    for (size_t i = 0; i < BACK; i++)
        out->before[i] = SIZE_MAX;
    for (; at < out->call; at += next.size) {
        (void)x86_read(text->code + at, text->size - at, &next); /* as before */
        if (next.is_relative)
            mark(out, at + next.size, next.distance);
        for (size_t i = BACK - 1; i > 0; i--)
            out->before[i] = out->before[i - 1];
        out->before[0] = at;
    }
    return true;
}

static bool read_behind(const struct text *text, struct candidate *out)
{
    struct x86_instruction next;
    for (size_t at = out->call; at < text->size && at < out->call + SHORT_BRANCH; at += next.size) {
        if (!x86_read(text->code + at, text->size - at, &next))
            return false;
        if (next.is_relative)
            mark(out, at + next.size, next.distance);
    }
    return true;
}

/* Where the next one may be, by eight bytes at a time that have none of 05; or the size. */
static size_t next_syscall(const struct text *text, size_t at)
{
    uint64_t word;
    for (; at + sizeof word < text->size; at += sizeof word) {
        __builtin_memcpy(&word, text->code + at + 1, sizeof word);
        if (zero_bytes(word ^ 5 * ONES) == 0)
            continue;
        for (size_t i = at; i < at + sizeof word; i++) {
            if (is_syscall(text->code + i))
                return i;
        }
    }
    for (; at + 1 < text->size; at++) {
        if (is_syscall(text->code + at))
            return at;
    }
    return text->size;
}

static size_t find_candidates(struct text *text, size_t most)
{
    for (size_t at = next_syscall(text, 0); at < text->size && text->count < most;
         at = next_syscall(text, at + 1)) {
        struct candidate *next = &text->candidates[text->count];
        *next = (struct candidate){.call = at};
        if (read_before(text, next) && has_number(text, next) && !is_sigreturn(text, next) &&
            read_behind(text, next))
            text->count++;
    }
    return text->count;
}

/* --- branches from afar ----------------------------------------------------------------------- */

static void mark_coarse(struct text *text)
{
    for (size_t i = 0; i < text->count; i++) {
        size_t call = text->candidates[i].call;
        size_t first = (call > WINDOW ? call - WINDOW : 0) / COARSE;
        for (size_t at = first; at <= (call + WINDOW) / COARSE; at++)
            text->coarse[at / 8] |= (uint8_t)(1U << at % 8);
    }
}

/* The first candidate whose window ends behind there. */
static size_t find_window(const struct text *text, size_t at)
{
    size_t low = 0;
    size_t high = text->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (text->candidates[middle].call + WINDOW > at)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* Of a branch whose four bytes of distance are there. */
static void mark_branch(struct text *text, size_t at)
{
    int32_t distance;
    if (at + sizeof distance > text->size)
        return;
    __builtin_memcpy(&distance, text->code + at, sizeof distance);
    size_t target = at + sizeof distance + (size_t)(int64_t)distance;
    if (target >= text->size || !(text->coarse[target / COARSE / 8] >> target / COARSE % 8 & 1))
        return;
    for (size_t i = find_window(text, target);
         i < text->count && text->candidates[i].call <= target + WINDOW; i++)
        mark(&text->candidates[i], at + sizeof distance, distance);
}

/* A byte that may begin one: CALL or JMP, or the first of a condition's two. */
static void mark_byte(struct text *text, size_t at)
{
    if ((text->code[at] & 0xFE) == 0xE8)
        mark_branch(text, at + 1);
    else if (text->code[at] == 0x0F && at + 1 < text->size && (text->code[at + 1] & 0xF0) == 0x80)
        mark_branch(text, at + 2);
}

/* Every byte is taken as a possible beginning of a branch of four bytes' distance; eight at a time,
 * of which most have none. */
static void mark_long(struct text *text)
{
    uint64_t word;
    size_t at = 0;
    for (; at + sizeof word <= text->size; at += sizeof word) {
        __builtin_memcpy(&word, text->code + at, sizeof word);
        uint64_t found = zero_bytes((word & 0xFE * ONES) ^ 0xE8 * ONES) |
                         zero_bytes(word ^ 0x0F * ONES);
        for (; found != 0; found &= found - 1)
            mark_byte(text, at + (size_t)__builtin_ctzll(found) / 8);
    }
    for (; at < text->size; at++)
        mark_byte(text, at);
}

/* --- what moves ------------------------------------------------------------------------------- */

static bool can_move(const struct text *text, size_t at, size_t *size)
{
    struct x86_instruction moved;
    if (!x86_read(text->code + at, text->size - at, &moved) || moved.is_relative ||
        moved.uses_rip || moved.ends || is_syscall(text->code + at))
        return false;
    *size = moved.size;
    return true;
}

/* Nothing leads to the bytes between these two. */
static bool is_closed(const struct candidate *candidate, size_t begin, size_t end)
{
    for (size_t at = begin + 1; at < end; at++) {
        size_t bit = at - (candidate->call - WINDOW);
        if (bit >= 2 * (size_t)WINDOW || (candidate->targets >> bit & 1))
            return false;
    }
    return true;
}

static bool take_behind(const struct text *text, const struct candidate *from, struct site *out)
{
    size_t size = 0;
    size_t end = from->call + SYSCALL_SIZE;
    while (end < from->call + JUMP_SIZE) {
        if (!can_move(text, end, &size))
            return false;
        end += size;
    }
    *out = (struct site){(uint32_t)from->call, (uint32_t)from->call, (uint32_t)end};
    return is_closed(from, from->call, end);
}

static bool take_before(const struct text *text, const struct candidate *from, struct site *out)
{
    size_t size = 0;
    size_t end = from->call + SYSCALL_SIZE;
    for (size_t i = 0; i < MOVED_MAX; i++) {
        size_t begin = from->before[i];
        if (begin == SIZE_MAX || !can_move(text, begin, &size))
            return false;
        *out = (struct site){(uint32_t)begin, (uint32_t)from->call, (uint32_t)end};
        if (end - begin >= JUMP_SIZE)
            return is_closed(from, begin, end);
    }
    return false;
}

/* None moves what another has taken. */
static int choose(const struct text *text, struct site *out)
{
    int chosen = 0;
    uint32_t end = 0;
    for (size_t i = 0; i < text->count; i++) {
        const struct candidate *from = &text->candidates[i];
        struct site site;
        if (!(take_behind(text, from, &site) && site.begin >= end) &&
            !(take_before(text, from, &site) && site.begin >= end))
            continue;
        end = site.end;
        out[chosen++] = site;
    }
    return chosen;
}

int sites_find(const uint8_t *code, size_t size, struct site *out, size_t most)
{
    struct text text = {.code = code, .size = size};
    int count = -ENOMEM;
    if (size > SITES_CODE_MAX || next_syscall(&text, 0) == size)
        return 0;
    text.candidates = libos_alloc(most * sizeof *text.candidates);
    text.coarse = alloc_zeroed((size + WINDOW) / COARSE / 8 + 1, 1);
    if (text.candidates && text.coarse) {
        if (find_candidates(&text, most) > 0) {
            mark_coarse(&text);
            mark_long(&text);
        }
        count = choose(&text, out);
    }
    libos_free(text.coarse);
    libos_free(text.candidates);
    return count;
}

/* --- trampolines ------------------------------------------------------------------------------ */

static uint8_t *put(uint8_t *to, const uint8_t *bytes, size_t size)
{
    __builtin_memcpy(to, bytes, size);
    return to + size;
}

/* An opcode whose operand is relative to what follows it. */
static uint8_t *put_relative(uint8_t *to, const uint8_t *opcode, size_t size, const uint8_t *target)
{
    to = put(to, opcode, size);
    int32_t distance = (int32_t)(target - (to + sizeof distance));
    return put(to, (const uint8_t *)&distance, sizeof distance);
}

static const uint8_t jump[] = {0xE9};

static void put_trampoline(uint8_t *to, const uint8_t *code, const struct site *site,
                           const uint8_t *entry)
{
    static const uint8_t lea_rcx[] = {0x48, 0x8D, 0x0D};
    static const uint8_t jump_indirect[] = {0xFF, 0x25};
    static const uint8_t again[] = {0xEB, 0x100 - CALL_SIZE};
    to = put(to, code + site->begin, site->call - site->begin);
    to = put_relative(to, lea_rcx, sizeof lea_rcx, to + CALL_SIZE);
    to = put_relative(to, jump_indirect, sizeof jump_indirect, entry);
    to = put(to, again, sizeof again);
    size_t behind = site->call + SYSCALL_SIZE;
    if (site->end > behind)
        to = put(to, code + behind, site->end - behind);
    (void)put_relative(to, jump, sizeof jump, code + site->end);
}

void sites_make(const uint8_t *code, const struct site *sites, size_t count, uint8_t *room,
                uintptr_t entry)
{
    const uint64_t address = entry;
    (void)put(room, (const uint8_t *)&address, SITES_HEAD);
    for (size_t i = 0; i < count; i++)
        put_trampoline(room + SITES_HEAD + i * SITE_ROOM, code, &sites[i], room);
}

void sites_join(uint8_t *code, const struct site *sites, size_t count, const uint8_t *room)
{
    for (size_t i = 0; i < count; i++) {
        uint8_t *to = put_relative(code + sites[i].begin, jump, sizeof jump,
                                   room + SITES_HEAD + i * SITE_ROOM);
        __builtin_memset(to, INT3, (size_t)(code + sites[i].end - to));
    }
}
