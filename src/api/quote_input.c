#include "api/quote_input.h"

_Static_assert((int)CAISSON_TEE_SGX == (int)DCAP_SGX && (int)CAISSON_TEE_TDX == (int)DCAP_TDX &&
                   (int)CAISSON_TEE_ANY == (int)DCAP_ANY_TEE,
               "the TEEs agree");

/* Fields of one value, or of several that lie one after the other. */
struct wish {
    enum dcap_field field;
    const void *values; /* NULL: any will do */
    size_t count;
    bool is_set; /* the count is the caller's */
};

static int take_wish(const struct wish *wish, struct dcap_appraisal *out, struct error *err)
{
    const char *name = dcap_field_name(wish->field);
    size_t size = dcap_field_size(wish->field);
    struct dcap_wanted *wanted = &out->wanted[wish->field];
    if (!wish->values && (!wish->is_set || wish->count == 0))
        return 0;
    if (!wish->values || wish->count == 0 || wish->count > DCAP_ALTERNATIVES_MAX)
        return error_set(err, ERROR_USAGE, "%zu values of %s were given%s; 1 to %d can be",
                         wish->count, name, wish->values ? "" : " by a null pointer",
                         DCAP_ALTERNATIVES_MAX);
    wanted->count = wish->count;
    for (size_t i = 0; i < wish->count; i++)
        memcpy(wanted->values[i], (const uint8_t *)wish->values + i * size, size);
    return 0;
}

static int take_wishes(const struct caisson_quote_appraisal *in, struct dcap_appraisal *out,
                       struct error *err)
{
    const uint8_t isvprodid[] = {(uint8_t)(in->isvprodid & UINT8_MAX),
                                 (uint8_t)(in->isvprodid >> 8)};
    const struct wish wishes[] = {
        {DCAP_REPORT_DATA, in->report_data, 1, false},
        {DCAP_CONFIGID, in->configid, 1, false},
        {DCAP_MRCONFIGID, in->mrconfigid, 1, false},
        {DCAP_MROWNER, in->mrowner, 1, false},
        {DCAP_MROWNERCONFIG, in->mrownerconfig, 1, false},
        {DCAP_MRENCLAVE, in->mrenclaves, in->mrenclave_count, true},
        {DCAP_MRSIGNER, in->mrsigners, in->mrsigner_count, true},
        {DCAP_MRTD, in->mrtds, in->mrtd_count, true},
        {DCAP_RTMR0, in->rtmrs[0], 1, false},
        {DCAP_RTMR1, in->rtmrs[1], 1, false},
        {DCAP_RTMR2, in->rtmrs[2], 1, false},
        {DCAP_RTMR3, in->rtmrs[3], 1, false},
        {DCAP_ISVPRODID, in->has_isvprodid ? isvprodid : NULL, 1, false},
    };
    for (size_t i = 0; i < sizeof wishes / sizeof *wishes; i++) {
        if (take_wish(&wishes[i], out, err) < 0)
            return -1;
    }
    return 0;
}

static int take_options(const struct caisson_quote_appraisal *in, struct dcap_appraisal *out,
                        struct error *err)
{
    if (in->tee != CAISSON_TEE_ANY && in->tee != CAISSON_TEE_SGX && in->tee != CAISSON_TEE_TDX)
        return error_set(err, ERROR_USAGE, "there is no TEE %d", (int)in->tee);
    if ((in->accepted_statuses & 1U << TCB_UNKNOWN) || in->accepted_statuses >> TCB_REVOKED)
        return error_set(err, ERROR_USAGE,
                         "accepted_statuses is 0x%x: a status that is revoked or unknown can't be "
                         "accepted",
                         in->accepted_statuses);
    if (in->out_of_date_grace_days > DCAP_GRACE_DAYS_MAX)
        return error_set(err, ERROR_USAGE, "%u days of grace; up to %d can be",
                         in->out_of_date_grace_days, DCAP_GRACE_DAYS_MAX);
    *out = (struct dcap_appraisal){
        .tee = (enum dcap_tee)in->tee,
        .accepted_statuses = in->accepted_statuses,
        .out_of_date_grace_days = in->out_of_date_grace_days,
        .minimum_evaluation = in->minimum_tcb_evaluation,
        .minimum_isvsvn = in->minimum_isvsvn,
        .allow_debug = in->allow_debug,
        .allow_sept_ve = in->allow_sept_ve,
        .allow_migration = in->allow_migration,
        .allow_trailing_bytes = in->allow_trailing_bytes,
    };
    return 0;
}

int input_take_quote_appraisal(const struct caisson_quote_appraisal *given,
                               struct caisson_bytes text, struct dcap_appraisal *out,
                               struct error *err)
{
    struct caisson_quote_appraisal in;
    *out = (struct dcap_appraisal){0};
    if (text.size > 0 && given)
        return error_set(err, ERROR_USAGE, "give an appraisal or an appraisal file, not both");
    if (text.size > 0 && dcap_appraisal_parse(span_of_bytes(text), out, err) < 0)
        return error_context(err, "appraisal_file");
    if (!given)
        return 0;
    if (input_take(&in, sizeof in, given, "caisson_quote_appraisal", err) < 0 ||
        take_options(&in, out, err) < 0)
        return -1;
    return take_wishes(&in, out, err);
}

enum verdict result_verify_quote(struct caisson_bytes quote,
                                 const struct caisson_collateral *collateral,
                                 const struct dcap_appraisal *appraisal,
                                 struct caisson_result *result)
{
    struct dcap_quote *read = &result->quote.quote;
    enum verdict verdict = dcap_verify_quote(span_of_bytes(quote), collateral->checked, appraisal,
                                             &result->quote);
    struct span report = read->report;
    *read = (struct dcap_quote){.version = read->version, .body = read->body};
    if (report.size > 0) {
        memcpy(result->quote_report, report.data, report.size);
        read->report = span_of(result->quote_report, report.size);
    }
    result->has_quote = true;
    return verdict;
}
