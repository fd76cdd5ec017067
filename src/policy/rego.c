#include "policy/rego.h"

#include <ctype.h>

#include "base/text.h"
#include "policy/policy.h"

/* What is left to read. The text holds no zero byte, and one follows it. */
struct reader {
    const char *at;
    unsigned int line;
};

static int refuse(const struct reader *reader, struct error *err, const char *what)
{
    size_t size = strcspn(reader->at, "\r\n");
    return error_set(err, ERROR_INVALID, "line %u: %s: \"%.*s\"", reader->line, what,
                     (int)(size < 48 ? size : 48), reader->at);
}

static void skip_comment(struct reader *reader)
{
    reader->at += strcspn(reader->at, "\n");
}

/* Blanks, line ends and comments. */
static void skip_space(struct reader *reader)
{
    for (;; reader->at++) {
        if (*reader->at == '#')
            skip_comment(reader);
        if (*reader->at == '\n')
            reader->line++;
        else if (*reader->at == '\0' || !strchr(" \t\r", *reader->at))
            return;
    }
}

static void skip_blanks(struct reader *reader)
{
    reader->at += strspn(reader->at, " \t");
}

static int take_ident(struct reader *reader, char out[REGO_IDENT_MAX + 1], struct error *err)
{
    size_t size = 0;
    while (isalnum((unsigned char)reader->at[size]) || reader->at[size] == '_')
        size++;
    if (size == 0 || isdigit((unsigned char)reader->at[0]))
        return refuse(reader, err, "a name was expected");
    if (size > REGO_IDENT_MAX)
        return refuse(reader, err, "a name is too long");
    memcpy(out, reader->at, size);
    out[size] = '\0';
    reader->at += size;
    return 0;
}

static bool take_word(struct reader *reader, const char *word)
{
    size_t size = strlen(word);
    if (strncmp(reader->at, word, size) != 0 || isalnum((unsigned char)reader->at[size]) ||
        reader->at[size] == '_' || reader->at[size] == '.')
        return false;
    reader->at += size;
    return true;
}

/* Nothing but a comment may follow a statement on its line. */
static int end_statement(struct reader *reader, struct error *err)
{
    reader->at += strspn(reader->at, " \t\r");
    if (*reader->at == '#')
        skip_comment(reader);
    if (*reader->at != '\n' && *reader->at != '\0')
        return refuse(reader, err,
                      "only IDENT := JSON and IDENT := data.framework.IDENT are read, found");
    return 0;
}

/* A JSON value as it is collected: the same text in strict JSON, on the same lines. */
struct collector {
    struct reader *reader;
    struct buf text;
    char open[REGO_DEPTH_MAX]; /* the closing brackets that are awaited */
    size_t depth;
    bool done;
};

static int take_string(struct collector *c, struct error *err)
{
    const char *start = c->reader->at;
    const char *p = start + 1;
    while (*p && *p != '"' && *p != '\n')
        p += *p == '\\' && p[1] ? 2 : 1;
    if (*p != '"')
        return refuse(c->reader, err, "a string does not end");
    c->reader->at = p + 1;
    return buf_append(&c->text, span_of(start, (size_t)(p + 1 - start)), err);
}

/* `raw`: no escapes; anything but a backtick may be in it. */
static int take_raw_string(struct collector *c, struct error *err)
{
    const char *start = c->reader->at + 1;
    const char *end = strchr(start, '`');
    if (!end)
        return refuse(c->reader, err, "a raw string does not end");
    struct span raw = span_of(start, (size_t)(end - start));
    if (!text_is_utf8(raw))
        return refuse(c->reader, err, "a raw string is not UTF-8");
    for (const char *p = start; p < end; p++)
        c->reader->line += *p == '\n';
    c->reader->at = end + 1;
    return json_append_string(&c->text, raw, err);
}

static int open_bracket(struct collector *c, struct error *err)
{
    if (c->depth == REGO_DEPTH_MAX)
        return error_set(err, ERROR_LIMIT, "line %u: nested deeper than %d", c->reader->line,
                         REGO_DEPTH_MAX);
    c->open[c->depth++] = *c->reader->at == '[' ? ']' : '}';
    return buf_append_byte(&c->text, (uint8_t)*c->reader->at++, err);
}

/* Drops a comma that stands before the bracket: `[1, 2,]`. */
static int close_bracket(struct collector *c, struct error *err)
{
    if (c->depth == 0 || c->open[c->depth - 1] != *c->reader->at)
        return refuse(c->reader, err, "a bracket that was not opened");
    size_t last = c->text.size;
    while (last > 0 && strchr(" \t\r\n", c->text.data[last - 1]))
        last--;
    if (last >= 2 && c->text.data[last - 1] == ',' && !strchr("[{,", c->text.data[last - 2]))
        c->text.data[last - 1] = ' ';
    c->depth--;
    return buf_append_byte(&c->text, (uint8_t)*c->reader->at++, err);
}

static int take_scalar(struct collector *c, struct error *err)
{
    size_t size = strspn(c->reader->at, "+-.0123456789eEabcdfghijklmnopqrstuvwxyz_");
    const char *word = c->reader->at;
    bool number = *word == '-' || isdigit((unsigned char)*word);
    if (!number && !(size == 4 && strncmp(word, "true", 4) == 0) &&
        !(size == 5 && strncmp(word, "false", 5) == 0) &&
        !(size == 4 && strncmp(word, "null", 4) == 0))
        return refuse(c->reader, err, "a JSON value was expected, not an expression");
    c->reader->at += size;
    return buf_append(&c->text, span_of(word, size), err);
}

static int take_piece(struct collector *c, struct error *err)
{
    char next = *c->reader->at;
    if (next == '\0')
        return refuse(c->reader, err, "a value does not end");
    if (next == '[' || next == '{')
        return open_bracket(c, err);
    if (next == ']' || next == '}')
        return close_bracket(c, err);
    if (next == '"')
        return take_string(c, err);
    if (next == '`')
        return take_raw_string(c, err);
    if (strchr(",:", next) && c->depth > 0) {
        c->reader->at++;
        return buf_append_byte(&c->text, (uint8_t)next, err);
    }
    return take_scalar(c, err);
}

/* Blanks between pieces, with their line ends; comments become nothing. */
static int take_space(struct collector *c, struct error *err)
{
    for (;; c->reader->at++) {
        if (*c->reader->at == '#')
            skip_comment(c->reader);
        if (*c->reader->at == '\0' || !strchr(" \t\r\n", *c->reader->at))
            return 0;
        c->reader->line += *c->reader->at == '\n';
        if (*c->reader->at == '\n' && buf_append_byte(&c->text, '\n', err) < 0)
            return -1;
    }
}

static int collect(struct collector *c, struct error *err)
{
    do {
        if (take_piece(c, err) < 0 || (c->depth > 0 && take_space(c, err) < 0))
            return -1;
    } while (c->depth > 0);
    return 0;
}

static int take_json(struct reader *reader, json_t **out, struct error *err)
{
    unsigned int line = reader->line;
    json_error_t problem;
    struct collector c = {.reader = reader, .text = BUF_WITH_LIMIT(2 * POLICY_SIZE_MAX)};
    if (collect(&c, err) < 0) {
        buf_fini(&c.text);
        return -1;
    }
    *out = json_loadb(buf_text(&c.text), c.text.size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY,
                      &problem);
    buf_fini(&c.text);
    if (*out)
        return 0;
    return error_set(err, ERROR_INVALID, "line %u: not accepted as JSON: %s",
                     line + (unsigned int)problem.line - 1, problem.text);
}

/* The three forms of `reason`, blanks aside. */
static bool take_reason(struct reader *reader)
{
    static const char *const forms[] = {
        "data.framework.reason",
        "{\"errors\":data.framework.errors}",
        "{\"errors\":data.framework.errors,\"error_objects\":data.framework.error_objects}",
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct reader copy = *reader;
        const char *p = forms[i];
        for (; *p && *copy.at == *p; p++) {
            copy.at++;
            /* Blanks only where the forms have punctuation: never inside a name. */
            if (strchr("{},:\"", *p) || strchr("{},:\"", p[1]))
                skip_space(&copy);
        }
        if (*p == '\0') {
            *reader = copy;
            return true;
        }
    }
    return false;
}

static int take_alias(struct reader *reader, struct rego_statement *out, struct error *err)
{
    char ident[REGO_IDENT_MAX + 1];
    struct reader start = *reader;
    reader->at += strlen("data.framework.");
    if (take_ident(reader, ident, err) < 0)
        return -1;
    if (strcmp(ident, out->name) != 0)
        return refuse(&start, err, "a rule stands for another rule of the framework");
    out->kind = REGO_ALIAS;
    return 0;
}

static int take_value(struct reader *reader, struct rego_statement *out, struct error *err)
{
    if (strcmp(out->name, "reason") == 0) {
        out->kind = REGO_REASON;
        return take_reason(reader) ? 0
                                   : refuse(reader, err, "a reason that is not the framework's");
    }
    if (text_starts_with(reader->at, "data.framework."))
        return take_alias(reader, out, err);
    out->kind = REGO_JSON;
    return take_json(reader, &out->value, err);
}

static int take_statement(struct reader *reader, struct rego_module *module, struct error *err)
{
    if (module->count == REGO_STATEMENTS)
        return error_set(err, ERROR_LIMIT, "line %u: more than %d statements", reader->line,
                         REGO_STATEMENTS);
    struct rego_statement *out = &module->statements[module->count];
    struct reader start = *reader;
    *out = (struct rego_statement){.line = reader->line};
    if (take_ident(reader, out->name, err) < 0)
        return -1;
    skip_blanks(reader);
    if (strncmp(reader->at, ":=", 2) != 0)
        return refuse(&start, err, "a statement that is not IDENT := VALUE");
    if (rego_find(module, out->name))
        return refuse(&start, err, "a name is defined twice");
    reader->at += 2;
    skip_blanks(reader);
    module->count++; /* from here on rego_module_fini() sees its value */
    if (take_value(reader, out, err) < 0)
        return -1;
    return end_statement(reader, err);
}

static int take_import(struct reader *reader, struct error *err)
{
    struct reader start = *reader;
    reader->at += strlen("import");
    skip_blanks(reader);
    if (!take_word(reader, "future.keywords.every") && !take_word(reader, "future.keywords.in"))
        return refuse(&start, err, "an import that is not future.keywords.every or .in");
    return end_statement(reader, err);
}

static int take_package(struct reader *reader, struct rego_module *module, struct error *err)
{
    skip_space(reader);
    if (!take_word(reader, "package"))
        return refuse(reader, err, "the text does not start with a package");
    skip_blanks(reader);
    if (take_ident(reader, module->package, err) < 0)
        return -1;
    return end_statement(reader, err);
}

static int take_module(struct reader *reader, struct rego_module *out, struct error *err)
{
    if (take_package(reader, out, err) < 0)
        return -1;
    for (skip_space(reader); *reader->at; skip_space(reader)) {
        struct reader word = *reader;
        bool import = take_word(&word, "import");
        if ((import ? take_import(reader, err) : take_statement(reader, out, err)) < 0)
            return -1;
    }
    return 0;
}

int rego_read(struct span text, struct rego_module *out, struct error *err)
{
    *out = (struct rego_module){0};
    if (text.size > POLICY_SIZE_MAX)
        return error_set(err, ERROR_LIMIT, "a policy of %zu bytes; at most %zu are read", text.size,
                         POLICY_SIZE_MAX);
    if (!text_is_utf8(text))
        return error_set(err, ERROR_INVALID, "a policy must be UTF-8 text");
    TEXT_AUTO copy = text_dup_span(text);
    if (!copy)
        return error_set(err, ERROR_INVALID, "a policy must be text without zero bytes");
    struct reader reader = {.at = copy, .line = 1};
    if (take_module(&reader, out, err) == 0)
        return 0;
    rego_module_fini(out);
    return -1;
}

void rego_module_fini(struct rego_module *module)
{
    for (size_t i = 0; i < module->count; i++)
        json_decref(module->statements[i].value);
    module->count = 0;
}

const struct rego_statement *rego_find(const struct rego_module *module, const char *name)
{
    for (size_t i = 0; i < module->count; i++) {
        if (strcmp(module->statements[i].name, name) == 0)
            return &module->statements[i];
    }
    return NULL;
}
