/* `caisson enclave sign` and `enclave info`: the enclave image, and who stands for it. */
#include "base/hex.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/enclave_file.h"
#include "cli/measure_io.h"
#include "measure/sgx.h"
#include "measure/sgxs.h"
#include "measure/sigstruct_sign.h"
#include "os/file.h"
#include "os/output.h"

#define KEY_FILE_MAX   CERTIFICATE_DER_MAX
#define CONFIG_ID_SIZE 64

static const struct option_rule sign_options[] = {
    {.name = "key", .operand = "FILE", .help = "RSA key of 3072 bits with the exponent 3, in PEM"},
    {.name = "output", .letter = 'o', .operand = "FILE", .help = "Where to write the SIGSTRUCT"},
    {.name = "date", .operand = "YYYYMMDD", .help = "The date that it bears"},
    {.name = "product", .operand = "NUMBER", .help = "ISVPRODID (0)"},
    {.name = "svn", .operand = "NUMBER", .help = "ISVSVN (0)"},
    {.name = "debug", .help = "Admit debug enclaves, which the host reads"},
    {0},
};

static const struct option_rule info_options[] = {
    {.name = "sgxs", .operand = "FILE", .help = "Write the enclave's pages as an SGXS stream"},
    {.name = "mrenclave", .operand = "FILE", .help = "Write MRENCLAVE alone, as 64 digits"},
    {.name = "policy", .operand = "FILE", .help = "Show CONFIGID, as the loader makes it of this"},
    {.name = "json", .help = "Print JSON"},
    {0},
};

/* The operand's image, which borrows from `bytes`, and its MRENCLAVE. */
static int read_image(const struct args *args, const char *command, struct buf *bytes,
                      struct enclave_image *image, uint8_t mrenclave[SHA256_SIZE],
                      struct error *err)
{
    if (args_operand_count(args) != 1)
        return error_set(err, ERROR_USAGE, "%s wants one file", command);
    return enclave_file_read(args_operands(args)[0], bytes, image, mrenclave, err);
}

/* Eight digits are the number's hexadecimal ones too: the field is in decimal digits. */
static int read_date(const struct args *args, uint32_t *out, struct error *err)
{
    const char *text = args_get(args, "date");
    if (!text)
        return error_set(err, ERROR_USAGE, "--date is missing: the same input has the same output");
    *out = 0;
    size_t len = strlen(text);
    for (size_t i = 0; i < len && len == 8; i++) {
        if (text[i] < '0' || text[i] > '9')
            break;
        *out = *out << 4 | (uint32_t)(text[i] - '0');
        if (i == 7)
            return 0;
    }
    return error_set(err, ERROR_USAGE, "--date %s: eight digits are wanted, YYYYMMDD", text);
}

static void put_u64(uint8_t out[8], uint64_t value)
{
    for (size_t i = 0; i < 8; i++)
        out[i] = (uint8_t)(value >> (8 * i));
}

/* CONFIGID binds the policy, so KSS is demanded. Which of the known vector registers there are, and
 * whether faults are told, is the machine's. */
static void demand(struct sigstruct *fields, bool debug)
{
    uint64_t open = debug ? SGX_DEBUG : 0;
    put_u64(fields->attributes, SGX_MODE64 | SGX_KSS);
    put_u64(fields->attributes_mask, ~open);
    put_u64(fields->attributes + 8, SGX_XFRM_LEGACY);
    put_u64(fields->attributes_mask + 8, ~(SGX_XFRM_KNOWN & ~SGX_XFRM_LEGACY));
    fields->miscselect_mask = ~SGX_MISC_EXINFO;
}

static int read_fields(const struct args *args, struct sigstruct *fields, struct error *err)
{
    uint64_t product = 0;
    uint64_t svn = 0;
    if (read_date(args, &fields->date, err) < 0 ||
        measure_number(args, "product", UINT16_MAX, &product, err) < 0 ||
        measure_number(args, "svn", UINT16_MAX, &svn, err) < 0)
        return -1;
    fields->isv_prod_id = (uint16_t)product;
    fields->isv_svn = (uint16_t)svn;
    demand(fields, args_has(args, "debug"));
    return 0;
}

static struct private_key *read_key(const struct args *args, struct error *err)
{
    struct buf pem = BUF_WITH_LIMIT(KEY_FILE_MAX);
    struct private_key *key = NULL;
    if (measure_read_option(args, "key", &pem, err) == 0) {
        key = private_key_from_pem(buf_span(&pem), err);
        if (!key)
            (void)error_context(err, "%s", args_get(args, "key"));
    }
    buf_fini_secret(&pem);
    return key;
}

static int run_sign(const struct args *args, struct error *err)
{
    BUF_AUTO bytes = BUF_WITH_LIMIT(ENCLAVE_FILE_LIMIT);
    struct enclave_image image;
    struct sigstruct fields = {0};
    uint8_t signed_bytes[SIGSTRUCT_SIZE];
    const char *output = args_get(args, "output");
    if (!output)
        return error_set(err, ERROR_USAGE, "enclave sign wants -o FILE");
    if (read_fields(args, &fields, err) < 0 ||
        read_image(args, "enclave sign", &bytes, &image, fields.mrenclave, err) < 0)
        return -1;
    PRIVATE_KEY_AUTO *key = read_key(args, err);
    if (!key)
        return -1;
    if (sigstruct_sign(&fields, key, signed_bytes, err) < 0)
        return error_context(err, "%s", args_get(args, "key"));
    if (output_write(output, span_of(signed_bytes, sizeof signed_bytes), 0644, err) < 0)
        return -1;
    measure_print_hex("MRENCLAVE", fields.mrenclave, SHA256_SIZE);
    return EXIT_OK;
}

static int write_stream(const char *path, const struct enclave_image *image, struct error *err)
{
    BUF_AUTO stream = BUF_WITH_LIMIT(SGXS_SIZE_MAX);
    if (enclave_image_write_sgxs(image, &stream, err) < 0)
        return error_context(err, "%s", path);
    return output_write(path, buf_span(&stream), 0644, err);
}

/* What is published beside an image, for those who verify. */
static int write_mrenclave(const char *path, const uint8_t mrenclave[SHA256_SIZE],
                           struct error *err)
{
    char text[2 * SHA256_SIZE + 1];
    hex_encode(span_of(mrenclave, SHA256_SIZE), text);
    text[2 * SHA256_SIZE] = '\n';
    return output_write(path, span_of(text, sizeof text), 0644, err);
}

static int print_json(const struct enclave_image *image, const uint8_t mrenclave[SHA256_SIZE],
                      const uint8_t *config_id, struct error *err)
{
    json_t *document = json_pack(
        "{s:o, s:o*, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "mrenclave",
        measure_json_hex(mrenclave, SHA256_SIZE), "configid",
        config_id ? measure_json_hex(config_id, CONFIG_ID_SIZE) : NULL, "size",
        (json_int_t)image->size, "threads", (json_int_t)image->threads, "threads_added",
        (json_int_t)image->added, "ssa_frames", (json_int_t)image->ssa_frames, "ssa_frame_size",
        (json_int_t)image->ssa_frame_size, "stack_size", (json_int_t)image->stack_size, "heap_size",
        (json_int_t)image->heap_size);
    return measure_print_json(document, err);
}

static void print(const struct enclave_image *image, const uint8_t mrenclave[SHA256_SIZE],
                  const uint8_t *config_id)
{
    measure_print_hex("MRENCLAVE", mrenclave, SHA256_SIZE);
    if (config_id)
        measure_print_hex("CONFIGID", config_id, CONFIG_ID_SIZE);
    (void)printf("%-14s 0x%llx bytes, entered at 0x%llx\n", "enclave",
                 (unsigned long long)image->size, (unsigned long long)image->entry);
    (void)printf("%-14s %u (%u at the start), each with %u SSA frames of %u pages and a stack of "
                 "0x%llx bytes\n",
                 "threads", image->threads, image->added, image->ssa_frames, image->ssa_frame_size,
                 (unsigned long long)image->stack_size);
    (void)printf("%-14s 0x%llx bytes, not measured\n", "heap",
                 (unsigned long long)image->heap_size);
}

/* CONFIGID as the loader sets it: the policy's SHA-256, then zeros. NULL without a policy. */
static int read_config_id(const struct args *args, uint8_t out[CONFIG_ID_SIZE],
                          const uint8_t **config_id, struct error *err)
{
    const char *path = args_get(args, "policy");
    memset(out, 0, CONFIG_ID_SIZE);
    *config_id = path ? out : NULL;
    return path ? measure_digest_file(path, out, err) : 0;
}

static int run_info(const struct args *args, struct error *err)
{
    BUF_AUTO bytes = BUF_WITH_LIMIT(ENCLAVE_FILE_LIMIT);
    struct enclave_image image;
    uint8_t mrenclave[SHA256_SIZE];
    uint8_t config[CONFIG_ID_SIZE];
    const uint8_t *config_id;
    const char *stream = args_get(args, "sgxs");
    const char *published = args_get(args, "mrenclave");
    if (read_config_id(args, config, &config_id, err) < 0 ||
        read_image(args, "enclave info", &bytes, &image, mrenclave, err) < 0)
        return -1;
    if ((stream && write_stream(stream, &image, err) < 0) ||
        (published && write_mrenclave(published, mrenclave, err) < 0))
        return -1;
    if (args_has(args, "json"))
        return print_json(&image, mrenclave, config_id, err) < 0 ? -1 : EXIT_OK;
    print(&image, mrenclave, config_id);
    return EXIT_OK;
}

const struct command command_enclave_info = {
    .name = "enclave info",
    .operands = "FILE",
    .summary = "Show an enclave image: MRENCLAVE, threads, sizes",
    .description =
        "Reads an enclave image (a static, position-independent ELF file with a note of "
        "Caisson's), "
        "turns it into pages as the loader does, and prints MRENCLAVE. With --sgxs, the pages are "
        "written as a stream that `caisson measure sgxs` reads; with --mrenclave, MRENCLAVE as a "
        "text, "
        "to be published beside the image. MRENCLAVE does not depend on the "
        "policy; what binds it, CONFIGID, is shown with --policy.",
    .options = info_options,
    .run = run_info,
};

const struct command command_enclave_sign = {
    .name = "enclave sign",
    .operands = "FILE",
    .summary = "Sign an enclave image",
    .description =
        "Writes the SIGSTRUCT of an enclave image. The same image, key, date and numbers give the "
        "same bytes. What is signed demands KSS, because the policy is bound by CONFIGID, and "
        "rules "
        "debug enclaves out unless --debug is given.\n\n"
        "`openssl genrsa -3 3072` makes a key. Whoever holds it can sign other enclaves with the "
        "same MRSIGNER, and these get every key that is derived from it.",
    .options = sign_options,
    .run = run_sign,
};
