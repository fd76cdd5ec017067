/* Two enclaves that find out whether they are one container's. */
#include "../../../check.h"

#include <errno.h>
#include <string.h>

#include "enclave/libos/program/program.h"
#include "party.h"

static struct party first, child;
static uint8_t keys[2][2][RECORD_KEY_SIZE]; /* of the first, of the child: out, in */

void program_save_vectors(void *area)
{
    assert_int_equal((uintptr_t)area % 64, 0);
}

void program_load_vectors(const void *area)
{
    assert_int_equal((uintptr_t)area % 64, 0);
}

static int start(void **state)
{
    (void)state;
    party_init(&first);
    party_init(&child);
    child.next = 100;
    return 0;
}

static void get_keys(void)
{
    assert_int_equal(handshake_keys(&first.shake, keys[0][0], keys[0][1]), 0);
    assert_int_equal(handshake_keys(&child.shake, keys[1][0], keys[1][1]), 0);
}

static void both_come_to_the_same_keys_one_a_direction(void **state)
{
    (void)state;
    assert_int_equal(party_meet(&first, &child), 0);
    get_keys();
    assert_memory_equal(keys[0][0], keys[1][1], RECORD_KEY_SIZE);
    assert_memory_equal(keys[0][1], keys[1][0], RECORD_KEY_SIZE);
    assert_memory_not_equal(keys[0][0], keys[0][1], RECORD_KEY_SIZE);
}

static void no_two_wires_have_the_same_keys(void **state)
{
    (void)state;
    uint8_t before[RECORD_KEY_SIZE];
    for (int i = 0; i < 2; i++) {
        assert_int_equal(party_meet(&first, &child), 0);
        get_keys();
        memcpy(before, keys[0][0], sizeof before);
        first.next = (uint8_t)(first.next - (i == 0)); /* one side's random bytes suffice */
        assert_int_equal(party_meet(&first, &child), 0);
        get_keys();
        assert_memory_not_equal(before, keys[0][0], sizeof before);
    }
}

/* One field after the other, of either party. */
static void refuses_another_enclave(void **state)
{
    (void)state;
    struct party *const both[] = {&first, &child};
    for (size_t i = 0; i < 2; i++) {
        struct sgx_secs *secs = &both[i]->secs;
        uint8_t *const bytes[] = {
            &secs->mrenclave[0],
            &secs->mrenclave[31],
            &secs->config_id[0],
            &secs->config_id[31],
            &secs->config_id[63],
            &secs->mrsigner[5],
            (uint8_t *)&secs->isv_svn,
            (uint8_t *)&secs->isv_prod_id,
            (uint8_t *)&secs->config_svn,
            (uint8_t *)&secs->miscselect,
            (uint8_t *)&secs->attributes.flags,
            (uint8_t *)&secs->attributes.xfrm,
            &both[i]->fuse[0], /* another processor */
        };
        for (size_t at = 0; at < sizeof bytes / sizeof *bytes; at++) {
            *bytes[at] ^= SGX_DEBUG; /* of the flags it is just that */
            assert_int_equal(party_meet(&first, &child), -EACCES);
            *bytes[at] ^= SGX_DEBUG;
        }
        assert_int_equal(party_meet(&first, &child), 0);
    }
}

/* Who gets by without the comparison still has no key: MRENCLAVE and CONFIGID are in it. */
static void another_enclave_has_other_keys(void **state)
{
    (void)state;
    assert_int_equal(party_meet(&first, &child), 0);
    uint8_t *const bytes[] = {&child.secs.mrenclave[3], &child.secs.config_id[3], &child.fuse[3],
                              (uint8_t *)&child.secs.attributes.flags};
    for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++) {
        *bytes[i] ^= SGX_DEBUG;
        get_keys();
        assert_memory_not_equal(keys[0][0], keys[1][1], RECORD_KEY_SIZE);
        assert_memory_not_equal(keys[0][1], keys[1][0], RECORD_KEY_SIZE);
        *bytes[i] ^= SGX_DEBUG;
    }
}

static void begin(uint8_t hellos[2][HANDSHAKE_HELLO_SIZE])
{
    assert_int_equal(handshake_begin(&first.shake, &first.processor, HANDSHAKE_FIRST, hellos[0]),
                     0);
    assert_int_equal(handshake_begin(&child.shake, &child.processor, HANDSHAKE_CHILD, hellos[1]),
                     0);
}

static void refuses_its_own_role(void **state)
{
    (void)state;
    uint8_t hellos[2][HANDSHAKE_HELLO_SIZE];
    begin(hellos);
    assert_int_equal(handshake_take_hello(&first.shake, hellos[0]), -EIO);
    assert_int_equal(handshake_take_hello(&child.shake, hellos[1]), -EIO);
}

/* Nonces are free; with a flipped one the proofs do not hold. */
static void no_flip_of_a_hello_gets_by(void **state)
{
    (void)state;
    uint8_t hellos[2][HANDSHAKE_HELLO_SIZE];
    uint8_t proof[HANDSHAKE_PROOF_SIZE];
    for (size_t bit = 0; bit < (size_t)8 * HANDSHAKE_HELLO_SIZE; bit++) {
        begin(hellos);
        hellos[1][bit / 8] ^= (uint8_t)(1U << bit % 8);
        int status = handshake_take_hello(&first.shake, hellos[1]);
        if (bit / 8 < HANDSHAKE_HELLO_SIZE - HANDSHAKE_NONCE_SIZE) {
            assert_int_equal(status, -EIO);
            continue;
        }
        assert_int_equal(status, 0);
        assert_int_equal(handshake_take_hello(&child.shake, hellos[0]), 0);
        handshake_prove(&child.shake, proof);
        assert_int_equal(handshake_take_proof(&first.shake, proof), -EACCES);
        handshake_prove(&first.shake, proof);
        assert_int_equal(handshake_take_proof(&child.shake, proof), -EACCES);
    }
}

static void exchange_hellos(void)
{
    uint8_t hellos[2][HANDSHAKE_HELLO_SIZE];
    begin(hellos);
    assert_int_equal(handshake_take_hello(&first.shake, hellos[1]), 0);
    assert_int_equal(handshake_take_hello(&child.shake, hellos[0]), 0);
}

static void no_flip_of_a_proof_gets_by(void **state)
{
    (void)state;
    uint8_t proof[HANDSHAKE_PROOF_SIZE];
    exchange_hellos();
    handshake_prove(&child.shake, proof);
    for (size_t bit = 0; bit < 8 * sizeof proof; bit++) {
        proof[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_int_equal(handshake_take_proof(&first.shake, proof), -EACCES);
        proof[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    assert_int_equal(handshake_take_proof(&first.shake, proof), 0);
}

static void refuses_its_own_proof_and_an_older_one(void **state)
{
    (void)state;
    uint8_t proofs[2][HANDSHAKE_PROOF_SIZE];
    exchange_hellos();
    handshake_prove(&first.shake, proofs[0]);
    handshake_prove(&child.shake, proofs[1]);
    assert_int_equal(handshake_take_proof(&first.shake, proofs[0]), -EACCES);
    assert_int_equal(handshake_take_proof(&child.shake, proofs[1]), -EACCES);
    exchange_hellos();
    assert_int_equal(handshake_take_proof(&first.shake, proofs[1]), -EACCES);
    assert_int_equal(handshake_take_proof(&child.shake, proofs[0]), -EACCES);
}

/* Made by this very enclave for the quoting enclave, or for nobody: not what is asked for. */
static void refuses_a_report_for_someone_else(void **state)
{
    (void)state;
    struct sgx_targetinfo target = {.attributes = {SGX_INIT, 3}};
    uint8_t proof[HANDSHAKE_PROOF_SIZE];
    uint8_t data[SGX_REPORT_DATA_SIZE] __attribute__((aligned(128)));
    struct sgx_report report;
    exchange_hellos();
    handshake_prove(&child.shake, proof);
    memcpy(data, proof + 320, sizeof data);
    child.processor.report(&child, &target, data, &report);
    memcpy(proof, &report, sizeof proof);
    assert_int_equal(handshake_take_proof(&first.shake, proof), -EACCES);
}

static void says_when_the_processor_gives_nothing(void **state)
{
    (void)state;
    uint8_t proof[HANDSHAKE_PROOF_SIZE];
    first.random_status = -EIO;
    assert_int_equal(party_meet(&first, &child), -EIO);
    first.random_status = 0;
    exchange_hellos();
    handshake_prove(&child.shake, proof);
    first.has_no_keys = true;
    assert_int_equal(handshake_take_proof(&first.shake, proof), -EIO);
    assert_int_equal(handshake_keys(&first.shake, keys[0][0], keys[0][1]), -EIO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(both_come_to_the_same_keys_one_a_direction, start),
        cmocka_unit_test_setup(no_two_wires_have_the_same_keys, start),
        cmocka_unit_test_setup(refuses_another_enclave, start),
        cmocka_unit_test_setup(another_enclave_has_other_keys, start),
        cmocka_unit_test_setup(refuses_its_own_role, start),
        cmocka_unit_test_setup(no_flip_of_a_hello_gets_by, start),
        cmocka_unit_test_setup(no_flip_of_a_proof_gets_by, start),
        cmocka_unit_test_setup(refuses_its_own_proof_and_an_older_one, start),
        cmocka_unit_test_setup(refuses_a_report_for_someone_else, start),
        cmocka_unit_test_setup(says_when_the_processor_gives_nothing, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
