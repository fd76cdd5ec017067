/*
 * TLS as a client (OpenSSL's), over a connected socket, for who waits in place: TLS 1.2 and 1.3
 * with forward secrecy and AEADs only. Whom to believe is the caller's: no root of the system's is
 * read. The dates of certificates are not checked, since the guest, whom this is for, has no clock
 * but its host's.
 *
 * Every call ends by its deadline, in milliseconds of CLOCK_MONOTONIC, however slowly bytes come.
 */
#ifndef CAISSON_CRYPTO_TLS_CLIENT_H
#define CAISSON_CRYPTO_TLS_CLIENT_H

#include "base/buf.h"

struct tls_client;

/* Shakes hands over `fd`, which must be non-blocking and stays the caller's, past the session's
 * end. The server's certificate must be for `name` (a host name, or an IP address) and chain to one
 * of `roots` (PEM), or be one of them. NULL with ERROR_INVALID for roots that cannot be read,
 * ERROR_REFUSED for a server that is not believed, ERROR_UNAVAILABLE. */
struct tls_client *tls_client_open(int fd, const char *name, struct span roots, int64_t deadline,
                                   struct error *err);
void tls_client_close(struct tls_client *client);

int tls_client_write(struct tls_client *client, struct span bytes, int64_t deadline,
                     struct error *err);

/* Reads what there is, at least one byte. *got is 0 where the server has said that it ends; a
 * connection that is cut is ERROR_UNAVAILABLE. */
int tls_client_read(struct tls_client *client, uint8_t *out, size_t size, size_t *got,
                    int64_t deadline, struct error *err);

/* Milliseconds of CLOCK_MONOTONIC. */
int64_t tls_now(void);

/* Waits for `events` (poll(2)) of `fd`. ERROR_UNAVAILABLE once the deadline is past. */
int tls_wait(int fd, short events, int64_t deadline, struct error *err);

#endif
