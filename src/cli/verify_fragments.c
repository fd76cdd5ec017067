#include "cli/verify_fragments.h"

#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "base/text.h"

static int take_word(char *word, struct fragment_demand *demand, const char **digest,
                     struct error *err)
{
    char *value = strchr(word, '=');
    const struct {
        const char *name;
        const char **value;
    } names[] = {
        {"feed", &demand->feed},
        {"issuer", &demand->issuer},
        {"min-svn", &demand->minimum_svn},
        {"sha256", digest},
    };
    if (value)
        *value++ = '\0';
    for (size_t i = 0; value && *value && i < sizeof names / sizeof *names; i++) {
        if (strcmp(word, names[i].name) != 0)
            continue;
        if (*names[i].value)
            return error_set(err, ERROR_USAGE, "%s is there twice", word);
        *names[i].value = value;
        return 0;
    }
    return error_set(err, ERROR_USAGE,
                     "\"%.64s\" is not known here: feed=, issuer=, min-svn= and sha256= are", word);
}

static int read_demand(char *text, struct fragment_demand *demand, uint8_t digest[SHA256_SIZE],
                       struct error *err)
{
    const char *hex = NULL;
    for (char *word; (word = strsep(&text, ","));) {
        if (take_word(word, demand, &hex, err) < 0)
            return -1;
    }
    if (!demand->feed && !hex)
        return error_set(err, ERROR_USAGE, "name the fragment by its feed= or its sha256=");
    if (demand->minimum_svn && !fragment_svn_is_good(demand->minimum_svn))
        return error_set(err, ERROR_USAGE, "min-svn is \"%.64s\"; 5 or 1.2.0 is an svn",
                         demand->minimum_svn);
    if (hex &&
        (strlen(hex) != 2 * SHA256_SIZE || !hex_decode(span_of_text(hex), digest, SHA256_SIZE)))
        return error_set(err, ERROR_USAGE, "sha256 wants %d digits in hexadecimal",
                         2 * SHA256_SIZE);
    demand->digest = hex ? digest : NULL;
    return 0;
}

int verify_fragments_read(const struct args *args, struct verify_fragments *out, struct error *err)
{
    const char *word;
    struct fragment_demands *demands = &out->demands;
    *demands = (struct fragment_demands){.items = out->items,
                                         .no_others = args_has(args, "no-other-fragments")};
    for (; (word = args_get_nth(args, "fragment", demands->count)); demands->count++) {
        size_t at = demands->count;
        if (at == RUNTIME_DATA_FRAGMENTS_MAX)
            return error_set(err, ERROR_USAGE, "--fragment: a machine loads at most %d",
                             RUNTIME_DATA_FRAGMENTS_MAX);
        out->texts[at] = strdup(word);
        if (!out->texts[at])
            return error_memory(err);
        if (read_demand(out->texts[at], &out->items[at], out->digests[at], err) < 0)
            return error_context(err, "--fragment %.128s", word);
    }
    return 0;
}

void verify_fragments_fini(struct verify_fragments *fragments)
{
    for (size_t i = 0; i < RUNTIME_DATA_FRAGMENTS_MAX; i++)
        free(fragments->texts[i]);
}

/* On one line, whatever is in its names. */
static int append_line(const struct runtime_fragment *fragment, struct buf *out, struct error *err)
{
    char digest[2 * SHA256_SIZE + 1];
    hex_encode(span_of(fragment->digest, SHA256_SIZE), digest);
    TEXT_AUTO line = text_format("fragment: feed %s, svn %s, sha256 %s, of %s", fragment->feed,
                                 fragment->svn, digest, fragment->issuer);
    if (!line)
        return error_memory(err);
    text_make_printable(line);
    return buf_printf(out, err, "%s\n", line);
}

int verify_fragments_note(const struct runtime_data *data, struct buf *out, struct error *err)
{
    for (size_t i = 0; i < data->fragment_count; i++) {
        if (append_line(&data->fragments[i], out, err) < 0)
            return -1;
    }
    return 0;
}

json_t *verify_fragments_claims(const struct runtime_data *data)
{
    if (data->fragment_count == 0)
        return NULL;
    json_t *claims = json_array();
    for (size_t i = 0; i < data->fragment_count; i++) {
        const struct runtime_fragment *fragment = &data->fragments[i];
        char digest[2 * SHA256_SIZE + 1];
        hex_encode(span_of(fragment->digest, SHA256_SIZE), digest);
        (void)json_array_append_new(
            claims, json_pack("{s:s, s:s, s:s, s:s}", "issuer", fragment->issuer, "feed",
                              fragment->feed, "svn", fragment->svn, "sha256", digest));
    }
    return claims;
}
