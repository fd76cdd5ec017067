#include "image/registries.h"

#include <dirent.h>
#include <stdlib.h>

#include "base/text.h"
#include "format/json.h"
#include "image/reference.h"
#include "os/file.h"

#define FILE_SIZE_MAX     (1 << 20)
#define DOCKER_HUB        "docker.io"
#define DOCKER_HUB_SERVES "registry-1.docker.io"

struct registries {
    json_t *document;
};

void registries_free(struct registries *registries)
{
    if (!registries)
        return;
    json_decref(registries->document);
    free(registries);
}

void registries_cleanup(struct registries **registries)
{
    registries_free(*registries);
    *registries = NULL;
}

/* Takes [http://|https://]host[:port][/prefix] apart. */
static int parse_mirror(const char *text, struct endpoint *out, struct error *err)
{
    struct reference probe;
    const char *rest = text;
    *out = (struct endpoint){.http = text_starts_with(text, "http://")};
    if (out->http)
        rest += strlen("http://");
    else if (text_starts_with(text, "https://"))
        rest += strlen("https://");
    size_t host_len = strcspn(rest, "/");
    TEXT_AUTO host = text_dup_span(span_of(rest, host_len));
    size_t prefix_len = strlen(rest + host_len);
    while (prefix_len > 0 && rest[host_len + prefix_len - 1] == '/')
        prefix_len--;
    TEXT_AUTO prefix = text_dup_span(span_of(rest + host_len, prefix_len));
    /* A reference knows what a host and a path may look like. */
    TEXT_AUTO whole = host && prefix ? text_format("localhost%s/x", prefix) : NULL;
    TEXT_AUTO dotted = host ? text_format("%s/x", host) : NULL;
    if (!whole || !dotted)
        return error_memory(err);
    bool sound = reference_parse(whole, &probe, NULL) == 0 && host_len > 0 &&
                 reference_parse(dotted, &probe, NULL) == 0 &&
                 (strcmp(probe.host, host) == 0 || strpbrk(host, ".:") == NULL) &&
                 text_copy(out->host, sizeof out->host, host) &&
                 text_copy(out->prefix, sizeof out->prefix, prefix);
    return sound
               ? 0
               : error_set(err, ERROR_INVALID,
                           "mirror \"%.256s\" is not [http://|https://]host[:port][/prefix]", text);
}

static int check_registry(const json_t *entry, struct error *err)
{
    static const char *const known[] = {"mirrors", "http", "tls_ca", NULL};
    json_t *mirrors;
    const char *text;
    bool http;
    if (!json_is_object(entry))
        return error_set(err, ERROR_INVALID, "expected an object, found %s", json_kind(entry));
    if (json_check_keys(entry, known, err) < 0 || json_find_bool(entry, "http", &http, err) < 0 ||
        json_find_text(entry, "tls_ca", &text, err) < 0 ||
        json_find_array(entry, "mirrors", &mirrors, err) < 0)
        return -1;
    if (json_array_size(mirrors) >= ENDPOINTS_MAX)
        return error_set(err, ERROR_LIMIT, "%zu mirrors; at most %d are accepted",
                         json_array_size(mirrors), ENDPOINTS_MAX - 1);
    for (size_t i = 0; i < json_array_size(mirrors); i++) {
        struct endpoint endpoint;
        if (json_text_at(mirrors, i, "mirrors", &text, err) < 0 ||
            parse_mirror(text, &endpoint, err) < 0)
            return -1;
    }
    return 0;
}

static int check(const json_t *document, struct error *err)
{
    static const char *const known[] = {"registries", NULL};
    json_t *list;
    if (json_check_keys(document, known, err) < 0 ||
        json_get_object(document, "registries", &list, err) < 0)
        return -1;
    for (void *at = json_object_iter(list); at; at = json_object_iter_next(list, at)) {
        if (check_registry(json_object_iter_value(at), err) < 0)
            return error_context(err, "registry \"%.128s\"", json_object_iter_key(at));
    }
    return 0;
}

struct registries *registries_parse(struct span text, struct error *err)
{
    static const struct json_limits limits = {.size = FILE_SIZE_MAX, .depth = 8};
    REGISTRIES_AUTO registries = calloc(1, sizeof *registries);
    if (!registries) {
        (void)error_memory(err);
        return NULL;
    }
    registries->document = json_parse_object(text, &limits, err);
    if (!registries->document || check(registries->document, err) < 0)
        return NULL;
    struct registries *parsed = registries;
    registries = NULL;
    return parsed;
}

struct registries *registries_open(struct error *err)
{
    const char *value = getenv("CAISSON_REGISTRIES");
    BUF_AUTO text = BUF_WITH_LIMIT(FILE_SIZE_MAX);
    int status = 0;
    if (!value || !*value)
        status = buf_append_text(&text, "{\"registries\":{}}", err);
    else if (*value == '{')
        status = buf_append_text(&text, value, err);
    else
        status = file_read(value, &text, err);
    struct registries *registries = status == 0 ? registries_parse(buf_span(&text), err) : NULL;
    if (!registries)
        (void)error_context(err, "CAISSON_REGISTRIES");
    return registries;
}

static json_t *registry_of(const struct registries *registries, const char *host)
{
    return json_object_get(json_object_get(registries->document, "registries"), host);
}

int registries_endpoints(const struct registries *registries, const char *host,
                         struct endpoint out[ENDPOINTS_MAX], size_t *count, struct error *err)
{
    json_t *entry = registry_of(registries, host);
    json_t *mirrors = json_object_get(entry, "mirrors");
    *count = 0;
    for (size_t i = 0; i < json_array_size(mirrors); i++) {
        if (parse_mirror(json_string_value(json_array_get(mirrors, i)), &out[*count], err) < 0)
            return -1;
        (*count)++;
    }
    struct endpoint *last = &out[(*count)++];
    *last = (struct endpoint){.http = json_is_true(json_object_get(entry, "http"))};
    if (!text_copy(last->host, sizeof last->host,
                   strcmp(host, DOCKER_HUB) == 0 ? DOCKER_HUB_SERVES : host))
        return error_set(err, ERROR_LIMIT, "a host of %zu characters", strlen(host));
    return 0;
}

/* Appends a file and a newline. What is in it is libcurl's to judge, which can't name the file. */
static int append_file(const char *path, struct buf *out, struct error *err)
{
    static const char mark[] = "-----BEGIN CERTIFICATE-----";
    size_t before = out->size;
    if (file_read(path, out, err) < 0 || buf_append_byte(out, '\n', err) < 0)
        return error_context(err, "certificate authorities");
    if (!memmem(out->data + before, out->size - before, mark, strlen(mark)))
        return error_set(err, ERROR_INVALID,
                         "certificate authorities: %s holds no certificate in PEM", path);
    return 0;
}

/* A folder that is missing holds none. */
static int append_folder(const char *path, struct buf *out, struct error *err)
{
    DIR *folder = opendir(path);
    int status = 0;
    if (!folder)
        return 0;
    for (struct dirent *at = readdir(folder); at && status == 0; at = readdir(folder)) {
        if (!text_ends_with(at->d_name, ".crt"))
            continue;
        TEXT_AUTO file = text_format("%s/%s", path, at->d_name);
        status = file ? append_file(file, out, err) : error_memory(err);
    }
    (void)closedir(folder);
    return status;
}

int registries_authorities(const struct registries *registries, const char *host,
                           const char *tls_ca, struct buf *out, struct error *err)
{
    static const char *const folders[] = {"/etc/docker/certs.d", "/etc/containers/certs.d"};
    const char *own = json_string_value(json_object_get(registry_of(registries, host), "tls_ca"));
    const char *home = getenv("HOME");
    if (tls_ca && append_file(tls_ca, out, err) < 0)
        return -1;
    if (own && append_file(own, out, err) < 0)
        return -1;
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        TEXT_AUTO folder = text_format("%s/%s", folders[i], host);
        if (!folder || append_folder(folder, out, err) < 0)
            return folder ? -1 : error_memory(err);
    }
    TEXT_AUTO folder = home ? text_format("%s/.config/containers/certs.d/%s", home, host) : NULL;
    return folder ? append_folder(folder, out, err) : 0;
}
