/* `caisson secret rule`: the rule for exactly one workload. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/hex.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/enclave_file.h"
#include "cli/guest_folder.h"
#include "cli/policy_file.h"
#include "cli/service_client.h"
#include "crypto/digest.h"
#include "format/json.h"
#include "measure/manifest.h"
#include "os/file.h"
#include "rules/release_policy.h"

#define TEE_SGX           "sgx"
#define TEE_SGX_SIMULATED "sgx-simulated"

#define MANIFEST_MAX ((size_t)4 << 20)

static const struct option_rule options[] = {
    {.name = "policy", .operand = "FILE", .help = "The workload's policy: its SHA-256 is its name"},
    {.name = "guest",
     .operand = "DIR|MANIFEST",
     .help = "The guest that it runs in (default: the one that is installed)"},
    {.name = "tee",
     .operand = "KIND",
     .help = "sev-snp (default), simulated, sgx or sgx-simulated"},
    {.name = "enclave",
     .operand = "IMAGE|MRENCLAVE",
     .help = "With sgx and sgx-simulated: the image that must run, or its MRENCLAVE in hex"},
    {.name = "vcpus", .operand = "N", .help = "Only machines of N processors (default: any)"},
    {.name = "authority",
     .operand = "URL",
     .help = "Whose tokens it is about (default: the service's URL)"},
    POLICY_ALLOW_ALL_OPTION,
    SERVICE_CLIENT_OPTIONS,
    {0},
};

/* --- what the guest may be -------------------------------------------------------------------- */

static int read_manifest(const struct args *args, struct manifest *out, struct error *err)
{
    struct stat status;
    TEXT_AUTO path = NULL;
    TEXT_AUTO folder = NULL;
    BUF_AUTO text = BUF_WITH_LIMIT(MANIFEST_MAX);
    const char *given = args_get(args, "guest");
    if (given && stat(given, &status) == 0 && S_ISREG(status.st_mode)) {
        path = text_format("%s", given);
    } else {
        if (guest_folder_find(given, &folder, err) < 0)
            return -1;
        path = text_format("%s/manifest.json", folder);
    }
    if (!path)
        return error_memory(err);
    if (file_read(path, &text, err) < 0)
        return -1;
    return manifest_parse(buf_span(&text), out, err) < 0 ? error_context(err, "%s", path) : 0;
}

/* Simulated machines' digests follow from the manifest's own; SEV-SNP's stand in its list. */
static int read_measurements(const struct args *args, const char *tee,
                             struct manifest_measurements *out, struct error *err)
{
    MANIFEST_AUTO manifest = {0};
    if (read_manifest(args, &manifest, err) < 0)
        return -1;
    if (strcmp(tee, MANIFEST_TEE_SIMULATED) == 0)
        return manifest_measure_simulated(&manifest, out, err);
    if (manifest_list(&manifest, tee, out, err) < 0 || out->count == 0)
        return error_set(err, ERROR_NOT_FOUND,
                         "the manifest lists no machines of kind %s: `caisson measure guest` adds "
                         "them where there is a firmware; to try it out, --tee simulated",
                         tee);
    return 0;
}

/* --- the rule --------------------------------------------------------------------------------- */

static int add_condition(json_t *list, const char *claim, json_t *wanted, struct error *err)
{
    json_t *condition = json_pack("{s:s, s:o}", "claim", claim, "equals", wanted);
    return condition && json_array_append_new(list, condition) == 0 ? 0 : error_memory(err);
}

static json_t *hex_of(struct span bytes)
{
    char text[2 * SHA384_SIZE + 1];
    hex_encode(bytes, text);
    return json_string(text);
}

/* Any of the digests; machines of several processor models may have one in common. */
static int add_measurements(json_t *all, const struct manifest_measurements *list, uint64_t vcpus,
                            struct error *err)
{
    json_auto_t *any = json_array();
    if (!any)
        return error_memory(err);
    for (size_t i = 0; i < list->count; i++) {
        const struct manifest_measurement *item = &list->items[i];
        if (vcpus != 0 && item->vcpus != vcpus)
            continue;
        if (add_condition(any, "x-ms-sevsnpvm-launchmeasurement",
                          hex_of(span_of(item->digest, sizeof item->digest)), err) < 0)
            return -1;
    }
    if (json_array_size(any) == 0)
        return error_set(err, ERROR_NOT_FOUND, "the guest has no machine of %llu processors",
                         (unsigned long long)vcpus);
    json_t *condition = json_pack("{s:O}", "anyOf", any);
    return condition && json_array_append_new(all, condition) == 0 ? 0 : error_memory(err);
}

static int add_simulated(json_t *all, bool simulated, struct error *err)
{
    if (simulated)
        return add_condition(all, "caisson-simulated", json_true(), err);
    json_t *genuine = json_pack("{s:s, s:b}", "claim", "caisson-simulated", "exists", 0);
    return genuine && json_array_append_new(all, genuine) == 0 ? 0 : error_memory(err);
}

static int add_conditions(json_t *all, const uint8_t host_data[SHA256_SIZE], bool simulated,
                          struct error *err)
{
    if (add_condition(all, "x-ms-sevsnpvm-hostdata", hex_of(span_of(host_data, SHA256_SIZE)), err) <
            0 ||
        add_condition(all, "x-ms-sevsnpvm-is-debuggable", json_false(), err) < 0 ||
        add_condition(all, "x-ms-sevsnpvm-vmpl", json_integer(0), err) < 0)
        return -1;
    return add_simulated(all, simulated, err);
}

static int print_rule(const char *authority, const json_t *all, struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(4 * RELEASE_POLICY_SIZE_MAX);
    json_auto_t *rule = json_pack("{s:s, s:[{s:s, s:O}]}", "version", "1.0.0", "anyOf", "authority",
                                  authority, "allOf", (json_t *)(uintptr_t)all);
    if (!rule)
        return error_memory(err);
    if (json_append_pretty(rule, &text, err) < 0)
        return -1;
    RELEASE_POLICY_AUTO *read = release_policy_new(buf_span(&text), err);
    if (!read)
        return error_context(err, "say --vcpus N");
    (void)fputs(buf_text(&text), stdout);
    return EXIT_OK;
}

static int read_host_data(const struct args *args, uint8_t out[SHA256_SIZE], struct error *err)
{
    const char *path = args_get(args, "policy");
    BUF_AUTO text = BUF_WITH_LIMIT(POLICY_SIZE_MAX);
    POLICY_AUTO policy = NULL;
    if (!path)
        return error_set(err, ERROR_USAGE, "--policy FILE is missing");
    if (policy_file_read(args, path, &text, &policy, err) < 0)
        return -1;
    sha256_digest(buf_span(&text), out);
    return 0;
}

/* --- of an enclave ---------------------------------------------------------------------------- */

static bool is_of_enclave(const char *tee)
{
    return strcmp(tee, TEE_SGX) == 0 || strcmp(tee, TEE_SGX_SIMULATED) == 0;
}

static int read_enclave(const struct args *args, uint8_t mrenclave[SHA256_SIZE], struct error *err)
{
    BUF_AUTO bytes = BUF_WITH_LIMIT(ENCLAVE_FILE_LIMIT);
    struct enclave_image image;
    const char *enclave = args_get(args, "enclave");
    if (args_has(args, "guest") || args_has(args, "vcpus") || !enclave)
        return error_set(err, ERROR_USAGE,
                         "of an enclave the rule wants --enclave, and neither --guest nor --vcpus");
    if (hex_decode(span_of_text(enclave), mrenclave, SHA256_SIZE))
        return 0;
    return enclave_file_read(enclave, &bytes, &image, mrenclave, err);
}

/* CONFIGID is the policy's digest, and zeros. */
static int add_enclave(json_t *all, const struct args *args, const uint8_t host_data[SHA256_SIZE],
                       bool simulated, struct error *err)
{
    uint8_t mrenclave[SHA256_SIZE];
    char config_id[4 * SHA256_SIZE + 1];
    if (read_enclave(args, mrenclave, err) < 0)
        return -1;
    hex_encode(span_of(host_data, SHA256_SIZE), config_id);
    (void)memset(config_id + 2 * SHA256_SIZE, '0', 2 * SHA256_SIZE);
    config_id[sizeof config_id - 1] = '\0';
    if (add_condition(all, "x-ms-sgx-config-id", json_string(config_id), err) < 0 ||
        add_condition(all, "x-ms-sgx-mrenclave", hex_of(span_of(mrenclave, sizeof mrenclave)),
                      err) < 0 ||
        add_condition(all, "x-ms-sgx-is-debuggable", json_false(), err) < 0)
        return -1;
    return add_simulated(all, simulated, err);
}

static int add_machine(json_t *all, const struct args *args, const char *tee, uint64_t vcpus,
                       const uint8_t host_data[SHA256_SIZE], struct error *err)
{
    MANIFEST_MEASUREMENTS_AUTO list = {0};
    if (args_has(args, "enclave"))
        return error_set(err, ERROR_USAGE, "--enclave goes with --tee sgx and sgx-simulated");
    if (read_measurements(args, tee, &list, err) < 0 ||
        add_conditions(all, host_data, strcmp(tee, MANIFEST_TEE_SIMULATED) == 0, err) < 0)
        return -1;
    return add_measurements(all, &list, vcpus, err);
}

static int read_tee(const struct args *args, const char **tee, uint64_t *vcpus, struct error *err)
{
    const char *given = args_get(args, "vcpus");
    *tee = args_get(args, "tee");
    if (!*tee)
        *tee = MANIFEST_TEE_SNP;
    if (strcmp(*tee, MANIFEST_TEE_SNP) != 0 && strcmp(*tee, MANIFEST_TEE_SIMULATED) != 0 &&
        !is_of_enclave(*tee))
        return error_set(err, ERROR_USAGE,
                         "--tee is \"%s\"; sev-snp, simulated, sgx and sgx-simulated can be", *tee);
    if (given && (!text_to_u64(given, 4096, vcpus) || *vcpus == 0))
        return error_set(err, ERROR_USAGE, "--vcpus %s is no number of processors", given);
    return args_operand_count(args) == 0
               ? 0
               : error_set(err, ERROR_USAGE, "`secret rule` takes no name: it prints a rule");
}

static int run(const struct args *args, struct error *err)
{
    const char *tee;
    uint64_t vcpus = 0;
    uint8_t host_data[SHA256_SIZE];
    TEXT_AUTO authority = NULL;
    json_auto_t *all = json_array();
    if (!all)
        return error_memory(err);
    if (read_tee(args, &tee, &vcpus, err) < 0 || read_host_data(args, host_data, err) < 0)
        return -1;
    int made = is_of_enclave(tee)
                   ? add_enclave(all, args, host_data, strcmp(tee, TEE_SGX_SIMULATED) == 0, err)
                   : add_machine(all, args, tee, vcpus, host_data, err);
    if (made < 0)
        return -1;
    const char *given = args_get(args, "authority");
    if (given)
        authority = text_format("%s", given);
    else if (service_client_url(args, &authority, err) < 0)
        return -1;
    if (!authority)
        return error_memory(err);
    return print_rule(authority, all, err);
}

const struct command command_secret_rule = {
    .name = "secret rule",
    .operands = "",
    .summary = "Write the rule that gives a secret to exactly one workload",
    .description =
        "Prints a release rule: a machine of this guest (its launch measurement), under this "
        "policy (its SHA-256 in HOST_DATA), that nobody can debug; of an enclave, MRENCLAVE and "
        "CONFIGID. It serves `secret create` and `keys create`. Without --tee simulated or "
        "sgx-simulated it also wants that nothing was simulated.\n\n"
        "The rule names whose tokens it is about: the issuer of the service's tenant, which is the "
        "service's URL where `caisson serve` runs without a configuration.",
    .options = options,
    .run = run,
};
