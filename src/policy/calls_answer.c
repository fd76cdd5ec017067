/* The answers to calls, as the reference's vectors have them. */
#include <stdlib.h>

#include "policy/calls_internal.h"
#include "policy/capabilities.h"

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static json_t *string_of(const struct policy_calls *calls, const char *text)
{
    for (const struct stand_in *row = calls->stand_ins; row; row = row->next) {
        if (row->text == text)
            return json_stringn(json_string_value(row->original),
                                json_string_length(row->original));
    }
    return json_string(text);
}

/* A sorted array of the list's texts; NULL without memory. */
static json_t *sorted_array(const struct policy_calls *calls, struct policy_list list)
{
    json_t *array = json_array();
    const char **sorted = calloc(list.count + 1, sizeof *sorted);
    for (size_t i = 0; sorted && i < list.count; i++)
        sorted[i] = list.items[i];
    if (sorted)
        qsort((void *)sorted, list.count, sizeof *sorted, by_text);
    for (size_t i = 0; sorted && i < list.count; i++)
        (void)json_array_append_new(array, string_of(calls, sorted[i]));
    bool whole = sorted && json_array_size(array) == list.count;
    free((void *)sorted);
    if (whole)
        return array;
    json_decref(array);
    return NULL;
}

static int add_list(const struct policy_calls *calls, json_t *object, const char *key,
                    struct policy_list list)
{
    return list.count > 0 ? json_object_set_new(object, key, sorted_array(calls, list)) : 0;
}

static int add_capabilities(const struct policy_calls *calls, json_t *answer,
                            const struct policy_capabilities *kept)
{
    json_auto_t *sets = json_object();
    for (int i = 0; i < POLICY_CAPABILITY_SETS; i++) {
        if (add_list(calls, sets, policy_capability_set_names[i], kept->sets[i]) < 0)
            return -1;
    }
    return json_object_set(answer, "caps_kept", sets);
}

/* What a process that was allowed gets. */
static int add_kept(const struct policy_calls *calls, json_t *answer,
                    const struct policy_decision *decision)
{
    bool in_container = decision->point == POLICY_CREATE_CONTAINER ||
                        decision->point == POLICY_EXEC_IN_CONTAINER;
    if (!in_container && decision->point != POLICY_EXEC_EXTERNAL)
        return 0;
    if (add_list(calls, answer, "env_kept", decision->env_kept) < 0 ||
        (in_container && add_capabilities(calls, answer, &decision->caps_kept) < 0))
        return -1;
    return json_object_set_new(answer, "stdio", json_boolean(decision->stdio));
}

static int fill_answer(const struct policy_calls *calls, json_t *answer, size_t index,
                       const struct policy_decision *decision)
{
    const json_t *call = json_array_get(calls->list, index);
    json_t *note = json_object_get(call, "Note");
    if (json_object_set_new(answer, "i", json_integer((json_int_t)index)) < 0 ||
        json_object_set(answer, "op", json_object_get(call, "Op")) < 0 ||
        (json_string_length(note) > 0 && json_object_set(answer, "note", note) < 0) ||
        json_object_set_new(answer, "allowed", json_boolean(decision->allowed)) < 0)
        return -1;
    if (decision->allowed)
        return add_kept(calls, answer, decision);
    return json_object_set_new(answer, "errors", json_pack("[s]", decision->reason));
}

int policy_calls_answer(const struct policy_calls *calls, size_t index,
                        const struct policy_decision *decision, struct buf *out, struct error *err)
{
    json_auto_t *answer = json_object();
    if (!answer || fill_answer(calls, answer, index, decision) < 0)
        return error_memory(err);
    if (json_append(answer, out, err) < 0)
        return -1;
    return buf_append_byte(out, '\n', err);
}
