#include "format/seccomp.h"

struct member {
    const char *key;
    const char *otherwise;        /* what is written where it is absent; NULL leaves it out */
    const struct member *members; /* of each object of a list; they end with a key that is NULL */
};

static const struct member condition_members[] = {{"index", "0", NULL},
                                                  {"value", "0", NULL},
                                                  {"valueTwo", NULL, NULL},
                                                  {"op", "\"\"", NULL},
                                                  {0}};

static const struct member rule_members[] = {{"names", "[]", NULL},
                                             {"action", "\"\"", NULL},
                                             {"errnoRet", NULL, NULL},
                                             {"args", NULL, condition_members},
                                             {0}};

static const struct member profile_members[] = {
    {"defaultAction", "\"\"", NULL},  {"defaultErrnoRet", NULL, NULL},
    {"architectures", NULL, NULL},    {"flags", NULL, NULL},
    {"listenerPath", NULL, NULL},     {"listenerMetadata", NULL, NULL},
    {"syscalls", NULL, rule_members}, {0}};

static int write_object(const struct value *object, const struct member *members, struct buf *out,
                        struct error *err);

/* Of what is no list there is nothing to write. */
static int write_objects(const struct value *array, const struct member *members, struct buf *out,
                         struct error *err)
{
    if (buf_append_byte(out, '[', err) < 0)
        return -1;
    for (const struct value *each = array->kind == VALUE_ARRAY ? array->first : NULL; each;
         each = each->next) {
        if (write_object(each, members, out, err) < 0 ||
            (each->next && buf_append_byte(out, ',', err) < 0))
            return -1;
    }
    return buf_append_byte(out, ']', err);
}

static int write_value(const struct value *value, const struct member *member, struct buf *out,
                       struct error *err)
{
    if (!value)
        return buf_append_text(out, member->otherwise, err);
    if (member->members)
        return write_objects(value, member->members, out, err);
    return value_append(value, out, err);
}

static int write_object(const struct value *object, const struct member *members, struct buf *out,
                        struct error *err)
{
    char before = '{';
    for (; members->key; members++) {
        const struct value *value = value_member(object, members->key);
        if (!value && !members->otherwise)
            continue;
        if (buf_printf(out, err, "%c\"%s\":", before, members->key) < 0 ||
            write_value(value, members, out, err) < 0)
            return -1;
        before = ',';
    }
    return buf_append_byte(out, '}', err);
}

int seccomp_write(const struct value *profile, struct buf *out, struct error *err)
{
    return write_object(profile, profile_members, out, err);
}
