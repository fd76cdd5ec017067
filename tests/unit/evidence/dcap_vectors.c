#include "dcap_vectors.h"

#include "../check.h"
#include "../vectors.h"
#include "format/timestamp.h"

#define FILE_MAX (1024 * 1024)

/* What the three trust domains share. */
#define OF_2023(tcb_info)                                                                          \
    tcb_info, .qe_identity = "attest/dcap/spr.qeidentity.json",                                    \
              .root_crl = "attest/dcap/rootcrl.der", .pck_crl = "attest/dcap/spr.pckcrl.der",      \
              .signing_chain = "sgx/fortanix_pcs_00906ea10000.tcb"

const struct dcap_vector dcap_vectors[VECTOR_COUNT] = {
    [VECTOR_SGX] = {.name = "an enclave, 2025",
                    .quote = "attest/dcap/sgx-v3.quote.bin",
                    .collateral = "attest/dcap/sgx-v3.collateral.json",
                    .time = "2025-06-25T00:00:00Z"},
    [VECTOR_SGX_DEBUG] = {.name = "a debug enclave, 2025",
                          .quote = "sgx/openenclave_sgx_quote.bin",
                          .collateral = "attest/dcap/sgx-v3.collateral.json",
                          .tcb_info = "sgx/fortanix_pcs_00906ed50000-19.tcb",
                          .time = "2025-06-25T00:00:00Z"},
    [VECTOR_TDX_OLD] = {.name = "a trust domain on an old machine, 2023",
                        .quote = "attest/dcap/tdx-v4-spr.quote.bin",
                        OF_2023(.tcb_info = "attest/dcap/spr.tcbinfo.json"),
                        .time = "2023-06-25T00:00:00Z"},
    [VECTOR_TDX_DEBUG] = {.name = "a debug trust domain, 2023",
                          .quote = "attest/dcap/trustee-tdx-v4.quote.bin",
                          OF_2023(.tcb_info = "attest/dcap/spr.tcbinfo.json"),
                          .time = "2023-06-25T00:00:00Z"},
    [VECTOR_TDX_V5] = {.name = "a trust domain, 2026",
                       .quote = "attest/dcap/tdx-v5-sample.quote.bin",
                       OF_2023(.tcb_info = "attest/dcap/v5.tcbinfo.json"),
                       .time = "2026-02-10T00:00:00Z"},
    [VECTOR_INTEL_SGX] = {.name = "Intel's sample of an enclave",
                          .quote = "sgx/intelqvl_quote.dat",
                          .tcb_info = "sgx/intelqvl_tcbInfo.json",
                          .qe_identity = "sgx/intelqvl_qeIdentity.json",
                          .root_crl = "sgx/intelqvl_rootCaCrl.der",
                          .pck_crl = "sgx/intelqvl_intermediateCaCrl.der",
                          .pck_ca_chain = "sgx/intelqvl_pckSignChain.pem",
                          .signing_chain = "sgx/intelqvl_tcbSignChain.pem",
                          .pck = "sgx/intelqvl_pckCert.pem",
                          .root = "sgx/intelqvl_trustedRootCaCert.pem",
                          .time = "2020-01-01T00:00:00Z"},
    [VECTOR_INTEL_TDX] = {.name = "Intel's sample of a trust domain",
                          .quote = "attest/dcap/intel-tdx/quote.dat",
                          .tcb_info = "attest/dcap/intel-tdx/tcbInfo.json",
                          .qe_identity = "attest/dcap/intel-tdx/qeIdentity.json",
                          .root_crl = "attest/dcap/intel-tdx/rootCaCrl.der",
                          .pck_crl = "attest/dcap/intel-tdx/intermediateCaCrl.der",
                          .pck_ca_chain = "attest/dcap/intel-tdx/pckSignChain.pem",
                          .signing_chain = "attest/dcap/intel-tdx/tcbSignChain.pem",
                          .pck = "attest/dcap/intel-tdx/pckCert.pem",
                          .root = "attest/dcap/intel-tdx/trustedRootCaCert.pem",
                          .time = "2022-01-01T00:00:00Z"},
};

static struct error err;

/* The next free buffer, with the file in it. */
static struct buf *read_file(struct dcap_loaded *loaded, const char *name)
{
    for (size_t i = 0; i < sizeof loaded->buffers / sizeof *loaded->buffers; i++) {
        struct buf *out = &loaded->buffers[i];
        if (out->size > 0)
            continue;
        vectors_read(name, out);
        return out;
    }
    fail_msg("too many files");
    return NULL;
}

/* The signed bytes as they stand in the service's answer, and their signature. */
static struct span read_signed(struct dcap_loaded *loaded, const char *name,
                               uint8_t signature[P256_SIGNATURE_SIZE])
{
    static const char key[] = ",\"signature\":\"";
    struct buf *answer = read_file(loaded, name);
    char *text = (char *)answer->data;
    char *from = strchr(strchr(text, ':'), '{');
    char *end = strstr(text, key);
    assert_true(from && end && from < end);
    json_auto_t *document = json_loadb(text, answer->size, 0, NULL);
    assert_non_null(document);
    check_ok(tcb_read_hex(document, "signature", signature, P256_SIGNATURE_SIZE, &err), &err);
    return span_of(from, (size_t)(end - from));
}

/* {"raw_tcb_info": the bytes in a text, "signature": [DER, number by number]}. */
static void read_fortanix(struct dcap_loaded *loaded, const char *name)
{
    struct buf *file = read_file(loaded, name);
    struct dcap_parts *parts = &loaded->parts;
    uint8_t bytes[2 * P256_SIGNATURE_SIZE];
    loaded->document = json_loadb((const char *)file->data, file->size, 0, NULL);
    const json_t *list = json_object_get(loaded->document, "signature");
    size_t count = json_array_size(list);
    assert_in_range(count, 8, sizeof bytes);
    for (size_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)json_integer_value(json_array_get(list, i));
    const uint8_t *at = bytes + 2; /* SEQUENCE { INTEGER r, INTEGER s } */
    for (size_t i = 0; i < P256_SIGNATURE_SIZE; i += P256_SIZE) {
        size_t size = at[1];
        size_t skip = size > P256_SIZE;
        assert_int_equal(size - skip, P256_SIZE);
        memcpy(parts->tcb_info_signature + i, at + 2 + skip, P256_SIZE);
        at += 2 + size;
    }
    parts->tcb_info = span_of_text(
        json_string_value(json_object_get(loaded->document, "raw_tcb_info")));
}

static struct span read_signing_chain(struct dcap_loaded *loaded, const char *name)
{
    struct buf *file = read_file(loaded, name);
    if (file->data[0] != '{')
        return buf_span(file);
    json_auto_t *document = json_loadb((const char *)file->data, file->size, 0, NULL);
    const json_t *chain = json_object_get(document, "ca_chain");
    assert_int_equal(json_array_size(chain), 2);
    buf_truncate(file, 0);
    for (size_t i = 0; i < 2; i++)
        check_ok(buf_append_text(file, json_string_value(json_array_get(chain, i)), &err), &err);
    return buf_span(file);
}

/* The quote's own chain, from its second certificate on. */
static struct span find_pck_ca_chain(const struct dcap_loaded *loaded)
{
    struct dcap_quote quote;
    check_ok(dcap_quote_parse(buf_span(&loaded->quote), &quote, &err), &err);
    struct span chain = quote.certification_data;
    BUF_AUTO der = BUF_WITH_LIMIT(CERTIFICATE_DER_MAX);
    check_ok(certificate_pem_next(&chain, &der, &err), &err);
    return chain;
}

static struct span join_pck_chain(struct dcap_loaded *loaded, const struct dcap_vector *vector)
{
    struct buf *chain = read_file(loaded, vector->pck);
    check_ok(buf_append_text(chain, "\n", &err), &err);
    check_ok(buf_append(chain, loaded->parts.pck_crl_issuer_chain, &err), &err);
    return buf_span(chain);
}

static void load_files(const struct dcap_vector *vector, struct dcap_loaded *loaded)
{
    struct dcap_parts *parts = &loaded->parts;
    parts->tcb_info = read_signed(loaded, vector->tcb_info, parts->tcb_info_signature);
    parts->qe_identity = read_signed(loaded, vector->qe_identity, parts->qe_identity_signature);
    parts->root_ca_crl = buf_span(read_file(loaded, vector->root_crl));
    parts->pck_crl = buf_span(read_file(loaded, vector->pck_crl));
    parts->tcb_info_issuer_chain = read_signing_chain(loaded, vector->signing_chain);
    parts->qe_identity_issuer_chain = parts->tcb_info_issuer_chain;
    parts->pck_crl_issuer_chain = vector->pck_ca_chain
                                      ? buf_span(read_file(loaded, vector->pck_ca_chain))
                                      : find_pck_ca_chain(loaded);
    if (vector->pck)
        parts->pck_certificate_chain = join_pck_chain(loaded, vector);
}

static void load_root(const char *name, struct dcap_loaded *loaded)
{
    BUF_AUTO der = BUF_WITH_LIMIT(CERTIFICATE_DER_MAX);
    struct span pem = buf_span(read_file(loaded, name));
    check_ok(certificate_pem_next(&pem, &der, &err), &err);
    sha256_digest(buf_span(&der), loaded->root.digest);
    loaded->options.roots = &loaded->root;
    loaded->options.root_count = 1;
}

void dcap_vector_load(const struct dcap_vector *vector, struct dcap_loaded *loaded)
{
    memset(loaded, 0, sizeof *loaded);
    for (size_t i = 0; i < sizeof loaded->buffers / sizeof *loaded->buffers; i++)
        buf_init(&loaded->buffers[i], FILE_MAX);
    buf_init(&loaded->quote, FILE_MAX);
    vectors_read(vector->quote, &loaded->quote);
    assert_true(timestamp_read(vector->time, &loaded->options.time));
    if (vector->root)
        load_root(vector->root, loaded);
    if (!vector->collateral) {
        load_files(vector, loaded);
        return;
    }
    struct span text = buf_span(read_file(loaded, vector->collateral));
    check_ok(dcap_parts_parse(text, &loaded->json, &err), &err);
    loaded->parts = loaded->json;
    if (vector->tcb_info)
        read_fortanix(loaded, vector->tcb_info);
}

void dcap_vector_unload(struct dcap_loaded *loaded)
{
    dcap_parts_fini(&loaded->json);
    json_decref(loaded->document);
    buf_fini(&loaded->quote);
    for (size_t i = 0; i < sizeof loaded->buffers / sizeof *loaded->buffers; i++)
        buf_fini(&loaded->buffers[i]);
}
