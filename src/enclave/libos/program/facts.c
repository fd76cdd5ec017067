#include "enclave/libos/program/facts.h"

#include "enclave/libos/bytes.h"
#include "enclave/libos/clock.h"
#include "enclave/libos/program/memory.h"

static struct program_facts facts;

const struct program_facts *program_facts(void)
{
    return &facts;
}

/* Behind the pointers that begin here, up to their null: the first of them is *first; *end is
 * where the text of the last one ends. */
static const uint64_t *skip(const uint64_t *at, uint64_t *first, uint64_t *end)
{
    *first = *end;
    if (*at != 0)
        *first = *at;
    for (; *at != 0; at++)
        *end = *at + strlen((const char *)(uintptr_t)*at) + 1;
    return at + 1;
}

/* What the System V ABI puts there; the library OS has just written it. */
static void read_stack(uint64_t stack)
{
    const uint64_t *at = (const uint64_t *)(uintptr_t)stack + 1;
    uint64_t end = 0;
    at = skip(at, &facts.arguments, &end);
    at = skip(at, &facts.environment, &end);
    facts.words_end = end;
    facts.auxiliary = (uintptr_t)at;
    while (at[0] != 0)
        at += 2;
    facts.auxiliary_end = (uintptr_t)(at + 2);
    facts.stack = stack;
    facts.stack_end = (end + MEMORY_PAGE - 1) & ~(uint64_t)(MEMORY_PAGE - 1);
}

void program_facts_begin(const struct program *program, uint64_t stack)
{
    read_stack(stack);
    facts.heap = program->heap;
    facts.started = clock_now(DOOR_CLOCK_MONOTONIC);
}
