#define PCRE2_CODE_UNIT_WIDTH 8
#include "policy/regex.h"

#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define MATCH_LIMIT    200000 /* steps of the backtracking matcher */
#define DEPTH_LIMIT    20000
#define HEAP_LIMIT_KIB 4096

/* What PCRE2 makes of a pattern: made when it is first needed, which most patterns of a policy
 * never are. */
struct program {
    bool made;
    pcre2_code *code; /* NULL: matches nothing */
    char problem[96];
};

struct regex {
    char *pattern;
    struct program *program;
    char prefix[32]; /* every match starts with these bytes */
    size_t prefix_size;
    bool any_rest; /* .+ follows them, and nothing else: PCRE2 is not needed */
};

struct regex_scratch {
    pcre2_match_data *data;
    pcre2_match_context *context;
    unsigned int strikes;
};

/* The literal bytes that a pattern starts with: most variables are told apart without PCRE2. */
static void find_prefix(struct regex *regex, const char *pattern)
{
    static const char literal[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_=/:-";
    if (strchr(pattern, '|'))
        return;
    size_t size = strspn(pattern, literal);
    if (size > 0 && pattern[size] && strchr("*?{", pattern[size]))
        size--;
    size = size < sizeof regex->prefix ? size : sizeof regex->prefix;
    memcpy(regex->prefix, pattern, size);
    regex->prefix_size = size;
    regex->any_rest = strcmp(pattern + size, ".+") == 0;
}

static pcre2_code *compile(struct span pattern, char *problem, size_t size)
{
    int code;
    PCRE2_SIZE offset;
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    if (!context)
        return NULL;
    (void)pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    pcre2_code *out = pcre2_compile(pattern.data, pattern.size,
                                    PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C |
                                        PCRE2_NO_AUTO_CAPTURE | PCRE2_NO_START_OPTIMIZE,
                                    &code, &offset, context);
    pcre2_compile_context_free(context);
    if (!out && pcre2_get_error_message(code, (PCRE2_UCHAR *)problem, size) < 0)
        (void)snprintf(problem, size, "error %d", code);
    return out;
}

static const struct program *program_of(const struct regex *regex)
{
    struct program *program = regex->program;
    const char *why = NULL;
    BUF_AUTO text = BUF_WITH_LIMIT((size_t)8 * REGEX_PATTERN_MAX + 16);
    if (program->made)
        return program;
    program->made = true;
    if (buf_append_text(&text, "\\A(?:", NULL) < 0 ||
        !regex_translate(regex->pattern, &text, &why) || buf_append_text(&text, ")\\z", NULL) < 0)
        (void)snprintf(program->problem, sizeof program->problem, "%s", why ? why : "is too long");
    else
        program->code = compile(buf_span(&text), program->problem, sizeof program->problem);
    return program;
}

struct regex *regex_new(const char *pattern)
{
    struct regex *regex = calloc(1, sizeof *regex);
    if (!regex)
        return NULL;
    regex->pattern = strdup(pattern);
    regex->program = calloc(1, sizeof *regex->program);
    if (!regex->pattern || !regex->program) {
        regex_free(regex);
        return NULL;
    }
    find_prefix(regex, pattern);
    return regex;
}

void regex_free(struct regex *regex)
{
    if (!regex)
        return;
    if (regex->program)
        pcre2_code_free(regex->program->code);
    free(regex->program);
    free(regex->pattern);
    free(regex);
}

const char *regex_problem(const struct regex *regex)
{
    const struct program *program = program_of(regex);
    return program->code ? NULL : program->problem;
}

bool regex_is_plain(const struct regex *regex)
{
    return regex->any_rest;
}

struct regex_scratch *regex_scratch_new(void)
{
    struct regex_scratch *scratch = calloc(1, sizeof *scratch);
    if (!scratch)
        return NULL;
    scratch->data = pcre2_match_data_create(1, NULL);
    scratch->context = pcre2_match_context_create(NULL);
    if (!scratch->data || !scratch->context) {
        regex_scratch_free(scratch);
        return NULL;
    }
    (void)pcre2_set_match_limit(scratch->context, MATCH_LIMIT);
    (void)pcre2_set_depth_limit(scratch->context, DEPTH_LIMIT);
    (void)pcre2_set_heap_limit(scratch->context, HEAP_LIMIT_KIB);
    return scratch;
}

void regex_scratch_free(struct regex_scratch *scratch)
{
    if (!scratch)
        return;
    pcre2_match_data_free(scratch->data);
    pcre2_match_context_free(scratch->context);
    free(scratch);
}

void regex_scratch_reset(struct regex_scratch *scratch)
{
    scratch->strikes = 0;
}

/* As .+ matches: at least one character, and no end of a line. */
static bool has_line(struct span rest)
{
    return rest.size > 0 && !memchr(rest.data, '\n', rest.size) && text_is_utf8(rest);
}

bool regex_match(const struct regex *regex, struct span subject, struct regex_scratch *scratch)
{
    if (subject.size > REGEX_SUBJECT_MAX || scratch->strikes >= REGEX_STRIKES)
        return false;
    if (subject.size < regex->prefix_size ||
        memcmp(subject.data, regex->prefix, regex->prefix_size) != 0)
        return false;
    if (regex->any_rest)
        return has_line(
            span_of(subject.data + regex->prefix_size, subject.size - regex->prefix_size));
    const struct program *program = program_of(regex);
    if (!program->code)
        return false;
    int rc = pcre2_match(program->code, subject.data, subject.size, 0, PCRE2_ANCHORED,
                         scratch->data, scratch->context);
    if (rc == PCRE2_ERROR_MATCHLIMIT || rc == PCRE2_ERROR_DEPTHLIMIT || rc == PCRE2_ERROR_HEAPLIMIT)
        scratch->strikes++;
    return rc >= 0;
}
