/* From a call to its parcel, and from the answer's to the program's memory. With the lock. */
#ifndef CAISSON_ENCLAVE_LIBOS_REMOTE_REMOTE_PACK_H
#define CAISSON_ENCLAVE_LIBOS_REMOTE_REMOTE_PACK_H

#include "enclave/libos/calls/syscall_socket.h"
#include "enclave/libos/calls/syscall_vector.h"
#include "enclave/libos/remote/remote_message.h"

/* A call on its way. Not to be moved. */
struct remote_call {
    const struct remote_row *row;
    uint64_t number;
    uint32_t process;
    uint64_t pending;                 /* struct remote_request */
    uint32_t unheard;                 /* likewise */
    uint64_t given[REMOTE_ARGUMENTS]; /* the program's */
    uint64_t sent[REMOTE_ARGUMENTS];
    struct syscall_vector data; /* where the program has what goes in pieces */
    bool has_data;
    bool is_out;    /* such bytes come back */
    bool is_bad;    /* or they are not the program's memory */
    uint64_t done;  /* how many of them went before */
    uint64_t piece; /* how many are in this parcel */
    uint32_t room;  /* struct remote_request */
    uint32_t roomed[REMOTE_ARGUMENTS];
    struct syscall_header header; /* of REMOTE_HEADER_* */
    struct remote_message message;
    struct remote_buffer parcel;
};

/* Finds the row's data: what is wrong with the program's struct iovec or msghdr, if it can be read.
 * The call is ended by remote_call_fini(), whatever comes of it. */
int remote_begin(struct remote_call *call);
void remote_call_fini(struct remote_call *call);

/* Puts the next piece into call->parcel: 0, or -ENOMEM. */
int remote_pack(struct remote_call *call);

/* Takes an answer apart, and writes what came back to the program: its result; -EFAULT where the
 * program's memory has gone meanwhile. -EPROTO for an answer that is none to this call, and then
 * *is_wrong. */
int64_t remote_unpack(struct remote_call *call, const struct remote_buffer *parcel,
                      struct remote_answer *answer, bool *is_wrong);

#endif
