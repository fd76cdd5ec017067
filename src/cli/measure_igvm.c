/* `caisson measure igvm`: the launch digest of an IGVM file. */
#include "base/hex.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/measure_io.h"
#include "measure/igvm_snp.h"
#include "measure/launch.h"

static const struct option_rule options[] = {
    {.name = "zeros-as-data",
     .help = "The loader adds pages without data as normal pages of zeros"},
    {.name = "json", .help = "Print JSON"},
    {0},
};

static int print_json(const struct igvm_snp *found, struct error *err)
{
    json_t *document = json_pack(
        "{s:o, s:I, s:I, s:b, s:b}", "digest", measure_json_hex(found->digest, SHA384_SIZE),
        "pages", (json_int_t)found->page_count, "save_areas", (json_int_t)found->vmsa_count,
        "kvm_agrees", found->kvm_agrees, "id_block", found->has_id_block);
    char policy[32];
    (void)snprintf(policy, sizeof policy, "0x%llx", (unsigned long long)found->policy);
    if (document && found->has_policy &&
        json_object_set_new(document, "policy", json_string(policy)) < 0) {
        json_decref(document);
        document = NULL;
    }
    return measure_print_json(document, err);
}

static void print_text(const struct igvm_snp *found)
{
    measure_print_hex("launch digest", found->digest, SHA384_SIZE);
    (void)printf("%-14s %u, and %u save areas\n", "pages", found->page_count, found->vmsa_count);
    if (found->has_policy)
        (void)printf("%-14s 0x%llx\n", "policy", (unsigned long long)found->policy);
    if (!found->kvm_agrees)
        (void)printf("%-14s QEMU with KVM measures one save area, last, at 0x%llx: not what this "
                     "file says\n",
                     "note", (unsigned long long)LAUNCH_VMSA_GPA);
    if (found->has_id_block)
        (void)printf("%-14s for this digest; its signatures hold\n", "ID block");
}

static int run(const struct args *args, struct error *err)
{
    BUF_AUTO file = BUF_WITH_LIMIT(IGVM_SIZE_MAX);
    const struct igvm_snp_options how = {.zeros_as_data = args_has(args, "zeros-as-data")};
    struct igvm igvm;
    struct igvm_snp found;
    struct id_digests digests;
    if (measure_read_operand(args, "measure igvm", &file, err) < 0)
        return -1;
    if (igvm_open(buf_span(&file), &igvm, err) < 0 ||
        igvm_measure_snp(&igvm, &how, &found, err) < 0)
        return error_context(err, "%s", args_operands(args)[0]);
    if (found.has_id_block && igvm_check_id_block(&found, &digests, err) < 0) {
        char text[2 * SHA384_SIZE + 1];
        hex_encode(span_of(found.digest, SHA384_SIZE), text);
        return error_context(err, "%s, launch digest %s", args_operands(args)[0], text);
    }
    if (args_has(args, "json"))
        return print_json(&found, err) < 0 ? -1 : EXIT_OK;
    print_text(&found);
    return EXIT_OK;
}

const struct command command_measure_igvm = {
    .name = "measure igvm",
    .operands = "FILE",
    .summary = "Compute the SEV-SNP launch digest of an IGVM file",
    .description =
        "Carries out the directives of the file for SEV-SNP in their order and prints the digest "
        "that a report shows as MEASUREMENT.\n\n"
        "Pages without data are SEV-SNP's own zero pages, as QEMU adds them; a loader that adds "
        "them as normal pages of zeros gets another digest (--zeros-as-data).\n\n"
        "Where the file holds an ID block, it must be for this digest, and its signatures must "
        "hold; else the file is refused.",
    .options = options,
    .run = run,
};
