#include "cli/secret_options.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/service_file.h"
#include "format/security_context.h"
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

/* CONTAINER: before what is said of the secret; its row. */
static int take_container(const char **text, const struct template_group *group, unsigned int *row,
                          struct error *err)
{
    size_t size = strcspn(*text, ":=");
    for (size_t i = 0; (*text)[size] == ':' && i < group->container_count; i++) {
        const char *name = group->containers[i].draft.name;
        if (!name || strlen(name) != size || memcmp(name, *text, size) != 0)
            continue;
        *row = (unsigned int)i;
        *text += size + 1;
        return 0;
    }
    return error_set(err, ERROR_USAGE,
                     "--secret %s: begin it with CONTAINER:, the name of a container of the "
                     "workload \"%.64s\"",
                     *text, group->name);
}

/* A place for one more; the texts that it borrows go into `out->texts` of the same number. */
static struct policy_secret *add_secret(struct secret_options *out, unsigned int row,
                                        struct error *err)
{
    size_t place = out->attestation.secret_count;
    if (place == SECRET_OPTIONS_MAX) {
        (void)error_set(err, ERROR_LIMIT, "more than %d secrets", SECRET_OPTIONS_MAX);
        return NULL;
    }
    out->attestation.secret_count++;
    out->secrets[place] = (struct policy_secret){.container = row, .mode = MODE};
    return &out->secrets[place];
}

static int add_option(const char *text, const struct template_group *group,
                      struct secret_options *out, struct error *err)
{
    unsigned int row = 0;
    char *resource, *path, *variable;
    size_t place = out->attestation.secret_count;
    if (group && take_container(&text, group, &row, err) < 0)
        return -1;
    struct policy_secret *secret = add_secret(out, row, err);
    if (!secret)
        return -1;
    int parsed = secret_option_parse(text, &resource, &path, &variable, err);
    out->texts[place][0] = resource;
    out->texts[place][1] = path ? path : variable;
    secret->resource = resource;
    secret->path = path;
    secret->variable = variable;
    return parsed;
}

/* Two files and the variable that names their folder: format/security_context.h. */
static int add_context(unsigned int row, struct secret_options *out, struct error *err)
{
#define CONTEXT_FILE(name) SECURITY_CONTEXT_RESOURCE name, "/" SECURITY_CONTEXT_FOLDER "/" name
    static const char *const rows[][3] = {
        {CONTEXT_FILE(SECURITY_CONTEXT_POLICY), NULL},
        {CONTEXT_FILE(SECURITY_CONTEXT_CERTIFICATES), NULL},
        {SECURITY_CONTEXT_RESOURCE SECURITY_CONTEXT_FOLDER, NULL, SECURITY_CONTEXT_VARIABLE}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct policy_secret *secret = add_secret(out, row, err);
        if (!secret)
            return -1;
        secret->resource = rows[i][0];
        secret->path = rows[i][1];
        secret->variable = rows[i][2];
    }
    return 0;
}

/* An enclave's programs prove themselves without one. */
static bool names_no_service(const struct args *args)
{
    const char *url = args_get(args, "secret-service");
    return url && strcmp(url, "none") == 0;
}

static int check_no_service(const struct args *args, struct error *err)
{
    if (args_has(args, "secret") || args_has(args, "security-context") ||
        args_has(args, "secret-root"))
        return error_set(err, ERROR_USAGE,
                         "--secret-service none goes with --attestation-api alone: secrets come "
                         "from a service");
    return 0;
}

static int read_all(const struct args *args, const struct template_group *group,
                    struct secret_options *out, bool *found, struct error *err)
{
    const char *text;
    bool context = args_has(args, "security-context");
    size_t containers = group ? group->container_count : 1;
    *out = (struct secret_options){.roots = BUF_WITH_LIMIT(ROOTS_MAX)};
    *found = context || args_has(args, "secret") || args_has(args, "attestation-api");
    if (!*found)
        return 0;
    bool alone = names_no_service(args);
    if ((alone ? check_no_service(args, err) : read_roots(args, out, err)) < 0)
        return -1;
    out->attestation = (struct policy_attestation){.services = &out->service,
                                                   .service_count = alone ? 0 : 1,
                                                   .secrets = out->secrets,
                                                   .api = args_has(args, "attestation-api")};
    for (size_t i = 0; (text = args_get_nth(args, "secret", i)); i++) {
        if (add_option(text, group, out, err) < 0)
            return -1;
    }
    for (size_t i = 0; context && i < containers; i++) {
        if (add_context((unsigned int)i, out, err) < 0)
            return -1;
    }
    return 0;
}

int secret_options_read(const struct args *args, struct secret_options *out, bool *found,
                        struct error *err)
{
    return read_all(args, NULL, out, found, err);
}

int secret_options_read_group(const struct args *args, const struct template_group *group,
                              struct secret_options *out, bool *found, struct error *err)
{
    return read_all(args, group, out, found, err);
}

int secret_options_refuse(struct error *err)
{
    return error_set(err, ERROR_USAGE,
                     "--policy says which secrets there are: give --secret to caisson policy "
                     "generate");
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
