/* The hardware's driver against a kernel that is played: what it asks for, and what it makes of
 * every answer. The numbers are compared with the kernel's own header. */
#include "../check.h"

#include <asm/sgx.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "enclave/hardware.h"
#include "enclave/hardware_ioctl.h"
#include "enclave/hardware_signal.h"

static struct error err;

static void has_the_numbers_of_the_kernels_header(void **state)
{
    (void)state;
    assert_int_equal(HARDWARE_CREATE, SGX_IOC_ENCLAVE_CREATE);
    assert_int_equal(HARDWARE_ADD, SGX_IOC_ENCLAVE_ADD_PAGES);
    assert_int_equal(HARDWARE_INIT, SGX_IOC_ENCLAVE_INIT);
    assert_int_equal(HARDWARE_RESTRICT, SGX_IOC_ENCLAVE_RESTRICT_PERMISSIONS);
    assert_int_equal(HARDWARE_TYPE, SGX_IOC_ENCLAVE_MODIFY_TYPES);
    assert_int_equal(HARDWARE_REMOVE, SGX_IOC_ENCLAVE_REMOVE_PAGES);
    assert_int_equal(HARDWARE_MEASURE, SGX_PAGE_MEASURE);
    assert_int_equal(offsetof(struct hardware_add, count),
                     offsetof(struct sgx_enclave_add_pages, count));
    assert_int_equal(offsetof(struct hardware_add, secinfo),
                     offsetof(struct sgx_enclave_add_pages, secinfo));
    assert_int_equal(offsetof(struct hardware_change, value),
                     offsetof(struct sgx_enclave_modify_types, page_type));
    assert_int_equal(offsetof(struct hardware_change, value),
                     offsetof(struct sgx_enclave_restrict_permissions, permissions));
    assert_int_equal(offsetof(struct hardware_change, result),
                     offsetof(struct sgx_enclave_modify_types, result));
    assert_int_equal(offsetof(struct hardware_remove, count),
                     offsetof(struct sgx_enclave_remove_pages, count));
    assert_int_equal(sizeof(struct enclave_run), sizeof(struct sgx_enclave_run));
    assert_int_equal(offsetof(struct enclave_run, leaf),
                     offsetof(struct sgx_enclave_run, function));
    assert_int_equal(offsetof(struct enclave_run, exception_vector),
                     offsetof(struct sgx_enclave_run, exception_vector));
    assert_int_equal(offsetof(struct enclave_run, exception_code),
                     offsetof(struct sgx_enclave_run, exception_error_code));
    assert_int_equal(offsetof(struct enclave_run, exception_address),
                     offsetof(struct sgx_enclave_run, exception_addr));
    assert_int_equal(offsetof(struct enclave_run, user_handler),
                     offsetof(struct sgx_enclave_run, user_handler));
}

#define SIZE    0x10000
#define STEPS   16
#define REFUSED UINT64_MAX

/* The kernel that is played: an answer a request, in their order. */
static struct {
    struct {
        int failure;     /* errno, or 0 */
        uint64_t count;  /* bytes that it counts; REFUSED: all that is asked for */
        uint64_t result; /* of the processor */
    } steps[STEPS];
    size_t step;
    int open_failure;
    bool no_entry;
    bool no_memory;
    unsigned long last;
    uint64_t offsets[STEPS], sizes[STEPS], flags, values[STEPS];
    uint8_t first[STEPS]; /* byte of what is added */
    struct sgx_secs secs;
    int open, mapped;
    size_t map_count;
    struct {
        uint64_t offset, size;
        int protection;
    } maps[STEPS];
    struct enclave *enclave;
} kernel;

static int play_open(const char *path, int flags)
{
    assert_string_equal(path, "/dev/sgx_enclave");
    assert_int_equal(flags & O_ACCMODE, O_RDWR);
    errno = kernel.open_failure;
    kernel.open += kernel.open_failure == 0;
    return kernel.open_failure ? -1 : 77;
}

static int play_close(int fd)
{
    assert_int_equal(fd, 77);
    kernel.open--;
    return 0;
}

static void see_change(unsigned long number, void *argument, size_t step)
{
    if (number == HARDWARE_ADD) {
        struct hardware_add *request = argument;
        const struct sgx_secinfo *info = (const struct sgx_secinfo *)(uintptr_t)request->secinfo;
        assert_int_equal(request->source % SGX_PAGE_SIZE, 0);
        assert_int_equal(request->secinfo % 64, 0);
        kernel.offsets[step] = request->offset;
        kernel.sizes[step] = request->size;
        kernel.values[step] = info->flags;
        kernel.flags = request->flags;
        kernel.first[step] = *(const uint8_t *)(uintptr_t)request->source;
        request->count = kernel.steps[step].count == REFUSED ? request->size
                                                             : kernel.steps[step].count;
    } else if (number == HARDWARE_REMOVE) {
        struct hardware_remove *request = argument;
        kernel.offsets[step] = request->offset;
        kernel.sizes[step] = request->size;
        request->count = kernel.steps[step].count == REFUSED ? request->size
                                                             : kernel.steps[step].count;
    } else {
        struct hardware_change *request = argument;
        kernel.offsets[step] = request->offset;
        kernel.sizes[step] = request->size;
        kernel.values[step] = request->value;
        request->result = kernel.steps[step].result;
        request->count = kernel.steps[step].count == REFUSED ? request->size
                                                             : kernel.steps[step].count;
    }
}

static int play_ioctl(int fd, unsigned long number, void *argument)
{
    size_t step = kernel.step < STEPS - 1 ? kernel.step++ : STEPS - 1;
    assert_int_equal(fd, 77);
    kernel.last = number;
    if (number == HARDWARE_CREATE)
        kernel.secs =
            *(const struct sgx_secs *)(uintptr_t)((const struct hardware_create *)argument)->secs;
    else if (number != HARDWARE_INIT)
        see_change(number, argument, step);
    errno = kernel.steps[step].failure;
    return kernel.steps[step].failure ? -1 : 0;
}

static void *play_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
    if (kernel.no_memory) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    if (fd < 0) {
        kernel.mapped++;
        return mmap(address, size, protection, flags, fd, offset);
    }
    assert_true((flags & MAP_FIXED) && (flags & MAP_SHARED));
    kernel.maps[kernel.map_count].offset = (uint64_t)(uintptr_t)address - kernel.secs.base;
    kernel.maps[kernel.map_count].size = size;
    kernel.maps[kernel.map_count++].protection = protection;
    return address;
}

static const void *play_entry(struct error *error)
{
    if (kernel.no_entry)
        (void)error_set(error, ERROR_UNAVAILABLE, "no entry");
    return kernel.no_entry ? NULL : &kernel;
}

static const struct hardware_calls calls = {play_open, play_close, play_ioctl,
                                            play_mmap, munmap,     play_entry};

static void begin(void)
{
    memset(&kernel, 0, sizeof kernel);
    for (size_t i = 0; i < STEPS; i++)
        kernel.steps[i].count = REFUSED;
}

static const struct sgx_secs good_secs = {
    .size = SIZE, .ssa_frame_size = 1, .attributes = {SGX_MODE64, SGX_XFRM_LEGACY}};

static void create(void)
{
    begin();
    kernel.enclave = driver_hardware.create(&good_secs, 0, &err);
    if (!kernel.enclave)
        fail_msg("%s", err.text);
    kernel.step = 0;
}

static void end(void)
{
    driver_hardware.free(kernel.enclave);
    assert_int_equal(kernel.open, 0);
}

static void refuse_create(enum error_code code)
{
    err = (struct error){0};
    assert_null(driver_hardware.create(&good_secs, 0, &err));
    assert_int_equal(err.code, code);
    assert_int_equal(kernel.open, 0);
}

static void creates_at_a_multiple_of_the_size(void **state)
{
    (void)state;
    create();
    assert_int_equal(kernel.enclave->base % SIZE, 0);
    assert_int_equal(kernel.secs.base, kernel.enclave->base);
    assert_int_equal(kernel.secs.size, SIZE);
    assert_false(kernel.enclave->driver->is_simulated);
    end();
}

static void says_why_there_is_no_enclave(void **state)
{
    (void)state;
    static const int absent[] = {ENOENT, ENODEV, ENXIO};
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++) {
        begin();
        kernel.open_failure = absent[i];
        refuse_create(ERROR_UNAVAILABLE);
    }
    begin();
    kernel.open_failure = EACCES;
    refuse_create(ERROR_SYSTEM);
    begin();
    kernel.no_entry = true;
    refuse_create(ERROR_UNAVAILABLE);
    begin();
    kernel.no_memory = true;
    refuse_create(ERROR_SYSTEM);
    begin();
    kernel.steps[0].failure = EINVAL;
    refuse_create(ERROR_INVALID);
    begin();
    kernel.steps[0].failure = ENOMEM;
    refuse_create(ERROR_SYSTEM);
    static const uint64_t sizes[] = {0, 0x1000, 0x18000, UINT64_C(1) << 37};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct sgx_secs secs = good_secs;
        secs.size = sizes[i];
        begin();
        assert_null(driver_hardware.create(&secs, 0, &err));
        assert_int_equal(kernel.step, 0);
    }
}

static uint8_t bytes[4 * SGX_PAGE_SIZE];
static const struct enclave_pages four = {0x2000, sizeof bytes, 0x205, {bytes, sizeof bytes}, true};

static void goes_on_where_the_kernel_stopped(void **state)
{
    (void)state;
    for (size_t i = 0; i < 4; i++)
        memset(bytes + i * SGX_PAGE_SIZE, (int)(i + 1), SGX_PAGE_SIZE);
    create();
    kernel.steps[0].failure = EINTR; /* before it did anything */
    kernel.steps[0].count = 0;
    kernel.steps[1].failure = EINTR;
    kernel.steps[1].count = 0x1000;
    kernel.steps[2].count = 0x2000; /* success, and less than all */
    check_ok(driver_hardware.add(kernel.enclave, &four, &err), &err);
    assert_int_equal(kernel.step, 4);
    const uint64_t offsets[] = {0x2000, 0x2000, 0x3000, 0x5000};
    const uint64_t sizes[] = {0x4000, 0x4000, 0x3000, 0x1000};
    const uint8_t first[] = {1, 1, 2, 4};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(kernel.offsets[i], offsets[i]);
        assert_int_equal(kernel.sizes[i], sizes[i]);
        assert_int_equal(kernel.first[i], first[i]);
        assert_int_equal(kernel.values[i], 0x205);
    }
    assert_int_equal(kernel.flags, HARDWARE_MEASURE);
    end();
}

static void adds_zeros_unmeasured(void **state)
{
    (void)state;
    const struct enclave_pages zeros = {0, 0x280000, 0x203, {NULL, 0}, false};
    create();
    check_ok(driver_hardware.add(kernel.enclave, &zeros, &err), &err);
    assert_int_equal(kernel.step, 3); /* a MiB at a time */
    assert_int_equal(kernel.sizes[2], 0x80000);
    assert_int_equal(kernel.offsets[2], 0x200000);
    assert_int_equal(kernel.flags, 0);
    end();
}

static void refuses_what_a_kernel_should_not_answer(void **state)
{
    (void)state;
    static const struct {
        int failure;
        uint64_t count;
        enum error_code code;
    } cases[] = {
        {0, 0, ERROR_PROTOCOL},          {0, 0x5000, ERROR_PROTOCOL}, {0, 0x800, ERROR_PROTOCOL},
        {EINTR, 0x5000, ERROR_PROTOCOL}, {EINVAL, 0, ERROR_SYSTEM},   {EACCES, 0, ERROR_SYSTEM},
        {ENOMEM, 0x1000, ERROR_SYSTEM},  {EIO, 0, ERROR_SYSTEM},      {EFAULT, 0, ERROR_SYSTEM},
        {EBUSY, 0, ERROR_SYSTEM},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        create();
        kernel.steps[0].failure = cases[i].failure;
        kernel.steps[0].count = cases[i].count;
        check_error(driver_hardware.add(kernel.enclave, &four, &err), &err, cases[i].code);
        end();
    }
    create();
    const struct enclave_pages odd = {0, 0x1000, 0x203, {bytes, 0x800}, false};
    check_error(driver_hardware.add(kernel.enclave, &odd, &err), &err, ERROR_INVALID);
    assert_int_equal(kernel.step, 0);
    end();
}

static void maps_pages_once_they_are_initialised(void **state)
{
    (void)state;
    static const uint8_t sigstruct[SIGSTRUCT_SIZE];
    const struct enclave_pages tcs = {0, 0x1000, SGX_TCS, {bytes, 0x1000}, true};
    create();
    check_ok(driver_hardware.add(kernel.enclave, &tcs, &err), &err);
    check_ok(driver_hardware.add(kernel.enclave, &four, &err), &err);
    assert_int_equal(kernel.map_count, 0);
    kernel.steps[2].failure = EINTR;
    check_ok(driver_hardware.init(kernel.enclave, sigstruct, &err), &err);
    assert_int_equal(kernel.step, 4);
    assert_int_equal(kernel.map_count, 2);
    assert_int_equal(kernel.maps[0].protection, PROT_READ | PROT_WRITE);
    assert_int_equal(kernel.maps[1].offset, 0x2000);
    assert_int_equal(kernel.maps[1].size, sizeof bytes);
    assert_int_equal(kernel.maps[1].protection, PROT_READ | PROT_EXEC);
    check_error(driver_hardware.init(kernel.enclave, sigstruct, &err), &err, ERROR_REFUSED);
    check_error(driver_hardware.add(kernel.enclave, &four, &err), &err, ERROR_INVALID);
    assert_int_equal(kernel.step, 4);
    end();
}

static void says_why_einit_is_refused(void **state)
{
    (void)state;
    static const uint8_t sigstruct[SIGSTRUCT_SIZE];
    static const struct {
        int failure;
        enum error_code code;
    } cases[] = {{EPERM, ERROR_REFUSED},
                 {EACCES, ERROR_REFUSED},
                 {EINVAL, ERROR_REFUSED},
                 {EIO, ERROR_SYSTEM}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        create();
        kernel.steps[0].failure = cases[i].failure;
        check_error(driver_hardware.init(kernel.enclave, sigstruct, &err), &err, cases[i].code);
        assert_int_equal(kernel.map_count, 0);
        end();
    }
}

static void changes_pages_and_tells_what_the_processor_says(void **state)
{
    (void)state;
    create();
    kernel.steps[0].count = 0x1000;
    kernel.steps[0].failure = EAGAIN;
    check_ok(driver_hardware.restrict_access(kernel.enclave, 0x1000, 0x3000, SGX_READ, &err), &err);
    assert_int_equal(kernel.step, 2);
    assert_int_equal(kernel.offsets[1], 0x2000);
    assert_int_equal(kernel.sizes[1], 0x2000);
    assert_int_equal(kernel.values[1], SGX_READ);
    check_ok(driver_hardware.set_type(kernel.enclave, 0, 0x1000, SGX_TRIM, &err), &err);
    assert_int_equal(kernel.values[2], 4); /* without the shift */
    check_ok(driver_hardware.remove(kernel.enclave, 0, 0x1000, &err), &err);
    kernel.steps[4].result = SGX_NOT_MODIFIABLE;
    kernel.steps[4].failure = EFAULT;
    check_refused(driver_hardware.set_type(kernel.enclave, 0, 0x1000, SGX_TCS, &err), &err, "20");
    check_error(driver_hardware.set_type(kernel.enclave, 0, 0x1000, SGX_REGULAR, &err), &err,
                ERROR_INVALID);
    check_error(driver_hardware.restrict_access(kernel.enclave, 0, 0x1000, SGX_WRITE, &err), &err,
                ERROR_INVALID);
    check_error(driver_hardware.remove(kernel.enclave, SIZE, 0x1000, &err), &err, ERROR_INVALID);
    check_error(driver_hardware.grow(kernel.enclave, 1, 0x1000, &err), &err, ERROR_INVALID);
    assert_int_equal(kernel.step, 5);
    check_ok(driver_hardware.grow(kernel.enclave, 0x8000, 0x1000, &err), &err);
    assert_int_equal(kernel.maps[0].offset, 0x8000);
    end();
}

static void knows_a_thread_that_was_interrupted_inside(void **state)
{
    (void)state;
    static const uint8_t entry[512 + 3] = {
        [16] = 0x0F, [17] = 0x01, [18] = 0xD7, [512] = 0x0F, [513] = 0x01, [514] = 0xD7};
    const uint64_t at = (uintptr_t)entry;
    assert_true(hardware_is_at_aep(entry, at + 16, SGX_ERESUME));
    assert_false(hardware_is_at_aep(entry, at + 16, SGX_EENTER)); /* about to enter */
    assert_false(hardware_is_at_aep(entry, at + 17, SGX_ERESUME));
    assert_false(hardware_is_at_aep(entry, at + 512, SGX_ERESUME));
    assert_false(hardware_is_at_aep(entry, at - 1, SGX_ERESUME));
    assert_false(hardware_is_at_aep(NULL, 16, SGX_ERESUME));
}

/* With the system's own calls: the vDSO of this kernel is read. */
static void says_that_a_machine_without_sgx_has_none(void **state)
{
    (void)state;
    if (access(HARDWARE_DEVICE, F_OK) == 0)
        check_skip(HARDWARE_DEVICE " is there");
    hardware_set_calls(NULL);
    err = (struct error){0};
    assert_null(driver_hardware.create(&good_secs, 0, &err));
    assert_int_equal(err.code, ERROR_UNAVAILABLE);
    hardware_set_calls(&calls);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_the_numbers_of_the_kernels_header),
        cmocka_unit_test(creates_at_a_multiple_of_the_size),
        cmocka_unit_test(says_why_there_is_no_enclave),
        cmocka_unit_test(goes_on_where_the_kernel_stopped),
        cmocka_unit_test(adds_zeros_unmeasured),
        cmocka_unit_test(refuses_what_a_kernel_should_not_answer),
        cmocka_unit_test(maps_pages_once_they_are_initialised),
        cmocka_unit_test(says_why_einit_is_refused),
        cmocka_unit_test(changes_pages_and_tells_what_the_processor_says),
        cmocka_unit_test(knows_a_thread_that_was_interrupted_inside),
        cmocka_unit_test(says_that_a_machine_without_sgx_has_none),
    };
    hardware_set_calls(&calls);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
