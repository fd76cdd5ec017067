/*
 * The messages of aesmd, which speaks to Intel's quoting enclave: the three requests that ECDSA
 * quotes need, and their answers (Intel's linux-sgx, psw/ae/common/proto/messages.proto: protocol
 * buffers of version 2). On the socket each stands behind its size, u32, little endian.
 *
 * A request and its answer have one member, whose number is the same in both. An answer is read
 * strictly: other members, one twice, another wire type and bytes too many are refused.
 */
#ifndef CAISSON_ENCLAVE_AESM_MESSAGE_H
#define CAISSON_ENCLAVE_AESM_MESSAGE_H

#include "base/buf.h"
#include "measure/sgx.h"

#define AESM_MESSAGE_MAX (128 * 1024) /* bytes of an answer */

enum aesm_kind {
    AESM_INIT_QUOTE = 15, /* InitQuoteEx: the quoting enclave as a target of reports */
    AESM_QUOTE_SIZE = 16, /* GetQuoteSizeEx */
    AESM_QUOTE = 17,      /* GetQuoteEx */
};

/* aesm_error.h, as far as something can be done about it. */
#define AESM_KEY_NOT_INITIALIZED 42

struct aesm_answer {
    uint32_t status;    /* 0, or of aesm_error.h: the rest may then be missing */
    struct span target; /* AESM_INIT_QUOTE: 512 bytes; borrowed, as the next */
    struct span quote;  /* AESM_QUOTE: padded to the size that was asked for */
    uint32_t size;      /* AESM_QUOTE_SIZE: of the quote */
};

/* Appends a request, without the size before it. The attestation key asked for is the ECDSA one
 * on P-256 of Intel's quoting enclave. `timeout_us`: how long aesmd may take. */
int aesm_write_init(uint32_t timeout_us, struct buf *out, struct error *err);
int aesm_write_size(uint32_t timeout_us, struct buf *out, struct error *err);
int aesm_write_quote(const struct sgx_report *report, uint32_t size, uint32_t timeout_us,
                     struct buf *out, struct error *err);

/* Reads an answer to a request of this kind. ERROR_PROTOCOL, saying what is wrong. */
int aesm_read_answer(struct span message, enum aesm_kind kind, struct aesm_answer *answer,
                     struct error *err);

/* What a status means and what to do, for people; never NULL. */
const char *aesm_status_text(uint32_t status);

#endif
