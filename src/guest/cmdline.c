#include "guest/cmdline.h"

#include <stddef.h>

#include "base/text.h"

#define KEY  "caisson.tee="
#define TSC  "tsc_early_khz="
#define OVMF "initrd=initrd"

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

static bool has_prefix(struct span word, const char *prefix)
{
    size_t size = strlen(prefix);
    return word.size >= size && span_equal_text(span_of(word.data, size), prefix);
}

/* What may follow the TEE's name: nothing, or how fast a simulated machine's clock ticks. */
static int check_rest(struct span text, enum guest_tee tee, struct error *err)
{
    char digits[16];
    uint64_t khz;
    struct span word = next_word(&text);
    /* The firmware, measured itself, adds this: newer ones in front of all, older ones here. */
    if (tee == GUEST_SEV_SNP && span_equal_text(word, OVMF))
        word = next_word(&text);
    if (word.size == 0)
        return 0;
    size_t key = sizeof TSC - 1;
    size_t size = word.size - key;
    if (tee == GUEST_SIMULATED && has_prefix(word, TSC) && size < sizeof digits) {
        memcpy(digits, word.data + key, size);
        digits[size] = '\0';
        if (text_to_u64(digits, UINT32_MAX, &khz) && next_word(&text).size == 0)
            return 0;
    }
    return error_set(err, ERROR_INVALID, "the command line goes on after " KEY "%s",
                     guest_tee_name(tee));
}

int cmdline_parse(struct span text, enum guest_tee *tee, struct error *err)
{
    struct span word;
    do {
        word = next_word(&text);
        if (word.size == 0)
            return error_set(err, ERROR_INVALID, "the command line does not say " KEY);
    } while (!has_prefix(word, KEY));
    size_t key = sizeof KEY - 1;
    if (tee_of_name(span_of(word.data + key, word.size - key), tee, err) < 0)
        return -1;
    return check_rest(text, *tee, err);
}
