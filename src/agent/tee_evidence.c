#include "agent/tee_evidence.h"

#include "agent/report_json.h"
#include "base/base64.h"

static int ask_machine(int starter, struct span runtime_data, struct buf *out, struct error *err)
{
    BUF_AUTO report = BUF_WITH_LIMIT(EXCHANGE_REPORT_SIZE);
    BUF_AUTO certificates = BUF_WITH_LIMIT(EXCHANGE_MESSAGE_MAX);
    if (link_report(starter, EXCHANGE_SHA384, runtime_data, &report, &certificates, err) < 0)
        return -1;
    return report_json_append(buf_span(&report), buf_span(&certificates), out, err);
}

static int ask_enclave(int starter, struct span runtime_data, struct buf *out, struct error *err)
{
    BUF_AUTO quote = BUF_WITH_LIMIT(EXCHANGE_QUOTE_MAX);
    if (link_quote(starter, EXCHANGE_SHA256, runtime_data, &quote, err) < 0 ||
        buf_append_text(out, "{\"quote\":\"", err) < 0 ||
        base64_encode(buf_span(&quote), out, err) < 0)
        return -1;
    return buf_append_text(out, "\"}", err);
}

int tee_evidence_ask(enum exchange_tee tee, int starter, struct span runtime_data, struct buf *out,
                     struct error *err)
{
    return tee == EXCHANGE_SGX ? ask_enclave(starter, runtime_data, out, err)
                               : ask_machine(starter, runtime_data, out, err);
}
