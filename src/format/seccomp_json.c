#include "format/seccomp_json.h"

#define TEXT_MAX ((size_t)1 << 20)

/* There is one writer of that form, the guest's: it reads the profile as the guest will. */
int seccomp_write_json(const json_t *profile, struct buf *out, struct error *err)
{
    struct arena arena = {.limit = 64 * TEXT_MAX};
    struct value value;
    BUF_AUTO text = BUF_WITH_LIMIT(TEXT_MAX);
    int done = json_append(profile, &text, err);
    if (done == 0)
        done = value_read_object(buf_span(&text), JSON_DEPTH_MAX, &arena, &value, err);
    if (done == 0)
        done = seccomp_write(&value, out, err);
    arena_fini(&arena);
    return done;
}
