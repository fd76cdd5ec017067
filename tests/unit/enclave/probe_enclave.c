#include "../check.h"

#include <signal.h>

#include "os/file.h"
#include "probe_enclave.h"

static const char key_pem[] =
#include "../measure/sigstruct_key.inc"
    ;

static struct error err;

/* cmocka takes the signals of faults for each test by signal(), which are the model's here: this
 * one, which the program's own definition makes it call, leaves them as they are. */
__sighandler_t signal(int number, __sighandler_t handler)
{
    (void)number;
    (void)handler;
    return SIG_DFL;
}

void probe_sign(struct probe_enclave *probe)
{
    PRIVATE_KEY_AUTO *key = private_key_from_pem(span_of_text(key_pem), &err);
    assert_non_null(key);
    check_ok(sigstruct_sign(&probe->fields, key, probe->sigstruct, &err), &err);
}

void probe_init(struct probe_enclave *probe, const char *path)
{
    memset(probe, 0, sizeof *probe);
    buf_init(&probe->file, ENCLAVE_IMAGE_SIZE_MAX);
    check_ok(file_read(path, &probe->file, &err), &err);
    check_ok(enclave_image_parse(buf_span(&probe->file), &probe->image, &err), &err);
    probe->fields = (struct sigstruct){
        .date = 0x20260131,
        .isv_prod_id = 3,
        .isv_svn = 9,
        .attributes = {SGX_MODE64 | SGX_KSS},
        .attributes_mask = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}};
    memset(probe->fields.isv_family_id, 0x66, 16);
    memset(probe->fields.isv_ext_prod_id, 0x77, 16);
    check_ok(enclave_image_measure(&probe->image, probe->fields.mrenclave, &err), &err);
    probe_sign(probe);
}

void probe_fini(struct probe_enclave *probe)
{
    driver_model.free(probe->enclave);
    buf_fini(&probe->file);
}

void probe_load(struct probe_enclave *probe)
{
    driver_model.free(probe->enclave);
    probe->enclave = enclave_load(&driver_model, &probe->image, probe->sigstruct, &probe->options,
                                  &err);
    if (!probe->enclave)
        fail_msg("%s", err.text);
}

uint64_t probe_tcs(const struct probe_enclave *probe, unsigned thread)
{
    return probe->image.threads_at + thread * enclave_image_thread_size(&probe->image);
}

static uint64_t answer(void *context, uint64_t number, const uint64_t arguments[3])
{
    struct probe_enclave *probe = context;
    probe->calls++;
    return number == PROBE_DOUBLE ? 2 * arguments[0] + arguments[1] : 0;
}

int probe_try(struct probe_enclave *probe, unsigned thread, enum probe_order order, uint64_t a,
              uint64_t b, uint64_t c, uint64_t *result, struct error *error)
{
    const uint64_t arguments[4] = {order, a, b, c};
    const struct enclave_host host = {answer, probe};
    return enclave_run_thread(probe->enclave, probe_tcs(probe, thread), arguments, &host, result,
                              error);
}

uint64_t probe_ask(struct probe_enclave *probe, unsigned thread, enum probe_order order, uint64_t a,
                   uint64_t b, uint64_t c)
{
    struct error error;
    uint64_t result = 0;
    check_ok(probe_try(probe, thread, order, a, b, c, &result, &error), &error);
    return result;
}
