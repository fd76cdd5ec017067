#include "cli/secret_options.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/service_file.h"
#include "os/file.h"

#define SERVICE_DEFAULT "https://localhost:8443"
#define FOLDER          "/run/secrets"
#define PREFIX          "default/secret"
#define MODE            0444 /* as Docker's: the container's user is the image's word */
#define ROOTS_MAX       16384

int secret_option_parse(const char *text, char **resource, char **path, char **variable,
                        struct error *err)
{
    size_t size = strcspn(text, ":=");
    const char *place = text + size;
    const char *slash = memrchr(text, '/', size);
    const char *last = slash ? slash + 1 : text;
    *path = *variable = NULL;
    *resource = slash ? strndup(text, size) : text_format(PREFIX "/%.*s", (int)size, text);
    if (size == 0 || (*place && !place[1]))
        return error_set(err, ERROR_USAGE, "--secret %s: it is NAME, NAME:/PATH or NAME=VARIABLE",
                         text);
    if (*place == '=')
        *variable = strdup(place + 1);
    else if (*place == ':')
        *path = strdup(place + 1);
    else
        *path = text_format(FOLDER "/%.*s", (int)(text + size - last), last);
    return *resource && (*path || *variable) ? 0 : error_memory(err);
}

static int read_roots(const struct args *args, struct secret_options *out, struct error *err)
{
    SERVICE_FILE_AUTO own = {0};
    const char *url = args_get(args, "secret-service");
    const char *file = args_get(args, "secret-root");
    if ((!url || !file) && service_file_read(&own, err) < 0)
        return -1;
    url = url ? url : own.service ? own.service : SERVICE_DEFAULT;
    /* The user's own service has its own root. */
    if (!file && own.service && strcmp(url, own.service) == 0)
        file = own.tls_ca;
    if (!file)
        return error_set(err, ERROR_USAGE,
                         "--secret-root FILE is missing: the certificate of %s, or the root of it; "
                         "no root is trusted by default",
                         url);
    if (file_read(file, &out->roots, err) < 0)
        return error_context(err, "--secret-root");
    out->url = text_format("%s", url);
    out->service = (struct policy_service){.url = out->url, .roots = buf_text(&out->roots)};
    return out->url ? 0 : error_memory(err);
}

int secret_options_read(const struct args *args, struct secret_options *out, bool *found,
                        struct error *err)
{
    struct policy_attestation *attestation = &out->attestation;
    *out = (struct secret_options){.roots = BUF_WITH_LIMIT(ROOTS_MAX)};
    *found = args_has(args, "secret") || args_has(args, "attestation-api");
    if (!*found)
        return 0;
    if (read_roots(args, out, err) < 0)
        return -1;
    *attestation = (struct policy_attestation){.services = &out->service,
                                               .service_count = 1,
                                               .secrets = out->secrets,
                                               .api = args_has(args, "attestation-api")};
    const char *text;
    while ((text = args_get_nth(args, "secret", attestation->secret_count))) {
        size_t place = attestation->secret_count;
        char *path, *variable;
        if (place == SECRET_OPTIONS_MAX)
            return error_set(err, ERROR_LIMIT, "more than %d secrets", SECRET_OPTIONS_MAX);
        int parsed = secret_option_parse(text, &out->texts[place][0], &path, &variable, err);
        out->texts[place][1] = path ? path : variable;
        if (parsed < 0)
            return -1;
        out->secrets[place] = (struct policy_secret){
            .resource = out->texts[place][0], .path = path, .variable = variable, .mode = MODE};
        attestation->secret_count++;
    }
    return 0;
}

void secret_options_fini(struct secret_options *options)
{
    for (size_t i = 0; i < SECRET_OPTIONS_MAX; i++) {
        free(options->texts[i][0]);
        free(options->texts[i][1]);
    }
    free(options->url);
    buf_fini(&options->roots);
}
