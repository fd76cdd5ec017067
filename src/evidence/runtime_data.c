#include "evidence/runtime_data.h"

#include "base/hex.h"
#include "crypto/digest.h"
#include "format/json.h"

static int write_fragment(const struct runtime_fragment *fragment, struct buf *out,
                          struct error *err)
{
    char digest[2 * SHA256_SIZE + 1];
    hex_encode(span_of(fragment->digest, SHA256_SIZE), digest);
    if (buf_append_text(out, "{\"issuer\":", err) < 0 ||
        json_append_string(out, span_of_text(fragment->issuer), err) < 0 ||
        buf_append_text(out, ",\"feed\":", err) < 0 ||
        json_append_string(out, span_of_text(fragment->feed), err) < 0 ||
        buf_append_text(out, ",\"svn\":", err) < 0 ||
        json_append_string(out, span_of_text(fragment->svn), err) < 0)
        return -1;
    return buf_printf(out, err, ",\"sha256\":\"%s\"}", digest);
}

/* Without fragments there is no such member: evidence then says what it always said. */
static int write_fragments(const struct runtime_data *data, struct buf *out, struct error *err)
{
    for (size_t i = 0; i < data->fragment_count; i++) {
        if (buf_append_text(out, i == 0 ? ",\"fragments\":[" : ",", err) < 0 ||
            write_fragment(&data->fragments[i], out, err) < 0)
            return error_context(err, "%zu fragments do not fit into evidence",
                                 data->fragment_count);
    }
    return data->fragment_count > 0 ? buf_append_text(out, "]", err) : 0;
}

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
    if (buf_printf(out, err,
                   "{\"caisson\":\"evidence-2\",\"nonce\":\"%s\",\"containers\":{\"demanded\":%u,"
                   "\"running\":%u,\"done\":%u}",
                   nonce, data->demanded, data->running, data->done) < 0 ||
        write_fragments(data, out, err) < 0)
        return -1;
    return buf_append_text(out, "}", err);
}

void runtime_data_report_data(struct span runtime_data, uint8_t out[REPORT_DATA_SIZE])
{
    memset(out, 0, REPORT_DATA_SIZE);
    sha256_digest(runtime_data, out);
}
