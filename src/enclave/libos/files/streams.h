/* The three standard streams, which are the host's, as files. */
#ifndef CAISSON_ENCLAVE_LIBOS_FILES_STREAMS_H
#define CAISSON_ENCLAVE_LIBOS_FILES_STREAMS_H

#include "enclave/libos/files/vfs.h"

/* Opens them as the numbers 0, 1 and 2 of an empty table: those of `streams` (bit 0: input) are the
 * host's, read as pipes do, and wait outside of the enclave; the others are /dev/null. -ENOMEM. */
int streams_open(struct vfs *vfs, unsigned streams);

#endif
