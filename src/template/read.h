/*
 * How readers of workloads take values out of a document: keys in any case, as Azure and confcom
 * take them, null as absence, and every value through the reader's own rules for references to
 * parameters. A plain reader (no functions set) takes values as they are.
 *
 * What is found is borrowed from the document, or kept by the groups that are being filled.
 */
#ifndef CAISSON_TEMPLATE_READ_H
#define CAISSON_TEMPLATE_READ_H

#include "format/json.h"
#include "template/group.h"

struct template_reader {
    struct template_groups *groups; /* what is being filled */
    /* What stands for a value: the value itself where it refers to nothing. NULL with `err`. */
    json_t *(*resolve)(void *context, json_t *value, struct error *err);
    /* What stands for a text that goes into a policy. NULL with `err`. */
    const char *(*replace)(void *context, const char *text, struct error *err);
    void *context;
};

/* The member of that key. *out is NULL where it is absent or null, and where `object` is NULL.
 * ERROR_INVALID when `object` is no object, or when two of its keys differ only in case. */
int template_find(const struct template_reader *reader, json_t *object, const char *key,
                  json_t **out, struct error *err);

/* As above, and of that kind. Numbers, true and false are no text; "true" and "false" are booleans.
 * *out stays as it is where a boolean is absent. */
int template_find_object(const struct template_reader *reader, json_t *object, const char *key,
                         json_t **out, struct error *err);
/* Of at most TEMPLATE_LIST_MAX elements. */
int template_find_array(const struct template_reader *reader, json_t *object, const char *key,
                        json_t **out, struct error *err);
int template_find_bool(const struct template_reader *reader, json_t *object, const char *key,
                       bool *out, struct error *err);
/* The text goes through the reader's replace(). */
int template_find_text(const struct template_reader *reader, json_t *object, const char *key,
                       const char **out, struct error *err);
int template_get_text(const struct template_reader *reader, json_t *object, const char *key,
                      const char **out, struct error *err);

/* Strings, each through replace(); an absent array is an empty list. */
int template_find_texts(const struct template_reader *reader, json_t *object, const char *key,
                        struct policy_list *out, struct error *err);

/* Element `index` of an array, which has to be an object. */
int template_object_at(const struct template_reader *reader, json_t *array, size_t index,
                       const char *name, json_t **out, struct error *err);

/* printf into the groups' arena; NULL with ERROR_MEMORY. */
const char *template_format(struct template_groups *groups, struct error *err, const char *format,
                            ...) __attribute__((format(printf, 3, 4)));

#endif
