#include "base/hex.h"
#include "evidence/dcap_collateral.h"

/* Takes over the value, of which NULL stands for no memory; false then. */
static bool set(json_t *document, const char *key, json_t *value)
{
    return json_object_set_new(document, key, value) == 0;
}

static json_t *text_of(struct span text)
{
    return json_stringn((const char *)text.data, text.size);
}

static json_t *hex_of(struct span bytes)
{
    BUF_AUTO text = BUF_WITH_LIMIT(2 * (size_t)CRL_DER_MAX + 1);
    if (buf_append_zero(&text, 2 * bytes.size + 1, NULL) < 0)
        return NULL;
    hex_encode(bytes, (char *)text.data);
    return json_string((const char *)text.data);
}

int dcap_parts_write(const struct dcap_parts *parts, struct buf *json, struct error *err)
{
    json_auto_t *document = json_object();
    struct span tcb_signature = span_of(parts->tcb_info_signature, P256_SIGNATURE_SIZE);
    struct span qe_signature = span_of(parts->qe_identity_signature, P256_SIGNATURE_SIZE);
    if (!set(document, "pck_crl_issuer_chain", text_of(parts->pck_crl_issuer_chain)) ||
        !set(document, "root_ca_crl", hex_of(parts->root_ca_crl)) ||
        !set(document, "pck_crl", hex_of(parts->pck_crl)) ||
        !set(document, "tcb_info_issuer_chain", text_of(parts->tcb_info_issuer_chain)) ||
        !set(document, "tcb_info", text_of(parts->tcb_info)) ||
        !set(document, "tcb_info_signature", hex_of(tcb_signature)) ||
        !set(document, "qe_identity_issuer_chain", text_of(parts->qe_identity_issuer_chain)) ||
        !set(document, "qe_identity", text_of(parts->qe_identity)) ||
        !set(document, "qe_identity_signature", hex_of(qe_signature)))
        return error_memory(err);
    if (parts->pck_certificate_chain.size > 0 &&
        !set(document, "pck_certificate_chain", text_of(parts->pck_certificate_chain)))
        return error_memory(err);
    return json_append(document, json, err);
}
