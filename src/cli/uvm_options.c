#include "cli/uvm_options.h"

#include <inttypes.h>

#include "base/base64.h"
#include "base/hex.h"
#include "base/text.h"
#include "format/timestamp.h"
#include "os/file.h"

#define ENCODED_MAX (2 * COSE_SIZE_MAX)

int uvm_options_read(const struct args *args, int64_t time, struct uvm_expectation *expectation,
                     struct error *err)
{
    const char *svn = args_get(args, "minimum-svn");
    const char *endorsed_at = args_get(args, "endorsed-at");
    expectation->issuer = args_get(args, "issuer");
    expectation->feed = args_get(args, "feed");
    expectation->time = time;
    if (svn && !text_to_u64(svn, INT64_MAX, &expectation->minimum_svn))
        return error_set(err, ERROR_USAGE, "--minimum-svn wants a number, not %s", svn);
    if (!endorsed_at)
        return 0;
    expectation->at_signing_time = strcmp(endorsed_at, "signed") == 0;
    if (!expectation->at_signing_time && !timestamp_read(endorsed_at, &expectation->time))
        return error_set(err, ERROR_USAGE,
                         "--endorsed-at wants a time like 2026-06-01T00:00:00Z, or \"signed\", not "
                         "%s",
                         endorsed_at);
    return 0;
}

int uvm_options_read_base64(const char *path, struct buf *out, struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(ENCODED_MAX);
    if (file_read(path, &text, err) < 0)
        return -1;
    struct span digits = buf_span(&text);
    while (digits.size > 0 &&
           (digits.data[digits.size - 1] == '\n' || digits.data[digits.size - 1] == '\r'))
        digits.size--;
    if (base64_decode(digits, out, err) < 0)
        return error_context(err, "%s", path);
    return 0;
}

int uvm_options_note(const struct uvm_endorsement *endorsement, struct buf *note, struct error *err)
{
    char when[TIMESTAMP_SIZE] = "?";
    if (endorsement->issuer[0] == '\0')
        return 0;
    if (endorsement->has_signing_time)
        timestamp_write(endorsement->signing_time, when);
    if (buf_printf(note, err,
                   "endorsed: %s, svn %" PRIu64 "\n"
                   "issuer: %s\n"
                   "signed: %s by its own word\n",
                   endorsement->feed, endorsement->svn, endorsement->issuer, when) < 0)
        return -1;
    if (endorsement->receipt_count > 0 &&
        buf_printf(note, err, "receipts: %zu, not verified\n", endorsement->receipt_count) < 0)
        return -1;
    return endorsement->has_timestamp
               ? buf_append_text(note, "timestamp (RFC 3161): not verified\n", err)
               : 0;
}

json_t *uvm_options_json(const struct uvm_endorsement *endorsement)
{
    char digits[2 * UVM_MEASUREMENT_SIZE + 1];
    char when[TIMESTAMP_SIZE] = "";
    hex_encode(span_of(endorsement->measurement, UVM_MEASUREMENT_SIZE), digits);
    if (endorsement->has_signing_time)
        timestamp_write(endorsement->signing_time, when);
    return json_pack("{s:s, s:s, s:I, s:s, s:s, s:I}", "issuer", endorsement->issuer, "feed",
                     endorsement->feed, "svn", (json_int_t)endorsement->svn, "measurement", digits,
                     "signing_time", when, "receipts", (json_int_t)endorsement->receipt_count);
}
