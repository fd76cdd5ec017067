/* Programs that nobody can change any more. */
#ifndef CAISSON_OS_SEALED_H
#define CAISSON_OS_SEALED_H

#include "base/error.h"

/*
 * Copies the file into memory of its own and seals that (memfd_create(2)): neither its bytes nor
 * its size change until it is closed, for whoever has it open or finds it by /proc/PID/exe. Returns
 * a descriptor for fexecve(3), or -1. The file itself may be removed then.
 */
int sealed_copy(const char *path, struct error *err);

#endif
