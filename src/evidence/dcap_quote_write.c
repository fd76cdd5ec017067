#include "evidence/dcap_quote_write.h"

#define WRAPPER_SIZE 6 /* type and size around the quoting enclave's part, from version 4 on */

const uint8_t dcap_vendor_intel[DCAP_VENDOR_SIZE] = {
    0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9, 0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07};

static int sign(const struct private_key *key, struct span bytes,
                uint8_t signature[P256_SIGNATURE_SIZE], struct error *err)
{
    uint8_t digest[SHA256_SIZE];
    sha256_digest(bytes, digest);
    return private_key_sign_p256(key, digest, signature, err);
}

/* Header and report: what the attestation key signs. */
static int put_head(const struct dcap_quoting *quoting, struct buf *out, struct error *err)
{
    static const uint8_t user_data[DCAP_USER_DATA_SIZE];
    bool is_td = dcap_body_is_td(quoting->body);
    if (buf_append_le16(out, quoting->version, err) < 0 ||
        buf_append_le16(out, DCAP_KEY_ECDSA_P256, err) < 0 ||
        buf_append_le32(out, is_td ? DCAP_TEE_TDX : DCAP_TEE_SGX, err) < 0 ||
        buf_append_le16(out, quoting->qe_svn, err) < 0 ||
        buf_append_le16(out, quoting->pce_svn, err) < 0 ||
        buf_append(out, span_of(quoting->vendor, DCAP_VENDOR_SIZE), err) < 0 ||
        buf_append(out, span_of(user_data, sizeof user_data), err) < 0)
        return -1;
    if (quoting->version >= 5 && (buf_append_le16(out, (uint16_t)quoting->body, err) < 0 ||
                                  buf_append_le32(out, (uint32_t)quoting->report.size, err) < 0))
        return -1;
    return buf_append(out, quoting->report, err);
}

/* SHA-256(attestation key ‖ auth data) into the report data of the quoting enclave's report. */
static void bind_key(struct dcap_quoting *quoting, const uint8_t point[P256_POINT_SIZE])
{
    struct sha256 ctx;
    struct span report = span_of(quoting->qe_report, sizeof quoting->qe_report);
    struct span data = dcap_report_get(DCAP_BODY_SGX, report, DCAP_REPORT_DATA);
    sha256_init(&ctx);
    sha256_update(&ctx, span_of(point, P256_POINT_SIZE));
    sha256_update(&ctx, quoting->qe_auth_data);
    sha256_final(&ctx, quoting->qe_report + (data.data - report.data));
}

static int put_quoting_enclave(struct dcap_quoting *quoting, const uint8_t point[P256_POINT_SIZE],
                               struct buf *out, struct error *err)
{
    uint8_t signature[P256_SIGNATURE_SIZE];
    bind_key(quoting, point);
    struct span report = span_of(quoting->qe_report, sizeof quoting->qe_report);
    if (sign(quoting->pck, report, signature, err) < 0 || buf_append(out, report, err) < 0 ||
        buf_append(out, span_of(signature, sizeof signature), err) < 0 ||
        buf_append_le16(out, (uint16_t)quoting->qe_auth_data.size, err) < 0 ||
        buf_append(out, quoting->qe_auth_data, err) < 0 ||
        buf_append_le16(out, quoting->certification_type, err) < 0 ||
        buf_append_le32(out, (uint32_t)quoting->certification_data.size, err) < 0)
        return -1;
    return buf_append(out, quoting->certification_data, err);
}

/* What follows the report: its size, signature, key, and the quoting enclave's part. */
static int put_tail(const struct dcap_quoting *quoting, const uint8_t signature[],
                    const uint8_t point[], struct span enclave, struct buf *out, struct error *err)
{
    bool is_wrapped = quoting->version > DCAP_VERSION_MIN;
    size_t size = P256_SIGNATURE_SIZE + P256_POINT_SIZE + enclave.size +
                  (is_wrapped ? WRAPPER_SIZE : 0);
    if (buf_append_le32(out, (uint32_t)size, err) < 0 ||
        buf_append(out, span_of(signature, P256_SIGNATURE_SIZE), err) < 0 ||
        buf_append(out, span_of(point, P256_POINT_SIZE), err) < 0)
        return -1;
    if (is_wrapped && (buf_append_le16(out, DCAP_CERTIFICATION_QE_REPORT, err) < 0 ||
                       buf_append_le32(out, (uint32_t)enclave.size, err) < 0))
        return -1;
    return buf_append(out, enclave, err);
}

int dcap_quote_write(struct dcap_quoting *quoting, struct buf *quote, struct error *err)
{
    uint8_t signature[P256_SIGNATURE_SIZE];
    uint8_t point[P256_POINT_SIZE];
    BUF_AUTO head = BUF_WITH_LIMIT(DCAP_QUOTE_SIZE_MAX);
    BUF_AUTO enclave = BUF_WITH_LIMIT(DCAP_QUOTE_SIZE_MAX);
    if (quoting->report.size != dcap_body_size(quoting->body) ||
        quoting->qe_auth_data.size > UINT16_MAX)
        return error_set(err, ERROR_INVALID,
                         "a quote of a report of %zu bytes, with %zu bytes of auth data",
                         quoting->report.size, quoting->qe_auth_data.size);
    if (put_head(quoting, &head, err) < 0 ||
        sign(quoting->attestation, buf_span(&head), signature, err) < 0 ||
        private_key_point_p256(quoting->attestation, point, err) < 0 ||
        put_quoting_enclave(quoting, point, &enclave, err) < 0)
        return -1;
    if (buf_append(quote, buf_span(&head), err) < 0)
        return -1;
    return put_tail(quoting, signature, point, buf_span(&enclave), quote, err);
}
