#include "evidence/thim.h"

#include "base/hex.h"
#include "crypto/certificate.h"
#include "format/json.h"

void thim_init(struct thim *thim)
{
    *thim = (struct thim){0};
    for (int i = 0; i < THIM_CERTIFICATES; i++)
        buf_init(&thim->certificates[i], CERTIFICATE_DER_MAX);
}

void thim_fini(struct thim *thim)
{
    for (int i = 0; i < THIM_CERTIFICATES; i++)
        buf_fini(&thim->certificates[i]);
}

/* `count` certificates, no fewer and no more. */
static int read_pem(const json_t *document, const char *key, struct buf *certificates, int count,
                    struct error *err)
{
    const char *text = NULL;
    if (json_get_text(document, key, &text, err) < 0)
        return -1;
    struct span pem = span_of_text(text);
    for (int i = 0; i < count; i++) {
        if (certificate_pem_next(&pem, &certificates[i], err) < 0)
            return error_context(err, "%s", key);
    }
    if (pem.size > 0)
        return error_set(err, ERROR_INVALID, "%s has more than %d certificate%s", key, count,
                         count == 1 ? "" : "s");
    return 0;
}

static int read_tcb(const json_t *document, struct thim *thim, struct error *err)
{
    const char *text = NULL;
    uint8_t bytes[THIM_TCB_SIZE];
    if (json_find_text(document, "tcbm", &text, err) < 0)
        return -1;
    if (!text)
        return 0;
    if (!hex_decode(span_of_text(text), bytes, sizeof bytes))
        return error_set(err, ERROR_INVALID, "tcbm is not 16 hexadecimal digits");
    for (int i = 0; i < THIM_TCB_SIZE; i++)
        thim->tcb[i] = bytes[THIM_TCB_SIZE - 1 - i];
    thim->has_tcb = true;
    return 0;
}

int thim_parse(struct span text, struct thim *thim, struct error *err)
{
    static const struct json_limits limits = {THIM_SIZE_MAX, 4};
    json_auto_t *document = json_parse_object(text, &limits, err);
    if (!document || read_pem(document, "vcekCert", &thim->certificates[0], 1, err) < 0 ||
        read_pem(document, "certificateChain", &thim->certificates[1], 2, err) < 0 ||
        read_tcb(document, thim, err) < 0)
        return error_context(err, "the host's certificates");
    return 0;
}
