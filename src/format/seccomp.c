#include "format/seccomp.h"

#include <assert.h>

#define MEMBERS_MAX 7 /* of an object */

enum kind { KIND_TEXT, KIND_NUMBER, KIND_TEXTS, KIND_OBJECTS, KIND_LISTENER };

struct member {
    const char *key;
    enum kind kind;
    const char *otherwise;        /* what is written where it is absent; NULL leaves it out */
    const struct member *members; /* of KIND_OBJECTS; they end with a key that is NULL */
};

static const struct member condition_members[] = {
    {"index", KIND_NUMBER, "0", NULL},
    {"value", KIND_NUMBER, "0", NULL},
    {"valueTwo", KIND_NUMBER, NULL, NULL},
    {"op", KIND_TEXT, "\"\"", NULL},
    {0},
};

static const struct member rule_members[] = {
    {"names", KIND_TEXTS, "[]", NULL},
    {"action", KIND_TEXT, "\"\"", NULL},
    {"errnoRet", KIND_NUMBER, NULL, NULL},
    {"args", KIND_OBJECTS, NULL, condition_members},
    {0},
};

static const struct member profile_members[] = {
    {"defaultAction", KIND_TEXT, "\"\"", NULL},     {"defaultErrnoRet", KIND_NUMBER, NULL, NULL},
    {"architectures", KIND_TEXTS, NULL, NULL},      {"flags", KIND_TEXTS, NULL, NULL},
    {"listenerPath", KIND_LISTENER, NULL, NULL},    {"listenerMetadata", KIND_LISTENER, NULL, NULL},
    {"syscalls", KIND_OBJECTS, NULL, rule_members}, {0},
};
static_assert(sizeof profile_members / sizeof profile_members[0] == MEMBERS_MAX + 1, "the longest");

/* --- checking --------------------------------------------------------------------------------- */

static int check_texts(const json_t *object, const char *key, struct error *err)
{
    json_t *array;
    const char *text;
    if (json_get_array(object, key, &array, err) < 0)
        return -1;
    for (size_t i = 0; i < json_array_size(array); i++) {
        if (json_text_at(array, i, key, &text, err) < 0)
            return -1;
    }
    return 0;
}

static int check_object(const json_t *object, const struct member *members, struct error *err);

static int check_objects(const json_t *object, const struct member *member, struct error *err)
{
    json_t *array;
    if (json_get_array(object, member->key, &array, err) < 0)
        return -1;
    for (size_t i = 0; i < json_array_size(array); i++) {
        if (check_object(json_array_get(array, i), member->members, err) < 0)
            return error_context(err, "%s[%zu]", member->key, i);
    }
    return 0;
}

static int check_member(const json_t *object, const struct member *member, struct error *err)
{
    const char *text;
    uint64_t number;
    if (!member->otherwise && !json_object_get(object, member->key))
        return 0;
    switch (member->kind) {
    case KIND_TEXT:
        return json_get_text(object, member->key, &text, err);
    case KIND_NUMBER:
        return json_get_u64(object, member->key, INT64_MAX, &number, err);
    case KIND_TEXTS:
        return check_texts(object, member->key, err);
    case KIND_OBJECTS:
        return check_objects(object, member, err);
    case KIND_LISTENER:
        break;
    }
    return error_set(err, ERROR_INVALID,
                     "key \"%s\": no process outside of the policy decides about system calls",
                     member->key);
}

static int check_object(const json_t *object, const struct member *members, struct error *err)
{
    const char *known[MEMBERS_MAX + 1] = {NULL};
    if (!json_is_object(object))
        return error_set(err, ERROR_INVALID, "expected an object, found %s", json_kind(object));
    for (size_t i = 0; members[i].key; i++)
        known[i] = members[i].key;
    if (json_check_keys(object, known, err) < 0)
        return -1;
    for (; members->key; members++) {
        if (check_member(object, members, err) < 0)
            return -1;
    }
    return 0;
}

int seccomp_check(const json_t *profile, struct error *err)
{
    return check_object(profile, profile_members, err);
}

/* --- writing ---------------------------------------------------------------------------------- */

static int write_object(const json_t *object, const struct member *members, struct buf *out,
                        struct error *err);

static int write_objects(const json_t *array, const struct member *members, struct buf *out,
                         struct error *err)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        if (buf_append_byte(out, i == 0 ? '[' : ',', err) < 0 ||
            write_object(json_array_get(array, i), members, out, err) < 0)
            return -1;
    }
    return buf_append_text(out, json_array_size(array) == 0 ? "[]" : "]", err);
}

static int write_value(const json_t *value, const struct member *member, struct buf *out,
                       struct error *err)
{
    if (!value)
        return buf_append_text(out, member->otherwise, err);
    if (member->kind == KIND_OBJECTS)
        return write_objects(value, member->members, out, err);
    return json_append(value, out, err);
}

static int write_object(const json_t *object, const struct member *members, struct buf *out,
                        struct error *err)
{
    char before = '{';
    for (; members->key; members++) {
        const json_t *value = json_object_get(object, members->key);
        if (!value && !members->otherwise)
            continue;
        if (buf_printf(out, err, "%c\"%s\":", before, members->key) < 0 ||
            write_value(value, members, out, err) < 0)
            return -1;
        before = ',';
    }
    return buf_append_byte(out, '}', err);
}

int seccomp_write(const json_t *profile, struct buf *out, struct error *err)
{
    return write_object(profile, profile_members, out, err);
}
