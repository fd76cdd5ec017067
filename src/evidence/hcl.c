#include "evidence/hcl.h"

#include "base/base64.h"
#include "base/cursor.h"
#include "base/hex.h"
#include "base/text.h"
#include "evidence/snp_report.h"
#include "format/json.h"

#define MAGIC            "HCLA"
#define MAGIC_SIZE       4
#define SLOT_SIZE        SNP_REPORT_SIZE
#define RESERVED_SIZE    12
#define REQUEST_TYPE     2
#define DATA_HEADER_SIZE 20
#define DATA_VERSION     1
#define DATA_HASH_SHA256 1
#define CLAIMS_DEPTH     6
#define KEYS_MAX         8
#define ATTESTATION_KEY  "HCLAkPub"

static int read_header(struct cursor *cursor, struct hcl_report *report, uint32_t *size,
                       struct error *err)
{
    struct span magic;
    struct span reserved;
    uint32_t type;
    uint32_t status;
    if (!cursor_read(cursor, MAGIC_SIZE, &magic) || !span_equal_text(magic, MAGIC))
        return error_set(err, ERROR_INVALID, "this is no HCL report: it does not begin with HCLA");
    if (!cursor_le32(cursor, &report->version) || !cursor_le32(cursor, size) ||
        !cursor_le32(cursor, &type) || !cursor_le32(cursor, &status) ||
        !cursor_read(cursor, RESERVED_SIZE, &reserved) ||
        !cursor_read(cursor, SLOT_SIZE, &report->hardware))
        return error_set(err, ERROR_INVALID, "the HCL report ends too early");
    if (report->version < 1 || report->version > 2)
        return error_set(err, ERROR_INVALID, "an HCL report of version %u; 1 and 2 are known",
                         report->version);
    if (type != REQUEST_TYPE || status != 0 || !span_is_zero(reserved))
        return error_set(err, ERROR_INVALID,
                         "the HCL report's header is not that of a report that was made (request "
                         "type %u, status %u)",
                         type, status);
    return 0;
}

/* The slot holds one of two kinds; a TDREPORT leaves its end zero. */
static int read_kind(uint32_t kind, struct hcl_report *report, struct error *err)
{
    if (kind != HCL_SNP && kind != HCL_TDX)
        return error_set(err, ERROR_INVALID,
                         "the HCL report holds a report of kind %u; 2 (SEV-SNP) and 4 (TDX) are "
                         "known",
                         kind);
    report->kind = (enum hcl_kind)kind;
    if (report->kind == HCL_SNP)
        return 0;
    if (!span_is_zero(
            span_of(report->hardware.data + HCL_TDREPORT_SIZE, SLOT_SIZE - HCL_TDREPORT_SIZE)))
        return error_set(err, ERROR_INVALID, "bytes follow the TDREPORT in its place");
    report->hardware.size = HCL_TDREPORT_SIZE;
    return 0;
}

static int read_data(struct cursor *cursor, struct hcl_report *report, uint32_t total,
                     struct error *err)
{
    uint32_t size;
    uint32_t version;
    uint32_t kind;
    uint32_t hash;
    uint32_t variable;
    if (!cursor_le32(cursor, &size) || !cursor_le32(cursor, &version) ||
        !cursor_le32(cursor, &kind) || !cursor_le32(cursor, &hash) ||
        !cursor_le32(cursor, &variable) || variable == 0 ||
        !cursor_read(cursor, variable, &report->runtime_data))
        return error_set(err, ERROR_INVALID, "the HCL report's runtime claims end too early");
    if (version != DATA_VERSION || hash != DATA_HASH_SHA256)
        return error_set(err, ERROR_INVALID,
                         "runtime claims of version %u by hash %u; 1 and 1 (SHA-256) are known",
                         version, hash);
    if (size != DATA_HEADER_SIZE + variable ||
        total != MAGIC_SIZE + 4 * 4 + RESERVED_SIZE + SLOT_SIZE + size)
        return error_set(err, ERROR_INVALID,
                         "the HCL report's sizes contradict each other: %u in all, %u from the "
                         "claims' header on, %u of claims",
                         total, size, variable);
    return read_kind(kind, report, err);
}

int hcl_parse(struct span bytes, struct hcl_report *report, struct error *err)
{
    struct cursor cursor = cursor_of(bytes);
    uint32_t total;
    *report = (struct hcl_report){0};
    if (bytes.size > HCL_SIZE_MAX)
        return error_set(err, ERROR_LIMIT, "an HCL report of %zu bytes; at most %d", bytes.size,
                         HCL_SIZE_MAX);
    if (read_header(&cursor, report, &total, err) < 0 || read_data(&cursor, report, total, err) < 0)
        return -1;
    if (!span_is_zero(cursor.rest))
        return error_set(err, ERROR_INVALID, "bytes that are not zero follow the runtime claims");
    return 0;
}

static int read_number(const json_t *key, const char *member, uint8_t *out, size_t max,
                       size_t *size, struct error *err)
{
    const char *text = NULL;
    BUF_AUTO bytes = BUF_WITH_LIMIT(max);
    if (json_get_text(key, member, &text, err) < 0)
        return -1;
    if (base64url_decode(span_of_text(text), &bytes, err) < 0)
        return error_context(err, "%s of " ATTESTATION_KEY, member);
    if (bytes.size > 0)
        memcpy(out, bytes.data, bytes.size);
    *size = bytes.size;
    return 0;
}

static int read_key(const json_t *key, struct hcl_claims *claims, struct error *err)
{
    const char *name = NULL;
    const char *type = NULL;
    if (!json_is_object(key))
        return error_set(err, ERROR_INVALID, "one of the claims' keys is %s", json_kind(key));
    if (json_get_text(key, "kid", &name, err) < 0)
        return -1;
    if (strcmp(name, ATTESTATION_KEY) != 0)
        return 0;
    if (claims->modulus_size > 0)
        return error_set(err, ERROR_INVALID, "the claims have two keys " ATTESTATION_KEY);
    if (json_get_text(key, "kty", &type, err) < 0)
        return -1;
    if (strcmp(type, "RSA") != 0)
        return error_set(err, ERROR_INVALID, ATTESTATION_KEY " is a key of type %s, not RSA", type);
    if (read_number(key, "n", claims->modulus, HCL_MODULUS_MAX, &claims->modulus_size, err) < 0 ||
        read_number(key, "e", claims->exponent, HCL_EXPONENT_MAX, &claims->exponent_size, err) < 0)
        return -1;
    PUBLIC_KEY_AUTO *usable = public_key_from_rsa(span_of(claims->modulus, claims->modulus_size),
                                                  span_of(claims->exponent, claims->exponent_size),
                                                  err);
    return usable ? 0 : error_context(err, ATTESTATION_KEY);
}

static int read_keys(const json_t *document, struct hcl_claims *claims, struct error *err)
{
    json_t *keys = NULL;
    if (json_get_array(document, "keys", &keys, err) < 0)
        return -1;
    if (json_array_size(keys) > KEYS_MAX)
        return error_set(err, ERROR_LIMIT, "the claims have more than %d keys", KEYS_MAX);
    for (size_t i = 0; i < json_array_size(keys); i++) {
        if (read_key(json_array_get(keys, i), claims, err) < 0)
            return -1;
    }
    if (claims->modulus_size == 0)
        return error_set(err, ERROR_INVALID, "the claims have no key " ATTESTATION_KEY);
    return 0;
}

static int read_machine(const json_t *document, struct hcl_claims *claims, struct error *err)
{
    json_t *machine = NULL;
    const char *id = NULL;
    if (json_find_object(document, "vm-configuration", &machine, err) < 0)
        return -1;
    if (!machine)
        return 0;
    if (json_find_text(machine, "vmUniqueId", &id, err) < 0 ||
        json_find_bool(machine, "secure-boot", &claims->secure_boot, err) < 0)
        return -1;
    if (id && !text_copy(claims->vm_id, sizeof claims->vm_id, id))
        return error_set(err, ERROR_INVALID, "vmUniqueId is longer than %d", HCL_TEXT_SIZE - 1);
    return 0;
}

static int read_user_data(const json_t *document, struct hcl_claims *claims, struct error *err)
{
    const char *text = NULL;
    if (json_find_text(document, "user-data", &text, err) < 0)
        return -1;
    claims->has_user_data = text != NULL;
    if (text && !hex_decode(span_of_text(text), claims->user_data, HCL_USER_DATA_SIZE))
        return error_set(err, ERROR_INVALID, "user-data is not %d bytes in hexadecimal",
                         HCL_USER_DATA_SIZE);
    return 0;
}

int hcl_claims_parse(struct span runtime_data, struct hcl_claims *claims, struct error *err)
{
    static const struct json_limits limits = {HCL_SIZE_MAX, CLAIMS_DEPTH};
    *claims = (struct hcl_claims){0};
    json_auto_t *document = json_parse_object(runtime_data, &limits, err);
    if (!document || read_keys(document, claims, err) < 0 ||
        read_machine(document, claims, err) < 0 || read_user_data(document, claims, err) < 0)
        return error_context(err, "the runtime claims");
    return 0;
}
