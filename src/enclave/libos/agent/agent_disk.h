/* The agent's disk, as this image was built for it: a layer as any other
 * (scripts/build-agent-disk). MRENCLAVE covers the digest. */
#ifndef CAISSON_ENCLAVE_LIBOS_AGENT_AGENT_DISK_H
#define CAISSON_ENCLAVE_LIBOS_AGENT_AGENT_DISK_H

#include <stdbool.h>
#include <stdint.h>

extern const bool agent_disk_is_there; /* false: this image was built without */
extern const uint8_t agent_disk_root[32];

#endif
