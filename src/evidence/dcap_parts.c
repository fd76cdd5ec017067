#include "base/hex.h"
#include "evidence/dcap_collateral.h"

static const struct json_limits limits = {.size = DCAP_COLLATERAL_SIZE_MAX, .depth = 2};

static int read_text(const json_t *document, const char *key, size_t max, struct span *out,
                     struct error *err)
{
    const char *text;
    if (json_get_text(document, key, &text, err) < 0)
        return -1;
    *out = span_of_text(text);
    if (out->size > max)
        return error_set(err, ERROR_LIMIT, "key \"%s\": %zu bytes; at most %zu are accepted", key,
                         out->size, max);
    return 0;
}

static int read_list(const json_t *document, const char *key, struct buf *bytes, struct span *out,
                     struct error *err)
{
    struct span text;
    buf_init(bytes, CRL_DER_MAX);
    if (read_text(document, key, (size_t)2 * CRL_DER_MAX, &text, err) < 0 ||
        buf_append_zero(bytes, text.size / 2, err) < 0)
        return -1;
    if (text.size == 0 || !hex_decode(text, bytes->data, bytes->size))
        return error_set(err, ERROR_INVALID, "key \"%s\": not a revocation list in hexadecimal",
                         key);
    *out = buf_span(bytes);
    return 0;
}

static int read_chains(const json_t *document, struct dcap_parts *parts, struct error *err)
{
    if (read_text(document, "pck_crl_issuer_chain", DCAP_CHAIN_SIZE_MAX,
                  &parts->pck_crl_issuer_chain, err) < 0 ||
        read_text(document, "tcb_info_issuer_chain", DCAP_CHAIN_SIZE_MAX,
                  &parts->tcb_info_issuer_chain, err) < 0 ||
        read_text(document, "qe_identity_issuer_chain", DCAP_CHAIN_SIZE_MAX,
                  &parts->qe_identity_issuer_chain, err) < 0)
        return -1;
    if (!json_object_get(document, "pck_certificate_chain"))
        return 0;
    return read_text(document, "pck_certificate_chain", DCAP_CHAIN_SIZE_MAX,
                     &parts->pck_certificate_chain, err);
}

int dcap_parts_parse(struct span text, struct dcap_parts *parts, struct error *err)
{
    static const char *const keys[] = {
        "pck_crl_issuer_chain",     "root_ca_crl", "pck_crl",
        "tcb_info_issuer_chain",    "tcb_info",    "tcb_info_signature",
        "qe_identity_issuer_chain", "qe_identity", "qe_identity_signature",
        "pck_certificate_chain",    NULL};
    *parts = (struct dcap_parts){.document = json_parse_object(text, &limits, err)};
    json_t *document = parts->document;
    if (!document || json_check_keys(document, keys, err) < 0 ||
        read_chains(document, parts, err) < 0 ||
        read_list(document, "root_ca_crl", &parts->lists[0], &parts->root_ca_crl, err) < 0 ||
        read_list(document, "pck_crl", &parts->lists[1], &parts->pck_crl, err) < 0 ||
        read_text(document, "tcb_info", TCB_INFO_SIZE_MAX, &parts->tcb_info, err) < 0 ||
        read_text(document, "qe_identity", QE_IDENTITY_SIZE_MAX, &parts->qe_identity, err) < 0 ||
        tcb_read_hex(document, "tcb_info_signature", parts->tcb_info_signature, P256_SIGNATURE_SIZE,
                     err) < 0)
        return -1;
    return tcb_read_hex(document, "qe_identity_signature", parts->qe_identity_signature,
                        P256_SIGNATURE_SIZE, err);
}

void dcap_parts_fini(struct dcap_parts *parts)
{
    json_decref(parts->document);
    buf_fini(&parts->lists[0]);
    buf_fini(&parts->lists[1]);
    *parts = (struct dcap_parts){0};
}
