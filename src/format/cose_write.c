/*
 * Writing COSE_Sign1 messages, as the signers of policy fragments do: text labels, or claims where
 * the header has an svn. Labels stand in the order of RFC 8949, section 4.2.1, as theirs do.
 */
#include "format/cbor.h"
#include "format/cose.h"

static int write_label(struct buf *out, int64_t label, struct error *err)
{
    return cbor_write_integer(out, label, err);
}

static int write_span_text(struct buf *out, struct span text, struct error *err)
{
    if (cbor_write_head(out, CBOR_TEXT, text.size, err) < 0)
        return -1;
    return buf_append(out, text, err);
}

/* One certificate is a byte string, more are an array (RFC 9360, section 2). */
static int write_chain(const struct cose_sign1 *message, struct buf *out, struct error *err)
{
    if (write_label(out, 33, err) < 0 ||
        (message->x5chain_count > 1 &&
         cbor_write_head(out, CBOR_ARRAY, message->x5chain_count, err) < 0))
        return -1;
    for (size_t i = 0; i < message->x5chain_count; i++) {
        if (cbor_write_bytes(out, message->x5chain[i], err) < 0)
            return -1;
    }
    return 0;
}

/* Issuer, feed and svn as claims: signers' svn is nowhere else (hcsshim reads it only there). */
static int write_claims(const struct cose_sign1 *message, struct buf *out, struct error *err)
{
    if (write_label(out, 15, err) < 0 || cbor_write_head(out, CBOR_MAP, 3, err) < 0 ||
        write_label(out, 1, err) < 0 || write_span_text(out, message->issuer, err) < 0 ||
        write_label(out, 2, err) < 0 || write_span_text(out, message->feed, err) < 0 ||
        cbor_write_text(out, "svn", err) < 0)
        return -1;
    return cbor_write_head(out, CBOR_UNSIGNED, message->svn, err);
}

static int write_names(const struct cose_sign1 *message, struct buf *out, struct error *err)
{
    if (cbor_write_text(out, "iss", err) < 0 || write_span_text(out, message->issuer, err) < 0 ||
        cbor_write_text(out, "feed", err) < 0)
        return -1;
    return write_span_text(out, message->feed, err);
}

int cose_write_protected(const struct cose_sign1 *message, struct buf *out, struct error *err)
{
    if (cbor_write_head(out, CBOR_MAP, message->has_svn ? 4 : 5, err) < 0 ||
        write_label(out, 1, err) < 0 || cbor_write_integer(out, message->algorithm, err) < 0 ||
        write_label(out, 3, err) < 0 || write_span_text(out, message->content_type, err) < 0 ||
        (message->has_svn && write_claims(message, out, err) < 0) ||
        write_chain(message, out, err) < 0)
        return -1;
    return message->has_svn ? 0 : write_names(message, out, err);
}

int cose_write(const struct cose_sign1 *message, struct buf *out, struct error *err)
{
    if (cbor_write_head(out, CBOR_TAG, 18, err) < 0 ||
        cbor_write_head(out, CBOR_ARRAY, 4, err) < 0 ||
        cbor_write_bytes(out, message->protected_header, err) < 0 ||
        cbor_write_head(out, CBOR_MAP, 0, err) < 0 ||
        cbor_write_bytes(out, message->payload, err) < 0)
        return -1;
    return cbor_write_bytes(out, message->signature, err);
}
