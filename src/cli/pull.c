#include "base/hex.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/progress.h"
#include "format/json.h"
#include "image/image.h"

#define OUTPUT_MAX (1 << 20) /* bytes of JSON */

static const struct option_rule options[] = {
    {.name = "tls-ca",
     .operand = "FILE",
     .help = "Trust the certificate authorities in this PEM file, besides the system's"},
    {.name = "no-disks", .help = "Fetch only; make the layers' disks at the first run"},
    {.name = "quiet", .letter = 'q', .help = "Print the digest alone"},
    {.name = "json", .help = "Print JSON"},
    {0},
};

static int append_layer(const struct image *image, const struct image_disk *disks, size_t index,
                        struct buf *out, struct error *err)
{
    const struct image_layer *layer = &image->layers[index];
    char digest[OCI_DIGEST_TEXT_SIZE];
    char diff_id[OCI_DIGEST_TEXT_SIZE];
    char root_hash[2 * SHA256_SIZE + 1] = "";
    oci_digest_text(&layer->digest, digest);
    oci_digest_text(&layer->diff_id, diff_id);
    if (disks)
        hex_encode(span_of(disks[index].root_hash, SHA256_SIZE), root_hash);
    if (buf_printf(out, err, "%s{\"diff_id\":\"%s\",\"size\":%llu", index ? "," : "", diff_id,
                   (unsigned long long)layer->size) < 0)
        return -1;
    if (layer->has_digest && buf_printf(out, err, ",\"digest\":\"%s\"", digest) < 0)
        return -1;
    return buf_printf(out, err, *root_hash ? ",\"root_hash\":\"%s\"}" : "%s}", root_hash);
}

static int print_json(const struct image *image, const struct image_disk *disks, struct error *err)
{
    char digest[OCI_DIGEST_TEXT_SIZE];
    BUF_AUTO out = BUF_WITH_LIMIT(OUTPUT_MAX);
    oci_digest_text(&image->digest, digest);
    if (buf_append_text(&out, "{\"name\":", err) < 0 ||
        json_append_string(&out, span_of_text(image->name), err) < 0 ||
        buf_printf(&out, err, ",\"digest\":\"%s\",\"layers\":[", digest) < 0)
        return -1;
    for (size_t i = 0; i < image->layer_count; i++) {
        if (append_layer(image, disks, i, &out, err) < 0)
            return -1;
    }
    if (buf_append_text(&out, "]}\n", err) < 0)
        return -1;
    (void)fputs(buf_text(&out), stdout);
    return EXIT_OK;
}

static int print_text(const struct image *image, bool quiet)
{
    char digest[OCI_DIGEST_TEXT_SIZE];
    oci_digest_text(&image->digest, digest);
    if (quiet)
        (void)printf("%s\n", digest);
    else
        (void)printf("%s\n%s\n", image->name, digest);
    return EXIT_OK;
}

static int run(const struct args *args, struct error *err)
{
    if (args_operand_count(args) != 1)
        return error_set(err, ERROR_USAGE, "name one image");
    struct progress progress;
    progress_init(&progress, args_has(args, "quiet"));
    const struct image_options image_options = {
        .pull = IMAGE_PULL_ALWAYS,
        .disks = !args_has(args, "no-disks"),
        .tls_ca = args_get(args, "tls-ca"),
        .observer = progress_observer(&progress),
    };
    STORE_AUTO store = store_open(NULL, err);
    if (!store)
        return -1;
    IMAGE_AUTO image = image_resolve(store, args_operands(args)[0], &image_options, err);
    struct image_disk *disks = NULL;
    bool wanted = image && !args_has(args, "no-disks");
    if (wanted)
        disks = image_disks(image, &image_options, err);
    progress_clear(&progress);
    if (!image || (wanted && !disks))
        return -1;
    int status = args_has(args, "json") ? print_json(image, disks, err)
                                        : print_text(image, args_has(args, "quiet"));
    image_disks_free(disks, image->layer_count);
    return status;
}

const struct command command_pull = {
    .name = "pull",
    .operands = "IMAGE",
    .summary = "Fetch an image from a registry and make its layers' disks",
    .description =
        "IMAGE is written as for docker: redis, redis:7, ghcr.io/org/app@sha256:… The image for "
        "linux/amd64 comes into the store under $CAISSON_HOME ($XDG_DATA_HOME/caisson, "
        "~/.local/share/caisson), each byte of it checked against its digest. A pull that was cut "
        "short goes on where it was. An image on this machine (oci:DIR[:TAG], "
        "oci-archive:FILE[:TAG], docker-archive:FILE[:NAME:TAG], or a path that starts with / or "
        "./) is read where it lies; only its disks are made.\n\n"
        "Credentials are those of docker login, podman login and skopeo login: of the credential "
        "helper that their file names for the registry, or of the file itself. CAISSON_REGISTRIES "
        "names a JSON file with mirrors, and with registries that speak plain http:\n\n"
        "{\"registries\": {\"docker.io\": {\"mirrors\": [\"mirror.example.org\"]}, "
        "\"10.0.0.7:5000\": {\"http\": true}, \"reg.internal\": {\"tls_ca\": \"/etc/ca.pem\"}}}",
    .options = options,
    .run = run,
};
