/* The mounts of a confinement: folders in memory. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/confinement.h"
#include "cli/size.h"

#define NO_FOLDERS                                                                                 \
    "a folder of the host's is neither secret nor checked: the host is what the container is "     \
    "protected from; put the files into a layer of the image"

/* What a file system in memory understands (mount(8), tmpfs(5)). */
static bool is_option(const char *word)
{
    static const char *const words[] = {"ro",      "rw",       "suid",       "nosuid",
                                        "dev",     "nodev",    "exec",       "noexec",
                                        "noatime", "relatime", "strictatime"};
    static const char *const parameters[] = {
        "size=", "mode=", "uid=", "gid=", "nr_inodes=", "nr_blocks="};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(word, words[i]) == 0)
            return true;
    }
    for (size_t i = 0; i < sizeof parameters / sizeof *parameters; i++) {
        if (text_starts_with(word, parameters[i]) && word[strlen(parameters[i])])
            return true;
    }
    return false;
}

/* A path that names one folder of the container in one way. */
static bool is_destination(const char *path)
{
    size_t len = strlen(path);
    return len > 1 && path[0] == '/' && path[len - 1] != '/' && !strstr(path, "//") &&
           !strstr(path, "/./") && !strstr(path, "/../") && !text_ends_with(path, "/.") &&
           !text_ends_with(path, "/..");
}

/* Begins a mount; takes the text, into which `destination` points. */
static struct policy_mount *begin(struct confinement *out, char *text, const char *destination,
                                  struct error *err)
{
    if (out->mount_count == CONFINEMENT_MOUNTS_MAX) {
        free(text);
        (void)error_set(err, ERROR_LIMIT, "more than %d mounts", CONFINEMENT_MOUNTS_MAX);
        return NULL;
    }
    struct confinement_tmpfs *tmpfs = &out->tmpfs[out->mount_count];
    struct policy_mount *mount = &out->mounts[out->mount_count++];
    *tmpfs = (struct confinement_tmpfs){.text = text};
    *mount = (struct policy_mount){.destination = destination,
                                   .type = "tmpfs",
                                   .source = "tmpfs",
                                   .options = {.items = tmpfs->options}};
    for (const struct policy_mount *other = out->mounts; other != mount; other++) {
        if (strcmp(other->destination, destination) == 0) {
            (void)error_set(err, ERROR_USAGE, "two mounts on %.256s", destination);
            return NULL;
        }
    }
    return mount;
}

static int add_option(struct confinement *out, const char *option, struct error *err)
{
    struct confinement_tmpfs *tmpfs = &out->tmpfs[out->mount_count - 1];
    struct policy_mount *mount = &out->mounts[out->mount_count - 1];
    if (!is_option(option))
        return error_set(err, ERROR_USAGE, "a tmpfs has no option \"%.64s\"", option);
    if (mount->options.count == CONFINEMENT_OPTIONS_MAX)
        return error_set(err, ERROR_LIMIT, "more than %d options of a mount",
                         CONFINEMENT_OPTIONS_MAX);
    tmpfs->options[mount->options.count++] = option;
    return 0;
}

/* As Docker's engine mounts them, before the caller's own words. */
static int add_usual_options(struct confinement *out, struct error *err)
{
    if (add_option(out, "noexec", err) < 0 || add_option(out, "nosuid", err) < 0)
        return -1;
    return add_option(out, "nodev", err);
}

/* DIR[:OPTION[,OPTION…]] */
static int read_tmpfs(const char *word, struct confinement *out, struct error *err)
{
    char *text = strdup(word);
    if (!text)
        return error_memory(err);
    char *options = strchr(text, ':');
    if (options)
        *options++ = '\0';
    if (!begin(out, text, text, err))
        return -1;
    if (!is_destination(text))
        return error_set(err, ERROR_USAGE, "the folder \"%.256s\" is not absolute, or not plain",
                         text);
    if (add_usual_options(out, err) < 0)
        return -1;
    for (char *option; options && *options && (option = strsep(&options, ","));) {
        if (add_option(out, option, err) < 0)
            return -1;
    }
    return 0;
}

/* --- --mount ---------------------------------------------------------------------------------- */

/* What its words say, as --tmpfs would be told. */
struct mount_words {
    const char *type, *destination, *size, *mode;
    bool read_only;
};

static int take_word(char *word, struct mount_words *out, struct error *err)
{
    char *value = strchr(word, '=');
    if (value)
        *value++ = '\0';
    const struct {
        const char *name;
        const char **value;
    } names[] = {
        {"type", &out->type},       {"destination", &out->destination},
        {"dst", &out->destination}, {"target", &out->destination},
        {"tmpfs-size", &out->size}, {"tmpfs-mode", &out->mode},
    };
    for (size_t i = 0; value && i < sizeof names / sizeof *names; i++) {
        if (strcmp(word, names[i].name) == 0) {
            *names[i].value = value;
            return 0;
        }
    }
    if ((strcmp(word, "readonly") == 0 || strcmp(word, "ro") == 0) &&
        (!value || strcmp(value, "true") == 0 || strcmp(value, "1") == 0)) {
        out->read_only = true;
        return 0;
    }
    return error_set(err, ERROR_USAGE, "\"%.64s\" is not known here", word);
}

/* TYPE decides first: what else a folder of the host's is told does not matter. */
static int read_words(char *text, struct mount_words *out, struct error *err)
{
    struct error why = {0};
    int known = 0;
    for (char *word; (word = strsep(&text, ","));) {
        if (take_word(word, out, known < 0 ? NULL : &why) < 0)
            known = -1;
    }
    if (!out->type || strcmp(out->type, "tmpfs") != 0)
        return error_set(err, ERROR_REFUSED, "refused, but for type=tmpfs: " NO_FOLDERS);
    if (known < 0) {
        *err = why;
        return -1;
    }
    if (!out->destination)
        return error_set(err, ERROR_USAGE, "no destination");
    return 0;
}

static int read_mount(const char *word, struct confinement *out, struct error *err)
{
    struct mount_words words = {0};
    uint64_t size = 0;
    TEXT_AUTO text = strdup(word);
    if (!text)
        return error_memory(err);
    if (read_words(text, &words, err) < 0)
        return -1;
    if (words.size && !size_parse(words.size, &size))
        return error_set(err, ERROR_USAGE, "tmpfs-size is \"%.64s\"; 64m is a size", words.size);
    TEXT_AUTO bytes = words.size ? text_format(",size=%llu", (unsigned long long)size) : strdup("");
    TEXT_AUTO same = text_format("%s:rw%s%s%s%s", words.destination, words.read_only ? ",ro" : "",
                                 words.mode ? ",mode=" : "", words.mode ? words.mode : "",
                                 bytes ? bytes : "");
    if (!bytes || !same)
        return error_memory(err);
    return strchr(words.destination, ':')
               ? error_set(err, ERROR_USAGE, "a colon in a folder's name")
               : read_tmpfs(same, out, err);
}

/* --- /dev/shm --------------------------------------------------------------------------------- */

/* In place of the guest's own, with the same words but the size. */
static int read_shm(const char *word, struct confinement *out, struct error *err)
{
    uint64_t size;
    if (!size_parse(word, &size) || size == 0)
        return error_set(err, ERROR_USAGE, "--shm-size is \"%s\"; 64m is a size", word);
    char *option = text_format("size=%llu", (unsigned long long)size);
    if (!option)
        return error_memory(err);
    struct policy_mount *mount = begin(out, option, "/dev/shm", err);
    if (!mount)
        return -1;
    mount->source = "shm";
    if (add_usual_options(out, err) < 0 || add_option(out, "mode=1777", err) < 0)
        return -1;
    return add_option(out, option, err);
}

int confinement_read_mounts(const struct args *args, struct confinement *out, struct error *err)
{
    const char *text;
    for (size_t i = 0; (text = args_get_nth(args, "tmpfs", i)); i++) {
        if (read_tmpfs(text, out, err) < 0)
            return error_context(err, "--tmpfs %.128s", text);
    }
    for (size_t i = 0; (text = args_get_nth(args, "mount", i)); i++) {
        if (read_mount(text, out, err) < 0)
            return error_context(err, "--mount %.128s", text);
    }
    text = args_get(args, "shm-size");
    return text ? read_shm(text, out, err) : 0;
}
