/* `caisson verify snp`: an SEV-SNP report by itself, with the certificates that belong to it. */
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/snp_evidence.h"
#include "os/file.h"

static const struct option_rule options[] = {
    {.name = "report",
     .operand = "FILE",
     .help = "The report: 1184 bytes, as the firmware made it"},
    {.name = "certs",
     .operand = "FILE",
     .help = "Certificates in any order: PEM, DER, a host's certificate table, THIM's JSON",
     .repeats = true},
    {.name = "leaf", .operand = "FILE", .help = "The VCEK or VLEK"},
    {.name = "intermediate", .operand = "FILE", .help = "The ASK or ASVK"},
    {.name = "root",
     .operand = "FILE",
     .help = "The root, trusted besides AMD's because you say so"},
    {.name = "trust-simulated",
     .operand = "DIR",
     .help = "Accept evidence of the simulated processor in DIR, which proves nothing"},
    {.name = "crl", .operand = "FILE", .help = "The root's revocation list, in DER"},
    {.name = "require-crl", .help = "Refuse without a revocation list"},
    {.name = "allow-stale-crl", .help = "Accept a revocation list past its time"},
    {.name = "at", .operand = "TIME", .help = "Verify as of 2026-06-01T00:00:00Z (default: now)"},
    {.name = "appraise",
     .operand = "FILE",
     .help = "What the machine must be, as docs/verify.md has it"},
    {.name = "json", .help = "Print JSON"},
    {.name = "html", .operand = "FILE", .help = "Write the verdict as a page with a picture, too"},
    {0}};

static int read_certificates(const struct args *args, struct snp_evidence_files *files,
                             struct error *err)
{
    static const char *const single[] = {"leaf", "intermediate"};
    const char *path;
    for (size_t i = 0; (path = args_get_nth(args, "certs", i)); i++) {
        if (snp_evidence_add_certificates(files, path, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < sizeof single / sizeof *single; i++) {
        path = args_get(args, single[i]);
        if (path && snp_evidence_add_certificates(files, path, err) < 0)
            return -1;
    }
    return 0;
}

static int check_usage(const struct args *args, struct error *err)
{
    if (args_operand_count(args) != 0 || !args_has(args, "report"))
        return error_set(err, ERROR_USAGE, "verify snp wants --report FILE, and no operand");
    if (!args_has(args, "certs") && !args_has(args, "leaf"))
        return error_set(err, ERROR_USAGE,
                         "verify snp wants the report's certificates: --certs FILE, or --leaf, "
                         "--intermediate and --root (caisson fetch-certs gets them from AMD)");
    return 0;
}

static int run(const struct args *args, struct error *err)
{
    SNP_EVIDENCE_AUTO files;
    snp_evidence_init(&files);
    if (check_usage(args, err) < 0 || snp_evidence_read_trust(&files, args, err) < 0 ||
        file_read(args_get(args, "report"), &files.report, err) < 0 ||
        read_certificates(args, &files, err) < 0)
        return -1;
    return snp_evidence_judge(&files, args, err);
}

const struct command command_verify_snp = {
    .name = "verify snp",
    .operands = "",
    .summary = "Check an SEV-SNP report, and tell why it is refused",
    .description =
        "Checks the certificates against AMD's roots, the report's signature, the agreement of "
        "report and certificate, and what --appraise asks for. Without --appraise a machine is "
        "accepted that can't be debugged or taken elsewhere, at VMPL 0, under firmware that can't "
        "be rolled back; its measurement, HOST_DATA and REPORT_DATA are then printed and not "
        "compared.\n\n"
        "Certificates are found by their names and believed by their signatures: --certs takes "
        "them in any form and order. The root must be AMD's, or be named by --root or "
        "--trust-simulated.\n\n"
        "The exit status is 0 for an accepted report, 1 for a refused one, 2 for wrong usage, 3 "
        "when a file can't be read.",
    .options = options,
    .run = run,
};
