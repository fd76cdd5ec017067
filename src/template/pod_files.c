/*
 * The files of a container's volumes as a layer's tar (POSIX ustar, IEEE Std 1003.1, pax, "ustar
 * Interchange Format"). The opaque folder is the OCI image specification's: an empty file named
 * .wh..wh..opq.
 */
#include "template/pod_read.h"

#include <stdlib.h>

#define OPAQUE      ".wh..wh..opq"
#define BLOCK       512
#define ENTRIES_MAX (8 * POD_LIST_MAX)
#define NAME_MAX_   100 /* bytes of ustar's name field */
#define PREFIX_MAX  155
#define GROUP_MAX   07777777 /* of ustar's field */

struct entry {
    char *path; /* relative */
    bool folder;
    unsigned int mode;
    unsigned int group;
    struct span content;
};

struct listing {
    struct entry *items;
    size_t count;
    unsigned int group; /* whose the values are: fsGroup, or 0 */
};

static void listing_fini(struct listing *listing)
{
    for (size_t i = 0; i < listing->count; i++)
        free(listing->items[i].path);
    free(listing->items);
}

static struct entry *find(const struct listing *listing, const char *path, size_t size)
{
    for (size_t i = 0; i < listing->count; i++) {
        if (strncmp(listing->items[i].path, path, size) == 0 && !listing->items[i].path[size])
            return &listing->items[i];
    }
    return NULL;
}

/* Folders may be named many times; the first says the mode. */
static int add(struct listing *listing, struct span path, const struct entry *like,
               struct error *err)
{
    const struct entry *old = find(listing, (const char *)path.data, path.size);
    if (old && old->folder && like->folder)
        return 0;
    if (old)
        return error_set(err, ERROR_REFUSED, "two volumes have a file at \"/%.128s\"", old->path);
    if (listing->count == ENTRIES_MAX)
        return error_set(err, ERROR_LIMIT,
                         "more than %d files and folders in the volumes of one "
                         "container",
                         ENTRIES_MAX);
    struct entry *entry = &listing->items[listing->count];
    *entry = *like;
    entry->path = strndup((const char *)path.data, path.size);
    if (!entry->path)
        return error_memory(err);
    listing->count++;
    return 0;
}

/* The mode of a folder that the image has, in all images that anybody makes. */
static unsigned int usual_mode(const char *path, size_t size)
{
    static const struct {
        const char *path;
        unsigned int mode;
    } folders[] = {{"tmp", 01777}, {"var/tmp", 01777}, {"root", 0700}};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        if (span_equal_text(span_of(path, size), folders[i].path))
            return folders[i].mode;
    }
    return 0755;
}

/* All folders above a path. */
static int add_above(struct listing *listing, const char *path, struct error *err)
{
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        size_t size = (size_t)(slash - path);
        const struct entry folder = {.folder = true, .mode = usual_mode(path, size)};
        if (add(listing, span_of(path, size), &folder, err) < 0)
            return -1;
    }
    return 0;
}

static int add_file(struct listing *listing, const char *folder, const char *name,
                    const struct pod_file *file, struct error *err)
{
    char path[PREFIX_MAX + NAME_MAX_ + 2];
    int size = snprintf(path, sizeof path, "%s%s%s", folder, *name ? "/" : "", name);
    if (size < 0 || (size_t)size >= sizeof path)
        return error_set(err, ERROR_LIMIT, "the path \"/%.64s…\" is longer than %d bytes", folder,
                         PREFIX_MAX + NAME_MAX_ + 1);
    const struct entry entry = {.mode = file ? file->mode | (listing->group ? 0440U : 0) : 0644,
                                .group = file ? listing->group : 0,
                                .content = file ? file->content : (struct span){0}};
    if (add_above(listing, path, err) < 0)
        return -1;
    return add(listing, span_of_text(path), &entry, err);
}

/* A folder with the files of the volume that lie below `below`, and nothing of the image's. */
static int add_folder(struct listing *listing, const char *path, const struct pod_volume *volume,
                      const char *below, struct error *err)
{
    const struct entry folder = {
        .folder = true, .mode = listing->group ? 02755 : 0755, .group = listing->group};
    size_t size = strlen(below);
    if (add_above(listing, path, err) < 0 || add(listing, span_of_text(path), &folder, err) < 0 ||
        add_file(listing, path, OPAQUE, NULL, err) < 0)
        return -1;
    for (size_t i = 0; i < volume->file_count; i++) {
        const struct pod_file *file = &volume->files[i];
        if (size > 0 && (strncmp(file->path, below, size) != 0 || file->path[size] != '/'))
            continue;
        if (add_file(listing, path, file->path + size + (size > 0), file, err) < 0)
            return -1;
    }
    return 0;
}

/* Where a layer's file would not be seen, or would take the place of what it does not mean. */
static int check_place(const char *path, struct error *err)
{
    static const struct {
        const char *path, *why;
    } places[] = {
        {"var/run", "images have it as a link: mount below /run instead"},
        {"var/lock", "images have it as a link: mount below /run/lock instead"},
        {"bin", "images have it as a link: mount below /usr/bin instead"},
        {"sbin", "images have it as a link: mount below /usr/sbin instead"},
        {"lib", "images have it as a link: mount below /usr/lib instead"},
        {"lib64", "images have it as a link: mount below /usr/lib64 instead"},
        {"proc", "the kernel's own files are there"},
        {"sys", "the kernel's own files are there"},
        {"dev", "devices are there"},
    };
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        size_t size = strlen(places[i].path);
        if (strncmp(path, places[i].path, size) == 0 && (!path[size] || path[size] == '/'))
            return error_set(err, ERROR_REFUSED, "values as files at \"/%.128s\": %s", path,
                             places[i].why);
    }
    return 0;
}

static int add_mount(struct listing *listing, const struct pod_mount *mount, struct error *err)
{
    const char *path = mount->path + 1;
    const struct pod_volume *volume = mount->volume;
    bool any = !*mount->sub_path;
    if (check_place(path, err) < 0)
        return -1;
    for (size_t i = 0; i < volume->file_count; i++) {
        const char *name = volume->files[i].path;
        size_t size = strlen(mount->sub_path);
        if (strcmp(name, mount->sub_path) == 0)
            return add_file(listing, path, "", &volume->files[i], err);
        any = any || (strncmp(name, mount->sub_path, size) == 0 && name[size] == '/');
    }
    if (!any)
        return error_set(err, ERROR_NOT_FOUND, "volume \"%.64s\" has no file \"%.128s\" (subPath)",
                         volume->name, mount->sub_path);
    return add_folder(listing, path, volume, mount->sub_path, err);
}

/* By path, a folder before all that is in it. */
static int by_path(const void *a, const void *b)
{
    const char *left = ((const struct entry *)a)->path;
    const char *right = ((const struct entry *)b)->path;
    while (*left && *left == *right) {
        left++;
        right++;
    }
    int one = *left == '/' ? 1 : (unsigned char)*left + (*left ? 1 : 0);
    int other = *right == '/' ? 1 : (unsigned char)*right + (*right ? 1 : 0);
    return one - other;
}

static void put_octal(char *field, size_t size, uint64_t value)
{
    for (size_t i = size - 1; i-- > 0; value >>= 3)
        field[i] = (char)('0' + (value & 7));
}

/* A path of more than 100 bytes is split at a slash. */
static int put_name(char header[BLOCK], const char *path, bool folder, struct error *err)
{
    size_t size = strlen(path);
    const char *name = path;
    while (size - (size_t)(name - path) + folder > NAME_MAX_) {
        name = strchr(name, '/');
        if (!name || name - path > PREFIX_MAX)
            return error_set(err, ERROR_LIMIT, "the path \"/%.64s…\" has too long parts for a tar",
                             path);
        name++;
    }
    memcpy(header, name, strlen(name));
    if (folder)
        header[strlen(name)] = '/';
    if (name > path)
        memcpy(header + 345, path, (size_t)(name - path) - 1);
    return 0;
}

static int put_entry(const struct entry *entry, struct buf *out, struct error *err)
{
    char header[BLOCK] = {0};
    unsigned int sum = 0;
    if (put_name(header, entry->path, entry->folder, err) < 0)
        return -1;
    put_octal(header + 100, 8, entry->mode);
    put_octal(header + 108, 8, 0);
    put_octal(header + 116, 8, entry->group);
    put_octal(header + 124, 12, entry->content.size);
    put_octal(header + 136, 12, 0);
    memset(header + 148, ' ', 8);
    header[156] = entry->folder ? '5' : '0';
    memcpy(header + 257,
           "ustar\0"
           "00",
           8);
    for (size_t i = 0; i < BLOCK; i++)
        sum += (unsigned char)header[i];
    put_octal(header + 148, 7, sum);
    size_t rest = entry->content.size % BLOCK;
    if (buf_append(out, span_of(header, BLOCK), err) < 0 ||
        buf_append(out, entry->content, err) < 0)
        return -1;
    return rest ? buf_append_zero(out, BLOCK - rest, err) : 0;
}

bool pod_has_files(const struct pod_container *container)
{
    for (size_t i = 0; i < container->mount_count; i++) {
        if (container->mounts[i].volume->type == POD_VOLUME_FILES)
            return true;
    }
    return false;
}

static int write_entries(struct listing *listing, const struct pod_container *container,
                         struct buf *out, struct error *err)
{
    for (size_t i = 0; i < container->mount_count; i++) {
        if (container->mounts[i].volume->type == POD_VOLUME_FILES &&
            add_mount(listing, &container->mounts[i], err) < 0)
            return -1;
    }
    qsort(listing->items, listing->count, sizeof *listing->items, by_path);
    for (size_t i = 0; i < listing->count; i++) {
        if (put_entry(&listing->items[i], out, err) < 0)
            return -1;
    }
    return buf_append_zero(out, (size_t)2 * BLOCK, err);
}

int pod_files_tar(const struct pod_container *container, struct buf *out, struct error *err)
{
    struct listing listing = {0};
    if (!pod_has_files(container))
        return 0;
    if (container->security.fs_group > GROUP_MAX)
        return error_set(err, ERROR_REFUSED,
                         "container \"%.64s\": fsGroup %lld: of values as files it is at most %d",
                         container->name, (long long)container->security.fs_group, GROUP_MAX);
    if (container->security.fs_group > 0)
        listing.group = (unsigned int)container->security.fs_group;
    listing.items = calloc(ENTRIES_MAX, sizeof *listing.items);
    int status = listing.items ? write_entries(&listing, container, out, err) : error_memory(err);
    listing_fini(&listing);
    return status < 0 ? error_context(err, "container \"%.64s\"", container->name) : 0;
}
