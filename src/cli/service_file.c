#include "cli/service_file.h"

#include <stdlib.h>

#include "base/text.h"
#include "format/json.h"
#include "format/yaml.h"
#include "os/file.h"
#include "os/output.h"

void service_file_fini(struct service_file *file)
{
    free(file->service);
    free(file->client);
    free(file->tls_ca);
    *file = (struct service_file){0};
}

int service_file_path(char **path, struct error *err)
{
    const char *config = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME");
    if (config && config[0] == '/')
        *path = text_format("%s/caisson/service.yaml", config);
    else if (home && home[0] == '/')
        *path = text_format("%s/.config/caisson/service.yaml", home);
    else
        return error_set(err, ERROR_UNAVAILABLE,
                         "no place for service.yaml: set XDG_CONFIG_HOME or HOME");
    return *path ? 0 : error_memory(err);
}

static int read_object(const json_t *object, struct service_file *out, struct error *err)
{
    static const char *const known[] = {"service", "client", "tls-ca", NULL};
    if (!json_is_object(object))
        return error_set(err, ERROR_INVALID, "one mapping is expected");
    if (json_check_keys(object, known, err) < 0 ||
        json_copy_text(object, "service", &out->service, err) < 0 ||
        json_copy_text(object, "client", &out->client, err) < 0)
        return -1;
    return json_copy_text(object, "tls-ca", &out->tls_ca, err);
}

int service_file_parse(struct span text, struct service_file *out, struct error *err)
{
    static const struct yaml_limits limits = {.size = SERVICE_FILE_MAX, .depth = 4, .nodes = 100};
    *out = (struct service_file){0};
    json_auto_t *documents = yaml_read(text, &limits, err);
    if (!documents)
        return -1;
    if (json_array_size(documents) != 1)
        return error_set(err, ERROR_INVALID, "one mapping is expected");
    if (read_object(json_array_get(documents, 0), out, err) == 0)
        return 0;
    service_file_fini(out);
    return -1;
}

int service_file_read(struct service_file *out, struct error *err)
{
    struct error own = {0};
    TEXT_AUTO path = NULL;
    BUF_AUTO text = BUF_WITH_LIMIT(SERVICE_FILE_MAX);
    *out = (struct service_file){0};
    if (service_file_path(&path, &own) < 0)
        return 0;
    if (file_read(path, &text, &own) < 0)
        return own.code == ERROR_NOT_FOUND ? 0 : error_set(err, own.code, "%s", own.text);
    return service_file_parse(buf_span(&text), out, err) < 0 ? error_context(err, "%s", path) : 0;
}

static int append_line(struct buf *out, const char *key, const char *value, struct error *err)
{
    if (buf_printf(out, err, "%s: ", key) < 0 ||
        json_append_string(out, span_of_text(value), err) < 0) /* JSON's text is YAML's */
        return -1;
    return buf_append_byte(out, '\n', err);
}

static int append_file(const struct service_file *file, struct buf *out, struct error *err)
{
    const struct {
        const char *key, *value;
    } lines[] = {{"service", file->service}, {"client", file->client}, {"tls-ca", file->tls_ca}};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        if (lines[i].value && append_line(out, lines[i].key, lines[i].value, err) < 0)
            return -1;
    }
    return 0;
}

/* Makes the folder of `path`. */
static int make_folder(const char *path, struct error *err)
{
    TEXT_AUTO folder = text_format("%.*s", (int)(strrchr(path, '/') - path), path);
    return folder ? dir_make_all(folder, 0700, err) : error_memory(err);
}

int service_file_write(const struct service_file *file, bool *written, struct error *err)
{
    struct error own = {0};
    TEXT_AUTO path = NULL;
    BUF_AUTO text = BUF_WITH_LIMIT(SERVICE_FILE_MAX), before = BUF_WITH_LIMIT(SERVICE_FILE_MAX);
    *written = false;
    if (append_file(file, &text, err) < 0 || service_file_path(&path, err) < 0)
        return -1;
    if (file_read(path, &before, &own) == 0) {
        *written = span_equal(buf_span(&before), buf_span(&text));
        return 0;
    }
    if (own.code != ERROR_NOT_FOUND)
        return error_set(err, own.code, "%s", own.text);
    *written = true;
    return make_folder(path, err) < 0 ? -1 : output_write(path, buf_span(&text), 0600, err);
}
