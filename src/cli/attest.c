/* `caisson attest`: evidence of a running machine. */
#include "base/hex.h"
#include "base/text.h"
#include "cli/attest_enclave.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "evidence/bundle.h"
#include "evidence/runtime_data.h"
#include "os/output.h"
#include "vm/client.h"
#include "vm/record.h"

#define TIMEOUT_DEFAULT_S 60
#define TIMEOUT_MAX_S     3600

static const struct option_rule options[] = {
    {.name = "nonce", .operand = "HEX", .help = "A fresh value of the verifier's, 1 to 64 bytes"},
    {.name = "output",
     .letter = 'o',
     .operand = "FILE",
     .help = "Write to FILE, not to the output"},
    {.name = "timeout",
     .operand = "SECONDS",
     .help = "How long to wait for the guest's answer (60)"},
    {0},
};

static int check_nonce(const char *nonce, struct error *err)
{
    uint8_t bytes[RUNTIME_DATA_NONCE_MAX];
    size_t len = nonce ? strlen(nonce) : 0;
    if (len < 2 || len > 2 * sizeof bytes || !hex_decode(span_of_text(nonce), bytes, len / 2))
        return error_set(err, ERROR_USAGE,
                         "--nonce is needed: 1 to %d bytes in hex, chosen anew by who verifies",
                         RUNTIME_DATA_NONCE_MAX);
    return 0;
}

static int read_timeout(const char *text, uint32_t *ms, struct error *err)
{
    uint64_t seconds = TIMEOUT_DEFAULT_S;
    if (text && (!text_to_u64(text, TIMEOUT_MAX_S, &seconds) || seconds == 0))
        return error_set(err, ERROR_USAGE, "--timeout is \"%s\"; 1 to %d seconds can be", text,
                         TIMEOUT_MAX_S);
    *ms = (uint32_t)seconds * 1000;
    return 0;
}

/* A monitor may outlive its machine by a moment. */
static int check_runs(const char *name, struct error *err)
{
    RECORD_AUTO record = {0};
    if (record_read(name, &record, err) < 0)
        return -1;
    if (record.status == RECORD_EXITED)
        return error_set(err, ERROR_REFUSED, "%s does not run: it has exited with code %u", name,
                         record.exit_code);
    return 0;
}

static int run(const struct args *args, struct error *err)
{
    const char *output = args_get(args, "output");
    uint32_t timeout_ms = 0;
    BUF_AUTO evidence = BUF_WITH_LIMIT(BUNDLE_SIZE_MAX);
    if (args_operand_count(args) != 1)
        return error_set(err, ERROR_USAGE, "name one machine");
    if (check_nonce(args_get(args, "nonce"), err) < 0 ||
        read_timeout(args_get(args, "timeout"), &timeout_ms, err) < 0)
        return -1;
    const char *name = args_operands(args)[0];
    if (check_runs(name, err) < 0)
        return -1;
    CLIENT_AUTO connection = client_connect(name, err);
    if (!connection)
        return -1;
    if (client_attest(connection, args_get(args, "nonce"), timeout_ms, &evidence, err) < 0)
        return error_context(err, "%s", name);
    if (attest_enclave_quote(&evidence, err) < 0)
        return error_context(err, "%s", name);
    if (output)
        return output_write(output, buf_span(&evidence), 0644, err);
    (void)fwrite(evidence.data, 1, evidence.size, stdout);
    return EXIT_OK;
}

const struct command command_attest = {
    .name = "attest",
    .operands = "NAME",
    .summary = "Get a machine's evidence, to be judged by caisson verify",
    .description =
        "The evidence is the hardware's report with its certificates, the policy, and "
        "what the host "
        "says of the guest. The nonce is in it: evidence with a fresh nonce is fresh.\n\n"
        "Of a container in an enclave it is a quote: the simulated platform's, or the one that "
        "Intel's aesmd makes.\n\n"
        "A guest that does not answer in time gives no evidence: the command ends with "
        "an error, and the machine goes on.",
    .options = options,
    .run = run,
};
