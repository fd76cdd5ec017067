#include "crypto/tls_context.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/error.h"

/* Of TLS 1.2; those of TLS 1.3 are all of this kind. */
static const char ciphers[] = "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL";

SSL_CTX *tls_context_new(const SSL_METHOD *method, struct error *err)
{
    SSL_CTX *context = SSL_CTX_new(method);
    if (!context || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_cipher_list(context, ciphers) != 1) {
        SSL_CTX_free(context);
        ERR_clear_error();
        (void)error_set(err, ERROR_UNAVAILABLE, "OpenSSL offers no TLS here");
        return NULL;
    }
    (void)SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    (void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    return context;
}

BIO *tls_open_pem(struct span text)
{
    return text.size <= INT_MAX ? BIO_new_mem_buf(text.data, (int)text.size) : NULL;
}

X509 *tls_next_certificate(BIO *pem)
{
    return PEM_read_bio_X509(pem, NULL, NULL, (void *)(uintptr_t) "");
}

bool tls_add_roots(SSL_CTX *context, struct span pem, bool is_server)
{
    X509_STORE *store = SSL_CTX_get_cert_store(context);
    BIO *bio = tls_open_pem(pem);
    X509 *root;
    size_t count = 0;
    bool good = bio;
    for (; good && (root = tls_next_certificate(bio)); count++) {
        good = X509_STORE_add_cert(store, root) == 1 &&
               (!is_server || SSL_CTX_add_client_CA(context, root) == 1);
        X509_free(root);
    }
    BIO_free(bio);
    ERR_clear_error();
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    return good && count > 0;
}
