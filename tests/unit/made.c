#include "made.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/base64.h"
#include "crypto/digest.h"
#include "format/cbor.h"

#define MADE_HOUR      3600
#define MADE_BYTES_MAX 65536

#define must(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            (void)fprintf(stderr, "made.c: %s\n", #condition);                                     \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

EVP_PKEY *made_key(const char *kind)
{
    EVP_PKEY *key = strcmp(kind, "RSA") == 0 ? EVP_RSA_gen(2048) : EVP_EC_gen(kind);
    must(key);
    return key;
}

void made_public_key(EVP_PKEY *key, struct buf *der)
{
    unsigned char *bytes = NULL;
    int size = i2d_PUBKEY(key, &bytes);
    must(size > 0 && buf_append(der, span_of(bytes, (size_t)size), NULL) == 0);
    OPENSSL_free(bytes);
}

static void set_name(X509_NAME *name, const char *text)
{
    char copy[256];
    must(snprintf(copy, sizeof copy, "%s", text) < (int)sizeof copy);
    for (char *save = NULL, *part = strtok_r(copy, "/", &save); part;
         part = strtok_r(NULL, "/", &save)) {
        char *value = strchr(part, '=');
        must(value);
        *value++ = '\0';
        must(X509_NAME_add_entry_by_txt(name, part, MBSTRING_UTF8, (const unsigned char *)value, -1,
                                        -1, 0) == 1);
    }
}

static void add(X509 *x509, int nid, const char *value)
{
    if (!value)
        return;
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    must(extension && X509_add_ext(x509, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

static void add_unknown(X509 *x509, const char *oid)
{
    if (!oid)
        return;
    ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    must(object && value &&
         ASN1_OCTET_STRING_set(value, (const unsigned char *)"\x05\x00", 2) == 1);
    X509_EXTENSION *extension = X509_EXTENSION_create_by_OBJ(NULL, object, 1, value);
    must(extension && X509_add_ext(x509, extension, -1) == 1);
    X509_EXTENSION_free(extension);
    ASN1_OCTET_STRING_free(value);
    ASN1_OBJECT_free(object);
}

void made_issue(const struct made_certificate *wanted, EVP_PKEY *subject, EVP_PKEY *issuer,
                const char *hash, struct buf *der)
{
    unsigned char *bytes = NULL;
    X509 *x509 = X509_new();
    must(x509 && X509_set_version(x509, X509_VERSION_3) == 1 &&
         ASN1_INTEGER_set(X509_get_serialNumber(x509), 1) == 1);
    set_name(X509_get_subject_name(x509), wanted->subject);
    set_name(X509_get_issuer_name(x509), wanted->issuer);
    int64_t from = wanted->not_before ? wanted->not_before : MADE_NOW - MADE_HOUR;
    int64_t to = wanted->not_after ? wanted->not_after : MADE_NOW + MADE_HOUR;
    must(ASN1_TIME_set(X509_getm_notBefore(x509), (time_t)from) &&
         ASN1_TIME_set(X509_getm_notAfter(x509), (time_t)to) &&
         X509_set_pubkey(x509, subject) == 1);
    add(x509, NID_basic_constraints, wanted->constraints);
    add(x509, NID_key_usage, wanted->key_usage);
    add(x509, NID_ext_key_usage, wanted->eku);
    add(x509, NID_subject_alt_name, wanted->san);
    add_unknown(x509, wanted->other);
    must(X509_sign(x509, issuer, EVP_get_digestbyname(hash)) > 0);
    int size = i2d_X509(x509, &bytes);
    must(size > 0 && buf_append(der, span_of(bytes, (size_t)size), NULL) == 0);
    OPENSSL_free(bytes);
    X509_free(x509);
}

static const struct {
    enum signature_scheme scheme;
    const char *hash;
    int padding;
    int scalar_size; /* 0 for RSA */
} schemes[] = {
    {SIGNATURE_ES256, "SHA256", 0, 32},
    {SIGNATURE_ES384, "SHA384", 0, 48},
    {SIGNATURE_ES512, "SHA512", 0, 66},
    {SIGNATURE_PS256, "SHA256", RSA_PKCS1_PSS_PADDING, 0},
    {SIGNATURE_PS384, "SHA384", RSA_PKCS1_PSS_PADDING, 0},
    {SIGNATURE_PS512, "SHA512", RSA_PKCS1_PSS_PADDING, 0},
    {SIGNATURE_RS256, "SHA256", RSA_PKCS1_PADDING, 0},
    {SIGNATURE_RS384, "SHA384", RSA_PKCS1_PADDING, 0},
    {SIGNATURE_RS512, "SHA512", RSA_PKCS1_PADDING, 0},
};

static void append_ecdsa(const unsigned char *der, size_t size, int scalar_size, struct buf *out)
{
    uint8_t bytes[2 * 66];
    ECDSA_SIG *numbers = d2i_ECDSA_SIG(NULL, &der, (long)size);
    must(numbers && BN_bn2binpad(ECDSA_SIG_get0_r(numbers), bytes, scalar_size) == scalar_size &&
         BN_bn2binpad(ECDSA_SIG_get0_s(numbers), bytes + scalar_size, scalar_size) == scalar_size &&
         buf_append(out, span_of(bytes, 2 * (size_t)scalar_size), NULL) == 0);
    ECDSA_SIG_free(numbers);
}

void made_sign(EVP_PKEY *key, enum signature_scheme scheme, struct span message, struct buf *out)
{
    size_t at = 0;
    while (schemes[at].scheme != scheme)
        must(++at < sizeof schemes / sizeof *schemes);
    uint8_t signature[1024];
    size_t size = sizeof signature;
    EVP_PKEY_CTX *key_ctx = NULL;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    must(EVP_DigestSignInit_ex(ctx, &key_ctx, schemes[at].hash, NULL, NULL, key, NULL) == 1);
    if (schemes[at].padding)
        must(EVP_PKEY_CTX_set_rsa_padding(key_ctx, schemes[at].padding) == 1);
    if (schemes[at].padding == RSA_PKCS1_PSS_PADDING)
        must(EVP_PKEY_CTX_set_rsa_pss_saltlen(key_ctx, RSA_PSS_SALTLEN_DIGEST) == 1);
    must(EVP_DigestSign(ctx, signature, &size, message.data, message.size) == 1);
    EVP_MD_CTX_free(ctx);
    if (schemes[at].scalar_size)
        append_ecdsa(signature, size, schemes[at].scalar_size, out);
    else
        must(buf_append(out, span_of(signature, size), NULL) == 0);
}

void made_chain_init(struct made_chain *chain)
{
    static const char authority[] = "critical,keyCertSign,cRLSign,digitalSignature";
    *chain = (struct made_chain){.hash = "SHA384",
                                 .certificates = {{.subject = "CN=Signer",
                                                   .issuer = "CN=Middle",
                                                   .constraints = "critical,CA:FALSE",
                                                   .key_usage = "critical,digitalSignature",
                                                   .eku = "1.3.6.1.4.1.99999.1.1," MADE_EKU},
                                                  {.subject = "CN=Middle",
                                                   .issuer = "CN=Root",
                                                   .constraints = "critical,CA:TRUE",
                                                   .key_usage = authority},
                                                  {.subject = "CN=Root",
                                                   .issuer = "CN=Root",
                                                   .constraints = "critical,CA:TRUE",
                                                   .key_usage = authority}}};
    for (int i = 0; i < MADE_CHAIN_LENGTH; i++) {
        chain->keys[i] = made_key("P-384");
        buf_init(&chain->ders[i], MADE_BYTES_MAX);
    }
}

void made_chain_issue(struct made_chain *chain)
{
    for (int i = 0; i < MADE_CHAIN_LENGTH; i++) {
        int issuer = i + 1 < MADE_CHAIN_LENGTH ? i + 1 : i;
        buf_fini(&chain->ders[i]);
        made_issue(&chain->certificates[i], chain->keys[i], chain->keys[issuer], chain->hash,
                   &chain->ders[i]);
    }
}

void made_chain_fini(struct made_chain *chain)
{
    for (int i = 0; i < MADE_CHAIN_LENGTH; i++) {
        EVP_PKEY_free(chain->keys[i]);
        buf_fini(&chain->ders[i]);
    }
}

void made_did(struct span certificate, struct buf *out)
{
    uint8_t digest[SHA256_SIZE];
    sha256_digest(certificate, digest);
    must(buf_append_text(out, "did:x509:0:sha256:", NULL) == 0 &&
         base64url_encode(span_of(digest, sizeof digest), out, NULL) == 0 &&
         buf_append_text(out, "::eku:" MADE_EKU, NULL) == 0);
}

/* A map that is written pair by pair, and counted. */
struct pairs {
    struct buf bytes;
    unsigned count;
};

static struct buf *label(struct pairs *pairs, int64_t number)
{
    pairs->count++;
    must(cbor_write_integer(&pairs->bytes, number, NULL) == 0);
    return &pairs->bytes;
}

static struct buf *text_label(struct pairs *pairs, const char *text)
{
    pairs->count++;
    must(cbor_write_text(&pairs->bytes, text, NULL) == 0);
    return &pairs->bytes;
}

static void close_pairs(struct pairs *pairs, struct buf *out)
{
    must(cbor_write_head(out, CBOR_MAP, pairs->count, NULL) == 0 &&
         buf_append(out, buf_span(&pairs->bytes), NULL) == 0);
    buf_fini(&pairs->bytes);
}

static void write_time(struct buf *out, int64_t seconds)
{
    must(cbor_write_head(out, CBOR_TAG, 1, NULL) == 0 &&
         cbor_write_integer(out, seconds, NULL) == 0);
}

static void write_chain(const struct made_message *message, struct pairs *header)
{
    struct buf *out = label(header, 33);
    if (message->chain_count != 1)
        must(cbor_write_head(out, CBOR_ARRAY, message->chain_count, NULL) == 0);
    for (size_t i = 0; i < message->chain_count; i++)
        must(cbor_write_bytes(out, message->chain[i], NULL) == 0);
}

static void write_text_labels(const struct made_message *message, struct pairs *header)
{
    if (message->content_type)
        must(cbor_write_text(label(header, 3), message->content_type, NULL) == 0);
    if (message->issuer)
        must(cbor_write_text(text_label(header, "iss"), message->issuer, NULL) == 0);
    if (message->feed)
        must(cbor_write_text(text_label(header, "feed"), message->feed, NULL) == 0);
    if (message->svn >= 0)
        must(cbor_write_integer(text_label(header, "svn"), message->svn, NULL) == 0);
    if (message->signing_time)
        write_time(text_label(header, "signingtime"), message->signing_time);
}

static void write_claims(const struct made_message *message, struct pairs *header)
{
    struct pairs claims = {.bytes = BUF_WITH_LIMIT(MADE_BYTES_MAX)};
    if (message->issuer)
        must(cbor_write_text(label(&claims, 1), message->issuer, NULL) == 0);
    if (message->feed)
        must(cbor_write_text(label(&claims, 2), message->feed, NULL) == 0);
    if (message->signing_time)
        write_time(label(&claims, 6), message->signing_time);
    if (message->svn >= 0)
        must(cbor_write_integer(text_label(&claims, "svn"), message->svn, NULL) == 0);
    close_pairs(&claims, label(header, 15));
    bool is_digest = message->shape == MADE_HASH_ENVELOPE;
    if (is_digest)
        must(cbor_write_integer(label(header, 258), COSE_SHA384, NULL) == 0);
    if (message->content_type)
        must(cbor_write_text(label(header, is_digest ? 259 : 3), message->content_type, NULL) == 0);
}

static void write_header(const struct made_message *message, struct buf *out)
{
    struct pairs header = {.bytes = BUF_WITH_LIMIT(MADE_BYTES_MAX)};
    must(cbor_write_integer(label(&header, 1), message->algorithm, NULL) == 0);
    if (message->chain_count > 0)
        write_chain(message, &header);
    if (message->x5t.size > 0) {
        struct buf *bytes = label(&header, 34);
        must(cbor_write_head(bytes, CBOR_ARRAY, 2, NULL) == 0 &&
             cbor_write_integer(bytes, COSE_SHA256, NULL) == 0 &&
             cbor_write_bytes(bytes, message->x5t, NULL) == 0);
    }
    if (message->shape == MADE_TEXT_LABELS)
        write_text_labels(message, &header);
    else
        write_claims(message, &header);
    close_pairs(&header, out);
}

void made_cose(const struct made_message *message, EVP_PKEY *key, enum signature_scheme scheme,
               struct buf *out)
{
    BUF_AUTO header = BUF_WITH_LIMIT(MADE_BYTES_MAX);
    BUF_AUTO signed_bytes = BUF_WITH_LIMIT(2 * MADE_BYTES_MAX);
    BUF_AUTO signature = BUF_WITH_LIMIT(MADE_BYTES_MAX);
    write_header(message, &header);
    const struct cose_sign1 parts = {.protected_header = buf_span(&header),
                                     .payload = message->payload};
    must(cose_to_be_signed(&parts, &signed_bytes, NULL) == 0);
    made_sign(key, scheme, buf_span(&signed_bytes), &signature);
    must(cbor_write_head(out, CBOR_TAG, 18, NULL) == 0 &&
         cbor_write_head(out, CBOR_ARRAY, 4, NULL) == 0 &&
         cbor_write_bytes(out, buf_span(&header), NULL) == 0);
    if (message->unprotected.size > 0)
        must(buf_append(out, message->unprotected, NULL) == 0);
    else
        must(cbor_write_head(out, CBOR_MAP, 0, NULL) == 0);
    must(cbor_write_bytes(out, message->payload, NULL) == 0 &&
         cbor_write_bytes(out, buf_span(&signature), NULL) == 0);
}
