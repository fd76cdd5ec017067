#include "enclave/libos/program/states.h"

#define EIGHT     sizeof(uint64_t)
#define EACH(bit) (UINT64_C(0x0101010101010101) * (bit))

static uint64_t load(const uint8_t *at)
{
    uint64_t eight;
    __builtin_memcpy(&eight, at, sizeof eight);
    return eight;
}

bool states_have(const uint8_t *states, size_t count, uint8_t bits)
{
    uint64_t found = 0;
    size_t i = 0;
    for (; count - i >= EIGHT; i += EIGHT)
        found |= load(states + i) & EACH(bits);
    for (; i < count; i++)
        found |= states[i] & bits;
    return found != 0;
}

size_t states_count(const uint8_t *states, size_t count, uint8_t bit)
{
    const int shift = __builtin_ctz(bit);
    size_t sum = 0;
    size_t i = 0;
    for (; count - i >= EIGHT; i += EIGHT) {
        uint64_t ones = load(states + i) >> shift & EACH(1);
        sum += (size_t)(ones * EACH(1) >> 56);
    }
    for (; i < count; i++)
        sum += (states[i] & bit) != 0;
    return sum;
}

size_t states_first(const uint8_t *states, size_t count, uint8_t bit)
{
    size_t i = 0;
    while (count - i >= EIGHT && (load(states + i) & EACH(bit)) == EACH(bit))
        i += EIGHT;
    while (i < count && (states[i] & bit))
        i++;
    return i;
}

void states_set(uint8_t *states, size_t count, uint8_t bits)
{
    size_t i = 0;
    for (; count - i >= EIGHT; i += EIGHT) {
        uint64_t eight = load(states + i) | EACH(bits);
        __builtin_memcpy(states + i, &eight, sizeof eight);
    }
    for (; i < count; i++)
        states[i] |= bits;
}
