#include "rules/release_policy.h"

#include <stdlib.h>
#include <strings.h>

#include "base/text.h"

#define VALUE_EXCERPT 100 /* bytes of a value in a message */

enum operation {
    EQUALS,
    NOT_EQUALS,
    LESS,
    LESS_OR_EQUALS,
    GREATER,
    GREATER_OR_EQUALS,
    EXISTS,
    OPERATION_COUNT
};

static const char *const operations[OPERATION_COUNT] = {
    [EQUALS] = "equals",   [NOT_EQUALS] = "notEquals",
    [LESS] = "less",       [LESS_OR_EQUALS] = "lessOrEquals",
    [GREATER] = "greater", [GREATER_OR_EQUALS] = "greaterOrEquals",
    [EXISTS] = "exists",
};

struct release_policy {
    json_t *document; /* checked */
};

/* --- parts of a document ---------------------------------------------------------------------- */

/* The member of this name in any case, or NULL; *count tells how many there are. */
static json_t *find_member(json_t *object, const char *name, size_t *count)
{
    json_t *found = NULL;
    *count = 0;
    for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at)) {
        if (strcasecmp(json_object_iter_key(at), name) != 0)
            continue;
        found = json_object_iter_value(at);
        (*count)++;
    }
    return found;
}

/* The list of conditions of anyOf or allOf, or NULL where the object has neither. */
static json_t *find_list(json_t *object, bool *is_any)
{
    size_t count;
    json_t *list = find_member(object, "anyOf", &count);
    *is_any = list != NULL;
    return list ? list : find_member(object, "allOf", &count);
}

/* The operator of a claim's condition and its value; OPERATION_COUNT where there is none. */
static enum operation find_operation(json_t *condition, json_t **value)
{
    size_t count;
    for (size_t i = 0; i < OPERATION_COUNT; i++) {
        *value = find_member(condition, operations[i], &count);
        if (*value)
            return (enum operation)i;
    }
    return OPERATION_COUNT;
}

/* An integer, or text that is one in decimal. */
static bool to_integer(const json_t *value, json_int_t *out)
{
    uint64_t number = 0;
    const char *text = json_string_value(value);
    bool negative = text && text[0] == '-';
    if (json_is_integer(value)) {
        *out = json_integer_value(value);
        return true;
    }
    if (!text || !text_to_u64(text + negative, INT64_MAX, &number))
        return false;
    *out = negative ? -(json_int_t)number : (json_int_t)number;
    return true;
}

/* true or false, or their names. */
static bool to_boolean(const json_t *value, bool *out)
{
    const char *text = json_string_value(value);
    *out = json_is_true(value) || (text && strcmp(text, "true") == 0);
    return json_is_boolean(value) || *out || (text && strcmp(text, "false") == 0);
}

/* --- read ------------------------------------------------------------------------------------- */

static int check_value(enum operation operation, const json_t *value, struct error *err)
{
    json_int_t number;
    bool boolean;
    bool good = operation == EXISTS ? to_boolean(value, &boolean)
                : operation == EQUALS || operation == NOT_EQUALS
                    ? json_is_string(value) || json_is_integer(value) || json_is_boolean(value)
                    : to_integer(value, &number);
    if (good)
        return 0;
    return error_set(err, ERROR_INVALID, "\"%s\" wants %s, and has %s", operations[operation],
                     operation == EXISTS ? "true or false"
                     : operation == EQUALS || operation == NOT_EQUALS
                         ? "text, an integer or a truth value"
                         : "an integer",
                     json_kind(value));
}

static int check_claim(json_t *condition, struct error *err)
{
    const char *name;
    json_t *value;
    if (json_get_text(condition, "claim", &name, err) < 0)
        return -1;
    enum operation operation = find_operation(condition, &value);
    if (name[0] == '\0' || operation == OPERATION_COUNT || json_object_size(condition) != 2)
        return error_set(
            err, ERROR_INVALID,
            "a condition has a claim and one of equals, notEquals, less, lessOrEquals, "
            "greater, greaterOrEquals, exists, and nothing else");
    return check_value(operation, value, err) < 0 ? error_context(err, "claim %.128s", name) : 0;
}

static int check_list(json_t *object, size_t members, size_t *count, struct error *err)
{
    bool is_any;
    size_t any_count;
    size_t all_count;
    json_t *list = find_list(object, &is_any);
    (void)find_member(object, "anyOf", &any_count);
    (void)find_member(object, "allOf", &all_count);
    if (any_count + all_count != 1 || json_object_size(object) != members)
        return error_set(err, ERROR_INVALID, "either anyOf or allOf is wanted, and nothing else");
    if (!json_is_array(list) || json_array_size(list) == 0)
        return error_set(err, ERROR_INVALID, "%s wants an array of one condition or more",
                         is_any ? "anyOf" : "allOf");
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *condition = json_array_get(list, i);
        if (++*count > RELEASE_POLICY_CONDITIONS_MAX)
            return error_set(err, ERROR_LIMIT, "more than %d conditions",
                             RELEASE_POLICY_CONDITIONS_MAX);
        if (!json_is_object(condition))
            return error_set(err, ERROR_INVALID, "a condition is an object, not %s",
                             json_kind(condition));
        if ((json_object_get(condition, "claim") ? check_claim(condition, err)
                                                 : check_list(condition, 1, count, err)) < 0)
            return -1;
    }
    return 0;
}

static int check_authority(json_t *authority, size_t *count, struct error *err)
{
    const char *name;
    if (!json_is_object(authority))
        return error_set(err, ERROR_INVALID, "an authority is an object, not %s",
                         json_kind(authority));
    if (json_get_text(authority, "authority", &name, err) < 0)
        return -1;
    if (name[0] == '\0')
        return error_set(err, ERROR_INVALID, "an authority without a name");
    return check_list(authority, 2, count, err) < 0 ? error_context(err, "authority %.128s", name)
                                                    : 0;
}

static int check_policy(json_t *document, struct error *err)
{
    const char *version;
    bool is_any;
    size_t count = 0;
    if (json_get_text(document, "version", &version, err) < 0)
        return -1;
    if (strcmp(version, "1.0.0") != 0)
        return error_set(err, ERROR_INVALID, "version \"%.32s\"; 1.0.0 is known", version);
    json_t *list = find_list(document, &is_any);
    if (!is_any || json_object_size(document) != 2 || !json_is_array(list) ||
        json_array_size(list) == 0)
        return error_set(err, ERROR_INVALID,
                         "beside the version, anyOf with one authority or more is wanted, and "
                         "nothing else");
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (check_authority(json_array_get(list, i), &count, err) < 0)
            return -1;
    }
    return 0;
}

struct release_policy *release_policy_new(struct span text, struct error *err)
{
    static const struct json_limits limits = {.size = RELEASE_POLICY_SIZE_MAX,
                                              .depth = RELEASE_POLICY_DEPTH_MAX};
    json_t *document = json_parse_object(text, &limits, err);
    struct release_policy *policy = NULL;
    if (document && check_policy(document, err) == 0) {
        policy = calloc(1, sizeof *policy);
        if (!policy)
            (void)error_memory(err);
    }
    if (policy) {
        policy->document = document;
        return policy;
    }
    json_decref(document);
    (void)error_context(err, "release policy");
    return NULL;
}

void release_policy_free(struct release_policy *policy)
{
    if (!policy)
        return;
    json_decref(policy->document);
    free(policy);
}

void release_policy_cleanup(struct release_policy **policy)
{
    release_policy_free(*policy);
}

/* --- decide ----------------------------------------------------------------------------------- */

/* The claim of a name, perhaps a dotted one, or NULL. */
static const json_t *find_claim(const json_t *claims, const char *name)
{
    const json_t *value = json_object_get(claims, name);
    const char *dot;
    while (!value && (dot = strchr(name, '.'))) {
        claims = json_object_getn(claims, name, (size_t)(dot - name));
        name = dot + 1;
        value = json_object_get(claims, name);
    }
    return value;
}

static bool equals(const json_t *claim, const json_t *value)
{
    char number[32];
    const char *text = json_string_value(value);
    if (!text || json_is_string(claim))
        return json_equal(claim, value);
    if (json_is_boolean(claim))
        return strcmp(text, json_is_true(claim) ? "true" : "false") == 0;
    (void)snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(claim));
    return strcmp(text, number) == 0;
}

static bool in_order(enum operation operation, json_int_t a, json_int_t b)
{
    return operation == LESS             ? a < b
           : operation == LESS_OR_EQUALS ? a <= b
           : operation == GREATER        ? a > b
                                         : a >= b;
}

static bool meets(const json_t *claim, enum operation operation, const json_t *value)
{
    json_int_t left;
    json_int_t right;
    bool wanted;
    if (operation == EXISTS) {
        (void)to_boolean(value, &wanted);
        return wanted == (claim != NULL);
    }
    if (!json_is_string(claim) && !json_is_integer(claim) && !json_is_boolean(claim))
        return false;
    if (operation == EQUALS || operation == NOT_EQUALS)
        return equals(claim, value) == (operation == EQUALS);
    return to_integer(claim, &left) && to_integer(value, &right) &&
           in_order(operation, left, right);
}

static void write_value(const json_t *value, struct buf *out)
{
    if (!value)
        (void)buf_append_text(out, "not there", NULL);
    else if (json_is_object(value) || json_is_array(value))
        (void)buf_append_text(out, json_kind(value), NULL);
    else
        (void)json_append(value, out, NULL); /* empty where it is too long */
}

static int check_condition(const json_t *claims, json_t *condition, struct error *err)
{
    BUF_AUTO there = BUF_WITH_LIMIT(VALUE_EXCERPT);
    BUF_AUTO wanted = BUF_WITH_LIMIT(VALUE_EXCERPT);
    json_t *value;
    const char *name = json_string_value(json_object_get(condition, "claim"));
    enum operation operation = find_operation(condition, &value);
    const json_t *claim = find_claim(claims, name);
    if (meets(claim, operation, value))
        return 0;
    write_value(claim, &there);
    write_value(value, &wanted);
    return error_set(err, ERROR_REFUSED, "claim %.128s is %s; the policy wants %s %s", name,
                     buf_text(&there), operations[operation], buf_text(&wanted));
}

/* Of anyOf, the error of its first condition is the one that stays. */
static int check_conditions(const json_t *claims, json_t *object, struct error *err)
{
    bool is_any;
    json_t *list = find_list(object, &is_any);
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *condition = json_array_get(list, i);
        struct error *to = is_any && i > 0 ? NULL : err;
        int result = json_object_get(condition, "claim") ? check_condition(claims, condition, to)
                                                         : check_conditions(claims, condition, to);
        if ((result == 0) == is_any)
            return result;
    }
    return is_any ? -1 : 0;
}

static bool same_authority(const char *a, const char *b)
{
    size_t a_len = strlen(a);
    size_t b_len = strlen(b);
    a_len -= a_len > 0 && a[a_len - 1] == '/';
    b_len -= b_len > 0 && b[b_len - 1] == '/';
    return a_len == b_len && memcmp(a, b, a_len) == 0;
}

int release_policy_check(const struct release_policy *policy, const char *issuer,
                         const json_t *claims, struct error *err)
{
    bool is_any;
    bool found = false;
    json_t *list = find_list(policy->document, &is_any);
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *authority = json_array_get(list, i);
        const char *name = json_string_value(json_object_get(authority, "authority"));
        if (!same_authority(name, issuer))
            continue;
        if (check_conditions(claims, authority, found ? NULL : err) == 0)
            return 0;
        found = true;
    }
    return found ? -1
                 : error_set(err, ERROR_REFUSED,
                             "no authority of the policy is the token's issuer, %.256s", issuer);
}
