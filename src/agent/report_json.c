#include "agent/report_json.h"

#include "evidence/certificate_table.h"
#include "evidence/snp_product.h"
#include "evidence/snp_report.h"

struct writer {
    struct buf *out;
    struct error *err;
    bool failed;
};

#define PUT(writer, ...)                                                                           \
    ((writer)->failed = (writer)->failed ||                                                        \
                        buf_printf((writer)->out, (writer)->err, __VA_ARGS__) < 0)

static void put_bytes(struct writer *writer, const char *key, struct span bytes)
{
    PUT(writer, ",\"%s\":[", key);
    for (size_t i = 0; i < bytes.size; i++)
        PUT(writer, "%s%u", i ? "," : "", bytes.data[i]);
    PUT(writer, "]");
}

#define PUT_BYTES(writer, key, field) put_bytes(writer, key, span_of(field, sizeof(field)))

static void put_tcb(struct writer *writer, const char *key, const uint8_t tcb[SNP_TCB_SIZE],
                    const struct snp_product *product)
{
    PUT(writer, ",\"%s\":{", key);
    for (int part = 0; part < SNP_TCB_PART_COUNT; part++) {
        int at = product->tcb_at[part];
        const char *name = snp_tcb_part_name((enum snp_tcb_part)part);
        if (at == SNP_TCB_NOWHERE)
            PUT(writer, "%s\"%s\":null", part ? "," : "", name);
        else
            PUT(writer, "%s\"%s\":%u", part ? "," : "", name, tcb[at]);
    }
    PUT(writer, "}");
}

static void put_firmware(struct writer *writer, const char *key,
                         const struct snp_firmware *firmware)
{
    PUT(writer, ",\"%s\":{\"build\":%u,\"minor\":%u,\"major\":%u}", key, firmware->build,
        firmware->minor, firmware->major);
}

static void put_numbers(struct writer *writer, const struct snp_report *report)
{
    PUT(writer,
        "{\"version\":%u,\"guest_svn\":%u,\"policy\":%llu,\"vmpl\":%u,\"sig_algo\":%u,"
        "\"plat_info\":%llu,\"key_info\":%u",
        report->version, report->guest_svn, (unsigned long long)report->policy, report->vmpl,
        report->signature_algorithm, (unsigned long long)report->platform_info, report->key_info);
    if (report->version >= 3)
        PUT(writer, ",\"cpuid_fam_id\":%u,\"cpuid_mod_id\":%u,\"cpuid_step\":%u",
            report->cpuid_family, report->cpuid_model, report->cpuid_stepping);
    if (report->version >= 5)
        PUT(writer, ",\"launch_mit_vector\":%llu,\"current_mit_vector\":%llu",
            (unsigned long long)report->launch_mit_vector,
            (unsigned long long)report->current_mit_vector);
}

static void put_report(struct writer *writer, const struct snp_report *report,
                       const struct snp_product *product)
{
    put_numbers(writer, report);
    PUT_BYTES(writer, "family_id", report->family_id);
    PUT_BYTES(writer, "image_id", report->image_id);
    PUT_BYTES(writer, "report_data", report->report_data);
    PUT_BYTES(writer, "measurement", report->measurement);
    PUT_BYTES(writer, "host_data", report->host_data);
    PUT_BYTES(writer, "id_key_digest", report->id_key_digest);
    PUT_BYTES(writer, "author_key_digest", report->author_key_digest);
    PUT_BYTES(writer, "report_id", report->report_id);
    PUT_BYTES(writer, "report_id_ma", report->report_id_ma);
    PUT_BYTES(writer, "chip_id", report->chip_id);
    put_tcb(writer, "current_tcb", report->current_tcb, product);
    put_tcb(writer, "reported_tcb", report->reported_tcb, product);
    put_tcb(writer, "committed_tcb", report->committed_tcb, product);
    put_tcb(writer, "launch_tcb", report->launch_tcb, product);
    put_firmware(writer, "current", &report->current);
    put_firmware(writer, "committed", &report->committed);
    PUT(writer, ",\"signature\":{\"r\":[%u", report->signature_r[0]);
    for (size_t i = 1; i < sizeof report->signature_r; i++)
        PUT(writer, ",%u", report->signature_r[i]);
    PUT(writer, "]");
    PUT_BYTES(writer, "s", report->signature_s);
    PUT(writer, "}}");
}

static int put_certificates(struct writer *writer, struct span table, bool vlek)
{
    const char *const types[CERTIFICATE_TABLE_PLACES] = {vlek ? "VLEK" : "VCEK", "ASK", "ARK"};
    struct span found[CERTIFICATE_TABLE_PLACES];
    bool any = false;
    if (table.size == 0) {
        PUT(writer, ",\"cert_chain\":null}");
        return 0;
    }
    if (certificate_table_read(table, found, writer->err) < 0)
        return -1;
    PUT(writer, ",\"cert_chain\":[");
    for (size_t i = 0; i < CERTIFICATE_TABLE_PLACES; i++) {
        if (found[i].size == 0)
            continue;
        PUT(writer, "%s{\"cert_type\":\"%s\"", any ? "," : "", types[i]);
        put_bytes(writer, "data", found[i]);
        PUT(writer, "}");
        any = true;
    }
    PUT(writer, "]}");
    return 0;
}

int report_json_append(struct span bytes, struct span certificates, struct buf *out,
                       struct error *err)
{
    struct snp_report report;
    struct writer writer = {.out = out, .err = err};
    if (snp_report_parse(bytes, &report, err) < 0)
        return -1;
    /* Turin and what follows it have a TCB of their own (AMD 56860, table 3). */
    bool turin = report.version >= 3 && report.cpuid_family >= 0x1A;
    PUT(&writer, "{\"attestation_report\":");
    put_report(&writer, &report, snp_product_by_name(span_of_text(turin ? "Turin" : "Milan")));
    if (put_certificates(&writer, certificates,
                         snp_report_signing_key(&report) == SNP_SIGNING_VLEK) < 0)
        return -1;
    return writer.failed ? -1 : 0;
}
