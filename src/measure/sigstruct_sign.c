#include "measure/sigstruct_sign.h"

#include "crypto/key.h"
#include "measure/sigstruct_layout.h"

static void put(uint8_t *out, size_t size, uint64_t value)
{
    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)(value >> (8 * i));
}

static void reverse(uint8_t out[RSA3072_SIZE], const uint8_t *big_endian)
{
    for (size_t i = 0; i < RSA3072_SIZE; i++)
        out[i] = big_endian[RSA3072_SIZE - 1 - i];
}

static void write_fields(const struct sigstruct *fields, uint8_t out[SIGSTRUCT_SIZE])
{
    memset(out, 0, SIGSTRUCT_SIZE);
    memcpy(out, sigstruct_header, sizeof sigstruct_header);
    put(out + SIGSTRUCT_VENDOR_AT, 4, fields->vendor);
    put(out + SIGSTRUCT_DATE_AT, 4, fields->date);
    memcpy(out + SIGSTRUCT_HEADER2_AT, sigstruct_header2, sizeof sigstruct_header2);
    put(out + SIGSTRUCT_SW_DEFINED_AT, 4, fields->sw_defined);
    put(out + SIGSTRUCT_MISCSELECT_AT, 4, fields->miscselect);
    put(out + SIGSTRUCT_MISCMASK_AT, 4, fields->miscselect_mask);
    memcpy(out + SIGSTRUCT_FAMILYID_AT, fields->isv_family_id, 16);
    memcpy(out + SIGSTRUCT_ATTRIBUTES_AT, fields->attributes, 16);
    memcpy(out + SIGSTRUCT_ATTRIBUTEMASK_AT, fields->attributes_mask, 16);
    memcpy(out + SIGSTRUCT_MRENCLAVE_AT, fields->mrenclave, SHA256_SIZE);
    memcpy(out + SIGSTRUCT_EXTPRODID_AT, fields->isv_ext_prod_id, 16);
    put(out + SIGSTRUCT_PRODID_AT, 2, fields->isv_prod_id);
    put(out + SIGSTRUCT_ISVSVN_AT, 2, fields->isv_svn);
}

static int write_modulus(const struct private_key *key, uint8_t out[SIGSTRUCT_SIZE],
                         struct error *err)
{
    static const uint8_t exponent[] = {SIGSTRUCT_EXPONENT};
    KEY_NUMBERS_AUTO numbers;
    key_numbers_init(&numbers);
    PUBLIC_KEY_AUTO *half = private_key_dup_public(key, err);
    if (!half || public_key_to_numbers(half, &numbers, err) < 0)
        return -1;
    if (numbers.kind != KEY_RSA || numbers.at[KEY_N].size != RSA3072_SIZE ||
        !span_equal(buf_span(&numbers.at[KEY_E]), span_of(exponent, sizeof exponent)))
        return error_set(err, ERROR_INVALID,
                         "the key is not RSA of 3072 bits with the exponent 3, as SGX wants it: "
                         "openssl genrsa -3 3072 makes one");
    reverse(out + SIGSTRUCT_MODULUS_AT, numbers.at[KEY_N].data);
    put(out + SIGSTRUCT_EXPONENT_AT, 4, SIGSTRUCT_EXPONENT);
    return 0;
}

static int write_signature(const struct private_key *key, uint8_t out[SIGSTRUCT_SIZE],
                           struct error *err)
{
    uint8_t message[SIGSTRUCT_HEAD_SIZE + SIGSTRUCT_BODY_SIZE];
    BUF_AUTO signature = BUF_WITH_LIMIT(RSA3072_SIZE);
    struct rsa3_result result;
    memcpy(message, out, SIGSTRUCT_HEAD_SIZE);
    memcpy(message + SIGSTRUCT_HEAD_SIZE, out + SIGSTRUCT_MISCSELECT_AT, SIGSTRUCT_BODY_SIZE);
    if (private_key_sign(key, SIGNATURE_RS256, span_of(message, sizeof message), &signature, err) <
        0)
        return -1;
    reverse(out + SIGSTRUCT_SIGNATURE_AT, signature.data);
    if (rsa3_apply(out + SIGSTRUCT_MODULUS_AT, out + SIGSTRUCT_SIGNATURE_AT, &result, err) < 0)
        return -1;
    memcpy(out + SIGSTRUCT_Q1_AT, result.q1, RSA3072_SIZE);
    memcpy(out + SIGSTRUCT_Q2_AT, result.q2, RSA3072_SIZE);
    return 0;
}

int sigstruct_sign(const struct sigstruct *fields, const struct private_key *key,
                   uint8_t out[SIGSTRUCT_SIZE], struct error *err)
{
    struct sigstruct check;
    write_fields(fields, out);
    if (write_modulus(key, out, err) < 0 || write_signature(key, out, err) < 0)
        return -1;
    return sigstruct_check(span_of(out, SIGSTRUCT_SIZE), &check, err);
}
