/* DCAP quotes: of enclaves to x-ms-sgx-…, of trust domains to tdx_… (Microsoft, "Claim sets", and
 * "Azure Attestation EAT profile for Intel TDX"). */
#include "base/base64.h"
#include "base/cursor.h"
#include "base/hex.h"
#include "service/maa_claims.h"

/* A quote, verified. */
struct judged {
    const struct maa_request *request;
    struct dcap_result dcap;
    struct collateral_hashes hashes;
    struct span quote;
};

/* --- enclaves --------------------------------------------------------------------------------- */

#define SGX(name) "x-ms-sgx-" name

#define ATTRIBUTE_DEBUG 0x02 /* of ATTRIBUTES' first byte: Intel SDM, volume 3D */
#define ATTRIBUTE_KSS   0x80

static json_t *collateral_claim(const struct judged *judged)
{
    uint8_t digest[SHA256_SIZE];
    char quote[2 * SHA256_SIZE + 1];
    const struct collateral_hashes *hashes = &judged->hashes;
    sha256_digest(judged->quote, digest);
    hex_encode(span_of(digest, sizeof digest), quote);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "qeidcertshash",
                     hashes->qe_identity_chain, "qeidcrlhash", hashes->root_crl, "qeidhash",
                     hashes->qe_identity, "quotehash", quote, "tcbinfocertshash",
                     hashes->tcb_info_chain, "tcbinfocrlhash", hashes->root_crl, "tcbinfohash",
                     hashes->tcb_info);
}

/* Data that came as bytes is shown as "enclave held data". */
static int add_held_data(const struct judged *judged, json_t *claims, json_t *older,
                         struct error *err)
{
    const struct maa_data *data = &judged->request->runtime;
    BUF_AUTO text = BUF_WITH_LIMIT(2 * MAA_DATA_MAX);
    if (!data->is_there || data->is_json)
        return 0;
    if (base64url_encode(buf_span(&data->bytes), &text, err) < 0)
        return -1;
    json_auto_t *value = json_string(buf_text(&text));
    if (!value || json_object_set(claims, SGX("ehd"), value) < 0 ||
        json_object_set(older, "maa-ehd", value) < 0 ||
        json_object_set(older, "aas-ehd", value) < 0)
        return error_memory(err);
    return 0;
}

/* Key separation and sharing: without it these fields are zero, and tokens do not have them. */
static bool add_key_separation(json_t *claims, const struct dcap_quote *quote)
{
    if (!(dcap_quote_get(quote, DCAP_ATTRIBUTES).data[0] & ATTRIBUTE_KSS))
        return true;
    return maa_add_hex(claims, SGX("config-id"), dcap_quote_get(quote, DCAP_CONFIGID)) &&
           maa_add_number(claims, SGX("config-svn"),
                          dcap_report_get_u16(quote->body, quote->report, DCAP_CONFIGSVN)) &&
           maa_add_hex(claims, SGX("isv-extended-product-id"),
                       dcap_quote_get(quote, DCAP_ISVEXTPRODID)) &&
           maa_add_hex(claims, SGX("isv-family-id"), dcap_quote_get(quote, DCAP_ISVFAMILYID));
}

/* What has an older name too; the prefix tells them apart. */
static bool add_enclave(json_t *claims, json_t *older, const struct dcap_quote *quote)
{
    struct span enclave = dcap_quote_get(quote, DCAP_MRENCLAVE);
    struct span signer = dcap_quote_get(quote, DCAP_MRSIGNER);
    bool debug = dcap_quote_get(quote, DCAP_ATTRIBUTES).data[0] & ATTRIBUTE_DEBUG;
    uint16_t product = dcap_report_get_u16(quote->body, quote->report, DCAP_ISVPRODID);
    uint16_t svn = dcap_report_get_u16(quote->body, quote->report, DCAP_ISVSVN);
    return maa_add_flag(claims, SGX("is-debuggable"), debug) &&
           maa_add_flag(older, "is-debuggable", debug) &&
           maa_add_hex(claims, SGX("mrenclave"), enclave) &&
           maa_add_hex(older, "sgx-mrenclave", enclave) &&
           maa_add_hex(claims, SGX("mrsigner"), signer) &&
           maa_add_hex(older, "sgx-mrsigner", signer) &&
           maa_add_number(claims, SGX("product-id"), product) &&
           maa_add_number(older, "product-id", product) &&
           maa_add_number(claims, SGX("svn"), svn) && maa_add_number(older, "svn", svn) &&
           json_object_set_new(older, "tee", json_string("sgx")) == 0;
}

static int make_sgx_claims(const struct judged *judged, json_t *claims, json_t *older,
                           struct error *err)
{
    const struct dcap_quote *quote = &judged->dcap.quote;
    json_auto_t *collateral = collateral_claim(judged);
    if (!collateral || !add_enclave(claims, older, quote) || !add_key_separation(claims, quote) ||
        !maa_add_hex(claims, SGX("report-data"), dcap_quote_get(quote, DCAP_REPORT_DATA)) ||
        json_object_set(claims, SGX("collateral"), collateral) < 0 ||
        json_object_set(older, "maa-attestationcollateral", collateral) < 0 ||
        json_object_set_new(claims, "x-ms-attestation-type", json_string("sgx")) < 0)
        return error_memory(err);
    return add_held_data(judged, claims, older, err);
}

/* --- trust domains ---------------------------------------------------------------------------- */

/* TDATTRIBUTES: "Intel TDX DCAP Quoting Library API", appendix A.3.4. */
static const struct {
    const char *name;
    unsigned bit;
} td_attributes[] = {
    {"tdx_td_attributes_debug", 0},
    {"tdx_td_attributes_septve_disable", 28},
    {"tdx_td_attributes_protection_keys", 30},
    {"tdx_td_attributes_key_locker", 31},
    {"tdx_td_attributes_perfmon", 63},
};

static const struct {
    const char *name;
    enum dcap_field field;
} td_fields[] = {
    {"tdx_mrconfigid", DCAP_MRCONFIGID},
    {"tdx_mrowner", DCAP_MROWNER},
    {"tdx_mrownerconfig", DCAP_MROWNERCONFIG},
    {"tdx_mrseam", DCAP_MRSEAM},
    {"tdx_mrsignerseam", DCAP_MRSIGNERSEAM},
    {"tdx_mrtd", DCAP_MRTD},
    {"tdx_report_data", DCAP_REPORT_DATA},
    {"tdx_rtmr0", DCAP_RTMR0},
    {"tdx_rtmr1", DCAP_RTMR1},
    {"tdx_rtmr2", DCAP_RTMR2},
    {"tdx_rtmr3", DCAP_RTMR3},
    {"tdx_seam_attributes", DCAP_SEAMATTRIBUTES},
    {"tdx_td_attributes", DCAP_TDATTRIBUTES},
    {"tdx_tee_tcb_svn", DCAP_TEE_TCB_SVN},
    {"tdx_xfam", DCAP_XFAM},
};

static bool add_td_fields(json_t *claims, const struct dcap_quote *quote)
{
    struct span attributes = dcap_quote_get(quote, DCAP_TDATTRIBUTES);
    for (size_t i = 0; i < sizeof td_fields / sizeof td_fields[0]; i++) {
        if (!maa_add_hex(claims, td_fields[i].name, dcap_quote_get(quote, td_fields[i].field)))
            return false;
    }
    for (size_t i = 0; i < sizeof td_attributes / sizeof td_attributes[0]; i++) {
        unsigned bit = td_attributes[i].bit;
        if (!maa_add_flag(claims, td_attributes[i].name, attributes.data[bit / 8] >> bit % 8 & 1))
            return false;
    }
    return true;
}

/* The SEAM module's version: SEAMSVN of 16 bits ("Intel TDX Loader Interface", section 3.1) is what
 * TEE_TCB_SVN begins with. */
json_t *maa_tdx_claims(const struct dcap_result *dcap, struct error *err)
{
    const struct dcap_quote *quote = &dcap->quote;
    struct span svn = dcap_quote_get(quote, DCAP_TEE_TCB_SVN);
    json_t *claims = json_pack("{s:s, s:s, s:s, s:s, s:s}", "x-ms-attestation-type", "tdxvm",
                               "eat_profile", "https://aka.ms/maa-eat-profile-tdxvm", "intuse",
                               "generic", "dbgstat", dcap_is_debug(quote) ? "enabled" : "disabled",
                               "attester_tcb_status", tcb_status_name(dcap->claims.status));
    if (claims && add_td_fields(claims, quote) &&
        maa_add_number(claims, "tdx_seamsvn", (uint64_t)(svn.data[0] | svn.data[1] << 8)))
        return claims;
    json_decref(claims);
    (void)error_memory(err);
    return NULL;
}

/* --- verification ----------------------------------------------------------------------------- */

void maa_open_quote(enum dcap_tee tee, const struct maa_trust *trust, struct dcap_appraisal *out)
{
    *out = (struct dcap_appraisal){.tee = tee,
                                   .accepted_statuses = trust->tcb_statuses,
                                   .allow_debug = true,
                                   .allow_sept_ve = true};
}

static void fill_appraisal(const struct maa_request *request, const struct maa_trust *trust,
                           struct dcap_appraisal *out)
{
    struct dcap_wanted *report_data = &out->wanted[DCAP_REPORT_DATA];
    maa_open_quote(request->kind == MAA_TDX ? DCAP_TDX : DCAP_SGX, trust, out);
    if (request->runtime.is_there) {
        report_data->count = 1;
        sha256_digest(buf_span(&request->runtime.bytes), report_data->values[0]);
    }
}

/* A platform that is UpToDate passes an appraisal always; it must be among those accepted here. */
int maa_check_tcb_status(enum tcb_status status, const struct maa_trust *trust, struct error *err)
{
    if (trust->tcb_statuses & 1U << status)
        return 0;
    return error_set(err, ERROR_REFUSED, "the platform is %s, which is not accepted here",
                     tcb_status_name(status));
}

/* The first half of an enclave's CONFIGID is for it; a trust domain's quote has no place that MAA
 * names. */
static int check_init_data(const struct judged *judged, struct error *err)
{
    const struct maa_request *request = judged->request;
    uint8_t digest[SHA256_SIZE];
    if (!request->init.is_there)
        return 0;
    if (request->kind == MAA_TDX)
        return error_set(err, ERROR_REFUSED, "initTimeData: a TDX quote does not bind it");
    sha256_digest(buf_span(&request->init.bytes), digest);
    struct span config = dcap_quote_get(&judged->dcap.quote, DCAP_CONFIGID);
    if (span_equal(span_of(config.data, SHA256_SIZE), span_of(digest, sizeof digest)))
        return 0;
    return error_set(err, ERROR_REFUSED,
                     "initTimeData: CONFIGID does not begin with its SHA-256: it is another's");
}

#define OPEN_ENCLAVE_VERSION 1
#define OPEN_ENCLAVE_REMOTE  2

/* Open Enclave's frame (oe_report_header_t): version, type, size of the quote that follows. */
static int open_frame(struct span bytes, struct span *quote, struct error *err)
{
    struct cursor cursor = cursor_of(bytes);
    uint32_t version = 0, type = 0;
    uint64_t size = 0;
    if (!cursor_le32(&cursor, &version) || !cursor_le32(&cursor, &type) ||
        !cursor_le64(&cursor, &size))
        return error_set(err, ERROR_INVALID, "report: %zu bytes are no report of Open Enclave",
                         bytes.size);
    if (version != OPEN_ENCLAVE_VERSION || type != OPEN_ENCLAVE_REMOTE)
        return error_set(err, ERROR_INVALID,
                         "report: version %u, type %u; version 1 and type 2 (remote) are taken",
                         version, type);
    if (size != cursor.rest.size)
        return error_set(err, ERROR_INVALID, "report: it says %llu bytes of a quote, and has %zu",
                         (unsigned long long)size, cursor.rest.size);
    *quote = span_of(bytes.data + (bytes.size - (size_t)size), (size_t)size);
    return 0;
}

static int make_claims(const struct judged *judged, struct maa_result *result, struct error *err)
{
    if (judged->request->kind == MAA_TDX) {
        result->claims = maa_tdx_claims(&judged->dcap, err);
        return result->claims ? 0 : -1;
    }
    result->claims = json_object();
    result->older = json_object();
    if (!result->claims || !result->older ||
        json_object_set_new(result->claims, "attester_tcb_status",
                            json_string(tcb_status_name(judged->dcap.claims.status))) < 0)
        return error_memory(err);
    return make_sgx_claims(judged, result->claims, result->older, err);
}

static void drop_claims(struct maa_result *result)
{
    json_decref(result->claims);
    json_decref(result->older);
    result->claims = result->older = NULL;
}

int maa_verify_dcap(const struct maa_request *request, const struct maa_trust *trust,
                    struct maa_result *result, struct error *err)
{
    struct judged judged = {.request = request, .quote = buf_span(&request->evidence)};
    struct dcap_appraisal appraisal;
    checks_init(&result->checks);
    result->claims = result->older = NULL;
    if (request->kind == MAA_OPEN_ENCLAVE && open_frame(judged.quote, &judged.quote, err) < 0)
        return -1;
    fill_appraisal(request, trust, &appraisal);
    if (collaterals_verify(trust->collaterals, judged.quote, trust->time, &appraisal, &judged.dcap,
                           &judged.hashes, err) < 0)
        return -1;
    checks_copy(&result->checks, &judged.dcap.checks);
    result->simulated = judged.dcap.simulated;
    if (checks_verdict(&result->checks) != VERDICT_ACCEPTED)
        return maa_refuse(&result->checks, err);
    if (maa_check_tcb_status(judged.dcap.claims.status, trust, err) < 0 ||
        check_init_data(&judged, err) < 0)
        return -1;
    if (make_claims(&judged, result, err) == 0)
        return 0;
    drop_claims(result);
    return -1;
}

int maa_sgx_claims(const struct dcap_result *dcap, const struct collateral_hashes *hashes,
                   struct span quote, struct maa_result *result, struct error *err)
{
    const struct maa_request nothing_held = {.kind = MAA_SGX};
    const struct judged judged = {&nothing_held, *dcap, *hashes, quote};
    result->claims = result->older = NULL;
    if (make_claims(&judged, result, err) == 0)
        return 0;
    drop_claims(result);
    return -1;
}
