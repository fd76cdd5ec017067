#include "base/secret.h"

void secret_wipe(void *data, size_t size)
{
    if (data && size > 0)
        explicit_bzero(data, size);
}

bool secret_equal(struct span a, struct span b)
{
    if (a.size != b.size)
        return false;
    volatile uint8_t difference = 0;
    for (size_t i = 0; i < a.size; i++)
        difference = (uint8_t)(difference | (a.data[i] ^ b.data[i]));
    return difference == 0;
}
