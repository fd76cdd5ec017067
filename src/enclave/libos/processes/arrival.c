/* What becomes of wires that arrive in the first enclave. */
#include "enclave/libos/processes/line.h"
#include "enclave/libos/remote/remote_wire.h"
#include "enclave/libos/wire/arrivals.h"

void arrival_serve(struct wire *wire, const void *first, size_t size)
{
    const uint32_t process = ARRIVAL_PROCESS;
    if (size == sizeof process && __builtin_memcmp(first, &process, size) == 0)
        line_serve(wire);
    else
        mirror_serve_wire(wire, first, size);
}
