#include "measure/manifest.h"

#include <stdlib.h>

#include "base/hex.h"
#include "base/text.h"
#include "measure/simulated.h"
#include "measure/snp.h"

#define FORMAT_VERSION 1

/* The CPU models of QEMU that an SEV-SNP host may be asked for. */
static const char *const snp_cpus[] = {"EPYC-v4", "EPYC-Milan", "EPYC-Genoa", "EPYC-Turin"};
#define SNP_CPU_COUNT (sizeof snp_cpus / sizeof *snp_cpus)

static int check_document(const json_t *document, struct error *err)
{
    static const char *const known[] = {"caisson_guest", "cmdline",      "files",    "initrd",
                                        "packages",      "measurements", "firmware", NULL};
    uint64_t version;
    if (json_check_keys(document, known, err) < 0 ||
        json_get_u64(document, "caisson_guest", UINT32_MAX, &version, err) < 0)
        return -1;
    if (version != FORMAT_VERSION)
        return error_set(err, ERROR_INVALID, "its format is %llu; %d is known",
                         (unsigned long long)version, FORMAT_VERSION);
    return 0;
}

int manifest_parse(struct span text, struct manifest *manifest, struct error *err)
{
    const struct json_limits limits = {MANIFEST_SIZE_MAX, 8};
    manifest->document = json_parse_object(text, &limits, err);
    if (!manifest->document)
        return error_context(err, "the guest's manifest");
    if (check_document(manifest->document, err) < 0) {
        manifest_fini(manifest);
        return error_context(err, "the guest's manifest");
    }
    return 0;
}

void manifest_fini(struct manifest *manifest)
{
    json_decref(manifest->document);
    manifest->document = NULL;
}

void manifest_measurements_fini(struct manifest_measurements *list)
{
    free(list->items);
    *list = (struct manifest_measurements){0};
}

int manifest_cmdline(const struct manifest *manifest, const char *tee, const char **out,
                     struct error *err)
{
    json_t *cmdlines;
    if (json_get_object(manifest->document, "cmdline", &cmdlines, err) < 0 ||
        json_get_text(cmdlines, tee, out, err) < 0)
        return error_context(err, "the guest's manifest: cmdline");
    if (strlen(*out) >= MANIFEST_CMDLINE_SIZE_MAX)
        return error_set(err, ERROR_LIMIT, "the guest's manifest: the command line has %zu bytes",
                         strlen(*out));
    return 0;
}

int manifest_file(const struct manifest *manifest, const char *name, uint8_t out[SHA256_SIZE],
                  struct error *err)
{
    json_t *files;
    json_t *file;
    const char *digest;
    if (json_get_object(manifest->document, "files", &files, err) < 0 ||
        json_get_object(files, name, &file, err) < 0 ||
        json_get_text(file, "sha256", &digest, err) < 0)
        return error_context(err, "the guest's manifest: files");
    if (!hex_decode(span_of_text(digest), out, SHA256_SIZE))
        return error_set(err, ERROR_INVALID, "the guest's manifest: the sha256 of %s is not one",
                         name);
    return 0;
}

const char *manifest_kernel_name(const char *tee)
{
    return strcmp(tee, MANIFEST_TEE_SIMULATED) == 0 ? "vmlinux" : "bzImage";
}

int manifest_kernel(const struct manifest *manifest, const char *tee, struct measure_kernel *out,
                    struct error *err)
{
    const char *cmdline;
    if (manifest_file(manifest, manifest_kernel_name(tee), out->kernel, err) < 0 ||
        manifest_file(manifest, "initrd", out->initrd, err) < 0 ||
        manifest_cmdline(manifest, tee, &cmdline, err) < 0)
        return -1;
    measure_cmdline(cmdline, out->cmdline);
    return 0;
}

static int list_reserve(struct manifest_measurements *list, size_t count, struct error *err)
{
    *list = (struct manifest_measurements){0};
    list->items = calloc(count ? count : 1, sizeof *list->items);
    return list->items ? 0 : error_memory(err);
}

int manifest_measure_simulated(const struct manifest *manifest, struct manifest_measurements *out,
                               struct error *err)
{
    struct measure_kernel kernel;
    *out = (struct manifest_measurements){0};
    if (manifest_kernel(manifest, MANIFEST_TEE_SIMULATED, &kernel, err) < 0 ||
        list_reserve(out, MANIFEST_VCPUS_MAX, err) < 0)
        return -1;
    for (uint32_t vcpus = 1; vcpus <= MANIFEST_VCPUS_MAX; vcpus++) {
        struct manifest_measurement *item = &out->items[out->count++];
        item->vcpus = vcpus;
        (void)text_copy(item->vcpu_type, sizeof item->vcpu_type, MANIFEST_SIMULATED_CPU);
        (void)measure_simulated(&kernel, vcpus, item->digest, NULL);
    }
    return 0;
}

static int measure_snp_all(const struct snp_machine *base, const uint8_t firmware[SHA384_SIZE],
                           struct manifest_measurements *out, struct error *err)
{
    uint8_t digests[MANIFEST_VCPUS_MAX][SHA384_SIZE];
    for (size_t cpu = 0; cpu < SNP_CPU_COUNT; cpu++) {
        struct snp_machine machine = *base;
        machine.cpuid_signature = measure_cpu_signature(snp_cpus[cpu]);
        machine.vcpus = MANIFEST_VCPUS_MAX;
        if (measure_snp_each(&machine, firmware, digests, err) < 0)
            return -1;
        for (uint32_t i = 0; i < MANIFEST_VCPUS_MAX; i++) {
            struct manifest_measurement *item = &out->items[out->count++];
            item->vcpus = i + 1;
            (void)text_copy(item->vcpu_type, sizeof item->vcpu_type, snp_cpus[cpu]);
            memcpy(item->digest, digests[i], SHA384_SIZE);
        }
    }
    return 0;
}

int manifest_measure_snp(const struct manifest *manifest, struct span firmware,
                         struct manifest_measurements *out, struct error *err)
{
    struct measure_kernel kernel;
    struct ovmf ovmf;
    uint8_t digest[SHA384_SIZE];
    *out = (struct manifest_measurements){0};
    if (manifest_kernel(manifest, MANIFEST_TEE_SNP, &kernel, err) < 0 ||
        ovmf_parse(firmware, &ovmf, err) < 0 || measure_snp_firmware(firmware, digest, err) < 0 ||
        list_reserve(out, SNP_CPU_COUNT * MANIFEST_VCPUS_MAX, err) < 0)
        return -1;
    const struct snp_machine machine = {.ovmf = &ovmf,
                                        .kernel = &kernel,
                                        .flavour = VMSA_QEMU,
                                        .guest_features = SNP_FEATURES_DEFAULT};
    if (measure_snp_all(&machine, digest, out, err) < 0) {
        manifest_measurements_fini(out);
        return -1;
    }
    return 0;
}

static int read_measurement(const json_t *item, const char *tee, struct manifest_measurements *out,
                            struct error *err)
{
    static const char *const known[] = {"tee", "vcpu_type", "vcpus", "digest", NULL};
    const char *item_tee;
    const char *type;
    const char *digest;
    uint64_t vcpus;
    if (!json_is_object(item))
        return error_set(err, ERROR_INVALID, "an entry is %s instead of an object",
                         json_kind(item));
    if (json_check_keys(item, known, err) < 0 || json_get_text(item, "tee", &item_tee, err) < 0 ||
        json_get_text(item, "vcpu_type", &type, err) < 0 ||
        json_get_u64(item, "vcpus", MEASURE_VCPUS_MAX, &vcpus, err) < 0 ||
        json_get_text(item, "digest", &digest, err) < 0)
        return -1;
    if (strcmp(item_tee, tee) != 0)
        return 0;
    struct manifest_measurement *entry = &out->items[out->count];
    entry->vcpus = (uint32_t)vcpus;
    if (!text_copy(entry->vcpu_type, sizeof entry->vcpu_type, type) ||
        !hex_decode(span_of_text(digest), entry->digest, SHA384_SIZE))
        return error_set(err, ERROR_INVALID, "an entry's vcpu_type or digest is malformed");
    out->count++;
    return 0;
}

static int read_list(const json_t *array, const char *tee, struct manifest_measurements *out,
                     struct error *err)
{
    size_t count = json_array_size(array);
    if (count > MANIFEST_MEASUREMENTS_MAX)
        return error_set(err, ERROR_LIMIT, "%zu entries; at most %d are allowed", count,
                         MANIFEST_MEASUREMENTS_MAX);
    if (list_reserve(out, count, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (read_measurement(json_array_get(array, i), tee, out, err) < 0)
            return -1;
    }
    return 0;
}

int manifest_list(const struct manifest *manifest, const char *tee,
                  struct manifest_measurements *out, struct error *err)
{
    json_t *array;
    *out = (struct manifest_measurements){0};
    if (json_find_array(manifest->document, "measurements", &array, err) < 0 ||
        read_list(array, tee, out, err) < 0) {
        manifest_measurements_fini(out);
        return error_context(err, "the guest's manifest: measurements");
    }
    if (out->count > 0)
        return 0;
    manifest_measurements_fini(out);
    return error_set(err, ERROR_NOT_FOUND,
                     "the guest's manifest has no launch digests for %s: caisson measure guest "
                     "writes them",
                     tee);
}

static json_t *entry_of(const char *tee, const struct manifest_measurement *item)
{
    char digest[2 * SHA384_SIZE + 1];
    hex_encode(span_of(item->digest, SHA384_SIZE), digest);
    return json_pack("{s:s, s:s, s:s, s:I}", "digest", digest, "tee", tee, "vcpu_type",
                     item->vcpu_type, "vcpus", (json_int_t)item->vcpus);
}

/* The entries of the other TEEs that stand in the old list. */
static int keep_others(json_t *array, const json_t *old, const char *tee)
{
    for (size_t i = 0; i < json_array_size(old); i++) {
        json_t *item = json_array_get(old, i);
        const char *item_tee = json_string_value(json_object_get(item, "tee"));
        if (item_tee && strcmp(item_tee, tee) != 0 && json_array_append(array, item) < 0)
            return -1;
    }
    return 0;
}

int manifest_set_list(struct manifest *manifest, const char *tee,
                      const struct manifest_measurements *list, struct error *err)
{
    json_auto_t *array = json_array();
    if (!array || keep_others(array, json_object_get(manifest->document, "measurements"), tee) < 0)
        return error_memory(err);
    for (size_t i = 0; i < list->count; i++) {
        if (json_array_append_new(array, entry_of(tee, &list->items[i])) < 0)
            return error_memory(err);
    }
    return json_object_set(manifest->document, "measurements", array) < 0 ? error_memory(err) : 0;
}

int manifest_set_firmware(struct manifest *manifest, const char *name, struct span firmware,
                          struct error *err)
{
    uint8_t digest[SHA256_SIZE];
    char text[2 * SHA256_SIZE + 1];
    if (firmware.size == 0) {
        (void)json_object_del(manifest->document, "firmware");
        return 0;
    }
    sha256_digest(firmware, digest);
    hex_encode(span_of(digest, sizeof digest), text);
    json_t *note = json_pack("{s:s, s:s, s:I}", "name", name, "sha256", text, "size",
                             (json_int_t)firmware.size);
    return json_object_set_new(manifest->document, "firmware", note) < 0 ? error_memory(err) : 0;
}

int manifest_write(const struct manifest *manifest, struct buf *out, struct error *err)
{
    return json_append_pretty(manifest->document, out, err);
}
