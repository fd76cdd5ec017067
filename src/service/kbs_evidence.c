#include "service/kbs_evidence.h"

#include "evidence/snp_product.h"
#include "format/json.h"

/* --- values ----------------------------------------------------------------------------------- */

/* An array of exactly `size` numbers, each a byte. */
static int read_bytes(const json_t *array, const char *key, uint8_t *out, size_t size,
                      struct error *err)
{
    if (json_array_size(array) != size)
        return error_set(err, ERROR_INVALID, "%s has %zu bytes, not %zu", key,
                         json_array_size(array), size);
    for (size_t i = 0; i < size; i++) {
        const json_t *byte = json_array_get(array, i);
        json_int_t value = json_integer_value(byte);
        if (!json_is_integer(byte) || value < 0 || value > UINT8_MAX)
            return error_set(err, ERROR_INVALID, "%s: element %zu is no byte", key, i);
        out[i] = (uint8_t)value;
    }
    return 0;
}

static int get_bytes(const json_t *object, const char *key, uint8_t *out, size_t size,
                     struct error *err)
{
    json_t *array;
    return json_get_array(object, key, &array, err) < 0 ? -1
                                                        : read_bytes(array, key, out, size, err);
}

static int get_u8(const json_t *object, const char *key, uint8_t *out, struct error *err)
{
    uint64_t value = 0;
    if (json_get_u64(object, key, UINT8_MAX, &value, err) < 0)
        return -1;
    *out = (uint8_t)value;
    return 0;
}

/* A number or null, which is 0. */
static int find_number(const json_t *object, const char *key, uint64_t max, uint64_t *out,
                       struct error *err)
{
    *out = 0;
    return json_is_null(json_object_get(object, key)) ? 0
                                                      : json_find_u64(object, key, max, out, err);
}

/* --- parts of a report ------------------------------------------------------------------------ */

/* The bytes of a TCB_VERSION, whose order is Turin's where there is an FMC. */
static int read_tcb(const json_t *report, const char *key, uint8_t out[SNP_TCB_SIZE],
                    struct error *err)
{
    json_t *object;
    uint64_t fmc;
    if (json_get_object(report, key, &object, err) < 0)
        return -1;
    if (find_number(object, "fmc", UINT8_MAX, &fmc, err) < 0)
        return error_context(err, "%s", key);
    bool has_fmc = json_is_integer(json_object_get(object, "fmc"));
    const struct snp_product *product = snp_product_by_name(
        span_of_text(has_fmc ? "Turin" : "Milan"));
    memset(out, 0, SNP_TCB_SIZE);
    for (int part = 0; part < SNP_TCB_PART_COUNT; part++) {
        int at = product->tcb_at[part];
        if (at != SNP_TCB_NOWHERE &&
            get_u8(object, snp_tcb_part_name((enum snp_tcb_part)part), &out[at], err) < 0)
            return error_context(err, "%s", key);
    }
    return 0;
}

static int read_firmware(const json_t *report, const char *key, struct snp_firmware *out,
                         struct error *err)
{
    json_t *object;
    if (json_get_object(report, key, &object, err) < 0)
        return -1;
    if (get_u8(object, "major", &out->major, err) < 0 ||
        get_u8(object, "minor", &out->minor, err) < 0 ||
        get_u8(object, "build", &out->build, err) < 0)
        return error_context(err, "%s", key);
    return 0;
}

static int read_signature(const json_t *report, struct snp_report *out, struct error *err)
{
    json_t *object;
    if (json_get_object(report, "signature", &object, err) < 0)
        return -1;
    if (get_bytes(object, "r", out->signature_r, sizeof out->signature_r, err) < 0 ||
        get_bytes(object, "s", out->signature_s, sizeof out->signature_s, err) < 0)
        return error_context(err, "signature");
    return 0;
}

static int read_tcbs_and_firmware(const json_t *report, struct snp_report *out, struct error *err)
{
    if (read_tcb(report, "current_tcb", out->current_tcb, err) < 0 ||
        read_tcb(report, "reported_tcb", out->reported_tcb, err) < 0 ||
        read_tcb(report, "committed_tcb", out->committed_tcb, err) < 0 ||
        read_tcb(report, "launch_tcb", out->launch_tcb, err) < 0 ||
        read_firmware(report, "current", &out->current, err) < 0)
        return -1;
    return read_firmware(report, "committed", &out->committed, err);
}

/* --- tables ----------------------------------------------------------------------------------- */

#define FIELD(key, member)                                                                         \
    {                                                                                              \
        key, offsetof(struct snp_report, member), sizeof((struct snp_report *)0)->member           \
    }

static const struct field {
    const char *key;
    size_t at, size;
} byte_fields[] =
    {
        FIELD("family_id", family_id),
        FIELD("image_id", image_id),
        FIELD("report_data", report_data),
        FIELD("measurement", measurement),
        FIELD("host_data", host_data),
        FIELD("id_key_digest", id_key_digest),
        FIELD("author_key_digest", author_key_digest),
        FIELD("report_id", report_id),
        FIELD("report_id_ma", report_id_ma),
        FIELD("chip_id", chip_id),
},
  number_fields[] =
      {
          FIELD("version", version),
          FIELD("guest_svn", guest_svn),
          FIELD("policy", policy),
          FIELD("vmpl", vmpl),
          FIELD("sig_algo", signature_algorithm),
          FIELD("plat_info", platform_info),
          FIELD("key_info", key_info),
},
  optional_fields[] = {
      FIELD("cpuid_fam_id", cpuid_family),
      FIELD("cpuid_mod_id", cpuid_model),
      FIELD("cpuid_step", cpuid_stepping),
      FIELD("launch_mit_vector", launch_mit_vector),
      FIELD("current_mit_vector", current_mit_vector),
};

#define COUNT(table) (sizeof(table) / sizeof *(table))

/* jansson's integers have 63 bits; no report that exists has the last bit of one of these. */
static uint64_t max_of(const struct field *field)
{
    return field->size == 8 ? INT64_MAX : (UINT64_C(1) << (8 * field->size)) - 1;
}

static void store(const struct field *field, uint64_t value, struct snp_report *out)
{
    uint8_t *at = (uint8_t *)out + field->at;
    if (field->size == 8)
        memcpy(at, &value, 8);
    else if (field->size == 4)
        memcpy(at, &(uint32_t){(uint32_t)value}, 4);
    else
        *at = (uint8_t)value;
}

static int read_fields(const json_t *report, struct snp_report *out, struct error *err)
{
    for (size_t i = 0; i < COUNT(byte_fields); i++) {
        const struct field *field = &byte_fields[i];
        if (get_bytes(report, field->key, (uint8_t *)out + field->at, field->size, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < COUNT(number_fields); i++) {
        uint64_t value = 0;
        const struct field *field = &number_fields[i];
        if (json_get_u64(report, field->key, max_of(field), &value, err) < 0)
            return -1;
        store(field, value, out);
    }
    for (size_t i = 0; i < COUNT(optional_fields); i++) {
        uint64_t value;
        const struct field *field = &optional_fields[i];
        if (find_number(report, field->key, max_of(field), &value, err) < 0)
            return -1;
        store(field, value, out);
    }
    return 0;
}

/* --- whole ------------------------------------------------------------------------------------ */

int kbs_snp_report_read(const json_t *object, uint8_t out[SNP_REPORT_SIZE], struct error *err)
{
    struct snp_report report = {0};
    if (read_fields(object, &report, err) < 0 || read_tcbs_and_firmware(object, &report, err) < 0 ||
        read_signature(object, &report, err) < 0)
        return -1;
    if (report.version < SNP_VERSION_MIN || report.version > SNP_VERSION_MAX)
        return error_set(err, ERROR_INVALID, "version is %u; %d to %d are known", report.version,
                         SNP_VERSION_MIN, SNP_VERSION_MAX);
    snp_report_write(&report, out);
    return 0;
}

/* Certificates of other types ({"OTHER": GUID}, "CRL", "Empty") are left out. */
static bool is_of_chain(const json_t *type)
{
    static const char *const names[] = {"ARK", "ASK", "VCEK", "VLEK"};
    const char *name = json_string_value(type);
    for (size_t i = 0; name && i < COUNT(names); i++) {
        if (strcmp(name, names[i]) == 0)
            return true;
    }
    return false;
}

static int read_certificate(const json_t *entry, struct snp_certificates *out, struct error *err)
{
    json_t *data;
    BUF_AUTO bytes = BUF_WITH_LIMIT(SNP_CERTIFICATES_SIZE_MAX);
    if (!json_is_object(entry) || json_get_array(entry, "data", &data, err) < 0)
        return error_set(err, ERROR_INVALID, "an entry is no {\"cert_type\", \"data\"}");
    if (!is_of_chain(json_object_get(entry, "cert_type")))
        return 0;
    if (buf_append_zero(&bytes, json_array_size(data), err) < 0 ||
        read_bytes(data, "data", bytes.data, bytes.size, err) < 0)
        return -1;
    return snp_certificates_add(out, buf_span(&bytes), err);
}

static int read_chain(const json_t *object, struct snp_certificates *out, struct error *err)
{
    json_t *chain;
    if (json_is_null(json_object_get(object, "cert_chain")))
        return 0;
    if (json_find_array(object, "cert_chain", &chain, err) < 0)
        return -1;
    if (json_array_size(chain) > SNP_CERTIFICATES_MAX)
        return error_set(err, ERROR_LIMIT, "cert_chain has %zu entries; at most %d are taken",
                         json_array_size(chain), SNP_CERTIFICATES_MAX);
    for (size_t i = 0; i < json_array_size(chain); i++) {
        if (read_certificate(json_array_get(chain, i), out, err) < 0)
            return error_context(err, "cert_chain");
    }
    return 0;
}

int kbs_snp_evidence_read(const json_t *object, struct kbs_snp_evidence *out, struct error *err)
{
    json_t *report;
    snp_certificates_init(&out->certificates);
    if (!json_is_object(object))
        return error_set(err, ERROR_INVALID, "the evidence is %s, not an object",
                         json_kind(object));
    if (json_get_object(object, "attestation_report", &report, err) < 0)
        return -1;
    if (kbs_snp_report_read(report, out->report, err) < 0)
        return error_context(err, "attestation_report");
    return read_chain(object, &out->certificates, err);
}

void kbs_snp_evidence_fini(struct kbs_snp_evidence *evidence)
{
    snp_certificates_fini(&evidence->certificates);
}
