/* What a verifier does with runtime data: the guest only writes it. */
#include "base/hex.h"
#include "evidence/runtime_data.h"
#include "format/json.h"

static int read_count(const json_t *containers, const char *key, uint32_t *out)
{
    uint64_t value;
    if (json_get_u64(containers, key, RUNTIME_DATA_COUNT_MAX, &value, NULL) < 0)
        return -1;
    *out = (uint32_t)value;
    return 0;
}

static int read_values(struct span text, struct runtime_data *out)
{
    static const struct json_limits limits = {.size = RUNTIME_DATA_SIZE_MAX, .depth = 2};
    const char *nonce;
    json_t *containers;
    json_auto_t *document = json_parse_object(text, &limits, NULL);
    if (!document || json_get_text(document, "nonce", &nonce, NULL) < 0 ||
        json_get_object(document, "containers", &containers, NULL) < 0 ||
        read_count(containers, "demanded", &out->demanded) < 0 ||
        read_count(containers, "running", &out->running) < 0 ||
        read_count(containers, "done", &out->done) < 0)
        return -1;
    out->nonce_size = strlen(nonce) / 2;
    bool fits = out->nonce_size <= RUNTIME_DATA_NONCE_MAX;
    return fits && hex_decode(span_of_text(nonce), out->nonce, out->nonce_size) ? 0 : -1;
}

int runtime_data_read(struct span text, struct runtime_data *out, struct error *err)
{
    struct runtime_data data = {0};
    BUF_AUTO again = BUF_WITH_LIMIT(RUNTIME_DATA_SIZE_MAX);
    /* What was read is written again: only the same bytes mean it. */
    if (read_values(text, &data) < 0 || runtime_data_write(&data, &again, NULL) < 0 ||
        !span_equal(buf_span(&again), text))
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
