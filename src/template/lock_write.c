#include "template/lock_write.h"

#include "format/json.h"

/* The lists and texts of a configuration, by the names that they have in a lock. */
enum { LIST_COUNT = 3, TEXT_COUNT = 3 };
static const char *const list_names[LIST_COUNT] = {"Env", "Entrypoint", "Cmd"};
static const char *const text_names[TEXT_COUNT] = {"WorkingDir", "User", "StopSignal"};

static void lists_of(const struct template_image *image, struct policy_list out[LIST_COUNT])
{
    out[0] = image->env;
    out[1] = image->entrypoint;
    out[2] = image->cmd;
}

static void texts_of(const struct template_image *image, const char *out[TEXT_COUNT])
{
    out[0] = image->working_dir;
    out[1] = image->user;
    out[2] = image->stop_signal;
}

/* A new array; NULL for a text that is not UTF-8, or without memory. */
static json_t *array_of(struct policy_list list)
{
    json_t *array = json_array();
    for (size_t i = 0; array && i < list.count; i++) {
        if (json_array_append_new(array, json_string(list.items[i])) < 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static json_t *config_of(const struct template_image *image)
{
    struct policy_list lists[LIST_COUNT];
    const char *texts[TEXT_COUNT];
    json_t *config = json_object();
    int status = config ? 0 : -1;
    lists_of(image, lists);
    texts_of(image, texts);
    for (size_t i = 0; status == 0 && i < LIST_COUNT; i++)
        status = json_object_set_new(config, list_names[i], array_of(lists[i]));
    for (size_t i = 0; status == 0 && i < TEXT_COUNT; i++)
        status = json_object_set_new(config, text_names[i], json_string(texts[i]));
    if (status == 0)
        return config;
    json_decref(config);
    return NULL;
}

int image_lock_add(json_t *lock, const char *reference, const struct template_image *image,
                   struct error *err)
{
    json_auto_t *entry = json_object();
    if (!entry || json_object_set_new(entry, "config", config_of(image)) < 0 ||
        json_object_set_new(entry, "layers", array_of(image->layers)) < 0)
        return error_set(err, ERROR_INVALID, "image \"%.256s\": its configuration is not all UTF-8",
                         reference);
    const json_t *old = json_object_get(lock, reference);
    if (old && !json_equal(old, entry))
        return error_set(err, ERROR_INVALID, "\"%.256s\" stands for two images", reference);
    if (json_object_set(lock, reference, entry) < 0)
        return error_set(err, ERROR_INVALID, "the reference \"%.256s\" is not UTF-8", reference);
    return 0;
}

int image_lock_write(const json_t *lock, struct buf *out, struct error *err)
{
    return json_append_pretty(lock, out, err);
}

static int append_value(struct buf *out, const char *text, struct error *err)
{
    return text ? json_append_string(out, span_of_text(text), err)
                : buf_append_text(out, "nothing", err);
}

static int append_change(struct buf *out, const char *reference, const char *what, const char *old,
                         const char *now, struct error *err)
{
    if (old && now && strcmp(old, now) == 0)
        return 0;
    if (buf_printf(out, err, "%s: %s: ", reference, what) < 0 || append_value(out, old, err) < 0 ||
        buf_append_text(out, " -> ", err) < 0 || append_value(out, now, err) < 0)
        return -1;
    return buf_append_byte(out, '\n', err);
}

static const char *at(struct policy_list list, size_t index)
{
    return index < list.count ? list.items[index] : NULL;
}

static int diff_lists(struct buf *out, const char *reference, const char *name,
                      struct policy_list old, struct policy_list now, struct error *err)
{
    size_t count = old.count > now.count ? old.count : now.count;
    for (size_t i = 0; i < count; i++) {
        char what[64];
        (void)snprintf(what, sizeof what, "%s[%zu]", name, i);
        if (append_change(out, reference, what, at(old, i), at(now, i), err) < 0)
            return -1;
    }
    return 0;
}

int image_lock_diff(const char *reference, const struct template_image *old,
                    const struct template_image *now, struct buf *out, struct error *err)
{
    struct policy_list old_lists[LIST_COUNT], new_lists[LIST_COUNT];
    const char *old_texts[TEXT_COUNT], *new_texts[TEXT_COUNT];
    lists_of(old, old_lists);
    lists_of(now, new_lists);
    texts_of(old, old_texts);
    texts_of(now, new_texts);
    for (size_t i = 0; i < LIST_COUNT; i++) {
        if (diff_lists(out, reference, list_names[i], old_lists[i], new_lists[i], err) < 0)
            return -1;
    }
    for (size_t i = 0; i < TEXT_COUNT; i++) {
        if (append_change(out, reference, text_names[i], old_texts[i], new_texts[i], err) < 0)
            return -1;
    }
    return diff_lists(out, reference, "layers", old->layers, now->layers, err);
}
