#include "party.h"

#include <errno.h>
#include <string.h>

#include "../../../check.h"

static struct error err;

static struct model_identity identity_of(const struct party *party)
{
    static const uint8_t family[16] = {6};
    static const uint8_t product[16] = {7};
    return (struct model_identity){&party->secs, family, product};
}

static void report(void *arg, const struct sgx_targetinfo *target,
                   const uint8_t data[SGX_REPORT_DATA_SIZE], struct sgx_report *out)
{
    const struct party *party = arg;
    const struct model_identity who = identity_of(party);
    assert_int_equal((uintptr_t)target % 512, 0);
    assert_int_equal((uintptr_t)data % 128, 0);
    assert_int_equal((uintptr_t)out % 512, 0);
    check_ok(model_report(party->fuse, &who, target, data, out, &err), &err);
}

static uint32_t get_key(void *arg, const struct sgx_keyrequest *request, uint8_t out[SGX_KEY_SIZE])
{
    const struct party *party = arg;
    const struct model_identity who = identity_of(party);
    assert_int_equal((uintptr_t)request % 512, 0);
    assert_int_equal((uintptr_t)out % 16, 0);
    if (party->has_no_keys)
        return SGX_INVALID_CPUSVN;
    int status = model_key(party->fuse, &who, request, out, &err);
    assert_true(status >= 0);
    return (uint32_t)status;
}

static int get_random(void *arg, void *out, size_t size)
{
    struct party *party = arg;
    memset(out, ++party->next, size);
    return party->random_status;
}

void party_init(struct party *party)
{
    *party = (struct party){.secs = {.miscselect = SGX_MISC_EXINFO,
                                     .attributes = {SGX_INIT | SGX_MODE64 | SGX_KSS, 7},
                                     .isv_prod_id = 3,
                                     .isv_svn = 4,
                                     .config_svn = 5}};
    memset(party->secs.mrenclave, 1, sizeof party->secs.mrenclave);
    memset(party->secs.mrsigner, 2, sizeof party->secs.mrsigner);
    memset(party->secs.config_id, 3, 32);
    memset(party->fuse, 9, sizeof party->fuse);
    party->processor = (struct handshake_processor){report, get_key, get_random, party};
}

int party_meet(struct party *first, struct party *second)
{
    uint8_t hellos[2][HANDSHAKE_HELLO_SIZE];
    uint8_t proofs[2][HANDSHAKE_PROOF_SIZE];
    int status = handshake_begin(&first->shake, &first->processor, HANDSHAKE_FIRST, hellos[0]);
    if (status == 0)
        status = handshake_begin(&second->shake, &second->processor, HANDSHAKE_CHILD, hellos[1]);
    if (status == 0)
        status = handshake_take_hello(&second->shake, hellos[0]);
    if (status == 0)
        status = handshake_take_hello(&first->shake, hellos[1]);
    if (status < 0)
        return status;
    handshake_prove(&first->shake, proofs[0]);
    handshake_prove(&second->shake, proofs[1]);
    status = handshake_take_proof(&second->shake, proofs[0]);
    return status == 0 ? handshake_take_proof(&first->shake, proofs[1]) : status;
}
