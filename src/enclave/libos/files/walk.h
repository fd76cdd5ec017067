/*
 * From a path to what it names: components one by one, each directory with its permission to
 * search, links followed, ".." never above the root, mounted trees crossed both ways.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_FILES_WALK_H
#define CAISSON_ENCLAVE_LIBOS_FILES_WALK_H

#include "enclave/libos/files/vfs.h"

#define WALK_PATH_MAX 4096 /* with the zero byte */

#define WALK_NOFOLLOW    1U /* the last component, where it is a link */
#define WALK_NEW         2U /* the last component need not be there */
#define WALK_BENEATH     4U /* RESOLVE_BENEATH and so on */
#define WALK_IN_ROOT     8U
#define WALK_NO_XDEV     16U
#define WALK_NO_SYMLINKS 32U
#define WALK_NO_MAGIC    64U
#define WALK_EMPTY       128U /* an empty path is the start itself */

enum walk_last { WALK_NAME, WALK_DOT, WALK_DOTDOT, WALK_ROOT };

struct walk {
    struct node *node;      /* counted; NULL where it need not be and is not there */
    struct node *directory; /* counted: in which the last component is; of WALK_NAME alone */
    char name[EXT4_NAME_MAX];
    uint8_t name_size;
    enum walk_last last;
    bool is_directory;   /* the path ends with a slash */
    struct node *walked; /* where it has got to; the functions' own */
    char *path;          /* what a link of /proc said that led there last, or NULL */
};

/* On success walk_fini() is due. */
int walk_path(struct vfs *vfs, int at, const char *path, unsigned flags, struct walk *walk);
void walk_fini(struct walk *walk);

static inline struct span walk_name(const struct walk *walk)
{
    return span_of(walk->name, walk->name_size);
}

/* The whole path of what was walked to, from the root on, with a zero byte: libos_free() ends it.
 * NULL when there is no room. */
char *walk_whole_path(struct vfs *vfs, const struct walk *walk);

/* A directory's path into the end of `out`; where it begins there, or -ERANGE. "(unreachable)"
 * comes first where it is not below the root. */
int walk_directory_path(const struct vfs *vfs, const struct node *directory, char *out,
                        size_t size);

/* The directory that a relative path begins at; borrowed. */
int walk_start(struct vfs *vfs, int at, struct node **out);

#endif
