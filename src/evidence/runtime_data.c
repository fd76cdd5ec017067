#include "evidence/runtime_data.h"

#include "base/hex.h"
#include "crypto/digest.h"

#define PREFIX "{\"caisson\":\"evidence-1\",\"nonce\":\""
#define SUFFIX "\"}"

int runtime_data_from_nonce(struct span nonce, struct buf *out, struct error *err)
{
    if (nonce.size == 0 || nonce.size > RUNTIME_DATA_NONCE_MAX)
        return error_set(err, ERROR_INVALID, "the nonce has %zu bytes; 1 to %d are allowed",
                         nonce.size, RUNTIME_DATA_NONCE_MAX);
    char text[2 * RUNTIME_DATA_NONCE_MAX + 1];
    hex_encode(nonce, text);
    return buf_printf(out, err, "%s%s%s", PREFIX, text, SUFFIX);
}

void runtime_data_report_data(struct span runtime_data, uint8_t out[REPORT_DATA_SIZE])
{
    memset(out, 0, REPORT_DATA_SIZE);
    sha256_digest(runtime_data, out);
}

/* The digits between prefix and suffix; empty when the text has another form. */
static struct span find_digits(struct span text)
{
    const size_t prefix = sizeof PREFIX - 1;
    const size_t suffix = sizeof SUFFIX - 1;
    if (text.size <= prefix + suffix)
        return span_of(NULL, 0);
    if (!span_equal_text(span_of(text.data, prefix), PREFIX) ||
        !span_equal_text(span_of(text.data + text.size - suffix, suffix), SUFFIX))
        return span_of(NULL, 0);
    return span_of(text.data + prefix, text.size - prefix - suffix);
}

int runtime_data_to_nonce(struct span runtime_data, uint8_t nonce[RUNTIME_DATA_NONCE_MAX],
                          size_t *size, struct error *err)
{
    struct span digits = find_digits(runtime_data);
    size_t count = digits.size / 2;
    if (digits.size == 0 || count > RUNTIME_DATA_NONCE_MAX || !hex_decode(digits, nonce, count))
        return error_set(err, ERROR_INVALID,
                         "the runtime data is not of the form %s<hex>%s that this project's guest "
                         "makes",
                         PREFIX, SUFFIX);
    /* Upper-case digits mean the same nonce, but the guest never writes them. */
    char again[2 * RUNTIME_DATA_NONCE_MAX + 1];
    hex_encode(span_of(nonce, count), again);
    if (!span_equal_text(digits, again))
        return error_set(err, ERROR_INVALID, "the nonce in the runtime data is not in lower case");
    *size = count;
    return 0;
}
