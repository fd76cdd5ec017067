#include "enclave/libos/program/script.h"

#include <asm/errno.h>

#include "enclave/libos/bytes.h"

static int is_space(char byte)
{
    return byte == ' ' || byte == '\t';
}

static const char *skip_spaces(const char *at, const char *end)
{
    while (at < end && is_space(*at))
        at++;
    return at;
}

/* To a space or a zero. */
static const char *skip_word(const char *at, const char *end)
{
    while (at < end && *at && !is_space(*at))
        at++;
    return at;
}

/* Where the line ends: at its newline, or at the end of what is looked at if the interpreter's name
 * is whole there. NULL for a name that may be cut. */
static const char *find_end(const char line[SCRIPT_LINE_MAX])
{
    const char *last = line + SCRIPT_LINE_MAX - 1;
    for (const char *at = line; at < line + SCRIPT_LINE_MAX && *at; at++) {
        if (*at == '\n')
            return at;
    }
    return skip_word(skip_spaces(line + 2, last), last) < last ? last : NULL;
}

int script_read(const uint8_t *head, size_t size, struct script *out)
{
    char line[SCRIPT_LINE_MAX] = {0};
    if (size < 2 || head[0] != '#' || head[1] != '!')
        return 0;
    memcpy(line, head, size < sizeof line ? size : sizeof line);
    *out = (struct script){{0}, {0}};
    const char *end = find_end(line);
    while (end && end > line + 2 && is_space(end[-1]))
        end--;
    if (!end)
        return -ENOEXEC;
    const char *name = skip_spaces(line + 2, end);
    const char *name_end = skip_word(name, end);
    if (name == name_end)
        return -ENOEXEC;
    memcpy(out->interpreter, name, (size_t)(name_end - name));
    if (name_end == end || !*name_end)
        return 1;
    const char *argument = skip_spaces(name_end, end);
    memcpy(out->argument, argument, (size_t)(end - argument)); /* up to a zero in it */
    return 1;
}

/* Behind the text at `at`, or NULL where it has no end. */
static const char *skip_text(const char *at, const char *end)
{
    while (at && at < end && *at)
        at++;
    return at && at < end ? at + 1 : NULL;
}

static char *put_text(char *to, const char *text)
{
    size_t size = strlen(text) + 1;
    memcpy(to, text, size);
    return to + size;
}

int script_words(const struct script *script, const char *path, const struct program_words *words,
                 struct program_words *out)
{
    const char *end = words->texts + words->size;
    const char *first = skip_text(words->texts, end); /* argument, in whose place others come */
    const char *rest = words->arguments > 0 ? skip_text(first, end) : NULL;
    if (!rest)
        return -EINVAL;
    size_t more = strlen(script->interpreter) + strlen(script->argument) + strlen(path) + 3;
    size_t size = (size_t)(first - words->texts) + more + (size_t)(end - rest);
    char *texts = libos_alloc(size);
    if (!texts)
        return -ENOMEM;
    char *to = put_text(texts, words->texts);
    to = put_text(to, script->interpreter);
    if (script->argument[0])
        to = put_text(to, script->argument);
    to = put_text(to, path);
    memcpy(to, rest, (size_t)(end - rest));
    *out = (struct program_words){.texts = texts,
                                  .size = (size_t)(to - texts) + (size_t)(end - rest),
                                  .arguments = words->arguments + (script->argument[0] ? 2 : 1),
                                  .environment = words->environment};
    return 0;
}
