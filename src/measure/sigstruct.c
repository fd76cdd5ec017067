#include "measure/sigstruct.h"

#include "base/cursor.h"
#include "measure/sigstruct_layout.h"

#define VENDOR_INTEL 0x8086
#define FLAG_DEBUG   0x2 /* ATTRIBUTES, bit 1 */

static int malformed(struct error *err, const char *what)
{
    return error_set(err, ERROR_INVALID, "the SIGSTRUCT's %s", what);
}

static bool read_zeros(struct cursor *cursor, size_t size)
{
    struct span bytes;
    return cursor_read(cursor, size, &bytes) && span_is_zero(bytes);
}

static bool read_exact(struct cursor *cursor, const uint8_t expected[16])
{
    struct span bytes;
    return cursor_read(cursor, 16, &bytes) && span_equal(bytes, span_of(expected, 16));
}

static bool date_is_decimal(uint32_t date)
{
    for (; date != 0; date >>= 4) {
        if ((date & 0xF) > 9)
            return false;
    }
    return true;
}

/* Offsets 0 to 515: the header and the key. */
static int read_head(struct cursor *cursor, struct sigstruct *out, struct error *err)
{
    struct span modulus;
    uint32_t exponent;
    if (!read_exact(cursor, sigstruct_header) || !cursor_le32(cursor, &out->vendor) ||
        !cursor_le32(cursor, &out->date) || !read_exact(cursor, sigstruct_header2))
        return malformed(err, "header is not the one that Intel defines");
    if (out->vendor != 0 && out->vendor != VENDOR_INTEL)
        return error_set(err, ERROR_INVALID,
                         "the SIGSTRUCT's vendor is 0x%x; 0 and 0x8086 are known", out->vendor);
    if (!date_is_decimal(out->date))
        return error_set(err, ERROR_INVALID, "the SIGSTRUCT's date %08x has digits that are none",
                         out->date);
    if (!cursor_le32(cursor, &out->sw_defined) || !read_zeros(cursor, 84) ||
        !cursor_read(cursor, RSA3072_SIZE, &modulus) || !cursor_le32(cursor, &exponent))
        return malformed(err, "reserved bytes 44 to 127 are not zero");
    if (exponent != SIGSTRUCT_EXPONENT)
        return error_set(err, ERROR_INVALID, "the SIGSTRUCT's exponent is %u instead of 3",
                         exponent);
    sha256_digest(modulus, out->mrsigner);
    return 0;
}

/* Offsets 900 to 1039: what is signed beside the header. CET_ATTRIBUTES and its mask (908, 909) are
 * for enclaves with control-flow enforcement. */
static int read_body(struct cursor *cursor, struct sigstruct *out, struct error *err)
{
    bool good = cursor_le32(cursor, &out->miscselect) &&
                cursor_le32(cursor, &out->miscselect_mask) && cursor_skip(cursor, 2) &&
                read_zeros(cursor, 2) && cursor_copy(cursor, out->isv_family_id, 16) &&
                cursor_copy(cursor, out->attributes, 16) &&
                cursor_copy(cursor, out->attributes_mask, 16) &&
                cursor_copy(cursor, out->mrenclave, SHA256_SIZE) && read_zeros(cursor, 16) &&
                cursor_copy(cursor, out->isv_ext_prod_id, 16) &&
                cursor_le16(cursor, &out->isv_prod_id) && cursor_le16(cursor, &out->isv_svn) &&
                read_zeros(cursor, 12);
    return good ? 0 : malformed(err, "reserved bytes are not zero");
}

static int check_signature(struct span bytes, struct error *err)
{
    struct rsa3_result result;
    struct sha256 ctx;
    uint8_t digest[SHA256_SIZE];
    if (rsa3_apply(bytes.data + SIGSTRUCT_MODULUS_AT, bytes.data + SIGSTRUCT_SIGNATURE_AT, &result,
                   err) < 0)
        return error_context(err, "the SIGSTRUCT");
    sha256_init(&ctx);
    sha256_update(&ctx, span_of(bytes.data, SIGSTRUCT_HEAD_SIZE));
    sha256_update(&ctx, span_of(bytes.data + SIGSTRUCT_MISCSELECT_AT, SIGSTRUCT_BODY_SIZE));
    sha256_final(&ctx, digest);
    if (!rsa3_message_is(result.message, digest))
        return error_set(err, ERROR_REFUSED,
                         "the SIGSTRUCT's signature does not hold under its own key");
    if (memcmp(result.q1, bytes.data + SIGSTRUCT_Q1_AT, RSA3072_SIZE) != 0)
        return error_set(err, ERROR_REFUSED,
                         "the SIGSTRUCT's Q1 is not the quotient: EINIT would refuse it");
    if (memcmp(result.q2, bytes.data + SIGSTRUCT_Q2_AT, RSA3072_SIZE) != 0)
        return error_set(err, ERROR_REFUSED,
                         "the SIGSTRUCT's Q2 is not the quotient: EINIT would refuse it");
    return 0;
}

int sigstruct_check(struct span bytes, struct sigstruct *out, struct error *err)
{
    memset(out, 0, sizeof *out);
    if (bytes.size != SIGSTRUCT_SIZE)
        return error_set(err, ERROR_INVALID, "a SIGSTRUCT of %zu bytes; it has %d", bytes.size,
                         SIGSTRUCT_SIZE);
    struct cursor head = cursor_of(bytes);
    struct cursor body = cursor_of(span_of(bytes.data + SIGSTRUCT_MISCSELECT_AT,
                                           bytes.size - (size_t)SIGSTRUCT_MISCSELECT_AT));
    if (read_head(&head, out, err) < 0 || read_body(&body, out, err) < 0)
        return -1;
    return check_signature(bytes, err);
}

bool sigstruct_allows_debug(const struct sigstruct *sigstruct)
{
    bool is_fixed = (sigstruct->attributes_mask[0] & FLAG_DEBUG) != 0;
    return !is_fixed || (sigstruct->attributes[0] & FLAG_DEBUG) != 0;
}
