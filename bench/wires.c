/* How long a further enclave takes to be there, and a message to go to it and come back, in the
 * model: as the enclave of tests/enclave/wire.c sees it. */
#include <inttypes.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../tests/enclave/wire.h"
#include "enclave/host_nursery.h"
#include "enclave/model.h"
#include "measure/sigstruct_sign.h"
#include "os/file.h"
#include "timing.h"

static const char key_pem[] =
#include "../tests/unit/measure/sigstruct_key.inc"
    ;

static int log_fd;

static void log_line(const char *line)
{
    (void)!write(log_fd, line, strlen(line));
    (void)!write(log_fd, "\n", 1);
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

static int be_host(const char *path, struct error *err)
{
    static const uint8_t fuse[MODEL_FUSE_SIZE] = "a bench's own";
    const struct enclave_options options = {.config_svn = 0};
    BUF_AUTO file = BUF_WITH_LIMIT(ENCLAVE_IMAGE_SIZE_MAX);
    struct enclave_image image;
    uint8_t sigstruct[SIGSTRUCT_SIZE];
    struct enclave_host_run run = {.channel = -1, .tee = WIRE_TIMES, .log = log_line};
    struct host_nursery nursery;
    const struct host_recipe recipe = {
        .driver = &driver_model, .image = &image, .sigstruct = sigstruct, .options = &options};
    model_set_fuse(fuse);
    if (file_read(path, &file, err) < 0 || enclave_image_parse(buf_span(&file), &image, err) < 0 ||
        sign(&image, sigstruct, err) < 0 || host_nursery_begin(&recipe, &run, &nursery, err) < 0)
        return -1;
    struct enclave *enclave = enclave_load(&driver_model, &image, sigstruct, &options, err);
    if (!enclave)
        return -1;
    nursery.base = enclave->base;
    run.nursery = &nursery;
    return enclave_host_run(enclave, &image, &run, err);
}

/* A line's name and its number of nanoseconds, as log_number() writes it. */
static void show(const char *line)
{
    const char *at = strstr(line, "0x");
    double us = at ? (double)strtoull(at, NULL, 16) / 1e3 : 0;
    require(at && us > 0, line);
    if (strstr(line, "child"))
        (void)printf("RESULT | wires: %.*s | %.1f ms | | info\n", (int)(at - line - 1), line,
                     us / 1e3);
    else
        (void)printf("RESULT | wires: %.*s | %.0f us | | info\n", (int)(at - line - 1), line, us);
}

int main(int argc, char *argv[])
{
    struct error err = {0};
    int ends[2];
    char line[256];
    int status;
    require(argc < 2 && pipe(ends) == 0, "usage: wires");
    pid_t pid = fork();
    require(pid >= 0, "no process");
    if (pid == 0) {
        (void)dup2(ends[1], STDERR_FILENO); /* which the nursery keeps */
        log_fd = STDERR_FILENO;
        (void)close(ends[0]);
        status = be_host(WIRE_IMAGE, &err);
        if (status < 0)
            log_line(err.text);
        _exit(status < 0 ? 1 : 0);
    }
    (void)argv;
    (void)close(ends[1]);
    FILE *log = fdopen(ends[0], "r");
    require(log != NULL, "no log");
    while (fgets(line, sizeof line, log)) {
        line[strcspn(line, "\n")] = '\0';
        show(line);
    }
    (void)fclose(log);
    require(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0,
            "the enclave's host");
    return 0;
}
