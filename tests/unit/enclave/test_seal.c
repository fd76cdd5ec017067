/* Sealed data, in enclaves of the model: who can open it again, and who cannot. */
#include "../check.h"

#include <errno.h>

#include "../../enclave/sealer.h"
#include "enclave/libos/seal/seal.h"
#include "enclave/model_keys.h"
#include "probe_enclave.h"

#define SEALED_SIZE (SEAL_HEAD_SIZE + SEALER_PLAIN_SIZE)

static struct error err;
static const char *image;
static struct probe_enclave sealer;
static uint8_t fuse[MODEL_FUSE_SIZE] = {1, 2, 3};
static uint8_t plain[SEALER_PLAIN_SIZE];
static uint8_t sealed[SEALED_SIZE];
static uint8_t opened[SEALER_PLAIN_SIZE];

/* A new enclave under this policy, of this version, on a processor with these fuses. */
static void start(const char *policy, uint16_t isv_svn, uint8_t fuses)
{
    fuse[0] = fuses;
    model_set_fuse(fuse);
    sealer.fields.isv_svn = isv_svn;
    probe_sign(&sealer);
    enclave_options_bind(&sealer.options, span_of_text(policy));
    probe_load(&sealer);
}

static int ask(enum sealer_order order, enum seal_to to)
{
    uint64_t from = (uint64_t)(order == SEALER_MAKE ? plain : sealed);
    uint64_t out = (uint64_t)(order == SEALER_MAKE ? sealed : opened);
    memset(opened, 0, sizeof opened);
    return (int)probe_ask(&sealer, 0, (enum probe_order)order, to, from, out);
}

static int prepare(void **state)
{
    (void)state;
    probe_init(&sealer, image);
    for (size_t i = 0; i < sizeof plain; i++)
        plain[i] = (uint8_t)(i + 1);
    return 0;
}

static int finish(void **state)
{
    (void)state;
    probe_fini(&sealer);
    return 0;
}

static void expect_opened(enum seal_to to)
{
    assert_int_equal(ask(SEALER_OPEN, to), 0);
    assert_memory_equal(opened, plain, sizeof plain);
}

static void expect_refusal(enum seal_to to, int why)
{
    static const uint8_t nothing[SEALER_PLAIN_SIZE];
    assert_int_equal(ask(SEALER_OPEN, to), why);
    assert_memory_equal(opened, nothing, sizeof nothing);
}

static const enum seal_to both[] = {SEAL_TO_ENCLAVE, SEAL_TO_SIGNER};

static void the_next_start_of_the_same_enclave_opens_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        start("a policy", 9, 1);
        assert_int_equal(ask(SEALER_MAKE, both[i]), 0);
        assert_memory_equal(sealed, "CAISSEAL\1\0", 10);
        assert_memory_not_equal(sealed + SEAL_HEAD_SIZE, plain, sizeof plain);
        expect_opened(both[i]);
        start("a policy", 9, 1);
        expect_opened(both[i]);
    }
}

static void no_two_sealings_are_alike(void **state)
{
    (void)state;
    uint8_t first[SEALED_SIZE];
    start("a policy", 9, 1);
    assert_int_equal(ask(SEALER_MAKE, SEAL_TO_SIGNER), 0);
    memcpy(first, sealed, sizeof first);
    assert_int_equal(ask(SEALER_MAKE, SEAL_TO_SIGNER), 0);
    assert_memory_not_equal(first + 32, sealed + 32, 32);
    assert_memory_not_equal(first + SEAL_HEAD_SIZE, sealed + SEAL_HEAD_SIZE, sizeof plain);
}

static void another_policy_cannot_open_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        start("a policy", 9, 1);
        assert_int_equal(ask(SEALER_MAKE, both[i]), 0);
        start("another policy", 9, 1);
        expect_refusal(both[i], -EBADMSG);
    }
}

static void another_processor_cannot_open_it(void **state)
{
    (void)state;
    start("a policy", 9, 1);
    assert_int_equal(ask(SEALER_MAKE, SEAL_TO_SIGNER), 0);
    start("a policy", 9, 2);
    expect_refusal(SEAL_TO_SIGNER, -EBADMSG);
}

static void an_older_version_gets_no_key_and_a_newer_one_does(void **state)
{
    (void)state;
    start("a policy", 9, 1);
    assert_int_equal(ask(SEALER_MAKE, SEAL_TO_SIGNER), 0);
    start("a policy", 8, 1);
    expect_refusal(SEAL_TO_SIGNER, -EACCES);
    start("a policy", 10, 1);
    expect_opened(SEAL_TO_SIGNER);
}

static void debugging_gets_another_key(void **state)
{
    (void)state;
    start("a policy", 9, 1);
    assert_int_equal(ask(SEALER_MAKE, SEAL_TO_ENCLAVE), 0);
    sealer.fields.attributes_mask[0] = (uint8_t)~SGX_DEBUG;
    sealer.options.is_debug = true;
    start("a policy", 9, 1);
    expect_refusal(SEAL_TO_ENCLAVE, -EBADMSG);
    sealer.options.is_debug = false;
    sealer.fields.attributes_mask[0] = 0xFF;
}

static void what_was_sealed_for_one_is_not_taken_for_the_other(void **state)
{
    (void)state;
    start("a policy", 9, 1);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(ask(SEALER_MAKE, both[i]), 0);
        expect_refusal(both[1 - i], -EINVAL);
        memcpy(sealed + 10, &both[1 - i], 2);
        expect_refusal(both[1 - i], -EBADMSG);
    }
    assert_int_equal(ask(SEALER_MAKE, SGX_POLICY_MRSIGNER), -EINVAL);
    assert_int_equal(ask(SEALER_MAKE, SGX_POLICY_CONFIGID), -EINVAL);
}

/* By place: the form, the numbers of which a higher one gets no key, the rest. */
static void every_flip_is_refused(void **state)
{
    (void)state;
    start("a policy", 9, 1);
    assert_int_equal(ask(SEALER_MAKE, SEAL_TO_ENCLAVE), 0);
    for (size_t bit = 0; bit < 8 * sizeof sealed; bit++) {
        size_t at = bit / 8;
        bool is_form = at < 12 || (at >= 64 && at < 72);
        sealed[at] ^= (uint8_t)(1U << bit % 8);
        int outcome = ask(SEALER_OPEN, SEAL_TO_ENCLAVE);
        if (is_form ? outcome != -EINVAL : outcome != -EBADMSG && outcome != -EACCES)
            fail_msg("bit %zu of byte %zu: %d", bit % 8, at, outcome);
        sealed[at] ^= (uint8_t)(1U << bit % 8);
    }
    expect_opened(SEAL_TO_ENCLAVE);
}

/* --- by the model's keys alone: identities that no image here has ------------------------------
 */

struct who {
    struct sgx_secs secs;
    bool is_dry; /* the generator gives nothing */
};

static uint32_t key_of(void *arg, const struct sgx_keyrequest *request, uint8_t out[SGX_KEY_SIZE])
{
    static const uint8_t zero[16];
    const struct who *who = arg;
    const struct model_identity identity = {&who->secs, zero, zero};
    return (uint32_t)model_key(fuse, &identity, request, out, &err);
}

static int random_of(void *arg, void *out, size_t size)
{
    const struct who *who = arg;
    memset(out, 0x42, size);
    return who->is_dry ? -EIO : 0;
}

static void who_init(struct who *who, struct seal_processor *processor)
{
    *who = (struct who){.secs = {.attributes = {.flags = SGX_INIT | SGX_MODE64 | SGX_KSS}}};
    memset(who->secs.mrenclave, 1, 32);
    memset(who->secs.mrsigner, 2, 32);
    memset(who->secs.config_id, 3, 32);
    *processor = (struct seal_processor){.key = key_of, .random = random_of, .arg = who};
}

static void another_signer_or_enclave_cannot_open_it(void **state)
{
    (void)state;
    struct who who;
    struct seal_processor processor;
    const struct span label = span_of_text("a");
    for (size_t i = 0; i < 2; i++) {
        who_init(&who, &processor);
        assert_int_equal(seal_make(&processor, both[i], label, span_of(plain, 10), sealed), 0);
        struct span bytes = span_of(sealed, SEAL_HEAD_SIZE + 10);
        who.secs.mrsigner[31] ^= 1;
        assert_int_equal(seal_open(&processor, both[i], label, bytes, opened),
                         both[i] == SEAL_TO_SIGNER ? -EBADMSG : 0);
        who.secs.mrsigner[31] ^= 1;
        who.secs.mrenclave[31] ^= 1;
        assert_int_equal(seal_open(&processor, both[i], label, bytes, opened),
                         both[i] == SEAL_TO_ENCLAVE ? -EBADMSG : 0);
        who.secs.mrenclave[31] ^= 1;
        who.secs.isv_prod_id = 1;
        assert_int_equal(seal_open(&processor, both[i], label, bytes, opened), -EBADMSG);
        who.secs.isv_prod_id = 0;
        assert_int_equal(seal_open(&processor, both[i], span_of_text("b"), bytes, opened),
                         -EBADMSG);
        assert_int_equal(seal_open(&processor, both[i], span_of(NULL, 0), bytes, opened), -EBADMSG);
        assert_int_equal(seal_open(&processor, both[i], label, bytes, opened), 0);
    }
}

static void refuses_what_is_cut_or_longer(void **state)
{
    (void)state;
    struct who who;
    struct seal_processor processor;
    const struct span none = span_of(NULL, 0);
    who_init(&who, &processor);
    assert_int_equal(seal_make(&processor, SEAL_TO_SIGNER, none, span_of(plain, 10), sealed), 0);
    for (size_t size = 0; size < SEALED_SIZE; size++) {
        int outcome = seal_open(&processor, SEAL_TO_SIGNER, none, span_of(sealed, size), opened);
        assert_int_equal(outcome, size == SEAL_HEAD_SIZE + 10 ? 0 : -EINVAL);
    }
}

static void seals_nothing_without_randomness_or_beyond_the_limits(void **state)
{
    (void)state;
    struct who who;
    struct seal_processor processor;
    const struct span none = span_of(NULL, 0);
    const struct span huge = {plain, SEAL_PLAIN_MAX + 1};
    const struct span longer = {plain, SEAL_LABEL_MAX + 1};
    who_init(&who, &processor);
    memset(sealed, 0, sizeof sealed);
    assert_int_equal(seal_make(&processor, SEAL_TO_SIGNER, none, huge, sealed), -EINVAL);
    assert_int_equal(seal_make(&processor, SEAL_TO_SIGNER, longer, none, sealed), -EINVAL);
    who.is_dry = true;
    assert_int_equal(seal_make(&processor, SEAL_TO_SIGNER, none, none, sealed), -EIO);
    who.is_dry = false;
    processor.isv_svn = 1; /* more than it is */
    assert_int_equal(seal_make(&processor, SEAL_TO_SIGNER, none, none, sealed), -EACCES);
    assert_true(span_is_zero(span_of(sealed, sizeof sealed)));
}

int main(int argc, char *argv[])
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_next_start_of_the_same_enclave_opens_it),
        cmocka_unit_test(no_two_sealings_are_alike),
        cmocka_unit_test(another_policy_cannot_open_it),
        cmocka_unit_test(another_processor_cannot_open_it),
        cmocka_unit_test(an_older_version_gets_no_key_and_a_newer_one_does),
        cmocka_unit_test(debugging_gets_another_key),
        cmocka_unit_test(what_was_sealed_for_one_is_not_taken_for_the_other),
        cmocka_unit_test(every_flip_is_refused),
        cmocka_unit_test(another_signer_or_enclave_cannot_open_it),
        cmocka_unit_test(refuses_what_is_cut_or_longer),
        cmocka_unit_test(seals_nothing_without_randomness_or_beyond_the_limits),
    };
    if (argc != 2)
        return 2;
    image = argv[1];
    return cmocka_run_group_tests(tests, prepare, finish);
}
