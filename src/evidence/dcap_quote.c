#include "evidence/dcap_quote.h"

#include "base/cursor.h"

#define QUOTE_V3 3
#define QUOTE_V5 5

static int read_header(struct cursor *cursor, struct dcap_quote *quote, struct error *err)
{
    bool good = cursor_le16(cursor, &quote->version) &&
                cursor_le16(cursor, &quote->attestation_key_type) &&
                cursor_le32(cursor, &quote->tee_type) && cursor_le16(cursor, &quote->qe_svn) &&
                cursor_le16(cursor, &quote->pce_svn) &&
                cursor_copy(cursor, quote->qe_vendor, sizeof quote->qe_vendor) &&
                cursor_copy(cursor, quote->user_data, sizeof quote->user_data);
    if (!good)
        return error_set(err, ERROR_INVALID, "the quote is shorter than its header of %d bytes",
                         DCAP_HEADER_SIZE);
    if (quote->version < DCAP_VERSION_MIN || quote->version > DCAP_VERSION_MAX)
        return error_set(err, ERROR_INVALID, "the quote has version %u; %d to %d are known",
                         quote->version, DCAP_VERSION_MIN, DCAP_VERSION_MAX);
    if (quote->attestation_key_type != DCAP_KEY_ECDSA_P256)
        return error_set(err, ERROR_INVALID,
                         "the attestation key has type %u; only 2 (ECDSA on P-256) is known",
                         quote->attestation_key_type);
    if (quote->tee_type != DCAP_TEE_SGX &&
        (quote->tee_type != DCAP_TEE_TDX || quote->version == QUOTE_V3))
        return error_set(err, ERROR_INVALID, "TEE type 0x%x is not known in a quote of version %u",
                         quote->tee_type, quote->version);
    return 0;
}

/* Version 5 names the report's kind and size; before, the TEE decides. */
static int read_body(struct cursor *cursor, struct dcap_quote *quote, struct error *err)
{
    uint16_t body = quote->tee_type == DCAP_TEE_SGX ? DCAP_BODY_SGX : DCAP_BODY_TD10;
    uint32_t size = (uint32_t)dcap_body_size(body);
    if (quote->version == QUOTE_V5) {
        (void)cursor_le16(cursor, &body);
        (void)cursor_le32(cursor, &size);
    }
    if (!cursor->failed && (dcap_body_size(body) == 0 || size != dcap_body_size(body)))
        return error_set(err, ERROR_INVALID, "a report of type %u and %u bytes is not known", body,
                         size);
    if (!cursor->failed && dcap_body_is_td(body) != (quote->tee_type == DCAP_TEE_TDX))
        return error_set(err, ERROR_INVALID, "TEE type 0x%x does not go with a report of type %u",
                         quote->tee_type, body);
    quote->body = body;
    if (!cursor_read(cursor, size, &quote->report))
        return error_set(err, ERROR_INVALID, "the quote ends within its report");
    return 0;
}

/* u16 type, u32 size, data. */
static bool read_certification(struct cursor *cursor, uint16_t *type, struct span *data)
{
    uint32_t size = 0;
    return cursor_le16(cursor, type) && cursor_le32(cursor, &size) &&
           cursor_read(cursor, size, data);
}

/* The report of the quoting enclave, and how its signer is certified. */
static int read_qe(struct cursor *cursor, struct dcap_quote *quote, struct error *err)
{
    uint16_t auth_size = 0;
    bool good = cursor_read(cursor, DCAP_SGX_SIZE, &quote->qe_report) &&
                cursor_read(cursor, P256_SIGNATURE_SIZE, &quote->qe_signature) &&
                cursor_le16(cursor, &auth_size) &&
                cursor_read(cursor, auth_size, &quote->qe_auth_data) &&
                read_certification(cursor, &quote->certification_type, &quote->certification_data);
    if (!good)
        return error_set(err, ERROR_INVALID,
                         "the signature data end within the quoting enclave's report");
    if (!cursor_at_end(cursor))
        return error_set(err, ERROR_INVALID, "%zu bytes are left after the certification data",
                         cursor->rest.size);
    return 0;
}

static int read_signature(struct span bytes, struct dcap_quote *quote, struct error *err)
{
    uint16_t type = 0;
    struct span wrapped;
    struct cursor cursor = cursor_of(bytes);
    bool good = cursor_read(&cursor, P256_SIGNATURE_SIZE, &quote->signature) &&
                cursor_read(&cursor, P256_POINT_SIZE, &quote->attestation_key);
    if (good && quote->version == QUOTE_V3)
        return read_qe(&cursor, quote, err);
    if (!good || !read_certification(&cursor, &type, &wrapped) || !cursor_at_end(&cursor))
        return error_set(err, ERROR_INVALID,
                         "the signature data of %zu bytes are no signature, key and certification",
                         bytes.size);
    if (type != DCAP_CERTIFICATION_QE_REPORT)
        return error_set(err, ERROR_INVALID, "certification data of type %u instead of 6", type);
    cursor = cursor_of(wrapped);
    return read_qe(&cursor, quote, err);
}

int dcap_quote_parse(struct span bytes, struct dcap_quote *quote, struct error *err)
{
    uint32_t size = 0;
    struct span signature;
    struct cursor cursor = cursor_of(bytes);
    memset(quote, 0, sizeof *quote);
    if (bytes.size > DCAP_QUOTE_SIZE_MAX)
        return error_set(err, ERROR_LIMIT, "a quote of %zu bytes; at most %d are accepted",
                         bytes.size, DCAP_QUOTE_SIZE_MAX);
    if (read_header(&cursor, quote, err) < 0 || read_body(&cursor, quote, err) < 0)
        return -1;
    quote->signed_bytes = span_of(bytes.data, bytes.size - cursor.rest.size);
    if (!cursor_le32(&cursor, &size) || !cursor_read(&cursor, size, &signature))
        return error_set(err, ERROR_INVALID, "the quote ends within its signature data of %u bytes",
                         size);
    quote->trailing = cursor.rest;
    return read_signature(signature, quote, err);
}
