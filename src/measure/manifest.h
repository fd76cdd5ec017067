/*
 * The guest's manifest (docs/guest.md): digests of its files, its command lines, and the launch
 * digests that a verifier is to expect of machines that start it. Whoever verifies holds a manifest
 * that they trust, so it is read strictly, but it is not an adversary's.
 */
#ifndef CAISSON_MEASURE_MANIFEST_H
#define CAISSON_MEASURE_MANIFEST_H

#include "base/buf.h"
#include "format/json.h"
#include "measure/kernel.h"
#include "measure/ovmf.h"

#define MANIFEST_SIZE_MAX         (4 * 1024 * 1024)
#define MANIFEST_VCPUS_MAX        64 /* machines are measured for 1 to this many CPUs */
#define MANIFEST_MEASUREMENTS_MAX 1024
#define MANIFEST_CMDLINE_SIZE_MAX 2048 /* of the kernel, COMMAND_LINE_SIZE on x86 */
#define MANIFEST_VCPU_TYPE_SIZE   32
#define MANIFEST_TEE_SIMULATED    "simulated"
#define MANIFEST_TEE_SNP          "sev-snp"
#define MANIFEST_SIMULATED_CPU    "simulated" /* vcpu_type of simulated machines */

struct manifest {
    json_t *document;
};

struct manifest_measurement {
    char vcpu_type[MANIFEST_VCPU_TYPE_SIZE];
    uint32_t vcpus;
    uint8_t digest[SHA384_SIZE];
};

struct manifest_measurements {
    struct manifest_measurement *items; /* the owner frees them */
    size_t count;
};

int manifest_parse(struct span text, struct manifest *manifest, struct error *err);
void manifest_fini(struct manifest *manifest);
#define MANIFEST_AUTO __attribute__((cleanup(manifest_fini))) struct manifest

/* The command line of this TEE; borrowed. */
int manifest_cmdline(const struct manifest *manifest, const char *tee, const char **out,
                     struct error *err);

/* The SHA-256 of a file, "vmlinux". */
int manifest_file(const struct manifest *manifest, const char *name, uint8_t out[SHA256_SIZE],
                  struct error *err);

/* The kernel that this TEE starts: "vmlinux" where simulated, else "bzImage". */
const char *manifest_kernel_name(const char *tee);

/* What a machine of this TEE boots, from the manifest's own digests. */
int manifest_kernel(const struct manifest *manifest, const char *tee, struct measure_kernel *out,
                    struct error *err);

/* Computes the launch digests of simulated machines from the digests of the manifest's files: what
 * its own list says of them is not asked. */
int manifest_measure_simulated(const struct manifest *manifest, struct manifest_measurements *out,
                               struct error *err);

/* Computes the launch digests of SEV-SNP machines: besides the manifest it takes the firmware. */
int manifest_measure_snp(const struct manifest *manifest, struct span firmware,
                         struct manifest_measurements *out, struct error *err);

/* Reads the list of this TEE. ERROR_NOT_FOUND when there is none. */
int manifest_list(const struct manifest *manifest, const char *tee,
                  struct manifest_measurements *out, struct error *err);

/* Replaces the list of this TEE; the others stay. */
int manifest_set_list(struct manifest *manifest, const char *tee,
                      const struct manifest_measurements *list, struct error *err);

/* Notes the firmware's digest beside the lists; an empty span takes the note away. */
int manifest_set_firmware(struct manifest *manifest, const char *name, struct span firmware,
                          struct error *err);

/* Appends the manifest as it is written to a file: the same content gives the same bytes. */
int manifest_write(const struct manifest *manifest, struct buf *out, struct error *err);

void manifest_measurements_fini(struct manifest_measurements *list);
#define MANIFEST_MEASUREMENTS_AUTO                                                                 \
    __attribute__((cleanup(manifest_measurements_fini))) struct manifest_measurements

#endif
