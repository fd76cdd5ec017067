/*
 * Quotes of the processor's own enclaves, by aesmd: a client for its socket. Every answer is the
 * host's and checked; whether a quote is worth anything is for evidence/dcap_verify.h to say.
 *
 * aesmd takes one request a connection.
 */
#ifndef CAISSON_ENCLAVE_AESM_H
#define CAISSON_ENCLAVE_AESM_H

#include "base/buf.h"
#include "measure/sgx.h"

#define AESM_SOCKET "/var/run/aesmd/aesm.socket"

/* For whom an enclave must make its report, to have it quoted. ERROR_UNAVAILABLE where there is no
 * aesmd, or it refuses, saying why and what to do; ERROR_PROTOCOL. */
int aesm_target(const char *socket, struct sgx_targetinfo *target, struct error *err);

/* Appends the quote of this report, without what aesmd pads it with. Where aesmd has no attestation
 * key any more, one is made and the quote asked for once more. ERROR_UNAVAILABLE as above;
 * ERROR_PROTOCOL for an answer that is no quote of version 3 of just this report. */
int aesm_quote(const char *socket, const struct sgx_report *report, struct buf *quote,
               struct error *err);

#endif
