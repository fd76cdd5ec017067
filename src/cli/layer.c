/* `caisson layer hash` and `caisson layer build`. */
#include "layer/layer.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/hex.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/output.h"

static int read_blob(void *arg, void *out, size_t size, size_t *got, struct error *err)
{
    const int *fd = arg;
    ssize_t done;
    do
        done = read(*fd, out, size);
    while (done < 0 && errno == EINTR);
    if (done < 0)
        return error_system(err, errno, "reading the layer");
    *got = (size_t)done;
    return 0;
}

/* "-" is the standard input. */
static int open_blob(const char *path, struct error *err)
{
    if (strcmp(path, "-") != 0)
        return file_open_read(path, err);
    int fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
    return fd < 0 ? error_system(err, errno, "cannot read the standard input") : fd;
}

static int show_progress(void *arg, uint64_t blob_bytes)
{
    uint64_t *shown = arg;
    if (blob_bytes - *shown < UINT64_C(4) << 20)
        return 0;
    *shown = blob_bytes;
    (void)fprintf(stderr, "\r%llu MiB read ", (unsigned long long)(blob_bytes >> 20));
    return 0;
}

static void clear_progress(bool shown)
{
    if (shown)
        (void)fputs("\r\033[K", stderr);
}

static void print_json(const struct layer_result *result, bool with_disk)
{
    char root[2 * LAYER_DIGEST_SIZE + 1], diff_id[2 * LAYER_DIGEST_SIZE + 1];
    char blob[2 * LAYER_DIGEST_SIZE + 1];
    hex_encode(span_of(result->root_hash, LAYER_DIGEST_SIZE), root);
    hex_encode(span_of(result->diff_id, LAYER_DIGEST_SIZE), diff_id);
    hex_encode(span_of(result->blob_digest, LAYER_DIGEST_SIZE), blob);
    (void)printf("{\"root_hash\":\"%s\",\"diff_id\":\"sha256:%s\",\"digest\":\"sha256:%s\","
                 "\"blob_size\":%llu,\"tar_size\":%llu,\"ext4_size\":%llu",
                 root, diff_id, blob, (unsigned long long)result->blob_size,
                 (unsigned long long)result->tar_size, (unsigned long long)result->ext4_size);
    if (with_disk)
        (void)printf(",\"disk_size\":%llu", (unsigned long long)result->disk_size);
    (void)puts("}");
}

static void print_hash(const struct layer_result *result)
{
    char root[2 * LAYER_DIGEST_SIZE + 1];
    hex_encode(span_of(result->root_hash, LAYER_DIGEST_SIZE), root);
    (void)puts(root);
}

/* Converts the blob; out_fd is -1 where only its hash is wanted. */
static int convert(const char *path, int out_fd, bool vhd, struct layer_result *result,
                   struct error *err)
{
    uint64_t shown = 0;
    FD_AUTO fd = open_blob(path, err);
    if (fd < 0)
        return -1;
    struct layer_source source = {read_blob, &fd};
    struct layer_options options = {.vhd = vhd};
    if (isatty(STDERR_FILENO)) {
        options.progress = show_progress;
        options.progress_arg = &shown;
    }
    int status = out_fd < 0 ? layer_hash(&source, &options, result, err)
                            : layer_build(&source, &options, out_fd, result, err);
    clear_progress(shown > 0);
    return status < 0 ? error_context(err, "%s", path) : 0;
}

static int one_operand(const struct args *args, struct error *err)
{
    if (args_operand_count(args) == 1)
        return 0;
    return error_set(err, ERROR_USAGE, "name one layer: a file, or - for the standard input");
}

static int run_hash(const struct args *args, struct error *err)
{
    struct layer_result result;
    if (one_operand(args, err) < 0 || convert(args_operands(args)[0], -1, false, &result, err) < 0)
        return -1;
    if (args_has(args, "json"))
        print_json(&result, false);
    else
        print_hash(&result);
    return EXIT_OK;
}

static int run_build(const struct args *args, struct error *err)
{
    struct layer_result result;
    const char *path = args_get(args, "output");
    if (one_operand(args, err) < 0)
        return -1;
    if (!path)
        return error_set(err, ERROR_USAGE, "name the disk: --output DISK");
    OUTPUT_AUTO output;
    if (output_init(&output, path, 0644, err) < 0 ||
        convert(args_operands(args)[0], output.fd, args_has(args, "vhd"), &result, err) < 0 ||
        output_publish(&output, false, err) < 0)
        return -1;
    if (args_has(args, "json"))
        print_json(&result, true);
    else
        print_hash(&result);
    return EXIT_OK;
}

static const struct option_rule hash_options[] = {
    {.name = "json", .help = "Print the digests and sizes as JSON"},
    {0},
};

static const struct option_rule build_options[] = {
    {.name = "output", .letter = 'o', .operand = "DISK", .help = "Write the disk to this file"},
    {.name = "vhd", .help = "End the disk with a fixed VHD footer"},
    {.name = "json", .help = "Print the digests and sizes as JSON"},
    {0},
};

const struct command command_layer_hash = {
    .name = "layer hash",
    .operands = "FILE",
    .summary = "Print the root hash by which a policy lists a layer",
    .description =
        "FILE is a layer as an image holds it: a tar, plain or compressed by gzip or zstd; - is "
        "the standard input. The root hash is that of the dm-verity disk that the layer becomes, "
        "the same as `az confcom` gives. No disk space is needed.",
    .options = hash_options,
    .run = run_hash,
};

const struct command command_layer_build = {
    .name = "layer build",
    .operands = "FILE",
    .summary = "Turn a layer into a read-only disk with a dm-verity hash tree",
    .description =
        "FILE is a layer as an image holds it: a tar, plain or compressed by gzip or zstd; - is "
        "the standard input. The disk holds an ext4, a verity superblock and the hash tree; its "
        "root hash is printed. It gets its name only when it is whole.\n\n"
        "veritysetup takes it with --hash-offset, which is `ext4_size` in the output of --json.",
    .options = build_options,
    .run = run_build,
};
