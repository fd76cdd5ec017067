/* What the compiler calls inside an enclave: of every size around what is copied by words, at every
 * place, forwards and backwards, with nothing beside it changed. The names are those of
 * src/enclave/inside/memory.c by the compiler's options. */
#include "../check.h"

void *inside_memcpy(void *restrict to, const void *restrict from, size_t size);
void *inside_memmove(void *to, const void *from, size_t size);
void *inside_memset(void *to, int byte, size_t size);
int inside_memcmp(const void *a, const void *b, size_t size);

#define SIZE_MOST 72
#define ROOM      (SIZE_MOST + 64)

static uint8_t from[ROOM], to[ROOM];

static void fill(void)
{
    for (size_t i = 0; i < ROOM; i++) {
        from[i] = (uint8_t)(3 * i + 1);
        to[i] = (uint8_t)(0xF0 ^ i);
    }
}

static void copies_these_bytes_alone(void **state)
{
    (void)state;
    for (size_t size = 0; size <= SIZE_MOST; size++) {
        for (size_t at = 0; at < 9; at++) {
            fill();
            assert_ptr_equal(inside_memcpy(to + at, from + 8 - at, size), to + at);
            for (size_t i = 0; i < ROOM; i++) {
                uint8_t want = i >= at && i < at + size ? (uint8_t)(3 * (8 + i - 2 * at) + 1)
                                                        : (uint8_t)(0xF0 ^ i);
                assert_int_equal(to[i], want);
            }
        }
    }
}

/* Both ways, by every distance: also by less than a word. */
static void moves_what_overlaps(void **state)
{
    const size_t middle = 30;
    (void)state;
    for (size_t size = 0; size <= SIZE_MOST; size++) {
        for (size_t place = 0; place <= 2 * middle; place++) {
            fill();
            assert_ptr_equal(inside_memmove(from + place, from + middle, size), from + place);
            for (size_t i = 0; i < ROOM; i++) {
                size_t source = i >= place && i < place + size ? i - place + middle : i;
                assert_int_equal(from[i], (uint8_t)(3 * source + 1));
            }
        }
    }
}

static void sets_these_bytes_alone(void **state)
{
    (void)state;
    for (size_t size = 0; size <= SIZE_MOST; size++) {
        fill();
        assert_ptr_equal(inside_memset(to + 5, 0x1AB, size), to + 5);
        for (size_t i = 0; i < ROOM; i++)
            assert_int_equal(to[i], i >= 5 && i < 5 + size ? 0xAB : (uint8_t)(0xF0 ^ i));
    }
}

static void sees_each_byte_that_differs(void **state)
{
    (void)state;
    for (size_t size = 0; size <= SIZE_MOST; size++) {
        fill();
        inside_memcpy(to, from, size);
        assert_int_equal(inside_memcmp(to, from, size), 0);
        for (size_t i = 0; i < size; i++) {
            to[i]++;
            assert_true(inside_memcmp(to, from, size) > 0 || to[i] == 0);
            to[i] = (uint8_t)(from[i] - 1);
            assert_true(inside_memcmp(to, from, size) < 0 || from[i] == 0);
            to[i] = from[i];
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_these_bytes_alone),
        cmocka_unit_test(moves_what_overlaps),
        cmocka_unit_test(sets_these_bytes_alone),
        cmocka_unit_test(sees_each_byte_that_differs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
