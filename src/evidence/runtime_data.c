#include "evidence/runtime_data.h"

#include "base/hex.h"
#include "crypto/digest.h"

int runtime_data_write(const struct runtime_data *data, struct buf *out, struct error *err)
{
    char nonce[2 * RUNTIME_DATA_NONCE_MAX + 1];
    if (data->nonce_size == 0 || data->nonce_size > RUNTIME_DATA_NONCE_MAX)
        return error_set(err, ERROR_INVALID, "the nonce has %zu bytes; 1 to %d are allowed",
                         data->nonce_size, RUNTIME_DATA_NONCE_MAX);
    if (data->demanded > RUNTIME_DATA_COUNT_MAX || data->running > data->demanded ||
        data->done > data->demanded - data->running)
        return error_set(err, ERROR_INVALID, "%u containers, of which %u run and %u are done",
                         data->demanded, data->running, data->done);
    hex_encode(span_of(data->nonce, data->nonce_size), nonce);
    return buf_printf(
        out, err,
        "{\"caisson\":\"evidence-2\",\"nonce\":\"%s\",\"containers\":{\"demanded\":%u,"
        "\"running\":%u,\"done\":%u}}",
        nonce, data->demanded, data->running, data->done);
}

void runtime_data_report_data(struct span runtime_data, uint8_t out[REPORT_DATA_SIZE])
{
    memset(out, 0, REPORT_DATA_SIZE);
    sha256_digest(runtime_data, out);
}
