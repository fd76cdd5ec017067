/* Records of a wire: what is made opens at its place, and nothing else does. */
#include "../../../check.h"

#include <errno.h>

#include "enclave/libos/program/program.h"
#include "enclave/libos/wire/record.h"

static struct record_out out;
static struct record_in in;
static uint8_t plain[RECORD_MESSAGE_MAX];
static uint8_t opened[RECORD_MESSAGE_MAX];
static int saved, loaded;

void program_save_vectors(void *area)
{
    assert_int_equal((uintptr_t)area % 64, 0);
    saved++;
}

void program_load_vectors(const void *area)
{
    assert_int_equal((uintptr_t)area % 64, 0);
    loaded++;
}

static int start(void **state)
{
    (void)state;
    memset(&out, 0, sizeof out);
    memset(&in, 0, sizeof in);
    for (size_t i = 0; i < RECORD_KEY_SIZE; i++)
        out.key[i] = in.key[i] = (uint8_t)(i * 3 + 1);
    for (size_t i = 0; i < sizeof plain; i++)
        plain[i] = (uint8_t)(i * 5 + i / 256);
    memset(opened, 0, sizeof opened);
    return 0;
}

static size_t make(size_t size)
{
    size_t whole = record_seal(&out, plain, size);
    assert_int_equal(whole, RECORD_HEAD_SIZE + size + RECORD_TAG_SIZE);
    return whole;
}

static void arrive(const uint8_t *bytes, size_t size)
{
    assert_true(in.size + size <= sizeof in.bytes);
    memcpy(in.bytes + in.size, bytes, size);
    in.size += size;
}

static int64_t open_next(void)
{
    return record_open(&in, opened, sizeof opened);
}

static void opens_what_was_made(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 2, 15, 16, 17, 255, 4096, RECORD_MESSAGE_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        arrive(out.bytes, make(sizes[i]));
        assert_int_equal(open_next(), sizes[i]);
        assert_memory_equal(opened, plain, sizes[i]);
        assert_int_equal(in.size, 0);
    }
    assert_int_equal(saved, loaded);
    assert_true(saved >= 16);
}

static void makes_none_beyond_the_limits(void **state)
{
    (void)state;
    assert_int_equal(record_seal(&out, plain, 0), 0);
    assert_int_equal(record_seal(&out, plain, RECORD_MESSAGE_MAX + 1), 0);
    assert_int_equal(out.number, 0);
}

static void waits_for_the_last_byte(void **state)
{
    (void)state;
    size_t whole = make(40);
    for (size_t i = 0; i < whole; i++) {
        assert_int_equal(open_next(), 0);
        arrive(out.bytes + i, 1);
    }
    assert_int_equal(open_next(), 40);
    assert_int_equal(open_next(), 0);
}

static void keeps_what_came_behind(void **state)
{
    (void)state;
    arrive(out.bytes, make(10));
    arrive(out.bytes, make(20));
    arrive(out.bytes, 9); /* of a third */
    assert_int_equal(open_next(), 10);
    assert_int_equal(open_next(), 20);
    assert_int_equal(in.size, 9);
    assert_int_equal(open_next(), 0);
}

static void two_records_of_one_message_differ(void **state)
{
    (void)state;
    uint8_t first[64];
    (void)make(30);
    memcpy(first, out.bytes, 50);
    (void)make(30);
    assert_memory_not_equal(first + RECORD_HEAD_SIZE, out.bytes + RECORD_HEAD_SIZE, 30);
    assert_memory_not_equal(first + RECORD_HEAD_SIZE, plain, 30);
}

/* A larger size waits for bytes that would not fit either; no bit opens. */
static void no_flip_opens(void **state)
{
    (void)state;
    size_t whole = make(33);
    for (size_t bit = 0; bit < 8 * whole; bit++) {
        in.size = 0;
        arrive(out.bytes, whole);
        in.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        int64_t status = open_next();
        assert_true(status == -EIO || (bit / 8 < RECORD_HEAD_SIZE && status == 0));
        if (status == 0) { /* until all of it has come */
            in.size = sizeof in.bytes;
            assert_int_equal(open_next(), -EIO);
        }
        assert_int_equal(in.number, 0);
    }
    for (size_t i = 0; i < sizeof opened; i++)
        assert_int_equal(opened[i], 0);
}

static void refuses_a_record_that_is_not_the_next(void **state)
{
    (void)state;
    static uint8_t records[3][RECORD_HEAD_SIZE + 8 + RECORD_TAG_SIZE];
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(make(8), sizeof records[i]);
        memcpy(records[i], out.bytes, sizeof records[i]);
    }
    for (size_t i = 1; i < 3; i++) { /* one is left out */
        in.size = 0;
        arrive(records[i], sizeof records[i]);
        assert_int_equal(open_next(), -EIO);
    }
    in.size = 0;
    arrive(records[0], sizeof records[0]);
    assert_int_equal(open_next(), 8);
    arrive(records[0], sizeof records[0]); /* again */
    assert_int_equal(open_next(), -EIO);
}

static void refuses_another_key_and_its_own_direction(void **state)
{
    (void)state;
    size_t whole = make(12);
    for (size_t i = 0; i < RECORD_KEY_SIZE; i++) {
        in.size = 0;
        arrive(out.bytes, whole);
        in.key[i] ^= 1;
        assert_int_equal(open_next(), -EIO);
        in.key[i] ^= 1;
    }
    assert_int_equal(open_next(), 12);
}

static void refuses_sizes_that_no_record_has_at_once(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {0, RECORD_MESSAGE_MAX + 1, 1U << 16, 1U << 24, UINT32_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        in.size = 0;
        arrive((const uint8_t *)&sizes[i], sizeof sizes[i]);
        assert_int_equal(open_next(), -EIO);
    }
}

static void a_message_without_room_is_refused(void **state)
{
    (void)state;
    arrive(out.bytes, make(100));
    assert_int_equal(record_open(&in, opened, 99), -EMSGSIZE);
    assert_int_equal(record_open(&in, opened, 0), -EMSGSIZE);
    assert_int_equal(record_open(&in, opened, 100), 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(opens_what_was_made, start),
        cmocka_unit_test_setup(makes_none_beyond_the_limits, start),
        cmocka_unit_test_setup(waits_for_the_last_byte, start),
        cmocka_unit_test_setup(keeps_what_came_behind, start),
        cmocka_unit_test_setup(two_records_of_one_message_differ, start),
        cmocka_unit_test_setup(no_flip_opens, start),
        cmocka_unit_test_setup(refuses_a_record_that_is_not_the_next, start),
        cmocka_unit_test_setup(refuses_another_key_and_its_own_direction, start),
        cmocka_unit_test_setup(refuses_sizes_that_no_record_has_at_once, start),
        cmocka_unit_test_setup(a_message_without_room_is_refused, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
