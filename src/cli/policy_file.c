#include "cli/policy_file.h"

#include "base/log.h"
#include "os/file.h"

int policy_file_read(const struct args *args, const char *path, struct buf *text,
                     struct policy **out, struct error *err)
{
    unsigned int flags = args_has(args, "insecure-allow-all") ? POLICY_ALLOW_ALL : POLICY_STRICT;
    *out = NULL;
    if (file_read(path, text, err) < 0)
        return -1;
    if (policy_parse(buf_span(text), flags, out, err) < 0)
        return error_context(err, "%s", path);
    if (policy_allows_all(*out))
        log_warning("ALLOW-ALL: %s lets the host do what it likes; it protects nothing", path);
    return 0;
}

int policy_file_read_expected(const struct args *args, const char *path, struct buf *text,
                              struct policy **out, bool *allows_all, struct error *err)
{
    *out = NULL;
    *allows_all = false;
    if (file_read(path, text, err) < 0)
        return -1;
    if (policy_parse(buf_span(text), POLICY_ALLOW_ALL, out, NULL) < 0 || !policy_allows_all(*out))
        return 0;
    *allows_all = true;
    if (!args_has(args, "insecure-allow-all"))
        return error_set(
            err, ERROR_REFUSED,
            "ALLOW-ALL: %s lets the host do what it likes, so that evidence of it says "
            "nothing about what runs (--insecure-allow-all accepts it knowingly)",
            path);
    log_warning(
        "ALLOW-ALL: %s lets the host do what it likes; this evidence says nothing about what "
        "runs",
        path);
    return 0;
}
