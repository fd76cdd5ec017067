#include "cli/fragment_rows.h"

#include "format/json.h"
#include "os/file.h"

#define PARAMETERS_MAX ((size_t)64 << 10)

int fragment_parameters_read(const char *path, struct buf *out, struct error *err)
{
    static const struct json_limits limits = {PARAMETERS_MAX, 16};
    buf_init(out, PARAMETERS_MAX);
    if (!path)
        return buf_append_text(out, "{}", err);
    if (file_read(path, out, err) < 0)
        return -1;
    json_auto_t *object = json_parse_object(buf_span(out), &limits, err);
    return object ? 0 : error_context(err, "%s", path);
}

int fragment_rows_read(struct span text, const char *parameters, struct policy **out,
                       struct error *missing, struct error *err)
{
    *missing = (struct error){0};
    if (policy_parse_fragment(text, parameters, out, missing) == 0)
        return 0;
    if (missing->code == ERROR_NOT_FOUND)
        return 0;
    *err = *missing;
    return -1;
}
