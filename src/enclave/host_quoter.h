/*
 * Who has the reports of an enclave's programs quoted: a process that is forked before the host
 * makes threads and is confined, since quotes take what the host gives up then: aesmd's socket, or
 * the simulated platform's key.
 *
 * It makes one quote at a time. A report comes with the end of a stream that the quote goes to; who
 * asked has the other one. It is killed when the host ends.
 */
#ifndef CAISSON_ENCLAVE_HOST_QUOTER_H
#define CAISSON_ENCLAVE_HOST_QUOTER_H

#include "base/buf.h"
#include "measure/sgx.h"

/* All in the quoter's process. */
struct host_quoting {
    int (*prepare)(void *argument, struct error *err); /* first; NULL for nothing */
    int (*confine)(struct error *err);                 /* then, for good; NULL for nothing */
    int (*quote)(void *argument, const struct sgx_report *report, struct buf *quote,
                 struct error *err);
    void *argument;
    void (*log)(const char *line);
};

struct host_quoter {
    int reports; /* SOCK_SEQPACKET, to the quoter */
};

/* Forks it. For a process of one thread; `quoting` stays the caller's. */
int host_quoter_begin(const struct host_quoting *quoting, struct host_quoter *out,
                      struct error *err);
void host_quoter_end(struct host_quoter *quoter);

/* A stream, which is the caller's: the quote comes on it, or nothing before its end. Or a negative
 * errno: -EINVAL for what is no report, -EAGAIN where too many wait. Waits for nothing. */
int host_quoter_ask(const struct host_quoter *quoter, struct span report);

#endif
