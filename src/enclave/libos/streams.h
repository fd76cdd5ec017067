/* The three standard streams, which are the host's, as files. */
#ifndef CAISSON_ENCLAVE_LIBOS_STREAMS_H
#define CAISSON_ENCLAVE_LIBOS_STREAMS_H

#include "enclave/libos/file.h"

/* Opens them as the numbers 0, 1 and 2 of an empty table. -ENOMEM. They read as pipes do, and wait
 * outside of the enclave. */
int streams_open(struct file_table *files);

#endif
