/* From a call's parcel to the registers of a system call, and from what it did to the answer's. */
#ifndef CAISSON_ENCLAVE_LIBOS_REMOTE_MIRROR_PARTS_H
#define CAISSON_ENCLAVE_LIBOS_REMOTE_MIRROR_PARTS_H

#include "enclave/libos/calls/syscall_socket.h"
#include "enclave/libos/program/program.h"
#include "enclave/libos/remote/remote_message.h"

/* A call that came. Addresses are in the parcel's own memory, or 0, or MIRROR_NOWHERE. */
struct mirror_call {
    struct remote_request request;
    const struct remote_row *row;
    struct remote_buffer parcel;
    size_t room_at, room_end; /* in the parcel's memory, behind the parcel: what is left */
    uint64_t arguments[REMOTE_ARGUMENTS];
    uint64_t sizes[REMOTE_ARGUMENTS]; /* bytes at each, of those that come back */
    uint64_t data;                    /* where the data are, and */
    uint64_t data_size;
    struct syscall_header header; /* of REMOTE_HEADER_OUT, before the call */
    bool is_secret;               /* what it carries is wiped */
};

#define MIRROR_NOWHERE 1 /* an address that no call may touch */

/* With the lock. -EPROTO for what is no call, or none that is carried; -ENOMEM. Nothing of the
 * parcel is believed but what its row allows. */
int mirror_unpack(struct mirror_call *call);

/* Puts the answer into an empty buffer: -ENOMEM. */
int mirror_pack(const struct mirror_call *call, const struct remote_answer *answer,
                struct remote_buffer *out);

#endif
