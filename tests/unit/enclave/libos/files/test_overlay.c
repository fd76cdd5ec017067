/* One list of operations on Linux' overlayfs and on the library OS' files, over the same layers:
 * the answers and what is there in the end are the same. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "../../../check.h"
#include "../heap.h"
#include "../made_layer.h"
#include "../script.h"

#define LAYERS 3

/* What the layers hold, 0 at the bottom. type '0' a file, '5' a directory, '1' a hard link, '2' a
 * link, 'w' a whiteout, 'o' marks a directory as opaque. */
static const struct {
    int layer;
    const char *path;
    char type;
    const char *text;
    unsigned mode;
} contents[] = {
    {0, "dir", '5', NULL, 0755},
    {0, "dir/file", '0', "bottom", 0644},
    {0, "dir/gone", '0', "gone", 0644},
    {0, "dir/kept", '0', "kept", 0600},
    {0, "dir/sub", '5', NULL, 0700},
    {0, "dir/sub/deep", '0', "deep", 0644},
    {0, "opaque", '5', NULL, 0755},
    {0, "opaque/hidden", '0', "hidden", 0644},
    {0, "was-dir", '5', NULL, 0755},
    {0, "was-dir/inner", '0', "inner", 0644},
    {0, "was-file", '0', "file", 0644},
    {0, "between", '5', NULL, 0755},
    {0, "between/bottom", '0', "bottom", 0644},
    {0, "one", '0', "linked", 0644},
    {0, "two", '1', "one", 0},
    {0, "to-file", '2', "dir/file", 0},
    {0, "to-root", '2', "/dir", 0},
    {0, "loop", '2', "loop", 0},
    {0, "nowhere", '2', "new-target", 0},
    {0, "up", '2', "../../dir/../dir/kept", 0},
    {0, "setuid", '0', "program", 06755},
    {0, "sticky", '5', NULL, 01777},
    {0, "sticky/roots", '0', "x", 0666},
    {0, "group", '5', NULL, 02777},
    {0, "open", '5', NULL, 0777},
    {0, "secret", '5', NULL, 0700},
    {0, "secret/file", '0', "x", 0666},
    {0, "empty", '5', NULL, 0755},
    {1, "dir", '5', NULL, 0750},
    {1, "dir/gone", 'w', NULL, 0},
    {1, "dir/file", '0', "middle", 0640},
    {1, "opaque", '5', NULL, 0711},
    {1, "opaque", 'o', NULL, 0},
    {1, "opaque/seen", '0', "seen", 0644},
    {1, "was-dir", 'w', NULL, 0},
    {1, "was-file", 'w', NULL, 0},
    {1, "between", 'w', NULL, 0},
    {2, "dir", '5', NULL, 0755},
    {2, "dir/new", '0', "new", 0644},
    {2, "was-file", '5', NULL, 0755},
    {2, "was-file/inside", '0', "inside", 0644},
    {2, "between", '5', NULL, 0755},
    {2, "between/top", '0', "top", 0644},
    {2, "opaque", '5', NULL, 0755},
    {2, "opaque/top", '0', "top", 0644},
};
#define CONTENTS (sizeof contents / sizeof *contents)

#define RW O_RDWR
#define EX (O_CREAT | O_EXCL | O_WRONLY)

/* Modes of fallocate(2), above the offset. */
#define KEEP ((uint64_t)FALLOC_FL_KEEP_SIZE << 32)
#define HOLE ((uint64_t)FALLOC_FL_PUNCH_HOLE << 32)

static const struct operation operations[] = {
    /* What is there, and what is hidden. */
    {"read", "/dir/file", NULL, 0, 0},
    {"read", "/dir/gone", NULL, 0, 0},
    {"read", "/opaque/hidden", NULL, 0, 0},
    {"read", "/opaque/seen", NULL, 0, 0},
    {"read", "/was-dir/inner", NULL, 0, 0},
    {"read", "/was-file/inside", NULL, 0, 0},
    {"read", "/between/bottom", NULL, 0, 0},
    {"stat", "/dir", NULL, 0, 0},
    {"stat", "/opaque", NULL, 0, 0},
    /* Paths. */
    {"read", "/to-file", NULL, 0, 0},
    {"read", "to-root/../to-file", NULL, 0, 0},
    {"read", "/up", NULL, 0, 0},
    {"read", "/../../dir/./sub//deep", NULL, 0, 0},
    {"read", "/loop", NULL, 0, 0},
    {"read", "/nowhere", NULL, 0, 0},
    {"read", "", NULL, 0, 0},
    {"read", "/dir/file/", NULL, 0, 0},
    {"read", "/dir/file/x", NULL, 0, 0},
    {"read", "/dir/none/x", NULL, 0, 0},
    {"read", "/dir/file/..", NULL, 0, 0},
    {"read", "/dir", NULL, 0, 0},
    {"stat", "/to-root/", NULL, AT_SYMLINK_NOFOLLOW, 0},
    {"stat", "/to-root", NULL, AT_SYMLINK_NOFOLLOW, 0},
    {"readlink", "/to-root", NULL, 0, 0},
    {"readlink", "/dir", NULL, 0, 0},
    {"readlink", "/none", NULL, 0, 0},
    {"open", "/to-file", NULL, O_NOFOLLOW, 0},
    {"open", "/to-file", NULL, O_NOFOLLOW | O_PATH, 0},
    {"open", "/to-root", NULL, O_NOFOLLOW | O_DIRECTORY, 0},
    {"open", "/dir/file", NULL, O_DIRECTORY, 0},
    {"open", "/dir", NULL, RW, 0},
    {"open", "/dir", NULL, O_CREAT, 0},
    {"open", "/x/", NULL, O_CREAT, 0},
    {"open", "/dir/file", NULL, EX, 0},
    {"open", "/nowhere", NULL, EX, 0},
    {"open", "/dir/file", NULL, 0, RESOLVE_BENEATH},
    {"open", "dir/file", NULL, 0, RESOLVE_BENEATH},
    {"open", "dir/../dir/file", NULL, 0, RESOLVE_BENEATH},
    {"open", "dir/../..", NULL, 0, RESOLVE_BENEATH},
    {"open", "to-root", NULL, 0, RESOLVE_BENEATH},
    {"open", "to-root/file", NULL, 0, RESOLVE_IN_ROOT},
    {"open", "/../dir/file", NULL, 0, RESOLVE_IN_ROOT},
    {"open", "to-file", NULL, 0, RESOLVE_NO_SYMLINKS},
    {"open", "dir/file", NULL, 0, RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV},
    {"open", "dir", NULL, 0, RESOLVE_BENEATH | RESOLVE_IN_ROOT},
    /* Standing somewhere. */
    {"chdir", "/dir/sub", NULL, 0, 0},
    {"getcwd", "", NULL, 0, 0},
    {"read", "deep", NULL, 0, 0},
    {"read", "../file", NULL, 0, 0},
    {"open", "../file", NULL, 0, RESOLVE_BENEATH},
    {"chdir", "deep", NULL, 0, 0},
    {"chdir", "none", NULL, 0, 0},
    {"chdir", "/to-root", NULL, 0, 0},
    {"getcwd", "", NULL, 0, 0},
    {"chdir", "/", NULL, 0, 0},
    {"getcwd", "", NULL, 0, 0},
    /* Writing to what lies in a layer. */
    {"write", "/dir/file", "MID", 0, 0},
    {"read", "/dir/file", NULL, 0, 0},
    {"append", "/dir/file", "-end", 0, 0},
    {"read", "/dir/file", NULL, 0, 0},
    {"write", "/dir/kept", "far", 9000, 0},
    {"stat", "/dir/kept", NULL, 0, 0},
    {"truncate", "/dir/kept", NULL, 2, 0},
    {"truncate", "/dir/kept", NULL, 6, 0},
    {"read", "/dir/kept", NULL, 0, 0},
    {"truncate", "/dir", NULL, 0, 0},
    {"truncate", "/none", NULL, 0, 0},
    {"truncate", "/dir/file", NULL, UINT64_C(1) << 63, 0},
    {"write", "/nowhere", "x", 0, 0},
    {"open", "/nowhere", NULL, O_CREAT | O_WRONLY, 0},
    {"write", "/nowhere", "made", 0, 0},
    {"read", "/new-target", NULL, 0, 0},
    {"open", "/dir/sub/deep", NULL, O_TRUNC | O_WRONLY, 0},
    {"stat", "/dir/sub/deep", NULL, 0, 0},
    {"write", "/one", "LINK", 0, 0},
    {"read", "/one", NULL, 0, 0},
    {"read", "/was-file", NULL, 0, 0},
    /* New names. */
    {"umask", "", NULL, 027, 0},
    {"mkdir", "/made", NULL, 0777, 0},
    {"stat", "/made", NULL, 0, 0},
    {"mkdir", "/made/", NULL, 0777, 0},
    {"mkdir", "/made/deeper/", NULL, 0777, 0},
    {"mkdir", "/none/deeper", NULL, 0777, 0},
    {"mkdir", "/dir/file/x", NULL, 0777, 0},
    {"mkdir", "/", NULL, 0777, 0},
    {"mkdir", "/made/.", NULL, 0777, 0},
    {"mkdir", "/loop", NULL, 0777, 0},
    {"umask", "", NULL, 022, 0},
    {"mknod", "/made/fifo", NULL, S_IFIFO | 0644, 0},
    {"mknod", "/made/char", NULL, S_IFCHR | 0600, 1},
    {"mknod", "/made/dir", NULL, S_IFDIR | 0600, 0},
    {"mknod", "/made/wrong", NULL, S_IFLNK | 0600, 0},
    {"symlink", "/made/link", "target", 0, 0},
    {"symlink", "/made/link", "target", 0, 0},
    {"symlink", "/made/empty", "", 0, 0},
    {"symlink", "/made/slash/", "x", 0, 0},
    {"readlink", "/made/link", NULL, 0, 0},
    {"open", "/dir/gone", NULL, EX, 0},
    {"write", "/dir/gone", "back", 0, 0},
    {"mkdir", "/was-dir", NULL, 0755, 0},
    {"stat", "/was-dir/inner", NULL, 0, 0},
    {"link", "/dir/file", "/made/hard", 0, 0},
    {"write", "/made/hard", "HARD", 0, 0},
    {"read", "/dir/file", NULL, 0, 0},
    {"link", "/dir", "/made/dir", 0, 0},
    {"link", "/dir/file", "/made/hard", 0, 0},
    {"link", "/none", "/made/x", 0, 0},
    {"link", "/to-file", "/made/soft", 0, 0},
    {"readlink", "/made/soft", NULL, 0, 0},
    {"link", "/to-file", "/made/followed", AT_SYMLINK_FOLLOW, 0},
    {"read", "/made/followed", NULL, 0, 0},
    /* Names that go. */
    {"unlink", "/dir", NULL, 0, 0},
    {"unlink", "/dir/new", NULL, 0, 0},
    {"unlink", "/dir/new", NULL, 0, 0},
    {"unlink", "/to-file", NULL, 0, 0},
    {"unlink", "/dir/file/", NULL, 0, 0},
    {"unlink", "/", NULL, 0, 0},
    {"unlink", "/dir/..", NULL, 0, 0},
    {"rmdir", "/dir", NULL, 0, 0},
    {"rmdir", "/dir/file", NULL, 0, 0},
    {"rmdir", "/made/.", NULL, 0, 0},
    {"rmdir", "/made/..", NULL, 0, 0},
    {"rmdir", "/none", NULL, 0, 0},
    {"rmdir", "/empty", NULL, 0, 0},
    {"mkdir", "/empty", NULL, 0700, 0},
    {"unlink", "/between/top", NULL, 0, 0},
    {"rmdir", "/between", NULL, 0, 0},
    {"stat", "/between", NULL, 0, 0},
    /* Names that move. */
    {"rename", "/dir/kept", "/dir/moved", 0, 0},
    {"rename", "/dir/kept", "/dir/moved", 0, 0},
    {"rename", "/dir/moved", "/made/moved", 0, 0},
    {"rename", "/made/moved", "/dir/file", RENAME_NOREPLACE, 0},
    {"rename", "/made/moved", "/opaque/seen", 0, 0},
    {"read", "/opaque/seen", NULL, 0, 0},
    {"rename", "/made", "/made/deeper/x", 0, 0},
    {"rename", "/made/deeper", "/made", 0, 0},
    {"rename", "/made/hard", "/made/deeper", 0, 0},
    {"rename", "/made/deeper", "/made/hard", 0, 0},
    {"rename", "/made/deeper", "/made/deepest", 0, 0},
    {"rename", "/made/hard", "/dir/file", 0, 0},
    {"rename", "/made/link", "/made/fifo", RENAME_EXCHANGE, 0},
    {"rename", "/made/link", "/made/none", RENAME_EXCHANGE, 0},
    {"rename", "/made/link", "/made/fifo", RENAME_EXCHANGE | RENAME_NOREPLACE, 0},
    {"rename", "/made/.", "/made/x", 0, 0},
    {"rename", "/made/fifo", "/made/x/", 0, 0},
    {"rename", "/made/deepest", "/made/deeper/", 0, 0},
    {"rename", "/made/deeper", "/empty", 0, 0},
    {"rename", "/made", "/was-file", 0, 0},
    /* What an inode says. */
    {"chmod", "/dir/file", NULL, 0604, 0},
    {"chmod", "/setuid", NULL, 06755, 0},
    {"write", "/setuid", "root", 0, 0},
    {"stat", "/setuid", NULL, 0, 0},
    {"chown", "/setuid", NULL, 5, 6},
    {"stat", "/setuid", NULL, 0, 0},
    {"chown", "/nowhere", NULL, 9, UINT32_MAX},
    {"stat", "/nowhere", NULL, AT_SYMLINK_NOFOLLOW, 0},
    {"utimens", "/opaque/top", NULL, 1234567, 0},
    {"setxattr", "/dir", "user.note", 0, 0},
    {"setxattr", "/opaque/top", "user.note", 0, 0},
    {"setxattr", "/opaque/top", "trusted.note", 0, 3},
    {"setxattr", "/opaque/top", "trusted.note", XATTR_CREATE, 0},
    {"setxattr", "/opaque/top", "trusted.none", XATTR_REPLACE, 0},
    {"setxattr", "/opaque/top", "nothing.known", 0, 0},
    {"setxattr", "/nowhere", "user.note", 0, 0},
    {"getxattr", "/opaque/top", "trusted.note", 0, 0},
    {"getxattr", "/opaque/top", "user.none", 0, 0},
    {"removexattr", "/opaque/top", "trusted.note", 0, 0},
    {"removexattr", "/opaque/top", "trusted.note", 0, 0},
    /* Owners. */
    {"chown", "/dir", NULL, 7, 8},
    {"stat", "/dir", NULL, 0, 0},
    {"chown", "/dir", NULL, 0, 0},
    {"chown", "/one", NULL, 11, UINT32_MAX},
    {"stat", "/two", NULL, 0, 0},
    {"chown", "/to-file", NULL, 3, 4},
    {"stat", "/to-file", NULL, AT_SYMLINK_NOFOLLOW, 0},
    {"chown", "/none", NULL, 1, 1},
    {"chown", "/dir/sub/deep/x", NULL, 1, 1},
    {"chown", "/setuid", NULL, UINT32_MAX, UINT32_MAX},
    /* Attributes of what has none, twice, empty, too long. */
    {"setxattr", "/one", "user.note", 0, 0},
    {"getxattr", "/two", "user.note", 0, 0},
    {"setxattr", "/one", "user.note", XATTR_CREATE, 0},
    {"setxattr", "/one", "user.note", XATTR_REPLACE, 2},
    {"getxattr", "/one", "user.note", 0, 0},
    {"setxattr", "/one", "user.note", XATTR_CREATE | XATTR_REPLACE, 0},
    {"setxattr", "/one", "user.note", 4, 0},
    {"setxattr", "/none", "user.note", 0, 0},
    {"setxattr", "/one", "", 0, 0},
    {"removexattr", "/one", "user.note", 0, 0},
    {"removexattr", "/one", "user.note", 0, 0},
    {"removexattr", "/none", "user.note", 0, 0},
    /* File systems. */
    {"statfs", "/", NULL, 0, 0},
    {"statfs", "/dir/file", NULL, 0, 0},
    {"statfs", "/none", NULL, 0, 0},
    {"statfs", "/dir/file/x", NULL, 0, 0},
    {"statfs", "/loop", NULL, 0, 0},
    /* Room and holes. */
    {"open", "/open/room", NULL, EX, 0},
    {"allocate", "/open/room", NULL, 100, 5000},
    {"stat", "/open/room", NULL, 0, 0},
    {"write", "/open/room", "bytes", 4094, 0},
    {"allocate", "/open/room", NULL, KEEP | 8000, 1000},
    {"stat", "/open/room", NULL, 0, 0},
    {"allocate", "/open/room", NULL, KEEP | HOLE | 4096, 10},
    {"read", "/open/room", NULL, 4094, 0},
    {"allocate", "/open/room", NULL, HOLE | 4096, 10},
    {"allocate", "/open/room", NULL, 0, 0},
    {"allocate", "/open/room", NULL, UINT32_MAX, 10},
    {"allocate", "/open/room", NULL, 5, INT64_MAX},
    {"allocate", "/open/room", "reading", 0, 10},
    {"allocate", "/dir/sub/deep", NULL, KEEP | HOLE, 2},
    {"read", "/dir/sub/deep", NULL, 0, 0},
    /* Locks of two open files. */
    {"flock", "/open/room", NULL, LOCK_EX, LOCK_EX},
    {"flock", "/open/room", NULL, LOCK_SH, LOCK_SH},
    {"flock", "/open/room", NULL, LOCK_SH, LOCK_EX},
    {"flock", "/open/room", NULL, LOCK_EX, LOCK_UN},
    {"flock", "/none", NULL, LOCK_EX, LOCK_EX},
    {"ofd", "/open/room", NULL, 0, 0},
    {"ofd", "/open/room", NULL, 0, 9},
    {"ofd", "/open/room", NULL, 0, 10},
    {"ofd", "/open/room", NULL, 100, 95},
    {"ofd", "/open/room", NULL, 100, 90},
    {"unlink", "/open/room", NULL, 0, 0},
    /* Without capabilities. */
    {"open", "/open/roots", NULL, EX, 0},
    {"user", "", NULL, 1000, 0},
    {"read", "/secret/file", NULL, 0, 0},
    {"access", "/secret", NULL, 4, 0},
    {"access", "/dir", NULL, 5, 0},
    {"access", "/dir", NULL, 2, 0},
    {"access", "/none", NULL, 0, 0},
    {"chdir", "/secret", NULL, 0, 0},
    {"open", "/dir/x", NULL, EX, 0},
    {"open", "/open/mine", NULL, EX, 0},
    {"stat", "/open/mine", NULL, 0, 0},
    {"open", "/open/roots", NULL, O_WRONLY, 0},
    {"open", "/open/roots", NULL, O_TRUNC, 0},
    {"open", "/group/mine", NULL, EX, 0},
    {"stat", "/group/mine", NULL, 0, 0},
    {"mkdir", "/group/dir", NULL, 0777, 0},
    {"stat", "/group/dir", NULL, 0, 0},
    {"unlink", "/sticky/roots", NULL, 0, 0},
    {"open", "/sticky/mine", NULL, EX, 0},
    {"rename", "/sticky/roots", "/sticky/other", 0, 0},
    {"rename", "/sticky/mine", "/sticky/roots", 0, 0},
    {"unlink", "/sticky/mine", NULL, 0, 0},
    {"chmod", "/sticky/roots", NULL, 0777, 0},
    {"chmod", "/open/mine", NULL, 06777, 0},
    {"stat", "/open/mine", NULL, 0, 0},
    {"write", "/open/mine", "x", 0, 0},
    {"stat", "/open/mine", NULL, 0, 0},
    {"chown", "/open/mine", NULL, 1000, 1000},
    {"chown", "/open/mine", NULL, 0, UINT32_MAX},
    {"chown", "/open/mine", NULL, UINT32_MAX, 0},
    {"chown", "/open/mine", NULL, 1000, UINT32_MAX},
    {"chown", "/open/mine", NULL, UINT32_MAX, UINT32_MAX},
    {"chown", "/open/roots", NULL, UINT32_MAX, UINT32_MAX},
    {"chown", "/secret/file", NULL, 1000, 1000},
    {"removexattr", "/open/roots", "user.note", 0, 0},
    {"removexattr", "/opaque/top", "trusted.note", 0, 0},
    {"statfs", "/secret", NULL, 0, 0},
    {"statfs", "/secret/file", NULL, 0, 0},
    {"flock", "/open/mine", NULL, LOCK_EX, LOCK_EX},
    {"utimens", "/open/roots", NULL, 1, 0},
    {"utimens", "/open/mine", NULL, 1, 0},
    {"mknod", "/open/char", NULL, S_IFCHR | 0600, 1},
    {"mknod", "/open/fifo", NULL, S_IFIFO | 0600, 0},
    {"setxattr", "/open/mine", "trusted.note", 0, 0},
    {"getxattr", "/opaque/top", "trusted.note", 0, 0},
    {"setxattr", "/open/roots", "user.note", 0, 0},
    {"setxattr", "/open/mine", "user.note", 0, 0},
    {"rmdir", "/secret", NULL, 0, 0},
    {"user", "", NULL, 0, 0},
};
#define OPERATIONS (sizeof operations / sizeof *operations)

/* --- the same layers twice -------------------------------------------------------------------- */

static struct made_layer layers[LAYERS]; /* top first, as are the readers */
static struct ext4_reader readers[LAYERS];

static void build_layer(int number, struct made_layer *layer)
{
    BUF_AUTO tar = BUF_WITH_LIMIT(1 << 20);
    for (size_t i = 0; i < CONTENTS; i++) {
        char whiteout[100], opaque[100];
        const char *leaf = strrchr(contents[i].path, '/');
        if (contents[i].layer != number)
            continue;
        leaf = leaf ? leaf + 1 : contents[i].path;
        (void)snprintf(opaque, sizeof opaque, "%s/.wh..wh..opq", contents[i].path);
        (void)snprintf(whiteout, sizeof whiteout, "%.*s.wh.%s", (int)(leaf - contents[i].path),
                       contents[i].path, leaf);
        struct tarball_entry entry = {
            .name = contents[i].path, .type = contents[i].type, .mode = contents[i].mode};
        if (contents[i].type == 'w')
            entry = (struct tarball_entry){.name = whiteout};
        else if (contents[i].type == 'o')
            entry = (struct tarball_entry){.name = opaque};
        else if (contents[i].type == '0')
            entry.contents = contents[i].text;
        else
            entry.link = contents[i].text;
        tarball_add(&tar, entry);
    }
    made_layer_init(layer, &tar);
}

static int build(void **state)
{
    (void)state;
    for (int i = 0; i < LAYERS; i++) {
        build_layer(LAYERS - 1 - i, &layers[i]);
        struct ext4_source source = made_layer_ext4(&layers[i]);
        assert_int_equal(ext4_reader_open(&readers[i], &source), 0);
    }
    return 0;
}

static int drop(void **state)
{
    (void)state;
    for (int i = 0; i < LAYERS; i++)
        made_layer_fini(&layers[i]);
    return 0;
}

static void need(bool holds, const char *what)
{
    if (holds)
        return;
    (void)fprintf(stderr, "%s: errno %d\n", what, errno);
    _exit(2);
}

/* In the child: the layers as folders of a tmpfs. */
static void make_folders(const char *top)
{
    need(chdir(top) == 0, "chdir");
    for (int i = 0; i < LAYERS; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "%d", i);
        need(mkdir(name, 0755) == 0, name);
    }
    for (size_t i = 0; i < CONTENTS; i++) {
        char path[100], other[100];
        (void)snprintf(path, sizeof path, "%d/%s", contents[i].layer, contents[i].path);
        (void)snprintf(other, sizeof other, "%d/%s", contents[i].layer,
                       contents[i].text ? contents[i].text : "");
        int done = 0;
        if (contents[i].type == '5') {
            done = mkdir(path, 0700) | chmod(path, contents[i].mode);
        } else if (contents[i].type == '1') {
            done = link(other, path);
        } else if (contents[i].type == '2') {
            done = symlink(contents[i].text, path);
        } else if (contents[i].type == 'w') {
            done = mknod(path, S_IFCHR, makedev(0, 0));
        } else if (contents[i].type == 'o') {
            done = setxattr(path, "trusted.overlay.opaque", "y", 1, 0);
        } else {
            int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
            need(fd >= 0, path);
            need(write(fd, contents[i].text, strlen(contents[i].text)) >= 0, path);
            done = fchmod(fd, contents[i].mode) | close(fd);
        }
        need(done == 0, path);
    }
}

/* True when the child stands in the root of an overlay mount of its own. */
static bool enter_overlay(void)
{
    const char *options = "lowerdir=2:1:0,upperdir=upper,workdir=work,index=on";
    (void)umask(0);
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("tmpfs", "/mnt", "tmpfs", 0, "mode=0755") < 0)
        return false;
    make_folders("/mnt");
    need(mkdir("upper", 0755) == 0 && mkdir("work", 0755) == 0 && mkdir("merged", 0755) == 0,
         "folders");
    if (mount("overlay", "merged", "overlay", 0, options) < 0)
        return false;
    need(chroot("merged") == 0 && chdir("/") == 0, "chroot");
    (void)umask(022);
    return true;
}

static void run_child(int fd)
{
    struct buf out = BUF_WITH_LIMIT(1 << 20);
    if (!enter_overlay())
        _exit(77);
    script_run_system(operations, OPERATIONS, &out);
    script_dump_system("/", &out);
    need(write(fd, out.data, out.size) == (ssize_t)out.size, "write");
    _exit(0);
}

/* The system's answers. False where there is no overlay to be had. */
static bool ask_system(struct buf *out)
{
    int fds[2], status;
    char bytes[4096];
    ssize_t got;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        run_child(fds[1]);
    (void)close(fds[1]);
    while ((got = read(fds[0], bytes, sizeof bytes)) > 0)
        assert_int_equal(buf_append(out, span_of(bytes, (size_t)got), NULL), 0);
    (void)close(fds[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 77));
    return WEXITSTATUS(status) == 0;
}

static void now(void *arg, struct file_time *out)
{
    uint64_t *ticks = arg;
    *out = (struct file_time){.sec = 1000000 + (int64_t)(*ticks)++};
}

static struct tree *make_tree(uint64_t limit, struct file_clock clock)
{
    struct tree_options options = {
        .limit = limit, .clock = clock, .layers = readers, .layer_count = LAYERS};
    struct tree *tree;
    assert_int_equal(tree_new(&options, &tree), 0);
    return tree;
}

/* Line by line, so that the first difference is told. A layer has a lost+found, folders do not. */
static void compare_texts(const char *ours, const char *systems)
{
    unsigned differences = 0;
    while (*ours || *systems) {
        size_t our_size = strcspn(ours, "\n"), size = strcspn(systems, "\n");
        if (strncmp(ours, "/lost+found ", 12) == 0) {
            ours += our_size + 1;
            continue;
        }
        if (our_size != size || memcmp(ours, systems, size) != 0) {
            print_message("# ours:   %.*s\n# system: %.*s\n", (int)our_size, ours, (int)size,
                          systems);
            differences++;
        }
        ours += our_size + (ours[our_size] != 0);
        systems += size + (systems[size] != 0);
    }
    assert_int_equal(differences, 0);
}

static void does_as_overlayfs_does(void **state)
{
    BUF_AUTO ours = BUF_WITH_LIMIT(1 << 20);
    BUF_AUTO systems = BUF_WITH_LIMIT(1 << 20);
    uint64_t ticks = 0;
    struct vfs vfs;
    (void)state;
    if (geteuid() != 0)
        check_skip("only root can mount an overlay");
    if (!ask_system(&systems))
        check_skip("this system mounts no overlay here");
    struct tree *tree = make_tree(1 << 20, (struct file_clock){now, &ticks});
    vfs_init(&vfs, tree, tree->clock);
    script_run_vfs(&vfs, operations, OPERATIONS, &ours);
    script_dump_vfs(&vfs, "/", &ours);
    vfs_fini(&vfs);
    tree_free(tree);
    compare_texts(buf_text(&ours), buf_text(&systems));
}

/* Every memory that cannot be had makes an error of one call, and leaves nothing behind: the
 * sanitizers see it. */
static void survives_without_memory(void **state)
{
    (void)state;
    for (size_t allowed = 0; allowed < 1500; allowed += 7) {
        BUF_AUTO ours = BUF_WITH_LIMIT(1 << 20);
        uint64_t ticks = 0;
        struct vfs vfs;
        struct tree *tree = make_tree(1 << 20, (struct file_clock){now, &ticks});
        vfs_init(&vfs, tree, tree->clock);
        heap_left = allowed;
        script_run_vfs(&vfs, operations, OPERATIONS, &ours);
        heap_left = SIZE_MAX;
        vfs_fini(&vfs);
        tree_free(tree);
    }
}

/* The account's limit is kept, and all is given back. */
static void survives_without_room(void **state)
{
    (void)state;
    for (uint64_t limit = 600; limit < 60000; limit += 293) {
        BUF_AUTO ours = BUF_WITH_LIMIT(1 << 20);
        uint64_t ticks = 0;
        struct vfs vfs;
        struct tree *tree = make_tree(limit, (struct file_clock){now, &ticks});
        vfs_init(&vfs, tree, tree->clock);
        script_run_vfs(&vfs, operations, OPERATIONS, &ours);
        assert_true(tree->account.used <= limit);
        vfs_fini(&vfs);
        tree_free(tree);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(does_as_overlayfs_does),
        cmocka_unit_test(survives_without_memory),
        cmocka_unit_test(survives_without_room),
    };
    return cmocka_run_group_tests(tests, build, drop);
}
