/* Seccomp profiles: what makes a filter makes one within the kernel's limit, and the form that is
 * hashed says the same: it makes the same filter and is written the same again. */
#include "fuzz.h"

#include <linux/filter.h>
#include <string.h>

#include "format/seccomp.h"
#include "guest/syscallfilter.h"

static void require_same_again(const struct buf *text, const struct syscallfilter *filter)
{
    static const struct json_limits wide = {.size = SECCOMP_PROFILE_MAX, .depth = 8};
    struct error err = {0};
    struct syscallfilter second;
    BUF_AUTO written = BUF_WITH_LIMIT(SECCOMP_PROFILE_MAX);
    json_auto_t *again = json_parse_object(buf_span(text), &wide, &err);
    fuzz_require(again && seccomp_write(again, &written, &err) == 0);
    fuzz_require(span_equal(buf_span(&written), buf_span(text)));
    fuzz_require(syscallfilter_compile(again, &second, &err) == 0);
    fuzz_require(second.count == filter->count && second.flags == filter->flags);
    fuzz_require(memcmp(second.instructions, filter->instructions,
                        filter->count * sizeof *filter->instructions) == 0);
    syscallfilter_fini(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct json_limits limits = {.size = 1 << 12, .depth = 8};
    struct error err = {0};
    struct syscallfilter filter;
    BUF_AUTO text = BUF_WITH_LIMIT(SECCOMP_PROFILE_MAX);
    json_auto_t *profile = json_parse_object(span_of(data, size), &limits, &err);
    if (!profile)
        return 0;
    int written = seccomp_write(profile, &text, &err);
    if (syscallfilter_compile(profile, &filter, &err) < 0)
        return 0;
    fuzz_require(written == 0 && filter.instructions && filter.count > 0 &&
                 filter.count <= BPF_MAXINSNS);
    require_same_again(&text, &filter);
    syscallfilter_fini(&filter);
    return 0;
}
