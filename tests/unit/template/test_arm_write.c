/* A policy is put into its place, nothing else changes, and where there is no place it is refused.
 */
#include "../check.h"

#include "template/arm.h"

static int put(const char *text, size_t place, struct buf *out, struct error *err)
{
    return template_write_arm(span_of_text(text), place, "UA==", out, err);
}

static void changes_the_policy_alone(void **state)
{
    static const struct {
        const char *before, *after;
        size_t place;
    } cases[] = {
        {"{\"resources\": [{\"properties\": {\"confidentialComputeProperties\": {\"ccePolicy\" : "
         "\"\"},"
         " \"x\": 1.50}}]}\n",
         "{\"resources\": [{\"properties\": {\"confidentialComputeProperties\": {\"ccePolicy\" : "
         "\"UA==\"}, \"x\": 1.50}}]}\n",
         0},
        {"{\"resources\":[{\"properties\":{\"a\":1}}]}",
         "{\"resources\":[{\"properties\":{\"confidentialComputeProperties\": {\"ccePolicy\": "
         "\"UA==\"}, \"a\":1}}]}",
         0},
        {"{\"resources\":[{\"properties\":{\"confidentialComputeProperties\":{}}}]}",
         "{\"resources\":[{\"properties\":{\"confidentialComputeProperties\":{\"ccePolicy\": "
         "\"UA==\"}}}]}",
         0},
        {"{\"resources\":[{\"properties\":{\"confidentialComputeProperties\":{ \"b\":0}}}]}",
         "{\"resources\":[{\"properties\":{\"confidentialComputeProperties\":{\"ccePolicy\": "
         "\"UA==\",  \"b\":0}}}]}",
         0},
        {"{\"resources\":[{}, {\"properties\":{\"CONFIDENTIALcomputeproperties\":{\"CCEpolicy\":"
         "\"b2xk\"}}}]}",
         "{\"resources\":[{}, {\"properties\":{\"CONFIDENTIALcomputeproperties\":{\"CCEpolicy\":"
         "\"UA==\"}}}]}",
         1},
        {"{\"resources\":{\"x\":{},\"y\":{\"properties\":{\"confidentialComputeProperties\":"
         "{\"ccePolicy\":\"[parameters('p')]\"}}}}}",
         "{\"resources\":{\"x\":{},\"y\":{\"properties\":{\"confidentialComputeProperties\":"
         "{\"ccePolicy\":\"UA==\"}}}}}",
         1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error err = {0};
        BUF_AUTO out = BUF_WITH_LIMIT(4096);
        check_ok(put(cases[i].before, cases[i].place, &out, &err), &err);
        assert_string_equal(buf_text(&out), cases[i].after);
    }
}

static void refuses_what_has_no_place(void **state)
{
    static const struct {
        const char *text;
        size_t place;
    } cases[] = {
        {"{\"resources\":[{\"properties\":{\"a\":1}}]}", TEMPLATE_NO_PLACE},
        {"{\"resources\":[{\"properties\":{\"a\":1}}]}", 1},
        {"{\"resources\":[{\"properties\":\"[variables('p')]\"}]}", 0},
        {"{\"resources\":[{\"properties\":[{}]}]}", 0},
        {"{\"resources\":[{\"name\":\"g\"}]}", 0},
        {"{\"resources\":[1]}", 0},
        {"{\"resources\":1}", 0},
        {"{}", 0},
        {"", 0},
        {"{\"resources\":[{\"properties\":{\"confidentialComputeProperties\":\"[variables('c')]\"}}"
         "]}",
         0},
        {"{\"resources\":[{\"properties\":{\"confidentialComputeProperties\":null}}]}", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error err;
        BUF_AUTO out = BUF_WITH_LIMIT(4096);
        check_error(put(cases[i].text, cases[i].place, &out, &err), &err, ERROR_INVALID);
    }
}

/* What a reader of the text would take for another member than this one did. */
static void refuses_what_can_be_read_in_two_ways(void **state)
{
    static const char *const texts[] = {
        "{\"resources\":[{\"properties\":{\"confidentialComputeProperties\":{\"cce\\u0050olicy\":"
        "\"b2xk\"}}}]}",
        "{\"resources\":[{\"properties\":{\"confidential\\u0043omputeProperties\":{\"ccePolicy\":"
        "\"b2xk\"}}}]}",
        "{\"\\u0072esources\":[{}],\"Resources\":[{\"properties\":{\"a\":1}}]}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct error err;
        BUF_AUTO out = BUF_WITH_LIMIT(4096);
        check_error(put(texts[i], 0, &out, &err), &err, ERROR_INVALID);
    }
}

static void refuses_more_than_fits(void **state)
{
    struct error err;
    BUF_AUTO out = BUF_WITH_LIMIT(48);
    (void)state;
    check_error(put("{\"resources\":[{\"properties\":{\"a\":1}}]}", 0, &out, &err), &err,
                ERROR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_the_policy_alone),
        cmocka_unit_test(refuses_what_has_no_place),
        cmocka_unit_test(refuses_what_can_be_read_in_two_ways),
        cmocka_unit_test(refuses_more_than_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
