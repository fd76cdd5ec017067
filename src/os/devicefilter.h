/*
 * Which devices the processes of a control group may open: a program that the kernel asks at every
 * opening and making of a device node. Programs of a group and of those above it are all asked, and
 * each must agree.
 */
#ifndef CAISSON_OS_DEVICEFILTER_H
#define CAISSON_OS_DEVICEFILTER_H

#include "base/error.h"

enum devicefilter {
    /* null, zero, full, random, urandom, tty, and terminals of devpts. Nodes may be made of any. */
    DEVICEFILTER_HARMLESS,
    /* All but the console, which is the machine's serial line. */
    DEVICEFILTER_NO_CONSOLE,
};

/* Puts the filter on the group of cgroup v2 that `group` (its folder) is, and on all beneath it,
 * for good. */
int devicefilter_attach(int group, enum devicefilter filter, struct error *err);

#endif
