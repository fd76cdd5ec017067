#include "guest/credentials.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "policy/capabilities.h"

static int add_names(struct policy_list names, uint64_t *set, struct error *err)
{
    for (size_t i = 0; i < names.count; i++) {
        int number = policy_capability_number(names.items[i]);
        if (number < 0)
            return error_set(err, ERROR_INVALID, "there is no capability \"%.64s\"",
                             names.items[i]);
        *set |= 1ULL << number;
    }
    return 0;
}

int credentials_of(const struct spec *spec, struct credentials *out, struct error *err)
{
    *out = (struct credentials){
        .user = spec->user,
        .no_new_privileges = spec->no_new_privileges,
        .installs_filter = (spec->seccomp || (spec->filter && spec->filter->instructions)) &&
                           !spec->no_new_privileges};
    for (size_t i = 0; i < POLICY_CAPABILITY_SETS; i++) {
        if (add_names(spec->capabilities.sets[i], &out->capabilities[i], err) < 0)
            return -1;
    }
    return 0;
}

/* Whatever the kernel knows, be it newer than the list of names. */
static int limit_bounding(uint64_t keep, struct error *err)
{
    for (unsigned long i = 0; prctl(PR_CAPBSET_READ, i, 0, 0, 0) >= 0; i++) {
        if ((i >= 64 || !(keep >> i & 1)) && prctl(PR_CAPBSET_DROP, i, 0, 0, 0) < 0)
            return error_system(err, errno, "cannot drop capability %lu", i);
    }
    return 0;
}

static int become_user(const struct user *user, struct error *err)
{
    gid_t groups[USER_GROUPS_MAX];
    for (size_t i = 1; i < user->group_count; i++)
        groups[i - 1] = user->groups[i].id;
    gid_t gid = user->groups[0].id;
    uid_t uid = user->user.id;
    if (setgroups(user->group_count - 1, groups) < 0 || setresgid(gid, gid, gid) < 0 ||
        setresuid(uid, uid, uid) < 0)
        return error_system(err, errno, "cannot become the user %u:%u", uid, gid);
    return 0;
}

static int set_capabilities(const uint64_t sets[POLICY_CAPABILITY_SETS], uint64_t kept,
                            struct error *err)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    for (unsigned int i = 0; i < 2; i++) {
        data[i].effective = (uint32_t)((sets[POLICY_EFFECTIVE] | kept) >> (32 * i));
        data[i].permitted = (uint32_t)((sets[POLICY_PERMITTED] | kept) >> (32 * i));
        data[i].inheritable = (uint32_t)(sets[POLICY_INHERITABLE] >> (32 * i));
    }
    if (syscall(SYS_capset, &header, data) < 0)
        return error_system(err, errno, "cannot set the capabilities");
    for (unsigned long i = 0; i < 64; i++) {
        if (sets[POLICY_AMBIENT] >> i & 1 &&
            prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, i, 0, 0) < 0)
            return error_system(err, errno, "cannot make capability %lu ambient", i);
    }
    return 0;
}

int credentials_become(const struct credentials *credentials, struct error *err)
{
    uint64_t kept = credentials->installs_filter ? 1ULL << CAP_SYS_ADMIN : 0;
    if (limit_bounding(credentials->capabilities[POLICY_BOUNDING], err) < 0)
        return -1;
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
        return error_system(err, errno, "cannot keep capabilities over the change of user");
    if (become_user(credentials->user, err) < 0 ||
        set_capabilities(credentials->capabilities, kept, err) < 0)
        return -1;
    if (credentials->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return error_system(err, errno, "cannot forbid new privileges");
    return 0;
}
