/*
 * $(NAME) in values, commands and arguments, as Kubernetes expands it ("Define dependent
 * environment variables"): "$$" is "$", a name that is not set stays as it is written.
 */
#include "template/pod_read.h"

static const struct pod_variable *find(const struct pod_container *container, size_t known,
                                       struct span name)
{
    for (size_t i = known; i-- > 0;) {
        if (span_equal_text(name, container->env[i].name))
            return &container->env[i];
    }
    return NULL;
}

/* What stands for a "$" at text[0], and in *used how many bytes of the text that is. */
static int expand_one(const struct pod_container *container, size_t known, const char *text,
                      struct span *out, size_t *used, struct error *err)
{
    size_t size = strcspn(text, ")");
    *used = text[1] ? 2 : 1;
    *out = span_of(text, *used);
    if (text[1] == '$')
        *out = span_of_text("$");
    if (text[1] != '(' || text[size] != ')')
        return 0;
    const struct pod_variable *variable = find(container, known, span_of(text + 2, size - 2));
    *used = size + 1;
    *out = span_of(text, *used);
    if (!variable)
        return 0;
    if (!variable->value)
        return error_set(err, ERROR_REFUSED,
                         "%.64s stands for what is known only when the pod runs (%s), and a policy "
                         "must know it",
                         variable->name, variable->key);
    *out = span_of_text(variable->value);
    return 0;
}

int pod_expand(const struct pod_reader *reader, const struct pod_container *container, size_t known,
               const char *text, const char **out, struct error *err)
{
    BUF_AUTO value = BUF_WITH_LIMIT(POD_VALUE_MAX);
    *out = text;
    if (!strchr(text, '$'))
        return 0;
    while (*text) {
        struct span part = span_of(text, strcspn(text, "$"));
        size_t used = part.size;
        if (used == 0 && expand_one(container, known, text, &part, &used, err) < 0)
            return -1;
        if (buf_append(&value, part, err) < 0)
            return error_context(err, "after its $(…) were replaced");
        text += used;
    }
    *out = pod_format(reader, err, "%s", buf_text(&value));
    return *out ? 0 : -1;
}
