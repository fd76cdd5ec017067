#include "crypto/tls_client.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <time.h>

#include "crypto/tls_context.h"

/* struct tls_client is never defined: the pointer is OpenSSL's own. */
static SSL *ssl_of(struct tls_client *client)
{
    return (SSL *)client;
}

int64_t tls_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int tls_wait(int fd, short events, int64_t deadline, struct error *err)
{
    for (;;) {
        struct pollfd wait = {.fd = fd, .events = events};
        int64_t left = deadline - tls_now();
        int ready = left > 0 ? poll(&wait, 1, left > INT_MAX ? INT_MAX : (int)left) : 0;
        if (ready > 0)
            return 0;
        if (ready == 0)
            return error_set(err, ERROR_UNAVAILABLE, "no answer in time");
        if (errno != EINTR)
            return error_system(err, errno, "cannot wait");
    }
}

/* --- whom to believe -------------------------------------------------------------------------- */

static SSL_CTX *make_context(struct span roots, struct error *err)
{
    SSL_CTX *context = tls_context_new(TLS_client_method(), err);
    if (!context || tls_add_roots(context, roots, false))
        return context;
    SSL_CTX_free(context);
    (void)error_set(err, ERROR_INVALID, "the service's roots are no certificates in PEM");
    return NULL;
}

/* A root may be any certificate of the chain, the server's own too. */
static bool expect(SSL *ssl, const char *name)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_NO_CHECK_TIME) !=
        1)
        return false;
    if (X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1)
        return true;
    ERR_clear_error();
    return X509_VERIFY_PARAM_set1_host(param, name, 0) == 1 &&
           SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                    (void *)(uintptr_t)name) == 1; /* its macro's cast is refused by some */
}

/* --- the session ------------------------------------------------------------------------------ */

/* After a call that returned `result`: 0 to call again, -1 where it failed. */
static int go_on(SSL *ssl, int result, int64_t deadline, struct error *err)
{
    long verified = SSL_get_verify_result(ssl);
    int why = SSL_get_error(ssl, result);
    ERR_clear_error();
    if (why == SSL_ERROR_WANT_READ)
        return tls_wait(SSL_get_fd(ssl), POLLIN, deadline, err);
    if (why == SSL_ERROR_WANT_WRITE)
        return tls_wait(SSL_get_fd(ssl), POLLOUT, deadline, err);
    if (verified != X509_V_OK)
        return error_set(err, ERROR_REFUSED, "the service's certificate is not believed: %s",
                         X509_verify_cert_error_string(verified));
    return error_set(err, ERROR_UNAVAILABLE, "the connection ended, or does not speak TLS 1.2");
}

struct tls_client *tls_client_open(int fd, const char *name, struct span roots, int64_t deadline,
                                   struct error *err)
{
    int result;
    SSL_CTX *context = make_context(roots, err);
    SSL *ssl = context ? SSL_new(context) : NULL;
    SSL_CTX_free(context); /* the session holds it */
    if (!context)
        return NULL;
    bool good = ssl && expect(ssl, name) && SSL_set_fd(ssl, fd) == 1;
    if (!good)
        (void)error_memory(err);
    while (good && (result = SSL_connect(ssl)) != 1)
        good = go_on(ssl, result, deadline, err) == 0;
    ERR_clear_error();
    if (good)
        return (struct tls_client *)ssl;
    SSL_free(ssl);
    return NULL;
}

void tls_client_close(struct tls_client *client)
{
    if (client)
        (void)SSL_shutdown(ssl_of(client)); /* what cannot be sent now is never sent */
    SSL_free(ssl_of(client));
    ERR_clear_error();
}

int tls_client_write(struct tls_client *client, struct span bytes, int64_t deadline,
                     struct error *err)
{
    SSL *ssl = ssl_of(client);
    size_t done = 0;
    int result;
    while (bytes.size > 0) {
        result = SSL_write_ex(ssl, bytes.data, bytes.size, &done);
        if (result != 1 && go_on(ssl, result, deadline, err) < 0)
            return -1;
        if (result == 1)
            bytes = span_of(bytes.data + done, bytes.size - done);
    }
    return 0;
}

int tls_client_read(struct tls_client *client, uint8_t *out, size_t size, size_t *got,
                    int64_t deadline, struct error *err)
{
    SSL *ssl = ssl_of(client);
    int result;
    while ((result = SSL_read_ex(ssl, out, size, got)) != 1) {
        if (SSL_get_error(ssl, result) == SSL_ERROR_ZERO_RETURN) {
            *got = 0;
            return 0;
        }
        if (go_on(ssl, result, deadline, err) < 0)
            return -1;
    }
    return 0;
}
