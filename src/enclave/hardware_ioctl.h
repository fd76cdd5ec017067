/* The requests of /dev/sgx_enclave (the kernel's arch/x86/include/uapi/asm/sgx.h): facts, in
 * definitions of our own; a test compares them with that header. */
#ifndef CAISSON_ENCLAVE_HARDWARE_IOCTL_H
#define CAISSON_ENCLAVE_HARDWARE_IOCTL_H

#include <stdint.h>
#include <sys/ioctl.h>

struct hardware_create {
    uint64_t secs; /* addresses are u64 */
};

struct hardware_add {
    uint64_t source;
    uint64_t offset;
    uint64_t size;
    uint64_t secinfo;
    uint64_t flags; /* HARDWARE_MEASURE */
    uint64_t count; /* out: bytes added */
};
#define HARDWARE_MEASURE 1U

struct hardware_init {
    uint64_t sigstruct;
};

struct hardware_change { /* of permissions, and of types */
    uint64_t offset;
    uint64_t size;
    uint64_t value;
    uint64_t result; /* out: of the processor's leaf */
    uint64_t count;  /* out: bytes changed */
};

struct hardware_remove {
    uint64_t offset;
    uint64_t size;
    uint64_t count;
};

#define HARDWARE_MAGIC    0xA4U
#define HARDWARE_CREATE   _IOW(HARDWARE_MAGIC, 0x00, struct hardware_create)
#define HARDWARE_ADD      _IOWR(HARDWARE_MAGIC, 0x01, struct hardware_add)
#define HARDWARE_INIT     _IOW(HARDWARE_MAGIC, 0x02, struct hardware_init)
#define HARDWARE_RESTRICT _IOWR(HARDWARE_MAGIC, 0x05, struct hardware_change)
#define HARDWARE_TYPE     _IOWR(HARDWARE_MAGIC, 0x06, struct hardware_change)
#define HARDWARE_REMOVE   _IOWR(HARDWARE_MAGIC, 0x07, struct hardware_remove)

#endif
