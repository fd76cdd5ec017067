#include "enclave/libos/program/cpuid.h"

#include <stdbool.h>
#include <stddef.h>

#define LEAF_MAX     0x16U
#define EXTENDED     0x80000000U
#define EXTENDED_MAX 0x80000008U
#define XFRM_AVX     UINT64_C(0x04)
#define XFRM_AVX512  UINT64_C(0xE0)
#define XSAVE_HEAD   576U /* the legacy region and the header */
#define BIT(number)  (UINT32_C(1) << (number))

enum {
    FEATURES,
    STRUCTURED,
    STRUCTURED_1,
    XSAVE,
    CRYSTAL,
    FREQUENCY,
    MORE,
    BRAND,
    POWER = BRAND + 3
};

const struct door_cpuid cpuid_asked[CPUID_ASKED] = {
    [FEATURES] = {.leaf = 1},
    [STRUCTURED] = {.leaf = 7},
    [STRUCTURED_1] = {.leaf = 7, .subleaf = 1},
    [XSAVE] = {.leaf = 0xD, .subleaf = 1},
    [CRYSTAL] = {.leaf = 0x15},
    [FREQUENCY] = {.leaf = 0x16},
    [MORE] = {.leaf = EXTENDED + 1},
    [BRAND] = {.leaf = EXTENDED + 2},
    [BRAND + 1] = {.leaf = EXTENDED + 3},
    [BRAND + 2] = {.leaf = EXTENDED + 4},
    [POWER] = {.leaf = EXTENDED + 7},
};
_Static_assert(POWER + 1 == CPUID_ASKED, "one for each");

/* What a program may see of a word, and what of it needs the registers of AVX and of AVX-512. */
struct features {
    uint8_t asked;
    uint8_t word; /* EAX, EBX, ECX, EDX */
    uint32_t known, avx, avx512;
};

static const struct features features[] = {
    /* SSE3, PCLMULQDQ, SSSE3, FMA, CX16, SSE4.1, SSE4.2, MOVBE, POPCNT, AES, XSAVE, OSXSAVE, AVX,
     * F16C, RDRAND */
    {FEATURES, 2, 0x7ED83203, BIT(12) | BIT(28) | BIT(29), 0},
    /* FPU, TSC, CX8, CMOV, CLFSH, MMX, FXSR, SSE, SSE2 */
    {FEATURES, 3, 0x07888111, 0, 0},
    /* BMI1, AVX2, BMI2, ERMS, AVX512F, DQ, RDSEED, ADX, IFMA, CLFLUSHOPT, CLWB, CD, SHA, BW, VL */
    {STRUCTURED, 1, 0xF1AF0328, BIT(5), BIT(16) | BIT(17) | BIT(21) | BIT(28) | BIT(30) | BIT(31)},
    /* VBMI, VBMI2, GFNI, VAES, VPCLMULQDQ, VNNI, BITALG, VPOPCNTDQ, MOVDIRI */
    {STRUCTURED, 2, 0x08005F42, BIT(9) | BIT(10), BIT(1) | BIT(6) | BIT(11) | BIT(12) | BIT(14)},
    /* FSRM, VP2INTERSECT, FP16 */
    {STRUCTURED, 3, BIT(4) | BIT(8) | BIT(23), 0, BIT(8) | BIT(23)},
    /* AVX_VNNI, BF16, and how quick REP is */
    {STRUCTURED_1, 0, BIT(4) | BIT(5) | BIT(10) | BIT(11) | BIT(12), BIT(4), BIT(5)},
    /* XSAVEOPT, XSAVEC, XGETBV1 */
    {XSAVE, 0, 7, 0, 0},
    /* LAHF, LZCNT, PREFETCHW; SYSCALL, NX, RDTSCP, LM; the TSC's rate is constant */
    {MORE, 2, BIT(0) | BIT(5) | BIT(8), 0, 0},
    {MORE, 3, BIT(11) | BIT(20) | BIT(27) | BIT(29), 0, 0},
    {POWER, 3, BIT(8), 0, 0},
    /* The frequencies and the name are for display. */
    {CRYSTAL, 0, UINT32_MAX, 0, 0},
    {CRYSTAL, 1, UINT32_MAX, 0, 0},
    {CRYSTAL, 2, UINT32_MAX, 0, 0},
    {FREQUENCY, 0, 0xFFFF, 0, 0},
    {FREQUENCY, 1, 0xFFFF, 0, 0},
    {FREQUENCY, 2, 0xFFFF, 0, 0},
};

static struct door_cpuid table[CPUID_ASKED];
static uint64_t registers; /* XFRM */

void cpuid_begin(const struct door_cpuid answers[CPUID_ASKED], uint64_t xfrm)
{
    bool has_avx = (xfrm & XFRM_AVX) != 0;
    bool has_avx512 = has_avx && (xfrm & XFRM_AVX512) == XFRM_AVX512;
    registers = xfrm;
    for (size_t i = 0; i < CPUID_ASKED; i++)
        table[i] = cpuid_asked[i];
    for (size_t i = 0; i < sizeof features / sizeof *features; i++) {
        const struct features *all = &features[i];
        uint32_t seen = answers[all->asked].words[all->word] & all->known;
        seen &= ~(has_avx ? 0 : all->avx) & ~(has_avx512 ? 0 : all->avx512);
        table[all->asked].words[all->word] = seen;
    }
    for (size_t i = BRAND; i < BRAND + 3; i++)
        __builtin_memcpy(table[i].words, answers[i].words, sizeof table[i].words);
    /* Family, model and stepping; cache lines of 64 bytes, one thread. */
    table[FEATURES].words[0] = answers[FEATURES].words[0] & 0x0FFF3FFF;
    table[FEATURES].words[1] = 0x00010800;
    table[STRUCTURED].words[0] = 1; /* the last subleaf */
}

/* Size and offset in the standard format, by the number of the component (SDM volume 1, 13.4). */
static const uint16_t components[][2] = {
    [2] = {256, 576}, [5] = {64, 1088}, [6] = {512, 1152}, [7] = {1024, 1664}};
#define COMPONENTS (sizeof components / sizeof *components)

static void answer_xsave(uint32_t subleaf, struct door_cpuid *out)
{
    uint32_t standard = XSAVE_HEAD;
    uint32_t compact = XSAVE_HEAD;
    for (uint32_t i = 2; i < COMPONENTS; i++) {
        if (!(registers >> i & 1))
            continue;
        standard = (uint32_t)components[i][1] + components[i][0];
        compact += components[i][0];
    }
    if (subleaf == 0) {
        out->words[0] = (uint32_t)registers;
        out->words[1] = out->words[2] = standard;
    } else if (subleaf == 1) {
        out->words[0] = table[XSAVE].words[0];
        out->words[1] = compact;
    } else if (subleaf < COMPONENTS && (registers >> subleaf & 1)) {
        out->words[0] = components[subleaf][0];
        out->words[1] = components[subleaf][1];
    }
}

/* Type and level, ways and bytes of each cache, with lines of 64 bytes: what libc plans its copies
 * by. An ordinary server's, whatever the processor has. */
static void answer_cache(uint32_t subleaf, struct door_cpuid *out)
{
    static const struct {
        uint32_t kind, ways, size;
    } caches[] = {
        {0x121, 8, 32768}, {0x122, 8, 32768}, {0x143, 16, 1 << 20}, {0x163, 16, 32 << 20}};
    if (subleaf >= sizeof caches / sizeof *caches)
        return;
    out->words[0] = caches[subleaf].kind;
    out->words[1] = (caches[subleaf].ways - 1) << 22 | 63;
    out->words[2] = caches[subleaf].size / (caches[subleaf].ways * 64) - 1;
}

/* Of these leaves the subleaf means something. */
static bool has_subleaves(uint32_t leaf)
{
    return leaf == 7 || leaf == 0xD;
}

static bool answer_fixed(uint32_t leaf, uint32_t subleaf, struct door_cpuid *out)
{
    switch (leaf) {
    case 0: /* GenuineIntel */
        __builtin_memcpy(out->words,
                         (const uint32_t[]){LEAF_MAX, 0x756E6547, 0x6C65746E, 0x49656E69},
                         sizeof out->words);
        return true;
    case 2: /* see leaf 4 */
        out->words[0] = 0x00FEFF01;
        return true;
    case 4:
        answer_cache(subleaf, out);
        return true;
    case 0xB: /* no levels */
        out->words[2] = subleaf & 0xFF;
        return true;
    case 0xD:
        answer_xsave(subleaf, out);
        return true;
    case EXTENDED:
        out->words[0] = EXTENDED_MAX;
        return true;
    case EXTENDED + 8: /* bits of addresses */
        out->words[0] = 48 << 8 | 46;
        return true;
    default:
        return false;
    }
}

void cpuid_answer(uint32_t leaf, uint32_t subleaf, struct door_cpuid *out)
{
    *out = (struct door_cpuid){.leaf = leaf, .subleaf = subleaf};
    if (answer_fixed(leaf, subleaf, out))
        return;
    for (size_t i = 0; i < CPUID_ASKED; i++) {
        if (cpuid_asked[i].leaf == leaf &&
            (cpuid_asked[i].subleaf == subleaf || !has_subleaves(leaf)))
            __builtin_memcpy(out->words, table[i].words, sizeof out->words);
    }
}
