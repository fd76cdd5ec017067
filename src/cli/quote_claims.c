#include "cli/quote_claims.h"

#include "base/hex.h"
#include "format/timestamp.h"

static bool is_number(enum dcap_field field)
{
    return field == DCAP_ISVPRODID || field == DCAP_ISVSVN || field == DCAP_CONFIGSVN;
}

static bool has_passed(const struct dcap_result *result, const char *name)
{
    const struct check *check = checks_find(&result->checks, name);
    return check && check->result == CHECK_PASSED;
}

/* Without the PCK certificate's extension nothing is known of platform and status. */
static bool has_platform(const struct dcap_result *result)
{
    return has_passed(result, "pck_extension");
}

/* A field as the appraisal file has it. */
static void write_field(const struct dcap_quote *quote, enum dcap_field field,
                        char out[2 * DCAP_FIELD_SIZE_MAX + 1])
{
    if (is_number(field))
        (void)snprintf(out, 8, "%u", dcap_report_get_u16(quote->body, quote->report, field));
    else
        hex_encode(dcap_quote_get(quote, field), out);
}

/* --- for programs ----------------------------------------------------------------------------- */

/* Takes over the value, of which NULL stands for no memory. */
static bool set(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new(object, key, value) == 0;
}

static json_t *json_of_hex(struct span bytes)
{
    char text[2 * DCAP_FIELD_SIZE_MAX + 1];
    hex_encode(bytes, text);
    return json_string(text);
}

static json_t *json_of_time(int64_t time)
{
    char text[TIMESTAMP_SIZE];
    timestamp_write(time, text);
    return json_string(text);
}

static bool set_fields(json_t *object, const struct dcap_quote *quote)
{
    bool good = true;
    for (unsigned field = 0; field < DCAP_FIELD_COUNT; field++) {
        if (!dcap_body_has(quote->body, field))
            continue;
        uint16_t number = dcap_report_get_u16(quote->body, quote->report, field);
        good = set(object, dcap_field_name(field),
                   is_number(field) ? json_integer(number)
                                    : json_of_hex(dcap_quote_get(quote, field))) &&
               good;
    }
    return good;
}

static json_t *json_of_quote(const struct dcap_quote *quote)
{
    json_t *object = json_pack("{s:i, s:s, s:b}", "version", (int)quote->version, "body",
                               dcap_body_name(quote->body), "debug", dcap_is_debug(quote));
    if (object && set_fields(object, quote))
        return object;
    json_decref(object);
    return NULL;
}

static json_t *json_of_platform(const struct pck *pck)
{
    static const char *const types[] = {[PCK_STANDARD] = "standard",
                                        [PCK_SCALABLE] = "scalable",
                                        [PCK_SCALABLE_WITH_INTEGRITY] = "scalable with integrity"};
    return json_pack("{s:o, s:o, s:o, s:o, s:i, s:s}", "fmspc",
                     json_of_hex(span_of(pck->fmspc, sizeof pck->fmspc)), "pceid",
                     json_of_hex(span_of(pck->pceid, sizeof pck->pceid)), "ppid",
                     json_of_hex(span_of(pck->ppid, sizeof pck->ppid)), "sgx_components",
                     json_of_hex(span_of(pck->components, sizeof pck->components)), "pcesvn",
                     (int)pck->pcesvn, "type", types[pck->type]);
}

static json_t *json_of_advisories(const struct dcap_claims *claims)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < claims->advisory_count; i++) {
        if (json_array_append_new(list, json_string(claims->advisories[i])) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *json_of_tcb(const struct dcap_claims *claims)
{
    return json_pack(
        "{s:s, s:s, s:s?, s:s, s:o, s:I, s:I, s:o}", "status", tcb_status_name(claims->status),
        "platform_status", tcb_status_name(claims->platform_status), "module_status",
        claims->has_module ? tcb_status_name(claims->module_status) : NULL, "qe_status",
        tcb_status_name(claims->qe_status), "date", json_of_time(claims->tcb_date), "evaluation",
        (json_int_t)claims->tcb_evaluation, "qe_evaluation", (json_int_t)claims->qe_evaluation,
        "advisories", json_of_advisories(claims));
}

json_t *quote_claims_json(const struct dcap_result *result)
{
    const struct dcap_quote *quote = &result->quote;
    json_t *claims = json_object();
    bool good = claims != NULL;
    if (good && quote->version != 0)
        good = set(claims, "tee", json_string(dcap_body_is_td(quote->body) ? "tdx" : "sgx")) &&
               set(claims, "quote", json_of_quote(quote));
    if (good && has_platform(result))
        good = set(claims, "platform", json_of_platform(&result->pck)) &&
               set(claims, "tcb", json_of_tcb(&result->claims));
    if (good)
        return claims;
    json_decref(claims);
    return NULL;
}

/* --- for people ------------------------------------------------------------------------------- */

static int note_tcb(const struct dcap_result *result, struct buf *note, struct error *err)
{
    const struct dcap_claims *claims = &result->claims;
    char fmspc[2 * PCK_FMSPC_SIZE + 1];
    char date[TIMESTAMP_SIZE];
    hex_encode(span_of(result->pck.fmspc, sizeof result->pck.fmspc), fmspc);
    timestamp_write(claims->tcb_date, date);
    if (buf_printf(note, err, "platform: FMSPC %s, PCE %u\n", fmspc, result->pck.pcesvn) < 0 ||
        buf_printf(note, err,
                   "TCB: %s of %s (platform %s, quoting enclave %s%s%s), evaluation %u\n",
                   tcb_status_name(claims->status), date, tcb_status_name(claims->platform_status),
                   tcb_status_name(claims->qe_status), claims->has_module ? ", TDX module " : "",
                   claims->has_module ? tcb_status_name(claims->module_status) : "",
                   claims->tcb_evaluation) < 0)
        return -1;
    for (size_t i = 0; i < claims->advisory_count; i++) {
        if (buf_printf(note, err, "%s%s", i == 0 ? "advisories: " : ", ", claims->advisories[i]) <
            0)
            return -1;
    }
    return claims->advisory_count > 0 ? buf_append_text(note, "\n", err) : 0;
}

/* What nobody asked for, nobody knows: the quote's own words are shown beside. */
static int note_unasked(const struct dcap_result *result, struct buf *note, struct error *err)
{
    static const enum dcap_field shown[] = {
        DCAP_MRENCLAVE,  DCAP_MRSIGNER, DCAP_ISVPRODID,  DCAP_ISVSVN, DCAP_CONFIGID,
        DCAP_MRTD,       DCAP_RTMR0,    DCAP_RTMR1,      DCAP_RTMR2,  DCAP_RTMR3,
        DCAP_MRCONFIGID, DCAP_MROWNER,  DCAP_REPORT_DATA};
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
        char text[2 * DCAP_FIELD_SIZE_MAX + 1];
        const char *name = dcap_field_name(shown[i]);
        if (!dcap_body_has(result->quote.body, shown[i]) || checks_find(&result->checks, name) ||
            (shown[i] == DCAP_ISVSVN && checks_find(&result->checks, "minimum_isvsvn")))
            continue;
        write_field(&result->quote, shown[i], text);
        if (buf_printf(note, err, "not compared: %-12s %s\n", name, text) < 0)
            return -1;
    }
    return 0;
}

int quote_claims_note(const struct dcap_result *result, struct buf *note, struct error *err)
{
    const struct dcap_quote *quote = &result->quote;
    if (quote->version == 0)
        return 0;
    if (buf_printf(note, err, "quote: version %u, %s%s\n", quote->version,
                   dcap_body_name(quote->body),
                   dcap_is_debug(quote) ? " under debugging: the host may read it" : "") < 0 ||
        (has_platform(result) && note_tcb(result, note, err) < 0))
        return -1;
    return note_unasked(result, note, err);
}

/* --- as a picture ----------------------------------------------------------------------------- */

static const char *found(const struct dcap_result *result, const char *name)
{
    const struct check *check = checks_find(&result->checks, name);
    return check ? check->found : "";
}

static void write_texts(const struct dcap_result *result, struct quote_picture *picture)
{
    const struct dcap_quote *quote = &result->quote;
    *picture = (struct quote_picture){0};
    if (has_platform(result))
        hex_encode(span_of(result->pck.fmspc, sizeof result->pck.fmspc), picture->fmspc);
    if (quote->version == 0)
        return;
    bool is_td = dcap_body_is_td(quote->body);
    write_field(quote, is_td ? DCAP_MRTD : DCAP_MRENCLAVE, picture->code);
    write_field(quote, is_td ? DCAP_MRCONFIGID : DCAP_CONFIGID, picture->given);
}

void quote_claims_draw(const struct dcap_result *result, struct quote_picture *picture)
{
    write_texts(result, picture);
    const struct verdict_box boxes[QUOTE_BOX_COUNT] = {
        {"Root of trust", found(result, "collateral_root"),
         "collateral_root root_ca_crl authority_revocation"},
        {"Collateral", found(result, "tcb_info"),
         "pck_crl_issuer_chain tcb_info_issuer_chain qe_identity_issuer_chain collateral_validity "
         "pck_crl tcb_info_signature tcb_info tcb_info_dates qe_identity_signature qe_identity "
         "qe_identity_dates collateral collateral_kind tcb_evaluation"},
        {"Platform", picture->fmspc,
         "pck_certificate_chain pck_certificates pck_chain pck_validity pck_revocation "
         "pck_extension fmspc pceid platform_tcb tdx_module tdx_module_tcb tcb_status"},
        {"Quoting enclave", "signed by the platform",
         "qe_vendor qe_report_signature qe_report_data qe_miscselect qe_attributes qe_mrsigner "
         "qe_isvprodid qe_tcb"},
        {"Quote", found(result, "quote_format"),
         "quote_format trailing_bytes reserved_fields tee quote_signature cpusvn tee_tcb_svn "
         "tee_tcb_svn2 mrseam mrsignerseam seamattributes"},
        {"What runs", picture->code,
         "attributes debug tdattributes sept_ve_disable migration xfam miscselect "
         "wanted_attributes wanted_tdattributes wanted_xfam mrenclave mrsigner isvprodid isvsvn "
         "minimum_isvsvn isvextprodid isvfamilyid mrtd rtmr0 rtmr1 rtmr2 rtmr3 mrservicetd"},
        {"What it was given", picture->given,
         "configid configsvn mrconfigid mrowner mrownerconfig report_data"},
    };
    memcpy(picture->boxes, boxes, sizeof boxes);
}
