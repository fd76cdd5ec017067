#include "cli/attest_enclave.h"

#include "base/log.h"
#include "base/text.h"
#include "cli/run_enclave.h"
#include "enclave/aesm.h"
#include "enclave/platform.h"
#include "evidence/bundle.h"
#include "image/store.h"

static int quote_simulated(const struct sgx_report *report, struct buf *quote, struct error *err)
{
    STORE_AUTO store = store_open(NULL, err);
    TEXT_AUTO folder = store ? run_enclave_platform(store_folder(store)) : NULL;
    if (!store || !folder)
        return store ? error_memory(err) : -1;
    log_warning(PLATFORM_BANNER ": this evidence proves nothing");
    PLATFORM_AUTO *platform = platform_open(folder, err);
    return platform ? platform_quote(platform, report, quote, err) : -1;
}

static int quote_report(struct bundle *bundle, struct error *err)
{
    struct sgx_report report = {0};
    BUF_AUTO quote = BUF_WITH_LIMIT(BUNDLE_REPORT_MAX);
    if (bundle->report.size != SGX_REPORT_SIZE)
        return error_set(err, ERROR_PROTOCOL, "the enclave's report has %zu bytes, not %d",
                         bundle->report.size, SGX_REPORT_SIZE);
    memcpy(&report, bundle->report.data, SGX_REPORT_SIZE);
    int made = bundle->tee == BUNDLE_TEE_SGX_SIMULATED
                   ? quote_simulated(&report, &quote, err)
                   : aesm_quote(AESM_SOCKET, &report, &quote, err);
    buf_truncate(&bundle->report, 0);
    return made < 0 ? -1 : buf_append(&bundle->report, buf_span(&quote), err);
}

int attest_enclave_quote(struct buf *evidence, struct error *err)
{
    BUNDLE_AUTO bundle;
    bundle_init(&bundle);
    if (bundle_parse(buf_span(evidence), &bundle, err) < 0)
        return -1;
    if (!bundle_is_of_enclave(&bundle))
        return 0;
    buf_truncate(evidence, 0);
    return quote_report(&bundle, err) < 0 ? -1 : bundle_write(&bundle, evidence, err);
}
