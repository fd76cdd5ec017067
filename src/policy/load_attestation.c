/* `caisson_attestation`: services, the secrets that they hold, and where these go. */
#include "policy/load.h"

#define SERVICES_MAX 4
#define SECRETS_MAX  64
#define ROOTS_MAX    16384 /* bytes of PEM */

/* One to 255 characters of `allowed` from the first on. */
static bool is_made_of(const char *text, const char *allowed)
{
    size_t size = strspn(text, allowed);
    return size > 0 && size <= 255 && text[size] == '\0';
}

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_"
#define DIGITS  "0123456789"

static bool is_resource(const char *text)
{
    size_t parts = 1;
    for (const char *at = text; *at; at++)
        parts += *at == '/';
    return parts == 3 && is_made_of(text, LETTERS DIGITS "-./") && text[0] != '/' &&
           text[strlen(text) - 1] != '/' && !strstr(text, "//") && !strstr(text, "..");
}

/* Nothing in it leads elsewhere, and it is no folder's. */
static bool is_place(const char *path)
{
    return is_made_of(path, LETTERS DIGITS "-./") && path[0] == '/' && path[1] &&
           path[strlen(path) - 1] != '/' && !strstr(path, "//") && !strstr(path, "/.");
}

static const struct field service_fields[] = {
    {"url", field_text, offsetof(struct policy_service, url)},
    {"roots", field_text, offsetof(struct policy_service, roots)},
    {0}};

static int load_service(struct decoder *decoder, const struct value *value, void *row)
{
    static const char scheme[] = "https://";
    struct policy_service *out = row;
    if (fields_read(decoder, value, service_fields, out) < 0)
        return -1;
    if (strncmp(out->url, scheme, sizeof scheme - 1) != 0 ||
        !is_made_of(out->url + sizeof scheme - 1, LETTERS DIGITS "-.:") || !*out->roots ||
        strlen(out->roots) > ROOTS_MAX)
        return error_set(decoder->err, ERROR_INVALID,
                         "the url \"%.80s\" is not https://NAME or https://NAME:PORT, or the roots "
                         "are not 1 to %d bytes of PEM",
                         out->url, ROOTS_MAX);
    return 0;
}

static const struct field secret_fields[] = {
    {"service", field_uint, offsetof(struct policy_secret, service), .max = SERVICES_MAX - 1},
    {"container", field_uint, offsetof(struct policy_secret, container), .max = UINT32_MAX},
    {"resource", field_text, offsetof(struct policy_secret, resource)},
    {"path", field_text, offsetof(struct policy_secret, path), true},
    {"variable", field_text, offsetof(struct policy_secret, variable), true},
    {"mode", field_uint, offsetof(struct policy_secret, mode), true, .max = 0777},
    {"owner", field_uint, offsetof(struct policy_secret, owner), true, .max = UINT32_MAX - 1},
    {0}};

static int load_secret(struct decoder *decoder, const struct value *value, void *row)
{
    const struct policy *policy = policy_of(decoder);
    struct policy_secret *out = row;
    if (fields_read(decoder, value, secret_fields, out) < 0)
        return -1;
    if (out->service >= policy->attestation.service_count ||
        out->container >= policy->container_count || !is_resource(out->resource))
        return error_set(decoder->err, ERROR_INVALID,
                         "there is no service %u, no row %u of `containers`, or \"%.80s\" is not "
                         "REPOSITORY/TYPE/TAG",
                         out->service, out->container, out->resource);
    if (out->path ? out->variable || !is_place(out->path)
                  : !out->variable || !is_made_of(out->variable, LETTERS DIGITS) ||
                        strchr(DIGITS, out->variable[0]))
        return error_set(decoder->err, ERROR_INVALID,
                         "a secret goes to one absolute `path`, or to one `variable`");
    return 0;
}

/* Services come first: the secrets name them. */
static const struct field attestation_fields[] = {
    {"services", field_rows,
     FIELD_ROWS(struct policy_attestation, services, service_count, load_service,
                struct policy_service),
     .max = SERVICES_MAX},
    {"secrets", field_rows,
     FIELD_ROWS(struct policy_attestation, secrets, secret_count, load_secret,
                struct policy_secret),
     .max = SECRETS_MAX},
    {"api", field_bool, offsetof(struct policy_attestation, api)},
    {0}};

int load_attestation(struct decoder *decoder, const struct value *value, const struct field *field,
                     void *out)
{
    struct policy *policy = out;
    (void)field;
    policy->has_attestation = true;
    return fields_read(decoder, value, attestation_fields, &policy->attestation);
}
