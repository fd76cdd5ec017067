#include "../check.h"

#include <stdlib.h>
#include <unistd.h>

#include "cli/verdict_page.h"

static const struct check_rule rule_root = {"root", "a source", "name the root"};
static const struct check_rule rule_signature = {"signature", "another source", "fetch it again"};
static const struct check_rule rule_crl = {"revocation", "a third", "give one"};

static const struct verdict_box boxes[] = {
    {"Root", "ARK", "root"},
    {"Report", "<script>alert(1)</script>", "root signature"},
    {"List", "none", "revocation"},
    {"Nothing", "", "no_such_check"},
};

static struct checks checks;

static struct verdict_view make_view(enum check_result signature)
{
    checks_init(&checks);
    (void)checks_add(&checks, &rule_root, CHECK_PASSED, "ARK", "ARK");
    (void)checks_add(&checks, &rule_signature, signature, "good", "\"bad\" & 'worse' \x1b[31m\xff");
    (void)checks_add(&checks, &rule_crl, CHECK_SKIPPED, "one", "none");
    checks_complete(&checks);
    return (struct verdict_view){.checks = &checks,
                                 .verdict = checks_verdict(&checks),
                                 .kind = "report",
                                 .note = "first line\nsecond <line>\n",
                                 .boxes = boxes,
                                 .box_count = sizeof boxes / sizeof *boxes};
}

static const char *page_of(const struct verdict_view *view, struct buf *page)
{
    struct error err = {0};
    check_ok(verdict_append_page(view, page, &err), &err);
    return buf_text(page);
}

static void shows_each_box_by_the_worst_of_its_checks(void **state)
{
    (void)state;
    BUF_AUTO page = BUF_WITH_LIMIT(VERDICT_PAGE_MAX);
    struct verdict_view view = make_view(CHECK_FAILED);
    const char *text = page_of(&view, &page);
    assert_non_null(strstr(text, "<li class=passed><b>Root</b>"));
    assert_non_null(strstr(text, "<li class=failed><b>Report</b>"));
    assert_non_null(strstr(text, "<li class=skipped><b>List</b>"));
    assert_non_null(strstr(text, "<li class=absent><b>Nothing</b>"));
}

static void shows_what_refused_and_the_remedy_first(void **state)
{
    (void)state;
    BUF_AUTO page = BUF_WITH_LIMIT(VERDICT_PAGE_MAX);
    struct verdict_view view = make_view(CHECK_FAILED);
    const char *text = page_of(&view, &page);
    assert_non_null(strstr(text, "Refused by <b>signature</b><br>fetch it again"));
    assert_null(strstr(text, "Accepted"));
    assert_true(strstr(text, "<th scope=row>signature") < strstr(text, "<th scope=row>root"));
}

static void calls_simulated_what_is_simulated(void **state)
{
    (void)state;
    BUF_AUTO page = BUF_WITH_LIMIT(VERDICT_PAGE_MAX);
    BUF_AUTO plain = BUF_WITH_LIMIT(VERDICT_PAGE_MAX);
    struct verdict_view view = make_view(CHECK_PASSED);
    assert_null(strstr(page_of(&view, &plain), "SIMULATED"));
    view.simulated = true;
    const char *text = page_of(&view, &page);
    assert_non_null(strstr(text, "<title>SIMULATED: accepted"));
    assert_non_null(strstr(text, "class=simulated"));
    assert_non_null(strstr(text, "Accepted (SIMULATED)"));
}

static void escapes_what_the_host_says(void **state)
{
    (void)state;
    BUF_AUTO page = BUF_WITH_LIMIT(VERDICT_PAGE_MAX);
    struct verdict_view view = make_view(CHECK_PASSED);
    const char *text = page_of(&view, &page);
    assert_null(strstr(text, "<script"));
    assert_non_null(strstr(text, "&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert_non_null(strstr(text, "&quot;bad&quot; &amp; &#39;worse&#39; ?[31m?"));
    assert_non_null(strstr(text, "first line\nsecond &lt;line&gt;"));
}

static void loads_nothing(void **state)
{
    (void)state;
    BUF_AUTO page = BUF_WITH_LIMIT(VERDICT_PAGE_MAX);
    struct verdict_view view = make_view(CHECK_PASSED);
    const char *text = page_of(&view, &page);
    assert_non_null(strstr(text, "default-src 'none'"));
    assert_null(strstr(text, "http://"));
    assert_null(strstr(text, "https://"));
    assert_null(strstr(text, "src="));
}

static void refuses_a_verdict_without_checks(void **state)
{
    (void)state;
    BUF_AUTO page = BUF_WITH_LIMIT(VERDICT_PAGE_MAX);
    struct verdict_view view = make_view(CHECK_PASSED);
    checks_init(&checks);
    view.verdict = checks_verdict(&checks);
    assert_non_null(strstr(page_of(&view, &page), "Refused: the evidence is incomplete"));
}

static void says_that_a_page_cannot_be_written(void **state)
{
    (void)state;
    struct error err = {0};
    struct verdict_view view = make_view(CHECK_PASSED);
    check_refused(verdict_write_page(&view, "/nowhere/page.html", &err), &err, "/nowhere");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_each_box_by_the_worst_of_its_checks),
        cmocka_unit_test(shows_what_refused_and_the_remedy_first),
        cmocka_unit_test(calls_simulated_what_is_simulated),
        cmocka_unit_test(escapes_what_the_host_says),
        cmocka_unit_test(loads_nothing),
        cmocka_unit_test(refuses_a_verdict_without_checks),
        cmocka_unit_test(says_that_a_page_cannot_be_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
