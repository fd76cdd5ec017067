/* Seccomp profiles: what passes the check is written, and the written form passes and is written
 * the same again; what makes a filter makes one that the kernel's limit allows. */
#include "fuzz.h"

#include <linux/filter.h>
#include <string.h>

#include "format/seccomp.h"
#include "guest/syscallfilter.h"

static void require_same_again(const struct buf *text)
{
    static const struct json_limits wide = {.size = SECCOMP_PROFILE_MAX, .depth = 8};
    struct error err = {0};
    BUF_AUTO second = BUF_WITH_LIMIT(SECCOMP_PROFILE_MAX);
    json_auto_t *again = json_parse_object(buf_span(text), &wide, &err);
    fuzz_require(again && seccomp_check(again, &err) == 0);
    fuzz_require(seccomp_write(again, &second, &err) == 0);
    fuzz_require(second.size == text->size && memcmp(second.data, text->data, text->size) == 0);
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
    if (seccomp_check(profile, &err) < 0)
        return 0;
    fuzz_require(written == 0);
    require_same_again(&text);
    if (syscallfilter_compile(profile, &filter, &err) < 0)
        return 0;
    fuzz_require(filter.instructions && filter.count > 0 && filter.count <= BPF_MAXINSNS);
    syscallfilter_fini(&filter);
    return 0;
}
