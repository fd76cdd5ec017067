/* `caisson measure id-block`: makes the ID block of an SEV-SNP guest, or checks one. */
#include "base/base64.h"
#include "base/hex.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/measure_io.h"
#include "crypto/issue.h"
#include "measure/id_block.h"
#include "os/file.h"
#include "os/output.h"

#define KEY_FILE_MAX    CERTIFICATE_DER_MAX
#define BASE64_TEXT_MAX 8192

static const struct option_rule options[] = {
    {.name = "digest", .operand = "HEX", .help = "The launch digest that it is for"},
    {.name = "id-key", .operand = "FILE", .help = "Make one, signed by this key (P-384, PEM)"},
    {.name = "author-key", .operand = "FILE", .help = "The key that vouches for the ID key"},
    {.name = "family-id", .operand = "HEX", .help = "FAMILY_ID, 16 bytes (zero)"},
    {.name = "image-id", .operand = "HEX", .help = "IMAGE_ID, 16 bytes (zero)"},
    {.name = "svn", .operand = "NUMBER", .help = "GUEST_SVN (0)"},
    {.name = "policy", .operand = "NUMBER", .help = "The guest's policy (0x30000)"},
    {.name = "block",
     .operand = "FILE",
     .help = "The ID block: written, or checked (96 bytes or Base64)"},
    {.name = "auth",
     .operand = "FILE",
     .help = "Its authentication likewise (4096 bytes or Base64)"},
    {.name = "json", .help = "Print JSON"},
    {0},
};

struct made {
    uint8_t block[ID_BLOCK_SIZE];
    uint8_t auth[ID_AUTH_SIZE];
    struct id_block fields;
    struct id_digests digests;
};

static int read_fields(const struct args *args, struct id_block *out, struct error *err)
{
    uint64_t svn = 0;
    bool given = false;
    *out = (struct id_block){.policy = ID_POLICY_DEFAULT};
    if (measure_hex(args, "family-id", out->family_id, sizeof out->family_id, &given, err) < 0 ||
        measure_hex(args, "image-id", out->image_id, sizeof out->image_id, &given, err) < 0 ||
        measure_number(args, "svn", UINT32_MAX, &svn, err) < 0 ||
        measure_number(args, "policy", UINT64_MAX, &out->policy, err) < 0 ||
        measure_hex(args, "digest", out->launch_digest, SHA384_SIZE, &given, err) < 0)
        return -1;
    if (!given)
        return error_set(err, ERROR_USAGE, "--digest is missing: which launch digest?");
    out->guest_svn = (uint32_t)svn;
    return 0;
}

static struct private_key *read_key(const char *path, struct error *err)
{
    struct buf pem = BUF_WITH_LIMIT(KEY_FILE_MAX);
    struct private_key *key = NULL;
    if (file_read(path, &pem, err) == 0) {
        key = private_key_from_pem(buf_span(&pem), err);
        if (!key)
            (void)error_context(err, "%s", path);
    }
    buf_fini_secret(&pem);
    return key;
}

/* Signs a digest, and tells the public half. */
static int sign(const char *path, const uint8_t digest[SHA384_SIZE], struct p384_key *public_key,
                struct id_signature *out, struct error *err)
{
    PRIVATE_KEY_AUTO *key = read_key(path, err);
    if (!key)
        return -1;
    if (private_key_public_p384(key, public_key, err) < 0 ||
        private_key_sign_p384(key, digest, out->r, out->s, err) < 0)
        return error_context(err, "%s", path);
    return 0;
}

static int make(const struct args *args, struct made *out, struct error *err)
{
    const char *author = args_get(args, "author-key");
    struct id_auth auth = {.has_author = author != NULL};
    uint8_t digest[SHA384_SIZE];
    if (read_fields(args, &out->fields, err) < 0 ||
        id_block_write(&out->fields, out->block, err) < 0)
        return -1;
    id_block_digest(out->block, digest);
    if (sign(args_get(args, "id-key"), digest, &auth.id_key, &auth.block_signature, err) < 0)
        return -1;
    id_key_digest(&auth.id_key, digest);
    if (author && sign(author, digest, &auth.author_key, &auth.key_signature, err) < 0)
        return -1;
    id_auth_write(&auth, out->auth);
    return id_auth_check(&auth, out->block, &out->digests, err);
}

static int write_option(const struct args *args, const char *name, struct span bytes,
                        struct error *err)
{
    const char *path = args_get(args, name);
    return path ? output_write(path, bytes, 0644, err) : 0;
}

/* Bytes as they are, or Base64 with at most one line end, as QEMU's options have them. */
static int read_part(const struct args *args, const char *name, uint8_t *out, size_t size,
                     struct error *err)
{
    BUF_AUTO file = BUF_WITH_LIMIT(BASE64_TEXT_MAX);
    BUF_AUTO decoded = BUF_WITH_LIMIT(size + 1);
    if (measure_read_option(args, name, &file, err) < 0)
        return -1;
    struct span bytes = buf_span(&file);
    if (bytes.size != size) {
        if (bytes.size > 0 && bytes.data[bytes.size - 1] == '\n')
            bytes.size--;
        if (base64_decode(bytes, &decoded, err) < 0 || decoded.size != size)
            return error_set(err, ERROR_INVALID, "%s is neither %zu bytes nor their Base64",
                             args_get(args, name), size);
        bytes = buf_span(&decoded);
    }
    memcpy(out, bytes.data, size);
    return 0;
}

static int check(const struct args *args, struct made *out, struct error *err)
{
    static const char *const for_making[] = {"author-key", "family-id", "image-id", "svn",
                                             "policy"};
    struct id_auth auth;
    uint8_t expected[SHA384_SIZE];
    bool given = false;
    for (size_t i = 0; i < sizeof for_making / sizeof *for_making; i++) {
        if (args_has(args, for_making[i]))
            return error_set(err, ERROR_USAGE, "--%s is for making one, which wants --id-key",
                             for_making[i]);
    }
    if (!args_has(args, "auth"))
        return error_set(err, ERROR_USAGE, "--auth is missing: the authentication of this block");
    if (read_part(args, "block", out->block, ID_BLOCK_SIZE, err) < 0 ||
        read_part(args, "auth", out->auth, ID_AUTH_SIZE, err) < 0 ||
        measure_hex(args, "digest", expected, SHA384_SIZE, &given, err) < 0 ||
        id_block_read(span_of(out->block, ID_BLOCK_SIZE), &out->fields, err) < 0 ||
        id_auth_read(span_of(out->auth, ID_AUTH_SIZE), &auth, err) < 0)
        return -1;
    if (given && memcmp(expected, out->fields.launch_digest, SHA384_SIZE) != 0) {
        char text[2 * SHA384_SIZE + 1];
        hex_encode(span_of(out->fields.launch_digest, SHA384_SIZE), text);
        return error_set(err, ERROR_REFUSED, "the ID block is for the launch digest %s", text);
    }
    return id_auth_check(&auth, out->block, &out->digests, err);
}

static int print_json(const struct made *made, struct error *err)
{
    BUF_AUTO block = BUF_WITH_LIMIT(BASE64_TEXT_MAX);
    BUF_AUTO auth = BUF_WITH_LIMIT(BASE64_TEXT_MAX);
    const struct id_block *fields = &made->fields;
    char policy[32];
    (void)snprintf(policy, sizeof policy, "0x%llx", (unsigned long long)fields->policy);
    if (base64_encode(span_of(made->block, ID_BLOCK_SIZE), &block, err) < 0 ||
        base64_encode(span_of(made->auth, ID_AUTH_SIZE), &auth, err) < 0)
        return -1;
    json_t *author = made->digests.has_author
                         ? measure_json_hex(made->digests.author_key, SHA384_SIZE)
                         : json_null();
    json_t *document = json_pack(
        "{s:s, s:s, s:o, s:o, s:o, s:I, s:s, s:o, s:o}", "id_block", buf_text(&block), "id_auth",
        buf_text(&auth), "launch_digest", measure_json_hex(fields->launch_digest, SHA384_SIZE),
        "family_id", measure_json_hex(fields->family_id, sizeof fields->family_id), "image_id",
        measure_json_hex(fields->image_id, sizeof fields->image_id), "guest_svn",
        (json_int_t)fields->guest_svn, "policy", policy, "id_key_digest",
        measure_json_hex(made->digests.id_key, SHA384_SIZE), "author_key_digest", author);
    return measure_print_json(document, err);
}

static int print_base64(const char *name, struct span bytes, struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(BASE64_TEXT_MAX);
    if (base64_encode(bytes, &text, err) < 0)
        return -1;
    (void)printf("%s=%s\n", name, buf_text(&text));
    return 0;
}

static void print_text(const struct made *made)
{
    const struct id_block *fields = &made->fields;
    measure_print_hex("launch digest", fields->launch_digest, SHA384_SIZE);
    measure_print_hex("family id", fields->family_id, sizeof fields->family_id);
    measure_print_hex("image id", fields->image_id, sizeof fields->image_id);
    (void)printf("%-14s %u\n", "guest SVN", fields->guest_svn);
    (void)printf("%-14s 0x%llx\n", "policy", (unsigned long long)fields->policy);
    measure_print_hex("ID key", made->digests.id_key, SHA384_SIZE);
    if (made->digests.has_author)
        measure_print_hex("author key", made->digests.author_key, SHA384_SIZE);
    (void)printf("%-14s %s\n", "checked",
                 made->digests.has_author ? "both signatures hold" : "the signature holds");
}

static int run(const struct args *args, struct error *err)
{
    struct made made = {0};
    bool makes = args_has(args, "id-key");
    if (args_operand_count(args) != 0)
        return error_set(err, ERROR_USAGE, "measure id-block takes options alone");
    if (!makes && !args_has(args, "block"))
        return error_set(err, ERROR_USAGE,
                         "give --digest and --id-key to make one, or --block and "
                         "--auth to check one");
    if ((makes ? make : check)(args, &made, err) < 0)
        return -1;
    if (makes && (write_option(args, "block", span_of(made.block, ID_BLOCK_SIZE), err) < 0 ||
                  write_option(args, "auth", span_of(made.auth, ID_AUTH_SIZE), err) < 0))
        return -1;
    if (args_has(args, "json"))
        return print_json(&made, err) < 0 ? -1 : EXIT_OK;
    print_text(&made);
    if (makes && (print_base64("id-block", span_of(made.block, ID_BLOCK_SIZE), err) < 0 ||
                  print_base64("id-auth", span_of(made.auth, ID_AUTH_SIZE), err) < 0))
        return -1;
    return EXIT_OK;
}

const struct command command_measure_id_block = {
    .name = "measure id-block",
    .operands = "",
    .summary = "Make the ID block of an SEV-SNP guest, or check one",
    .description =
        "With --id-key, makes the ID block for a launch digest and its authentication: who vouches "
        "for this digest. The secure processor starts the guest only if they fit, and reports show "
        "FAMILY_ID, IMAGE_ID, GUEST_SVN, and the digests of the keys, which this prints. id-block= "
        "and id-auth= are what QEMU's sev-snp-guest object takes (with author-key-enabled=on where "
        "there is an author key); --block and --auth write the bytes to files.\n\n"
        "Without --id-key, checks the block and the authentication in the files --block and "
        "--auth, "
        "and, where --digest is given, that it is for this digest.",
    .options = options,
    .run = run,
};
