/* System V semaphores: who may do what, what is refused, and what a process' end takes back. */
#include <errno.h>
#include <linux/ipc.h>

#include "../../../check.h"
#include "../heap.h"
#include "enclave/libos/door/door.h"
#include "enclave/libos/shared/semaphore.h"

#define KEY      77
#define COUNT    4
#define PARENT   0
#define CHILD    3
#define STRANGER 4
#define LAST     SEMAPHORE_VALUE_MAX

static struct semaphore_told told;

uint64_t door_ask(uint64_t number, uint64_t a, uint64_t b, uint64_t c)
{
    (void)number, (void)a, (void)b, (void)c;
    return 0;
}

/* Users 0, 3 and 4, the first of whom may do everything. */
static void begin(size_t index, uint64_t capabilities)
{
    struct process *process = process_at(index);
    const uint32_t id = (uint32_t)index;
    *process = (struct process){.state = PROCESS_ALIVE, .number = 10 + (int)index};
    for (size_t i = 0; i < IDENTITY_KINDS; i++)
        process->identity.ids[i] = (struct identity_ids){id, id, id, id};
    process->identity.sets.effective = capabilities;
    process->vfs.creds = identity_creds(&process->identity);
}

static int start(void **state)
{
    (void)state;
    begin(PARENT, UINT64_MAX);
    begin(CHILD, 0);
    begin(STRANGER, 0);
    return 0;
}

static int control(size_t who, int id, int number, unsigned command, int value)
{
    return semaphore_control(process_at(who), id, number, command, value, &told);
}

static int end(void **state)
{
    (void)state;
    heap_left = SIZE_MAX;
    for (int i = 0; i < SEMAPHORE_SETS_MAX; i++) {
        int id = control(PARENT, i, 0, SEM_STAT, 0);
        if (id >= 0)
            assert_int_equal(control(PARENT, id, 0, IPC_RMID, 0), 0);
    }
    for (size_t i = 0; i <= STRANGER; i++)
        process_at(i)->state = PROCESS_FREE;
    return 0;
}

static int make(unsigned mode)
{
    int id = semaphore_get(process_at(CHILD), KEY, COUNT, IPC_CREAT | mode);
    assert_true(id >= 0);
    return id;
}

static int operate(size_t who, int id, unsigned number, int by, int flags)
{
    const struct sembuf one = {(unsigned short)number, (short)by, (short)(flags | IPC_NOWAIT)};
    return semaphore_operate(process_at(who), id, &one, 1, DOOR_FOREVER);
}

static int value(int id, int number)
{
    return control(PARENT, id, number, GETVAL, 0);
}

static void refuses_who_has_no_permission(void **state)
{
    (void)state;
    int id = make(0604);
    assert_int_equal(semaphore_get(process_at(STRANGER), KEY, 0, 0222), -EACCES);
    assert_int_equal(control(STRANGER, id, 0, GETVAL, 0), 0);
    assert_int_equal(control(STRANGER, id, 0, SETVAL, 1), -EACCES);
    assert_int_equal(operate(STRANGER, id, 0, 1, 0), -EACCES);
    assert_int_equal(operate(STRANGER, id, 0, 0, 0), 0); /* which only looks */
    assert_int_equal(control(STRANGER, id, 0, IPC_RMID, 0), -EPERM);
    told.size = sizeof told.state;
    assert_int_equal(control(STRANGER, id, 0, IPC_SET, 0), -EPERM);
    told.state = (struct semid64_ds){.sem_perm = {.uid = STRANGER, .mode = 0600}};
    assert_int_equal(control(CHILD, id, 0, IPC_SET, 0), 0);
    assert_int_equal(operate(STRANGER, id, 0, 1, 0), 0);
    assert_int_equal(control(PARENT, id, 0, SETVAL, 3), 0); /* who may do everything */
}

static void refuses_what_cannot_be(void **state)
{
    static const int numbers[] = {-1, COUNT, INT32_MAX, INT32_MIN};
    (void)state;
    int id = make(0600);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        assert_int_equal(control(CHILD, id, numbers[i], GETVAL, 0), -EINVAL);
    assert_int_equal(operate(CHILD, id, COUNT, 1, 0), -EFBIG);
    assert_int_equal(operate(CHILD, id, UINT16_MAX, 1, 0), -EFBIG);
    assert_int_equal(operate(CHILD, id + SEMAPHORE_SETS_MAX, 0, 1, 0), -EINVAL);
    assert_int_equal(operate(CHILD, -1, 0, 1, 0), -EINVAL);
    assert_int_equal(control(CHILD, id, 0, 0x7777, 0), -EINVAL);
    assert_int_equal(control(CHILD, id, 0, SETVAL, LAST + 1), -ERANGE);
    assert_int_equal(semaphore_get(process_at(CHILD), KEY, SEMAPHORES_MAX + 1, IPC_CREAT), -EINVAL);
    assert_int_equal(semaphore_get(process_at(CHILD), IPC_PRIVATE, INT32_MIN, 0600), -EINVAL);
    const struct sembuf one = {0};
    assert_int_equal(
        semaphore_operate(process_at(CHILD), id, &one, SEMAPHORE_OPERATIONS_MAX + 1, 0), -E2BIG);
}

/* What another enclave says of the size decides nothing. */
static void takes_values_of_the_sets_own_count(void **state)
{
    static const uint32_t sizes[] = {0, 2, 2 * COUNT - 1, 2 * COUNT + 2, UINT32_MAX};
    (void)state;
    int id = make(0600);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        told = (struct semaphore_told){.size = sizes[i], .values = {1, 1, 1, 1}};
        assert_int_equal(control(CHILD, id, 0, SETALL, 0), -EINVAL);
        assert_int_equal(control(CHILD, id, 0, IPC_SET, 0), -EINVAL);
    }
    told = (struct semaphore_told){.size = 2 * COUNT, .values = {1, 2, 3, LAST + 1}};
    assert_int_equal(control(CHILD, id, 0, SETALL, 0), -ERANGE);
    assert_int_equal(value(id, 0), 0);
    told.values[3] = LAST;
    assert_int_equal(control(CHILD, id, 0, SETALL, 0), 0);
    assert_int_equal(control(CHILD, id, 0, GETALL, 0), 0);
    assert_int_equal(told.size, 2 * COUNT);
    assert_int_equal(told.values[3], LAST);
}

static void all_is_done_or_nothing(void **state)
{
    const struct sembuf all[] = {{0, 5, SEM_UNDO}, {1, 2, 0}, {0, -6, SEM_UNDO | IPC_NOWAIT}};
    const struct sembuf beyond[] = {{1, 1, SEM_UNDO}, {2, LAST, 0}, {2, 1, 0}};
    (void)state;
    int id = make(0600);
    assert_int_equal(semaphore_operate(process_at(CHILD), id, all, 3, DOOR_FOREVER), -EAGAIN);
    assert_int_equal(semaphore_operate(process_at(CHILD), id, beyond, 3, DOOR_FOREVER), -ERANGE);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(value(id, i), 0);
    semaphore_left(process_at(CHILD)->number); /* nor is there anything to take back */
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(value(id, i), 0);
}

static void an_end_takes_back_what_it_is_to(void **state)
{
    (void)state;
    int id = make(0666), child = process_at(CHILD)->number;
    assert_int_equal(control(CHILD, id, 0, SETVAL, 5), 0);
    assert_int_equal(operate(CHILD, id, 0, -3, SEM_UNDO), 0);
    assert_int_equal(operate(STRANGER, id, 0, 2, SEM_UNDO), 0);
    assert_int_equal(operate(CHILD, id, 1, 7, SEM_UNDO), 0);
    assert_int_equal(operate(PARENT, id, 1, -4, 0), 0);
    semaphore_left(child);
    assert_int_equal(value(id, 0), 7); /* of the other's 2 nothing */
    assert_int_equal(value(id, 1), 0); /* never less */
    assert_int_equal(control(PARENT, id, 0, GETPID, 0), child);
    semaphore_left(child);
    assert_int_equal(value(id, 0), 7);
    assert_int_equal(control(PARENT, id, 0, SETVAL, 1), 0); /* and what was to be is forgotten */
    semaphore_left(process_at(STRANGER)->number);
    assert_int_equal(value(id, 0), 1);
    assert_int_equal(operate(CHILD, id, 2, LAST, SEM_UNDO), 0);
    assert_int_equal(operate(PARENT, id, 2, -LAST, 0), 0);
    assert_int_equal(operate(CHILD, id, 2, 1, SEM_UNDO), 0);
    assert_int_equal(operate(CHILD, id, 2, 1, SEM_UNDO), -ERANGE); /* more than can be taken back */
}

static void the_end_of_numbers_and_of_memory_is_told(void **state)
{
    (void)state;
    heap_left = 0;
    assert_int_equal(semaphore_get(process_at(CHILD), IPC_PRIVATE, 1, 0600), -ENOMEM);
    heap_left = SIZE_MAX;
    int id = make(0600);
    heap_left = 0;
    assert_int_equal(operate(CHILD, id, 0, 1, SEM_UNDO), -ENOMEM);
    assert_int_equal(value(id, 0), 0);
    heap_left = SIZE_MAX;
    for (size_t i = 1; i < SEMAPHORE_SETS_MAX; i++)
        assert_true(semaphore_get(process_at(CHILD), IPC_PRIVATE, 1, 0600) >= 0);
    assert_int_equal(semaphore_get(process_at(CHILD), IPC_PRIVATE, 1, 0600), -ENOSPC);
    assert_int_equal(control(PARENT, 0, 0, SEM_INFO, 0), SEMAPHORE_SETS_MAX - 1);
    assert_int_equal(told.info.semusz, SEMAPHORE_SETS_MAX);
    assert_int_equal(control(CHILD, id, 0, IPC_RMID, 0), 0);
    assert_int_equal(control(CHILD, id, 0, IPC_RMID, 0), -EINVAL);
    assert_int_not_equal(semaphore_get(process_at(CHILD), IPC_PRIVATE, 1, 0600), id);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(refuses_who_has_no_permission, start, end),
        cmocka_unit_test_setup_teardown(refuses_what_cannot_be, start, end),
        cmocka_unit_test_setup_teardown(takes_values_of_the_sets_own_count, start, end),
        cmocka_unit_test_setup_teardown(all_is_done_or_nothing, start, end),
        cmocka_unit_test_setup_teardown(an_end_takes_back_what_it_is_to, start, end),
        cmocka_unit_test_setup_teardown(the_end_of_numbers_and_of_memory_is_told, start, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
