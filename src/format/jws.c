#include "format/jws.h"

#include "base/base64.h"

static const char unsigned_name[] = "none";

/* Cuts the bytes before the next dot off `rest`; false where there is no dot. */
static bool cut(struct span *rest, struct span *part)
{
    const uint8_t *dot = rest->size > 0 ? memchr(rest->data, '.', rest->size) : NULL;
    if (!dot)
        return false;
    *part = span_of(rest->data, (size_t)(dot - rest->data));
    *rest = span_of(dot + 1, rest->size - part->size - 1);
    return true;
}

static int read_parts(struct span header, struct span payload, struct span signature,
                      struct jws *out, struct error *err)
{
    out->header = jose_read_header(header, err);
    if (!out->header || json_get_text(out->header, "alg", &out->algorithm, err) < 0)
        return -1;
    if (base64url_decode(payload, &out->payload, err) < 0)
        return error_context(err, "the payload");
    return base64url_decode(signature, &out->signature, err) < 0
               ? error_context(err, "the signature")
               : 0;
}

int jws_read(struct span text, struct jws *out, struct error *err)
{
    struct span header;
    struct span payload;
    struct span rest = text;
    *out = (struct jws){.payload = BUF_WITH_LIMIT(JOSE_SIZE_MAX),
                        .signature = BUF_WITH_LIMIT(SIGNATURE_RSA_BITS_MAX / 8)};
    if (text.size > JOSE_SIZE_MAX)
        return error_set(err, ERROR_LIMIT, "a JWS of %zu bytes; at most %zu are accepted",
                         text.size, JOSE_SIZE_MAX);
    if (!cut(&rest, &header) || !cut(&rest, &payload))
        return error_set(err, ERROR_INVALID, "not a JWS: three parts with dots between are wanted");
    out->signed_part = span_of(text.data, header.size + 1 + payload.size);
    if (read_parts(header, payload, rest, out, err) == 0)
        return 0;
    jws_fini(out);
    return error_context(err, "JWS");
}

void jws_fini(struct jws *jws)
{
    json_decref(jws->header);
    buf_fini(&jws->payload);
    buf_fini(&jws->signature);
    jws->header = NULL;
    jws->algorithm = NULL;
}

static bool find_scheme(const char *name, enum signature_scheme *out)
{
    for (unsigned bit = SIGNATURE_ES256; bit <= SIGNATURE_RS512; bit <<= 1) {
        *out = (enum signature_scheme)bit;
        const char *known = signature_scheme_name(*out);
        if (known && strcmp(known, name) == 0)
            return true;
    }
    return false;
}

int jws_check(const struct jws *jws, const struct public_key *key, unsigned accepted,
              struct error *err)
{
    enum signature_scheme scheme;
    if (!find_scheme(jws->algorithm, &scheme) || !(accepted & scheme))
        return error_set(err, ERROR_REFUSED, "a signature by \"%.32s\" is not accepted here",
                         jws->algorithm);
    return public_key_check(key, scheme, jws->signed_part, buf_span(&jws->signature), err);
}

int jws_check_unsigned(const struct jws *jws, struct error *err)
{
    if (strcmp(jws->algorithm, unsigned_name) != 0)
        return error_set(err, ERROR_REFUSED, "signed by \"%.32s\", where an unsigned JWS is wanted",
                         jws->algorithm);
    return jws->signature.size == 0
               ? 0
               : error_set(err, ERROR_REFUSED, "\"alg\" is none, and there is a signature");
}

/* Header "." payload, appended. */
static int append_signed_part(const json_t *header, const char *algorithm, struct span payload,
                              struct buf *out, struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(JOSE_HEADER_MAX);
    json_auto_t *whole = json_pack("{s:s}", "alg", algorithm);
    if (json_object_get(header, "alg"))
        return error_set(err, ERROR_USAGE, "the header has an \"alg\" already");
    /* jansson takes the object that it copies from as mutable, and leaves it alone. */
    if (!whole || (header && json_object_update(whole, (json_t *)(uintptr_t)header) < 0))
        return error_memory(err);
    if (json_append(whole, &text, err) < 0 || base64url_encode(buf_span(&text), out, err) < 0 ||
        buf_append_byte(out, '.', err) < 0)
        return -1;
    return base64url_encode(payload, out, err);
}

int jws_sign(const json_t *header, struct span payload, const struct private_key *key,
             enum signature_scheme scheme, struct buf *out, struct error *err)
{
    size_t start = out->size;
    const char *name = signature_scheme_name(scheme);
    BUF_AUTO signature = BUF_WITH_LIMIT(SIGNATURE_RSA_BITS_MAX / 8);
    if (!name)
        return error_set(err, ERROR_USAGE, "this is no scheme of a signature");
    if (append_signed_part(header, name, payload, out, err) == 0 &&
        private_key_sign(key, scheme, span_of(out->data + start, out->size - start), &signature,
                         err) == 0 &&
        buf_append_byte(out, '.', err) == 0 &&
        base64url_encode(buf_span(&signature), out, err) == 0)
        return 0;
    buf_truncate(out, start);
    return -1;
}

int jws_append_unsigned(const json_t *header, struct span payload, struct buf *out,
                        struct error *err)
{
    size_t start = out->size;
    if (append_signed_part(header, unsigned_name, payload, out, err) == 0 &&
        buf_append_byte(out, '.', err) == 0)
        return 0;
    buf_truncate(out, start);
    return -1;
}
