#include "guest/cmdline.h"

#include <stddef.h>

#define KEY "caisson.tee="

static const char *const names[] = {[GUEST_SEV_SNP] = "sev-snp", [GUEST_SIMULATED] = "simulated"};

#define TEE_COUNT (sizeof names / sizeof names[0])

const char *guest_tee_name(enum guest_tee tee)
{
    return names[tee];
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\0';
}

/* Takes the next word off the text; an empty word means the end. */
static struct span next_word(struct span *text)
{
    while (text->size > 0 && is_blank(text->data[0])) {
        text->data++;
        text->size--;
    }
    size_t size = 0;
    while (size < text->size && !is_blank(text->data[size]))
        size++;
    struct span word = span_of(text->data, size);
    text->data += size;
    text->size -= size;
    return word;
}

static int tee_of_name(struct span name, enum guest_tee *tee, struct error *err)
{
    for (size_t i = 0; i < TEE_COUNT; i++) {
        if (span_equal_text(name, names[i])) {
            *tee = (enum guest_tee)i;
            return 0;
        }
    }
    return error_set(err, ERROR_INVALID, "the command line names an unknown TEE: %.*s",
                     name.size < 64 ? (int)name.size : 64, (const char *)name.data);
}

int cmdline_parse(struct span text, enum guest_tee *tee, struct error *err)
{
    const size_t key = sizeof KEY - 1;
    bool found = false;
    if (text.size == 0)
        return error_set(err, ERROR_INVALID, "the command line is empty");
    for (struct span word; (word = next_word(&text)).size > 0;) {
        if (word.size < key || !span_equal_text(span_of(word.data, key), KEY))
            continue;
        if (found)
            return error_set(err, ERROR_INVALID, "the command line says " KEY " twice");
        if (tee_of_name(span_of(word.data + key, word.size - key), tee, err) < 0)
            return -1;
        found = true;
    }
    return found ? 0 : error_set(err, ERROR_INVALID, "the command line does not say " KEY);
}
