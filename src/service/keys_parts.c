#include "service/keys_parts.h"

#include "base/text.h"

static const char *const api_versions[] = {"7.4", "7.5", NULL};

bool keys_check_api_version(const struct call *call, struct server_answer *answer)
{
    return answer_check_api_version(call->request, api_versions, answer);
}

/* Cuts the next segment off *rest, which is NULL where nothing is left; false where it is too long.
 */
static bool take_segment(const char **rest, char *out, size_t size)
{
    const char *slash = *rest ? strchr(*rest, '/') : NULL;
    size_t len = !*rest ? 0 : slash ? (size_t)(slash - *rest) : strlen(*rest);
    if (len >= size)
        return false;
    if (len > 0)
        memcpy(out, *rest, len);
    out[len] = '\0';
    *rest = slash ? slash + 1 : NULL;
    return true;
}

static bool read_path(const char *rest, struct key_path *out)
{
    char next[sizeof out->version];
    if (!take_segment(&rest, out->name, sizeof out->name) || !key_name_is_good(out->name) ||
        !take_segment(&rest, next, sizeof next))
        return false;
    if (key_version_is_good(next)) {
        memcpy(out->version, next, sizeof next);
        return take_segment(&rest, out->verb, sizeof out->verb) && !rest;
    }
    return text_copy(out->verb, sizeof out->verb, next) && !rest;
}

bool key_path_read(const struct call *call, struct key_path *out, struct server_answer *answer)
{
    *out = (struct key_path){0};
    if (read_path(call->rest, out))
        return true;
    answer_error(answer, HTTP_NOT_FOUND, "KeyNotFound",
                 "no key has this path: /keys/NAME, /keys/NAME/VERSION (32 hex digits)");
    return false;
}

bool keys_begin(const struct call *call, const char *verb, bool of_version, struct key_path *out,
                struct server_answer *answer)
{
    if (!keys_check_api_version(call, answer) || !key_path_read(call, out, answer))
        return false;
    if (strcmp(out->verb, verb) != 0 || (out->version[0] && !of_version)) {
        answer_error(answer, HTTP_NOT_FOUND, NULL, "a key has nothing of this name");
        return false;
    }
    return service_check_administrator(call, answer);
}

const char *key_path_version(const struct key_path *path)
{
    return path->version[0] ? path->version : NULL;
}

struct key_store keys_of(const struct call *call)
{
    return (struct key_store){call->service->store, call->service->vault, call->tenant->name};
}

void keys_answer_error(struct server_answer *answer, const struct error *err)
{
    switch (err->code) {
    case ERROR_NOT_FOUND:
        answer_error(answer, HTTP_NOT_FOUND, "KeyNotFound", err->text);
        return;
    case ERROR_INVALID:
    case ERROR_LIMIT:
        answer_error(answer, HTTP_BAD_REQUEST, "BadParameter", err->text);
        return;
    case ERROR_REFUSED:
        answer_error(answer, HTTP_CONFLICT, "Conflict", err->text);
        return;
    default:
        answer_error(answer, HTTP_SERVER_ERROR, NULL, err->text);
    }
}

void keys_answer(struct server_answer *answer, json_t *value)
{
    if (value)
        answer_json(answer, HTTP_OK, value);
    else
        answer_error(answer, HTTP_SERVER_ERROR, NULL, "out of memory");
    json_decref(value);
}
