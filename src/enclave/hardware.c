#include "enclave/hardware.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include "enclave/hardware_ioctl.h"
#include "enclave/hardware_signal.h"
#include "enclave/vdso.h"
#include "measure/sgxs.h"

#define ENTRY_NAME  "__vdso_sgx_enter_enclave"
#define ZEROS_SIZE  (1U << 20) /* bytes of zeros that are added at once */
#define RANGES_MAX  8192       /* runs of pages of one access */
#define RETRIES_MAX 1000000U   /* of a request that a signal interrupts before it did anything */

struct range {
    uint64_t offset, size, flags;
};

struct hardware {
    struct enclave enclave; /* first */
    struct hardware_calls calls;
    int fd;
    const void *entry;
    struct range *ranges; /* to be mapped once the enclave is initialised */
    size_t range_count;
    bool is_initialised;
};

static int system_open(const char *path, int flags)
{
    return open(path, flags | O_CLOEXEC);
}

static int system_ioctl(int fd, unsigned long request, void *argument)
{
    return ioctl(fd, request, argument);
}

/* The vDSO ends within its mapping; what lies behind cannot be read, so its own table of sections
 * bounds it: that is its last part. */
static const void *find_entry(struct error *err)
{
    const uint8_t *image = (const uint8_t *)getauxval(AT_SYSINFO_EHDR); /* NOLINT: an address */
    uint64_t table = 0;
    uint16_t count = 0;
    uint64_t offset;
    if (!image) {
        (void)error_set(err, ERROR_UNAVAILABLE, "this process has no vDSO");
        return NULL;
    }
    memcpy(&table, image + 40, sizeof table);
    memcpy(&count, image + 60, sizeof count);
    uint64_t size = table <= VDSO_SIZE_MAX ? table + (uint64_t)count * 64 : 0;
    if (size > VDSO_SIZE_MAX || vdso_find(span_of(image, size), ENTRY_NAME, &offset, NULL) < 0) {
        (void)error_set(err, ERROR_UNAVAILABLE,
                        "no SGX on this machine: its kernel's vDSO has no " ENTRY_NAME
                        " (an SGX that is simulated has to be asked for by name)");
        return NULL;
    }
    return image + offset;
}

static const struct hardware_calls system_calls = {
    .open = system_open,
    .close = close,
    .ioctl = system_ioctl,
    .mmap = mmap,
    .munmap = munmap,
    .find_entry = find_entry,
};
static const struct hardware_calls *chosen = &system_calls;

void hardware_set_calls(const struct hardware_calls *calls)
{
    chosen = calls ? calls : &system_calls;
}

static struct hardware *hardware_of(struct enclave *enclave)
{
    return (struct hardware *)enclave;
}

static void *address_of(const struct hardware *hardware, uint64_t offset)
{
    return (void *)(uintptr_t)(hardware->enclave.base + offset); /* NOLINT: the enclave's range */
}

static uint64_t number_of(const void *address)
{
    return (uint64_t)(uintptr_t)address;
}

static void hardware_free(struct enclave *enclave)
{
    struct hardware *hardware = hardware_of(enclave);
    if (!hardware)
        return;
    if (enclave->size > 0)
        (void)hardware->calls.munmap(address_of(hardware, 0), enclave->size);
    if (hardware->fd >= 0)
        (void)hardware->calls.close(hardware->fd);
    free(hardware->ranges);
    free(hardware);
}

/* --- ECREATE ---------------------------------------------------------------------------------- */

static int open_device(struct hardware *hardware, struct error *err)
{
    hardware->entry = hardware->calls.find_entry(err);
    hardware_signals_enter_at(hardware->entry);
    if (!hardware->entry)
        return -1;
    hardware->fd = hardware->calls.open(HARDWARE_DEVICE, O_RDWR);
    if (hardware->fd >= 0)
        return 0;
    if (errno == ENOENT || errno == ENODEV || errno == ENXIO)
        return error_set(err, ERROR_UNAVAILABLE,
                         HARDWARE_DEVICE " is not there: no SGX on this machine, or not enabled by "
                                         "its firmware (an SGX that is simulated has to be asked "
                                         "for by name)");
    return error_system(err, errno, HARDWARE_DEVICE);
}

/* Addresses that are a multiple of the size: of twice as many, the rest is given back. */
static bool reserve_low(struct hardware *hardware, uint64_t size)
{
    void *at = (void *)(uintptr_t)DRIVER_LOWEST; /* NOLINT */
    void *got = hardware->calls.mmap(
        at, size - DRIVER_LOWEST, PROT_NONE,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    if (got != at)
        return false;
    hardware->enclave.size = size;
    return true;
}

static int reserve(struct hardware *hardware, uint64_t size, uint64_t lowest, struct error *err)
{
    const struct hardware_calls *calls = &hardware->calls;
    if (lowest >= DRIVER_LOWEST && size > DRIVER_LOWEST && reserve_low(hardware, size))
        return 0;
    void *all = calls->mmap(NULL, 2 * size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                            -1, 0);
    if (all == MAP_FAILED)
        return error_system(err, errno, "addresses for an enclave of 0x%llx bytes",
                            (unsigned long long)size);
    uint64_t first = number_of(all);
    uint64_t base = (first + size - 1) & ~(size - 1);
    if (base > first)
        (void)calls->munmap(all, base - first);
    (void)calls->munmap((uint8_t *)all + (base - first) + size, first + size - base);
    hardware->enclave.base = base;
    hardware->enclave.size = size;
    return 0;
}

static int create(struct hardware *hardware, const struct sgx_secs *wanted, uint64_t lowest,
                  struct error *err)
{
    _Alignas(SGX_PAGE_SIZE) struct sgx_secs secs = *wanted;
    struct hardware_create request = {.secs = number_of(&secs)};
    if (secs.size < 2 * (uint64_t)SGX_PAGE_SIZE || (secs.size & (secs.size - 1)) != 0 ||
        secs.size > SGXS_ELRANGE_MAX)
        return error_set(err, ERROR_INVALID,
                         "ECREATE: the size is no power of two from 8 KiB to 64 GiB");
    if (open_device(hardware, err) < 0 || reserve(hardware, secs.size, lowest, err) < 0)
        return -1;
    secs.base = hardware->enclave.base;
    if (hardware->calls.ioctl(hardware->fd, HARDWARE_CREATE, &request) == 0)
        return 0;
    if (errno == EINVAL)
        return error_set(err, ERROR_INVALID,
                         "ECREATE: the kernel refuses the SECS: a size, an attribute (KSS needs a "
                         "processor that has it) or a register set that this machine has not");
    return error_system(err, errno, "ECREATE");
}

static struct enclave *hardware_create(const struct sgx_secs *secs, uint64_t first,
                                       struct error *err)
{
    struct hardware *hardware = calloc(1, sizeof *hardware);
    if (!hardware) {
        (void)error_memory(err);
        return NULL;
    }
    hardware->enclave.driver = &driver_hardware;
    hardware->calls = *chosen;
    hardware->fd = -1;
    if (create(hardware, secs, first, err) < 0) {
        hardware_free(&hardware->enclave);
        return NULL;
    }
    return &hardware->enclave;
}

/* --- EADD, EEXTEND, EINIT --------------------------------------------------------------------- */

/* How a request that did only a part of its work went on; `done` is the kernel's count. EINTR and
 * EAGAIN with a count, and success with less than all, go on from there; what the kernel counts
 * beyond the request, or no whole page, is refused. */
static int advance(uint64_t done, uint64_t *left, unsigned *retries, int failure, const char *what,
                   struct error *err)
{
    bool again = failure == EINTR || failure == EAGAIN;
    if (failure != 0 && !again)
        return error_system(err, failure, "%s", what);
    if (done > *left || done % SGX_PAGE_SIZE != 0)
        return error_set(err, ERROR_PROTOCOL, "%s: the kernel counts 0x%llx bytes of 0x%llx", what,
                         (unsigned long long)done, (unsigned long long)*left);
    if (done == 0 && (!again || ++*retries > RETRIES_MAX))
        return error_set(err, ERROR_PROTOCOL, "%s: the kernel does not go on", what);
    *left -= done;
    return 0;
}

static int add(struct hardware *hardware, const struct enclave_pages *pages, const void *source,
               uint64_t from, uint64_t size, struct error *err)
{
    struct sgx_secinfo secinfo = {.flags = pages->flags};
    unsigned retries = 0;
    uint64_t left = size;
    while (left > 0) {
        uint64_t done = size - left;
        struct hardware_add request = {.source = number_of(source) + done,
                                       .offset = pages->offset + from + done,
                                       .size = left,
                                       .secinfo = number_of(&secinfo),
                                       .flags = pages->is_measured ? HARDWARE_MEASURE : 0};
        int failure = hardware->calls.ioctl(hardware->fd, HARDWARE_ADD, &request) < 0 ? errno : 0;
        if (advance(request.count, &left, &retries, failure, "EADD", err) < 0)
            return -1;
    }
    return 0;
}

static int add_zeros(struct hardware *hardware, const struct enclave_pages *pages,
                     struct error *err)
{
    int result = 0;
    uint64_t size = pages->size < ZEROS_SIZE ? pages->size : ZEROS_SIZE;
    void *zeros = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (zeros == MAP_FAILED)
        return error_system(err, errno, "pages of zeros");
    for (uint64_t at = 0; result == 0 && at < pages->size; at += size) {
        uint64_t part = pages->size - at < size ? pages->size - at : size;
        result = add(hardware, pages, zeros, at, part, err);
    }
    (void)munmap(zeros, size);
    return result;
}

/* The kernel takes addresses that are multiples of a page. */
static int add_bytes(struct hardware *hardware, const struct enclave_pages *pages,
                     struct error *err)
{
    void *copy = mmap(NULL, pages->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                      0);
    if (copy == MAP_FAILED)
        return error_system(err, errno, "a copy of pages");
    memcpy(copy, pages->bytes.data, pages->size);
    int result = add(hardware, pages, copy, 0, pages->size, err);
    (void)munmap(copy, pages->size);
    return result;
}

static int remember(struct hardware *hardware, const struct enclave_pages *pages, struct error *err)
{
    if (hardware->range_count == RANGES_MAX)
        return error_set(err, ERROR_LIMIT, "more than %d runs of pages", RANGES_MAX);
    if (!hardware->ranges)
        hardware->ranges = calloc(RANGES_MAX, sizeof *hardware->ranges);
    if (!hardware->ranges)
        return error_memory(err);
    hardware->ranges[hardware->range_count++] = (struct range){pages->offset, pages->size,
                                                               pages->flags};
    return 0;
}

static int hardware_add(void *enclave, const struct enclave_pages *pages, struct error *err)
{
    struct hardware *hardware = hardware_of(enclave);
    bool whole = pages->bytes.size == pages->size ||
                 (pages->bytes.size == 0 && !pages->is_measured);
    if (hardware->is_initialised)
        return error_set(err, ERROR_INVALID, "EADD: the enclave is initialised");
    if (!whole || pages->size == 0 || pages->size % SGX_PAGE_SIZE != 0)
        return error_set(err, ERROR_INVALID, "EADD: %zu bytes for 0x%llx", pages->bytes.size,
                         (unsigned long long)pages->size);
    if (remember(hardware, pages, err) < 0)
        return -1;
    return (pages->bytes.size > 0 ? add_bytes : add_zeros)(hardware, pages, err);
}

/* A TCS wants reading and writing: the processor does both. */
static int map(struct hardware *hardware, const struct range *range, struct error *err)
{
    uint64_t access = range->flags == SGX_TCS ? SGX_READ | SGX_WRITE : range->flags;
    int protection = ((access & SGX_READ) ? PROT_READ : 0) |
                     ((access & SGX_WRITE) ? PROT_WRITE : 0) |
                     ((access & SGX_EXECUTE) ? PROT_EXEC : 0);
    void *want = address_of(hardware, range->offset);
    void *got = hardware->calls.mmap(want, range->size, protection, MAP_SHARED | MAP_FIXED,
                                     hardware->fd, 0);
    if (got == MAP_FAILED)
        return error_system(err, errno, "the enclave's pages at 0x%llx",
                            (unsigned long long)range->offset);
    return 0;
}

static int hardware_init(struct enclave *enclave, const uint8_t sigstruct[SIGSTRUCT_SIZE],
                         struct error *err)
{
    struct hardware *hardware = hardware_of(enclave);
    _Alignas(SGX_PAGE_SIZE) uint8_t copy[SGX_PAGE_SIZE] = {0};
    struct hardware_init request = {.sigstruct = number_of(copy)};
    memcpy(copy, sigstruct, SIGSTRUCT_SIZE);
    if (hardware->is_initialised)
        return error_set(err, ERROR_REFUSED, "EINIT: the enclave is initialised already");
    unsigned retries = 0;
    while (hardware->calls.ioctl(hardware->fd, HARDWARE_INIT, &request) < 0) {
        if (errno == EINTR && ++retries <= RETRIES_MAX)
            continue;
        if (errno == EPERM || errno == EACCES || errno == EINVAL)
            return error_set(err, ERROR_REFUSED,
                             "EINIT: the processor or the kernel refuses the signature (%s)",
                             errno == EPERM    ? "signature, measurement or attributes"
                             : errno == EACCES ? "an attribute that is not allowed here"
                                               : "its form, or the enclave's state");
        return error_system(err, errno, "EINIT");
    }
    hardware->is_initialised = true;
    for (size_t i = 0; i < hardware->range_count; i++) {
        if (map(hardware, &hardware->ranges[i], err) < 0)
            return -1;
    }
    return 0;
}

/* --- entering, changing ----------------------------------------------------------------------- */

static int hardware_enter(struct enclave *enclave, struct enclave_registers *registers,
                          enum sgx_leaf leaf, struct enclave_run *run)
{
    return enclave_cross(hardware_of(enclave)->entry, registers, leaf, run);
}

static int check_range(const struct enclave *enclave, uint64_t offset, uint64_t size,
                       struct error *err)
{
    if (offset % SGX_PAGE_SIZE != 0 || size % SGX_PAGE_SIZE != 0 || size == 0 ||
        offset >= enclave->size || size > enclave->size - offset)
        return error_set(err, ERROR_INVALID, "0x%llx bytes at 0x%llx are no pages of the enclave",
                         (unsigned long long)size, (unsigned long long)offset);
    return 0;
}

/* Pages come by the fault of the EACCEPT. */
static int hardware_grow(struct enclave *enclave, uint64_t offset, uint64_t size, struct error *err)
{
    const struct range range = {offset, size, SGX_REGULAR | SGX_READ | SGX_WRITE};
    if (check_range(enclave, offset, size, err) < 0)
        return -1;
    return map(hardware_of(enclave), &range, err);
}

static int change(struct enclave *enclave, unsigned long number, const char *what,
                  struct hardware_change wanted, struct error *err)
{
    struct hardware *hardware = hardware_of(enclave);
    unsigned retries = 0;
    uint64_t left = wanted.size;
    if (check_range(enclave, wanted.offset, wanted.size, err) < 0)
        return -1;
    while (left > 0) {
        struct hardware_change request = wanted;
        request.offset += wanted.size - left;
        request.size = left;
        int failure = hardware->calls.ioctl(hardware->fd, number, &request) < 0 ? errno : 0;
        if (request.result != 0)
            return error_set(err, ERROR_REFUSED, "%s: the processor answers %llu", what,
                             (unsigned long long)request.result);
        if (advance(request.count, &left, &retries, failure, what, err) < 0)
            return -1;
    }
    return 0;
}

static int hardware_restrict(struct enclave *enclave, uint64_t offset, uint64_t size,
                             uint64_t access, struct error *err)
{
    const struct hardware_change wanted = {.offset = offset, .size = size, .value = access};
    if ((access & ~SGX_ACCESS) != 0 || (access & (SGX_READ | SGX_WRITE)) == SGX_WRITE)
        return error_set(err, ERROR_INVALID, "an access of 0x%llx cannot be",
                         (unsigned long long)access);
    return change(enclave, HARDWARE_RESTRICT, "EMODPR", wanted, err);
}

static int hardware_set_type(struct enclave *enclave, uint64_t offset, uint64_t size, uint64_t type,
                             struct error *err)
{
    const struct hardware_change wanted = {.offset = offset, .size = size, .value = type >> 8};
    if (type != SGX_TCS && type != SGX_TRIM)
        return error_set(err, ERROR_INVALID, "a page cannot be made of type 0x%llx",
                         (unsigned long long)type);
    return change(enclave, HARDWARE_TYPE, "EMODT", wanted, err);
}

static int hardware_remove(struct enclave *enclave, uint64_t offset, uint64_t size,
                           struct error *err)
{
    struct hardware *hardware = hardware_of(enclave);
    unsigned retries = 0;
    uint64_t left = size;
    if (check_range(enclave, offset, size, err) < 0)
        return -1;
    while (left > 0) {
        struct hardware_remove request = {.offset = offset + size - left, .size = left};
        int failure = hardware->calls.ioctl(hardware->fd, HARDWARE_REMOVE, &request) < 0 ? errno
                                                                                         : 0;
        if (advance(request.count, &left, &retries, failure, "EREMOVE", err) < 0)
            return -1;
    }
    return 0;
}

const struct driver driver_hardware = {
    .name = "SGX",
    .create = hardware_create,
    .free = hardware_free,
    .add = hardware_add,
    .init = hardware_init,
    .enter = hardware_enter,
    .grow = hardware_grow,
    .restrict_access = hardware_restrict,
    .set_type = hardware_set_type,
    .remove = hardware_remove,
    .handle_signal = hardware_handle_signal,
};
