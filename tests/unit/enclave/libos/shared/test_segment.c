/* Segments of System V shared memory: who may have them, how often they are had, and when they go.
 */
#include <errno.h>
#include <sys/ipc.h>
#include <sys/shm.h>

#include "../../../check.h"
#include "../heap.h"
#include "enclave/libos/door/door.h"
#include "enclave/libos/files/tree_parts.h"
#include "enclave/libos/shared/home.h"
#include "enclave/libos/shared/segment.h"

#define KEY      77
#define SIZE     5000
#define PARENT   0
#define CHILD    3
#define STRANGER 4

static struct tree *root;
static uint32_t object; /* of what was attached last */

uint64_t door_ask(uint64_t number, uint64_t a, uint64_t b, uint64_t c)
{
    (void)number, (void)a, (void)b, (void)c;
    return 0;
}

/* Nobody has a page. */
int shared_recall(size_t process, const struct shared_recall *recall, struct shared_answer *out)
{
    (void)process, (void)recall, (void)out;
    fail();
    return -EIO;
}

static void now(void *arg, struct file_time *out)
{
    (void)arg;
    *out = (struct file_time){.sec = 1};
}

/* Users 0, 3 and 4, the first of whom may do everything. */
static struct process *at(size_t index)
{
    return process_at(index);
}

static void begin(size_t index, uint64_t capabilities)
{
    struct process *process = at(index);
    const uint32_t id = (uint32_t)index;
    *process = (struct process){.state = PROCESS_ALIVE, .number = 10 + (int)index};
    process->parent = index == 0 ? NULL : at(0);
    process->line = index == 0 ? NULL : (struct line *)process; /* an enclave of its own */
    for (size_t i = 0; i < IDENTITY_KINDS; i++)
        process->identity.ids[i] = (struct identity_ids){id, id, id, id};
    process->identity.sets.effective = capabilities;
    vfs_init(&process->vfs, root, (struct file_clock){now, NULL});
    process->vfs.creds = identity_creds(&process->identity);
}

static int start(void **state)
{
    const struct tree_options options = {.limit = 1 << 20, .mode = 0755, .clock = {now, NULL}};
    (void)state;
    assert_int_equal(tree_new(&options, &root), 0);
    begin(PARENT, UINT64_MAX);
    begin(CHILD, 0);
    begin(STRANGER, 0);
    return 0;
}

static int end(void **state)
{
    union segment_told told;
    (void)state;
    heap_left = SIZE_MAX;
    for (size_t i = 0; i <= STRANGER; i++)
        shared_home_leave(i);
    for (int i = 0; i < SEGMENTS_MAX; i++) {
        int id = segment_control(at(PARENT), i, SEGMENT_STAT, &told);
        if (id >= 0)
            assert_int_equal(segment_control(at(PARENT), id, IPC_RMID, &told), 0);
    }
    for (size_t i = 0; i <= STRANGER; i++) {
        if (at(i)->state != PROCESS_FREE)
            vfs_fini(&at(i)->vfs);
        at(i)->state = PROCESS_FREE;
    }
    tree_free(root);
    return 0;
}

static int make(unsigned mode)
{
    int id = segment_get(at(CHILD), KEY, SIZE, IPC_CREAT | mode);
    assert_true(id >= 0);
    return id;
}

static int attach(size_t who, int id, unsigned flags)
{
    struct segment_part part;
    int status = segment_attach(at(who), id, flags, &part);
    if (status == 0) {
        assert_true(part.size == SIZE && part.may_write == !(flags & SHM_RDONLY));
        object = part.object;
    }
    return status;
}

static int64_t count_of(int id)
{
    union segment_told told;
    int status = segment_control(at(PARENT), id, IPC_STAT, &told);
    return status < 0 ? status : (int64_t)told.state.shm_nattch;
}

static int remove_by(size_t who, int id)
{
    union segment_told unused;
    return segment_control(at(who), id, IPC_RMID, &unused);
}

/* --- who may ---------------------------------------------------------------------------------- */

static void refuses_who_has_no_permission(void **state)
{
    union segment_told told;
    int id = make(0604);
    (void)state;
    assert_int_equal(segment_get(at(STRANGER), KEY, SIZE, 0600), -EACCES);
    assert_int_equal(segment_get(at(STRANGER), KEY, SIZE, 0400), id);
    assert_int_equal(segment_get(at(STRANGER), KEY, SIZE, 0), id);
    assert_int_equal(attach(STRANGER, id, 0), -EACCES);
    assert_int_equal(attach(STRANGER, id, SEGMENT_READ_ONLY | SEGMENT_EXECUTE), -EACCES);
    assert_int_equal(attach(STRANGER, id, SEGMENT_READ_ONLY), 0);
    assert_int_equal(segment_control(at(STRANGER), id, IPC_STAT, &told), 0);
    assert_int_equal(segment_control(at(STRANGER), id, IPC_SET, &told), -EPERM);
    assert_int_equal(segment_control(at(STRANGER), id, SEGMENT_LOCK, &told), -EPERM);
    assert_int_equal(remove_by(STRANGER, id), -EPERM);
    told.state.shm_perm.mode = 0600;
    assert_int_equal(segment_control(at(CHILD), id, IPC_SET, &told), 0);
    assert_int_equal(segment_control(at(STRANGER), id, IPC_STAT, &told), -EACCES);
    assert_int_equal(segment_control(at(STRANGER), id % SEGMENTS_MAX, SEGMENT_STAT, &told),
                     -EACCES);
    assert_int_equal(segment_control(at(STRANGER), id % SEGMENTS_MAX, SEGMENT_STAT_ANY, &told), id);
    assert_int_equal(attach(STRANGER, id, SEGMENT_READ_ONLY), -EACCES);
    assert_int_equal(attach(PARENT, id, 0), 0); /* CAP_IPC_OWNER */
}

static void an_owner_and_its_creator_have_it(void **state)
{
    union segment_told told;
    int id = make(0660);
    (void)state;
    assert_int_equal(segment_control(at(CHILD), id, IPC_STAT, &told), 0);
    told.state.shm_perm.uid = STRANGER;
    assert_int_equal(segment_control(at(CHILD), id, IPC_SET, &told), 0);
    assert_int_equal(attach(STRANGER, id, 0), 0);
    assert_int_equal(attach(CHILD, id, 0), 0);
    told.state.shm_perm.uid = PARENT;
    told.state.shm_perm.gid = STRANGER;
    told.state.shm_perm.mode = 0640;
    assert_int_equal(segment_control(at(STRANGER), id, IPC_SET, &told), 0);
    assert_int_equal(remove_by(STRANGER, id), -EPERM); /* any more */
    assert_int_equal(attach(STRANGER, id, 0), -EACCES);
    assert_int_equal(attach(STRANGER, id, SEGMENT_READ_ONLY), 0); /* by its group */
    assert_int_equal(remove_by(CHILD, id), 0);
}

static void refuses_what_is_no_segment(void **state)
{
    union segment_told told = {.state = {.shm_segsz = 1}};
    int id = make(0600);
    (void)state;
    assert_int_equal(segment_get(at(CHILD), KEY + 1, SIZE, 0600), -ENOENT);
    assert_int_equal(segment_get(at(CHILD), KEY, SIZE + 1, 0600), -EINVAL);
    assert_int_equal(segment_get(at(CHILD), KEY, SIZE, IPC_CREAT | IPC_EXCL), -EEXIST);
    assert_int_equal(segment_get(at(CHILD), IPC_PRIVATE, 0, 0600), -EINVAL);
    assert_int_equal(segment_get(at(CHILD), IPC_PRIVATE, UINT64_MAX, 0600), -EINVAL);
    assert_int_equal(segment_get(at(CHILD), IPC_PRIVATE, SIZE, SHM_HUGETLB | 0600), -EPERM);
    const int wrong[] = {-1, id + 1, id - SEGMENTS_MAX, id + SEGMENTS_MAX, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(attach(PARENT, wrong[i], 0), -EINVAL);
        assert_int_equal(remove_by(PARENT, wrong[i]), -EINVAL);
        assert_int_equal(segment_control(at(PARENT), wrong[i], IPC_STAT, &told), -EINVAL);
        assert_int_equal(segment_control(at(PARENT), wrong[i], SEGMENT_STAT, &told), -EINVAL);
    }
    assert_int_equal(segment_control(at(PARENT), id, 99, &told), -EINVAL);
    assert_int_equal(segment_control(at(PARENT), id, UINT32_MAX, &told), -EINVAL);
    assert_int_equal(count_of(id), 0);
}

/* --- how often, and how long ------------------------------------------------------------------ */

static void counts_what_is_attached_in_each_process(void **state)
{
    int id = make(0600);
    (void)state;
    assert_int_equal(attach(CHILD, id, 0), 0);
    assert_int_equal(attach(CHILD, id, 0), 0);
    assert_int_equal(attach(PARENT, id, 0), 0);
    assert_int_equal(count_of(id), 3);
    shared_home_fork(CHILD, STRANGER);
    assert_int_equal(count_of(id), 5);
    shared_home_fork(CHILD, STRANGER); /* as at the end of a fork, once more */
    assert_int_equal(count_of(id), 5);
    shared_home_drop(CHILD, object, 0, 1, 0, 0); /* a part */
    assert_int_equal(count_of(id), 5);
    shared_home_drop(CHILD, object, 0, 2, 0, SHARED_WHOLE);
    assert_int_equal(count_of(id), 4);
    shared_home_drop(CHILD, object, 0, 2, 0, SHARED_WHOLE); /* the last one says so */
    assert_int_equal(count_of(id), 4);
    shared_home_drop(CHILD, object, 0, 2, 0, SHARED_LAST);
    assert_int_equal(count_of(id), 3);
    shared_home_drop(CHILD, object, 0, 2, 0, SHARED_LAST); /* nothing is there to go */
    assert_int_equal(count_of(id), 3);
    shared_home_leave(STRANGER);
    assert_int_equal(count_of(id), 1);
}

static void a_removed_one_goes_with_its_last_attachment(void **state)
{
    union segment_told told;
    int id = make(0600);
    (void)state;
    assert_int_equal(attach(CHILD, id, 0), 0);
    assert_int_equal(remove_by(CHILD, id), 0);
    assert_int_equal(segment_control(at(CHILD), id, IPC_STAT, &told), 0);
    assert_int_equal(told.state.shm_perm.mode, 01600);
    assert_int_equal(told.state.shm_perm.key, IPC_PRIVATE);
    assert_int_equal(segment_get(at(CHILD), KEY, SIZE, 0600), -ENOENT);
    assert_int_equal(attach(PARENT, id, 0), 0); /* by its number it still can be had */
    shared_home_leave(CHILD);
    assert_int_equal(count_of(id), 1);
    shared_home_leave(PARENT);
    assert_int_equal(count_of(id), -EINVAL);
    id = make(0600);
    assert_int_equal(remove_by(CHILD, id), 0);
    assert_int_equal(count_of(id), -EINVAL); /* that nobody had */
    assert_int_not_equal(make(0600), id);
}

static void tells_of_all(void **state)
{
    union segment_told told;
    int id = make(0600);
    (void)state;
    assert_int_equal(segment_control(at(STRANGER), 0, SEGMENT_INFO, &told), id % SEGMENTS_MAX);
    assert_int_equal(told.info.used, 1);
    assert_int_equal(told.info.total, 2);
    assert_int_equal(segment_control(at(STRANGER), 0, IPC_INFO, &told), id % SEGMENTS_MAX);
    assert_int_equal(told.limits.shmmni, SEGMENTS_MAX);
    assert_int_equal(segment_control(at(CHILD), id % SEGMENTS_MAX, SEGMENT_STAT, &told), id);
    assert_true(told.state.shm_segsz == SIZE && told.state.shm_cpid == 10 + CHILD);
    assert_int_equal(attach(PARENT, id, 0), 0);
    assert_int_equal(segment_control(at(CHILD), id, IPC_STAT, &told), 0);
    assert_int_equal(told.state.shm_lpid, 10 + PARENT);
}

/* --- what ends -------------------------------------------------------------------------------- */

static void the_end_of_numbers_and_of_memory_is_told(void **state)
{
    (void)state;
    heap_left = 0;
    assert_int_equal(segment_get(at(CHILD), IPC_PRIVATE, SIZE, 0600), -ENOMEM);
    heap_left = 1; /* the node, and not what stands for it */
    assert_int_equal(segment_get(at(CHILD), IPC_PRIVATE, SIZE, 0600), -ENOMEM);
    heap_left = SIZE_MAX;
    int id = make(0600);
    heap_left = 0;
    assert_int_equal(attach(CHILD, id, 0), -ENOMEM);
    assert_int_equal(count_of(id), 0);
    heap_left = SIZE_MAX;
    for (size_t i = 1; i < SEGMENTS_MAX; i++)
        assert_true(segment_get(at(CHILD), IPC_PRIVATE, SIZE, 0600) >= 0);
    assert_int_equal(segment_get(at(CHILD), IPC_PRIVATE, SIZE, 0600), -ENOSPC);
    assert_int_equal(remove_by(CHILD, id), 0);
    assert_int_not_equal(segment_get(at(CHILD), IPC_PRIVATE, SIZE, 0600), id);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(refuses_who_has_no_permission, start, end),
        cmocka_unit_test_setup_teardown(an_owner_and_its_creator_have_it, start, end),
        cmocka_unit_test_setup_teardown(refuses_what_is_no_segment, start, end),
        cmocka_unit_test_setup_teardown(counts_what_is_attached_in_each_process, start, end),
        cmocka_unit_test_setup_teardown(a_removed_one_goes_with_its_last_attachment, start, end),
        cmocka_unit_test_setup_teardown(tells_of_all, start, end),
        cmocka_unit_test_setup_teardown(the_end_of_numbers_and_of_memory_is_told, start, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
