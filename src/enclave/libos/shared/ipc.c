#include "enclave/libos/shared/ipc.h"

#include <asm/errno.h>
#include <linux/capability.h>

bool ipc_owns(const struct process *by, const struct ipc64_perm *perm)
{
    uint32_t user = by->identity.ids[IDENTITY_USER].effective;
    return user == perm->uid || user == perm->cuid;
}

/* ipc/util.c, ipcperms(). */
int ipc_check(const struct process *by, const struct ipc64_perm *perm, unsigned wanted)
{
    unsigned granted = perm->mode;
    wanted = wanted >> 6 | wanted >> 3 | wanted;
    if (ipc_owns(by, perm))
        granted >>= 6;
    else if (creds_in_group(&by->vfs.creds, perm->gid) ||
             creds_in_group(&by->vfs.creds, perm->cgid))
        granted >>= 3;
    bool is_allowed = (wanted & ~granted & 7) == 0 || identity_has(&by->identity, CAP_IPC_OWNER);
    return is_allowed ? 0 : -EACCES;
}
