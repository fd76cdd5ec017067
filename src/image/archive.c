#include "image/archive.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/text.h"
#include "os/fd.h"

/* POSIX.1-2008 pax, "ustar Interchange Format". */
#define BLOCK           512
#define NAME_OFFSET     0
#define NAME_SIZE       100
#define SIZE_OFFSET     124
#define NUMBER_SIZE     12
#define CHECKSUM_OFFSET 148
#define CHECKSUM_SIZE   8
#define TYPE_OFFSET     156
#define LINK_OFFSET     157
#define MAGIC_OFFSET    257
#define PREFIX_OFFSET   345
#define PREFIX_SIZE     155
#define EXTENSION_MAX   (64 * 1024) /* bytes of a PAX header or a GNU long name */
#define LINKS_MAX       8           /* links followed in a row */

/* What PAX and GNU headers say of the member that follows them. */
struct extension {
    char *name;
    char *link;
    bool has_size;
    uint64_t size;
};

struct reader {
    int fd;
    uint64_t offset; /* of the next header */
    uint64_t end;    /* size of the file */
    struct extension extension;
};

static void extension_fini(struct extension *extension)
{
    free(extension->name);
    free(extension->link);
    *extension = (struct extension){0};
}

/* Octal digits up to a blank or zero byte, or GNU's base 256. */
static bool read_number(const uint8_t *field, size_t size, uint64_t *out)
{
    *out = 0;
    if (field[0] == 0x80) {
        for (size_t i = 1; i < size; i++) {
            if (*out >> 55)
                return false;
            *out = *out << 8 | field[i];
        }
        return true;
    }
    size_t i = 0;
    while (i < size && field[i] == ' ')
        i++;
    for (; i < size && field[i] >= '0' && field[i] <= '7'; i++)
        *out = *out << 3 | (uint64_t)(field[i] - '0');
    return i == size || field[i] == ' ' || field[i] == '\0';
}

static bool is_header(const uint8_t *block)
{
    uint64_t expected;
    uint64_t sum = 0;
    for (size_t i = 0; i < BLOCK; i++) {
        bool inside = i >= CHECKSUM_OFFSET && i < CHECKSUM_OFFSET + CHECKSUM_SIZE;
        sum += inside ? ' ' : block[i];
    }
    return read_number(block + CHECKSUM_OFFSET, CHECKSUM_SIZE, &expected) && expected == sum;
}

static char *dup_field(const uint8_t *field, size_t size)
{
    return text_dup_span(span_of(field, strnlen((const char *)field, size)));
}

/* Drops "./" in front and slashes at the end, in place. */
static void tidy(char *name)
{
    char *from = name;
    while (from[0] == '.' && from[1] == '/')
        from += 2;
    size_t len = strlen(from);
    while (len > 0 && from[len - 1] == '/')
        len--;
    memmove(name, from, len);
    name[len] = '\0';
}

static char *member_name(const uint8_t *block, struct extension *extension)
{
    char *name = extension->name;
    extension->name = NULL;
    if (!name) {
        /* GNU's own format keeps other things where ustar has the prefix. */
        bool ustar = memcmp(block + MAGIC_OFFSET, "ustar\0", 6) == 0;
        TEXT_AUTO prefix = ustar ? dup_field(block + PREFIX_OFFSET, PREFIX_SIZE) : NULL;
        TEXT_AUTO rest = dup_field(block + NAME_OFFSET, NAME_SIZE);
        if (rest)
            name = text_format("%s%s%s", prefix ? prefix : "", prefix && *prefix ? "/" : "", rest);
    }
    if (name)
        tidy(name);
    return name;
}

static char *member_link(const uint8_t *block, struct extension *extension)
{
    char *link = extension->link;
    extension->link = NULL;
    return link ? link : dup_field(block + LINK_OFFSET, NAME_SIZE);
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

static int take_member(struct reader *reader, const uint8_t *block, uint64_t size,
                       struct archive *archive, struct error *err)
{
    char type = (char)block[TYPE_OFFSET];
    bool hard = type == '1';
    bool symbolic = type == '2';
    struct archive_member member = {
        .offset = reader->offset + BLOCK,
        .size = hard || symbolic ? 0 : size,
        .regular = type == '0' || type == '\0' || type == '7',
        .name = member_name(block, &reader->extension),
    };
    if (!member.name)
        return error_memory(err);
    if (strlen(member.name) >= ARCHIVE_NAME_MAX) {
        free(member.name);
        return error_set(err, ERROR_LIMIT, "a name of %d characters or more", ARCHIVE_NAME_MAX);
    }
    if (hard || symbolic) {
        TEXT_AUTO link = member_link(block, &reader->extension);
        member.link = link ? resolve(symbolic ? member.name : "", link) : NULL;
    }
    if (add_member(archive, &member, err) < 0) {
        free(member.name);
        free(member.link);
        return -1;
    }
    return 0;
}

/* One record of a PAX header: "<size> <key>=<value>\n", the size counting all of it. */
static int take_record(struct extension *extension, struct span *rest, struct error *err)
{
    size_t size = 0;
    size_t i = 0;
    for (; i < rest->size && i < 6 && rest->data[i] >= '0' && rest->data[i] <= '9'; i++)
        size = size * 10 + (size_t)(rest->data[i] - '0');
    if (i == 0 || size < i + 4 || size > rest->size || rest->data[i] != ' ' ||
        rest->data[size - 1] != '\n')
        return error_set(err, ERROR_INVALID, "a malformed PAX header");
    TEXT_AUTO text = text_dup_span(span_of(rest->data + i + 1, size - i - 2));
    char *value = text ? strchr(text, '=') : NULL;
    if (!value)
        return error_set(err, ERROR_INVALID, "a malformed PAX header");
    *value++ = '\0';
    *rest = span_of(rest->data + size, rest->size - size);
    char **place = strcmp(text, "path") == 0       ? &extension->name
                   : strcmp(text, "linkpath") == 0 ? &extension->link
                                                   : NULL;
    if (place) {
        free(*place);
        *place = text_format("%s", value);
        return *place ? 0 : error_memory(err);
    }
    if (strcmp(text, "size") != 0)
        return 0;
    extension->has_size = text_to_u64(value, INT64_MAX, &extension->size);
    return extension->has_size ? 0 : error_set(err, ERROR_INVALID, "PAX size \"%.64s\"", value);
}

static int take_extension(struct reader *reader, char type, uint64_t size, struct error *err)
{
    if (size > EXTENSION_MAX)
        return error_set(err, ERROR_LIMIT, "an extended header of %llu bytes",
                         (unsigned long long)size);
    BUF_AUTO bytes = BUF_WITH_LIMIT(EXTENSION_MAX);
    size_t got;
    if (buf_append_zero(&bytes, (size_t)size, err) < 0 ||
        fd_pread_full(reader->fd, bytes.data, (size_t)size, (off_t)(reader->offset + BLOCK), &got,
                      err) < 0)
        return -1;
    struct span rest = span_of(bytes.data, got);
    if (type == 'L' || type == 'K') {
        char **place = type == 'L' ? &reader->extension.name : &reader->extension.link;
        free(*place);
        *place = dup_field(rest.data, rest.size);
        return *place ? 0 : error_memory(err);
    }
    while (rest.size > 0) {
        if (take_record(&reader->extension, &rest, err) < 0)
            return -1;
    }
    return 0;
}

static int take_header(struct reader *reader, const uint8_t *block, struct archive *archive,
                       struct error *err)
{
    char type = (char)block[TYPE_OFFSET];
    bool extends = type == 'x' || type == 'L' || type == 'K';
    uint64_t size;
    if (!is_header(block) || !read_number(block + SIZE_OFFSET, NUMBER_SIZE, &size))
        return error_set(err, ERROR_INVALID, "no tar header");
    if (reader->extension.has_size && !extends)
        size = reader->extension.size;
    /* A link's size is no size of data. */
    uint64_t data = type == '1' || type == '2' ? 0 : size;
    if (data > reader->end - reader->offset - BLOCK)
        return error_set(err, ERROR_INVALID, "a member of %llu bytes reaches past the end",
                         (unsigned long long)data);
    if (extends && take_extension(reader, type, data, err) < 0)
        return -1;
    if (!extends && type != 'g') {
        if (take_member(reader, block, data, archive, err) < 0)
            return -1;
        extension_fini(&reader->extension);
    }
    reader->offset += BLOCK + (data + BLOCK - 1) / BLOCK * BLOCK;
    return 0;
}

/* 1 at the closing blocks, 0 after a member. */
static int step(struct reader *reader, struct archive *archive, struct error *err)
{
    uint8_t block[2 * BLOCK];
    size_t got;
    if (reader->offset > reader->end)
        return error_set(err, ERROR_INVALID, "the archive is truncated");
    if (fd_pread_full(reader->fd, block, sizeof block, (off_t)reader->offset, &got, err) < 0)
        return -1;
    if (got < BLOCK)
        return error_set(err, ERROR_INVALID, "the archive is truncated");
    if (!span_is_zero(span_of(block, BLOCK)))
        return take_header(reader, block, archive, err);
    if (got < sizeof block || !span_is_zero(span_of(block, sizeof block)))
        return error_set(err, ERROR_INVALID, "the archive ends without its closing blocks");
    return 1;
}

int archive_read(int fd, struct archive *out, struct error *err)
{
    *out = (struct archive){0};
    struct stat status;
    if (fstat(fd, &status) < 0)
        return error_system(err, errno, "cannot stat the archive");
    if (!S_ISREG(status.st_mode))
        return error_set(err, ERROR_INVALID, "the archive is no regular file");
    struct reader reader = {.fd = fd, .end = (uint64_t)status.st_size};
    int done = 0;
    while (done == 0)
        done = step(&reader, out, err);
    extension_fini(&reader.extension);
    if (done < 0)
        return error_context(err, "tar archive, offset %llu", (unsigned long long)reader.offset);
    return 0;
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
