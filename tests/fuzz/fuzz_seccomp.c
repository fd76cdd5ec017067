/* Seccomp profiles: what makes a filter makes one within the kernel's limit, and the form that is
 * hashed says the same: it makes the same filter and is written the same again. */
#include "fuzz.h"

#include <linux/filter.h>
#include <string.h>

#include "format/seccomp.h"
#include "guest/syscallfilter.h"

#define DEPTH 8

static void require_same_again(const struct buf *text, const struct syscallfilter *filter)
{
    struct error err = {0};
    struct syscallfilter second;
    struct value again;
    struct arena arena = {.limit = 1 << 24};
    BUF_AUTO written = BUF_WITH_LIMIT(SECCOMP_PROFILE_MAX);
    fuzz_require(value_read_object(buf_span(text), DEPTH, &arena, &again, &err) == 0);
    fuzz_require(seccomp_write(&again, &written, &err) == 0);
    fuzz_require(span_equal(buf_span(&written), buf_span(text)));
    fuzz_require(syscallfilter_compile(&again, &second, &err) == 0);
    fuzz_require(second.count == filter->count && second.flags == filter->flags);
    fuzz_require(memcmp(second.instructions, filter->instructions,
                        filter->count * sizeof *filter->instructions) == 0);
    syscallfilter_fini(&second);
    arena_fini(&arena);
}

static void check_profile(const struct value *profile)
{
    struct error err = {0};
    struct syscallfilter filter;
    BUF_AUTO text = BUF_WITH_LIMIT(SECCOMP_PROFILE_MAX);
    int written = seccomp_write(profile, &text, &err);
    if (syscallfilter_compile(profile, &filter, &err) < 0)
        return;
    fuzz_require(written == 0 && filter.instructions && filter.count > 0 &&
                 filter.count <= BPF_MAXINSNS);
    require_same_again(&text, &filter);
    syscallfilter_fini(&filter);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err = {0};
    struct value profile;
    struct arena arena = {.limit = 1 << 24};
    if (size <= 1 << 12 &&
        value_read_object(span_of(data, size), DEPTH, &arena, &profile, &err) == 0)
        check_profile(&profile);
    arena_fini(&arena);
    return 0;
}
