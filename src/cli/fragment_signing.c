#include "cli/fragment_signing.h"

#include <ctype.h>

#include "base/base64.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/text.h"
#include "cli/fragment_rows.h"
#include "crypto/issue.h"
#include "evidence/signed_fragment.h"
#include "os/file.h"
#include "policy/policy.h"

#define PEM_MAX    65536
#define ISSUER_MAX 2048

static const struct {
    const char *name;
    enum signature_scheme scheme;
    enum cose_algorithm algorithm;
} algorithms[] = {
    {"PS256", SIGNATURE_PS256, COSE_PS256}, {"PS384", SIGNATURE_PS384, COSE_PS384},
    {"PS512", SIGNATURE_PS512, COSE_PS512}, {"ES256", SIGNATURE_ES256, COSE_ES256},
    {"ES384", SIGNATURE_ES384, COSE_ES384}, {"ES512", SIGNATURE_ES512, COSE_ES512},
};

/* All that goes into the message; its spans point here. */
struct signing {
    struct span text;
    struct buf certificates[COSE_CHAIN_MAX];
    char issuer[ISSUER_MAX];
    struct private_key *key;
    enum signature_scheme scheme;
    struct cose_sign1 message;
    struct buf header;
    struct buf signature;
};

static void signing_fini(struct signing *signing)
{
    buf_fini(&signing->header);
    buf_fini(&signing->signature);
    private_key_free(signing->key);
    for (size_t i = 0; i < COSE_CHAIN_MAX; i++)
        buf_fini(&signing->certificates[i]);
}

static int read_chain(const char *path, struct signing *signing, struct error *err)
{
    BUF_AUTO pem = BUF_WITH_LIMIT(PEM_MAX);
    if (file_read(path, &pem, err) < 0)
        return -1;
    struct span rest = buf_span(&pem);
    size_t count = 0;
    for (; rest.size > 0; count++) {
        if (count == COSE_CHAIN_MAX)
            return error_set(err, ERROR_LIMIT, "%s: more than %d certificates", path,
                             COSE_CHAIN_MAX);
        buf_init(&signing->certificates[count], CERTIFICATE_DER_MAX);
        if (certificate_pem_next(&rest, &signing->certificates[count], err) < 0)
            return error_context(err, "%s", path);
        signing->message.x5chain[count] = buf_span(&signing->certificates[count]);
    }
    signing->message.x5chain_count = count;
    if (count < 2)
        return error_set(err, ERROR_INVALID, "%s: a leaf and its authority are needed", path);
    return 0;
}

static int read_key(const char *path, struct signing *signing, struct error *err)
{
    struct buf pem = BUF_WITH_LIMIT(PEM_MAX);
    int result = file_read(path, &pem, err);
    if (result == 0) {
        signing->key = private_key_from_pem(buf_span(&pem), err);
        result = signing->key ? 0 : error_context(err, "%s", path);
    }
    buf_fini_secret(&pem);
    return result;
}

static int check_key(struct signing *signing, struct error *err)
{
    CERTIFICATE_AUTO *leaf = certificate_from_der(signing->message.x5chain[0], err);
    if (!leaf)
        return -1;
    if (!private_key_matches(signing->key, leaf))
        return error_set(err, ERROR_REFUSED, "the key is not that of the first certificate");
    return 0;
}

static int choose_algorithm(const char *name, struct signing *signing, struct error *err)
{
    if (!name && !private_key_scheme(signing->key, &signing->scheme))
        return error_set(err, ERROR_INVALID, "a key of this kind can't sign a fragment");
    for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++) {
        if (name ? strcmp(algorithms[i].name, name) == 0
                 : algorithms[i].scheme == signing->scheme) {
            signing->scheme = algorithms[i].scheme;
            signing->message.algorithm = algorithms[i].algorithm;
            return 0;
        }
    }
    return error_set(err, ERROR_USAGE,
                     "the algorithm is \"%s\"; PS256, PS384, PS512, ES256, ES384 "
                     "and ES512 can be",
                     name ? name : "");
}

/* The leaf's name, percent-encoded as did:x509 wants it. */
static int append_name(const char *name, struct buf *out, struct error *err)
{
    if (!*name)
        return error_set(err, ERROR_INVALID,
                         "the first certificate has no common name; name the issuer by --issuer");
    for (; *name; name++) {
        bool plain = isalnum((unsigned char)*name) || strchr("._-", *name);
        if (buf_printf(out, err, plain ? "%c" : "%%%02X", (unsigned char)*name) < 0)
            return -1;
    }
    return 0;
}

/* did:x509:0:sha256:<the last certificate>::subject:CN:<the leaf's name>, as confcom makes it. */
static int make_issuer(struct signing *signing, struct error *err)
{
    uint8_t digest[SHA256_SIZE];
    BUF_AUTO text = BUF_WITH_LIMIT(ISSUER_MAX - 1);
    const struct cose_sign1 *message = &signing->message;
    CERTIFICATE_AUTO *leaf = certificate_from_der(message->x5chain[0], err);
    if (!leaf)
        return -1;
    sha256_digest(message->x5chain[message->x5chain_count - 1], digest);
    if (buf_append_text(&text, "did:x509:0:sha256:", err) < 0 ||
        base64url_encode(span_of(digest, sizeof digest), &text, err) < 0 ||
        buf_append_text(&text, "::subject:CN:", err) < 0 ||
        append_name(certificate_name(leaf), &text, err) < 0)
        return -1;
    (void)text_copy(signing->issuer, sizeof signing->issuer, buf_text(&text));
    return 0;
}

static int choose_issuer(const char *given, struct signing *signing, struct error *err)
{
    if (!given)
        return make_issuer(signing, err);
    if (!text_copy(signing->issuer, sizeof signing->issuer, given))
        return error_set(err, ERROR_USAGE, "the issuer is longer than %d bytes", ISSUER_MAX - 1);
    return 0;
}

static int choose_svn(const char *given, struct signing *signing, struct error *err)
{
    POLICY_AUTO fragment = NULL;
    struct cose_sign1 *message = &signing->message;
    uint64_t own;
    if (policy_parse_fragment(signing->text, NULL, &fragment, err) < 0)
        return -1;
    const char *text = policy_svn(fragment);
    if (!given)
        return text ? 0 : error_set(err, ERROR_INVALID, "the fragment has no svn; it needs one");
    if (!text_to_u64(given, INT64_MAX, &message->svn))
        return error_set(err, ERROR_USAGE, "--svn is \"%s\", not a number", given);
    if (text && (!text_to_u64(text, INT64_MAX, &own) || own != message->svn))
        return error_set(err, ERROR_REFUSED, "--svn is %s, the fragment's own is %.64s", given,
                         text);
    message->has_svn = true;
    return 0;
}

static int check_rows(const char *path, const struct signing *signing, struct error *err)
{
    struct error missing;
    POLICY_AUTO rows = NULL;
    BUF_AUTO parameters;
    if (fragment_parameters_read(path, &parameters, err) < 0 ||
        fragment_rows_read(signing->text, buf_text(&parameters), &rows, &missing, err) < 0)
        return -1;
    if (!rows)
        log_warning("the rows were not checked: %s; --parameters gives values", missing.text);
    return 0;
}

static int read_all(const struct fragment_signing *how, struct signing *signing, struct error *err)
{
    if (read_chain(how->chain, signing, err) < 0 || read_key(how->key, signing, err) < 0 ||
        check_key(signing, err) < 0 || choose_algorithm(how->algorithm, signing, err) < 0 ||
        choose_issuer(how->issuer, signing, err) < 0 || choose_svn(how->svn, signing, err) < 0 ||
        check_rows(how->parameters, signing, err) < 0)
        return -1;
    signing->message.content_type = span_of_text(how->content_type);
    signing->message.issuer = span_of_text(signing->issuer);
    signing->message.feed = span_of_text(how->feed);
    signing->message.payload = signing->text;
    return 0;
}

static int sign(struct signing *signing, struct buf *out, struct error *err)
{
    BUF_AUTO bytes = BUF_WITH_LIMIT(COSE_SIZE_MAX);
    if (cose_write_protected(&signing->message, &signing->header, err) < 0)
        return -1;
    signing->message.protected_header = buf_span(&signing->header);
    if (cose_to_be_signed(&signing->message, &bytes, err) < 0 ||
        private_key_sign(signing->key, signing->scheme, buf_span(&bytes), &signing->signature,
                         err) < 0)
        return -1;
    signing->message.signature = buf_span(&signing->signature);
    return cose_write(&signing->message, out, err);
}

/* What is written is verified as a guest would: one that nobody takes is an error here. */
static int check_signed(struct span message, struct error *err)
{
    struct signed_fragment fragment;
    if (signed_fragment_verify(message, &fragment, err) < 0)
        return error_context(err, "what was signed would not be accepted");
    return 0;
}

int fragment_sign(struct span text, const struct fragment_signing *how, struct buf *out,
                  struct error *err)
{
    __attribute__((cleanup(signing_fini))) struct signing signing = {
        .text = text,
        .header = BUF_WITH_LIMIT(COSE_SIZE_MAX),
        .signature = BUF_WITH_LIMIT(COSE_SIZE_MAX)};
    if (read_all(how, &signing, err) < 0 || sign(&signing, out, err) < 0)
        return -1;
    return check_signed(buf_span(out), err);
}
