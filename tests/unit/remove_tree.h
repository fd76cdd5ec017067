/* Removes a test's folder with all that is in it. */
#ifndef CAISSON_TESTS_REMOVE_TREE_H
#define CAISSON_TESTS_REMOVE_TREE_H

#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>

static inline int remove_tree_one(const char *path, const struct stat *status, int type,
                                  struct FTW *where)
{
    (void)status;
    (void)type;
    (void)where;
    return remove(path);
}

static inline int remove_tree(const char *path)
{
    return nftw(path, remove_tree_one, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
