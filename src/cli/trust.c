#include "cli/trust.h"

#include <time.h>

#include "base/text.h"
#include "evidence/snp_certificates.h"
#include "format/timestamp.h"
#include "os/file.h"

int trust_read_time(const char *text, int64_t *seconds, struct error *err)
{
    if (!text) {
        *seconds = (int64_t)time(NULL);
        return 0;
    }
    if (!timestamp_read(text, seconds))
        return error_set(err, ERROR_USAGE, "--at wants a time like 2026-06-01T00:00:00Z, not %s",
                         text);
    return 0;
}

int trust_read_root(const char *path, struct trusted_root *root, struct buf *der, struct error *err)
{
    BUF_AUTO bytes = BUF_WITH_LIMIT(SNP_CERTIFICATES_SIZE_MAX);
    if (file_read(path, &bytes, err) < 0)
        return -1;
    if (trusted_root_read(buf_span(&bytes), root, der, err) < 0)
        return error_context(err, "%s", path);
    return 0;
}

int trust_read_simulated(const char *dir, const char *name, struct trusted_root *root,
                         struct error *err)
{
    BUF_AUTO der = BUF_WITH_LIMIT(CERTIFICATE_DER_MAX);
    TEXT_AUTO path = text_format("%s/%s", dir, name);
    if (!path)
        return error_memory(err);
    if (trust_read_root(path, root, &der, err) < 0)
        return -1;
    if (!root->simulated)
        return error_set(err, ERROR_REFUSED,
                         "%s is not the one root certificate of a simulated processor", path);
    return 0;
}
