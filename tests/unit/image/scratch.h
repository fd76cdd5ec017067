/* A folder for a test's files, made before it and removed with all that is in it. */
#ifndef CAISSON_TESTS_IMAGE_SCRATCH_H
#define CAISSON_TESTS_IMAGE_SCRATCH_H

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../remove_tree.h"
#include "base/text.h"
#include "image/store.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/output.h"

static char scratch[256];

static int scratch_make(void **state)
{
    (void)state;
    const char *base = getenv("TMPDIR");
    (void)snprintf(scratch, sizeof scratch, "%s/caisson-image-XXXXXX", base ? base : "/tmp");
    return mkdtemp(scratch) ? 0 : -1;
}

static int scratch_remove(void **state)
{
    (void)state;
    return remove_tree(scratch);
}

/* "<folder>/<name>" with these bytes; folders in between are made. The path is the caller's. */
static inline char *scratch_write(const char *name, struct span bytes)
{
    struct error err = {0};
    char *path = text_format("%s/%s", scratch, name);
    TEXT_AUTO folder = text_format("%s", path);
    *strrchr(folder, '/') = '\0';
    check_ok(dir_make_all(folder, 0700, &err), &err);
    check_ok(output_write(path, bytes, 0600, &err), &err);
    return path;
}

/* The same where the path is of no interest. */
static inline void scratch_put(const char *name, struct span bytes)
{
    free(scratch_write(name, bytes));
}

static inline size_t scratch_count(const char *folder)
{
    TEXT_AUTO command = text_format("%s/%s", scratch, folder);
    size_t count = 0;
    DIR *list = opendir(command);
    for (struct dirent *at = list ? readdir(list) : NULL; at; at = readdir(list))
        count += at->d_name[0] != '.';
    if (list)
        (void)closedir(list);
    return count;
}

static inline struct store *open_store(void)
{
    struct error err = {0};
    TEXT_AUTO folder = text_format("%s/store", scratch);
    struct store *store = store_open(folder, &err);
    if (!store)
        fail_msg("%s", err.text);
    return store;
}

#endif
