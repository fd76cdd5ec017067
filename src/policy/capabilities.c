#include "policy/capabilities.h"

#include "policy/model.h"

/* In the order that az confcom and the reference list them: the generator writes them so. */
const char *const policy_default_capability_names[] = {
    "CAP_CHOWN",   "CAP_DAC_OVERRIDE", "CAP_FSETID",           "CAP_FOWNER",
    "CAP_MKNOD",   "CAP_NET_RAW",      "CAP_SETGID",           "CAP_SETUID",
    "CAP_SETFCAP", "CAP_SETPCAP",      "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT",
    "CAP_KILL",    "CAP_AUDIT_WRITE",
};
const size_t policy_default_capability_count = sizeof policy_default_capability_names /
                                               sizeof *policy_default_capability_names;

const char *const policy_privileged_capability_names[] = {
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
};
const size_t policy_privileged_capability_count = sizeof policy_privileged_capability_names /
                                                  sizeof *policy_privileged_capability_names;

const char *const policy_capability_set_names[POLICY_CAPABILITY_SETS] = {
    [POLICY_BOUNDING] = "bounding",       [POLICY_EFFECTIVE] = "effective",
    [POLICY_INHERITABLE] = "inheritable", [POLICY_PERMITTED] = "permitted",
    [POLICY_AMBIENT] = "ambient",
};

int policy_capability_number(const char *name)
{
    for (size_t i = 0; i < policy_privileged_capability_count; i++) {
        if (strcmp(policy_privileged_capability_names[i], name) == 0)
            return (int)i;
    }
    return -1;
}

int policy_capability_bit(const struct policy *policy, const char *name)
{
    size_t low = 0;
    size_t high = policy->capability_name_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int bit = policy->capability_order[middle];
        int order = strcmp(name, policy->capability_names[bit]);
        if (order == 0)
            return bit;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return -1;
}
