/* Templates, read both ways, with the template itself as parameter file where the first byte is
 * odd: what is read gives a policy or says why not; a policy is put into what was read. */
#include "fuzz.h"

#include "template/arm.h"

static const struct template_image *find(void *context, const char *reference, struct error *err)
{
    static const char *const layers[] = {
        "243e1b3ce08093f2f0d9cd6a9eafde8737f64fec105ed59c346d309fbe760b58"};
    static const struct template_image image = {
        .working_dir = "", .user = "", .stop_signal = "", .layers = {layers, 1}};
    (void)context, (void)reference, (void)err;
    return &image;
}

/* A policy that was put into the text is the one that is read there. */
static void write_one(struct span text, const struct template_group *group, bool exact)
{
    struct template_arm_options options = {.exact = exact, .approve_wildcards = true};
    struct error err = {0};
    BUF_AUTO written = BUF_WITH_LIMIT(TEMPLATE_SIZE_MAX);
    TEMPLATE_GROUPS_AUTO again = {0};
    if (template_write_arm(text, group->place, "UA==", &written, &err) < 0) {
        fuzz_require(err.code != ERROR_NONE && err.text[0]);
        return;
    }
    if (template_groups_init(&again, &err) < 0 ||
        template_read_arm(buf_span(&written), span_of(NULL, 0), &options, &again, &err) < 0)
        return;
    for (size_t i = 0; i < again.count; i++) {
        if (again.groups[i].place == group->place)
            fuzz_require(again.groups[i].policy && strcmp(again.groups[i].policy, "UA==") == 0);
    }
}

static void read_one(struct span text, struct span parameters, bool exact)
{
    const struct template_images images = {.find = find};
    const struct template_form form = {.generation = POLICY_GENERATION_DEFAULT};
    struct template_arm_options options = {.exact = exact, .approve_wildcards = true};
    struct error err = {0};
    TEMPLATE_GROUPS_AUTO groups = {0};
    if (template_groups_init(&groups, &err) < 0)
        return;
    if (template_read_arm(text, parameters, &options, &groups, &err) < 0) {
        fuzz_require(err.code != ERROR_NONE && err.text[0]);
        return;
    }
    fuzz_require(groups.count > 0);
    for (size_t i = 0; i < groups.count && i < 4; i++) {
        BUF_AUTO out = BUF_WITH_LIMIT(POLICY_SIZE_MAX);
        if (template_policy(&groups, &groups.groups[i], &form, &images, &out, &err) == 0)
            fuzz_require(out.size > 0);
        if (i == 0)
            write_one(text, &groups.groups[i], exact);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct span text = span_of(data + 1, size - 1);
    struct span parameters = data[0] & 1 ? text : span_of(NULL, 0);
    read_one(text, parameters, true);
    read_one(text, parameters, false);
    return 0;
}
