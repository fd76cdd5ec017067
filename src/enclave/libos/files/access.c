#include "enclave/libos/files/access.h"

#include <linux/capability.h>
#include <linux/errno.h>

#define STICKY 01000U

bool creds_have(const struct creds *creds, unsigned capability)
{
    return creds->capabilities >> capability & 1;
}

bool creds_in_group(const struct creds *creds, uint32_t gid)
{
    for (size_t i = 0; i < creds->group_count; i++) {
        if (creds->groups[i] == gid)
            return true;
    }
    return creds->gid == gid;
}

int access_change(const struct node *node)
{
    return node->tree->flags & TREE_READ_ONLY ? -EROFS : 0;
}

/* What lies in a tree itself: devices, pipes and sockets are only named there. */
static bool is_of_tree(const struct node *node)
{
    unsigned type = node->mode >> 12;
    return type == EXT4_FILE || type == EXT4_DIR || type == EXT4_LINK;
}

/* fs/namei.c, sb_permission() and generic_permission(). */
int access_node(const struct creds *creds, const struct node *node, unsigned wanted)
{
    if (wanted & ACCESS_WRITE && is_of_tree(node) && access_change(node) < 0)
        return -EROFS;
    unsigned shift = node->uid == creds->uid ? 6 : creds_in_group(creds, node->gid) ? 3 : 0;
    bool is_directory = node->mode >> 12 == EXT4_DIR;
    if ((wanted & ~(unsigned)(node->mode >> shift)) == 0)
        return 0;
    if (creds_have(creds, CAP_DAC_READ_SEARCH) &&
        (wanted == ACCESS_READ || (is_directory && !(wanted & ACCESS_WRITE))))
        return 0;
    if (creds_have(creds, CAP_DAC_OVERRIDE) &&
        (is_directory || !(wanted & ACCESS_EXECUTE) || node->mode & 0111))
        return 0;
    return -EACCES;
}

bool access_owns(const struct creds *creds, const struct node *node)
{
    return node->uid == creds->uid || creds_have(creds, CAP_FOWNER);
}

int access_remove(const struct creds *creds, const struct node *directory, const struct node *node)
{
    int status = access_node(creds, directory, ACCESS_WRITE | ACCESS_EXECUTE);
    if (status < 0)
        return status;
    if (directory->mode & STICKY && node->uid != creds->uid && directory->uid != creds->uid &&
        !creds_have(creds, CAP_FOWNER))
        return -EPERM;
    return 0;
}
