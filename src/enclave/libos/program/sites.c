#include "enclave/libos/program/sites.h"

#include <asm/errno.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/program/scan.h"
#include "enclave/libos/program/x86.h"

#define JUMP_SIZE    5
#define SYSCALL_SIZE 2
#define NUMBER_SIZE  5  /* MOV of a number to EAX */
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
#define FEW          64  /* candidates that there is room for at first */

/* A SYSCALL that looks like one. */
struct candidate {
    size_t call;
    bool is_reached;     /* what is before it has been read: */
    size_t from;         /* where reading begins that comes to it, and */
    size_t before[BACK]; /* where the last instructions begin, the latest first; SIZE_MAX: none */
    bool is_read;        /* for short branches around it: most need not be */
    uint64_t targets;    /* a bit a byte from call - WINDOW on: a branch leads there */
};

struct text {
    const uint8_t *code;
    size_t size;
    uint8_t *coarse; /* a bit for COARSE bytes: a window reaches there */
    struct candidate *candidates;
    size_t count, room, most;
    bool lacks_memory;
};

static bool is_syscall(const uint8_t *at)
{
    return at[0] == 0x0F && at[1] == 0x05;
}

/* --- whether it is one ------------------------------------------------------------------------ */

/* MOV of a small number to EAX: five bytes. */
static bool sets_number(const uint8_t *at)
{
    uint32_t number;
    __builtin_memcpy(&number, at + 1, sizeof number);
    return at[0] == 0xB8 && number < NUMBER_MAX;
}

/* The same by either MOV, or of another register or of memory; XOR of EAX with itself. */
static bool sets_rax(const uint8_t *at, size_t size)
{
    uint32_t number = NUMBER_MAX;
    if (size == NUMBER_SIZE && sets_number(at))
        return true;
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

/* ADD of AL to where RAX points, as two bytes of zeros read: compilers make none, and tables of
 * numbers are full of them. */
static bool is_zeros(const struct text *text, size_t at)
{
    return text->size - at >= 2 && text->code[at] == 0 && text->code[at + 1] == 0;
}

/* The number, the SYSCALL and the comparison, one right behind the other: thirteen bytes that
 * nothing else has, and most that a libc has. No reading says more. */
static bool is_usual(const struct text *text, size_t call)
{
    return call >= NUMBER_SIZE && compares_error(text, call + SYSCALL_SIZE) &&
           sets_number(text->code + call - NUMBER_SIZE);
}

static bool has_number(const struct text *text, const struct candidate *candidate)
{
    size_t end = candidate->call;
    if (compares_error(text, end + SYSCALL_SIZE))
        return true;
    for (size_t i = 0; i < BACK && candidate->before[i] != SIZE_MAX; i++) {
        size_t begin = candidate->before[i];
        if (is_zeros(text, begin))
            return false;
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
    if (*size == 0)
        *size = (uint8_t)x86_size(text->code + at, text->size - at);
    if (*size == 0)
        *size = NONE;
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
    if (out->is_reached)
        return true;
    if (!find_step(text, &steps, out->call, &out->from))
        return false;
    out->is_reached = true;
    for (size_t i = 0; i < BACK; i++)
        out->before[i] = SIZE_MAX;
    for (size_t at = out->from; at < out->call; at += steps.sizes[at - steps.first]) {
        for (size_t i = BACK - 1; i > 0; i--)
            out->before[i] = out->before[i - 1];
        out->before[0] = at;
    }
    return true;
}

/* Instructions up to there; where they lead is marked. */
static bool read_code(const struct text *text, struct candidate *out, size_t at, size_t end)
{
    struct x86_instruction next;
    for (; at < text->size && at < end; at += next.size) {
        if (!x86_read(text->code + at, text->size - at, &next))
            return false;
        if (next.is_relative)
            mark(out, at + next.size, next.distance);
    }
    return true;
}

/* Calls each byte of the code that `scan` finds, and the last few. */
static inline __attribute__((always_inline)) void look_at(
    const uint8_t *code, size_t size, void (*scan)(const uint8_t *, size_t, uint64_t *),
    void (*each)(void *, size_t), void *context)
{
    uint64_t found[SCAN_WORDS];
    size_t words = size > 0 ? (size - 1) / SCAN_BYTES : 0;
    for (size_t word = 0, count; word < words; word += count) {
        count = words - word < SCAN_WORDS ? words - word : SCAN_WORDS;
        scan(code + word * SCAN_BYTES, count, found);
        for (size_t i = 0; i < count; i++) {
            for (uint64_t bits = found[i]; bits != 0; bits &= bits - 1)
                each(context, (word + i) * SCAN_BYTES + (size_t)__builtin_ctzll(bits));
        }
    }
    for (size_t at = words * SCAN_BYTES; at < size; at++)
        each(context, at);
}

static bool is_call(const struct text *text, struct candidate *candidate)
{
    size_t call = candidate->call;
    return is_usual(text, call) ||
           (read_before(text, candidate) && has_number(text, candidate) &&
            !is_sigreturn(text, candidate) && read_code(text, candidate, call, call + WINDOW));
}

static bool make_room(struct text *text)
{
    if (text->count < text->room || text->count == text->most)
        return text->count < text->room;
    size_t room = text->room == 0 ? FEW : 4 * text->room;
    room = room < text->most ? room : text->most;
    struct candidate *more = libos_alloc(room * sizeof *more);
    text->lacks_memory = !more;
    if (!more)
        return false;
    if (text->count > 0)
        __builtin_memcpy(more, text->candidates, text->count * sizeof *more);
    libos_free(text->candidates);
    text->candidates = more;
    text->room = room;
    return true;
}

static void take_candidate(void *context, size_t at)
{
    struct text *text = context;
    if (at + 1 >= text->size || !is_syscall(text->code + at) || !make_room(text))
        return;
    struct candidate *next = &text->candidates[text->count];
    *next = (struct candidate){.call = at};
    text->count += is_call(text, next);
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
static void mark_branch(const struct text *text, size_t at, size_t target, int32_t distance)
{
    for (size_t i = find_window(text, target);
         i < text->count && text->candidates[i].call <= target + WINDOW; i++)
        mark(&text->candidates[i], at + sizeof distance, distance);
}

static bool is_long_branch(const uint8_t *code)
{
    return (code[0] & 0xFE) == 0xE8 || (code[0] == 0x0F && (code[1] & 0xF0) == 0x80);
}

/* Every byte is taken as a possible beginning of a branch of four bytes' distance. */
static void mark_byte(void *context, size_t begin)
{
    const struct text *text = context;
    int32_t distance;
    size_t at = begin + 1 + (text->code[begin] == 0x0F);
    if (at + sizeof distance > text->size)
        return;
    __builtin_memcpy(&distance, text->code + at, sizeof distance);
    size_t target = at + sizeof distance + (size_t)(int64_t)distance;
    if (target < text->size && (text->coarse[target / COARSE / 8] >> target / COARSE % 8 & 1) &&
        is_long_branch(text->code + begin))
        mark_branch(text, at, target, distance);
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

/* Jcc, LOOP and its kin, JMP with one byte of distance. */
static bool is_short_branch(uint8_t opcode)
{
    return (opcode & 0xF0) == 0x70 || (opcode & 0xFC) == 0xE0 || opcode == 0xEB;
}

struct guess {
    const uint8_t *code; /* from the first byte that may branch there */
    size_t size;
    struct candidate of;
};

static void guess_target(void *context, size_t at)
{
    struct guess *guess = context;
    if (at + 1 < guess->size && is_short_branch(guess->code[at]))
        mark(&guess->of, at + 2, (guess->code[at + 1] ^ 0x80) - 0x80);
}

/* Where short branches may lead, every byte around it taken as a possible one. */
static uint64_t guess_targets(const struct text *text, const struct candidate *from)
{
    size_t first = from->call > SHORT_BRANCH ? from->call - SHORT_BRANCH : 0;
    size_t last = from->call + SHORT_BRANCH + 1; /* the distance of the last one */
    last = last < text->size ? last : text->size;
    struct guess guess = {text->code + first, last - first, {.call = from->call - first}};
    look_at(guess.code, guess.size, scan_short_branches, guess_target, &guess);
    return guess.of.targets;
}

/* Where they do lead, by reading. What cannot be read may lead anywhere. */
static void read_around(const struct text *text, struct candidate *from)
{
    if (!read_before(text, from) || !read_code(text, from, from->from, from->call + SHORT_BRANCH))
        from->targets = UINT64_MAX;
    from->is_read = true;
}

/* Nothing leads to the bytes between these two. */
static bool is_closed(const struct text *text, struct candidate *candidate, size_t begin,
                      size_t end)
{
    uint64_t between = 0;
    for (size_t at = begin + 1; at < end; at++) {
        size_t bit = at - (candidate->call - WINDOW);
        if (bit >= 2 * (size_t)WINDOW)
            return false;
        between |= UINT64_C(1) << bit;
    }
    if (!candidate->is_read && (guess_targets(text, candidate) & between))
        read_around(text, candidate);
    return (candidate->targets & between) == 0;
}

static bool take_behind(const struct text *text, struct candidate *from, struct site *out)
{
    size_t size = 0;
    size_t end = from->call + SYSCALL_SIZE;
    while (end < from->call + JUMP_SIZE) {
        if (!can_move(text, end, &size))
            return false;
        end += size;
    }
    *out = (struct site){(uint32_t)from->call, (uint32_t)from->call, (uint32_t)end};
    return is_closed(text, from, from->call, end);
}

static bool take_before(const struct text *text, struct candidate *from, struct site *out)
{
    size_t size = 0;
    size_t end = from->call + SYSCALL_SIZE;
    if (!read_before(text, from))
        return false;
    for (size_t i = 0; i < MOVED_MAX; i++) {
        size_t begin = from->before[i];
        if (begin == SIZE_MAX || !can_move(text, begin, &size))
            return false;
        *out = (struct site){(uint32_t)begin, (uint32_t)from->call, (uint32_t)end};
        if (end - begin >= JUMP_SIZE)
            return is_closed(text, from, begin, end);
    }
    return false;
}

/* None moves what another has taken. */
static int choose(const struct text *text, struct site *out)
{
    int chosen = 0;
    uint32_t end = 0;
    for (size_t i = 0; i < text->count; i++) {
        struct candidate *from = &text->candidates[i];
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
    struct text text = {.code = code, .size = size, .most = most < SITES_MAX ? most : SITES_MAX};
    int count = 0;
    if (size <= SITES_CODE_MAX)
        look_at(code, size, scan_syscalls, take_candidate, &text);
    if (text.count > 0)
        text.coarse = alloc_zeroed((size + WINDOW) / COARSE / 8 + 1, 1);
    if (text.coarse) {
        mark_coarse(&text);
        look_at(code, size, scan_branches, mark_byte, &text);
        count = choose(&text, out);
    }
    if (text.lacks_memory || (text.count > 0 && !text.coarse))
        count = -ENOMEM;
    libos_free(text.coarse);
    libos_free(text.candidates);
    return count;
}

bool sites_fit(const uint8_t *code, size_t size, const struct site *sites, size_t count)
{
    const size_t moved_max = SITE_ROOM - CALL_SIZE - JUMP_SIZE; /* bytes beside the SYSCALL */
    size_t from = 0;
    for (size_t i = 0; i < count; i++) {
        size_t begin = sites[i].begin;
        size_t call = sites[i].call;
        size_t end = sites[i].end;
        if (begin < from || call < begin || end < call + SYSCALL_SIZE || end > size ||
            end - begin < JUMP_SIZE || end - begin > moved_max + SYSCALL_SIZE ||
            !is_syscall(code + call))
            return false;
        from = end;
    }
    return true;
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
