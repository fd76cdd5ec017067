/* What becomes of wires that arrive in the first enclave. */
#include "enclave/libos/processes/line.h"
#include "enclave/libos/remote/remote_wire.h"
#include "enclave/libos/shared/reach.h"
#include "enclave/libos/wire/arrivals.h"

void arrival_serve(struct wire *wire, const void *first, size_t size)
{
    uint32_t arrival = 0;
    if (size >= sizeof arrival)
        __builtin_memcpy(&arrival, first, sizeof arrival);
    if (size == sizeof arrival && arrival == ARRIVAL_PROCESS)
        line_serve(wire);
    else if (arrival == ARRIVAL_PAGES)
        shared_serve_wire(wire, first, size);
    else
        mirror_serve_wire(wire, first, size);
}
