#include "format/jose.h"

#include "base/base64.h"
#include "crypto/certificate.h"

int jose_get_bytes(const json_t *object, const char *key, struct buf *out, struct error *err)
{
    const char *text;
    if (json_get_text(object, key, &text, err) < 0)
        return -1;
    return base64url_decode(span_of_text(text), out, err) < 0
               ? error_context(err, "key \"%s\"", key)
               : 0;
}

int jose_append_bytes(struct buf *out, struct span bytes, struct error *err)
{
    return buf_append_byte(out, '"', err) < 0 || base64url_encode(bytes, out, err) < 0
               ? -1
               : buf_append_byte(out, '"', err);
}

static int check_header(const json_t *header, struct error *err)
{
    static const char *const refused[] = {"crit", "b64", "zip"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        if (json_object_get(header, refused[i]))
            return error_set(err, ERROR_INVALID, "\"%s\" in the header is not implemented here",
                             refused[i]);
    }
    return 0;
}

json_t *jose_read_header(struct span text, struct error *err)
{
    static const struct json_limits limits = {.size = JOSE_HEADER_MAX, .depth = JOSE_DEPTH_MAX};
    BUF_AUTO bytes = BUF_WITH_LIMIT(JOSE_HEADER_MAX);
    if (base64url_decode(text, &bytes, err) < 0) {
        (void)error_context(err, "the header");
        return NULL;
    }
    json_t *header = json_parse_object(buf_span(&bytes), &limits, err);
    if (!header) {
        (void)error_context(err, "the header");
        return NULL;
    }
    if (check_header(header, err) == 0)
        return header;
    json_decref(header);
    return NULL;
}

void jose_chain_fini(struct jose_chain *chain)
{
    for (size_t i = 0; i < chain->count; i++)
        buf_fini(&chain->ders[i]);
    chain->count = 0;
}

static int read_certificate(const json_t *array, size_t index, struct jose_chain *chain,
                            struct error *err)
{
    const char *text;
    if (json_text_at(array, index, "x5c", &text, err) < 0)
        return -1;
    struct buf *der = &chain->ders[chain->count++];
    buf_init(der, CERTIFICATE_DER_MAX);
    if (base64_decode(span_of_text(text), der, err) < 0)
        return error_context(err, "x5c[%zu]", index);
    CERTIFICATE_AUTO *certificate = certificate_from_der(buf_span(der), err);
    return certificate ? 0 : error_context(err, "x5c[%zu]", index);
}

int jose_read_chain(const json_t *object, struct jose_chain *out, struct error *err)
{
    json_t *array;
    if (json_find_array(object, "x5c", &array, err) < 0)
        return -1;
    size_t count = json_array_size(array);
    if (array && (count == 0 || count > JOSE_CHAIN_MAX))
        return error_set(err, count == 0 ? ERROR_INVALID : ERROR_LIMIT,
                         "x5c has %zu certificates; 1 to %d are accepted", count, JOSE_CHAIN_MAX);
    for (size_t i = 0; i < count; i++) {
        if (read_certificate(array, i, out, err) < 0) {
            jose_chain_fini(out);
            return -1;
        }
    }
    return 0;
}

int jose_append_chain(struct buf *out, const struct jose_chain *chain, struct error *err)
{
    if (buf_append_text(out, "\"x5c\":[", err) < 0)
        return -1;
    for (size_t i = 0; i < chain->count; i++) {
        if (buf_append_text(out, i > 0 ? ",\"" : "\"", err) < 0 ||
            base64_encode(buf_span(&chain->ders[i]), out, err) < 0 ||
            buf_append_byte(out, '"', err) < 0)
            return -1;
    }
    return buf_append_byte(out, ']', err);
}
