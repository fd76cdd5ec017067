#include "policy/points.h"

#include <assert.h>

/* Versions and defaults: reference API 0.12.0. */
static const struct point_info points[] = {
    [POLICY_MOUNT_DEVICE] = {"mount_device", {{0, 1, 0}}, POINT_DENY, false},
    [POLICY_MOUNT_OVERLAY] = {"mount_overlay", {{0, 1, 0}}, POINT_DENY, false},
    [POLICY_CREATE_CONTAINER] = {"create_container", {{0, 1, 0}}, POINT_DENY, false},
    [POLICY_UNMOUNT_DEVICE] = {"unmount_device", {{0, 2, 0}}, POINT_ALLOW, false},
    [POLICY_UNMOUNT_OVERLAY] = {"unmount_overlay", {{0, 6, 0}}, POINT_ALLOW, false},
    [POLICY_EXEC_IN_CONTAINER] = {"exec_in_container", {{0, 2, 0}}, POINT_ALLOW, false},
    [POLICY_EXEC_EXTERNAL] = {"exec_external", {{0, 3, 0}}, POINT_ALLOW, false},
    [POLICY_SHUTDOWN_CONTAINER] = {"shutdown_container", {{0, 4, 0}}, POINT_ALLOW, false},
    [POLICY_SIGNAL_CONTAINER_PROCESS] = {"signal_container_process",
                                         {{0, 5, 0}},
                                         POINT_ALLOW,
                                         false},
    [POLICY_PLAN9_MOUNT] = {"plan9_mount", {{0, 6, 0}}, POINT_ALLOW, false},
    [POLICY_PLAN9_UNMOUNT] = {"plan9_unmount", {{0, 6, 0}}, POINT_ALLOW, false},
    [POLICY_GET_PROPERTIES] = {"get_properties", {{0, 7, 0}}, POINT_ALLOW, false},
    [POLICY_DUMP_STACKS] = {"dump_stacks", {{0, 7, 0}}, POINT_ALLOW, false},
    [POLICY_RUNTIME_LOGGING] = {"runtime_logging", {{0, 8, 0}}, POINT_ALLOW, false},
    [POLICY_LOAD_FRAGMENT] = {"load_fragment", {{0, 9, 0}}, POINT_DENY, false},
    [POLICY_SCRATCH_MOUNT] = {"scratch_mount", {{0, 10, 0}}, POINT_ALLOW, false},
    [POLICY_SCRATCH_UNMOUNT] = {"scratch_unmount", {{0, 10, 0}}, POINT_ALLOW, false},
    [POLICY_RW_MOUNT_DEVICE] = {"rw_mount_device", {{0, 11, 0}}, POINT_FRAMEWORK, false},
    [POLICY_RW_UNMOUNT_DEVICE] = {"rw_unmount_device", {{0, 11, 0}}, POINT_FRAMEWORK, false},
    /* Links to block devices: the reference's framework denies them always. */
    [POLICY_MOUNT_BLOCKDEV] = {"mount_blockdev", {{0, 11, 0}}, POINT_DENY, true},
    [POLICY_UNMOUNT_BLOCKDEV] = {"unmount_blockdev", {{0, 11, 0}}, POINT_DENY, true},
    [POLICY_REGISTRY_CHANGES] = {"registry_changes", {{0, 10, 0}}, POINT_DENY, true},
    [POLICY_LOG_PROVIDER] = {"log_provider", {{0, 11, 0}}, POINT_DENY, true},
    [POLICY_HOST_NETWORK] = {"host_network", {{0, 12, 0}}, POINT_DENY, false},
    [POLICY_LOAD_TRANSPARENCY_TRUST_LIST] = {"load_transparency_trust_list",
                                             {{0, 12, 0}},
                                             POINT_DENY,
                                             true},
};

static_assert(sizeof points / sizeof *points == POLICY_POINT_COUNT, "a row for each point");

const struct point_info *point_info(enum policy_point point)
{
    return &points[point];
}

const char *policy_point_name(enum policy_point point)
{
    return points[point].name;
}

bool policy_point_of_name(const char *name, enum policy_point *out)
{
    for (unsigned int i = 0; i < POLICY_POINT_COUNT; i++) {
        if (strcmp(points[i].name, name) == 0) {
            *out = (enum policy_point)i;
            return true;
        }
    }
    return false;
}
