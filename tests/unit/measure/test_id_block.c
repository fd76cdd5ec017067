#include "../check.h"

#include <stdio.h>

#include "base/hex.h"
#include "crypto/issue.h"
#include "measure/id_block.h"

static struct error err;

struct world {
    struct private_key *id_key;
    struct private_key *author_key;
    uint8_t block[ID_BLOCK_SIZE];
    uint8_t auth[ID_AUTH_SIZE];
};

static void sign(const struct private_key *key, const uint8_t digest[SHA384_SIZE],
                 struct id_signature *out)
{
    check_ok(private_key_sign_p384(key, digest, out->r, out->s, &err), &err);
}

static void make(struct world *world, bool with_author)
{
    struct id_block block = {.guest_svn = 5, .policy = ID_POLICY_DEFAULT};
    struct id_auth auth = {.has_author = with_author};
    uint8_t digest[SHA384_SIZE];
    memset(block.launch_digest, 0x11, sizeof block.launch_digest);
    memset(block.family_id, 0x22, sizeof block.family_id);
    memset(block.image_id, 0x33, sizeof block.image_id);
    check_ok(id_block_write(&block, world->block, &err), &err);
    check_ok(private_key_public_p384(world->id_key, &auth.id_key, &err), &err);
    check_ok(private_key_public_p384(world->author_key, &auth.author_key, &err), &err);
    id_block_digest(world->block, digest);
    sign(world->id_key, digest, &auth.block_signature);
    id_key_digest(&auth.id_key, digest);
    sign(world->author_key, digest, &auth.key_signature);
    id_auth_write(&auth, world->auth);
}

static void set_up(struct world *world)
{
    world->id_key = private_key_new_p384(&err);
    world->author_key = private_key_new_p384(&err);
    assert_non_null(world->id_key);
    assert_non_null(world->author_key);
}

static void tear_down(struct world *world)
{
    private_key_free(world->id_key);
    private_key_free(world->author_key);
}

/* Reads both and checks them, as a relying party does. */
static int check(const struct world *world, struct id_digests *digests, struct error *error)
{
    struct id_block block;
    struct id_auth auth;
    if (id_block_read(span_of(world->block, ID_BLOCK_SIZE), &block, error) < 0 ||
        id_auth_read(span_of(world->auth, ID_AUTH_SIZE), &auth, error) < 0)
        return -1;
    return id_auth_check(&auth, world->block, digests, error);
}

/* tests/test_id_block.py of sev-snp-measure, the public halves of its keys. */
static void agrees_with_published_values(void **state)
{
    (void)state;
    static const struct {
        const char *x, *y, *digest;
    } keys[] = {
        {"b20fd1a1c2bd2b65183a76e2390ac805f6d8e5e2af725e5a8e93cf87ec029f9d45eb326b04b92beb714e14fa"
         "986f8a9a",
         "2c94a0b8ab30cc76352675944876891e954ff6ef5826a6231ba6d6d7f6ebfb68ce330e1e59394efb7080883d"
         "dc69364b",
         "870b7e35c53f8a72d0d322f75ab2af8262792aaf6579622ce4131c3f21f289e77cb0560a5e3b90b3932e674e"
         "c709cb14"},
        {"06811fc62409bf2d9ae51c07423254d893c6c23fbf164af3383b0f813a627e6168d9067a7f4bd97990588c18"
         "411210a0",
         "32b420a22656d271dcfd4e25668c72fd58bb5f6851fe472f9d160f880b14df4c3623068962cde4d608e73734"
         "2da912c9",
         "63111c34bbfc0a4938f9a009bd074980d8172323e61599c9fd336da8673248e1dca98d0be8f76376a106b8af"
         "d4c0a057"},
    };
    for (size_t i = 0; i < 2; i++) {
        struct p384_key key;
        uint8_t digest[SHA384_SIZE];
        char text[2 * SHA384_SIZE + 1];
        assert_true(hex_decode(span_of_text(keys[i].x), key.x, sizeof key.x));
        assert_true(hex_decode(span_of_text(keys[i].y), key.y, sizeof key.y));
        id_key_digest(&key, digest);
        hex_encode(span_of(digest, sizeof digest), text);
        assert_string_equal(text, keys[i].digest);
    }
    static const char launch[] = "076f052d08bda7a700aa2a608c5caa6b00ebad297b6d68a85a45b1e669a558b6"
                                 "7e1b91d284a301fe63c4fa0750467eed";
    struct id_block block = {.policy = ID_POLICY_DEFAULT};
    uint8_t bytes[ID_BLOCK_SIZE];
    char text[2 * ID_BLOCK_SIZE + 1];
    char expected[2 * ID_BLOCK_SIZE + 1];
    assert_true(hex_decode(span_of_text(launch), block.launch_digest, SHA384_SIZE));
    check_ok(id_block_write(&block, bytes, &err), &err);
    hex_encode(span_of(bytes, sizeof bytes), text);
    (void)snprintf(expected, sizeof expected, "%s%064d%s", launch, 0,
                   "01000000000000000000030000000000");
    assert_string_equal(text, expected);
}

static void accepts_what_was_signed(void **state)
{
    (void)state;
    struct world world;
    struct id_digests digests;
    struct id_block block;
    struct p384_key key;
    uint8_t expected[SHA384_SIZE];
    set_up(&world);
    make(&world, true);
    check_ok(check(&world, &digests, &err), &err);
    check_ok(private_key_public_p384(world.author_key, &key, &err), &err);
    id_key_digest(&key, expected);
    assert_true(digests.has_author);
    assert_memory_equal(digests.author_key, expected, sizeof expected);
    check_ok(id_block_read(span_of(world.block, ID_BLOCK_SIZE), &block, &err), &err);
    assert_int_equal(block.guest_svn, 5);
    assert_int_equal(block.image_id[15], 0x33);
    tear_down(&world);
}

static void an_author_may_be_absent(void **state)
{
    (void)state;
    struct world world;
    struct id_digests digests;
    set_up(&world);
    make(&world, false);
    check_ok(check(&world, &digests, &err), &err);
    assert_false(digests.has_author);
    assert_true(span_is_zero(span_of(digests.author_key, SHA384_SIZE)));
    world.auth[4] = 0; /* and its algorithm with it */
    check_ok(check(&world, &digests, &err), &err);
    world.auth[4] = 2;
    check_refused(check(&world, &digests, &err), &err, "algorithms");
    tear_down(&world);
}

static void refuses_every_flipped_bit_of_the_block(void **state)
{
    (void)state;
    struct world world;
    struct id_digests digests;
    set_up(&world);
    make(&world, true);
    for (size_t bit = 0; bit < ID_BLOCK_SIZE * 8; bit++) {
        world.block[bit / 8] ^= (uint8_t)(1U << bit % 8);
        if (check(&world, &digests, NULL) == 0)
            fail_msg("bit %zu may be flipped", bit);
        world.block[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    tear_down(&world);
}

static void refuses_a_flipped_bit_in_every_byte_of_the_authentication(void **state)
{
    (void)state;
    struct world world;
    struct id_digests digests;
    set_up(&world);
    make(&world, true);
    for (size_t at = 0; at < ID_AUTH_SIZE; at++) {
        uint8_t bit = (uint8_t)(1U << at % 8);
        world.auth[at] ^= bit;
        if (check(&world, &digests, NULL) == 0)
            fail_msg("byte %zu may be changed", at);
        world.auth[at] ^= bit;
    }
    check_ok(check(&world, &digests, &err), &err);
    tear_down(&world);
}

static void refuses_other_sizes(void **state)
{
    (void)state;
    static const uint8_t bytes[ID_AUTH_SIZE + 1];
    struct id_block block;
    struct id_auth auth;
    for (size_t size = 0; size < 200; size++) {
        if (size != ID_BLOCK_SIZE)
            check_refused(id_block_read(span_of(bytes, size), &block, &err), &err, "bytes");
        check_refused(id_auth_read(span_of(bytes, size), &auth, &err), &err, "bytes");
    }
    check_refused(id_auth_read(span_of(bytes, ID_AUTH_SIZE + 1), &auth, &err), &err, "bytes");
}

static void refuses_policies_that_no_firmware_takes(void **state)
{
    (void)state;
    static const uint64_t refused[] = {0, 0x10000, 0x30000 | UINT64_C(1) << 26, UINT64_MAX};
    uint8_t bytes[ID_BLOCK_SIZE];
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        const struct id_block block = {.policy = refused[i]};
        check_refused(id_block_write(&block, bytes, &err), &err, "bit 17");
    }
}

static void refuses_other_versions_and_curves(void **state)
{
    (void)state;
    struct world world;
    struct id_digests digests;
    set_up(&world);
    make(&world, true);
    world.block[0x50] = 2;
    check_refused(check(&world, &digests, &err), &err, "version 2");
    make(&world, true);
    world.auth[0x240] = 1;
    check_refused(check(&world, &digests, &err), &err, "curve 1");
    make(&world, true);
    world.auth[0] = 3;
    check_refused(check(&world, &digests, &err), &err, "algorithms 3");
    tear_down(&world);
}

static void names_the_signature_that_does_not_hold(void **state)
{
    (void)state;
    struct world world;
    struct world other;
    struct id_digests digests;
    set_up(&world);
    set_up(&other);
    make(&world, true);
    make(&other, true);
    memcpy(world.auth + 0x40, other.auth + 0x40, 144);
    check_refused(check(&world, &digests, &err), &err, "by the ID key");
    make(&world, true);
    memcpy(world.auth + 0x680, other.auth + 0x680, 144);
    check_refused(check(&world, &digests, &err), &err, "by the author key");
    tear_down(&world);
    tear_down(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_published_values),
        cmocka_unit_test(accepts_what_was_signed),
        cmocka_unit_test(an_author_may_be_absent),
        cmocka_unit_test(refuses_every_flipped_bit_of_the_block),
        cmocka_unit_test(refuses_a_flipped_bit_in_every_byte_of_the_authentication),
        cmocka_unit_test(refuses_other_sizes),
        cmocka_unit_test(refuses_policies_that_no_firmware_takes),
        cmocka_unit_test(refuses_other_versions_and_curves),
        cmocka_unit_test(names_the_signature_that_does_not_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
