/* `caisson measure sgxs` and `measure sigstruct`: what an SGX enclave is, and who signed it. */
#include "base/hex.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/measure_io.h"
#include "measure/sgxs.h"
#include "measure/sigstruct.h"
#include "os/file.h"

static const struct option_rule sgxs_options[] = {{.name = "json", .help = "Print JSON"}, {0}};

static const struct option_rule sigstruct_options[] = {
    {.name = "sgxs",
     .operand = "FILE",
     .help = "The enclave's stream, which must be what is signed"},
    {.name = "json", .help = "Print JSON"},
    {0},
};

static int measure_file(const char *path, struct sgxs *out, struct error *err)
{
    BUF_AUTO stream = BUF_WITH_LIMIT(SGXS_SIZE_MAX);
    if (file_read(path, &stream, err) < 0)
        return -1;
    if (sgxs_measure(buf_span(&stream), out, err) < 0)
        return error_context(err, "%s", path);
    return 0;
}

static void print_sgxs(const struct sgxs *found)
{
    measure_print_hex("MRENCLAVE", found->mrenclave, SHA256_SIZE);
    (void)printf("%-14s 0x%llx bytes, %u pages, %u of them TCS; SSA frames of %u pages\n",
                 "enclave", (unsigned long long)found->size, found->page_count, found->tcs_count,
                 found->ssa_frame_size);
    if (found->partial_pages > 0)
        (void)printf("%-14s %u pages are not measured whole: the loader chooses the rest of them\n",
                     "note", found->partial_pages);
}

static int run_sgxs(const struct args *args, struct error *err)
{
    struct sgxs found;
    if (args_operand_count(args) != 1)
        return error_set(err, ERROR_USAGE, "measure sgxs wants one file");
    if (measure_file(args_operands(args)[0], &found, err) < 0)
        return -1;
    if (!args_has(args, "json")) {
        print_sgxs(&found);
        return EXIT_OK;
    }
    json_t *document = json_pack(
        "{s:o, s:I, s:I, s:I, s:I, s:I}", "mrenclave",
        measure_json_hex(found.mrenclave, SHA256_SIZE), "size", (json_int_t)found.size,
        "ssa_frame_size", (json_int_t)found.ssa_frame_size, "pages", (json_int_t)found.page_count,
        "tcs", (json_int_t)found.tcs_count, "partly_measured", (json_int_t)found.partial_pages);
    return measure_print_json(document, err) < 0 ? -1 : EXIT_OK;
}

static int print_sigstruct_json(const struct sigstruct *found, struct error *err)
{
    char date[16];
    (void)snprintf(date, sizeof date, "%08x", found->date);
    json_t *document = json_pack("{s:o, s:o, s:I, s:I, s:s, s:o, s:o, s:o, s:o, s:b}", "mrenclave",
                                 measure_json_hex(found->mrenclave, SHA256_SIZE), "mrsigner",
                                 measure_json_hex(found->mrsigner, SHA256_SIZE), "isv_prod_id",
                                 (json_int_t)found->isv_prod_id, "isv_svn",
                                 (json_int_t)found->isv_svn, "date", date, "attributes",
                                 measure_json_hex(found->attributes, 16), "attributes_mask",
                                 measure_json_hex(found->attributes_mask, 16), "isv_family_id",
                                 measure_json_hex(found->isv_family_id, 16), "isv_ext_prod_id",
                                 measure_json_hex(found->isv_ext_prod_id, 16), "allows_debug",
                                 sigstruct_allows_debug(found));
    return measure_print_json(document, err);
}

static void print_sigstruct(const struct sigstruct *found, bool compared)
{
    measure_print_hex("MRENCLAVE", found->mrenclave, SHA256_SIZE);
    measure_print_hex("MRSIGNER", found->mrsigner, SHA256_SIZE);
    (void)printf("%-14s product %u, SVN %u, signed on %08x%s\n", "enclave", found->isv_prod_id,
                 found->isv_svn, found->date, found->vendor ? " by Intel" : "");
    measure_print_hex("attributes", found->attributes, 16);
    measure_print_hex("their mask", found->attributes_mask, 16);
    (void)printf(
        "%-14s %s\n", "debug",
        sigstruct_allows_debug(found) ? "ADMITTED: such an enclave hides nothing" : "ruled out");
    (void)printf("%-14s signature, Q1 and Q2 hold%s\n", "checked",
                 compared ? "; the stream has this MRENCLAVE" : "");
}

static int compare_stream(const char *path, const struct sigstruct *found, struct error *err)
{
    struct sgxs sgxs;
    char text[2 * SHA256_SIZE + 1];
    if (measure_file(path, &sgxs, err) < 0)
        return -1;
    if (memcmp(sgxs.mrenclave, found->mrenclave, SHA256_SIZE) == 0)
        return 0;
    hex_encode(span_of(sgxs.mrenclave, SHA256_SIZE), text);
    return error_set(err, ERROR_REFUSED,
                     "%s has the MRENCLAVE %s, which is not what the SIGSTRUCT signs", path, text);
}

static int run_sigstruct(const struct args *args, struct error *err)
{
    BUF_AUTO bytes = BUF_WITH_LIMIT(SIGSTRUCT_SIZE + 1);
    struct sigstruct found;
    const char *stream = args_get(args, "sgxs");
    if (measure_read_operand(args, "measure sigstruct", &bytes, err) < 0)
        return -1;
    if (sigstruct_check(buf_span(&bytes), &found, err) < 0)
        return error_context(err, "%s", args_operands(args)[0]);
    if (stream && compare_stream(stream, &found, err) < 0)
        return -1;
    if (args_has(args, "json"))
        return print_sigstruct_json(&found, err) < 0 ? -1 : EXIT_OK;
    print_sigstruct(&found, stream != NULL);
    return EXIT_OK;
}

const struct command command_measure_sgxs = {
    .name = "measure sgxs",
    .operands = "FILE",
    .summary = "Compute MRENCLAVE of an SGXS stream",
    .description = "Reads what a loader does with an enclave (ECREATE, EADD, EEXTEND, in SGXS's "
                   "form), refuses what a processor would refuse, and prints MRENCLAVE.",
    .options = sgxs_options,
    .run = run_sgxs,
};

const struct command command_measure_sigstruct = {
    .name = "measure sigstruct",
    .operands = "FILE",
    .summary = "Check the SIGSTRUCT of an SGX enclave, and print who signed what",
    .description =
        "Checks the structure's constants, its signature, and the quotients Q1 and Q2, as EINIT "
        "does; prints MRENCLAVE, MRSIGNER and what the signer demands. With --sgxs, the stream "
        "must have the MRENCLAVE that is signed.\n\n"
        "Whose key it is, only you can say: compare MRSIGNER.",
    .options = sigstruct_options,
    .run = run_sigstruct,
};
