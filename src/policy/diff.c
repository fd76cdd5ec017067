#include "policy/diff.h"

#include <stdio.h>
#include <string.h>

#include "format/json.h"
#include "policy/policy.h"
#include "policy/reason.h"
#include "policy/rego.h"

struct page {
    struct buf *out;
    struct error *err;
    struct quotes quotes;
    enum policy_diff_form form;
    size_t lines;
    bool failed;
};

#define LINE(page, ...)                                                                            \
    ((page)->lines++,                                                                              \
     (page)->failed = (page)->failed || buf_printf((page)->out, (page)->err, __VA_ARGS__) < 0)

/* A value on one line, as JSON; what has no value says what it is. */
static void put_value(struct page *page, const json_t *value, const char *absent)
{
    if (!value)
        page->failed = page->failed || buf_append_text(page->out, absent, page->err) < 0;
    else
        page->failed = page->failed || json_append(value, page->out, page->err) < 0;
}

static void put_change(struct page *page, const char *where, const char *key, const json_t *first,
                       const json_t *second, const char *absent)
{
    LINE(page, "%s%s: ", where, key);
    put_value(page, first, absent);
    page->failed = page->failed || buf_append_text(page->out, " -> ", page->err) < 0;
    put_value(page, second, absent);
    page->failed = page->failed || buf_append_byte(page->out, '\n', page->err) < 0;
}

static bool has_element(const json_t *array, const json_t *element)
{
    size_t i;
    const json_t *each;
    json_array_foreach (array, i, each) {
        if (json_equal(each, element))
            return true;
    }
    return false;
}

/* The elements that the other list lacks. */
static size_t put_elements(struct page *page, const char *sign, const char *where, const char *key,
                           const json_t *array, const json_t *other)
{
    size_t i;
    size_t count = 0;
    const json_t *each;
    json_array_foreach (array, i, each) {
        if (has_element(other, each))
            continue;
        LINE(page, "%s%s: %s ", where, key, sign);
        put_value(page, each, "");
        page->failed = page->failed || buf_append_byte(page->out, '\n', page->err) < 0;
        count++;
    }
    return count;
}

/* The rules of variables that the other list lacks, by the variables' names. */
static size_t put_rule_names(struct page *page, const char *sign, const char *where,
                             const json_t *rules, const json_t *other)
{
    size_t i;
    size_t count = 0;
    const json_t *rule;
    json_array_foreach (rules, i, rule) {
        const char *pattern = json_string_value(json_object_get(rule, "pattern"));
        size_t len = pattern ? strcspn(pattern, "=") : 0;
        char name[128];
        if (len == 0 || !pattern[len] || has_element(other, rule))
            continue;
        (void)snprintf(name, sizeof name, "%.*s", (int)(len < sizeof name ? len : sizeof name - 1),
                       pattern);
        LINE(page, "%senv_rules: %s %s\n", where, sign, quote(&page->quotes, name));
        count++;
    }
    return count;
}

static void put_names(struct page *page, const char *where, const char *key, const json_t *first,
                      const json_t *second)
{
    if (strcmp(key, "env_rules") == 0 && put_rule_names(page, "-", where, first, second) +
                                                 put_rule_names(page, "+", where, second, first) >
                                             0)
        return;
    LINE(page, "%s%s: %s\n", where, key,
         !first    ? "only in the second"
         : !second ? "only in the first"
                   : "differs");
}

/* Lists of rules and layers differ by elements; a command, whose order counts, as a whole. */
static void compare_member(struct page *page, const char *where, const char *key,
                           const json_t *first, const json_t *second)
{
    if (first && second && json_equal(first, second))
        return;
    if (page->form == POLICY_DIFF_NAMES) {
        put_names(page, where, key, first, second);
        return;
    }
    bool lists = json_is_array(first) && json_is_array(second) && strcmp(key, "command") != 0;
    if (!lists || put_elements(page, "-", where, key, first, second) +
                          put_elements(page, "+", where, key, second, first) ==
                      0)
        put_change(page, where, key, first, second, "absent");
}

static void compare_rows(struct page *page, const char *where, const json_t *first,
                         const json_t *second)
{
    const char *key;
    const json_t *value;
    json_object_foreach ((json_t *)(uintptr_t)first, key, value)
        compare_member(page, where, key, value, json_object_get(second, key));
    json_object_foreach ((json_t *)(uintptr_t)second, key, value) {
        if (!json_object_get(first, key))
            compare_member(page, where, key, NULL, value);
    }
}

/* What people call a row; NULL where it has no name. */
static const char *label_of(const json_t *row)
{
    const char *name = json_string_value(json_object_get(row, "name"));
    return name ? name : json_string_value(json_object_get(row, "id"));
}

static bool same_label(const json_t *a, const json_t *b)
{
    const char *one = label_of(a);
    const char *other = label_of(b);
    return one && other ? strcmp(one, other) == 0 : !one && !other;
}

/* How many rows before this one have its name. */
static size_t rank_of(const json_t *rows, size_t index)
{
    size_t rank = 0;
    for (size_t i = 0; i < index; i++)
        rank += same_label(json_array_get(rows, i), json_array_get(rows, index));
    return rank;
}

/* The row of the same name and rank in the other list, or NULL. */
static const json_t *partner_of(const json_t *rows, const json_t *row, size_t rank)
{
    for (size_t i = 0; i < json_array_size(rows); i++) {
        if (same_label(json_array_get(rows, i), row) && rank-- == 0)
            return json_array_get(rows, i);
    }
    return NULL;
}

static void name_row(struct page *page, char out[160], size_t index, const json_t *row)
{
    const char *label = label_of(row);
    (void)snprintf(out, 160, label ? "container %s: " : "container #%s: ",
                   label ? quote(&page->quotes, label) : "");
    if (!label)
        (void)snprintf(out, 160, "container #%zu: ", index);
}

static void compare_containers(struct page *page, const json_t *first, const json_t *second)
{
    char where[160];
    for (size_t i = 0; i < json_array_size(first); i++) {
        const json_t *row = json_array_get(first, i);
        const json_t *partner = partner_of(second, row, rank_of(first, i));
        name_row(page, where, i, row);
        if (!partner)
            LINE(page, "%sonly in the first\n", where);
        else
            compare_rows(page, where, row, partner);
    }
    for (size_t i = 0; i < json_array_size(second); i++) {
        const json_t *row = json_array_get(second, i);
        name_row(page, where, i, row);
        if (!partner_of(first, row, rank_of(second, i)))
            LINE(page, "%sonly in the second\n", where);
    }
}

static const char *kind_of(const struct rego_statement *statement)
{
    return !statement                      ? "absent"
           : statement->kind == REGO_JSON  ? "a value"
           : statement->kind == REGO_ALIAS ? "the framework's rule"
                                           : "the framework's reason";
}

/* NULL where there is none. */
static json_t *json_of(struct page *page, const struct rego_statement *statement)
{
    BUF_AUTO text = BUF_WITH_LIMIT(8 * POLICY_SIZE_MAX);
    if (!statement || statement->kind != REGO_JSON)
        return NULL;
    json_t *json = value_append(&statement->value, &text, page->err) < 0
                       ? NULL
                       : json_loadb(buf_text(&text), text.size, JSON_DECODE_ANY, NULL);
    page->failed = page->failed || !json;
    return json;
}

/* One of the two may be NULL. */
static void compare_statements(struct page *page, const char *name,
                               const struct rego_statement *first,
                               const struct rego_statement *second)
{
    json_auto_t *a = json_of(page, first);
    json_auto_t *b = json_of(page, second);
    bool rows = json_is_array(a) && json_is_array(b);
    if (rows && strcmp(name, "containers") == 0)
        compare_containers(page, a, b);
    else if (a && b)
        compare_member(page, "", name, a, b);
    else if (!first || !second || first->kind != second->kind)
        LINE(page, "%s: %s -> %s\n", name, kind_of(first), kind_of(second));
}

static void compare_modules(struct page *page, const struct rego_module *first,
                            const struct rego_module *second)
{
    for (size_t i = 0; i < first->count; i++)
        compare_statements(page, first->statements[i].name, &first->statements[i],
                           rego_find(second, first->statements[i].name));
    for (size_t i = 0; i < second->count; i++) {
        if (!rego_find(first, second->statements[i].name))
            compare_statements(page, second->statements[i].name, NULL, &second->statements[i]);
    }
}

/* A text in the form in which it is compared. */
struct side {
    struct rego_module module;
    struct arena texts;
};

/* Only what a guest would read is compared: a difference that it could not see would mislead. */
static int read_side(struct span text, const char *which, struct side *out, struct error *err)
{
    POLICY_AUTO policy = NULL;
    if (policy_parse(text, POLICY_ALLOW_ALL, &policy, err) < 0 ||
        rego_read(text, &out->texts, &out->module, err) < 0)
        return error_context(err, "the %s", which);
    return 0;
}

int policy_diff(struct span first, struct span second, enum policy_diff_form form, struct buf *out,
                bool *same, struct error *err)
{
    struct side a = {.texts.limit = REGO_MEMORY_MAX};
    struct side b = {.texts.limit = REGO_MEMORY_MAX};
    struct page page = {.out = out, .err = err, .form = form};
    bool read = read_side(first, "first", &a, err) == 0 &&
                read_side(second, "second", &b, err) == 0;
    if (read)
        compare_modules(&page, &a.module, &b.module);
    rego_module_fini(&a.module);
    rego_module_fini(&b.module);
    arena_fini(&a.texts);
    arena_fini(&b.texts);
    *same = page.lines == 0;
    return read && !page.failed ? 0 : -1;
}
