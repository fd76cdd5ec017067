#include "mutate.h"

#define TEXT_MAX (256 * 1024)

static const struct json_limits limits = {.size = TEXT_MAX, .depth = 16};

struct walk {
    mutate_parse *parse;
    const char *const *optional;
    const char *const *unread;
    json_t *root;
    size_t count;
};

static bool in_list(const char *const list[], const char *name)
{
    for (; *list; list++) {
        if (strcmp(*list, name) == 0)
            return true;
    }
    return false;
}

static void refuse(struct walk *walk, const char *words)
{
    struct error err = {0};
    BUF_AUTO text = BUF_WITH_LIMIT(TEXT_MAX);
    check_ok(json_append(walk->root, &text, &err), &err);
    if (walk->parse(buf_span(&text), &err) == 0)
        fail_msg("taken: %.*s", (int)text.size, (const char *)text.data);
    if (!strstr(err.text, words))
        fail_msg("\"%s\" does not hold \"%s\"", err.text, words);
    walk->count++;
}

/* One value of each type but that of `like`, and what no member is. */
static json_t *another(const json_t *like, size_t i)
{
    switch (i) {
    case 0:
        return json_null();
    case 1:
        return json_is_integer(like) ? json_integer(-1) : json_integer(1);
    case 2:
        return json_real(0.5);
    case 3:
        return json_string("x y");
    case 4:
        return json_is_array(like) ? json_object() : json_array();
    default:
        return json_true();
    }
}
#define ANOTHER_COUNT 6

static void walk_value(struct walk *walk, json_t *value);

static void walk_member(struct walk *walk, json_t *object, const char *key, json_t *value)
{
    if (in_list(walk->unread, key))
        return;
    if (!in_list(walk->optional, key)) {
        assert_int_equal(json_object_del(object, key), 0);
        refuse(walk, key);
    }
    for (size_t i = 0; i < ANOTHER_COUNT; i++) {
        bool status = strcmp(key, "tcbStatus") == 0 && i == 3; /* its text names no key */
        assert_int_equal(json_object_set_new(object, key, another(value, i)), 0);
        refuse(walk, status ? "x y" : key);
    }
    assert_int_equal(json_object_set(object, key, value), 0);
    walk_value(walk, value);
}

static void walk_array(struct walk *walk, json_t *array)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        json_t *element = json_incref(json_array_get(array, i));
        for (size_t j = 0; j < ANOTHER_COUNT; j++) {
            if (j == 3 && json_is_string(element))
                continue;
            assert_int_equal(json_array_set_new(array, i, another(element, j)), 0);
            refuse(walk, "");
        }
        assert_int_equal(json_array_set_new(array, i, element), 0);
        walk_value(walk, element);
    }
}

static void walk_value(struct walk *walk, json_t *value)
{
    const char *key;
    json_t *member;
    if (json_is_array(value))
        walk_array(walk, value);
    if (!json_is_object(value))
        return;
    assert_int_equal(json_object_set_new(value, "unknown", json_integer(0)), 0);
    refuse(walk, "");
    assert_int_equal(json_object_del(value, "unknown"), 0);
    json_auto_t *members = json_copy(value);
    json_object_foreach (members, key, member)
        walk_member(walk, value, key, member);
}

size_t mutate_every_member(const char *text, mutate_parse *parse, const char *const optional[],
                           const char *const unread[])
{
    struct error err = {0};
    json_auto_t *root = json_parse_object(span_of_text(text), &limits, &err);
    if (!root)
        fail_msg("%s", err.text);
    check_ok(parse(span_of_text(text), &err), &err);
    struct walk walk = {.parse = parse, .optional = optional, .unread = unread, .root = root};
    walk_value(&walk, root);
    return walk.count;
}

void mutate_every_length(const char *text, mutate_parse *parse)
{
    struct error err = {0};
    size_t size = strlen(text);
    check_ok(parse(span_of(text, size), &err), &err);
    for (size_t i = 0; i < size; i++)
        check_error(parse(span_of(text, i), &err), &err, ERROR_INVALID);
}

void mutate_replace(const char *text, const char *from, const char *to, struct buf *out)
{
    struct error err = {0};
    const char *at = strstr(text, from);
    if (!at)
        fail_msg("no \"%s\" to replace", from);
    check_ok(buf_append(out, span_of(text, (size_t)(at - text)), &err), &err);
    check_ok(buf_append_text(out, to, &err), &err);
    check_ok(buf_append_text(out, at + strlen(from), &err), &err);
}

void mutate_each(const char *text, mutate_parse *parse, const struct mutate_refused *refused,
                 size_t count)
{
    struct error err = {0};
    check_ok(parse(span_of_text(text), &err), &err);
    for (size_t i = 0; i < count; i++) {
        BUF_AUTO changed = BUF_WITH_LIMIT(2 * TEXT_MAX);
        mutate_replace(text, refused[i].from, refused[i].to, &changed);
        check_refused(parse(buf_span(&changed), &err), &err, refused[i].words);
    }
}

void mutate_between(struct span text, const char *start, const char *end, struct buf *out)
{
    struct error err = {0};
    BUF_AUTO whole = BUF_WITH_LIMIT(2 * TEXT_MAX);
    check_ok(buf_append(&whole, text, &err), &err);
    check_ok(buf_append_byte(&whole, 0, &err), &err);
    const char *from = strstr((const char *)whole.data, start);
    assert_non_null(from);
    from += strlen(start);
    const char *to = NULL;
    for (const char *at = strstr(from, end); at; at = strstr(at + 1, end))
        to = at;
    assert_non_null(to);
    check_ok(buf_append(out, span_of(from, (size_t)(to - from)), &err), &err);
}
