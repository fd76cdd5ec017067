/* What clients and servers of TLS have in common: which versions and ciphers, which roots. */
#ifndef CAISSON_CRYPTO_TLS_CONTEXT_H
#define CAISSON_CRYPTO_TLS_CONTEXT_H

#include <openssl/ssl.h>

#include "base/span.h"

struct error;

/* TLS 1.2 with ephemeral keys and authenticated ciphers, or newer (RFC 9325, section 4.2); no
 * renegotiation, no compression, no sessions kept. NULL with ERROR_UNAVAILABLE. */
SSL_CTX *tls_context_new(const SSL_METHOD *method, struct error *err);

/* Reads texts of PEM. NULL where there is too much of it, or no memory. */
BIO *tls_open_pem(struct span text);

/* The next certificate, owned by the caller; NULL at the end, or where there is none. */
X509 *tls_next_certificate(BIO *pem);

/* Believes whoever has a certificate under one of these roots, and asks peers for one; `is_server`:
 * tells clients their names. False where the text has no certificate, or has another thing. */
bool tls_add_roots(SSL_CTX *context, struct span pem, bool is_server);

#endif
