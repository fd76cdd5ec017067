#include "rules/claims.h"

#include <stdlib.h>

void claims_fini(struct claims *claims)
{
    for (size_t i = 0; i < claims->count; i++) {
        json_decref(claims->at[i].type);
        json_decref(claims->at[i].value);
    }
    free(claims->at);
    *claims = (struct claims){0};
}

const char *claim_issuer_name(enum claim_issuer issuer)
{
    static const char *const names[CLAIM_ISSUER_COUNT] = {
        [CLAIM_CUSTOM] = "CustomClaim",
        [CLAIM_SERVICE] = "AttestationService",
        [CLAIM_POLICY] = "AttestationPolicy",
    };
    return issuer < CLAIM_ISSUER_COUNT ? names[issuer] : "";
}

const char *claim_kind_name(enum claim_kind kind)
{
    static const char *const names[CLAIM_KIND_COUNT] = {
        [CLAIM_STRING] = "String", [CLAIM_INTEGER] = "Integer", [CLAIM_BOOLEAN] = "Boolean"};
    return kind < CLAIM_KIND_COUNT ? names[kind] : "";
}

bool claim_kind_of(const json_t *value, enum claim_kind *out)
{
    *out = json_is_string(value)    ? CLAIM_STRING
           : json_is_integer(value) ? CLAIM_INTEGER
                                    : CLAIM_BOOLEAN;
    return json_is_string(value) || json_is_integer(value) || json_is_boolean(value);
}

static int check(const struct claim *claim, struct error *err)
{
    enum claim_kind kind;
    size_t size = json_string_length(claim->type);
    if (size == 0)
        return error_set(err, ERROR_INVALID, "a claim without a type");
    if (size > CLAIM_TYPE_MAX)
        return error_set(err, ERROR_LIMIT, "a claim's type of %zu bytes; at most %d are accepted",
                         size, CLAIM_TYPE_MAX);
    if (!claim_kind_of(claim->value, &kind))
        return error_set(err, ERROR_INVALID, "claim %.128s: %s is no text, integer or truth value",
                         json_string_value(claim->type), json_kind(claim->value));
    if (json_string_length(claim->value) > CLAIM_VALUE_MAX)
        return error_set(err, ERROR_LIMIT, "claim %.128s: %zu bytes; at most %zu are accepted",
                         json_string_value(claim->type), json_string_length(claim->value),
                         CLAIM_VALUE_MAX);
    return 0;
}

static int grow(struct claims *claims, struct error *err)
{
    if (claims->count == CLAIMS_MAX)
        return error_set(err, ERROR_LIMIT, "more than %d claims", CLAIMS_MAX);
    if (claims->count < claims->capacity)
        return 0;
    size_t capacity = claims->capacity ? 2 * claims->capacity : 16;
    struct claim *at = realloc(claims->at, capacity * sizeof *at);
    if (!at)
        return error_memory(err);
    claims->at = at;
    claims->capacity = capacity;
    return 0;
}

int claims_add(struct claims *claims, const struct claim *claim, struct error *err)
{
    if (check(claim, err) < 0 || grow(claims, err) < 0)
        return -1;
    claims->at[claims->count] = *claim;
    json_incref(claims->at[claims->count].type);
    json_incref(claims->at[claims->count].value);
    claims->count++;
    return 0;
}

/* Takes `value`, which may be NULL where memory ran out. */
static int add_new(struct claims *claims, const char *type, json_t *value, enum claim_issuer issuer,
                   struct error *err)
{
    struct claim claim = {.type = json_string(type), .value = value, .issuer = issuer};
    int result = claim.type && value ? claims_add(claims, &claim, err)
                                     : error_set(err, ERROR_INVALID, "a claim that is no UTF-8");
    json_decref(claim.type);
    json_decref(value);
    return result;
}

int claims_add_text(struct claims *claims, const char *type, const char *value,
                    enum claim_issuer issuer, struct error *err)
{
    return add_new(claims, type, json_string(value), issuer, err);
}

int claims_add_integer(struct claims *claims, const char *type, int64_t value,
                       enum claim_issuer issuer, struct error *err)
{
    return add_new(claims, type, json_integer(value), issuer, err);
}

int claims_add_boolean(struct claims *claims, const char *type, bool value,
                       enum claim_issuer issuer, struct error *err)
{
    return add_new(claims, type, json_boolean(value), issuer, err);
}

static bool is_plain_array(const json_t *value)
{
    enum claim_kind kind;
    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *element = json_array_get(value, i);
        if (!json_is_null(element) && !claim_kind_of(element, &kind))
            return false;
    }
    return json_is_array(value);
}

static int add_as_text(struct claims *claims, const char *type, const json_t *value,
                       enum claim_issuer issuer, struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(CLAIM_VALUE_MAX);
    if (json_append(value, &text, err) < 0)
        return -1;
    return add_new(claims, type, json_stringn(buf_text(&text), text.size), issuer, err);
}

int claims_add_json(struct claims *claims, const char *type, json_t *value,
                    enum claim_issuer issuer, struct error *err)
{
    enum claim_kind kind;
    if (json_is_null(value))
        return 0;
    if (claim_kind_of(value, &kind))
        return add_new(claims, type, json_incref(value), issuer, err);
    if (!is_plain_array(value))
        return add_as_text(claims, type, value, issuer, err);
    for (size_t i = 0; i < json_array_size(value); i++) {
        json_t *element = json_array_get(value, i);
        if (!json_is_null(element) && add_new(claims, type, json_incref(element), issuer, err) < 0)
            return -1;
    }
    return 0;
}

int claims_add_members(struct claims *claims, json_t *object, enum claim_issuer issuer,
                       struct error *err)
{
    for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at)) {
        if (claims_add_json(claims, json_object_iter_key(at), json_object_iter_value(at), issuer,
                            err) < 0)
            return -1;
    }
    return 0;
}

int claims_add_all(struct claims *claims, const struct claims *more, struct error *err)
{
    for (size_t i = 0; i < more->count; i++) {
        if (claims_add(claims, &more->at[i], err) < 0)
            return -1;
    }
    return 0;
}

/* 0, or -1 without memory. */
static int put(json_t *object, const struct claim *claim)
{
    const char *type = json_string_value(claim->type);
    json_t *there = json_object_get(object, type);
    if (!there)
        return json_object_set(object, type, claim->value);
    if (json_is_array(there))
        return json_array_append(there, claim->value);
    json_t *both = json_pack("[O, O]", there, claim->value);
    return both ? json_object_set_new(object, type, both) : -1;
}

json_t *claims_to_json(const struct claims *claims, struct error *err)
{
    json_t *object = json_object();
    for (size_t i = 0; object && i < claims->count; i++) {
        if (put(object, &claims->at[i]) < 0) {
            json_decref(object);
            object = NULL;
        }
    }
    if (!object)
        (void)error_memory(err);
    return object;
}

const struct claim *claims_find(const struct claims *claims, const char *type)
{
    for (size_t i = 0; i < claims->count; i++) {
        if (strcmp(json_string_value(claims->at[i].type), type) == 0)
            return &claims->at[i];
    }
    return NULL;
}
