/* What reading calls and answering them share; nobody else includes it. */
#ifndef CAISSON_POLICY_CALLS_INTERNAL_H
#define CAISSON_POLICY_CALLS_INTERNAL_H

#include "base/arena.h"
#include "format/json.h"
#include "policy/calls.h"

/* A text whose zero bytes another byte stands for, since the policy is asked with C strings. */
struct stand_in {
    struct stand_in *next;
    const json_t *original;
    char text[];
};

struct policy_calls {
    json_t *list;
    struct arena memory;        /* of the call that was played last */
    struct stand_in *stand_ins; /* of that call, in its memory */
};

#endif
