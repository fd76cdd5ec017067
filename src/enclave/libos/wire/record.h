/*
 * Records of a wire: each holds one message, encrypted and authenticated by AES-256-GCM.
 *
 * A record is the message's size (u32, little endian, 1 to RECORD_MESSAGE_MAX), as many bytes of
 * ciphertext, and a tag of 16 bytes. The size is authenticated with it. Each direction has a key of
 * its own; the IV is the record's number, from 0 on, so that a record opens at its place alone.
 * This is pure: bytes go in and out by whoever has the socket (wire.c).
 */
#ifndef CAISSON_ENCLAVE_LIBOS_WIRE_RECORD_H
#define CAISSON_ENCLAVE_LIBOS_WIRE_RECORD_H

#include <stddef.h>
#include <stdint.h>

#define RECORD_MESSAGE_MAX (60 * 1024) /* bytes */
#define RECORD_HEAD_SIZE   4
#define RECORD_TAG_SIZE    16
#define RECORD_MAX         (RECORD_HEAD_SIZE + RECORD_MESSAGE_MAX + RECORD_TAG_SIZE)
#define RECORD_KEY_SIZE    32

struct record_out {
    uint8_t key[RECORD_KEY_SIZE];
    uint64_t number; /* of the next record */
    uint8_t bytes[RECORD_MAX];
};

struct record_in {
    uint8_t key[RECORD_KEY_SIZE];
    uint64_t number;
    size_t size; /* bytes that have come and belong to no record that was opened */
    uint8_t bytes[RECORD_MAX];
};

/* Makes the next record of 1 to RECORD_MESSAGE_MAX bytes, in out->bytes: its size. */
size_t record_seal(struct record_out *out, const void *message, size_t size);

/* Opens the first record of those bytes that have come: how many bytes the message has, which is in
 * `out`, and the record is gone from in->bytes. 0 when more has to come first; -EIO for a size that
 * no record has, or a record that is not the next one as it was made; -EMSGSIZE for a message
 * beyond `room`. */
int64_t record_open(struct record_in *in, void *out, size_t room);

#endif
