#include "image/credentials.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/base64.h"
#include "base/secret.h"
#include "base/text.h"
#include "format/json.h"
#include "image/helper.h"
#include "os/file.h"

#define FILE_SIZE_MAX (1 << 20)
#define KEY_MAX       600 /* characters of host and path */

void credentials_init(struct credentials *out)
{
    *out = (struct credentials){
        .user = BUF_WITH_LIMIT(CREDENTIALS_SIZE_MAX),
        .password = BUF_WITH_LIMIT(CREDENTIALS_SIZE_MAX),
        .identity_token = BUF_WITH_LIMIT(CREDENTIALS_SIZE_MAX),
    };
}

void credentials_fini(struct credentials *credentials)
{
    buf_fini_secret(&credentials->user);
    buf_fini_secret(&credentials->password);
    buf_fini_secret(&credentials->identity_token);
    credentials_init(credentials);
}

/* "https://index.docker.io/v1/" → "docker.io"; what `docker login` writes, as one form. */
static bool tidy_key(const char *key, char out[KEY_MAX])
{
    static const char *const schemes[] = {"https://", "http://"};
    static const char *const tails[] = {"/", "/v1", "/v2"};
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        if (text_starts_with(key, schemes[i]))
            key += strlen(schemes[i]);
    }
    if (!text_copy(out, KEY_MAX, key))
        return false;
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
        if (text_ends_with(out, tails[i]))
            out[strlen(out) - strlen(tails[i])] = '\0';
    }
    if (strcmp(out, "index.docker.io") == 0 || strcmp(out, "registry-1.docker.io") == 0)
        (void)text_copy(out, KEY_MAX, "docker.io");
    return true;
}

/* The member of `auths` whose key is `wanted` once both are tidied. */
static json_t *find_key(json_t *auths, const char *wanted)
{
    for (void *at = json_object_iter(auths); at; at = json_object_iter_next(auths, at)) {
        char key[KEY_MAX];
        if (tidy_key(json_object_iter_key(at), key) && strcmp(key, wanted) == 0)
            return json_object_iter_value(at);
    }
    return NULL;
}

/* containers-auth.json(5): the longest of host/a/b, host/a, host that has an entry. */
static json_t *find_longest(json_t *auths, const char *host, const char *path)
{
    char key[KEY_MAX];
    int len = snprintf(key, sizeof key, "%s/%s", host, path);
    if (len < 0 || (size_t)len >= sizeof key)
        return find_key(auths, host);
    for (;;) {
        json_t *found = find_key(auths, key);
        char *slash = strrchr(key, '/');
        if (found || !slash)
            return found;
        *slash = '\0';
    }
}

/* Header values and requests are built of these. */
static bool is_clean(struct span text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < 0x20 || text.data[i] == 0x7f)
            return false;
    }
    return true;
}

int credentials_set(struct credentials *out, struct span user, struct span password,
                    struct error *err)
{
    if (!is_clean(user) || !is_clean(password))
        return error_set(err, ERROR_INVALID, "a control character in the user name or password");
    if (buf_append(&out->user, user, err) < 0 || buf_append(&out->password, password, err) < 0)
        return -1;
    out->found = user.size > 0 || password.size > 0;
    return 0;
}

int credentials_set_token(struct credentials *out, const char *token, struct error *err)
{
    if (!is_clean(span_of_text(token)))
        return error_set(err, ERROR_INVALID, "a control character in the identity token");
    if (buf_append_text(&out->identity_token, token, err) < 0)
        return -1;
    out->found = out->found || *token;
    return 0;
}

static int take_auth(const char *auth, struct credentials *out, struct error *err)
{
    struct buf plain = BUF_WITH_LIMIT(CREDENTIALS_SIZE_MAX);
    int status = base64_decode(span_of_text(auth), &plain, NULL);
    const uint8_t *colon = status == 0 && plain.size ? memchr(plain.data, ':', plain.size) : NULL;
    if (colon) {
        size_t len = (size_t)(colon - plain.data);
        status = credentials_set(out, span_of(plain.data, len),
                                 span_of(colon + 1, plain.size - len - 1), err);
    } else {
        status = error_set(err, ERROR_INVALID, "\"auth\" is not the base64 of user:password");
    }
    buf_fini_secret(&plain);
    return status;
}

static int take_entry(const json_t *entry, struct credentials *out, struct error *err)
{
    const char *auth;
    const char *token;
    if (!json_is_object(entry))
        return error_set(err, ERROR_INVALID, "expected an object, found %s", json_kind(entry));
    if (json_find_text(entry, "auth", &auth, err) < 0 ||
        json_find_text(entry, "identitytoken", &token, err) < 0)
        return -1;
    if (token && credentials_set_token(out, token, err) < 0)
        return -1;
    /* With a helper, docker leaves an empty entry behind. */
    return auth && *auth ? take_auth(auth, out, err) : 0;
}

/* Which helper the document names for the host; an empty name means none. */
static int take_helper(const json_t *document, const char *host, struct credentials *out,
                       struct error *err)
{
    json_t *helpers;
    const char *name;
    if (json_find_object(document, "credHelpers", &helpers, err) < 0 ||
        json_find_text(document, "credsStore", &name, err) < 0)
        return -1;
    json_t *own = helpers ? find_key(helpers, host) : NULL;
    if (own && !json_is_string(own))
        return error_set(err, ERROR_INVALID, "credHelpers: %s: expected a string, found %s", host,
                         json_kind(own));
    if (own)
        name = json_string_value(own);
    if (!name || !*name)
        return 0;
    if (!helper_name_is_sound(name))
        return error_set(err, ERROR_INVALID,
                         "\"%.64s\" is no name of a credential helper: letters, digits, '.', '_' "
                         "and '-' are accepted",
                         name);
    (void)text_copy(out->helper, sizeof out->helper, name);
    return 0;
}

static int search(const json_t *document, const char *host, const char *path,
                  struct credentials *out, struct error *err)
{
    json_t *auths;
    if (take_helper(document, host, out, err) < 0 ||
        json_find_object(document, "auths", &auths, err) < 0)
        return -1;
    const json_t *entry = auths ? find_longest(auths, host, path) : NULL;
    if (entry && take_entry(entry, out, err) < 0)
        return error_context(err, "auths: %s", host);
    return 0;
}

int credentials_parse(struct span text, const char *host, const char *path, struct credentials *out,
                      struct error *err)
{
    static const struct json_limits limits = {.size = FILE_SIZE_MAX, .depth = 16};
    credentials_init(out);
    json_auto_t *document = json_parse_object(text, &limits, err);
    return document ? search(document, host, path, out, err) : -1;
}

/* Takes the helper's answer in the place of what the file holds. A helper that is missing or broken
 * is not the end: the registry may want no credentials, or the file may have them. */
static void ask_helper(const char *host, struct credentials *out)
{
    CREDENTIALS_AUTO answer;
    struct error problem = {0};
    credentials_init(&answer);
    /* Docker Hub's credentials are kept under the address that it had first. */
    const char *server = strcmp(host, "docker.io") == 0 ? "https://index.docker.io/v1/" : host;
    int found = helper_get(out->helper, server, HELPER_TIMEOUT_MS, &answer, &problem);
    if (found < 0)
        (void)text_copy(out->problem, sizeof out->problem, problem.text);
    if (found <= 0)
        return;
    struct credentials file = *out;
    *out = answer;
    answer = file;
    (void)snprintf(out->origin, sizeof out->origin, "the credential helper docker-credential-%s",
                   file.helper);
}

/* A file that is missing holds nothing. */
static int try_file(const char *file, const char *host, const char *path, bool *missing,
                    struct credentials *out, struct error *err)
{
    struct error problem = {0};
    struct buf text = BUF_WITH_LIMIT(FILE_SIZE_MAX);
    char before[sizeof out->problem];
    memcpy(before, out->problem, sizeof before);
    int status = file_read(file, &text, &problem);
    *missing = status < 0 && problem.code == ERROR_NOT_FOUND;
    if (status == 0) {
        credentials_fini(out);
        status = credentials_parse(buf_span(&text), host, path, out, &problem);
    }
    buf_fini_secret(&text);
    if (status < 0 && !*missing)
        return error_set(err, problem.code, "credentials in %s: %s", file, problem.text);
    if (status < 0)
        return 0;
    (void)snprintf(out->origin, sizeof out->origin, "%s", file);
    memcpy(out->problem, before, sizeof before);
    if (*out->helper)
        ask_helper(host, out);
    return 0;
}

static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

/* One of the places: $`variable`/`file`, else $HOME/`fallback`; NULL where neither is set. */
static char *place(const char *variable, const char *file, const char *fallback)
{
    const char *folder = environment(variable);
    const char *home = environment("HOME");
    if (folder)
        return text_format("%s/%s", folder, file);
    return fallback && home ? text_format("%s/%s", home, fallback) : NULL;
}

int credentials_find(const char *host, const char *path, struct credentials *out, struct error *err)
{
    static const struct {
        const char *variable;
        const char *file;
        const char *fallback;
    } places[] = {
        {"XDG_RUNTIME_DIR", "containers/auth.json", NULL},
        {"XDG_CONFIG_HOME", "containers/auth.json", ".config/containers/auth.json"},
        {"DOCKER_CONFIG", "config.json", ".docker/config.json"},
    };
    bool missing;
    credentials_init(out);
    const char *own = environment("REGISTRY_AUTH_FILE");
    if (own && try_file(own, host, path, &missing, out, err) < 0)
        return -1;
    if (own && missing)
        return error_set(err, ERROR_NOT_FOUND, "REGISTRY_AUTH_FILE names %s, which is missing",
                         own);
    for (size_t i = 0; !own && !out->found && i < sizeof places / sizeof places[0]; i++) {
        TEXT_AUTO file = place(places[i].variable, places[i].file, places[i].fallback);
        if (file && try_file(file, host, path, &missing, out, err) < 0)
            return -1;
    }
    return 0;
}
