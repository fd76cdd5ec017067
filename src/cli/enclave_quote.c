/* `caisson enclave target` and `enclave quote`: from an enclave's report to its quote, by aesmd or
 * by the simulated platform. */
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/measure_io.h"
#include "enclave/aesm.h"
#include "enclave/platform.h"
#include "evidence/dcap_quote.h"
#include "os/output.h"

#define OPTIONS_OF_MAKERS                                                                          \
    {.name = "simulated",                                                                          \
     .operand = "DIR",                                                                             \
     .help = "By the simulated platform in DIR, which is made where there is none"},               \
        {.name = "aesm",                                                                           \
         .operand = "SOCKET",                                                                      \
         .help = "By aesmd at this socket (default: " AESM_SOCKET ")"},                            \
    {                                                                                              \
        .name = "output", .letter = 'o', .operand = "FILE", .help = "Where to write it"            \
    }

static const struct option_rule target_options[] = {OPTIONS_OF_MAKERS, {0}};

static const struct option_rule quote_options[] = {
    OPTIONS_OF_MAKERS,
    {.name = "report", .operand = "FILE", .help = "The report: 432 bytes, as EREPORT makes it"},
    {0},
};

/* Who makes the quote: the simulated platform where it is named, else aesmd. */
struct maker {
    struct platform *platform; /* NULL: aesmd */
    const char *socket;
};

static void maker_fini(struct maker *maker)
{
    platform_close(maker->platform);
}
#define MAKER_AUTO __attribute__((cleanup(maker_fini))) struct maker

static int open_maker(const struct args *args, const char *command, struct maker *maker,
                      struct error *err)
{
    const char *simulated = args_get(args, "simulated");
    const char *socket = args_get(args, "aesm");
    *maker = (struct maker){.socket = socket ? socket : AESM_SOCKET};
    if (args_operand_count(args) != 0 || !args_has(args, "output") || (simulated && socket))
        return error_set(err, ERROR_USAGE,
                         "%s wants -o FILE, one of --simulated and --aesm at most, and no operand",
                         command);
    if (simulated)
        maker->platform = platform_open(simulated, err);
    return !simulated || maker->platform ? 0 : -1;
}

/* Every output says it. */
static void print_maker(const struct maker *maker)
{
    if (maker->platform)
        (void)printf(PLATFORM_BANNER ": this proves nothing\n");
}

static int run_target(const struct args *args, struct error *err)
{
    MAKER_AUTO maker;
    struct sgx_targetinfo target;
    if (open_maker(args, "enclave target", &maker, err) < 0)
        return -1;
    if (maker.platform)
        platform_target(&target);
    else if (aesm_target(maker.socket, &target, err) < 0)
        return -1;
    if (output_write(args_get(args, "output"), span_of(&target, sizeof target), 0644, err) < 0)
        return -1;
    print_maker(&maker);
    measure_print_hex("MRENCLAVE", target.mrenclave, sizeof target.mrenclave);
    return EXIT_OK;
}

static int read_report(const struct args *args, struct sgx_report *report, struct error *err)
{
    BUF_AUTO bytes = BUF_WITH_LIMIT(SGX_REPORT_SIZE + 1);
    if (measure_read_option(args, "report", &bytes, err) < 0)
        return -1;
    if (bytes.size != SGX_REPORT_SIZE)
        return error_set(err, ERROR_INVALID, "%s: a report has %d bytes, and this file %s",
                         args_get(args, "report"), SGX_REPORT_SIZE,
                         bytes.size > SGX_REPORT_SIZE ? "has more" : "has fewer");
    *report = (struct sgx_report){0};
    memcpy(report, bytes.data, SGX_REPORT_SIZE);
    return 0;
}

static int run_quote(const struct args *args, struct error *err)
{
    MAKER_AUTO maker;
    struct sgx_report report;
    BUF_AUTO quote = BUF_WITH_LIMIT(DCAP_QUOTE_SIZE_MAX);
    if (open_maker(args, "enclave quote", &maker, err) < 0 || read_report(args, &report, err) < 0)
        return -1;
    int made = maker.platform ? platform_quote(maker.platform, &report, &quote, err)
                              : aesm_quote(maker.socket, &report, &quote, err);
    if (made < 0 || output_write(args_get(args, "output"), buf_span(&quote), 0644, err) < 0)
        return -1;
    print_maker(&maker);
    return EXIT_OK;
}

#define DESCRIPTION_OF_MAKERS                                                                      \
    "Without options, Intel's aesmd is asked. With --simulated, the simulated platform in DIR "    \
    "does it: its root.pem is what verifiers need to be told of (--trust-simulated DIR), and "     \
    "its collateral.json is what they judge by. It proves nothing, and all output says "           \
    "SIMULATED SGX."

const struct command command_enclave_target = {
    .name = "enclave target",
    .operands = "",
    .summary = "Write the TARGETINFO for which an enclave must report, to have a quote",
    .description =
        "Writes 512 bytes: the quoting enclave, as EREPORT takes it.\n\n" DESCRIPTION_OF_MAKERS,
    .options = target_options,
    .run = run_target,
};

const struct command command_enclave_quote = {
    .name = "enclave quote",
    .operands = "",
    .summary = "Turn an enclave's report into a quote",
    .description =
        "Writes a DCAP quote of version 3, for `caisson verify sgx`. The report must have been "
        "made on this machine, for `caisson enclave target`.\n\n" DESCRIPTION_OF_MAKERS,
    .options = quote_options,
    .run = run_quote,
};
