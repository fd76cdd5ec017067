#include "image/challenge.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* RFC 9110 section 5.6.2. */
#define TOKEN_CHARACTERS                                                                           \
    "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define HEADER_MAX 8192 /* characters */

enum scheme { SCHEME_NONE, SCHEME_BASIC, SCHEME_BEARER, SCHEME_OTHER };

static const char *skip(const char *at, const char *characters)
{
    return at + strspn(at, characters);
}

static enum scheme scheme_of(const char *name, size_t len)
{
    if (len == 5 && strncasecmp(name, "Basic", len) == 0)
        return SCHEME_BASIC;
    if (len == 6 && strncasecmp(name, "Bearer", len) == 0)
        return SCHEME_BEARER;
    return SCHEME_OTHER;
}

/* Reads a quoted string or a token at *at into out[size]; false when it is malformed or too long.
 */
static bool take_value(const char **at, char *out, size_t size)
{
    const char *from = *at;
    size_t len = 0;
    bool quoted = *from == '"';
    size_t token_len = quoted ? 0 : strspn(from, TOKEN_CHARACTERS "/:?=@");
    const char *end = from + token_len;
    for (from += quoted; quoted ? *from && *from != '"' : from < end; from++) {
        if (quoted && *from == '\\' && from[1])
            from++;
        if ((unsigned char)*from < 0x20 || len + 1 >= size)
            return false;
        out[len++] = *from;
    }
    if (quoted && *from != '"')
        return false;
    out[len] = '\0';
    *at = from + quoted;
    return true;
}

/* Where a parameter of Bearer goes; NULL for one that is of no use here. */
static char *place_of(struct challenge *out, const char *name, size_t len, size_t *size)
{
    const struct {
        const char *name;
        char *place;
        size_t size;
    } places[] = {
        {"realm", out->realm, sizeof out->realm},
        {"service", out->service, sizeof out->service},
        {"scope", out->scope, sizeof out->scope},
    };
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (strlen(places[i].name) == len && strncasecmp(name, places[i].name, len) == 0) {
            *size = places[i].size;
            return places[i].place;
        }
    }
    return NULL;
}

/* `at` stands behind the '='. Twice the same parameter is refused. */
static const char *take_parameter(const char *at, const char *name, size_t len, enum scheme scheme,
                                  struct challenge *out, struct error *err)
{
    char unused[HEADER_MAX];
    size_t size = sizeof unused;
    char *place = scheme == SCHEME_BEARER ? place_of(out, name, len, &size) : NULL;
    if (place && *place) {
        (void)error_set(err, ERROR_INVALID, "parameter \"%.*s\" stands there twice", (int)len,
                        name);
        return NULL;
    }
    if (!take_value(&at, place ? place : unused, size)) {
        (void)error_set(err, ERROR_INVALID, "parameter \"%.*s\" is malformed or too long", (int)len,
                        name);
        return NULL;
    }
    return at;
}

static const char *take_part(const char *at, enum scheme *scheme, struct challenge *out,
                             struct error *err)
{
    const char *name = at;
    size_t len = strspn(at, TOKEN_CHARACTERS "/");
    if (len == 0) {
        (void)error_set(err, ERROR_INVALID, "unexpected character 0x%02x", (unsigned char)*at);
        return NULL;
    }
    at = skip(at + len, " \t");
    if (*at == '=' && *scheme != SCHEME_NONE)
        return take_parameter(skip(at + 1, " \t="), name, len, *scheme, out, err);
    if (*at == '=') {
        (void)error_set(err, ERROR_INVALID, "a parameter before any scheme");
        return NULL;
    }
    /* A word without '=' is a scheme, or the token68 of one that is passed over. */
    bool second = *scheme == SCHEME_BEARER && out->bearer;
    *scheme = scheme_of(name, len);
    if (second && *scheme == SCHEME_BEARER)
        *scheme = SCHEME_OTHER;
    out->basic |= *scheme == SCHEME_BASIC;
    out->bearer |= *scheme == SCHEME_BEARER;
    return at;
}

int challenge_parse(const char *header, struct challenge *out, struct error *err)
{
    enum scheme scheme = SCHEME_NONE;
    *out = (struct challenge){0};
    if (strlen(header) >= HEADER_MAX)
        return error_set(err, ERROR_LIMIT, "WWW-Authenticate of %zu characters", strlen(header));
    for (const char *at = skip(header, " \t,"); *at; at = skip(at, " \t,")) {
        at = take_part(at, &scheme, out, err);
        if (!at)
            return error_context(err, "WWW-Authenticate");
    }
    if (out->bearer && out->realm[0] == '\0')
        return error_set(err, ERROR_INVALID, "WWW-Authenticate: Bearer names no realm");
    if (!out->bearer && !out->basic)
        return error_set(err, ERROR_INVALID,
                         "WWW-Authenticate: \"%.128s\" offers neither Bearer nor Basic", header);
    return 0;
}
