/* For a build that has no attestation agent. */
#include "enclave/libos/agent/agent_disk.h"

const bool agent_disk_is_there = false;
const uint8_t agent_disk_root[32];
