/* The reader of a layer's ext4 against its writer: what a tar says is what is read. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "../../../check.h"
#include "../made_layer.h"

#define ARCHIVE BUF_AUTO tar = BUF_WITH_LIMIT(1 << 24)

struct opened {
    struct made_layer layer;
    struct ext4_reader reader;
};

static void open_layer(struct opened *opened, struct buf *tar)
{
    made_layer_init(&opened->layer, tar);
    struct ext4_source source = made_layer_ext4(&opened->layer);
    assert_int_equal(ext4_reader_open(&opened->reader, &source), 0);
}

struct search {
    struct span name;
    uint32_t found;
    size_t count;
};

static int look(void *arg, struct span name, uint32_t inode, unsigned type)
{
    (void)type;
    struct search *search = arg;
    search->count++;
    if (span_equal(name, search->name))
        search->found = inode;
    return 0;
}

/* Number of what `path` leads to, without links; 0 when there is none. */
static uint32_t find(const struct ext4_reader *reader, const char *path)
{
    uint32_t number = EXT4_ROOT;
    while (*path) {
        struct ext4_inode inode;
        struct search search = {.name = span_of(path, strcspn(path, "/"))};
        assert_int_equal(ext4_read_inode(reader, number, &inode), 0);
        assert_int_equal(ext4_read_directory(reader, &inode, look, &search), 0);
        number = search.found;
        path += search.name.size;
        path += *path == '/';
    }
    return number;
}

static void get(const struct ext4_reader *reader, const char *path, struct ext4_inode *inode)
{
    assert_int_equal(ext4_read_inode(reader, find(reader, path), inode), 0);
}

static void check_file(const struct ext4_reader *reader, const char *path, const char *contents)
{
    struct ext4_inode inode;
    size_t size = strlen(contents);
    char *read = malloc(size + 10);
    assert_non_null(read);
    get(reader, path, &inode);
    assert_int_equal(inode.size, size);
    assert_int_equal(ext4_read_file(reader, &inode, 0, read, size + 10), size);
    assert_memory_equal(read, contents, size);
    for (size_t at = 1; at < size; at += 4093) {
        size_t part = size - at < 5000 ? size - at : 5000;
        assert_int_equal(ext4_read_file(reader, &inode, at, read, 5000), part);
        assert_memory_equal(read, contents + at, part);
    }
    assert_int_equal(ext4_read_file(reader, &inode, size, read, 1), 0);
    assert_int_equal(ext4_read_file(reader, &inode, UINT64_MAX, read, 1), 0);
    free(read);
}

static void reads_contents(void **state)
{
    static char large[300001];
    ARCHIVE;
    struct opened opened;
    (void)state;
    for (size_t i = 0; i < sizeof large - 1; i++)
        large[i] = (char)('a' + i / 11 % 26);
    tarball_add(&tar, (struct tarball_entry){.name = "dir/sub/file", .contents = "hello"});
    tarball_add(&tar, (struct tarball_entry){.name = "large", .contents = large});
    tarball_add(&tar, (struct tarball_entry){.name = "none", .contents = ""});
    open_layer(&opened, &tar);
    check_file(&opened.reader, "dir/sub/file", "hello");
    check_file(&opened.reader, "large", large);
    check_file(&opened.reader, "none", "");
    assert_int_equal(find(&opened.reader, "dir/sub/other"), 0);
    made_layer_fini(&opened.layer);
}

static void reads_modes_owners_and_times(void **state)
{
    static const char *const records[] = {"mtime=1700000000.123456789",
                                          "atime=1600000000.5",
                                          "ctime=4294967296.25",
                                          "uid=3000000000",
                                          "gid=70000",
                                          NULL};
    ARCHIVE;
    struct opened opened;
    struct ext4_inode inode;
    (void)state;
    tarball_add_more(&tar,
                     (struct tarball_entry){
                         .name = "plain", .contents = "x", .mode = 04755, .mtime = 1234567890},
                     (struct tarball_more){.uid = 1000, .gid = 100000});
    tarball_add_pax(&tar, 'x', records);
    tarball_add(&tar, (struct tarball_entry){.name = "exact", .mode = 0600});
    open_layer(&opened, &tar);
    get(&opened.reader, "plain", &inode);
    assert_int_equal(inode.mode, S_IFREG | 04755);
    assert_int_equal(inode.uid, 1000);
    assert_int_equal(inode.gid, 100000);
    assert_int_equal(inode.links, 1);
    assert_int_equal(inode.mtime.sec, 1234567890);
    assert_int_equal(inode.mtime.nsec, 0);
    get(&opened.reader, "exact", &inode);
    assert_int_equal(inode.uid, 3000000000U);
    assert_int_equal(inode.gid, 70000);
    assert_int_equal(inode.mtime.sec, 1700000000);
    assert_int_equal(inode.mtime.nsec, 123456789);
    assert_int_equal(inode.atime.sec, 1600000000);
    assert_int_equal(inode.atime.nsec, 500000000);
    assert_int_equal(inode.ctime.sec, INT64_C(4294967296));
    assert_int_equal(inode.ctime.nsec, 250000000);
    made_layer_fini(&opened.layer);
}

/* A year before 1970 is read as Linux reads it, with nanoseconds that can be. */
static void reads_negative_times(void **state)
{
    static const char *const records[] = {"mtime=-1", NULL};
    ARCHIVE;
    struct opened opened;
    struct ext4_inode inode;
    (void)state;
    tarball_add_pax(&tar, 'x', records);
    tarball_add(&tar, (struct tarball_entry){.name = "old"});
    open_layer(&opened, &tar);
    get(&opened.reader, "old", &inode);
    assert_true(inode.mtime.nsec < 1000000000);
    made_layer_fini(&opened.layer);
}

static void reads_links_and_devices(void **state)
{
    static char target[4096];
    const char *records[] = {NULL, NULL};
    ARCHIVE;
    struct opened opened;
    struct ext4_inode inode, other;
    char out[4096];
    (void)state;
    memset(target, 't', sizeof target - 1);
    BUF_AUTO record = BUF_WITH_LIMIT(8192);
    assert_int_equal(buf_printf(&record, NULL, "linkpath=%s", target), 0);
    records[0] = buf_text(&record);
    tarball_add(&tar, (struct tarball_entry){.name = "file", .contents = "one"});
    tarball_add(&tar, (struct tarball_entry){.name = "again", .type = '1', .link = "file"});
    tarball_add(&tar, (struct tarball_entry){.name = "short", .type = '2', .link = "file"});
    tarball_add_pax(&tar, 'x', records);
    tarball_add(&tar, (struct tarball_entry){.name = "long", .type = '2', .link = "x"});
    tarball_add_more(&tar, (struct tarball_entry){.name = "char", .type = '3', .mode = 0666},
                     (struct tarball_more){.major = 1, .minor = 3});
    tarball_add_more(&tar, (struct tarball_entry){.name = "block", .type = '4'},
                     (struct tarball_more){.major = 259, .minor = 70000});
    tarball_add(&tar, (struct tarball_entry){.name = "fifo", .type = '6'});
    tarball_add(&tar, (struct tarball_entry){.name = ".wh.gone"});
    open_layer(&opened, &tar);
    get(&opened.reader, "file", &inode);
    get(&opened.reader, "again", &other);
    assert_int_equal(inode.number, other.number);
    assert_int_equal(inode.links, 2);
    get(&opened.reader, "short", &inode);
    assert_int_equal(ext4_read_link(&opened.reader, &inode, out, sizeof out), 4);
    assert_memory_equal(out, "file", 4);
    assert_int_equal(ext4_read_link(&opened.reader, &inode, out, 3), -ERANGE);
    get(&opened.reader, "long", &inode);
    assert_int_equal(ext4_read_link(&opened.reader, &inode, out, sizeof out), 4095);
    assert_memory_equal(out, target, 4095);
    get(&opened.reader, "char", &inode);
    assert_true(S_ISCHR(inode.mode) && inode.major == 1 && inode.minor == 3);
    get(&opened.reader, "block", &inode);
    assert_true(S_ISBLK(inode.mode) && inode.major == 259 && inode.minor == 70000);
    get(&opened.reader, "fifo", &inode);
    assert_true(S_ISFIFO(inode.mode));
    get(&opened.reader, "gone", &inode);
    assert_true(S_ISCHR(inode.mode) && inode.major == 0 && inode.minor == 0);
    assert_int_equal(ext4_read_file(&opened.reader, &inode, 0, out, 1), -EINVAL);
    assert_int_equal(ext4_read_link(&opened.reader, &inode, out, 1), -EINVAL);
    assert_int_equal(ext4_read_directory(&opened.reader, &inode, look, NULL), -ENOTDIR);
    made_layer_fini(&opened.layer);
}

static void reads_large_directories(void **state)
{
    enum { COUNT = 3000 };
    BUF_AUTO tar = BUF_WITH_LIMIT(1 << 26);
    struct opened opened;
    struct ext4_inode inode;
    struct search search = {.name = span_of_text("entry-with-a-long-name-2999")};
    (void)state;
    for (int i = 0; i < COUNT; i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "d/entry-with-a-long-name-%d", i);
        tarball_add(&tar, (struct tarball_entry){.name = name});
    }
    open_layer(&opened, &tar);
    get(&opened.reader, "d", &inode);
    assert_int_equal(ext4_read_directory(&opened.reader, &inode, look, &search), 0);
    assert_int_equal(search.count, COUNT);
    assert_true(search.found > 0);
    made_layer_fini(&opened.layer);
}

static int list(void *arg, struct span name, struct span value)
{
    struct buf *out = arg;
    assert_int_equal(buf_append(out, name, NULL), 0);
    assert_int_equal(buf_append(out, span_of_text("="), NULL), 0);
    assert_int_equal(buf_append(out, span_of(value.data, value.size < 20 ? value.size : 20), NULL),
                     0);
    return buf_append(out, span_of_text(";"), NULL);
}

static void reads_attributes(void **state)
{
    static char value[3001];
    ARCHIVE;
    struct opened opened;
    struct ext4_inode inode;
    (void)state;
    memset(value, 'v', sizeof value - 1);
    BUF_AUTO large = BUF_WITH_LIMIT(8192);
    BUF_AUTO seen = BUF_WITH_LIMIT(8192);
    assert_int_equal(buf_printf(&large, NULL, "SCHILY.xattr.user.large=%s", value), 0);
    const char *const records[] = {"SCHILY.xattr.user.small=1",
                                   "SCHILY.xattr.trusted.t=abc",
                                   "SCHILY.xattr.security.capability=cap",
                                   "SCHILY.xattr.unknown.kind=x",
                                   buf_text(&large),
                                   NULL};
    tarball_add_pax(&tar, 'x', records);
    tarball_add(&tar, (struct tarball_entry){.name = "file", .contents = "x"});
    tarball_add(&tar, (struct tarball_entry){.name = "dir/.wh..wh..opq"});
    open_layer(&opened, &tar);
    get(&opened.reader, "file", &inode);
    assert_int_equal(ext4_read_xattrs(&opened.reader, &inode, list, &seen), 0);
    assert_non_null(strstr(buf_text(&seen), "user.small=1;"));
    assert_non_null(strstr(buf_text(&seen), "trusted.t=abc;"));
    assert_non_null(strstr(buf_text(&seen), "security.capability=cap;"));
    assert_non_null(strstr(buf_text(&seen), "user.large=vvvvvvvvvvvvvvvvvvvv;"));
    assert_null(strstr(buf_text(&seen), "kind"));
    seen.size = 0;
    get(&opened.reader, "dir", &inode);
    assert_int_equal(ext4_read_xattrs(&opened.reader, &inode, list, &seen), 0);
    assert_string_equal(buf_text(&seen), "trusted.overlay.opaque=y;");
    made_layer_fini(&opened.layer);
}

/* --- hostile disks ---------------------------------------------------------------------------- */

static void refuses_other_superblocks(void **state)
{
    static const size_t fields[] = {
        EXT4_SUPER_BLOCKS,     EXT4_SUPER_LOG_BLOCK, EXT4_SUPER_GROUP_BLOCKS, EXT4_SUPER_MAGIC,
        EXT4_SUPER_INODE_SIZE, EXT4_SUPER_COMPAT,    EXT4_SUPER_INCOMPAT,     EXT4_SUPER_RO_COMPAT};
    ARCHIVE;
    struct opened opened;
    (void)state;
    open_layer(&opened, &tar);
    struct ext4_source source = made_layer_ext4(&opened.layer);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        for (unsigned bit = 0; bit < 16; bit++) {
            uint8_t *place = opened.layer.disk + 1024 + fields[i] + bit / 8;
            *place ^= (uint8_t)(1U << bit % 8);
            assert_int_equal(ext4_reader_open(&opened.reader, &source), -EUCLEAN);
            *place ^= (uint8_t)(1U << bit % 8);
        }
    }
    for (uint32_t bad = 0; bad < 16; bad++) { /* inodes a group: a multiple of 16 */
        opened.layer.disk[1024 + EXT4_SUPER_GROUP_INODES] = (uint8_t)bad;
        assert_int_equal(ext4_reader_open(&opened.reader, &source), -EUCLEAN);
    }
    made_layer_fini(&opened.layer);
}

/* Reads all there is, as far as it can be. */
struct tour {
    const struct ext4_reader *reader;
    int depth;
    int left;
};

static int ignore(void *arg, struct span name, struct span value)
{
    uint8_t copy[EXT4_BLOCK_SIZE];
    (void)arg;
    memcpy(copy, name.data, name.size);
    memcpy(copy, value.data, value.size);
    return 0;
}

static int visit(void *arg, struct span name, uint32_t number, unsigned type)
{
    (void)type;
    struct tour *tour = arg;
    struct ext4_inode inode;
    char bytes[EXT4_LONG_SYMLINK];
    assert_in_range(name.size, 1, EXT4_NAME_MAX);
    if (tour->left-- == 0)
        return -E2BIG;
    if (ext4_read_inode(tour->reader, number, &inode) < 0)
        return 0;
    (void)ext4_read_xattrs(tour->reader, &inode, ignore, NULL);
    (void)ext4_read_file(tour->reader, &inode, 4000, bytes, sizeof bytes);
    (void)ext4_read_link(tour->reader, &inode, bytes, sizeof bytes);
    if (S_ISDIR(inode.mode) && tour->depth < 5) {
        tour->depth++;
        (void)ext4_read_directory(tour->reader, &inode, visit, tour);
        tour->depth--;
    }
    return 0;
}

/* Every byte of metadata takes a few wrong values: nothing is read beyond the disk (the source
 * asserts it), nothing runs on. */
static void survives_wrong_bytes(void **state)
{
    static const uint8_t wrong[] = {0x00, 0xff, 0x80, 0x01};
    static const char *const records[] = {"SCHILY.xattr.user.small=1", NULL};
    ARCHIVE;
    struct opened opened;
    (void)state;
    tarball_add_pax(&tar, 'x', records);
    tarball_add(&tar, (struct tarball_entry){.name = "d/file", .contents = "hello"});
    tarball_add(&tar, (struct tarball_entry){.name = "d/link", .type = '2', .link = "file"});
    open_layer(&opened, &tar);
    struct ext4_source source = made_layer_ext4(&opened.layer);
    for (size_t at = 1024; at < opened.layer.data_blocks * EXT4_BLOCK_SIZE; at++) {
        uint8_t good = opened.layer.disk[at];
        bool is_metadata = good != 0 || at % EXT4_BLOCK_SIZE < 600;
        for (size_t i = 0; is_metadata && i < sizeof wrong; i++) {
            struct tour tour = {.reader = &opened.reader, .left = 100};
            opened.layer.disk[at] = wrong[i];
            if (ext4_reader_open(&opened.reader, &source) == 0) {
                struct ext4_inode root;
                if (ext4_read_inode(&opened.reader, EXT4_ROOT, &root) == 0)
                    (void)ext4_read_directory(&opened.reader, &root, visit, &tour);
            }
        }
        opened.layer.disk[at] = good;
    }
    made_layer_fini(&opened.layer);
}

static void refuses_inodes_that_are_not(void **state)
{
    ARCHIVE;
    struct opened opened;
    struct ext4_inode inode;
    (void)state;
    open_layer(&opened, &tar);
    assert_int_equal(ext4_read_inode(&opened.reader, 0, &inode), -EUCLEAN);
    assert_int_equal(ext4_read_inode(&opened.reader, 5, &inode), -EUCLEAN);
    assert_int_equal(ext4_read_inode(&opened.reader, opened.reader.inodes + 1, &inode), -EUCLEAN);
    assert_int_equal(ext4_read_inode(&opened.reader, UINT32_MAX, &inode), -EUCLEAN);
    made_layer_fini(&opened.layer);
}

/* Each changes one field of the file's only extent, or of its size. */
static void refuses_extents_beyond_the_disk(void **state)
{
    static const struct {
        size_t at; /* in the inode */
        uint8_t bytes[4];
        size_t size;
    } changes[] = {
        {EXT4_INODE_BODY, {0, 0}, 2},                                      /* no magic number */
        {EXT4_INODE_BODY + 2, {5, 0}, 2},                                  /* too many */
        {EXT4_INODE_BODY + 6, {2, 0}, 2},                                  /* too deep */
        {EXT4_INODE_BODY + EXT4_EXTENT_SIZE + 4, {0, 0}, 2},               /* no block */
        {EXT4_INODE_BODY + EXT4_EXTENT_SIZE + 4, {0, 0x7f}, 2},            /* too many blocks */
        {EXT4_INODE_BODY + EXT4_EXTENT_SIZE + 4, {1, 0x80}, 2},            /* unwritten */
        {EXT4_INODE_BODY + EXT4_EXTENT_SIZE + 6, {1, 0}, 2},               /* above 2^32 */
        {EXT4_INODE_BODY + EXT4_EXTENT_SIZE + 8, {0, 0, 0, 0}, 4},         /* the superblock */
        {EXT4_INODE_BODY + EXT4_EXTENT_SIZE + 8, {255, 255, 255, 255}, 4}, /* beyond */
        {EXT4_INODE_FLAGS, {0, 0, 0, 0}, 4},                               /* no extents */
    };
    ARCHIVE;
    struct opened opened;
    struct ext4_inode good;
    char byte;
    (void)state;
    tarball_add(&tar, (struct tarball_entry){.name = "file", .contents = "hello"});
    open_layer(&opened, &tar);
    get(&opened.reader, "file", &good);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        struct ext4_inode bad = good;
        memcpy(bad.bytes + changes[i].at, changes[i].bytes, changes[i].size);
        assert_int_equal(ext4_read_file(&opened.reader, &bad, 0, &byte, 1), -EUCLEAN);
    }
    good.size = UINT64_C(1) << 40; /* what no extent covers is a hole */
    assert_int_equal(ext4_read_file(&opened.reader, &good, UINT64_C(1) << 39, &byte, 1), 1);
    assert_int_equal(byte, 0);
    good.size = INT64_MAX;
    assert_int_equal(ext4_read_file(&opened.reader, &good, UINT64_C(1) << 60, &byte, 1), -EUCLEAN);
    made_layer_fini(&opened.layer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_contents),
        cmocka_unit_test(reads_modes_owners_and_times),
        cmocka_unit_test(reads_negative_times),
        cmocka_unit_test(reads_links_and_devices),
        cmocka_unit_test(reads_large_directories),
        cmocka_unit_test(reads_attributes),
        cmocka_unit_test(refuses_other_superblocks),
        cmocka_unit_test(survives_wrong_bytes),
        cmocka_unit_test(refuses_inodes_that_are_not),
        cmocka_unit_test(refuses_extents_beyond_the_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
