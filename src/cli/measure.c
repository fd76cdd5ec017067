#include <stdlib.h>

#include "base/hex.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/measure_io.h"
#include "measure/manifest.h"
#include "os/file.h"
#include "os/output.h"

#define MANIFEST_NAME "manifest.json"
#define FIRMWARE_NAME "OVMF.amdsev.fd"

static const struct option_rule options[] = {{.name = "json", .help = "Print JSON"}, {0}};

static char *path_in(const char *dir, const char *name, struct error *err)
{
    char *path = text_format("%s/%s", dir, name);
    if (!path)
        (void)error_memory(err);
    return path;
}

/* The manifest must be of these files: its digests become what verifiers expect. */
static int check_file(const struct manifest *manifest, const char *dir, const char *name,
                      struct error *err)
{
    uint8_t expected[SHA256_SIZE];
    uint8_t found[SHA256_SIZE];
    char found_text[2 * SHA256_SIZE + 1];
    TEXT_AUTO path = path_in(dir, name, err);
    if (!path || manifest_file(manifest, name, expected, err) < 0 ||
        measure_digest_file(path, found, err) < 0)
        return -1;
    if (memcmp(expected, found, sizeof found) == 0)
        return 0;
    hex_encode(span_of(found, sizeof found), found_text);
    return error_set(err, ERROR_REFUSED,
                     "%s has the SHA-256 %s, which is not what " MANIFEST_NAME
                     " says: build the guest again",
                     path, found_text);
}

static int measure_simulated_machines(struct manifest *manifest, const char *dir,
                                      struct manifest_measurements *list, struct error *err)
{
    if (check_file(manifest, dir, "vmlinux", err) < 0 ||
        check_file(manifest, dir, "initrd", err) < 0 ||
        manifest_measure_simulated(manifest, list, err) < 0)
        return -1;
    return manifest_set_list(manifest, MANIFEST_TEE_SIMULATED, list, err);
}

/* Without firmware there are no machines of this kind: then the list is empty. */
static int measure_snp_machines(struct manifest *manifest, const char *dir,
                                struct manifest_measurements *list, struct error *err)
{
    BUF_AUTO firmware = BUF_WITH_LIMIT(OVMF_SIZE_MAX);
    struct error missing = {0};
    TEXT_AUTO path = path_in(dir, FIRMWARE_NAME, err);
    if (!path)
        return -1;
    if (file_read(path, &firmware, &missing) < 0) {
        if (missing.code != ERROR_NOT_FOUND)
            return error_set(err, missing.code, "%s", missing.text);
    } else if (check_file(manifest, dir, "bzImage", err) < 0 ||
               manifest_measure_snp(manifest, buf_span(&firmware), list, err) < 0) {
        return error_context(err, "%s", path);
    }
    if (manifest_set_firmware(manifest, FIRMWARE_NAME, buf_span(&firmware), err) < 0)
        return -1;
    return manifest_set_list(manifest, MANIFEST_TEE_SNP, list, err);
}

static int write_manifest(const struct manifest *manifest, const char *path, struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(MANIFEST_SIZE_MAX);
    if (manifest_write(manifest, &text, err) < 0)
        return -1;
    return output_write(path, buf_span(&text), 0644, err);
}

static void print_first(const char *tee, const struct manifest_measurements *list)
{
    char digest[2 * SHA384_SIZE + 1];
    if (list->count == 0) {
        (void)printf("%-10s not measured: there is no " FIRMWARE_NAME "\n", tee);
        return;
    }
    hex_encode(span_of(list->items[0].digest, SHA384_SIZE), digest);
    (void)printf("%-10s %s (%s, 1 CPU; %zu machines in all)\n", tee, digest,
                 list->items[0].vcpu_type, list->count);
}

/* The folder itself, or the one that the manifest lies in. */
static char *folder_of(const char *operand)
{
    if (strcmp(operand, MANIFEST_NAME) == 0)
        return text_format(".");
    if (!text_ends_with(operand, "/" MANIFEST_NAME))
        return text_format("%s", operand);
    return text_format("%.*s", (int)(strlen(operand) - strlen("/" MANIFEST_NAME)), operand);
}

static int run(const struct args *args, struct error *err)
{
    if (args_operand_count(args) != 1)
        return error_set(err, ERROR_USAGE, "measure guest wants one folder, or its manifest");
    TEXT_AUTO dir = folder_of(args_operands(args)[0]);
    if (!dir)
        return error_memory(err);
    BUF_AUTO text = BUF_WITH_LIMIT(MANIFEST_SIZE_MAX);
    MANIFEST_AUTO manifest = {0};
    MANIFEST_MEASUREMENTS_AUTO simulated = {0};
    MANIFEST_MEASUREMENTS_AUTO snp = {0};
    TEXT_AUTO path = path_in(dir, MANIFEST_NAME, err);
    if (!path || file_read(path, &text, err) < 0 ||
        manifest_parse(buf_span(&text), &manifest, err) < 0 ||
        measure_simulated_machines(&manifest, dir, &simulated, err) < 0 ||
        measure_snp_machines(&manifest, dir, &snp, err) < 0 ||
        write_manifest(&manifest, path, err) < 0)
        return -1;
    if (args_has(args, "json")) {
        (void)printf("{\"simulated\":%zu,\"sev-snp\":%zu}\n", simulated.count, snp.count);
        return EXIT_OK;
    }
    print_first(MANIFEST_TEE_SIMULATED, &simulated);
    print_first(MANIFEST_TEE_SNP, &snp);
    return EXIT_OK;
}

const struct command command_measure_guest = {
    .name = "measure guest",
    .operands = "MANIFEST|DIR",
    .summary = "Compute the launch digests of a guest and write them into its manifest",
    .description =
        "Reads MANIFEST (DIR/manifest.json), compares its digests with the files beside it, and "
        "computes the "
        "launch digests that a verifier is to expect of machines that start this guest: of "
        "simulated machines, and of SEV-SNP machines where DIR holds OVMF.amdsev.fd, for 1 to 64 "
        "virtual CPUs of each model.\n\n"
        "The manifest is then replaced in one step. Doing it twice gives the same bytes.",
    .options = options,
    .run = run,
};
