#include "cli/workload.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "os/file.h"

#define ENV_FILE_MAX ((size_t)1024 * 1024)

static size_t list_count(char *const *list)
{
    size_t count = 0;
    while (list && list[count])
        count++;
    return count;
}

static int list_add(char ***list, const char *text, struct error *err)
{
    size_t count = list_count(*list);
    if (count >= WORKLOAD_WORDS_MAX)
        return error_set(err, ERROR_LIMIT, "more than %d arguments or variables",
                         WORKLOAD_WORDS_MAX);
    if (strlen(text) >= WORKLOAD_TEXT_MAX)
        return error_set(err, ERROR_LIMIT, "an argument or variable of %zu bytes; the limit is %d",
                         strlen(text), WORKLOAD_TEXT_MAX - 1);
    if (!text_is_utf8(span_of_text(text)))
        return error_set(
            err, ERROR_INVALID,
            "the argument or variable \"%.80s\" is no UTF-8, which is all that reaches "
            "the guest",
            text);
    char **longer = reallocarray(*list, count + 2, sizeof *longer);
    if (!longer)
        return error_memory(err);
    *list = longer;
    longer[count] = strdup(text);
    longer[count + 1] = NULL;
    return longer[count] ? 0 : error_memory(err);
}

static int list_add_all(char ***list, char *const *texts, struct error *err)
{
    for (; texts && *texts; texts++) {
        if (list_add(list, *texts, err) < 0)
            return -1;
    }
    return 0;
}

static void list_free(char **list)
{
    for (size_t i = 0; list && list[i]; i++)
        free(list[i]);
    free(list);
}

/* The variable of this name (`len` characters), or NULL. */
static char **find_env(const struct workload *workload, const char *name, size_t len)
{
    for (char **each = workload->env; each && *each; each++) {
        if (strncmp(*each, name, len) == 0 && (*each)[len] == '=')
            return each;
    }
    return NULL;
}

int workload_set_env(struct workload *workload, const char *assignment, struct error *err)
{
    size_t len = strcspn(assignment, "=");
    if (len == 0 || assignment[len] != '=')
        return error_set(err, ERROR_INVALID, "\"%s\" is no variable: NAME=VALUE is", assignment);
    char **there = find_env(workload, assignment, len);
    if (!there)
        return list_add(&workload->env, assignment, err);
    char *copy = strdup(assignment);
    if (!copy)
        return error_memory(err);
    free(*there);
    *there = copy;
    return 0;
}

bool workload_has_env(const struct workload *workload, const char *name)
{
    return find_env(workload, name, strlen(name)) != NULL;
}

/* `-e NAME=value`, or `-e NAME`: the caller's own value, or nothing where there is none. */
static int set_env_word(struct workload *workload, const char *word, struct error *err)
{
    if (strchr(word, '='))
        return workload_set_env(workload, word, err);
    const char *value = *word ? getenv(word) : NULL;
    if (*word == '\0')
        return error_set(err, ERROR_INVALID, "a variable without a name");
    if (!value)
        return 0;
    TEXT_AUTO assignment = text_format("%s=%s", word, value);
    if (!assignment)
        return error_memory(err);
    return workload_set_env(workload, assignment, err);
}

/* Docker's file of variables: a line each, `#` comments, no quoting. */
static int set_env_file(struct workload *workload, const char *path, struct error *err)
{
    BUF_AUTO bytes = BUF_WITH_LIMIT(ENV_FILE_MAX);
    if (file_read(path, &bytes, err) < 0)
        return -1;
    if (memchr(bytes.data ? bytes.data : (const uint8_t *)"", 0, bytes.size))
        return error_set(err, ERROR_INVALID, "%s holds a zero byte", path);
    char *rest = (char *)bytes.data;
    size_t number = 0;
    for (char *line; (line = strsep(&rest, "\n"));) {
        number++;
        size_t len = strlen(line);
        if (len > 0 && line[len - 1] == '\r')
            line[len - 1] = '\0';
        line += strspn(line, " \t");
        if (*line != '\0' && *line != '#' && set_env_word(workload, line, err) < 0)
            return error_context(err, "%s line %zu", path, number);
    }
    return 0;
}

static int set_environment(struct workload *workload, const struct oci_config *image,
                           const struct args *args, struct error *err)
{
    for (char **each = image->env.items; each && *each; each++) {
        if (workload_set_env(workload, *each, err) < 0)
            return error_context(err, "the image's environment");
    }
    const char *value;
    for (size_t i = 0; (value = args_get_nth(args, "env-file", i)); i++) {
        if (set_env_file(workload, value, err) < 0)
            return -1;
    }
    for (size_t i = 0; (value = args_get_nth(args, "env", i)); i++) {
        if (set_env_word(workload, value, err) < 0)
            return -1;
    }
    return 0;
}

/* --entrypoint drops the image's command too; a command drops the image's command only. */
static int set_arguments(struct workload *workload, const struct oci_config *image,
                         const char *entrypoint, char *const *command, struct error *err)
{
    int status = 0;
    if (entrypoint && *entrypoint)
        status = list_add(&workload->args, entrypoint, err);
    else if (!entrypoint)
        status = list_add_all(&workload->args, image->entrypoint.items, err);
    if (status == 0 && command && *command)
        status = list_add_all(&workload->args, command, err);
    else if (status == 0 && !entrypoint)
        status = list_add_all(&workload->args, image->cmd.items, err);
    if (status < 0)
        return -1;
    if (!workload->args || **workload->args == '\0')
        return error_set(err, ERROR_INVALID,
                         "the image names no program; put a command after the image");
    return 0;
}

static int set_text(char **out, const char *given, const char *image, const char *otherwise,
                    struct error *err)
{
    *out = strdup(given ? given : image && *image ? image : otherwise);
    return *out ? 0 : error_memory(err);
}

int workload_init(struct workload *workload, const struct oci_config *image,
                  const struct args *args, char *const *command, struct error *err)
{
    *workload = (struct workload){0};
    if (set_arguments(workload, image, args_get(args, "entrypoint"), command, err) < 0 ||
        set_environment(workload, image, args, err) < 0 ||
        set_text(&workload->cwd, args_get(args, "workdir"), image->working_dir, "/", err) < 0 ||
        set_text(&workload->user, args_get(args, "user"), image->user, "", err) < 0)
        return -1;
    const char *exec;
    for (size_t i = 0; (exec = args_get_nth(args, "allow-exec", i)); i++) {
        if (exec[strspn(exec, " ")] == '\0')
            return error_set(err, ERROR_USAGE, "--allow-exec: name a command");
        if (list_add(&workload->execs, exec, err) < 0)
            return -1;
    }
    if (workload->cwd[0] != '/')
        return error_set(err, ERROR_INVALID, "the folder \"%s\" is not absolute", workload->cwd);
    return 0;
}

void workload_fini(struct workload *workload)
{
    confinement_fini(&workload->confinement);
    list_free(workload->args);
    list_free(workload->env);
    list_free(workload->execs);
    free(workload->cwd);
    free(workload->user);
    *workload = (struct workload){0};
}
