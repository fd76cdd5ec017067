/* `caisson policy fragment show` and `caisson policy fragment verify`. */
#include <inttypes.h>
#include <stdio.h>

#include "base/hex.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/fragment_rows.h"
#include "evidence/signed_fragment.h"
#include "format/json.h"
#include "os/file.h"
#include "policy/describe.h"
#include "policy/policy.h"

#define PAGE_MAX ((size_t)64 << 20)

static int read_file(const struct args *args, struct buf *out, struct error *err)
{
    if (args_operand_count(args) != 1)
        return error_set(err, ERROR_USAGE, "name one signed fragment");
    return file_read(args_operands(args)[0], out, err);
}

static void print_text(const char *label, struct span text)
{
    TEXT_AUTO copy = text_dup_span(text);
    if (copy)
        text_make_printable(copy);
    (void)printf("%-9s %s\n", label, copy ? copy : "?");
}

static void print_head(const struct cose_sign1 *message, const struct signed_fragment *fragment,
                       const char *own_svn)
{
    uint8_t digest[SHA256_SIZE];
    char hex[2 * SHA256_SIZE + 1];
    const char *algorithm = cose_algorithm_name(message->algorithm);
    sha256_digest(fragment->text, digest);
    hex_encode(span_of(digest, sizeof digest), hex);
    print_text("issuer", fragment->issuer);
    print_text("feed", fragment->feed);
    if (fragment->has_svn)
        (void)printf("%-9s %" PRIu64 " (signed header)\n", "svn", fragment->svn);
    if (own_svn)
        (void)printf("%-9s %.64s (text)\n", "svn", own_svn);
    (void)printf("%-9s %s, %zu certificates\n%-9s %s\n", "signed by",
                 algorithm ? algorithm : "an unknown algorithm", message->x5chain_count, "sha256",
                 hex);
}

/* The row that a policy's `fragments` needs: this issuer, this feed, from this svn on. */
static int print_import(const struct signed_fragment *fragment, const char *own_svn,
                        const char *parameters, struct error *err)
{
    char svn[32];
    BUF_AUTO text = BUF_WITH_LIMIT(65536);
    (void)snprintf(svn, sizeof svn, "%" PRIu64, fragment->svn);
    if (!own_svn && !fragment->has_svn)
        return error_set(err, ERROR_INVALID, "the fragment has no svn in header or text");
    json_auto_t *row = json_pack("{s:s%, s:[s], s:s%, s:s}", "feed", fragment->feed.data,
                                 fragment->feed.size, "includes", "containers", "issuer",
                                 fragment->issuer.data, fragment->issuer.size, "minimum_svn",
                                 own_svn ? own_svn : svn);
    if (!row ||
        (parameters && json_object_set_new(row, "parameters", json_loads(parameters, 0, NULL)) < 0))
        return error_memory(err);
    if (json_append_pretty(row, &text, err) < 0)
        return -1;
    (void)fputs(buf_text(&text), stdout);
    return EXIT_OK;
}

/* What it adds, with these parameters; which ones it takes; or why neither can be told. */
static int write_rows(struct span text, const char *parameters, struct buf *page, struct error *err)
{
    POLICY_AUTO rows = NULL;
    struct error missing;
    if (fragment_rows_read(text, parameters, &rows, &missing, err) < 0 ||
        policy_describe_parameters(text, page, err) < 0)
        return -1;
    if (rows)
        return policy_describe(rows, page, err);
    return buf_printf(page, err, "rows: not known, %s; --parameters gives values\n", missing.text);
}

static int run_show(const struct args *args, struct error *err)
{
    struct cose_sign1 message;
    struct signed_fragment fragment;
    POLICY_AUTO policy = NULL;
    const char *path = args_get(args, "parameters");
    BUF_AUTO bytes = BUF_WITH_LIMIT(COSE_SIZE_MAX);
    BUF_AUTO page = BUF_WITH_LIMIT(PAGE_MAX);
    BUF_AUTO parameters;
    if (fragment_parameters_read(path, &parameters, err) < 0 || read_file(args, &bytes, err) < 0)
        return -1;
    if (signed_fragment_read(buf_span(&bytes), &message, &fragment, err) < 0)
        return error_context(err, "%s", args_operands(args)[0]);
    if (args_has(args, "text")) {
        (void)fwrite(fragment.text.data, 1, fragment.text.size, stdout);
        return EXIT_OK;
    }
    if (policy_parse_fragment(fragment.text, NULL, &policy, err) < 0)
        return -1;
    if (args_has(args, "import"))
        return print_import(&fragment, policy_svn(policy), path ? buf_text(&parameters) : NULL,
                            err);
    if (write_rows(fragment.text, buf_text(&parameters), &page, err) < 0)
        return -1;
    print_head(&message, &fragment, policy_svn(policy));
    (void)printf("NOT VERIFIED: see caisson policy fragment verify\n%s", buf_text(&page));
    return EXIT_OK;
}

/* The svn that counts: the header's, else the text's. */
static int check_svn(const struct signed_fragment *fragment, const char *minimum, struct error *err)
{
    POLICY_AUTO policy = NULL;
    uint64_t wanted;
    uint64_t own = 0;
    if (policy_parse_fragment(fragment->text, NULL, &policy, err) < 0)
        return -1;
    const char *text = policy_svn(policy);
    bool numeric = text && text_to_u64(text, INT64_MAX, &own);
    if (text && fragment->has_svn && (!numeric || own != fragment->svn))
        return error_set(err, ERROR_REFUSED, "svn: the header has %" PRIu64 ", the text %.64s",
                         fragment->svn, text);
    if (!text && !fragment->has_svn)
        return error_set(err, ERROR_REFUSED, "svn: there is none in header or text");
    if (!minimum)
        return 0;
    if (!text_to_u64(minimum, INT64_MAX, &wanted))
        return error_set(err, ERROR_USAGE, "--min-svn is \"%s\", not a number", minimum);
    if (text && !numeric)
        return error_set(err, ERROR_REFUSED, "svn: %.64s is no number to compare", text);
    own = text ? own : fragment->svn;
    return own >= wanted
               ? 0
               : error_set(err, ERROR_REFUSED,
                           "svn: it is %" PRIu64 ", at least %" PRIu64 " is wanted", own, wanted);
}

static int check_equal(const char *what, struct span found, const char *wanted, struct error *err)
{
    if (!wanted || span_equal_text(found, wanted))
        return 0;
    return error_set(err, ERROR_REFUSED, "%s: it is \"%.*s\", \"%s\" is wanted", what,
                     found.size < 512 ? (int)found.size : 512, (const char *)found.data, wanted);
}

static int run_verify(const struct args *args, struct error *err)
{
    struct signed_fragment fragment;
    struct error missing;
    POLICY_AUTO rows = NULL;
    BUF_AUTO bytes = BUF_WITH_LIMIT(COSE_SIZE_MAX);
    BUF_AUTO parameters;
    if (fragment_parameters_read(args_get(args, "parameters"), &parameters, err) < 0 ||
        read_file(args, &bytes, err) < 0)
        return -1;
    if (signed_fragment_verify(buf_span(&bytes), &fragment, err) < 0 ||
        check_equal("issuer", fragment.issuer, args_get(args, "issuer"), err) < 0 ||
        check_equal("feed", fragment.feed, args_get(args, "feed"), err) < 0 ||
        check_svn(&fragment, args_get(args, "min-svn"), err) < 0 ||
        fragment_rows_read(fragment.text, buf_text(&parameters), &rows, &missing, err) < 0)
        return error_context(err, "%s", args_operands(args)[0]);
    (void)printf("ACCEPTED\n");
    print_text("issuer", fragment.issuer);
    print_text("feed", fragment.feed);
    if (!args_has(args, "issuer"))
        (void)printf("whoever holds the key may be this issuer: compare it, or give --issuer\n");
    if (!rows)
        (void)printf("its rows were not read: %s; --parameters gives values\n", missing.text);
    return EXIT_OK;
}

static const struct option_rule show_options[] = {
    {.name = "import", .help = "Print the row of a policy's fragments that lets it in, as JSON"},
    {.name = "text", .help = "Print the fragment's text alone, as it was signed"},
    FRAGMENT_PARAMETERS_OPTION,
    {0},
};

static const struct option_rule verify_options[] = {
    {.name = "issuer", .operand = "DID", .help = "Who must have signed it, a did:x509"},
    {.name = "feed", .operand = "TEXT", .help = "The feed that it must be of"},
    {.name = "min-svn", .operand = "NUMBER", .help = "The lowest security version to accept"},
    FRAGMENT_PARAMETERS_OPTION,
    {0},
};

const struct command command_policy_fragment_show = {
    .name = "policy fragment show",
    .operands = "FILE",
    .summary = "Tell in words who signed a fragment and what it adds",
    .description = "Nothing is verified here.",
    .options = show_options,
    .run = run_show,
};

const struct command command_policy_fragment_verify = {
    .name = "policy fragment verify",
    .operands = "FILE",
    .summary = "Check a fragment's signature and its signer's chain, and that a policy can read it",
    .description =
        "The signature must be by the first certificate's key, each certificate issued by the "
        "next, "
        "and the issuer in the header must be the did:x509 of this chain. Validity dates are not "
        "checked: the guest, which decides, has no clock but its host's. Without --issuer any "
        "issuer "
        "is accepted that is what it says.\n\n"
        "The exit status is 0 for an accepted fragment, 1 for a refused one.",
    .options = verify_options,
    .run = run_verify,
};
