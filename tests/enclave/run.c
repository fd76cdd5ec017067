/*
 * Runs a program in the library OS, in an enclave of the model: what tests compare with the same
 * program outside.
 *
 * usage: enclave-run ENCLAVE [--layer DISK BLOCKS ROOT]… PROGRAM [ARGUMENT…]
 *
 * With layers, the top one first, PROGRAM is a path in them; BLOCKS are those of data, ROOT the
 * root hash in hexadecimal digits.
 *
 * The enclave is signed by a key that everybody has. Lines of the library OS go to standard error,
 * after "libos: ". Exits with the program's code, or 125 when it was not run.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/text.h"
#include "enclave/host.h"
#include "enclave/model.h"
#include "measure/sigstruct_sign.h"
#include "os/file.h"

#define NOT_RUN  125
#define DISK_MAX (256U << 20) /* bytes */

static const char key_pem[] =
#include "../unit/measure/sigstruct_key.inc"
    ;

static void say(const char *line)
{
    (void)fprintf(stderr, "libos: %s\n", line);
}

static int sign(const struct enclave_image *image, uint8_t out[SIGSTRUCT_SIZE], struct error *err)
{
    struct sigstruct fields = {.date = 0x20260131,
                               .attributes = {SGX_MODE64 | SGX_KSS},
                               .attributes_mask = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}};
    PRIVATE_KEY_AUTO *key = private_key_from_pem(span_of_text(key_pem), err);
    if (!key || enclave_image_measure(image, fields.mrenclave, err) < 0)
        return -1;
    return sigstruct_sign(&fields, key, out, err);
}

struct given {
    struct buf disks[1 + DOOR_LAYERS_MAX]; /* [0] is the program without layers */
    struct door_layer layers[DOOR_LAYERS_MAX];
    size_t layer_count;
};

static int take_layer(char *words[3], struct given *given, struct error *err)
{
    struct door_layer *layer = &given->layers[given->layer_count];
    if (given->layer_count == DOOR_LAYERS_MAX || !words[0] || !words[1] || !words[2])
        return error_set(err, ERROR_USAGE, "no such layer");
    if (!text_to_u64(words[1], UINT64_MAX, &layer->data_blocks) ||
        !hex_decode(span_of_text(words[2]), layer->root, sizeof layer->root))
        return error_set(err, ERROR_USAGE, "%s, %s: no such layer", words[1], words[2]);
    return file_read(words[0], &given->disks[++given->layer_count], err);
}

static int run_in(struct enclave *enclave, const struct enclave_image *image, char *argv[],
                  struct given *given, int *code, struct error *err)
{
    struct enclave_host_run wanted = {.streams = {0, 1, 2},
                                      .disk_count = 1 + given->layer_count,
                                      .layers = given->layers,
                                      .layer_count = given->layer_count,
                                      .program = argv[0],
                                      .log = say,
                                      .arguments = (const char *const *)argv,
                                      .environment = (const char *const *)environ};
    for (size_t i = 0; i < wanted.disk_count; i++)
        wanted.disks[i] = buf_span(&given->disks[i]);
    return enclave_host_run(enclave, image, &wanted, code, err);
}

/* `argv` begins with the program. */
static int run(const char *path, char *argv[], struct given *given, int *code, struct error *err)
{
    static const uint8_t fuse[MODEL_FUSE_SIZE] = "a test's own one";
    static const struct enclave_options options;
    BUF_AUTO file = BUF_WITH_LIMIT(ENCLAVE_IMAGE_SIZE_MAX);
    struct enclave_image image;
    uint8_t sigstruct[SIGSTRUCT_SIZE];
    if ((given->layer_count == 0 && file_read(argv[0], &given->disks[0], err) < 0) ||
        file_read(path, &file, err) < 0 || enclave_image_parse(buf_span(&file), &image, err) < 0 ||
        sign(&image, sigstruct, err) < 0)
        return -1;
    model_set_fuse(fuse);
    struct enclave *enclave = enclave_load(&driver_model, &image, sigstruct, &options, err);
    if (!enclave)
        return -1;
    int result = run_in(enclave, &image, argv, given, code, err);
    driver_model.free(enclave);
    return result;
}

int main(int argc, char *argv[])
{
    static struct given given;
    struct error err = {0};
    int code = NOT_RUN;
    int result = 0;
    int at = 2;
    for (size_t i = 0; i < sizeof given.disks / sizeof *given.disks; i++)
        given.disks[i] = (struct buf)BUF_WITH_LIMIT(DISK_MAX);
    for (; result == 0 && at + 3 < argc && strcmp(argv[at], "--layer") == 0; at += 4)
        result = take_layer(argv + at + 1, &given, &err);
    if (result == 0 && at >= argc) {
        (void)fprintf(stderr, "usage: enclave-run ENCLAVE [--layer DISK BLOCKS ROOT]… PROGRAM "
                              "[ARGUMENT…]\n");
        return NOT_RUN;
    }
    if (result == 0)
        result = run(argv[1], argv + at, &given, &code, &err);
    if (result < 0)
        (void)fprintf(stderr, "enclave-run: %s\n", err.text);
    for (size_t i = 0; i < sizeof given.disks / sizeof *given.disks; i++)
        buf_fini(&given.disks[i]);
    return result < 0 ? NOT_RUN : code;
}
