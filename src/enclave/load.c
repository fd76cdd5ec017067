#include "enclave/load.h"

#include <cpuid.h>
#include <errno.h>

#include "enclave/inside/door.h"

#define FEATURE_OSXSAVE (1U << 27)
#define XFRM_AVX        UINT64_C(0x7)

/* What XCR0 has of what an enclave here may use; AVX-512 whole or not at all. */
static uint64_t find_xfrm(void)
{
    unsigned a = 0;
    unsigned b = 0;
    unsigned c = 0;
    unsigned d = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & FEATURE_OSXSAVE))
        return SGX_XFRM_LEGACY;
    uint32_t low;
    uint32_t high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    if ((low & SGX_XFRM_KNOWN) == SGX_XFRM_KNOWN)
        return SGX_XFRM_KNOWN;
    return (low & XFRM_AVX) == XFRM_AVX ? XFRM_AVX : SGX_XFRM_LEGACY;
}

void enclave_options_bind(struct enclave_options *options, struct span policy)
{
    memset(options->config_id, 0, sizeof options->config_id);
    sha256_digest(policy, options->config_id);
}

struct enclave *enclave_load(const struct driver *driver, const struct enclave_image *image,
                             const uint8_t sigstruct[SIGSTRUCT_SIZE],
                             const struct enclave_options *options, struct error *err)
{
    struct sgx_secs secs = {
        .size = image->size,
        .ssa_frame_size = image->ssa_frame_size,
        .miscselect = SGX_MISC_EXINFO,
        .attributes = {.flags = SGX_MODE64 | SGX_KSS | (options->is_debug ? SGX_DEBUG : 0),
                       .xfrm = find_xfrm()},
        .config_svn = options->config_svn,
    };
    memcpy(secs.config_id, options->config_id, sizeof secs.config_id);
    struct enclave *enclave = driver->create(&secs, image->segments[0].offset, err);
    if (enclave && enclave_image_add(image, driver->add, enclave, err) == 0 &&
        driver->init(enclave, sigstruct, err) == 0)
        return enclave;
    driver->free(enclave);
    (void)error_context(err, "%s", driver->name);
    return NULL;
}

/* Where the thread goes on after it left: sets registers and leaf. 1: main has returned. */
static int after_exit(struct enclave_registers *registers, enum sgx_leaf *leaf,
                      const struct enclave_host *host, struct error *err)
{
    const uint64_t arguments[3] = {registers->rdx, registers->r8, registers->r9};
    uint64_t number = registers->rsi;
    *leaf = SGX_EENTER;
    switch (registers->rdi) {
    case DOOR_DONE:
        return 1;
    case DOOR_CALL:
        *registers = (struct enclave_registers){.rdi = DOOR_ANSWER};
        registers->rsi = host->answer(host->context, number, arguments);
        return 0;
    case DOOR_RESUME:
        *leaf = SGX_ERESUME;
        return 0;
    case DOOR_LOST:
        return error_set(
            err, ERROR_PROTOCOL,
            "a thread of the enclave ended by an exception that it does not deal with");
    default:
        return error_set(err, ERROR_PROTOCOL,
                         "the enclave left in a way (%llu) that the door does "
                         "not have",
                         (unsigned long long)registers->rdi);
    }
}

/* An exception inside comes with ERESUME as the leaf; one of EENTER itself means that nobody is
 * inside. */
static int after_exception(const struct enclave_run *run, struct error *err)
{
    if (run->leaf == SGX_ERESUME)
        return 0;
    return error_set(
        err, ERROR_REFUSED,
        "the enclave's thread cannot be entered: its TCS is none, busy or without a free "
        "SSA frame (exception %u)",
        run->exception_vector);
}

int enclave_run_thread(struct enclave *enclave, uint64_t tcs, const uint64_t arguments[4],
                       const struct enclave_host *host, uint64_t *result, struct error *err)
{
    struct enclave_registers registers = {DOOR_START, arguments[0], arguments[1], arguments[2],
                                          arguments[3]};
    enum sgx_leaf leaf = SGX_EENTER;
    for (;;) {
        struct enclave_run run = {.tcs = enclave->base + tcs};
        int outcome = enclave->driver->enter(enclave, &registers, leaf, &run);
        if (outcome < 0)
            return error_system(err, -outcome, "entering an enclave");
        if (run.leaf == SGX_EEXIT) {
            outcome = after_exit(&registers, &leaf, host, err);
            if (outcome != 0)
                break;
            continue;
        }
        if (after_exception(&run, err) < 0)
            return -1;
        registers = (struct enclave_registers){0};
        leaf = SGX_EENTER;
    }
    *result = registers.rsi;
    return registers.rdi == DOOR_DONE ? 0 : -1;
}
