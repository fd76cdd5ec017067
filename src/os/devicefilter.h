/*
 * What no process of a control group may open, whatever its runtime allows it: a program that the
 * kernel asks at every opening and making of a device. Programs of a group and of those above it
 * are all asked, and each must agree.
 */
#ifndef CAISSON_OS_DEVICEFILTER_H
#define CAISSON_OS_DEVICEFILTER_H

#include "base/error.h"

/* Forbids /dev/console to the group that `path` (a folder of cgroup v2) is, and to all beneath it,
 * for good. */
int devicefilter_forbid_console(const char *path, struct error *err);

#endif
