#include "evidence/runtime_data.h"

#include <stdio.h>

#include "base/hex.h"
#include "crypto/digest.h"

/* RUNTIME_DATA_NONCE_MAX and RUNTIME_DATA_COUNT_MAX bound the widths. */
#define FORM_READ                                                                                  \
    "{\"caisson\":\"evidence-2\",\"nonce\":\"%128[0-9a-f]\",\"containers\":{\"demanded\":%5u,"     \
    "\"running\":%5u,\"done\":%5u}}"

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

int runtime_data_read(struct span text, struct runtime_data *out, struct error *err)
{
    char copy[RUNTIME_DATA_SIZE_MAX + 1] = "";
    char nonce[2 * RUNTIME_DATA_NONCE_MAX + 1];
    struct runtime_data data = {0};
    BUF_AUTO again = BUF_WITH_LIMIT(RUNTIME_DATA_SIZE_MAX);
    if (text.size <= RUNTIME_DATA_SIZE_MAX && text.size > 0)
        memcpy(copy, text.data, text.size);
    /* What was read is written again: only the same bytes mean it. */
    bool read = sscanf(copy, FORM_READ, nonce, &data.demanded, &data.running, &data.done) == 4;
    data.nonce_size = read ? strlen(nonce) / 2 : 0;
    if (!read || !hex_decode(span_of_text(nonce), data.nonce, data.nonce_size) ||
        runtime_data_write(&data, &again, NULL) < 0 || !span_equal(buf_span(&again), text))
        return error_set(err, ERROR_INVALID,
                         "the runtime data is not of the form that this project's guest makes: "
                         "{\"caisson\":\"evidence-2\",\"nonce\":\"…\",\"containers\":{…}}");
    *out = data;
    return 0;
}

bool runtime_data_is_whole(const struct runtime_data *data)
{
    return data->running + data->done == data->demanded;
}
