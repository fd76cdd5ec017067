/* An enclave image: what becomes of it is a stream that a processor would take. */
#include "fuzz.h"

#include "measure/enclave_image.h"
#include "measure/sgxs.h"

#define SIZE_MAX_HERE (1U << 22) /* of the enclave: more is only slower */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct enclave_image image;
    struct sgxs sgxs;
    uint8_t mrenclave[SHA256_SIZE];
    BUF_AUTO stream = BUF_WITH_LIMIT(8 * SIZE_MAX_HERE);
    if (enclave_image_parse(span_of(data, size), &image, NULL) < 0 || image.size > SIZE_MAX_HERE)
        return 0;
    fuzz_require(enclave_image_write_sgxs(&image, &stream, NULL) == 0);
    fuzz_require(enclave_image_measure(&image, mrenclave, NULL) == 0);
    fuzz_require(sgxs_measure(buf_span(&stream), &sgxs, NULL) == 0);
    fuzz_require(memcmp(sgxs.mrenclave, mrenclave, sizeof mrenclave) == 0);
    fuzz_require(sgxs.tcs_count == image.threads && sgxs.size == image.size);
    return 0;
}
