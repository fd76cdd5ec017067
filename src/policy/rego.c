#include "policy/rego.h"

#include <ctype.h>

#include "base/text.h"
#include "policy/policy.h"

static void skip_blanks(struct value_reader *reader)
{
    reader->at += strspn(reader->at, " \t");
}

static int take_ident(struct value_reader *reader, char out[REGO_IDENT_MAX + 1], struct error *err)
{
    size_t size = 0;
    while (isalnum((unsigned char)reader->at[size]) || reader->at[size] == '_')
        size++;
    if (size == 0 || isdigit((unsigned char)reader->at[0]))
        return value_refuse(reader, err, "a name was expected");
    if (size > REGO_IDENT_MAX)
        return value_refuse(reader, err, "a name is too long");
    memcpy(out, reader->at, size);
    out[size] = '\0';
    reader->at += size;
    return 0;
}

static bool take_word(struct value_reader *reader, const char *word)
{
    size_t size = strlen(word);
    if (strncmp(reader->at, word, size) != 0 || isalnum((unsigned char)reader->at[size]) ||
        reader->at[size] == '_' || reader->at[size] == '.')
        return false;
    reader->at += size;
    return true;
}

/* Nothing but a comment may follow a statement on its line. */
static int end_statement(struct value_reader *reader, struct error *err)
{
    reader->at += strspn(reader->at, " \t\r");
    if (*reader->at == '#')
        reader->at += strcspn(reader->at, "\n");
    if (*reader->at != '\n' && *reader->at != '\0')
        return value_refuse(reader, err,
                            "only IDENT := JSON and IDENT := data.framework.IDENT are read, found");
    return 0;
}

/* The three forms of `reason`, blanks aside. */
static bool take_reason(struct value_reader *reader)
{
    static const char *const forms[] = {
        "data.framework.reason",
        "{\"errors\":data.framework.errors}",
        "{\"errors\":data.framework.errors,\"error_objects\":data.framework.error_objects}",
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct value_reader copy = *reader;
        const char *p = forms[i];
        for (; *p && *copy.at == *p; p++) {
            copy.at++;
            /* Blanks only where the forms have punctuation: never inside a name. */
            if (strchr("{},:\"", *p) || strchr("{},:\"", p[1]))
                value_skip_space(&copy);
        }
        if (*p == '\0') {
            *reader = copy;
            return true;
        }
    }
    return false;
}

static int take_alias(struct value_reader *reader, struct rego_statement *out, struct error *err)
{
    char ident[REGO_IDENT_MAX + 1];
    struct value_reader start = *reader;
    reader->at += strlen("data.framework.");
    if (take_ident(reader, ident, err) < 0)
        return -1;
    if (strcmp(ident, out->name) != 0)
        return value_refuse(&start, err, "a rule stands for another rule of the framework");
    out->kind = REGO_ALIAS;
    return 0;
}

/* What a fragment is, and what its parameters are, is its signer's to say alone. */
static bool takes_parameters(const struct rego_module *module, const char *name)
{
    static const char *const own[] = {"svn", "framework_version", "framework_svn",
                                      "parameters_api"};
    bool takes = strcmp(module->package, "policy") != 0;
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        takes = takes && strcmp(own[i], name) != 0;
    return takes;
}

static int take_value(struct value_reader *reader, struct rego_module *module,
                      struct rego_statement *out, struct error *err)
{
    if (strcmp(out->name, "reason") == 0) {
        out->kind = REGO_REASON;
        return take_reason(reader)
                   ? 0
                   : value_refuse(reader, err, "a reason that is not the framework's");
    }
    if (text_starts_with(reader->at, "data.framework."))
        return take_alias(reader, out, err);
    out->kind = REGO_JSON;
    reader->holes = takes_parameters(module, out->name) ? &module->holes : NULL;
    return value_read(reader, &out->value, err);
}

static int take_statement(struct value_reader *reader, struct rego_module *module,
                          struct error *err)
{
    if (module->count == REGO_STATEMENTS)
        return error_set(err, ERROR_LIMIT, "line %u: more than %d statements", reader->line,
                         REGO_STATEMENTS);
    struct rego_statement *out = &module->statements[module->count];
    struct value_reader start = *reader;
    *out = (struct rego_statement){.line = reader->line};
    if (take_ident(reader, out->name, err) < 0)
        return -1;
    skip_blanks(reader);
    if (strncmp(reader->at, ":=", 2) != 0)
        return value_refuse(&start, err, "a statement that is not IDENT := VALUE");
    if (rego_find(module, out->name))
        return value_refuse(&start, err, "a name is defined twice");
    reader->at += 2;
    skip_blanks(reader);
    module->count++;
    return take_value(reader, module, out, err) < 0 ? -1 : end_statement(reader, err);
}

static int take_import(struct value_reader *reader, struct error *err)
{
    struct value_reader start = *reader;
    reader->at += strlen("import");
    skip_blanks(reader);
    if (!take_word(reader, "future.keywords.every") && !take_word(reader, "future.keywords.in"))
        return value_refuse(&start, err, "an import that is not future.keywords.every or .in");
    return end_statement(reader, err);
}

static int take_package(struct value_reader *reader, struct rego_module *module, struct error *err)
{
    value_skip_space(reader);
    if (!take_word(reader, "package"))
        return value_refuse(reader, err, "the text does not start with a package");
    skip_blanks(reader);
    if (take_ident(reader, module->package, err) < 0)
        return -1;
    return end_statement(reader, err);
}

static int take_module(struct value_reader *reader, struct rego_module *out, struct error *err)
{
    if (take_package(reader, out, err) < 0)
        return -1;
    for (value_skip_space(reader); *reader->at; value_skip_space(reader)) {
        struct value_reader word = *reader;
        bool import = take_word(&word, "import");
        if ((import ? take_import(reader, err) : take_statement(reader, out, err)) < 0)
            return -1;
    }
    return 0;
}

int rego_read(struct span text, struct arena *texts, struct rego_module *out, struct error *err)
{
    struct value_reader reader = {
        .line = 1, .depth = REGO_DEPTH_MAX, .rego = true, .arena = &out->values};
    *out = (struct rego_module){.values.limit = REGO_MEMORY_MAX};
    if (text.size > POLICY_SIZE_MAX)
        return error_set(err, ERROR_LIMIT, "a policy of %zu bytes; at most %zu are read", text.size,
                         POLICY_SIZE_MAX);
    if (!text_is_utf8(text))
        return error_set(err, ERROR_INVALID, "a policy must be UTF-8 text");
    if (text.size > 0 && memchr(text.data, 0, text.size))
        return error_set(err, ERROR_INVALID, "a policy must be text without zero bytes");
    reader.at = arena_copy(texts, text);
    if (!reader.at)
        return error_memory(err);
    if (take_module(&reader, out, err) == 0)
        return 0;
    rego_module_fini(out);
    return -1;
}

void rego_module_fini(struct rego_module *module)
{
    arena_fini(&module->values);
}

const struct rego_statement *rego_find(const struct rego_module *module, const char *name)
{
    for (size_t i = 0; i < module->count; i++) {
        if (strcmp(module->statements[i].name, name) == 0)
            return &module->statements[i];
    }
    return NULL;
}
