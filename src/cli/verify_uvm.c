/* `caisson verify uvm`: an endorsement of a utility VM by itself. */
#include "base/base64.h"
#include "base/hex.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/trust.h"
#include "cli/uvm_options.h"
#include "cli/verdict.h"
#include "evidence/evidence_kind.h"
#include "os/file.h"

static const struct option_rule options[] = {
    {.name = "cose",
     .operand = "FILE",
     .help = "The endorsement: a COSE_Sign1 message, or its base64"},
    UVM_OPTIONS,
    {.name = "measurement",
     .operand = "HEX",
     .help = "The launch measurement that must be endorsed"},
    {.name = "at", .operand = "TIME", .help = "Verify as of 2026-06-01T00:00:00Z (default: now)"},
    {.name = "json", .help = "Print JSON"},
    {.name = "html", .operand = "FILE", .help = "Write the verdict as a page with a picture, too"},
    {0}};

static int read_cose(const char *path, struct buf *out, struct error *err)
{
    BUF_AUTO bytes = BUF_WITH_LIMIT(COSE_SIZE_MAX);
    if (file_read(path, &bytes, err) < 0)
        return -1;
    if (evidence_kind_of(buf_span(&bytes)) == EVIDENCE_COSE)
        return buf_append(out, buf_span(&bytes), err);
    if (uvm_options_read_base64(path, out, err) < 0)
        return error_context(err, "neither COSE_Sign1 nor its base64");
    return 0;
}

static int read_expectation(const struct args *args, uint8_t measurement[UVM_MEASUREMENT_SIZE],
                            struct uvm_expectation *expectation, struct error *err)
{
    int64_t time;
    const char *digits = args_get(args, "measurement");
    if (trust_read_time(args_get(args, "at"), &time, err) < 0 ||
        uvm_options_read(args, time, expectation, err) < 0)
        return -1;
    if (!digits)
        return 0;
    if (!hex_decode(span_of_text(digits), measurement, UVM_MEASUREMENT_SIZE))
        return error_set(err, ERROR_USAGE, "--measurement wants %d bytes in hexadecimal",
                         UVM_MEASUREMENT_SIZE);
    expectation->measurement = measurement;
    return 0;
}

static int print(const struct checks *checks, enum verdict verdict,
                 const struct uvm_endorsement *endorsement, const struct args *args,
                 struct error *err)
{
    BUF_AUTO note = BUF_WITH_LIMIT(8192);
    char digits[2 * UVM_MEASUREMENT_SIZE + 1];
    json_auto_t *claims = json_pack("{s:o}", "endorsement", uvm_options_json(endorsement));
    if (!claims)
        return error_memory(err);
    if (uvm_options_note(endorsement, &note, err) < 0)
        return -1;
    hex_encode(span_of(endorsement->measurement, UVM_MEASUREMENT_SIZE), digits);
    const struct verdict_box boxes[] = {
        {"Who is trusted", endorsement->issuer, "uvm_identity uvm_issuer"},
        {"Its certificates", "leaf to authority", "uvm_certificates uvm_chain uvm_validity"},
        {"Endorsement", endorsement->feed,
         "uvm_format uvm_algorithm uvm_thumbprint uvm_signature uvm_feed"},
        {"What may boot", digits, "uvm_payload uvm_svn uvm_measurement"},
    };
    const struct verdict_view view = {
        .checks = checks,
        .verdict = verdict,
        .kind = "endorsement of a utility VM",
        .note = buf_text(&note),
        .claims = claims,
        .boxes = boxes,
        .box_count = sizeof boxes / sizeof *boxes,
        .page = args_get(args, "html"),
    };
    return verdict_print(&view, args, err);
}

static int run(const struct args *args, struct error *err)
{
    struct checks checks;
    struct uvm_endorsement endorsement;
    struct uvm_expectation expectation = {0};
    uint8_t measurement[UVM_MEASUREMENT_SIZE];
    BUF_AUTO cose = BUF_WITH_LIMIT(COSE_SIZE_MAX);
    if (args_operand_count(args) != 0 || !args_has(args, "cose"))
        return error_set(err, ERROR_USAGE, "verify uvm wants --cose FILE, and no operand");
    if (read_expectation(args, measurement, &expectation, err) < 0 ||
        read_cose(args_get(args, "cose"), &cose, err) < 0)
        return -1;
    enum verdict verdict = uvm_endorsement_verify(buf_span(&cose), &expectation, &endorsement,
                                                  &checks);
    return print(&checks, verdict, &endorsement, args, err);
}

const struct command command_verify_uvm = {
    .name = "verify uvm",
    .operands = "",
    .summary = "Check an endorsement of a guest's launch measurement, and tell why it is refused",
    .description =
        "Checks a COSE_Sign1 message (on ACI: reference-info-base64) that says which launch "
        "measurement a guest has: its signature, its signer's certificates up to the authority "
        "that "
        "--issuer pins, issuer, feed and security version. Without --issuer and --feed it must be "
        "an endorsement of ACI's guests by Microsoft.\n\n"
        "A signer's certificate lives for about a year, an endorsement longer. --endorsed-at says "
        "at which time the certificates must be valid; \"signed\" takes the time in the signed "
        "header, which is the signer's own word: who steals a key after its certificate ran out "
        "can date back. Timestamp and receipts of the unprotected header are not verified.\n\n"
        "The exit status is 0 for an accepted endorsement, 1 for a refused one, 2 for wrong usage, "
        "3 when a file can't be read.",
    .options = options,
    .run = run,
};
