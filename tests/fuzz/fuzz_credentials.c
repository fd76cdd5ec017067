/* Credential files: what is found is clean enough for a header. */
#include "fuzz.h"

#include "image/credentials.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CREDENTIALS_AUTO credentials = {0};
    struct error err = {0};
    int status = credentials_parse(span_of(data, size), "host.io:5000", "a/b/c", &credentials,
                                   &err);
    fuzz_require(status == 0 || err.code != ERROR_NONE);
    for (size_t i = 0; status == 0 && i < credentials.password.size; i++)
        fuzz_require(credentials.password.data[i] >= 0x20);
    return 0;
}
