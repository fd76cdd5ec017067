/* `caisson policy fragment sign`: a fragment's text, and who answers for it. */
#include <unistd.h>

#include "cli/command.h"
#include "cli/commands.h"
#include "cli/fragment_rows.h"
#include "cli/fragment_signing.h"
#include "evidence/signed_fragment.h"
#include "os/file.h"
#include "os/output.h"

static const struct option_rule options[] = {
    {.name = "key", .operand = "FILE", .help = "The signer's private key, unencrypted PEM"},
    {.name = "chain",
     .operand = "FILE",
     .help = "The signer's certificates in PEM, leaf first, authority last"},
    {.name = "feed", .operand = "TEXT", .help = "What the fragment is for: REGISTRY/NAME"},
    {.name = "svn",
     .operand = "NUMBER",
     .help = "Put the security version into the header (the text's own need not be there then)"},
    {.name = "issuer",
     .operand = "DID",
     .help = "The did:x509 to sign as (default: the last certificate, and the leaf's name)"},
    {.name = "algorithm",
     .operand = "NAME",
     .help = "PS256, PS384, PS512, ES256, ES384 or ES512 (default: by the key; PS384 for RSA)"},
    FRAGMENT_PARAMETERS_OPTION,
    {.name = "output",
     .letter = 'o',
     .operand = "FILE",
     .help = "Write to FILE, not to the output"},
    {0},
};

static int write_out(const char *path, struct span bytes, struct error *err)
{
    if (path && strcmp(path, "-") != 0)
        return output_write(path, bytes, 0644, err);
    if (isatty(STDOUT_FILENO))
        return error_set(err, ERROR_USAGE, "a signed fragment is no text; name a file by --output");
    (void)fwrite(bytes.data, 1, bytes.size, stdout);
    return 0;
}

static int check_usage(const struct args *args, struct error *err)
{
    static const char *const needed[] = {"key", "chain", "feed"};
    if (args_operand_count(args) != 1)
        return error_set(err, ERROR_USAGE, "name one fragment's file");
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        if (!args_has(args, needed[i]) || !*args_get(args, needed[i]))
            return error_set(err, ERROR_USAGE, "sign wants --%s", needed[i]);
    }
    return 0;
}

static int run(const struct args *args, struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(COSE_SIZE_MAX);
    BUF_AUTO out = BUF_WITH_LIMIT(COSE_SIZE_MAX);
    const struct fragment_signing how = {
        .key = args_get(args, "key"),
        .chain = args_get(args, "chain"),
        .feed = args_get(args, "feed"),
        .content_type = FRAGMENT_CONTENT_TYPE,
        .svn = args_get(args, "svn"),
        .issuer = args_get(args, "issuer"),
        .algorithm = args_get(args, "algorithm"),
        .parameters = args_get(args, "parameters"),
    };
    if (check_usage(args, err) < 0 || file_read(args_operands(args)[0], &text, err) < 0 ||
        fragment_sign(buf_span(&text), &how, &out, err) < 0 ||
        write_out(args_get(args, "output"), buf_span(&out), err) < 0)
        return -1;
    return EXIT_OK;
}

const struct command command_policy_fragment_sign = {
    .name = "policy fragment sign",
    .operands = "FILE",
    .summary = "Sign a policy fragment, so that policies that name its signer take it",
    .description =
        "The fragment is a Rego module whose first line is a package, with svn, framework_version, "
        "and any of containers, fragments, external_processes and platform_rules, in a policy's "
        "shape. It becomes a COSE_Sign1 message with the signer's certificates, the issuer and the "
        "feed in its signed header; a policy that has issuer, feed and a lower or equal "
        "minimum_svn among its fragments lets a guest load it.\n\n"
        "The text is read as a guest would. Where it has parameters without a default, its rows "
        "are checked only with --parameters.",
    .options = options,
    .run = run,
};
