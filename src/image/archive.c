#include "image/archive.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/text.h"
#include "format/tar.h"
#include "os/fd.h"

#define LINKS_MAX  8    /* links followed in a row */
#define CHUNK_SIZE 4096 /* bytes read at once: a header, and small contents with it */

/* The tar file as a source that seeks. */
struct reader {
    int fd;
    uint64_t offset; /* of the next byte to read */
    uint64_t end;    /* size of the file */
    uint8_t chunk[CHUNK_SIZE];
};

static int next_chunk(void *arg, struct span *out, struct error *err)
{
    struct reader *reader = arg;
    size_t got;
    if (fd_pread_full(reader->fd, reader->chunk, CHUNK_SIZE, (off_t)reader->offset, &got, err) < 0)
        return -1;
    reader->offset += got;
    *out = span_of(reader->chunk, got);
    return 0;
}

static int skip_bytes(void *arg, uint64_t size, bool *over, struct error *err)
{
    (void)err;
    struct reader *reader = arg;
    *over = reader->offset <= reader->end && size <= reader->end - reader->offset;
    if (*over)
        reader->offset += size;
    return 0;
}

/* Drops "./" in front and slashes at the end. */
static struct span tidy(struct span name)
{
    while (name.size >= 2 && name.data[0] == '.' && name.data[1] == '/')
        name = span_of(name.data + 2, name.size - 2);
    while (name.size > 0 && name.data[name.size - 1] == '/')
        name.size--;
    return name;
}

/* Resolves a symbolic link's text against the folder of `name`, as words; NULL when it leaves the
 * archive. */
static char *resolve(const char *name, const char *link)
{
    const char *slash = strrchr(name, '/');
    int folder_len = slash && *link != '/' ? (int)(slash - name) : 0;
    TEXT_AUTO joined = text_format("%.*s/%s", folder_len, name, link);
    BUF_AUTO out = BUF_WITH_LIMIT(2 * ARCHIVE_NAME_MAX);
    if (!joined)
        return NULL;
    char *rest = joined;
    for (char *word = strsep(&rest, "/"); word; word = strsep(&rest, "/")) {
        if (*word == '\0' || strcmp(word, ".") == 0)
            continue;
        if (strcmp(word, "..") != 0) {
            if (buf_printf(&out, NULL, "%s%s", out.size ? "/" : "", word) < 0)
                return NULL;
            continue;
        }
        if (out.size == 0)
            return NULL;
        const char *last = strrchr(buf_text(&out), '/');
        out.size = last ? (size_t)(last - buf_text(&out)) : 0;
        out.data[out.size] = 0;
    }
    return buf_take_text(&out);
}

static int add_member(struct archive *archive, const struct archive_member *member,
                      struct error *err)
{
    if (archive->count >= ARCHIVE_MEMBERS_MAX)
        return error_set(err, ERROR_LIMIT, "more than %d members", ARCHIVE_MEMBERS_MAX);
    if ((archive->count & (archive->count - 1)) == 0) {
        size_t capacity = archive->count ? archive->count * 2 : 1;
        struct archive_member *longer = reallocarray(archive->members, capacity,
                                                     sizeof *archive->members);
        if (!longer)
            return error_memory(err);
        archive->members = longer;
    }
    archive->members[archive->count++] = *member;
    return 0;
}

/* The member that a link means; NULL where there is none in the archive, or memory ran out. */
static char *resolve_link(const struct tar_entry *entry, const char *name)
{
    TEXT_AUTO link = text_dup_span(entry->link);
    return link ? resolve(entry->type == TAR_SYMLINK ? name : "", link) : NULL;
}

static int take_entry(const struct tar_reader *tar, const struct tar_entry *entry, uint64_t end,
                      struct archive *archive, struct error *err)
{
    struct span name = tidy(entry->name);
    if (entry->type == TAR_GLOBAL)
        return 0;
    if (name.size >= ARCHIVE_NAME_MAX)
        return error_set(err, ERROR_LIMIT, "a name of %zu bytes; at most %d are accepted",
                         name.size, ARCHIVE_NAME_MAX - 1);
    if (tar->left > end - tar->offset)
        return error_set(err, ERROR_INVALID, "a member of %llu bytes reaches past the end",
                         (unsigned long long)tar->left);
    struct archive_member member = {
        .name = text_dup_span(name),
        .offset = tar->offset,
        .size = tar->left,
        .regular = (entry->type == TAR_FILE || entry->type == '7') && !tar->is_sparse,
    };
    if (member.name && (entry->type == TAR_LINK || entry->type == TAR_SYMLINK))
        member.link = resolve_link(entry, member.name);
    if (member.name && add_member(archive, &member, err) == 0)
        return 0;
    if (!member.name)
        (void)error_memory(err);
    free(member.name);
    free(member.link);
    return -1;
}

static int read_members(struct tar_reader *tar, uint64_t end, struct archive *archive,
                        struct error *err)
{
    struct tar_entry entry;
    bool more;
    for (;;) {
        if (tar_next(tar, &entry, &more, err) < 0)
            return -1;
        if (!more)
            break;
        if (take_entry(tar, &entry, end, archive, err) < 0)
            return error_context(err, "tar: near byte %llu", (unsigned long long)tar->offset);
    }
    if (!tar->closed)
        return error_set(err, ERROR_INVALID,
                         "tar: the archive is truncated: it ends at byte %llu without its closing "
                         "blocks",
                         (unsigned long long)tar->offset);
    return 0;
}

int archive_read(int fd, struct archive *out, struct error *err)
{
    *out = (struct archive){0};
    struct stat status;
    struct tar_reader tar;
    if (fstat(fd, &status) < 0)
        return error_system(err, errno, "cannot stat the archive");
    if (!S_ISREG(status.st_mode))
        return error_set(err, ERROR_INVALID, "the archive is no regular file");
    struct reader reader = {.fd = fd, .end = (uint64_t)status.st_size};
    tar_init(&tar, (struct tar_source){.next = next_chunk, .skip = skip_bytes, .arg = &reader});
    int done = read_members(&tar, reader.end, out, err);
    tar_fini(&tar);
    return done;
}

void archive_fini(struct archive *archive)
{
    for (size_t i = 0; i < archive->count; i++) {
        free(archive->members[i].name);
        free(archive->members[i].link);
    }
    free(archive->members);
    *archive = (struct archive){0};
}

static const struct archive_member *find_once(const struct archive *archive, const char *name,
                                              struct error *err)
{
    const struct archive_member *found = NULL;
    for (size_t i = 0; i < archive->count; i++) {
        const struct archive_member *at = &archive->members[i];
        if (strcmp(at->name, name) != 0)
            continue;
        if (found) {
            (void)error_set(err, ERROR_REFUSED, "two members of the archive are named %s", name);
            return NULL;
        }
        found = at;
    }
    if (!found)
        (void)error_set(err, ERROR_NOT_FOUND, "the archive has no %s", name);
    return found;
}

const struct archive_member *archive_find(const struct archive *archive, const char *name,
                                          struct error *err)
{
    for (int links = 0; links <= LINKS_MAX; links++) {
        const struct archive_member *member = find_once(archive, name, err);
        if (!member || member->regular)
            return member;
        if (!member->link) {
            (void)error_set(err, ERROR_INVALID, "the archive's %s is no file", name);
            return NULL;
        }
        name = member->link;
    }
    (void)error_set(err, ERROR_INVALID, "the archive's %s is a loop of links", name);
    return NULL;
}
