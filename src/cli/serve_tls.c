#include "cli/serve_tls.h"

#include <time.h>

#include "base/log.h"
#include "base/text.h"
#include "crypto/certificate.h"
#include "crypto/issue.h"
#include "crypto/random.h"
#include "os/file.h"
#include "os/output.h"

#define PEM_MAX          ((size_t)256 << 10)
#define DEVELOPMENT_DAYS 365

/* subjectAltName (RFC 5280, section 4.2.1.6): localhost, 127.0.0.1 and ::1. */
static const uint8_t local_names[] = {
    0x30, 0x23, 0x82, 9, 'l', 'o', 'c', 'a', 'l', 'h', 'o', 's', 't', 0x87, 4, 127, 0, 0, 1,
    0x87, 16,   0,    0, 0,   0,   0,   0,   0,   0,   0,   0,   0,   0,    0, 0,   0, 0, 1,
};

static int make_certificate(const char *name, bool is_server, const struct private_key *key,
                            struct buf *pem, struct error *err)
{
    BUF_AUTO der = BUF_WITH_LIMIT(CERTIFICATE_DER_MAX);
    uint64_t serial;
    int64_t now = (int64_t)time(NULL);
    struct issue_extension names = {"2.5.29.17", span_of(local_names, sizeof local_names)};
    if (random_bytes(&serial, sizeof serial, err) < 0)
        return -1;
    struct issue_request request = {
        .subject = name,
        .issuer = name,
        .serial = serial >> 1,
        .not_before = now - 3600,
        .not_after = now + DEVELOPMENT_DAYS * INT64_C(86400),
        .extensions = &names,
        .extension_count = is_server ? 1 : 0,
    };
    if (certificate_issue(&request, key, key, &der, err) < 0)
        return -1;
    return certificate_der_to_pem(buf_span(&der), pem, err);
}

/* The key first: a certificate without its key would be in the way of the next start. */
static int make_development(const char *certificate_path, const char *key_path, struct error *err)
{
    BUF_AUTO certificate = BUF_WITH_LIMIT(PEM_MAX);
    struct buf key_pem = BUF_WITH_LIMIT(PEM_MAX);
    PRIVATE_KEY_AUTO *key = private_key_new_p256(err);
    int result = -1;
    if (key &&
        make_certificate("caisson development certificate", true, key, &certificate, err) == 0 &&
        private_key_to_pem(key, &key_pem, err) == 0 &&
        output_write(key_path, buf_span(&key_pem), 0600, err) == 0)
        result = output_write(certificate_path, buf_span(&certificate), 0644, err);
    buf_fini_secret(&key_pem);
    if (result == 0)
        log_warning("made a development certificate, %s: no client trusts it until it is told to",
                    certificate_path);
    return result;
}

/* Whether the file's first certificate is valid now; its DER is appended. */
static bool is_valid(const char *path, struct buf *der)
{
    struct buf pem = BUF_WITH_LIMIT(PEM_MAX); /* may hold a key as well */
    bool valid = false;
    if (file_read(path, &pem, NULL) == 0) {
        struct span rest = buf_span(&pem);
        CERTIFICATE_AUTO *certificate = certificate_pem_next(&rest, der, NULL) == 0
                                            ? certificate_from_der(buf_span(der), NULL)
                                            : NULL;
        valid = certificate && certificate_valid_at(certificate, (int64_t)time(NULL));
    }
    buf_fini_secret(&pem);
    return valid;
}

/* Certificate and key in one file, as a client shows them. */
static int make_client(const char *path, struct error *err)
{
    struct buf pem = BUF_WITH_LIMIT(PEM_MAX);
    PRIVATE_KEY_AUTO *key = private_key_new_p256(err);
    int result = -1;
    if (key && make_certificate("caisson administrator", false, key, &pem, err) == 0 &&
        private_key_to_pem(key, &pem, err) == 0)
        result = output_write(path, buf_span(&pem), 0600, err);
    buf_fini_secret(&pem);
    return result;
}

int serve_client_certificate(const char *path, bool *made, uint8_t digest[SHA256_SIZE],
                             struct error *err)
{
    BUF_AUTO der = BUF_WITH_LIMIT(CERTIFICATE_DER_MAX);
    *made = !is_valid(path, &der);
    if (*made) {
        buf_truncate(&der, 0);
        if (make_client(path, err) < 0)
            return -1;
        if (!is_valid(path, &der))
            return error_set(err, ERROR_INVALID, "%s: what was written is no certificate", path);
    }
    sha256_digest(buf_span(&der), digest);
    return 0;
}

static int open_files(const char *certificate_path, const char *key_path, const char *roots_path,
                      struct tls_server **out, struct error *err)
{
    BUF_AUTO certificate = BUF_WITH_LIMIT(PEM_MAX), roots = BUF_WITH_LIMIT(PEM_MAX);
    struct buf key = BUF_WITH_LIMIT(PEM_MAX);
    if (file_read(certificate_path, &certificate, err) == 0 &&
        (!roots_path || file_read(roots_path, &roots, err) == 0) &&
        file_read(key_path, &key, err) == 0) {
        *out = tls_server_new(buf_span(&certificate), buf_span(&key), buf_span(&roots), err);
        if (!*out)
            (void)error_context(err, "%s", certificate_path);
    }
    buf_fini_secret(&key);
    return *out ? 0 : -1;
}

int serve_tls_open(const struct config *config, struct tls_server **out, struct error *err)
{
    *out = NULL;
    if (config->tls_certificate)
        return open_files(config->tls_certificate, config->tls_key, config->client_roots, out, err);
    TEXT_AUTO certificate = text_format("%s/development.pem", config->state);
    TEXT_AUTO key = text_format("%s/development.key", config->state);
    BUF_AUTO der = BUF_WITH_LIMIT(CERTIFICATE_DER_MAX);
    if (!certificate || !key)
        return error_memory(err);
    if (!is_valid(certificate, &der) && make_development(certificate, key, err) < 0)
        return -1;
    return open_files(certificate, key, config->client_roots, out, err);
}
