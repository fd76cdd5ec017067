#include "crypto/tls_server.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "crypto/tls_context.h"

/* struct tls_server is never defined: the pointer is OpenSSL's own. */
static SSL_CTX *context_of(struct tls_server *server)
{
    return (SSL_CTX *)server;
}

static int use_chain(SSL_CTX *context, struct span pem, struct error *err)
{
    BIO *bio = tls_open_pem(pem);
    X509 *certificate = bio ? tls_next_certificate(bio) : NULL;
    bool good = certificate && SSL_CTX_use_certificate(context, certificate) == 1;
    X509_free(certificate);
    while (good && (certificate = tls_next_certificate(bio)))
        good = SSL_CTX_add0_chain_cert(context, certificate) == 1; /* it owns it now */
    BIO_free(bio);
    if (!good)
        return error_set(err, ERROR_INVALID,
                         "the server's certificate cannot be read: PEM is expected");
    return 0;
}

static int use_key(SSL_CTX *context, struct span pem, struct error *err)
{
    BIO *bio = tls_open_pem(pem);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *)(uintptr_t) "") : NULL;
    bool used = key && SSL_CTX_use_PrivateKey(context, key) == 1;
    EVP_PKEY_free(key);
    BIO_free(bio);
    if (!key)
        return error_set(err, ERROR_INVALID,
                         "the server's key cannot be read: an unencrypted PEM is expected");
    if (!used || SSL_CTX_check_private_key(context) != 1)
        return error_set(err, ERROR_INVALID, "the server's key is not its certificate's");
    return 0;
}

/* Clients are asked for a certificate under these roots; one without may still come in. */
static int use_client_roots(SSL_CTX *context, struct span pem, struct error *err)
{
    if (tls_add_roots(context, pem, true))
        return 0;
    return error_set(err, ERROR_INVALID, "the clients' roots cannot be read: PEM is expected");
}

struct tls_server *tls_server_new(struct span chain, struct span key, struct span client_roots,
                                  struct error *err)
{
    SSL_CTX *context = tls_context_new(TLS_server_method(), err);
    if (!context)
        return NULL;
    (void)SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_TICKET);
    (void)SSL_CTX_set_num_tickets(context, 0);
    /* An idle connection keeps no buffers: there may be ten thousand. */
    (void)SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    int result = use_chain(context, chain, err);
    if (result == 0)
        result = use_key(context, key, err);
    if (result == 0 && client_roots.size > 0)
        result = use_client_roots(context, client_roots, err);
    ERR_clear_error();
    if (result == 0)
        return (struct tls_server *)context;
    SSL_CTX_free(context);
    return NULL;
}

void tls_server_free(struct tls_server *server)
{
    SSL_CTX_free(context_of(server));
}

struct ssl_st *tls_server_session(struct tls_server *server)
{
    return SSL_new(context_of(server));
}

int tls_client_certificate(const struct ssl_st *session, struct buf *der, struct error *err)
{
    X509 *certificate = SSL_get0_peer_certificate(session);
    if (!certificate || SSL_get_verify_result(session) != X509_V_OK)
        return 0;
    uint8_t *bytes = NULL;
    int size = i2d_X509(certificate, &bytes);
    int result = size > 0 ? buf_append(der, span_of(bytes, (size_t)size), err) : error_memory(err);
    OPENSSL_free(bytes);
    return result;
}

void tls_session_end(struct ssl_st *session)
{
    (void)SSL_shutdown(session); /* what cannot be sent now is never sent */
    ERR_clear_error();
}

void tls_session_free(struct ssl_st *session)
{
    SSL_free(session);
}
