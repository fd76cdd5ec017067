#include "api/snp_input.h"

static void take_tcb(const struct caisson_snp_tcb *tcb, struct snp_tcb_minimum *out)
{
    out->parts[SNP_TCB_FMC] = tcb->fmc;
    out->parts[SNP_TCB_BOOTLOADER] = tcb->bootloader;
    out->parts[SNP_TCB_TEE] = tcb->tee;
    out->parts[SNP_TCB_SNP] = tcb->snp;
    out->parts[SNP_TCB_MICROCODE] = tcb->microcode;
    out->wanted = !span_is_zero(span_of(out->parts, sizeof out->parts));
}

static int take_appraisal(const struct caisson_snp_appraisal *given, struct snp_appraisal *out,
                          struct error *err)
{
    struct caisson_snp_appraisal in;
    *out = (struct snp_appraisal){0};
    if (!given)
        return 0;
    if (input_take(&in, sizeof in, given, "caisson_snp_appraisal", err) < 0)
        return -1;
    *out = (struct snp_appraisal){
        .allow_masked_chip_id = in.allow_masked_chip_id,
        .allow_debug = in.allow_debug,
        .allow_migration_agent = in.allow_migration_agent,
        .allow_provisional_firmware = in.allow_provisional_firmware,
        .allow_old_launch_tcb = in.allow_old_launch_tcb,
        .vmpl_max = in.vmpl_max,
        .minimum_guest_svn = in.minimum_guest_svn,
        .policy = {in.policy_required, in.policy_forbidden},
        .platform = {in.platform_required, in.platform_forbidden},
        .report_data = in.report_data,
        .host_data = in.host_data,
        .family_id = in.family_id,
        .image_id = in.image_id,
        .id_key_digest = in.id_key_digest,
        .author_key_digest = in.author_key_digest,
        .report_id = in.report_id,
        .measurements = in.measurements,
        .measurement_count = in.measurement_count,
        .chip_ids = in.chip_ids,
        .chip_id_count = in.chip_id_count,
    };
    take_tcb(&in.minimum_reported_tcb, &out->minimum_tcb[SNP_TCB_REPORTED]);
    take_tcb(&in.minimum_committed_tcb, &out->minimum_tcb[SNP_TCB_COMMITTED]);
    take_tcb(&in.minimum_launch_tcb, &out->minimum_tcb[SNP_TCB_LAUNCH]);
    return 0;
}

int input_take_snp_appraisal(const struct caisson_snp_appraisal *given, struct caisson_bytes text,
                             struct snp_appraisal_file *out, struct error *err)
{
    if (text.size == 0)
        return take_appraisal(given, &out->appraisal, err);
    if (given)
        return error_set(err, ERROR_USAGE, "give an appraisal or an appraisal file, not both");
    if (snp_appraisal_file_parse(span_of_bytes(text), out, err) < 0)
        return error_context(err, "appraisal_file");
    return 0;
}

int input_take_roots(const struct caisson_root *given, size_t count,
                     struct trusted_root roots[ROOTS_MAX], struct error *err)
{
    if (count > ROOTS_MAX || (count > 0 && !given))
        return error_set(err, ERROR_USAGE, "%zu roots were given; up to %d can be", count,
                         ROOTS_MAX);
    for (size_t i = 0; i < count; i++) {
        memcpy(roots[i].digest, given[i].sha256, SHA256_SIZE);
        roots[i].simulated = given[i].simulated;
    }
    return 0;
}

int input_check_certificates(const struct caisson_bytes *certificates, size_t count,
                             struct error *err)
{
    if (!certificates || count == 0 || count > SNP_CERTIFICATES_MAX)
        return error_set(err, ERROR_USAGE, "%zu pieces of certificates were given; 1 to %d can be",
                         count, SNP_CERTIFICATES_MAX);
    return 0;
}

int input_order_certificates(const struct caisson_bytes *certificates, size_t count,
                             struct snp_certificates *all, struct span chain[SNP_CHAIN_LENGTH],
                             struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (snp_certificates_add(all, span_of_bytes(certificates[i]), err) < 0)
            return error_context(err, "certificates[%zu]", i);
    }
    return snp_certificates_order(all, chain, err);
}
