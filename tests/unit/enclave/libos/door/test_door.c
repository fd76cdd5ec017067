/* A host that answers wrongly in every way: nothing of it gets through. */
#include "../../../check.h"

#include <errno.h>
#include <string.h>

#include "enclave/inside/enclave.h"
#include "enclave/libos/door/door.h"

static uint8_t buffer[DOOR_BUFFER_SIZE];
static uint64_t answer;
static const struct door_cpuid *answered; /* NULL: the buffer stays */
static uint64_t asked;                    /* times */
static struct {
    uint64_t number, a, b, c;
} last_asked;
static bool is_outside = true;

unsigned char **door_buffer(void)
{
    static unsigned char *mine;
    return &mine;
}

uint64_t door_ask(uint64_t number, uint64_t a, uint64_t b, uint64_t c)
{
    last_asked.number = number, last_asked.a = a, last_asked.b = b, last_asked.c = c;
    assert_true(number >= DOOR_WRITE && number < DOOR_END);
    assert_true(++asked < 1000);
    if (number == DOOR_CPUID && answered)
        memcpy(buffer, answered, a * sizeof *answered);
    return answer;
}

bool enclave_is_outside(uintptr_t address, uint64_t size)
{
    (void)address;
    assert_int_equal(size, DOOR_BUFFER_SIZE);
    return is_outside;
}

static const uint64_t wrong[] = {101,
                                 DOOR_BUFFER_SIZE,
                                 UINT32_MAX,
                                 INT64_MAX,
                                 1ULL << 63,
                                 (uint64_t)-4096,
                                 1ULL << 32,
                                 (uint64_t)INT64_MIN + 5,
                                 (uint64_t) - (1LL << 32)};

static void refuses_a_buffer_inside(void **state)
{
    (void)state;
    is_outside = false;
    assert_int_equal(door_set_buffer((uintptr_t)buffer), -EFAULT);
    is_outside = true;
    assert_int_equal(door_set_buffer(0), -EFAULT);
    assert_int_equal(door_set_buffer((uintptr_t)buffer), 0);
}

/* Events that there are not, sizes beyond what was wanted, and errors that are none. */
static void takes_no_event_that_cannot_be(void **state)
{
    (void)state;
    static uint8_t bytes[DOOR_BUFFER_SIZE];
    static const size_t wanted[2] = {100, 0};
    const uint64_t events[] = {(DOOR_CALLED + 1) * DOOR_EVENT,
                               DOOR_CALLED * DOOR_EVENT + 1,
                               DOOR_SPOKEN * DOOR_EVENT + DOOR_BUFFER_SIZE + 1,
                               DOOR_OUTPUT * DOOR_EVENT + 101,
                               DOOR_ERROR_OUTPUT * DOOR_EVENT + 1,
                               DOOR_TAKEN * DOOR_EVENT + DOOR_BUFFER_SIZE + 1,
                               DOOR_OVER * DOOR_EVENT + 1,
                               UINT64_MAX - 5000};
    enum door_event event;
    for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
        answer = events[i];
        assert_int_equal(door_next(wanted, &event, bytes), -EIO);
    }
    answer = DOOR_OUTPUT * DOOR_EVENT + 100;
    memset(buffer, 0x33, 100);
    assert_int_equal(door_next(wanted, &event, bytes), 100);
    assert_int_equal(event, DOOR_OUTPUT);
    assert_int_equal(bytes[99], 0x33);
    answer = (uint64_t)-EPIPE;
    assert_int_equal(door_next(wanted, &event, bytes), -EPIPE);
}

static void gives_bytes_only_to_a_host_that_takes_all(void **state)
{
    (void)state;
    static const uint8_t bytes[2 * DOOR_BUFFER_SIZE] = {1};
    answer = 1;
    assert_int_equal(door_tell(bytes, 100), -EIO);
    assert_int_equal(door_input(bytes, 100), -EIO);
    assert_int_equal(door_begin(7), -EIO);
    answer = 0;
    asked = 0;
    assert_int_equal(door_tell(bytes, sizeof bytes), 0);
    assert_int_equal(asked, 2);
    assert_int_equal(door_input(bytes, sizeof bytes), 0);
    assert_int_equal(asked, 4);
    assert_int_equal(door_input(bytes, 0), 0); /* the end is told, too */
    assert_int_equal(asked, 5);
}

static void refuses_a_start_whose_name_does_not_end(void **state)
{
    (void)state;
    struct door_start start;
    memset(buffer, 'x', sizeof buffer);
    assert_int_equal(door_take_start(&start), -EINVAL);
    buffer[sizeof start.tee - 1] = 0;
    assert_int_equal(door_take_start(&start), 0);
    assert_int_equal(strlen(start.tee), sizeof start.tee - 1);
}

static void takes_no_size_that_was_not_asked_for(void **state)
{
    (void)state;
    uint8_t bytes[128];
    memset(bytes, 0x11, sizeof bytes);
    memset(buffer, 0x22, sizeof buffer);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        answer = wrong[i];
        assert_int_equal(door_read(bytes, 100), -EIO);
        assert_int_equal(door_write(1, bytes, 100), -EIO);
        assert_int_equal(door_read_disk(0, 0, bytes, 100), -EIO);
        assert_int_equal(door_grow(0, 4096), -EIO);
        assert_int_equal(door_restrict(0, 4096, 1), -EIO);
        assert_int_equal(door_set_type(0, 4096, 0x400), -EIO);
        assert_int_equal(door_remove(0, 4096), -EIO);
        for (size_t j = 0; j < sizeof bytes; j++)
            assert_int_equal(bytes[j], 0x11);
    }
}

static void copies_what_the_host_gave_and_no_more(void **state)
{
    (void)state;
    uint8_t bytes[128] = {0};
    memset(buffer, 0x22, sizeof buffer);
    answer = 5;
    assert_int_equal(door_read(bytes, 100), 5);
    assert_int_equal(bytes[4], 0x22);
    assert_int_equal(bytes[5], 0);
    assert_int_equal(door_read_disk(0, 0, bytes, 10), 0); /* twice five */
    assert_int_equal(bytes[9], 0x22);
    assert_int_equal(bytes[10], 0);
}

static void takes_leaves_of_cpuid_whole_or_not(void **state)
{
    (void)state;
    struct door_cpuid leaves[2] = {{.leaf = 1}, {.leaf = 7, .subleaf = 1}};
    const struct door_cpuid given[2] = {{9, 9, {1, 2, 3, 4}}, {9, 9, {5, 6, 7, 8}}};
    answer = 1;
    assert_int_equal(door_cpuid(leaves, 2), -EIO);
    assert_int_equal(leaves[0].words[0], 0);
    assert_int_equal(door_cpuid(leaves, DOOR_CPUID_MAX + 1), -EINVAL);
    answer = 0;
    assert_int_equal(door_cpuid(leaves, 2), 0); /* the host has left the questions */
    assert_int_equal(leaves[1].words[0], 0);
    answered = given;
    assert_int_equal(door_cpuid(leaves, 2), 0);
    assert_int_equal(leaves[1].leaf, 7); /* what was asked stays */
    assert_memory_equal(leaves[1].words, given[1].words, sizeof given[1].words);
    answered = NULL;
}

static void tells_errors_that_are_such(void **state)
{
    (void)state;
    uint8_t bytes[8] = {0};
    answer = (uint64_t)-EPIPE;
    assert_int_equal(door_write(1, bytes, sizeof bytes), -EPIPE);
    assert_int_equal(door_read_disk(0, 0, bytes, sizeof bytes), -EPIPE);
    answer = 0; /* a disk that ends too early */
    assert_int_equal(door_read_disk(0, 0, bytes, sizeof bytes), -EIO);
    answer = 1; /* neither done nor an error */
    assert_int_equal(door_grow(0, 4096), -EIO);
    assert_int_equal(door_set_type(0, 4096, 0x400), -EIO);
    assert_int_equal(door_remove(0, 4096), -EIO);
}

/* What EACCEPT then finds is what counts (bring.c): here only that each is asked for by its number
 * and its words. */
static void asks_for_pages_to_go_in_two_steps(void **state)
{
    (void)state;
    answer = 0;
    assert_int_equal(door_set_type(0x5000, 0x2000, 0x400), 0);
    assert_int_equal(last_asked.number, DOOR_TYPE);
    assert_int_equal(last_asked.a, 0x5000);
    assert_int_equal(last_asked.b, 0x2000);
    assert_int_equal(last_asked.c, 0x400);
    assert_int_equal(door_remove(0x5000, 0x1000), 0);
    assert_int_equal(last_asked.number, DOOR_REMOVE);
    assert_int_equal(last_asked.b, 0x1000);
    answer = (uint64_t)-EBUSY;
    assert_int_equal(door_set_type(0, 4096, 0x400), -EBUSY);
    assert_int_equal(door_remove(0, 4096), -EBUSY);
}

static void a_clock_never_goes_back(void **state)
{
    (void)state;
    answer = 1000;
    assert_int_equal(door_clock(DOOR_CLOCK_MONOTONIC), 1000);
    answer = 999;
    assert_int_equal(door_clock(DOOR_CLOCK_MONOTONIC), 1000);
    answer = UINT64_MAX;
    assert_int_equal(door_clock(DOOR_CLOCK_MONOTONIC), 1000);
    answer = 7;
    assert_int_equal(door_clock(DOOR_CLOCK_REAL), 7); /* each its own */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_a_buffer_inside),
        cmocka_unit_test(takes_no_size_that_was_not_asked_for),
        cmocka_unit_test(takes_no_event_that_cannot_be),
        cmocka_unit_test(gives_bytes_only_to_a_host_that_takes_all),
        cmocka_unit_test(refuses_a_start_whose_name_does_not_end),
        cmocka_unit_test(copies_what_the_host_gave_and_no_more),
        cmocka_unit_test(takes_leaves_of_cpuid_whole_or_not),
        cmocka_unit_test(tells_errors_that_are_such),
        cmocka_unit_test(asks_for_pages_to_go_in_two_steps),
        cmocka_unit_test(a_clock_never_goes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
