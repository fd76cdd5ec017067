#include "enclave/libos/wire/record.h"

#include <asm/errno.h>
#include <stdbool.h>
#include <string.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/program/program.h"
#include "enclave/libos/seal/aes_gcm.h"

_Static_assert(RECORD_KEY_SIZE == AES_GCM_KEY_SIZE && RECORD_TAG_SIZE == AES_GCM_TAG_SIZE,
               "what records are made of");

static void put_le(uint8_t *out, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)(value >> 8 * i);
}

static void iv_of(uint64_t number, uint8_t iv[AES_GCM_IV_SIZE])
{
    memset(iv, 0, AES_GCM_IV_SIZE);
    put_le(iv, number, sizeof number);
}

/* The vector registers are the program's: they are put aside, and what the cipher left in them is
 * gone when they come back. */
struct vectors {
    uint8_t area[PROGRAM_VECTORS_SIZE];
} __attribute__((aligned(64)));

size_t record_seal(struct record_out *out, const void *message, size_t size)
{
    struct vectors vectors = {{0}};
    uint8_t iv[AES_GCM_IV_SIZE];
    uint8_t *body = out->bytes + RECORD_HEAD_SIZE;
    if (size == 0 || size > RECORD_MESSAGE_MAX)
        return 0;
    iv_of(out->number++, iv);
    put_le(out->bytes, size, RECORD_HEAD_SIZE);
    program_save_vectors(&vectors);
    (void)aes_gcm_seal(out->key, iv, span_of(out->bytes, RECORD_HEAD_SIZE), span_of(message, size),
                       body, body + size);
    program_load_vectors(&vectors);
    return RECORD_HEAD_SIZE + size + RECORD_TAG_SIZE;
}

static bool open_body(const struct record_in *in, size_t size, uint8_t *out)
{
    struct vectors vectors = {{0}};
    uint8_t iv[AES_GCM_IV_SIZE];
    const uint8_t *body = in->bytes + RECORD_HEAD_SIZE;
    iv_of(in->number, iv);
    program_save_vectors(&vectors);
    bool good = aes_gcm_open(in->key, iv, span_of(in->bytes, RECORD_HEAD_SIZE), span_of(body, size),
                             body + size, out);
    program_load_vectors(&vectors);
    return good;
}

int64_t record_open(struct record_in *in, void *out, size_t room)
{
    if (in->size < RECORD_HEAD_SIZE)
        return 0;
    size_t size = get_le32(in->bytes);
    size_t whole = RECORD_HEAD_SIZE + size + RECORD_TAG_SIZE;
    if (size == 0 || size > RECORD_MESSAGE_MAX)
        return -EIO;
    if (size > room)
        return -EMSGSIZE;
    if (in->size < whole)
        return 0;
    if (!open_body(in, size, out))
        return -EIO;
    in->number++;
    in->size -= whole;
    memmove(in->bytes, in->bytes + whole, in->size);
    return (int64_t)size;
}
