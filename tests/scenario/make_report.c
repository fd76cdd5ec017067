/*
 * Has an enclave of tests/enclave make a report in the model of SGX, by the fuses of a simulated
 * platform: for tests of who quotes and verifies it.
 *
 * usage: make_report IMAGE SIGSTRUCT PLATFORM POLICY TARGETINFO REPORTDATA OUTPUT
 *     REPORTDATA in hexadecimal, 64 bytes; the others are files, PLATFORM a folder
 */
#include <stdio.h>
#include <stdlib.h>

#include "../enclave/probe.h"

#include "base/hex.h"
#include "enclave/load.h"
#include "enclave/model.h"
#include "enclave/platform.h"
#include "os/file.h"
#include "os/output.h"

struct files {
    struct buf image, sigstruct, policy, target;
};

static uint64_t answer(void *context, uint64_t number, const uint64_t arguments[3])
{
    (void)context;
    (void)number;
    (void)arguments;
    return 0;
}

static int read_all(char *const argv[], struct files *files, struct error *err)
{
    files->image = BUF_WITH_LIMIT(ENCLAVE_IMAGE_SIZE_MAX);
    files->sigstruct = BUF_WITH_LIMIT(SIGSTRUCT_SIZE);
    files->policy = BUF_WITH_LIMIT(1 << 20);
    files->target = BUF_WITH_LIMIT(sizeof(struct sgx_targetinfo));
    if (file_read(argv[1], &files->image, err) < 0 ||
        file_read(argv[2], &files->sigstruct, err) < 0 ||
        file_read(argv[4], &files->policy, err) < 0)
        return -1;
    return file_read(argv[5], &files->target, err);
}

static int make(const struct files *files, const char *dir, const uint8_t *data,
                struct sgx_report *report, struct error *err)
{
    PLATFORM_AUTO *platform = platform_open(dir, err);
    struct enclave_image image;
    struct enclave_options options = {.config_svn = 1};
    const struct enclave_host host = {answer, NULL};
    uint64_t result = PROBE_REFUSED;
    if (!platform || enclave_image_parse(buf_span(&files->image), &image, err) < 0)
        return -1;
    model_set_fuse(platform_fuse(platform));
    enclave_options_bind(&options, buf_span(&files->policy));
    struct enclave *enclave = enclave_load(&driver_model, &image, files->sigstruct.data, &options,
                                           err);
    if (!enclave)
        return -1;
    const uint64_t arguments[4] = {PROBE_REPORT, (uint64_t)files->target.data, (uint64_t)data,
                                   (uint64_t)report};
    int outcome = enclave_run_thread(enclave, image.threads_at, arguments, &host, &result, err);
    driver_model.free(enclave);
    if (outcome == 0 && result != 0)
        return error_set(err, ERROR_REFUSED, "the enclave makes no report");
    return outcome;
}

int main(int argc, char *argv[])
{
    struct error err = {0};
    struct files files;
    uint8_t data[SGX_REPORT_DATA_SIZE];
    static struct sgx_report report;
    if (argc != 8 || !hex_decode(span_of_text(argv[6]), data, sizeof data)) {
        (void)fprintf(stderr, "usage: make_report IMAGE SIGSTRUCT PLATFORM POLICY TARGETINFO "
                              "REPORTDATA OUTPUT\n");
        return 2;
    }
    int outcome = read_all(argv, &files, &err);
    if (outcome == 0)
        outcome = make(&files, argv[3], data, &report, &err);
    if (outcome == 0)
        outcome = output_write(argv[7], span_of(&report, SGX_REPORT_SIZE), 0644, &err);
    buf_fini(&files.image);
    buf_fini(&files.sigstruct);
    buf_fini(&files.policy);
    buf_fini(&files.target);
    if (outcome < 0)
        (void)fprintf(stderr, "make_report: %s\n", err.text);
    return outcome < 0;
}
