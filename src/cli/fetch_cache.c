#include "cli/fetch_cache.h"

#include <stdlib.h>

#include "base/hex.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "os/file.h"
#include "os/output.h"

#define DIGEST_SIZE  (2 * SHA256_SIZE)
#define HEADER_SIZE  (DIGEST_SIZE + 1) /* and a line break */
#define DOCUMENT_MAX (2 * 1024 * 1024)

static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

int fetch_cache_folder(const char *given, char **folder, struct error *err)
{
    const char *own = environment("CAISSON_HOME");
    const char *cache = environment("XDG_CACHE_HOME");
    const char *home = environment("HOME");
    if (given)
        *folder = text_format("%s", given);
    else if (own)
        *folder = text_format("%s/certificates", own);
    else if (cache)
        *folder = text_format("%s/caisson/certificates", cache);
    else if (home)
        *folder = text_format("%s/.cache/caisson/certificates", home);
    else
        return error_set(err, ERROR_UNAVAILABLE,
                         "no place for certificates: say --cache, or set CAISSON_HOME or HOME");
    return *folder ? 0 : error_memory(err);
}

static void hex_digest(struct span bytes, char out[DIGEST_SIZE + 1])
{
    uint8_t digest[SHA256_SIZE];
    sha256_digest(bytes, digest);
    hex_encode(span_of(digest, sizeof digest), out);
}

static char *path_of(const char *folder, const char *url)
{
    char name[DIGEST_SIZE + 1];
    hex_digest(span_of_text(url), name);
    return text_format("%s/%s", folder, name);
}

bool fetch_cache_read(const char *folder, const char *url, struct buf *out)
{
    BUF_AUTO file = BUF_WITH_LIMIT(DOCUMENT_MAX + HEADER_SIZE);
    char digest[DIGEST_SIZE + 1];
    TEXT_AUTO path = path_of(folder, url);
    if (!path || file_read(path, &file, NULL) < 0 || file.size < HEADER_SIZE)
        return false;
    struct span document = span_of(file.data + HEADER_SIZE, file.size - HEADER_SIZE);
    hex_digest(document, digest);
    return memcmp(file.data, digest, DIGEST_SIZE) == 0 && file.data[DIGEST_SIZE] == '\n' &&
           buf_append(out, document, NULL) == 0;
}

int fetch_cache_write(const char *folder, const char *url, struct span document, struct error *err)
{
    BUF_AUTO file = BUF_WITH_LIMIT(DOCUMENT_MAX + HEADER_SIZE);
    char digest[DIGEST_SIZE + 1];
    TEXT_AUTO path = path_of(folder, url);
    if (!path)
        return error_memory(err);
    hex_digest(document, digest);
    if (dir_make_all(folder, 0700, err) < 0 || buf_printf(&file, err, "%s\n", digest) < 0 ||
        buf_append(&file, document, err) < 0)
        return -1;
    return output_write(path, buf_span(&file), 0644, err);
}
