/*
 * "USER" and "USER:GROUP", each a name or a number, looked up in a container's own /etc/passwd and
 * /etc/group as an image's configuration means them (OCI image specification, config.User). The
 * files' bytes come from the image; a missing file is an empty one.
 */
#ifndef CAISSON_GUEST_USER_H
#define CAISSON_GUEST_USER_H

#include "base/error.h"
#include "base/span.h"
#include "policy/policy.h"

#define USER_NAME_SIZE  64
#define USER_HOME_SIZE  256
#define USER_GROUPS_MAX 32            /* additional ones, as passed to the policy */
#define USER_ID_MAX     0xFFFFFFFEULL /* (uid_t)-1 means "leave it" to the kernel */
#define USER_FILE_MAX   ((size_t)1 << 20)

struct user_identity {
    uint32_t id;
    char name[USER_NAME_SIZE]; /* "" where the files have none */
};

struct user {
    struct user_identity user;
    struct user_identity groups[1 + USER_GROUPS_MAX]; /* the first is the process's group */
    size_t group_count;                               /* at least 1 */
    char home[USER_HOME_SIZE];                        /* "" where /etc/passwd has none */
};

/* ERROR_NOT_FOUND for a name that the files do not have; ERROR_INVALID for a malformed text;
 * ERROR_LIMIT for a user in too many groups. Lines of the files that are malformed are passed over,
 * as every C library does. */
int user_resolve(const char *text, struct span passwd, struct span group, struct user *out,
                 struct error *err);

/* Adds groups by name or number to those that the user is in. Errors are alike. */
int user_add_groups(struct policy_list names, struct span group, struct user *user,
                    struct error *err);

#endif
