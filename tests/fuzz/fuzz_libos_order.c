/* What a new enclave is told to be: a struct order, and its texts. Whatever they are, what is told
 * of the program lies in the texts, and a script's words are made of them. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "enclave/libos/alloc.h"
#include "enclave/libos/processes/order.h"
#include "enclave/libos/processes/told.h"

void *libos_alloc(size_t size)
{
    return malloc(size);
}

void libos_free(void *memory)
{
    free(memory);
}

static void look_at(const char *path, const struct program_words *words)
{
    static const struct script script = {"/bin/sh", "-x"};
    static struct vfs none; /* no path leads anywhere */
    struct program_words more;
    struct told told = {.file = NULL}, copy = {.file = NULL};
    size_t size = told_size(words);
    fuzz_require(size > 0 && size <= words->size && size <= TOLD_WORDS_MAX);
    told_begin(&told, &none, path, words->texts, size);
    told_copy(&copy, &told);
    fuzz_require(strnlen(told.name, sizeof told.name) < sizeof told.name);
    fuzz_require(told.words_size < size && copy.words_size == told.words_size);
    told_end(&told);
    told_end(&copy);
    if (script_words(&script, path, words, &more) == 0) {
        fuzz_require(more.arguments > words->arguments && more.size > 0);
        libos_free((void *)(uintptr_t)more.texts);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct order order;
    struct program_words words;
    if (size < sizeof order)
        return 0;
    memcpy(&order, data, sizeof order);
    if (!order_is_good(&order) || order.kind != ORDER_PROGRAM || size - sizeof order < order.size)
        return 0;
    char *texts = malloc(order.size); /* no byte beyond them */
    if (texts)
        memcpy(texts, data + sizeof order, order.size);
    if (texts && order_words(&order, texts, &words))
        look_at(texts, &words);
    free(texts);
    return 0;
}
