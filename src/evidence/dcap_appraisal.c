#include <stdio.h>

#include "base/hex.h"
#include "evidence/dcap_appraise.h"

#define FILE_VERSION 1
#define KEY_VERSION  "dcap_appraisal"

static const struct json_limits limits = {.size = DCAP_APPRAISAL_SIZE_MAX, .depth = 2};

static const char *const option_keys[] = {KEY_VERSION,
                                          "tee",
                                          "accepted_statuses",
                                          "out_of_date_grace_days",
                                          "minimum_tcb_evaluation_data_number",
                                          "minimum_isvsvn",
                                          "allow_debug",
                                          "allow_sept_ve",
                                          "allow_migration",
                                          "allow_trailing_bytes"};
#define OPTION_COUNT (sizeof option_keys / sizeof *option_keys)

static int check_keys(const json_t *document, struct error *err)
{
    const char *keys[OPTION_COUNT + DCAP_FIELD_COUNT + 1] = {0};
    for (size_t i = 0; i < OPTION_COUNT; i++)
        keys[i] = option_keys[i];
    for (unsigned i = 0; i < DCAP_FIELD_COUNT; i++)
        keys[OPTION_COUNT + i] = dcap_field_name(i);
    return json_check_keys(document, keys, err);
}

static int read_statuses(const json_t *document, unsigned *accepted, struct error *err)
{
    json_t *list;
    const char *name;
    if (json_find_array(document, "accepted_statuses", &list, err) < 0)
        return -1;
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (json_text_at(list, i, "accepted_statuses", &name, err) < 0)
            return -1;
        enum tcb_status status = tcb_status_by_name(name);
        if (status == TCB_UNKNOWN || status == TCB_REVOKED)
            return error_set(err, ERROR_INVALID,
                             "key \"accepted_statuses\": \"%.64s\" is no status that may be "
                             "accepted",
                             name);
        *accepted |= 1U << status;
    }
    return 0;
}

static int read_tee(const json_t *document, enum dcap_tee *tee, struct error *err)
{
    const char *name = NULL;
    if (json_find_text(document, "tee", &name, err) < 0)
        return -1;
    if (!name)
        return 0;
    if (strcmp(name, "sgx") != 0 && strcmp(name, "tdx") != 0)
        return error_set(err, ERROR_INVALID, "key \"tee\": \"%.16s\" is neither sgx nor tdx", name);
    *tee = strcmp(name, "sgx") == 0 ? DCAP_SGX : DCAP_TDX;
    return 0;
}

static int read_options(const json_t *document, struct dcap_appraisal *appraisal, struct error *err)
{
    uint64_t version = 0;
    uint64_t days = 0;
    uint64_t evaluation = 0;
    uint64_t isvsvn = 0;
    if (json_get_u64(document, KEY_VERSION, INT32_MAX, &version, err) < 0)
        return -1;
    if (version != FILE_VERSION)
        return error_set(err, ERROR_INVALID, KEY_VERSION " is %llu; %d is known",
                         (unsigned long long)version, FILE_VERSION);
    if (read_tee(document, &appraisal->tee, err) < 0 ||
        read_statuses(document, &appraisal->accepted_statuses, err) < 0 ||
        json_find_u64(document, "out_of_date_grace_days", DCAP_GRACE_DAYS_MAX, &days, err) < 0 ||
        json_find_u64(document, "minimum_tcb_evaluation_data_number", UINT32_MAX, &evaluation,
                      err) < 0 ||
        json_find_u64(document, "minimum_isvsvn", UINT16_MAX, &isvsvn, err) < 0 ||
        json_find_bool(document, "allow_debug", &appraisal->allow_debug, err) < 0 ||
        json_find_bool(document, "allow_sept_ve", &appraisal->allow_sept_ve, err) < 0 ||
        json_find_bool(document, "allow_migration", &appraisal->allow_migration, err) < 0)
        return -1;
    appraisal->out_of_date_grace_days = (uint32_t)days;
    appraisal->minimum_evaluation = (uint32_t)evaluation;
    appraisal->minimum_isvsvn = (uint16_t)isvsvn;
    return json_find_bool(document, "allow_trailing_bytes", &appraisal->allow_trailing_bytes, err);
}

static bool is_number(enum dcap_field field)
{
    return field == DCAP_ISVPRODID || field == DCAP_ISVSVN || field == DCAP_CONFIGSVN;
}

/* One value, as it stands in the report: numbers are little endian there. */
static int read_value(const json_t *value, enum dcap_field field, uint8_t *out, struct error *err)
{
    const char *key = dcap_field_name(field);
    size_t size = dcap_field_size(field);
    if (is_number(field)) {
        json_int_t number = json_integer_value(value);
        if (!json_is_integer(value) || number < 0 || number > UINT16_MAX)
            return error_set(err, ERROR_INVALID, "key \"%s\": expected a number from 0 to 65535",
                             key);
        out[0] = (uint8_t)(number & UINT8_MAX);
        out[1] = (uint8_t)(number >> 8);
        return 0;
    }
    struct span text = span_of(json_string_value(value), json_string_length(value));
    if (!json_is_string(value) || !hex_decode(text, out, size))
        return error_set(err, ERROR_INVALID, "key \"%s\": expected %zu bytes in hexadecimal", key,
                         size);
    return 0;
}

static int read_wanted(const json_t *value, enum dcap_field field, struct dcap_wanted *wanted,
                       struct error *err)
{
    size_t count = json_is_array(value) ? json_array_size(value) : 1;
    if (count == 0 || count > DCAP_ALTERNATIVES_MAX)
        return error_set(err, ERROR_LIMIT, "key \"%s\": %zu values; 1 to %d are accepted",
                         dcap_field_name(field), count, DCAP_ALTERNATIVES_MAX);
    for (size_t i = 0; i < count; i++) {
        const json_t *one = json_is_array(value) ? json_array_get(value, i) : value;
        if (read_value(one, field, wanted->values[i], err) < 0)
            return -1;
    }
    wanted->count = count;
    return 0;
}

int dcap_appraisal_parse(struct span text, struct dcap_appraisal *appraisal, struct error *err)
{
    memset(appraisal, 0, sizeof *appraisal);
    json_auto_t *document = json_parse_object(text, &limits, err);
    if (!document || check_keys(document, err) < 0 || read_options(document, appraisal, err) < 0)
        return -1;
    for (unsigned field = 0; field < DCAP_FIELD_COUNT; field++) {
        const json_t *value = json_object_get(document, dcap_field_name(field));
        if (value && read_wanted(value, field, &appraisal->wanted[field], err) < 0)
            return -1;
    }
    return 0;
}
