#include "made_azure.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <stdlib.h>

#include "base/base64.h"
#include "crypto/digest.h"

#define must(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

void made_claims(EVP_PKEY *key, struct buf *out)
{
    BIGNUM *n = NULL;
    uint8_t modulus[256];
    must(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n) == 1 &&
         BN_bn2binpad(n, modulus, sizeof modulus) == sizeof modulus);
    BN_free(n);
    must(buf_append_text(out,
                         "{\"keys\":[{\"kid\":\"HCLEkPub\",\"kty\":\"RSA\"},{\"kid\":\"HCLAkPub\","
                         "\"key_ops\":[\"sign\"],\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"",
                         NULL) == 0 &&
         base64url_encode(span_of(modulus, sizeof modulus), out, NULL) == 0 &&
         buf_append_text(out,
                         "\"}],\"vm-configuration\":{\"secure-boot\":true,\"vmUniqueId\":"
                         "\"00112233-4455\"}}",
                         NULL) == 0);
}

void made_hcl(enum hcl_kind kind, struct span hardware, struct span claims, struct buf *out)
{
    uint32_t size = 20 + (uint32_t)claims.size;
    must(buf_append_text(out, "HCLA", NULL) == 0 && buf_append_le32(out, 2, NULL) == 0 &&
         buf_append_le32(out, 1216 + size, NULL) == 0 && buf_append_le32(out, 2, NULL) == 0 &&
         buf_append_zero(out, 16, NULL) == 0 && buf_append(out, hardware, NULL) == 0 &&
         buf_append_zero(out, 1184 - hardware.size, NULL) == 0 &&
         buf_append_le32(out, size, NULL) == 0 && buf_append_le32(out, 1, NULL) == 0 &&
         buf_append_le32(out, (uint32_t)kind, NULL) == 0 && buf_append_le32(out, 1, NULL) == 0 &&
         buf_append_le32(out, (uint32_t)claims.size, NULL) == 0 &&
         buf_append(out, claims, NULL) == 0 && buf_append_zero(out, 100, NULL) == 0);
}

void made_tdreport(struct span claims, uint8_t out[HCL_TDREPORT_SIZE])
{
    for (size_t i = 0; i < HCL_TDREPORT_SIZE; i++)
        out[i] = (uint8_t)i;
    out[0] = 0x81;
    memset(out + 128, 0, 64);
    sha256_digest(claims, out + 128);
    sha384_digest(span_of(out + 256, 239), out + 32);
    sha384_digest(span_of(out + 512, 512), out + 80);
}

static void append_be(struct buf *out, uint64_t value, int size)
{
    while (size-- > 0)
        must(buf_append_byte(out, (uint8_t)(value >> (8 * size)), NULL) == 0);
}

static void append_sized(struct buf *out, struct span bytes)
{
    append_be(out, bytes.size, 2);
    must(buf_append(out, bytes, NULL) == 0);
}

void made_quote(struct span nonce, uint32_t pcrs, struct span values, struct buf *out)
{
    uint8_t digest[SHA256_SIZE];
    sha256_digest(values, digest);
    append_be(out, 0xff544347, 4);
    append_be(out, 0x8018, 2);
    append_sized(out, span_of("\x00\x0bname", 6));
    append_sized(out, nonce);
    append_be(out, 12345, 8); /* clock */
    append_be(out, 2, 4);     /* resets */
    append_be(out, 1, 4);     /* restarts */
    append_be(out, 1, 1);     /* safe */
    append_be(out, 7, 8);     /* firmware */
    append_be(out, 1, 4);
    append_be(out, 0x000b, 2);
    append_be(out, 3, 1);
    for (int i = 0; i < 3; i++)
        append_be(out, pcrs >> (8 * i) & 0xff, 1);
    append_sized(out, span_of(digest, sizeof digest));
}
