/*
 * Runs a program in the library OS, in an enclave of the model: what tests compare with the same
 * program outside.
 *
 * usage: enclave-run ENCLAVE PROGRAM [ARGUMENT…]
 *
 * The enclave is signed by a key that everybody has. Lines of the library OS go to standard error,
 * after "libos: ". Exits with the program's code, or 125 when it was not run.
 */
#include <stdio.h>
#include <unistd.h>

#include "enclave/host.h"
#include "enclave/model.h"
#include "measure/sigstruct_sign.h"
#include "os/file.h"

#define NOT_RUN     125
#define PROGRAM_MAX (64U << 20) /* bytes */

extern char **environ;

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

static int run(char *argv[], int *code, struct error *err)
{
    static const uint8_t fuse[MODEL_FUSE_SIZE] = "a test's own one";
    static const struct enclave_options options;
    BUF_AUTO file = BUF_WITH_LIMIT(ENCLAVE_IMAGE_SIZE_MAX);
    BUF_AUTO program = BUF_WITH_LIMIT(PROGRAM_MAX);
    struct enclave_image image;
    uint8_t sigstruct[SIGSTRUCT_SIZE];
    if (file_read(argv[1], &file, err) < 0 || file_read(argv[2], &program, err) < 0 ||
        enclave_image_parse(buf_span(&file), &image, err) < 0 || sign(&image, sigstruct, err) < 0)
        return -1;
    model_set_fuse(fuse);
    struct enclave *enclave = enclave_load(&driver_model, &image, sigstruct, &options, err);
    if (!enclave)
        return -1;
    const struct enclave_host_run wanted = {.streams = {0, 1, 2},
                                            .disks = {buf_span(&program)},
                                            .disk_count = 1,
                                            .log = say,
                                            .arguments = (const char *const *)(argv + 2),
                                            .environment = (const char *const *)environ};
    int result = enclave_host_run(enclave, &image, &wanted, code, err);
    driver_model.free(enclave);
    return result;
}

int main(int argc, char *argv[])
{
    struct error err = {0};
    int code = NOT_RUN;
    if (argc < 3) {
        (void)fprintf(stderr, "usage: enclave-run ENCLAVE PROGRAM [ARGUMENT…]\n");
        return NOT_RUN;
    }
    if (run(argv, &code, &err) < 0) {
        (void)fprintf(stderr, "enclave-run: %s\n", err.text);
        return NOT_RUN;
    }
    return code;
}
