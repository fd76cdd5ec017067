/* confcom's own input: what is read gives a policy or says why not. */
#include "fuzz.h"

#include "template/config.h"

static const struct template_image *find(void *context, const char *reference, struct error *err)
{
    static const char *const layers[] = {
        "243e1b3ce08093f2f0d9cd6a9eafde8737f64fec105ed59c346d309fbe760b58"};
    static const struct template_image image = {
        .working_dir = "", .user = "", .stop_signal = "", .layers = {layers, 1}};
    (void)context, (void)reference, (void)err;
    return &image;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct template_images images = {.find = find};
    const struct template_form form = {.pretty = true};
    struct error err = {0};
    TEMPLATE_GROUPS_AUTO groups = {0};
    BUF_AUTO out = BUF_WITH_LIMIT(POLICY_SIZE_MAX);
    if (template_groups_init(&groups, &err) < 0)
        return 0;
    if (template_read_config(span_of(data, size), &groups, &err) < 0) {
        fuzz_require(err.code != ERROR_NONE && err.text[0]);
        return 0;
    }
    (void)template_add_fragments(span_of(data, size), &groups, &err);
    if (template_policy(&groups, &groups.groups[0], &form, &images, &out, &err) == 0)
        fuzz_require(out.size > 0);
    return 0;
}
