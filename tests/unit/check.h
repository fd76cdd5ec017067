/* What every unit test includes: cmocka in the order that it wants, and a few helpers. */
#ifndef CAISSON_TESTS_CHECK_H
#define CAISSON_TESTS_CHECK_H

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "base/error.h"
#include "base/span.h"

/* Ends the running test, which scripts/test-summary then counts as skipped, for this reason. (What
 * cmocka's own skip() writes reads as a failure in TAP.) */
#define check_skip(...)                                                                            \
    do {                                                                                           \
        print_message("# SKIP: " __VA_ARGS__);                                                     \
        print_message("\n");                                                                       \
        return;                                                                                    \
    } while (0)

/* The call succeeds; on failure its error is shown. */
#define check_ok(call, err)                                                                        \
    do {                                                                                           \
        if ((call) < 0)                                                                            \
            fail_msg("%s: %s", #call, (err)->text);                                                \
    } while (0)

/* The call fails with this code, and says something. */
#define check_error(call, err, expected)                                                           \
    do {                                                                                           \
        *(err) = (struct error){0};                                                                \
        assert_int_equal((call), -1);                                                              \
        assert_int_equal((err)->code, (expected));                                                 \
        assert_true((err)->text[0] != '\0');                                                       \
    } while (0)

/* The call fails, and its text holds these words. */
#define check_refused(call, err, words)                                                            \
    do {                                                                                           \
        *(err) = (struct error){0};                                                                \
        assert_int_equal((call), -1);                                                              \
        if (!strstr((err)->text, (words)))                                                         \
            fail_msg("%s: \"%s\" does not hold \"%s\"", #call, (err)->text, (words));              \
    } while (0)

/* What sanitizers put before a function's first statement uses vector registers itself. */
#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define IS_INSTRUMENTED true
#endif
#endif
#ifndef IS_INSTRUMENTED
#define IS_INSTRUMENTED false
#endif

#endif
