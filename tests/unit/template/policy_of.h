/* The policy of what a test read, with images that are all alike. */
#ifndef CAISSON_TESTS_TEMPLATE_POLICY_OF_H
#define CAISSON_TESTS_TEMPLATE_POLICY_OF_H

#include "../check.h"

#include "template/group.h"

#define LAYER "243e1b3ce08093f2f0d9cd6a9eafde8737f64fec105ed59c346d309fbe760b58"

static const struct template_image *find_any_image(void *context, const char *reference,
                                                   struct error *err)
{
    static const char *const layers[] = {LAYER};
    static const char *const env[] = {"PATH=/bin"};
    static const char *const command[] = {"/from-image"};
    static const struct template_image image = {.env = {env, 1},
                                                .entrypoint = {command, 1},
                                                .working_dir = "",
                                                .user = "",
                                                .stop_signal = "",
                                                .layers = {layers, 1}};
    (void)context;
    if (strcmp(reference, "missing") != 0)
        return &image;
    (void)error_set(err, ERROR_NOT_FOUND, "no image \"%s\"", reference);
    return NULL;
}

static inline char *policy_of(struct template_groups *groups, size_t index)
{
    const struct template_images images = {.find = find_any_image};
    const struct template_form form = {.generation = POLICY_GENERATION_DEFAULT};
    struct error err = {0};
    struct buf out = BUF_WITH_LIMIT(1 << 20);
    check_ok(template_policy(groups, &groups->groups[index], &form, &images, &out, &err), &err);
    return buf_take_text(&out);
}

/* Reads with `call`, and looks for the words in the first group's policy. */
#define check_policy(call, groups, words)                                                          \
    do {                                                                                           \
        struct error check_err = {0};                                                              \
        check_ok(call, &check_err);                                                                \
        char *check_text = policy_of(groups, 0);                                                   \
        if (!strstr(check_text, words))                                                            \
            fail_msg("no %s in %s", words, check_text);                                            \
        free(check_text);                                                                          \
    } while (0)

#endif
