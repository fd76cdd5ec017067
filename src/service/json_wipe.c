#include "service/json_wipe.h"

#include <jansson.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

/* The memory stays malloc()'s, so that free() takes it too: some of jansson's results are texts. */
static void wipe_and_free(void *memory)
{
    if (memory)
        explicit_bzero(memory, malloc_usable_size(memory));
    free(memory);
}

void json_wipe_what_is_freed(void)
{
    json_set_alloc_funcs(malloc, wipe_and_free);
}
