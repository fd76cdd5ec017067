/* Expressions of templates: each has a value or says why not, within its bounds. */
#include "fuzz.h"

#include <string.h>

#include "template/expression.h"

static json_t *find(void *context, const char *name, struct error *err)
{
    struct expression_scope *scope = context;
    json_t *made = expression_keep(scope, json_pack("{s:[s,i,b],s:s}", "k", "x", 1, 1, "n", name),
                                   err);
    return made ? made : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err = {0};
    struct expression_scope scope = {
        .parameter = find,
        .variable = find,
        .facts = {"s", "g", "l"},
        .arena = {.limit = 1 << 20},
        .kept = json_array(),
    };
    json_t *text = json_stringn((const char *)data, size);
    scope.context = &scope;
    if (text && scope.kept && strlen(json_string_value(text)) == size) {
        json_t *value = expression_evaluate(&scope, text, &err);
        fuzz_require(value || (err.code != ERROR_NONE && err.text[0]));
        fuzz_require(scope.bytes <= EXPRESSION_BYTES_MAX || !value);
    }
    json_decref(text);
    json_decref(scope.kept);
    arena_fini(&scope.arena);
    return 0;
}
