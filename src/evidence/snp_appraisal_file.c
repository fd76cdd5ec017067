#include "evidence/snp_appraisal_file.h"

#include <stdlib.h>

#include "base/hex.h"
#include "format/json.h"

#define FILE_VERSION 1
#define FILE_DEPTH   3
#define VMPL_MAX     3
#define BIT_MAX      63

#define KEY_VERSION "snp_appraisal"

struct bit_name {
    const char *name;
    uint64_t bit;
};

static const struct bit_name policy_bits[] = {
    {"smt", SNP_POLICY_SMT},
    {"migrate_ma", SNP_POLICY_MIGRATE_MA},
    {"debug", SNP_POLICY_DEBUG},
    {"single_socket", SNP_POLICY_SINGLE_SOCKET},
    {"cxl", SNP_POLICY_CXL},
    {"aes_256_xts", SNP_POLICY_AES_256_XTS},
    {"rapl_dis", SNP_POLICY_RAPL_DIS},
    {"ciphertext_hiding", SNP_POLICY_CIPHERTEXT_HIDING},
    {"page_swap_disable", SNP_POLICY_PAGE_SWAP_DISABLE},
    {NULL, 0},
};

static const struct bit_name platform_bits[] = {
    {"smt", SNP_PLATFORM_SMT},
    {"tsme", SNP_PLATFORM_TSME},
    {"ecc", SNP_PLATFORM_ECC},
    {"rapl_dis", SNP_PLATFORM_RAPL_DIS},
    {"ciphertext_hiding", SNP_PLATFORM_CIPHERTEXT_HIDING},
    {"alias_check", SNP_PLATFORM_ALIAS_CHECK},
    {"tio", SNP_PLATFORM_TIO},
    {NULL, 0},
};

static int read_flags(const json_t *document, struct snp_appraisal *appraisal, struct error *err)
{
    const struct {
        const char *key;
        bool *out;
    } flags[] = {
        {"allow_masked_chip_id", &appraisal->allow_masked_chip_id},
        {"allow_debug", &appraisal->allow_debug},
        {"allow_migration_agent", &appraisal->allow_migration_agent},
        {"allow_provisional_firmware", &appraisal->allow_provisional_firmware},
        {"allow_old_launch_tcb", &appraisal->allow_old_launch_tcb},
    };
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        if (json_find_bool(document, flags[i].key, flags[i].out, err) < 0)
            return -1;
    }
    return 0;
}

static int find_u32(const json_t *object, const char *key, uint32_t max, uint32_t *out,
                    struct error *err)
{
    uint64_t number = 0;
    if (json_find_u64(object, key, max, &number, err) < 0)
        return -1;
    *out = (uint32_t)number;
    return 0;
}

static int get_u8(const json_t *object, const char *key, uint8_t *out, struct error *err)
{
    uint64_t number = 0;
    if (json_get_u64(object, key, UINT8_MAX, &number, err) < 0)
        return -1;
    *out = (uint8_t)number;
    return 0;
}

/* Parts that are left out are 0: any version will do. */
static int read_tcb(const json_t *object, struct snp_tcb_minimum *minimum, struct error *err)
{
    const char *known[SNP_TCB_PART_COUNT + 1] = {NULL};
    for (enum snp_tcb_part part = 0; part < SNP_TCB_PART_COUNT; part++)
        known[part] = snp_tcb_part_name(part);
    if (json_check_keys(object, known, err) < 0)
        return -1;
    if (json_object_size(object) == 0)
        return error_set(err, ERROR_INVALID, "it names no part; leave the key out");
    for (enum snp_tcb_part part = 0; part < SNP_TCB_PART_COUNT; part++) {
        uint32_t number;
        if (find_u32(object, known[part], UINT8_MAX, &number, err) < 0)
            return -1;
        minimum->parts[part] = (uint8_t)number;
    }
    minimum->wanted = true;
    return 0;
}

static int read_tcbs(const json_t *document, struct snp_appraisal *appraisal, struct error *err)
{
    static const char *const keys[SNP_TCB_KIND_COUNT] = {
        "minimum_reported_tcb", "minimum_committed_tcb", "minimum_launch_tcb"};
    for (int kind = 0; kind < SNP_TCB_KIND_COUNT; kind++) {
        json_t *object;
        if (json_find_object(document, keys[kind], &object, err) < 0)
            return -1;
        if (object && read_tcb(object, &appraisal->minimum_tcb[kind], err) < 0)
            return error_context(err, "%s", keys[kind]);
    }
    return 0;
}

static int read_firmware(const json_t *document, struct snp_firmware *firmware, struct error *err)
{
    static const char *const known[] = {"major", "minor", "build", NULL};
    json_t *object;
    if (json_find_object(document, "minimum_firmware", &object, err) < 0)
        return -1;
    if (!object)
        return 0;
    if (json_check_keys(object, known, err) < 0 ||
        get_u8(object, "major", &firmware->major, err) < 0 ||
        get_u8(object, "minor", &firmware->minor, err) < 0 ||
        get_u8(object, "build", &firmware->build, err) < 0)
        return error_context(err, "minimum_firmware");
    return 0;
}

static int read_abi(const json_t *document, uint16_t *abi, struct error *err)
{
    static const char *const known[] = {"major", "minor", NULL};
    uint8_t major;
    uint8_t minor;
    json_t *object;
    if (json_find_object(document, "minimum_abi", &object, err) < 0)
        return -1;
    if (!object)
        return 0;
    if (json_check_keys(object, known, err) < 0 || get_u8(object, "major", &major, err) < 0 ||
        get_u8(object, "minor", &minor, err) < 0)
        return error_context(err, "minimum_abi");
    *abi = (uint16_t)(major << 8 | minor);
    return 0;
}

static int find_bit(const struct bit_name names[], const char *name, uint64_t *bit,
                    struct error *err)
{
    for (size_t i = 0; names[i].name; i++) {
        if (strcmp(names[i].name, name) == 0) {
            *bit = names[i].bit;
            return 0;
        }
    }
    return error_set(err, ERROR_INVALID, "\"%.64s\" is none of its bits; docs/verify.md has them",
                     name);
}

/* A list of names; NULL `names` means bit numbers. */
static int read_bits(const json_t *document, const char *key, const struct bit_name names[],
                     uint64_t *out, struct error *err)
{
    json_t *array;
    if (json_find_array(document, key, &array, err) < 0)
        return -1;
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *item = json_array_get(array, i);
        const char *name;
        uint64_t bit = 0;
        if (names) {
            if (json_text_at(array, i, key, &name, err) < 0)
                return -1;
            if (find_bit(names, name, &bit, err) < 0)
                return error_context(err, "%s[%zu]", key, i);
        } else {
            json_int_t number = json_is_integer(item) ? json_integer_value(item) : -1;
            if (number < 0 || number > BIT_MAX)
                return error_set(err, ERROR_INVALID, "%s[%zu] is no bit's number from 0 to %d", key,
                                 i, BIT_MAX);
            bit = UINT64_C(1) << number;
        }
        if (*out & bit)
            return error_set(err, ERROR_INVALID, "%s[%zu] is there twice", key, i);
        *out |= bit;
    }
    return 0;
}

static int check_conflict(const struct snp_bits *bits, const char *what, struct error *err)
{
    if (bits->required & bits->forbidden)
        return error_set(err, ERROR_INVALID,
                         "a bit is in %s_required and in %s_forbidden: nothing meets that", what,
                         what);
    return 0;
}

static int read_all_bits(const json_t *document, struct snp_appraisal *appraisal, struct error *err)
{
    const struct {
        const char *key;
        const struct bit_name *names;
        uint64_t *out;
    } lists[] = {
        {"policy_required", policy_bits, &appraisal->policy.required},
        {"policy_forbidden", policy_bits, &appraisal->policy.forbidden},
        {"platform_required", platform_bits, &appraisal->platform.required},
        {"platform_forbidden", platform_bits, &appraisal->platform.forbidden},
        {"launch_mitigations", NULL, &appraisal->launch_mitigations},
        {"current_mitigations", NULL, &appraisal->current_mitigations},
    };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        if (read_bits(document, lists[i].key, lists[i].names, lists[i].out, err) < 0)
            return -1;
    }
    if (check_conflict(&appraisal->policy, "policy", err) < 0)
        return -1;
    return check_conflict(&appraisal->platform, "platform", err);
}

static int read_values(const json_t *document, struct snp_appraisal_file *file, struct error *err)
{
    struct snp_appraisal *appraisal = &file->appraisal;
    const struct {
        const char *key;
        size_t size;
        const uint8_t **out;
    } values[SNP_VALUE_COUNT] = {
        [SNP_VALUE_REPORT_DATA] = {"report_data", 64, &appraisal->report_data},
        [SNP_VALUE_HOST_DATA] = {"host_data", 32, &appraisal->host_data},
        [SNP_VALUE_FAMILY_ID] = {"family_id", 16, &appraisal->family_id},
        [SNP_VALUE_IMAGE_ID] = {"image_id", 16, &appraisal->image_id},
        [SNP_VALUE_ID_KEY_DIGEST] = {"id_key_digest", 48, &appraisal->id_key_digest},
        [SNP_VALUE_AUTHOR_KEY_DIGEST] = {"author_key_digest", 48, &appraisal->author_key_digest},
        [SNP_VALUE_REPORT_ID] = {"report_id", 32, &appraisal->report_id},
        [SNP_VALUE_REPORT_ID_MA] = {"report_id_ma", 32, &appraisal->report_id_ma},
    };
    for (int i = 0; i < SNP_VALUE_COUNT; i++) {
        const char *text;
        if (json_find_text(document, values[i].key, &text, err) < 0)
            return -1;
        if (!text)
            continue;
        if (!hex_decode(span_of_text(text), file->values[i], values[i].size))
            return error_set(err, ERROR_INVALID, "%s is not %zu bytes in hexadecimal",
                             values[i].key, values[i].size);
        *values[i].out = file->values[i];
    }
    return 0;
}

/* A list of values of `size` bytes; *out is the caller's, NULL where there is no such key. An empty
 * list would accept nothing: it is taken for a mistake. */
static int read_set(const json_t *document, const char *key, size_t size, void **out, size_t *count,
                    struct error *err)
{
    json_t *array;
    if (json_find_array(document, key, &array, err) < 0)
        return -1;
    if (!array)
        return 0;
    *count = json_array_size(array);
    if (*count == 0 || *count > SNP_APPRAISAL_SET_MAX)
        return error_set(err, *count ? ERROR_LIMIT : ERROR_INVALID,
                         "%s has %zu values; 1 to %d are allowed", key, *count,
                         SNP_APPRAISAL_SET_MAX);
    uint8_t *values = calloc(*count, size);
    if (!values)
        return error_memory(err);
    *out = values;
    for (size_t i = 0; i < *count; i++) {
        const char *text;
        if (json_text_at(array, i, key, &text, err) < 0)
            return -1;
        if (!hex_decode(span_of_text(text), values + i * size, size))
            return error_set(err, ERROR_INVALID, "%s[%zu] is not %zu bytes in hexadecimal", key, i,
                             size);
    }
    return 0;
}

static int read_sets(const json_t *document, struct snp_appraisal_file *file, struct error *err)
{
    struct snp_appraisal *appraisal = &file->appraisal;
    void *measurements = NULL;
    void *chip_ids = NULL;
    int status = read_set(document, "measurements", SNP_MEASUREMENT_SIZE, &measurements,
                          &appraisal->measurement_count, err);
    if (status == 0)
        status = read_set(document, "chip_ids", SNP_CHIP_ID_SIZE, &chip_ids,
                          &appraisal->chip_id_count, err);
    file->measurements = measurements;
    file->chip_ids = chip_ids;
    appraisal->measurements = (const uint8_t(*)[SNP_MEASUREMENT_SIZE])file->measurements;
    appraisal->chip_ids = (const uint8_t(*)[SNP_CHIP_ID_SIZE])file->chip_ids;
    return status;
}

static int check_document(const json_t *document, struct error *err)
{
    static const char *const known[] = {KEY_VERSION,
                                        "allow_masked_chip_id",
                                        "allow_debug",
                                        "allow_migration_agent",
                                        "allow_provisional_firmware",
                                        "allow_old_launch_tcb",
                                        "vmpl_max",
                                        "minimum_guest_svn",
                                        "minimum_abi",
                                        "minimum_firmware",
                                        "minimum_reported_tcb",
                                        "minimum_committed_tcb",
                                        "minimum_launch_tcb",
                                        "policy_required",
                                        "policy_forbidden",
                                        "platform_required",
                                        "platform_forbidden",
                                        "launch_mitigations",
                                        "current_mitigations",
                                        "report_data",
                                        "host_data",
                                        "family_id",
                                        "image_id",
                                        "id_key_digest",
                                        "author_key_digest",
                                        "report_id",
                                        "report_id_ma",
                                        "measurements",
                                        "chip_ids",
                                        NULL};
    uint64_t version;
    if (json_check_keys(document, known, err) < 0 ||
        json_get_u64(document, KEY_VERSION, INT32_MAX, &version, err) < 0)
        return -1;
    if (version != FILE_VERSION)
        return error_set(err, ERROR_INVALID, KEY_VERSION " is %llu; %d is known",
                         (unsigned long long)version, FILE_VERSION);
    return 0;
}

int snp_appraisal_file_parse(struct span text, struct snp_appraisal_file *file, struct error *err)
{
    static const struct json_limits limits = {SNP_APPRAISAL_FILE_MAX, FILE_DEPTH};
    struct snp_appraisal *appraisal = &file->appraisal;
    memset(file, 0, sizeof *file);
    json_auto_t *document = json_parse_object(text, &limits, err);
    if (!document || check_document(document, err) < 0 ||
        read_flags(document, appraisal, err) < 0 ||
        find_u32(document, "vmpl_max", VMPL_MAX, &appraisal->vmpl_max, err) < 0 ||
        find_u32(document, "minimum_guest_svn", UINT32_MAX, &appraisal->minimum_guest_svn, err) <
            0 ||
        read_abi(document, &appraisal->minimum_abi, err) < 0 ||
        read_firmware(document, &appraisal->minimum_firmware, err) < 0 ||
        read_tcbs(document, appraisal, err) < 0 || read_all_bits(document, appraisal, err) < 0 ||
        read_values(document, file, err) < 0)
        return -1;
    return read_sets(document, file, err);
}

void snp_appraisal_file_fini(struct snp_appraisal_file *file)
{
    free(file->measurements);
    free(file->chip_ids);
    memset(file, 0, sizeof *file);
}
