#include "cli/verdict.h"

#include <stdio.h>

#include "cli/command.h"
#include "cli/verdict_page.h"

void verdict_print_plain(const char *text)
{
    for (const char *at = text; *at; at++)
        (void)putchar(*at >= ' ' && *at <= '~' ? *at : '?');
}

static void print_check(const struct check *check)
{
    static const char *const marks[] = {
        [CHECK_FAILED] = "FAIL", [CHECK_PASSED] = "pass", [CHECK_SKIPPED] = "skip"};
    (void)printf("  %s  %-24s ", marks[check->result], check->rule->name);
    verdict_print_plain(check->found);
    if (check->result == CHECK_FAILED) {
        (void)printf("\n  %32s", "expected: ");
        verdict_print_plain(check->expected);
        (void)printf("\n  %32s%s", "remedy: ", check->rule->remedy);
    }
    (void)putchar('\n');
}

/* First what failed, and what to do about it. */
static void print_checks(const struct checks *checks)
{
    for (int failed = 1; failed >= 0; failed--) {
        for (size_t i = 0; i < checks->count; i++) {
            if ((checks->items[i].result == CHECK_FAILED) == failed)
                print_check(&checks->items[i]);
        }
    }
}

static void print_reason(const struct checks *checks)
{
    const struct check *check = checks_first_failure(checks);
    if (!check) {
        (void)printf("refused: the evidence is incomplete\n");
        return;
    }
    (void)printf("refused by %s (%s)\n  expected  ", check->rule->name, check->rule->section);
    verdict_print_plain(check->expected);
    (void)printf("\n  found     ");
    verdict_print_plain(check->found);
    (void)printf("\n  remedy    %s\n", check->rule->remedy);
}

#define BANNER                                                                                     \
    "************************************************************************\n"                   \
    "*  SIMULATED: a program signed this evidence, not a processor.         *\n"                   \
    "*  It proves nothing about the machine. For tests and development.     *\n"                   \
    "************************************************************************\n"

/* Lines that may hold words of whoever made the evidence. */
static void print_note(const char *text)
{
    for (const char *at = text; *at; at++)
        (void)putchar(*at == '\n' || (*at >= ' ' && *at <= '~') ? *at : '?');
}

static void print_text(const struct verdict_view *view)
{
    if (view->simulated)
        (void)printf(BANNER "\n");
    print_checks(view->checks);
    (void)putchar('\n');
    print_note(view->note ? view->note : "");
    if (view->verdict == VERDICT_ACCEPTED)
        (void)printf("accepted%s\n", view->simulated ? " (SIMULATED)" : "");
    else
        print_reason(view->checks);
}

static json_t *json_of_check(const struct check *check)
{
    static const char *const results[] = {
        [CHECK_FAILED] = "failed", [CHECK_PASSED] = "passed", [CHECK_SKIPPED] = "skipped"};
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "name", check->rule->name, "result",
                     results[check->result], "expected", check->expected, "found", check->found,
                     "source", check->rule->section, "remedy", check->rule->remedy);
}

static json_t *json_of_checks(const struct checks *checks)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < checks->count; i++) {
        if (json_array_append_new(list, json_of_check(&checks->items[i])) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *json_of(const struct verdict_view *view)
{
    const struct check *failure = checks_first_failure(view->checks);
    json_t *document = json_pack("{s:s, s:s, s:b, s:o}", "kind", view->kind, "verdict",
                                 view->verdict == VERDICT_ACCEPTED ? "accepted" : "refused",
                                 "simulated", view->simulated, "checks",
                                 json_of_checks(view->checks));
    int status = document ? 0 : -1;
    if (status == 0 && view->simulated)
        status = json_object_set_new(document, "warning",
                                     json_string("SIMULATED: proves nothing about the machine"));
    if (status == 0 && failure)
        status = json_object_set_new(document, "refused_by", json_string(failure->rule->name));
    if (status == 0 && view->claims)
        status = json_object_update_missing(document, view->claims);
    if (status == 0)
        return document;
    json_decref(document);
    return NULL;
}

static int print_json(const struct verdict_view *view, struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(1024 * 1024);
    json_auto_t *document = json_of(view);
    if (!document)
        return error_memory(err);
    if (json_append_pretty(document, &text, err) < 0)
        return -1;
    (void)fputs(buf_text(&text), stdout);
    return 0;
}

int verdict_print(const struct verdict_view *view, const struct args *args, struct error *err)
{
    if (view->page && verdict_write_page(view, view->page, err) < 0)
        return -1;
    if (!args_has(args, "json"))
        print_text(view);
    else if (print_json(view, err) < 0)
        return -1;
    return view->verdict == VERDICT_ACCEPTED ? EXIT_OK : EXIT_REFUSED;
}
