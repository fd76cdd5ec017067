/* Memory of the model that comes in large pieces: what is given is zeros, and no more is given than
 * was accepted, whatever the pieces below are. */
#include "../check.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "enclave/model_parts.h"

#define SIZE  0x1000000 /* eight blocks */
#define BLOCK 0x200000
#define PAGE  SGX_PAGE_SIZE

static struct error err;
static struct model *model;
static int sink = -1; /* a write to it reads what is written, or fails */

static int set_up(void **state)
{
    static const uint8_t fuse[MODEL_FUSE_SIZE] = {1};
    const struct sgx_secs secs = {
        .size = SIZE, .ssa_frame_size = 1, .attributes = {SGX_MODE64, SGX_XFRM_LEGACY}};
    (void)state;
    model_set_fuse(fuse);
    model = (struct model *)driver_model.create(&secs, 0, &err);
    if (!model)
        return -1;
    model->is_initialised = true;
    sink = memfd_create("sink", MFD_CLOEXEC); /* /dev/null reads nothing */
    return sink < 0 ? -1 : model_grow(&model->enclave, 0, SIZE, &err);
}

static int tear_down(void **state)
{
    (void)state;
    driver_model.free(&model->enclave);
    return close(sink);
}

static uint8_t *at(uint64_t offset)
{
    return (uint8_t *)(uintptr_t)(model->enclave.base + offset); /* NOLINT: the enclave's range */
}

static bool can_read(uint64_t offset)
{
    return pwrite(sink, at(offset), 1, 0) == 1;
}

/* EAUG and EACCEPT of pages that follow each other; they have no access yet. */
static void accept(uint64_t offset, uint64_t size)
{
    for (uint64_t page = offset; page < offset + size; page += PAGE) {
        check_ok(model_page_add(model, page, &err), &err);
        model_page_at(model, page)->flags &= (uint16_t)~SGX_PENDING;
    }
}

static void touch(uint64_t offset)
{
    assert_int_equal(model_pages_fault(model, model->enclave.base + offset, SGX_WRITE),
                     MODEL_FAULT_WAITED);
}

/* The rest of these blocks is not there. */
static void check_given(uint64_t offset, uint64_t size)
{
    for (uint64_t page = 0; page < SIZE; page += PAGE) {
        bool is_given = page >= offset && page < offset + size;
        if (can_read(page) != is_given)
            fail_msg("the page at 0x%llx is %s", (unsigned long long)page,
                     is_given ? "not there" : "there");
        assert_true(!is_given || model_is_zero(at(page), PAGE));
    }
}

struct part {
    uint64_t offset, size;
};
static const struct part parts[] = {
    {BLOCK, BLOCK},                           /* one, whole */
    {BLOCK, BLOCK / 4},                       /* as little of it as is enough */
    {BLOCK, BLOCK / 4 - PAGE},                /* less */
    {2 * BLOCK - BLOCK / 2, BLOCK},           /* halves of two */
    {BLOCK - PAGE, BLOCK + 2 * PAGE},         /* and a page on both sides */
    {0, 2 * BLOCK},                           /* from the range's beginning */
    {SIZE - 3 * PAGE, 3 * PAGE},              /* up to its end */
    {SIZE - BLOCK - BLOCK / 2, 3 * BLOCK / 2} /* likewise */
};

static void gives_what_was_accepted_and_no_more(void **state)
{
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        for (int is_without = 0; is_without < 2; is_without++) {
            model->has_no_blocks = is_without != 0;
            accept(parts[i].offset, parts[i].size);
            check_given(0, 0);
            touch(parts[i].offset + parts[i].size / 2);
            check_given(parts[i].offset, parts[i].size);
            assert_int_equal(tear_down(state), 0);
            assert_int_equal(set_up(state), 0);
        }
    }
}

/* What comes beside them later has a memory of its own, and takes nothing away. */
static void keeps_what_is_there(void **state)
{
    const uint64_t half = BLOCK / 2;
    (void)state;
    accept(BLOCK, half);
    touch(BLOCK);
    memset(at(BLOCK), 0xA5, half);
    accept(BLOCK + half, half + BLOCK);
    touch(BLOCK + half);
    for (uint64_t page = 0; page < half; page += PAGE)
        assert_int_equal(*at(BLOCK + page), 0xA5);
    assert_true(model_is_zero(at(BLOCK + half), half + BLOCK));
    assert_false(can_read(BLOCK - PAGE) || can_read(3 * BLOCK));
}

/* A page that was given alone, and one that is no regular one. */
static void leaves_blocks_alone_that_have_something(void **state)
{
    (void)state;
    accept(BLOCK + 7 * PAGE, PAGE);
    touch(BLOCK + 7 * PAGE);
    *at(BLOCK + 7 * PAGE) = 0x77;
    model_page_at(model, 3 * BLOCK)->flags = SGX_VA;
    accept(BLOCK + 8 * PAGE, BLOCK);
    accept(3 * BLOCK + PAGE, BLOCK / 2);
    touch(BLOCK + 8 * PAGE);
    touch(3 * BLOCK + PAGE);
    assert_int_equal(*at(BLOCK + 7 * PAGE), 0x77);
    assert_true(model_is_zero(at(BLOCK + 8 * PAGE), BLOCK));
    assert_false(can_read(BLOCK + 6 * PAGE) || can_read(3 * BLOCK));
}

/* A page of it that goes is zeros when it comes again. */
static void pages_of_a_block_go(void **state)
{
    (void)state;
    accept(BLOCK, BLOCK);
    touch(BLOCK);
    memset(at(BLOCK), 0xA5, BLOCK);
    uint64_t gone = BLOCK + 5 * PAGE;
    check_ok(model_set_type(&model->enclave, gone, PAGE, SGX_TRIM, &err), &err);
    assert_false(can_read(gone));
    model_page_at(model, gone)->flags &= (uint16_t)~SGX_MODIFIED;
    check_ok(model_remove(&model->enclave, gone, PAGE, &err), &err);
    check_ok(model_grow(&model->enclave, gone, PAGE, &err), &err);
    accept(gone, PAGE);
    touch(gone);
    assert_true(model_is_zero(at(gone), PAGE));
    assert_int_equal(*at(gone - 1), 0xA5);
    assert_int_equal(*at(gone + PAGE), 0xA5);
}

static void is_in_no_child(void **state)
{
    int status;
    (void)state;
    accept(BLOCK, BLOCK);
    touch(BLOCK);
    *at(BLOCK) = 1;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(can_read(BLOCK) || can_read(2 * BLOCK - PAGE));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(gives_what_was_accepted_and_no_more, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keeps_what_is_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(leaves_blocks_alone_that_have_something, set_up, tear_down),
        cmocka_unit_test_setup_teardown(pages_of_a_block_go, set_up, tear_down),
        cmocka_unit_test_setup_teardown(is_in_no_child, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
