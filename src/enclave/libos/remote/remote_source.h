/* Programs that a child's enclave reads by remote calls. */
#ifndef CAISSON_ENCLAVE_LIBOS_REMOTE_REMOTE_SOURCE_H
#define CAISSON_ENCLAVE_LIBOS_REMOTE_REMOTE_SOURCE_H

#include "enclave/libos/program/source.h"

/* The files of the container, by the hands of the first enclave. Whose process it is, the auxiliary
 * vector tells. */
void remote_source_init(struct program_source *source, uint32_t uid, uint32_t gid);

#endif
