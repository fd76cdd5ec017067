/* EACCEPT and EMODPE without vector registers: done where all is as it should be, and left to the
 * whole leaf, with nothing changed, where anything is not. */
#include "../check.h"

#include "enclave/model_thread.h"

#define SIZE  0x1000000
#define PAGE  SGX_PAGE_SIZE
#define INFO  (2 * (uint64_t)PAGE) /* where the secinfo lies */
#define NEW   (SGX_REGULAR | SGX_READ | SGX_WRITE | SGX_PENDING)
#define FLAGS 0xAD7 /* all that a leaf changes, and two that it does not */

static struct error err;
static struct model *model;
static struct model_thread thread;
static struct sgx_secinfo *info;
static struct model_saved saved;

static uint64_t base(void)
{
    return model->enclave.base;
}

/* A page for the secinfo, and pages of all kinds behind it. */
static int set_up(void **state)
{
    static const uint8_t fuse[MODEL_FUSE_SIZE] = {1}, page[PAGE];
    const struct sgx_secs secs = {
        .size = SIZE, .ssa_frame_size = 1, .attributes = {SGX_MODE64, SGX_XFRM_LEGACY}};
    (void)state;
    model_set_fuse(fuse);
    model = (struct model *)driver_model.create(&secs, 0, &err);
    if (!model)
        return -1;
    model->is_initialised = true;
    thread = (struct model_thread){.model = model};
    info = (struct sgx_secinfo *)(uintptr_t)(base() + INFO); /* NOLINT: the enclave's range */
    const uint64_t flags = SGX_REGULAR | SGX_READ | SGX_WRITE;
    if (model_page_put(model, INFO, page, flags, &err) < 0)
        return -1;
    model_page_at(model, INFO)->flags = (uint16_t)flags;
    *info = (struct sgx_secinfo){.flags = NEW};
    saved = (struct model_saved){
        .rax = SGX_EACCEPT, .rbx = base() + INFO, .rcx = base() + 4 * PAGE, .flags = FLAGS};
    return model_grow(&model->enclave, 4 * (uint64_t)PAGE, 4 * (uint64_t)PAGE, &err);
}

static int tear_down(void **state)
{
    (void)state;
    driver_model.free(&model->enclave);
    return 0;
}

static struct model_page *page_at(uint64_t number)
{
    return model_page_at(model, number * PAGE);
}

static void is_left(void)
{
    const struct model_saved before = saved;
    const struct model_page page = *page_at(4);
    assert_false(model_direct_quick(&saved, &thread));
    assert_memory_equal(&saved, &before, sizeof before);
    assert_memory_equal(page_at(4), &page, sizeof page);
    assert_int_equal(pthread_mutex_trylock(&model->lock), 0);
    assert_int_equal(pthread_mutex_unlock(&model->lock), 0);
}

static void is_done(uint64_t flags)
{
    assert_true(model_direct_quick(&saved, &thread));
    assert_int_equal(saved.rax, 0);
    assert_int_equal(saved.flags, FLAGS & ~MODEL_ARITHMETIC);
    assert_int_equal(page_at((saved.rcx - base()) / PAGE)->flags, flags);
    assert_true(page_at((saved.rcx - base()) / PAGE)->is_used);
}

static void accepts_what_may_be_added(void **state)
{
    (void)state;
    is_done(NEW & ~SGX_PENDING);
}

static void accepts_what_was_added_and_what_was_changed(void **state)
{
    (void)state;
    page_at(4)->flags = NEW;
    is_done(NEW & ~SGX_PENDING);
    saved.rax = SGX_EACCEPT;
    saved.flags = FLAGS;
    page_at(4)->flags = SGX_REGULAR | SGX_READ | SGX_RESTRICTED;
    info->flags = SGX_REGULAR | SGX_READ | SGX_RESTRICTED;
    is_done(SGX_REGULAR | SGX_READ);
}

static void extends_what_is_there(void **state)
{
    const uint64_t wider = SGX_REGULAR | SGX_READ | SGX_WRITE | SGX_EXECUTE;
    (void)state;
    for (uint64_t had = SGX_READ; had <= (SGX_READ | SGX_EXECUTE); had += SGX_EXECUTE) {
        page_at(4)->flags = (uint16_t)(SGX_REGULAR | had);
        info->flags = SGX_REGULAR | SGX_WRITE | SGX_EXECUTE;
        saved.rax = SGX_EMODPE;
        const struct model_saved before = saved;
        assert_true(model_direct_quick(&saved, &thread));
        assert_memory_equal(&saved, &before, sizeof before);
        assert_int_equal(page_at(4)->flags, wider);
        assert_int_equal(page_at(4)->given, 0); /* it waits for its first access */
    }
}

static void leaves_what_cannot_be_extended(void **state)
{
    static const uint64_t kinds[] = {
        0,          NEW, SGX_TCS, SGX_TRIM | SGX_MODIFIED, SGX_REGULAR | SGX_READ | SGX_MODIFIED,
        SGX_REGULAR};
    (void)state;
    saved.rax = SGX_EMODPE;
    info->flags = SGX_REGULAR | SGX_WRITE; /* of a page without an access: such cannot be */
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        page_at(4)->flags = (uint16_t)kinds[i];
        is_left();
    }
}

/* The page whose fault the thread left by: it has its access with its acceptance, and what waits
 * beside it. */
static void leaves_what_is_awaited(void **state)
{
    const uint64_t flags = SGX_REGULAR | SGX_READ | SGX_WRITE;
    (void)state;
    saved.rcx = base() + 5 * PAGE;
    is_done(flags);
    assert_int_equal(page_at(5)->given, 0);
    saved.rax = SGX_EACCEPT;
    saved.rcx = base() + 4 * PAGE;
    thread.awaited = saved.rcx;
    is_left();
    saved.rax = SGX_EMODPE;
    is_left();
    saved.rax = SGX_EACCEPT;
    info->flags = SGX_REGULAR | SGX_READ | SGX_PENDING; /* not what it is */
    assert_true(model_direct_leaf(&saved, &thread));
    assert_int_equal(saved.rax, SGX_ATTRIBUTES_MISMATCH);
    assert_int_equal(page_at(5)->given, 0);
    saved.rax = SGX_EACCEPT;
    info->flags = NEW;
    assert_true(model_direct_leaf(&saved, &thread));
    assert_int_equal(saved.rax, 0);
    assert_int_equal(page_at(4)->given, SGX_READ | SGX_WRITE);
    assert_int_equal(page_at(5)->given, SGX_READ | SGX_WRITE);
    assert_int_equal(page_at(6)->given, 0);
    assert_int_equal(thread.awaited, 0);
    *(uint64_t *)(uintptr_t)saved.rcx = 1; /* NOLINT: it can be written */
}

static void leaves_other_leaves(void **state)
{
    (void)state;
    page_at(4)->flags = SGX_REGULAR | SGX_READ;
    for (saved.rax = 0; saved.rax < 16; saved.rax++) {
        if (saved.rax != SGX_EACCEPT && saved.rax != SGX_EMODPE)
            is_left();
    }
}

static void leaves_other_places(void **state)
{
    const uint64_t places[] = {
        0, base() + 1, base() + 8, base() + SIZE, base() - PAGE, UINT64_MAX, base() + INFO + 8};
    (void)state;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        saved.rbx = places[i];
        is_left();
        saved.rbx = base() + INFO;
        saved.rcx = places[i];
        is_left();
        saved.rcx = base() + 4 * PAGE;
    }
    saved.rcx = base() + 9 * PAGE; /* none may be added there */
    is_left();
}

static void leaves_what_cannot_be_read(void **state)
{
    static const uint64_t kinds[] = {0, SGX_TCS, SGX_REGULAR | SGX_WRITE, NEW,
                                     SGX_REGULAR | SGX_READ | SGX_MODIFIED};
    struct model_page *page = page_at(INFO / PAGE);
    const struct model_page good = *page;
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        page->flags = (uint16_t)kinds[i];
        is_left();
    }
    *page = good;
    page->given = 0; /* it waits for its first access */
    is_left();
}

static void leaves_what_is_otherwise(void **state)
{
    (void)state;
    info->flags = SGX_REGULAR | SGX_READ | SGX_PENDING;
    is_left();
    info->flags = NEW;
    for (size_t i = 0; i < sizeof info->reserved; i++) {
        info->reserved[i] = 1;
        is_left();
        info->reserved[i] = 0;
    }
    page_at(4)->flags = SGX_TCS | SGX_MODIFIED;
    info->flags = SGX_TCS | SGX_MODIFIED;
    is_left();
    page_at(4)->flags = 0;
    page_at(4)->is_used = true; /* its memory is to be made zeros first */
    info->flags = NEW;
    is_left();
}

static void leaves_all_while_another_thread_has_the_lock(void **state)
{
    const struct model_saved before = saved;
    (void)state;
    assert_int_equal(pthread_mutex_lock(&model->lock), 0);
    assert_false(model_direct_quick(&saved, &thread));
    assert_int_equal(pthread_mutex_unlock(&model->lock), 0);
    assert_memory_equal(&saved, &before, sizeof before);
    assert_int_equal(page_at(4)->flags, 0);
}

#define VECTORS(move, place)                                                                       \
    __asm__ volatile(move("0") move("1") move("2") move("3") move("4") move("5") move("6")         \
                         move("7") move("8") move("9") move("10") move("11") move("12") move("13") \
                             move("14") move("15")                                                 \
                     :                                                                             \
                     : "r"(place)                                                                  \
                     : "memory")
#define LOAD(n)  "movups 16*" n "(%0), %%xmm" n "\n\t"
#define STORE(n) "movups %%xmm" n ", 16*" n "(%0)\n\t"

/* The enclave's, which nobody saves, also by the C library's lock. */
static void keeps_the_vector_registers(void **state)
{
    uint8_t before[16 * 16], behind[16 * 16];
    (void)state;
    if (IS_INSTRUMENTED)
        check_skip("these registers are the sanitizers' too");
    for (size_t i = 0; i < sizeof before; i++)
        before[i] = (uint8_t)(i + 1);
    VECTORS(LOAD, before);
    bool is_done = model_direct_quick(&saved, &thread);
    VECTORS(STORE, behind);
    assert_true(is_done);
    assert_memory_equal(behind, before, sizeof before);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(accepts_what_may_be_added),  TEST(accepts_what_was_added_and_what_was_changed),
        TEST(extends_what_is_there),      TEST(leaves_what_cannot_be_extended),
        TEST(leaves_what_is_awaited),     TEST(leaves_other_leaves),
        TEST(leaves_other_places),        TEST(leaves_what_cannot_be_read),
        TEST(leaves_what_is_otherwise),   TEST(leaves_all_while_another_thread_has_the_lock),
        TEST(keeps_the_vector_registers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
