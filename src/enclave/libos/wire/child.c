/* What a child and its wire do until there are processes: they end. */
#include "enclave/libos/wire/child.h"

#include <asm/errno.h>

#include "enclave/libos/remote/remote_wire.h"
#include "enclave/libos/wire/arrivals.h"

int64_t child_serve(struct wire *wire)
{
    uint8_t order[1];
    return wire_receive_patiently(wire, order, sizeof order) == 0 ? 0 : -EPROTO;
}

void arrival_serve(struct wire *wire, const void *first, size_t size)
{
    mirror_serve_wire(wire, first, size); /* if it is for calls */
}
