/* Who has which page of a shared object: enclaves are played, each with places that hold bytes. */
#include <errno.h>
#include <stdlib.h>

#include "../../../check.h"
#include "../heap.h"
#include "enclave/libos/door/door.h"
#include "enclave/libos/files/tree_parts.h"
#include "enclave/libos/processes/process.h"
#include "enclave/libos/shared/home.h"

#define P         ((uint64_t)MEMORY_PAGE)
#define PAGES     4
#define PROCESSES 4
#define PLACES    (PROCESSES * 2 * PAGES) /* each process maps the object twice */
#define LIMIT     (1 << 20)

/* What an enclave has at an address. */
struct place {
    uint64_t serial;
    uint32_t mode;
    uint8_t bytes[MEMORY_PAGE];
};

static struct {
    struct tree *tree;
    struct node *node;
    uint32_t object;
    struct place places[PLACES];
    bool is_lost[PROCESSES];
    int busy;    /* so many recalls come too early */
    int recalls; /* that were answered */
} world;

/* Nobody has to wait. */
uint64_t door_ask(uint64_t number, uint64_t a, uint64_t b, uint64_t c)
{
    (void)a;
    (void)b;
    (void)c;
    assert_int_equal(number, DOOR_WAKE);
    return 0;
}

/* Addresses are numbers of places, in pages. */
static uint64_t address_of(size_t process, size_t mapping, uint64_t page)
{
    return ((process * 2 + mapping) * PAGES + page) * P;
}

static struct place *place_at(uint64_t address)
{
    assert_true(address % P == 0 && address / P < PLACES);
    return &world.places[address / P];
}

int shared_recall(size_t process, const struct shared_recall *recall, struct shared_answer *out)
{
    struct place *place = place_at(recall->address);
    assert_int_equal(recall->address / P / PAGES / 2, process);
    if (world.is_lost[process])
        return -EIO;
    if (world.busy > 0) {
        world.busy--;
        return -EBUSY;
    }
    assert_true(recall->serial == place->serial && recall->mode < place->mode);
    world.recalls++;
    out->has_bytes = place->mode == SHARED_WRITE;
    memcpy(out->bytes, place->bytes, sizeof out->bytes);
    place->mode = recall->mode;
    return 0;
}

/* As an enclave does: what it is granted, it has. */
static int ask(size_t process, size_t mapping, uint64_t page, enum shared_wanted wanted)
{
    static struct shared_grant grant;
    uint64_t address = address_of(process, mapping, page);
    struct place *place = place_at(address);
    int status = shared_home_page(process, world.object, page, address, wanted, &grant);
    if (status < 0)
        return status;
    assert_int_equal(grant.has_bytes, place->mode == SHARED_NONE);
    assert_true(grant.serial > place->serial && grant.mode > SHARED_NONE);
    if (grant.has_bytes)
        memcpy(place->bytes, grant.bytes, sizeof place->bytes);
    place->serial = grant.serial;
    place->mode = grant.mode;
    return 0;
}

static void now(void *arg, struct file_time *out)
{
    (void)arg;
    *out = (struct file_time){.sec = 1};
}

static int start(void **state)
{
    const struct tree_options options = {.limit = LIMIT, .mode = 0755, .clock = {now, NULL}};
    const struct node_new what = {.mode = EXT4_FILE << 12 | 0600};
    (void)state;
    memset(&world, 0, sizeof world);
    assert_int_equal(tree_new(&options, &world.tree), 0);
    assert_int_equal(node_new(world.tree, &what, &world.node), 0);
    assert_int_equal(node_truncate(world.node, PAGES * P), 0);
    for (size_t i = 0; i < PROCESSES; i++)
        assert_int_equal(shared_home_open(world.node, i, true, &world.object), 0);
    return 0;
}

static int end(void **state)
{
    (void)state;
    heap_left = SIZE_MAX;
    for (size_t i = 0; i < PROCESSES; i++)
        shared_home_leave(i);
    assert_null(world.node->shared);
    node_put(world.node);
    tree_free(world.tree);
    return 0;
}

static unsigned writers_of(uint64_t page, unsigned *readers)
{
    unsigned writers = 0;
    *readers = 0;
    for (size_t i = page; i < PLACES; i += PAGES) {
        writers += world.places[i].mode == SHARED_WRITE;
        *readers += world.places[i].mode == SHARED_READ;
    }
    return writers;
}

static void a_page_has_one_writer_or_readers(void **state)
{
    unsigned readers;
    (void)state;
    assert_int_equal(ask(0, 0, 1, SHARED_WANTS_READ), 0);
    assert_int_equal(ask(1, 0, 1, SHARED_WANTS_READ), 0);
    assert_int_equal(writers_of(1, &readers), 0);
    assert_int_equal(readers, 2);
    assert_int_equal(ask(1, 0, 1, SHARED_WANTS_WRITE), 0); /* it has the bytes already */
    assert_int_equal(writers_of(1, &readers), 1);
    assert_int_equal(readers, 0);
    assert_int_equal(ask(1, 1, 1, SHARED_WANTS_WRITE), 0); /* its other mapping is another place */
    assert_int_equal(place_at(address_of(1, 0, 1))->mode, SHARED_NONE);
    assert_int_equal(ask(2, 0, 1, SHARED_WANTS_EITHER), 0);
    assert_int_equal(writers_of(1, &readers), 0); /* since another one has it, too */
    assert_int_equal(readers, 2);
    assert_int_equal(ask(3, 0, 2, SHARED_WANTS_EITHER), 0);
    assert_int_equal(writers_of(2, &readers), 1); /* nobody else has */
}

/* --- all orders ------------------------------------------------------------------------------- */

static uint32_t dice(uint32_t sides)
{
    static uint64_t seed = 7;
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (uint32_t)(seed >> 33) % sides;
}

/* What each byte is by the order of what was done. */
static uint8_t truth[PAGES * MEMORY_PAGE];

static void touch(size_t process, size_t mapping, uint64_t page, bool writes)
{
    struct place *place = place_at(address_of(process, mapping, page));
    size_t at = dice(MEMORY_PAGE);
    if (place->mode < (writes ? SHARED_WRITE : SHARED_READ))
        assert_int_equal(
            ask(process, mapping, page, writes ? SHARED_WANTS_WRITE : SHARED_WANTS_EITHER), 0);
    if (writes && place->mode == SHARED_WRITE)
        place->bytes[at] = truth[page * P + at] = (uint8_t)dice(256);
    assert_memory_equal(place->bytes, truth + page * P, P);
}

static void read_file(void)
{
    uint8_t bytes[5000];
    size_t at = dice(PAGES * MEMORY_PAGE - sizeof bytes);
    assert_int_equal(node_read(world.node, at, bytes, sizeof bytes), sizeof bytes);
    assert_memory_equal(bytes, truth + at, sizeof bytes);
}

static void write_file(void)
{
    size_t at = dice(PAGES * MEMORY_PAGE - 5000);
    memset(truth + at, (int)dice(256), 5000);
    assert_int_equal(node_write(world.node, at, truth + at, 5000), 5000);
}

static void unmap(size_t process, size_t mapping)
{
    shared_home_drop(process, world.object, 0, PAGES, address_of(process, mapping, 0), 0);
    for (uint64_t i = 0; i < PAGES; i++) /* those that it only read it forgets itself */
        place_at(address_of(process, mapping, i))->mode = SHARED_NONE;
}

static void leave(size_t process)
{
    unsigned mappings = 2;
    shared_home_leave(process);
    for (size_t i = 0; i < mappings * PAGES; i++)
        assert_int_equal(place_at(address_of(process, 0, i))->mode, SHARED_NONE);
    assert_int_equal(shared_home_open(world.node, process, true, &world.object), 0);
}

static void everybody_sees_one_order(void **state)
{
    unsigned readers;
    (void)state;
    memset(truth, 0, sizeof truth);
    for (int i = 0; i < 20000; i++) {
        uint32_t what = dice(100);
        if (what < 45)
            touch(dice(PROCESSES), dice(2), dice(PAGES), true);
        else if (what < 90)
            touch(dice(PROCESSES), dice(2), dice(PAGES), false);
        else if (what < 94)
            read_file();
        else if (what < 97)
            write_file();
        else if (what < 99)
            unmap(dice(PROCESSES), dice(2));
        else
            leave(dice(PROCESSES));
        for (uint64_t page = 0; page < PAGES; page++)
            assert_true(writers_of(page, &readers) + (readers > 0) <= 1);
    }
    assert_true(world.recalls > 1000);
}

/* --- what is refused, and what is lost -------------------------------------------------------- */

static void refuses_who_has_no_part_in_it(void **state)
{
    static struct shared_grant grant;
    const size_t one = PROCESSES - 1;
    uint32_t word;
    (void)state;
    assert_int_equal(shared_home_page(one, world.object + 1, 0, 0, SHARED_WANTS_READ, &grant),
                     -EACCES);
    shared_home_leave(one);
    assert_int_equal(ask(one, 0, 0, SHARED_WANTS_READ), -EACCES);
    assert_int_equal(shared_home_word(one, world.object, 0, &word), -EACCES);
    assert_int_equal(shared_home_open(world.node, one, false, &world.object), 0);
    assert_int_equal(ask(one, 0, 0, SHARED_WANTS_WRITE), -EACCES);
    assert_int_equal(shared_home_page(one, world.object, PAGES, 0, SHARED_WANTS_READ, &grant),
                     -EFAULT);
    assert_int_equal(shared_home_page(one, world.object, UINT64_MAX, 0, SHARED_WANTS_READ, &grant),
                     -EFAULT);
    assert_int_equal(ask(one, 0, 0, SHARED_WANTS_EITHER), 0);
    assert_int_equal(place_at(address_of(one, 0, 0))->mode, SHARED_READ); /* nobody else has it */
    assert_int_equal(shared_home_word(one, world.object, PAGES * P - 2, &word), -EFAULT);
    shared_home_drop(one, world.object, 0, 1, address_of(one, 0, 0), SHARED_LAST);
    assert_int_equal(ask(one, 0, 1, SHARED_WANTS_READ), -EACCES);
}

static void what_a_lost_enclave_had_is_lost(void **state)
{
    uint32_t word = 5;
    (void)state;
    assert_int_equal(node_write(world.node, 0, "home", 4), 4);
    assert_int_equal(ask(1, 0, 0, SHARED_WANTS_WRITE), 0);
    memcpy(place_at(address_of(1, 0, 0))->bytes, "away", 4);
    world.is_lost[1] = true;
    assert_int_equal(ask(2, 0, 0, SHARED_WANTS_READ), 0);
    assert_memory_equal(place_at(address_of(2, 0, 0))->bytes, "home", 4);
    assert_int_equal(shared_home_word(2, world.object, 0, &word), 0);
    assert_memory_equal(&word, "home", 4);
    shared_home_leave(1);
    place_at(address_of(1, 0, 0))->mode = SHARED_NONE;
}

static void a_page_that_has_just_come_stays(void **state)
{
    (void)state;
    assert_int_equal(ask(1, 0, 0, SHARED_WANTS_WRITE), 0);
    place_at(address_of(1, 0, 0))->bytes[0] = 7;
    world.busy = 1;
    assert_int_equal(ask(2, 0, 0, SHARED_WANTS_WRITE), -EBUSY);
    assert_int_equal(place_at(address_of(1, 0, 0))->mode, SHARED_WRITE);
    assert_int_equal(ask(2, 0, 0, SHARED_WANTS_WRITE), 0);
    assert_int_equal(place_at(address_of(2, 0, 0))->bytes[0], 7);
}

static void the_end_of_memory_and_of_room_is_told(void **state)
{
    uint8_t *bytes = calloc(1, LIMIT);
    (void)state;
    heap_left = 0;
    assert_int_equal(ask(0, 0, 0, SHARED_WANTS_READ), -ENOMEM);
    heap_left = 1; /* the copy, and not the file's page */
    assert_int_equal(ask(0, 0, 0, SHARED_WANTS_WRITE), -ENOMEM);
    heap_left = SIZE_MAX;
    assert_int_equal(ask(0, 0, 0, SHARED_WANTS_READ), 0);
    assert_non_null(bytes);
    assert_true(node_write(world.node, PAGES * P, bytes, LIMIT) < LIMIT);
    assert_int_equal(ask(1, 0, 0, SHARED_WANTS_WRITE), -ENOSPC);
    assert_int_equal(ask(1, 0, 0, SHARED_WANTS_READ), 0);
    free(bytes);
}

static void a_file_that_is_cut_takes_its_pages_back(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < PAGES; i++) {
        assert_int_equal(ask(1, 0, i, SHARED_WANTS_WRITE), 0);
        memset(place_at(address_of(1, 0, i))->bytes, 'a', P);
    }
    assert_int_equal(node_truncate(world.node, P + 10), 0);
    assert_int_equal(place_at(address_of(1, 0, 0))->mode, SHARED_WRITE);
    assert_int_equal(place_at(address_of(1, 0, 1))->mode, SHARED_NONE);
    assert_int_equal(ask(1, 0, 2, SHARED_WANTS_READ), -EFAULT);
    assert_int_equal(ask(1, 0, 1, SHARED_WANTS_WRITE), 0);
    assert_memory_equal(place_at(address_of(1, 0, 1))->bytes, "aaaaaaaaaa\0\0", 12);
    memset(place_at(address_of(1, 0, 1))->bytes, 'b', P); /* behind the end it is not kept */
    assert_int_equal(node_truncate(world.node, PAGES * P), 0);
    assert_int_equal(ask(2, 0, 1, SHARED_WANTS_READ), 0);
    assert_int_equal(ask(2, 0, 3, SHARED_WANTS_READ), 0);
    assert_int_equal(place_at(address_of(2, 0, 3))->bytes[0], 0);
}

static void a_child_has_what_its_parent_has(void **state)
{
    static struct shared_grant grant;
    (void)state;
    shared_home_fork(9, 10); /* nothing */
    assert_int_equal(shared_home_page(10, world.object, 0, 0, SHARED_WANTS_READ, &grant), -EACCES);
    assert_true(shared_home_is_written(world.node));
    for (size_t i = 0; i < PROCESSES; i++)
        shared_home_leave(i);
    assert_null(world.node->shared); /* nobody is attached */
    assert_false(shared_home_is_written(world.node));
    assert_int_equal(shared_home_open(world.node, 0, false, &world.object), 0);
    assert_false(shared_home_is_written(world.node));
    shared_home_fork(0, 1);
    shared_home_leave(0);
    assert_int_equal(ask(1, 0, 0, SHARED_WANTS_READ), 0);
    assert_int_equal(ask(1, 0, 0, SHARED_WANTS_WRITE), -EACCES); /* nor may the parent */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_page_has_one_writer_or_readers, start, end),
        cmocka_unit_test_setup_teardown(everybody_sees_one_order, start, end),
        cmocka_unit_test_setup_teardown(refuses_who_has_no_part_in_it, start, end),
        cmocka_unit_test_setup_teardown(what_a_lost_enclave_had_is_lost, start, end),
        cmocka_unit_test_setup_teardown(a_page_that_has_just_come_stays, start, end),
        cmocka_unit_test_setup_teardown(the_end_of_memory_and_of_room_is_told, start, end),
        cmocka_unit_test_setup_teardown(a_file_that_is_cut_takes_its_pages_back, start, end),
        cmocka_unit_test_setup_teardown(a_child_has_what_its_parent_has, start, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
