#include "measure/id_block.h"

#include "base/cursor.h"

#define BLOCK_VERSION       1
#define ALGORITHM_P384      1 /* ECDSA P-384 with SHA-384 */
#define CURVE_P384          2
#define NUMBER_SIZE         72 /* a coordinate, r or s: little endian, zeros behind */
#define SIGNATURE_SIZE      0x200
#define AT_BLOCK_SIGNATURE  0x40
#define AT_ID_KEY           0x240
#define AT_KEY_SIGNATURE    0x680
#define AT_AUTHOR_KEY       0x880
#define AUTHOR_KEY_END      (AT_AUTHOR_KEY + ID_KEY_SIZE)
#define POLICY_MUST_BE_ONE  (UINT64_C(1) << 17)
#define POLICY_MUST_BE_ZERO (~UINT64_C(0) << 26)

static void write_le(uint8_t *out, size_t size, uint64_t value)
{
    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)(value >> (8 * i));
}

static void reverse(uint8_t *out, const uint8_t *number)
{
    for (size_t i = 0; i < P384_SIZE; i++)
        out[i] = number[P384_SIZE - 1 - i];
}

static bool read_number(struct cursor *cursor, uint8_t out[P384_SIZE])
{
    struct span number;
    if (!cursor_read(cursor, NUMBER_SIZE, &number))
        return false;
    reverse(out, number.data);
    return span_is_zero(span_of(number.data + P384_SIZE, NUMBER_SIZE - P384_SIZE));
}

static bool read_zeros(struct cursor *cursor, size_t size)
{
    struct span bytes;
    return cursor_read(cursor, size, &bytes) && span_is_zero(bytes);
}

static int check_policy(uint64_t policy, struct error *err)
{
    if ((policy & POLICY_MUST_BE_ONE) && !(policy & POLICY_MUST_BE_ZERO))
        return 0;
    return error_set(err, ERROR_INVALID,
                     "the policy 0x%llx: bit 17 must be one, and bits 26 to 63 zero",
                     (unsigned long long)policy);
}

int id_block_write(const struct id_block *block, uint8_t out[ID_BLOCK_SIZE], struct error *err)
{
    if (check_policy(block->policy, err) < 0)
        return -1;
    memcpy(out, block->launch_digest, SHA384_SIZE);
    memcpy(out + 0x30, block->family_id, sizeof block->family_id);
    memcpy(out + 0x40, block->image_id, sizeof block->image_id);
    write_le(out + 0x50, 4, BLOCK_VERSION);
    write_le(out + 0x54, 4, block->guest_svn);
    write_le(out + 0x58, 8, block->policy);
    return 0;
}

int id_block_read(struct span bytes, struct id_block *out, struct error *err)
{
    struct cursor cursor = cursor_of(bytes);
    uint32_t version;
    memset(out, 0, sizeof *out);
    (void)cursor_copy(&cursor, out->launch_digest, SHA384_SIZE);
    (void)cursor_copy(&cursor, out->family_id, sizeof out->family_id);
    (void)cursor_copy(&cursor, out->image_id, sizeof out->image_id);
    (void)cursor_le32(&cursor, &version);
    (void)cursor_le32(&cursor, &out->guest_svn);
    (void)cursor_le64(&cursor, &out->policy);
    if (!cursor_at_end(&cursor))
        return error_set(err, ERROR_INVALID, "an ID block of %zu bytes; it has %d", bytes.size,
                         ID_BLOCK_SIZE);
    if (version != BLOCK_VERSION)
        return error_set(err, ERROR_INVALID, "an ID block of version %u; 1 is known", version);
    return check_policy(out->policy, err);
}

void id_block_digest(const uint8_t block[ID_BLOCK_SIZE], uint8_t out[SHA384_SIZE])
{
    sha384_digest(span_of(block, ID_BLOCK_SIZE), out);
}

/* `out` is zero. */
static void write_key(const struct p384_key *key, uint8_t *out)
{
    write_le(out, 4, CURVE_P384);
    reverse(out + 4, key->x);
    reverse(out + 4 + NUMBER_SIZE, key->y);
}

static void write_signature(const struct id_signature *signature, uint8_t *out)
{
    reverse(out, signature->r);
    reverse(out + NUMBER_SIZE, signature->s);
}

void id_key_digest(const struct p384_key *key, uint8_t out[SHA384_SIZE])
{
    uint8_t bytes[ID_KEY_SIZE] = {0};
    write_key(key, bytes);
    sha384_digest(span_of(bytes, sizeof bytes), out);
}

/* Without an author key its algorithm is named all the same: that is what other tools write, and
 * the firmware asks for the key itself only where the hypervisor says that there is one. */
void id_auth_write(const struct id_auth *auth, uint8_t out[ID_AUTH_SIZE])
{
    memset(out, 0, ID_AUTH_SIZE);
    write_le(out, 4, ALGORITHM_P384);
    write_le(out + 4, 4, ALGORITHM_P384);
    write_signature(&auth->block_signature, out + AT_BLOCK_SIGNATURE);
    write_key(&auth->id_key, out + AT_ID_KEY);
    if (!auth->has_author)
        return;
    write_signature(&auth->key_signature, out + AT_KEY_SIGNATURE);
    write_key(&auth->author_key, out + AT_AUTHOR_KEY);
}

static int read_signature(struct cursor *cursor, struct id_signature *out, const char *whose,
                          struct error *err)
{
    if (read_number(cursor, out->r) && read_number(cursor, out->s) &&
        read_zeros(cursor, SIGNATURE_SIZE - (size_t)2 * NUMBER_SIZE))
        return 0;
    return error_set(err, ERROR_INVALID, "the %s has bytes behind its numbers that are not zero",
                     whose);
}

static int read_key(struct cursor *cursor, struct p384_key *out, const char *whose,
                    struct error *err)
{
    uint32_t curve;
    if (!cursor_le32(cursor, &curve) || curve != CURVE_P384)
        return error_set(err, ERROR_INVALID, "the %s is on curve %u; 2 (P-384) is known", whose,
                         curve);
    if (read_number(cursor, out->x) && read_number(cursor, out->y) &&
        read_zeros(cursor, ID_KEY_SIZE - 4 - (size_t)2 * NUMBER_SIZE))
        return 0;
    return error_set(err, ERROR_INVALID, "the %s has bytes behind its numbers that are not zero",
                     whose);
}

/* Nothing but zeros where the author's part stands means that there is none. */
static int read_author(struct span bytes, struct cursor *cursor, struct id_auth *out,
                       struct error *err)
{
    struct span part = span_of(bytes.data + AT_KEY_SIGNATURE, AUTHOR_KEY_END - AT_KEY_SIGNATURE);
    out->has_author = !span_is_zero(part);
    if (!out->has_author)
        return cursor_skip(cursor, part.size) ? 0 : -1;
    if (read_signature(cursor, &out->key_signature, "signature of the ID key", err) < 0)
        return -1;
    return read_key(cursor, &out->author_key, "author key", err);
}

int id_auth_read(struct span bytes, struct id_auth *out, struct error *err)
{
    struct cursor cursor = cursor_of(bytes);
    uint32_t id_algorithm;
    uint32_t author_algorithm;
    memset(out, 0, sizeof *out);
    if (bytes.size != ID_AUTH_SIZE)
        return error_set(err, ERROR_INVALID, "an ID authentication of %zu bytes; it has %d",
                         bytes.size, ID_AUTH_SIZE);
    (void)cursor_le32(&cursor, &id_algorithm);
    (void)cursor_le32(&cursor, &author_algorithm);
    bool reserved = read_zeros(&cursor, AT_BLOCK_SIGNATURE - 8);
    if (read_signature(&cursor, &out->block_signature, "signature of the block", err) < 0 ||
        read_key(&cursor, &out->id_key, "ID key", err) < 0)
        return -1;
    reserved = read_zeros(&cursor, AT_KEY_SIGNATURE - AT_ID_KEY - ID_KEY_SIZE) && reserved;
    if (read_author(bytes, &cursor, out, err) < 0)
        return -1;
    if (!read_zeros(&cursor, ID_AUTH_SIZE - AUTHOR_KEY_END) || !reserved)
        return error_set(err, ERROR_INVALID,
                         "the ID authentication has reserved bytes that are not zero");
    bool known = author_algorithm == ALGORITHM_P384 || (author_algorithm == 0 && !out->has_author);
    if (id_algorithm != ALGORITHM_P384 || !known)
        return error_set(err, ERROR_INVALID,
                         "the ID authentication has the algorithms %u and %u; 1 is known",
                         id_algorithm, author_algorithm);
    return 0;
}

int id_auth_check(const struct id_auth *auth, const uint8_t block[ID_BLOCK_SIZE],
                  struct id_digests *digests, struct error *err)
{
    uint8_t digest[SHA384_SIZE];
    const struct id_signature *signature = &auth->block_signature;
    memset(digests, 0, sizeof *digests);
    id_block_digest(block, digest);
    id_key_digest(&auth->id_key, digests->id_key);
    if (p384_check(&auth->id_key, digest, signature->r, signature->s, err) < 0)
        return error_context(err, "the ID block, by the ID key");
    if (!auth->has_author)
        return 0;
    digests->has_author = true;
    id_key_digest(&auth->author_key, digests->author_key);
    signature = &auth->key_signature;
    if (p384_check(&auth->author_key, digests->id_key, signature->r, signature->s, err) < 0)
        return error_context(err, "the ID key, by the author key");
    return 0;
}
