#include "measure/launch.h"

#include "crypto/sha384_four.h"

#define PAGE_INFO_SIZE 0x70
#define BLANK_MAX      (UINT64_C(256) * 1024 * 1024)

static void write_le64(uint8_t *out, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        out[i] = (uint8_t)(value >> (8 * i));
}

void launch_init(struct launch *launch)
{
    memset(launch, 0, sizeof *launch);
}

static void extend(struct launch *launch, enum launch_page type, uint64_t gpa,
                   const uint8_t contents[SHA384_SIZE])
{
    uint8_t info[PAGE_INFO_SIZE] = {0};
    memcpy(info, launch->digest, SHA384_SIZE);
    memcpy(info + 0x30, contents, SHA384_SIZE);
    info[0x60] = PAGE_INFO_SIZE; /* u16 length */
    info[0x62] = (uint8_t)type;
    /* 0x63: IMI_PAGE, zero. 0x64 to 0x67: permissions of VMPL 3 to 1, zero, and a reserved byte. */
    write_le64(info + 0x68, gpa);
    sha384_digest(span_of(info, sizeof info), launch->digest);
}

void launch_add_page(struct launch *launch, enum launch_page type, uint64_t gpa,
                     const uint8_t page[MEASURE_PAGE_SIZE])
{
    uint8_t contents[SHA384_SIZE];
    sha384_digest(span_of(page, MEASURE_PAGE_SIZE), contents);
    extend(launch, type, gpa, contents);
}

static int check_pages(uint64_t gpa, uint64_t size, struct error *err)
{
    if (gpa % MEASURE_PAGE_SIZE != 0 || size % MEASURE_PAGE_SIZE != 0)
        return error_set(err, ERROR_INVALID,
                         "0x%llx bytes at 0x%llx are not whole pages of 4096 bytes",
                         (unsigned long long)size, (unsigned long long)gpa);
    if (size > BLANK_MAX || gpa > UINT64_MAX - size)
        return error_set(err, ERROR_INVALID, "0x%llx bytes at 0x%llx are too many",
                         (unsigned long long)size, (unsigned long long)gpa);
    return 0;
}

int launch_add_blank(struct launch *launch, enum launch_page type, uint64_t gpa, uint64_t size,
                     struct error *err)
{
    static const uint8_t none[SHA384_SIZE];
    if (check_pages(gpa, size, err) < 0)
        return -1;
    for (uint64_t at = 0; at < size; at += MEASURE_PAGE_SIZE)
        extend(launch, type, gpa + at, none);
    return 0;
}

int launch_add_content(struct launch *launch, uint64_t gpa, struct span content, struct error *err)
{
    if (check_pages(gpa, content.size, err) < 0)
        return -1;
    uint8_t contents[SHA384_FOUR][SHA384_SIZE];
    size_t at = 0;
    while (content.size - at >= (size_t)SHA384_FOUR * MEASURE_PAGE_SIZE) {
        sha384_four(content.data + at, MEASURE_PAGE_SIZE, contents);
        for (size_t i = 0; i < SHA384_FOUR; i++, at += MEASURE_PAGE_SIZE)
            extend(launch, LAUNCH_PAGE_NORMAL, gpa + at, contents[i]);
    }
    for (; at < content.size; at += MEASURE_PAGE_SIZE)
        launch_add_page(launch, LAUNCH_PAGE_NORMAL, gpa + at, content.data + at);
    return 0;
}
