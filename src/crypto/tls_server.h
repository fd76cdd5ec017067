/*
 * TLS as a server (OpenSSL's), for the sessions of an event loop. TLS 1.2 and 1.3 with forward
 * secrecy and AEADs only, no renegotiation, no compression, no session kept by the server. A client
 * may be asked for a certificate; whether it needs one is the service's rule, not TLS's.
 */
#ifndef CAISSON_CRYPTO_TLS_SERVER_H
#define CAISSON_CRYPTO_TLS_SERVER_H

#include "base/buf.h"

struct tls_server;
struct ssl_st; /* OpenSSL's SSL: what libevent's bufferevents take */

/* `chain` is PEM, the server's own certificate first; `key` an unencrypted PEM. With `client_roots`
 * (PEM) clients are asked for a certificate, and one that does not chain to these ends the
 * handshake; where it is empty none is asked for. ERROR_INVALID for what cannot be read, and for a
 * key that is not the certificate's. The caller frees it, after its last session. */
struct tls_server *tls_server_new(struct span chain, struct span key, struct span client_roots,
                                  struct error *err);
void tls_server_free(struct tls_server *server);

/* A new session, for whoever frees it with its bufferevent; NULL when memory ran out. */
struct ssl_st *tls_server_session(struct tls_server *server);

/* Appends the certificate (DER) that the client proved to have; nothing where it gave none. */
int tls_client_certificate(const struct ssl_st *session, struct buf *der, struct error *err);

/* Frees a session that was given to no bufferevent; NULL is nothing. */
void tls_session_free(struct ssl_st *session);

/* Tells the client that nothing more comes; before the session's socket is closed. */
void tls_session_end(struct ssl_st *session);

#endif
