#include "image/reference.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "base/text.h"

#define DEFAULT_HOST "docker.io"
#define LOWER        "abcdefghijklmnopqrstuvwxyz"
#define DIGITS       "0123456789"
#define UPPER        "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

static bool is_in(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

/* The length of the separator at `at`: one `.`, one or two `_`, any number of `-`; else 0. */
static size_t separator_len(const char *at)
{
    if (*at == '.')
        return 1;
    if (*at == '_')
        return at[1] == '_' ? 2 : 1;
    return strspn(at, "-");
}

/* distribution/reference: path-component [ "/" path-component ]*. */
static bool is_path(const char *path)
{
    for (;;) {
        size_t len = strspn(path, LOWER DIGITS);
        if (len == 0)
            return false;
        path += len;
        if (*path == '\0')
            return true;
        len = *path == '/' ? 1 : separator_len(path);
        if (len == 0)
            return false;
        path += len;
    }
}

static bool is_tag(const char *tag)
{
    size_t len = strlen(tag);
    return len >= 1 && len <= REFERENCE_TAG_MAX && is_in(*tag, LOWER UPPER DIGITS "_") &&
           strspn(tag, LOWER UPPER DIGITS "_.-") == len;
}

static bool is_port(const char *text)
{
    uint64_t port;
    return text_to_u64(text, 65535, &port) && port > 0;
}

/* Labels of letters, digits and inner dashes, separated by dots. */
static bool is_domain(const char *host, size_t len)
{
    if (len == 0 || strspn(host, LOWER UPPER DIGITS ".-") < len)
        return false;
    for (size_t i = 0; i < len; i++) {
        bool first = i == 0 || host[i - 1] == '.';
        bool last = i + 1 == len || host[i + 1] == '.';
        if (host[i] == '.' ? first : host[i] == '-' && (first || last))
            return false;
    }
    return host[len - 1] != '.';
}

static bool is_host(const char *host)
{
    if (*host == '[') {
        size_t len = strspn(host + 1, DIGITS "abcdefABCDEF:");
        const char *end = host + 1 + len;
        return len >= 2 && *end == ']' && (end[1] == '\0' || (end[1] == ':' && is_port(end + 2)));
    }
    size_t len = strcspn(host, ":");
    return is_domain(host, len) && (host[len] == '\0' || is_port(host + len + 1));
}

/* Docker's rule: what stands before the first slash is a host when it looks like one. */
static bool names_host(const char *text, size_t len)
{
    return memchr(text, '.', len) || memchr(text, ':', len) ||
           (len == 9 && memcmp(text, "localhost", len) == 0) ||
           strspn(text, LOWER DIGITS "._-") < len;
}

/* Takes "@sha256:…" and ":tag" off the end of `text`. */
static int take_suffixes(char *text, struct reference *out, struct error *err)
{
    char *at = strchr(text, '@');
    if (at) {
        *at = '\0';
        out->has_digest = true;
        if (oci_digest_parse(at + 1, &out->digest, err) < 0)
            return -1;
    }
    char *slash = strrchr(text, '/');
    char *colon = strchr(slash ? slash : text, ':');
    if (colon) {
        *colon = '\0';
        if (!is_tag(colon + 1) || !text_copy(out->tag, sizeof out->tag, colon + 1))
            return error_set(err, ERROR_INVALID,
                             "tag \"%.160s\": expected letters, digits, '_', '.', '-', at most %d",
                             colon + 1, REFERENCE_TAG_MAX);
    } else if (!out->has_digest) {
        (void)text_copy(out->tag, sizeof out->tag, "latest");
    }
    return 0;
}

static int take_host(const char **text, struct reference *out, struct error *err)
{
    const char *slash = strchr(*text, '/');
    size_t len = slash ? (size_t)(slash - *text) : 0;
    if (!slash || !names_host(*text, len)) {
        (void)text_copy(out->host, sizeof out->host, DEFAULT_HOST);
        return 0;
    }
    if (len >= sizeof out->host)
        return error_set(err, ERROR_INVALID, "a host of %zu characters", len);
    memcpy(out->host, *text, len);
    out->host[len] = '\0';
    *text = slash + 1;
    if (!is_host(out->host))
        return error_set(err, ERROR_INVALID, "\"%s\" is no host[:port]", out->host);
    if (strcmp(out->host, "index.docker.io") == 0)
        (void)text_copy(out->host, sizeof out->host, DEFAULT_HOST);
    return 0;
}

static int parse(char *text, struct reference *out, struct error *err)
{
    const char *path = text;
    if (take_suffixes(text, out, err) < 0 || take_host(&path, out, err) < 0)
        return -1;
    bool official = strcmp(out->host, DEFAULT_HOST) == 0 && !strchr(path, '/');
    int len = snprintf(out->path, sizeof out->path, "%s%s", official ? "library/" : "", path);
    if (len < 0 || (size_t)len >= sizeof out->path)
        return error_set(err, ERROR_INVALID, "a path of %zu characters; at most 255 are accepted",
                         strlen(path));
    if (!is_path(path))
        return error_set(err, ERROR_INVALID,
                         "path \"%s\": expected lower-case words of letters and digits, separated "
                         "by '/', '.', '_', '__' or dashes",
                         path);
    return 0;
}

int reference_parse(const char *text, struct reference *out, struct error *err)
{
    char copy[REFERENCE_TEXT_MAX];
    *out = (struct reference){0};
    if (!text_copy(copy, sizeof copy, text))
        return error_set(err, ERROR_INVALID,
                         "image name of %zu characters; at most %d are accepted", strlen(text),
                         REFERENCE_TEXT_MAX - 1);
    if (parse(copy, out, err) < 0)
        return error_context(err, "image name \"%.256s\"", text);
    return 0;
}

void reference_format(const struct reference *reference, char out[REFERENCE_TEXT_MAX])
{
    char digest[OCI_DIGEST_TEXT_SIZE];
    const char *tag = reference->tag;
    if (reference->has_digest)
        oci_digest_text(&reference->digest, digest);
    (void)snprintf(out, REFERENCE_TEXT_MAX, "%s/%s%s%s%s%s", reference->host, reference->path,
                   *tag ? ":" : "", tag, reference->has_digest ? "@" : "",
                   reference->has_digest ? digest : "");
}

bool reference_host_is_local(const char *host)
{
    char name[256];
    size_t len = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
    if (len >= sizeof name || len > strlen(host))
        return false;
    memcpy(name, host, len);
    name[len] = '\0';
    struct in_addr address;
    bool loopback = inet_pton(AF_INET, name, &address) == 1 &&
                    ntohl(address.s_addr) >> 24 == IN_LOOPBACKNET;
    return loopback || strcmp(name, "localhost") == 0 || strcmp(name, "[::1]") == 0;
}
