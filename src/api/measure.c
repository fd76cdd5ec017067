/* Launch measurements, exported. */
#include <caisson/measure.h>

#include "api/result.h"
#include "base/text.h"
#include "measure/igvm_snp.h"
#include "measure/sev.h"
#include "measure/sgxs.h"
#include "measure/sigstruct.h"
#include "measure/simulated.h"
#include "measure/snp.h"
#include "measure/svsm.h"

_Static_assert(CAISSON_VCPUS_MAX == MEASURE_VCPUS_MAX, "the limits agree");
_Static_assert((int)CAISSON_VMM_QEMU == (int)VMSA_QEMU && (int)CAISSON_VMM_EC2 == (int)VMSA_EC2 &&
                   (int)CAISSON_VMM_GCE == (int)VMSA_GCE,
               "the monitors agree");

/* A machine, taken over. */
struct taken {
    struct caisson_machine in;
    struct ovmf ovmf;
    struct measure_kernel kernel;
    bool has_kernel;
    uint32_t cpuid_signature;
};

/* Hands the error on where somebody wants it; returns whether there was none. */
static bool answer(int status, const struct error *err, char error[CAISSON_ERROR_SIZE])
{
    if (error)
        (void)text_copy(error, CAISSON_ERROR_SIZE, status == 0 ? "" : err->text);
    return status == 0;
}

static int take_processor(struct taken *taken, struct error *err)
{
    const struct caisson_machine *in = &taken->in;
    if (in->vmm != CAISSON_VMM_QEMU && in->vmm != CAISSON_VMM_EC2 && in->vmm != CAISSON_VMM_GCE)
        return error_set(err, ERROR_USAGE, "there is no monitor %d", (int)in->vmm);
    taken->cpuid_signature = in->vcpu_type ? measure_cpu_signature(in->vcpu_type)
                                           : in->cpuid_signature;
    if (in->vcpu_type && taken->cpuid_signature == 0)
        return error_set(err, ERROR_USAGE, "\"%.64s\" is no processor that is known here",
                         in->vcpu_type);
    return 0;
}

static int take(const struct caisson_machine *machine, struct taken *taken, struct error *err)
{
    struct caisson_machine *in = &taken->in;
    if (input_take(in, sizeof *in, machine, "caisson_machine", err) < 0 ||
        take_processor(taken, err) < 0 ||
        ovmf_parse(span_of_bytes(in->firmware), &taken->ovmf, err) < 0)
        return -1;
    taken->has_kernel = in->kernel.size > 0;
    sha256_digest(span_of_bytes(in->kernel), taken->kernel.kernel);
    sha256_digest(span_of_bytes(in->initrd), taken->kernel.initrd);
    measure_cmdline(in->command_line ? in->command_line : "", taken->kernel.cmdline);
    return 0;
}

static struct snp_machine snp_machine_of(const struct taken *taken)
{
    uint64_t features = taken->in.guest_features;
    return (struct snp_machine){
        .ovmf = &taken->ovmf,
        .kernel = taken->has_kernel ? &taken->kernel : NULL,
        .flavour = (enum vmsa_flavour)taken->in.vmm,
        .cpuid_signature = taken->cpuid_signature,
        .vcpus = taken->in.vcpus,
        .guest_features = features ? features : SNP_FEATURES_DEFAULT,
    };
}

static struct sev_machine sev_machine_of(const struct taken *taken)
{
    return (struct sev_machine){
        .ovmf = &taken->ovmf,
        .kernel = taken->has_kernel ? &taken->kernel : NULL,
        .flavour = (enum vmsa_flavour)taken->in.vmm,
        .cpuid_signature = taken->cpuid_signature,
        .vcpus = taken->in.vcpus,
        .guest_features = taken->in.guest_features,
    };
}

/* One digest, or one for each number of processors. */
static int measure_machine(const struct caisson_machine *given, bool each, uint8_t (*out)[48],
                           struct error *err)
{
    struct taken taken = {0};
    uint8_t firmware[SHA384_SIZE];
    if (take(given, &taken, err) < 0 || measure_snp_firmware(taken.ovmf.image, firmware, err) < 0)
        return -1;
    const struct snp_machine machine = snp_machine_of(&taken);
    return each ? measure_snp_each(&machine, firmware, out, err)
                : measure_snp(&machine, firmware, out[0], err);
}

bool caisson_measure_snp(const struct caisson_machine *machine, uint8_t digest[48],
                         char error[CAISSON_ERROR_SIZE])
{
    struct error err = {0};
    uint8_t out[1][48];
    int status = measure_machine(machine, false, out, &err);
    if (status == 0)
        memcpy(digest, out[0], sizeof out[0]);
    return answer(status, &err, error);
}

bool caisson_measure_snp_each(const struct caisson_machine *machine, uint8_t (*digests)[48],
                              char error[CAISSON_ERROR_SIZE])
{
    struct error err = {0};
    return answer(measure_machine(machine, true, digests, &err), &err, error);
}

bool caisson_measure_sev(const struct caisson_machine *machine, uint8_t digest[32],
                         char error[CAISSON_ERROR_SIZE])
{
    struct error err = {0};
    struct taken taken = {0};
    int status = take(machine, &taken, &err);
    const struct sev_machine sev = sev_machine_of(&taken);
    if (status == 0)
        status = measure_sev(&sev, digest, &err);
    return answer(status, &err, error);
}

bool caisson_measure_sev_es(const struct caisson_machine *machine, uint8_t digest[32],
                            char error[CAISSON_ERROR_SIZE])
{
    struct error err = {0};
    struct taken taken = {0};
    uint8_t all[CAISSON_VCPUS_MAX][SHA256_SIZE];
    int status = take(machine, &taken, &err);
    const struct sev_machine sev = sev_machine_of(&taken);
    if (status == 0)
        status = measure_sev_es_each(&sev, all, &err);
    if (status == 0)
        memcpy(digest, all[sev.vcpus - 1], SHA256_SIZE);
    return answer(status, &err, error);
}

static int measure_svsm(const struct caisson_machine *machine, struct span svsm_image,
                        uint64_t variables_size, uint8_t digest[48], struct error *err)
{
    struct taken taken = {0};
    struct ovmf svsm;
    uint8_t all[CAISSON_VCPUS_MAX][SHA384_SIZE];
    if (take(machine, &taken, err) < 0)
        return -1;
    if (ovmf_parse(svsm_image, &svsm, err) < 0)
        return error_context(err, "the SVSM");
    const struct svsm_machine both = {.firmware = &taken.ovmf,
                                      .svsm = &svsm,
                                      .vars_size = variables_size,
                                      .cpuid_signature = taken.cpuid_signature,
                                      .vcpus = taken.in.vcpus};
    if (measure_svsm_each(&both, all, err) < 0)
        return -1;
    memcpy(digest, all[both.vcpus - 1], SHA384_SIZE);
    return 0;
}

bool caisson_measure_svsm(const struct caisson_machine *machine, struct caisson_bytes svsm,
                          uint64_t variables_size, uint8_t digest[48],
                          char error[CAISSON_ERROR_SIZE])
{
    struct error err = {0};
    return answer(measure_svsm(machine, span_of_bytes(svsm), variables_size, digest, &err), &err,
                  error);
}

bool caisson_check_id_block(struct caisson_bytes block, struct caisson_bytes auth,
                            uint8_t launch_digest[48], uint8_t id_key_digest[48],
                            uint8_t author_key_digest[48], char error[CAISSON_ERROR_SIZE])
{
    struct error err = {0};
    struct id_block read;
    struct id_auth read_auth;
    struct id_digests digests;
    int status = id_block_read(span_of_bytes(block), &read, &err);
    if (status == 0)
        status = id_auth_read(span_of_bytes(auth), &read_auth, &err);
    if (status == 0)
        status = id_auth_check(&read_auth, block.data, &digests, &err);
    if (status == 0) {
        memcpy(launch_digest, read.launch_digest, SHA384_SIZE);
        memcpy(id_key_digest, digests.id_key, SHA384_SIZE);
        memcpy(author_key_digest, digests.author_key, SHA384_SIZE);
    }
    return answer(status, &err, error);
}

bool caisson_measure_igvm(struct caisson_bytes file, uint8_t digest[48],
                          char error[CAISSON_ERROR_SIZE])
{
    struct error err = {0};
    struct igvm igvm;
    struct igvm_snp measured;
    const struct igvm_snp_options options = {0};
    int status = igvm_open(span_of_bytes(file), &igvm, &err);
    if (status == 0)
        status = igvm_measure_snp(&igvm, &options, &measured, &err);
    if (status == 0)
        memcpy(digest, measured.digest, SHA384_SIZE);
    return answer(status, &err, error);
}

bool caisson_measure_sgxs(struct caisson_bytes stream, uint8_t mrenclave[32],
                          char error[CAISSON_ERROR_SIZE])
{
    struct error err = {0};
    struct sgxs sgxs;
    int status = sgxs_measure(span_of_bytes(stream), &sgxs, &err);
    if (status == 0)
        memcpy(mrenclave, sgxs.mrenclave, SHA256_SIZE);
    return answer(status, &err, error);
}

bool caisson_check_sigstruct(struct caisson_bytes bytes, uint8_t mrenclave[32],
                             uint8_t mrsigner[32], char error[CAISSON_ERROR_SIZE])
{
    struct error err = {0};
    struct sigstruct sigstruct;
    int status = sigstruct_check(span_of_bytes(bytes), &sigstruct, &err);
    if (status == 0 && mrenclave)
        memcpy(mrenclave, sigstruct.mrenclave, SHA256_SIZE);
    if (status == 0 && mrsigner)
        memcpy(mrsigner, sigstruct.mrsigner, SHA256_SIZE);
    return answer(status, &err, error);
}
