/* From the kernel's hand-over to a usable machine: file systems, modules, settings. */
#ifndef CAISSON_GUEST_BOOT_H
#define CAISSON_GUEST_BOOT_H

#include "guest/cmdline.h"

/* For PID 1 of an initial RAM disk. Opens the log on the console. */
int boot_prepare(enum guest_tee *tee, struct error *err);

/* Removes the modules' files once boot_prepare() has loaded them: the memory that they take is of
 * use. For a moment in which nobody waits. */
void boot_tidy(void);

#endif
