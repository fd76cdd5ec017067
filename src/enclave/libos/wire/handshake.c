#include "enclave/libos/wire/handshake.h"

#include <asm/errno.h>
#include <stdbool.h>

#include "crypto/digest.h"
#include "enclave/libos/program/program.h"
#include "enclave/libos/seal/aes_cmac.h"
#include "enclave/libos/seal/hmac.h"
#include "enclave/libos/seal/report.h"
#include "enclave/libos/wipe.h"

static const char proof_context[20] = "caisson wire proof 1"; /* without a terminator */
static const char id_context[17] = "caisson wire id 1";
static const char key_context[18] = "caisson wire key 1";

struct hello {
    uint8_t magic[8];
    uint32_t version;
    uint32_t role;
    uint8_t nonce[HANDSHAKE_NONCE_SIZE];
};
_Static_assert(sizeof(struct hello) == HANDSHAKE_HELLO_SIZE, "no padding");

static const uint8_t magic[8] = {'C', 'A', 'I', 'S', 'W', 'I', 'R', 'E'};

#define VERSION 1

static enum handshake_role other(enum handshake_role role)
{
    return role == HANDSHAKE_FIRST ? HANDSHAKE_CHILD : HANDSHAKE_FIRST;
}

/* SHA-256 of the text, the role (0 for none) and both nonces. */
static void digest(const struct handshake *shake, struct span context, unsigned role,
                   uint8_t out[SHA256_SIZE])
{
    const uint8_t byte = (uint8_t)role;
    struct sha256 ctx;
    sha256_init(&ctx);
    sha256_update(&ctx, context);
    sha256_update(&ctx, span_of(&byte, 1));
    sha256_update(&ctx, span_of(shake->nonces, sizeof shake->nonces));
    sha256_final(&ctx, out);
}

int handshake_begin(struct handshake *shake, const struct handshake_processor *processor,
                    enum handshake_role role, uint8_t hello[HANDSHAKE_HELLO_SIZE])
{
    static const uint8_t no_data[SGX_REPORT_DATA_SIZE] __attribute__((aligned(128)));
    const struct sgx_targetinfo nobody = {.attributes = {.flags = 0}};
    struct hello own = {.version = VERSION, .role = role};
    memset(shake, 0, sizeof *shake);
    shake->processor = processor;
    shake->role = role;
    uint8_t *nonce = shake->nonces[role - HANDSHAKE_FIRST];
    int status = processor->random(processor->arg, nonce, HANDSHAKE_NONCE_SIZE);
    if (status < 0)
        return status;
    processor->report(processor->arg, &nobody, no_data, &shake->own);
    memcpy(own.magic, magic, sizeof magic);
    memcpy(own.nonce, nonce, sizeof own.nonce);
    memcpy(hello, &own, sizeof own);
    return 0;
}

int handshake_take_hello(struct handshake *shake, const uint8_t hello[HANDSHAKE_HELLO_SIZE])
{
    struct hello given;
    memcpy(&given, hello, sizeof given);
    if (memcmp(given.magic, magic, sizeof magic) != 0 || given.version != VERSION ||
        given.role != other(shake->role))
        return -EIO;
    memcpy(shake->nonces[other(shake->role) - HANDSHAKE_FIRST], given.nonce, sizeof given.nonce);
    return 0;
}

/* --- proofs ----------------------------------------------------------------------------------- */

/* REPORT_DATA of a proof by this role. */
static void make_data(const struct handshake *shake, enum handshake_role role,
                      uint8_t out[SGX_REPORT_DATA_SIZE])
{
    memset(out, 0, SGX_REPORT_DATA_SIZE);
    digest(shake, span_of(proof_context, sizeof proof_context), role, out);
}

void handshake_prove(struct handshake *shake, uint8_t proof[HANDSHAKE_PROOF_SIZE])
{
    const struct handshake_processor *processor = shake->processor;
    struct sgx_targetinfo target;
    struct sgx_report report;
    uint8_t data[SGX_REPORT_DATA_SIZE] __attribute__((aligned(128)));
    report_get_target(&shake->own, &target);
    make_data(shake, shake->role, data);
    processor->report(processor->arg, &target, data, &report);
    memcpy(proof, &report, HANDSHAKE_PROOF_SIZE);
}

/* The code over the body, by the key that this enclave has for reports that are for it. */
static int check_mac(const struct handshake *shake, const struct sgx_report *report)
{
    const struct handshake_processor *processor = shake->processor;
    struct sgx_keyrequest request = {.name = SGX_KEY_REPORT};
    uint8_t key[SGX_KEY_SIZE] __attribute__((aligned(16))) = {0};
    uint8_t vectors[PROGRAM_VECTORS_SIZE] __attribute__((aligned(64))) = {0};
    uint8_t mac[AES_CMAC_SIZE];
    memcpy(request.key_id, report->key_id, sizeof request.key_id);
    if (processor->key(processor->arg, &request, key) != 0)
        return -EIO;
    program_save_vectors(vectors);
    aes_cmac(key, span_of(report->body, sizeof report->body), mac);
    program_load_vectors(vectors);
    bool is_right = libos_same(mac, report->mac, sizeof mac);
    libos_wipe(key, sizeof key);
    libos_wipe(mac, sizeof mac);
    return is_right ? 0 : -EACCES;
}

int handshake_take_proof(struct handshake *shake, const uint8_t proof[HANDSHAKE_PROOF_SIZE])
{
    struct sgx_report report = {.key_id = {0}};
    uint8_t data[SGX_REPORT_DATA_SIZE];
    memcpy(&report, proof, HANDSHAKE_PROOF_SIZE);
    make_data(shake, other(shake->role), data);
    int status = check_mac(shake, &report);
    if (status < 0)
        return status;
    return memcmp(report.body, shake->own.body, REPORT_DATA_AT) == 0 &&
                   memcmp(report.body + REPORT_DATA_AT, data, sizeof data) == 0
               ? 0
               : -EACCES;
}

/* --- keys ------------------------------------------------------------------------------------- */

static void derive(const struct handshake *shake, const uint8_t key[SGX_KEY_SIZE],
                   enum handshake_role sender, uint8_t out[RECORD_KEY_SIZE])
{
    const uint8_t role = (uint8_t)sender;
    const struct span parts[] = {span_of(key_context, sizeof key_context), span_of(&role, 1),
                                 span_of(shake->nonces, sizeof shake->nonces)};
    _Static_assert(RECORD_KEY_SIZE == SHA256_SIZE, "a key is one digest");
    hmac_by_key(key, parts, sizeof parts / sizeof *parts, out);
}

int handshake_keys(const struct handshake *shake, uint8_t out[RECORD_KEY_SIZE],
                   uint8_t in[RECORD_KEY_SIZE])
{
    const struct handshake_processor *processor = shake->processor;
    struct sgx_keyrequest request = {.name = SGX_KEY_SEAL,
                                     .policy = SGX_POLICY_MRENCLAVE | SGX_POLICY_CONFIGID,
                                     .attribute_mask = {UINT64_MAX, UINT64_MAX},
                                     .misc_mask = UINT32_MAX};
    uint8_t key[SGX_KEY_SIZE] __attribute__((aligned(16))) = {0};
    report_get_versions(&shake->own, request.cpu_svn, &request.isv_svn, &request.config_svn);
    digest(shake, span_of(id_context, sizeof id_context), 0, request.key_id);
    if (processor->key(processor->arg, &request, key) != 0)
        return -EIO;
    derive(shake, key, shake->role, out);
    derive(shake, key, other(shake->role), in);
    libos_wipe(key, sizeof key);
    return 0;
}
