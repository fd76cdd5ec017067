#include "evidence/snp_kds.h"

#include "base/hex.h"

const struct snp_product *snp_kds_product(const struct snp_report *report, struct error *err)
{
    if (report->version > 2) {
        const struct snp_product *product = snp_product_of_cpuid(report->cpuid_family,
                                                                 report->cpuid_model);
        const char *name = snp_product_name_of_cpuid(report->cpuid_family, report->cpuid_model);
        if (!product)
            (void)error_set(err, ERROR_INVALID,
                            "the report is of %s (CPUID family %02xh, model %02xh), for which no "
                            "root of AMD's is known here",
                            name ? name : "an unknown processor", report->cpuid_family,
                            report->cpuid_model);
        return product;
    }
    if (!span_is_zero(span_of(report->chip_id, 8)) &&
        span_is_zero(span_of(report->chip_id + 8, sizeof report->chip_id - 8)))
        return snp_product_by_name(span_of_text("Turin"));
    (void)error_set(err, ERROR_NOT_FOUND,
                    "a report of version 2 does not name its processor; say --product Milan or "
                    "--product Genoa");
    return NULL;
}

static int append_parts(const struct snp_report *report, const struct snp_product *product,
                        struct buf *path, struct error *err)
{
    static const struct {
        enum snp_tcb_part part;
        const char *name;
    } parts[] = {
        {SNP_TCB_FMC, "fmcSPL"}, {SNP_TCB_BOOTLOADER, "blSPL"},   {SNP_TCB_TEE, "teeSPL"},
        {SNP_TCB_SNP, "snpSPL"}, {SNP_TCB_MICROCODE, "ucodeSPL"},
    };
    char separator = '?';
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        int at = product->tcb_at[parts[i].part];
        if (at == SNP_TCB_NOWHERE)
            continue;
        if (buf_printf(path, err, "%c%s=%02u", separator, parts[i].name, report->reported_tcb[at]) <
            0)
            return -1;
        separator = '&';
    }
    return 0;
}

int snp_kds_leaf(const struct snp_report *report, const struct snp_product *product,
                 struct buf *path, struct error *err)
{
    char chip[2 * SNP_HWID_MAX + 1];
    if (snp_report_signing_key(report) != SNP_SIGNING_VCEK)
        return error_set(
            err, ERROR_INVALID,
            "no VCEK signed this report: its leaf is the provider's VLEK, and the host "
            "has it");
    if (span_is_zero(span_of(report->chip_id, sizeof report->chip_id)))
        return error_set(err, ERROR_INVALID,
                         "the report does not say which chip made it (the host masks CHIP_ID): ask "
                         "the host for the leaf");
    hex_encode(span_of(report->chip_id, product->hwid_size), chip);
    if (buf_printf(path, err, "/vcek/v1/%s/%s", product->name, chip) < 0)
        return -1;
    return append_parts(report, product, path, err);
}

int snp_kds_chain(const struct snp_product *product, bool is_vlek, struct buf *path,
                  struct error *err)
{
    return buf_printf(path, err, "/%s/v1/%s/cert_chain", is_vlek ? "vlek" : "vcek", product->name);
}

int snp_kds_crl(const struct snp_product *product, bool is_vlek, struct buf *path,
                struct error *err)
{
    return buf_printf(path, err, "/%s/v1/%s/crl", is_vlek ? "vlek" : "vcek", product->name);
}
