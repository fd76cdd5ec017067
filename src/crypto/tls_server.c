#include "crypto/tls_server.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

/* TLS 1.2 (RFC 9325, section 4.2); those of TLS 1.3 are all of this kind. */
static const char ciphers[] = "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL";

/* struct tls_server is never defined: the pointer is OpenSSL's own. */
static SSL_CTX *context_of(struct tls_server *server)
{
    return (SSL_CTX *)server;
}

/* The next certificate of a PEM text; NULL at its end, or where it is no certificate. */
static X509 *next_certificate(BIO *bio)
{
    return PEM_read_bio_X509(bio, NULL, NULL, (void *)(uintptr_t) "");
}

static BIO *open_text(struct span text)
{
    return text.size <= INT_MAX ? BIO_new_mem_buf(text.data, (int)text.size) : NULL;
}

static int use_chain(SSL_CTX *context, struct span pem, struct error *err)
{
    BIO *bio = open_text(pem);
    X509 *certificate = bio ? next_certificate(bio) : NULL;
    bool good = certificate && SSL_CTX_use_certificate(context, certificate) == 1;
    X509_free(certificate);
    while (good && (certificate = next_certificate(bio)))
        good = SSL_CTX_add0_chain_cert(context, certificate) == 1; /* it owns it now */
    BIO_free(bio);
    if (!good)
        return error_set(err, ERROR_INVALID,
                         "the server's certificate cannot be read: PEM is expected");
    return 0;
}

static int use_key(SSL_CTX *context, struct span pem, struct error *err)
{
    BIO *bio = open_text(pem);
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
    X509_STORE *store = SSL_CTX_get_cert_store(context);
    BIO *bio = open_text(pem);
    size_t count = 0;
    bool good = bio;
    for (X509 *root; good && (root = next_certificate(bio)); count++) {
        good = X509_STORE_add_cert(store, root) == 1 && SSL_CTX_add_client_CA(context, root) == 1;
        X509_free(root);
    }
    BIO_free(bio);
    if (!good || count == 0)
        return error_set(err, ERROR_INVALID, "the clients' roots cannot be read: PEM is expected");
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    return 0;
}

struct tls_server *tls_server_new(struct span chain, struct span key, struct span client_roots,
                                  struct error *err)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (!context || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_cipher_list(context, ciphers) != 1) {
        SSL_CTX_free(context);
        ERR_clear_error();
        (void)error_set(err, ERROR_UNAVAILABLE, "OpenSSL offers no TLS here");
        return NULL;
    }
    (void)SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                           SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_TICKET);
    (void)SSL_CTX_set_num_tickets(context, 0);
    (void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
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
