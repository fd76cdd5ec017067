#include "evidence/runtime_statement.h"

#include "base/hex.h"

void runtime_statement_fini(struct runtime_statement *statement)
{
    json_decref(statement->document);
    *statement = (struct runtime_statement){0};
}

static int read_count(const json_t *containers, const char *key, uint32_t *out)
{
    uint64_t value;
    if (json_get_u64(containers, key, RUNTIME_DATA_COUNT_MAX, &value, NULL) < 0)
        return -1;
    *out = (uint32_t)value;
    return 0;
}

static int read_fragment(const json_t *row, struct runtime_fragment *fragment,
                         uint8_t digest[SHA256_SIZE])
{
    const char *text;
    if (json_get_text(row, "issuer", &fragment->issuer, NULL) < 0 ||
        json_get_text(row, "feed", &fragment->feed, NULL) < 0 ||
        json_get_text(row, "svn", &fragment->svn, NULL) < 0 ||
        json_get_text(row, "sha256", &text, NULL) < 0 ||
        !hex_decode(span_of_text(text), digest, SHA256_SIZE))
        return -1;
    fragment->digest = digest;
    return 0;
}

static int read_fragments(struct runtime_statement *out)
{
    json_t *rows;
    if (json_find_array(out->document, "fragments", &rows, NULL) < 0 ||
        json_array_size(rows) > RUNTIME_DATA_FRAGMENTS_MAX)
        return -1;
    out->data.fragments = out->fragments;
    out->data.fragment_count = json_array_size(rows);
    for (size_t i = 0; i < out->data.fragment_count; i++) {
        if (read_fragment(json_array_get(rows, i), &out->fragments[i], out->digests[i]) < 0)
            return -1;
    }
    return 0;
}

static int read_values(struct span text, struct runtime_statement *out)
{
    static const struct json_limits limits = {.size = RUNTIME_DATA_SIZE_MAX, .depth = 3};
    struct runtime_data *data = &out->data;
    const char *nonce;
    json_t *containers;
    out->document = json_parse_object(text, &limits, NULL);
    if (!out->document || json_get_text(out->document, "nonce", &nonce, NULL) < 0 ||
        json_get_object(out->document, "containers", &containers, NULL) < 0 ||
        read_count(containers, "demanded", &data->demanded) < 0 ||
        read_count(containers, "running", &data->running) < 0 ||
        read_count(containers, "done", &data->done) < 0 || read_fragments(out) < 0)
        return -1;
    data->nonce_size = strlen(nonce) / 2;
    bool fits = data->nonce_size <= RUNTIME_DATA_NONCE_MAX;
    return fits && hex_decode(span_of_text(nonce), data->nonce, data->nonce_size) ? 0 : -1;
}

int runtime_statement_read(struct span text, struct runtime_statement *out, struct error *err)
{
    BUF_AUTO again = BUF_WITH_LIMIT(RUNTIME_DATA_SIZE_MAX);
    *out = (struct runtime_statement){0};
    /* What was read is written again: only the same bytes mean it. */
    if (read_values(text, out) == 0 && runtime_data_write(&out->data, &again, NULL) == 0 &&
        span_equal(buf_span(&again), text))
        return 0;
    runtime_statement_fini(out);
    return error_set(err, ERROR_INVALID,
                     "the runtime data is not of the form that this project's guest makes: "
                     "{\"caisson\":\"evidence-2\",\"nonce\":\"…\",\"containers\":{…}}");
}

bool runtime_data_is_whole(const struct runtime_data *data)
{
    return data->running + data->done == data->demanded;
}
