/* ConfigMaps and Secrets that stand in the same manifest. */
#include "template/pod_read.h"

#include <stdlib.h>

#include "base/base64.h"

const json_t *pod_find_data(const struct pod_reader *reader, const char *kind, const char *name)
{
    const json_t *documents = reader->pods->documents;
    for (size_t i = 0; i < json_array_size(documents); i++) {
        const json_t *document = json_array_get(documents, i);
        const json_t *metadata = json_object_get(document, "metadata");
        const char *its_kind = json_string_value(json_object_get(document, "kind"));
        const char *its_name = json_string_value(json_object_get(metadata, "name"));
        const char *its_space = json_string_value(json_object_get(metadata, "namespace"));
        if (!its_kind || !its_name || strcmp(its_kind, kind) != 0 || strcmp(its_name, name) != 0)
            continue;
        /* confcom does not look at namespaces. */
        if (reader->reading == POD_CONFCOM ||
            strcmp(its_space ? its_space : "", reader->pod->namespace) == 0)
            return document;
    }
    return NULL;
}

/* The four places of values: in which member, and how they are written. */
static const struct {
    const char *kind;
    const char *member;
    bool base64;
} places[] = {
    /* Kubernetes lets stringData win over data; confcom reads data first. */
    {"ConfigMap", "data", false},
    {"ConfigMap", "binaryData", true},
    {"Secret", "stringData", false},
    {"Secret", "data", true},
};

static const json_t *find_value(const struct pod_reader *reader, const json_t *object,
                                const char *key, bool *base64)
{
    const char *kind = json_string_value(json_object_get(object, "kind"));
    const json_t *found = NULL;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const json_t *value = json_object_get(json_object_get(object, places[i].member), key);
        if (!value || strcmp(places[i].kind, kind) != 0)
            continue;
        if (!found || reader->reading == POD_CONFCOM) {
            found = value;
            *base64 = places[i].base64;
        }
        if (strcmp(kind, "ConfigMap") == 0)
            break;
    }
    return found;
}

/* kubectl wraps no base64, people do: line ends between the digits are taken out. */
static int decode(const struct pod_reader *reader, const char *text, struct span *out,
                  struct error *err)
{
    size_t size = strlen(text);
    char *plain = pod_room(reader, size + 1, 1, err);
    BUF_AUTO bytes = BUF_WITH_LIMIT(POD_TEXT_MAX);
    if (!plain)
        return -1;
    size_t used = 0;
    for (size_t i = 0; i < size; i++) {
        if (text[i] != '\n' && text[i] != '\r')
            plain[used++] = text[i];
    }
    if (base64_decode(span_of(plain, used), &bytes, err) < 0)
        return -1;
    uint8_t *room = pod_room(reader, bytes.size + 1, 1, err);
    if (!room)
        return -1;
    if (bytes.size > 0)
        memcpy(room, bytes.data, bytes.size);
    *out = span_of(room, bytes.size);
    return 0;
}

int pod_data_value(const struct pod_reader *reader, const json_t *object, const char *key,
                   struct span *out, struct error *err)
{
    bool base64 = false;
    const json_t *value = find_value(reader, object, key, &base64);
    if (!value)
        return 0;
    if (!json_is_string(value))
        return error_set(err, ERROR_INVALID, "key \"%.64s\": expected a string, found %s", key,
                         json_kind(value));
    if (!base64)
        *out = span_of(json_string_value(value), json_string_length(value));
    else if (decode(reader, json_string_value(value), out, err) < 0)
        return error_context(err, "key \"%.64s\"", key);
    return 1;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int pod_data_keys(const struct pod_reader *reader, const json_t *object, struct policy_list *out,
                  struct error *err)
{
    const char *kind = json_string_value(json_object_get(object, "kind"));
    size_t room = 0;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        room += json_object_size(json_object_get(object, places[i].member));
    const char **keys = pod_room(reader, room, sizeof *keys, err);
    if (!keys)
        return -1;
    *out = (struct policy_list){keys, 0};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        json_t *members = json_object_get(object, places[i].member);
        const char *key;
        json_t *value;
        if (strcmp(places[i].kind, kind) != 0)
            continue;
        json_object_foreach (members, key, value) {
            bool base64;
            if (value == find_value(reader, object, key, &base64))
                keys[out->count++] = key;
        }
    }
    qsort((void *)keys, out->count, sizeof *keys, by_text);
    return 0;
}
