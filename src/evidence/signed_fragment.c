#include "evidence/signed_fragment.h"

#include "base/text.h"
#include "evidence/cose_signer.h"

/* Other tools call the text by other types; all end alike. */
#define CONTENT_TYPE_END "+rego"

static bool ends_in_rego(struct span type)
{
    const size_t size = sizeof CONTENT_TYPE_END - 1;
    return type.size > size &&
           span_equal_text(span_of(type.data + type.size - size, size), CONTENT_TYPE_END);
}

int signed_fragment_read(struct span cose, struct cose_sign1 *message, struct signed_fragment *out,
                         struct error *err)
{
    *out = (struct signed_fragment){0};
    if (cose_parse(cose, message, err) < 0)
        return -1;
    if (message->is_hash_envelope || !ends_in_rego(message->content_type))
        return error_set(err, ERROR_INVALID,
                         "this COSE message is no policy fragment: its content type is "
                         "not " FRAGMENT_CONTENT_TYPE);
    if (message->issuer.size == 0 || message->feed.size == 0)
        return error_set(err, ERROR_INVALID, "the fragment's header names no issuer, or no feed");
    if (!text_is_utf8(message->payload) ||
        (message->payload.size > 0 && memchr(message->payload.data, '\0', message->payload.size)))
        return error_set(err, ERROR_INVALID, "the fragment is not UTF-8 text without zero bytes");
    *out = (struct signed_fragment){message->issuer, message->feed, message->has_svn, message->svn,
                                    message->payload};
    return 0;
}

int signed_fragment_verify(struct span cose, struct signed_fragment *out, struct error *err)
{
    struct cose_sign1 message;
    if (signed_fragment_read(cose, &message, out, err) < 0)
        return -1;
    return cose_signer_verify(&message, err);
}
