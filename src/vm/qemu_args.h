/*
 * The command line of QEMU for a utility VM: which devices the guest has, and nothing besides. Pure
 * but for the allocation: everything that QEMU opens is handed over as a descriptor, so no path of
 * the host's enters the line, and what was measured is what is booted.
 *
 * `simulated` is a microvm whose kernel is booted by PVH; `sev-snp` is a q35 with OVMF built for
 * SEV-SNP, which checks kernel, initrd and command line against the hashes in measured memory.
 */
#ifndef CAISSON_VM_QEMU_ARGS_H
#define CAISSON_VM_QEMU_ARGS_H

#include "base/buf.h"
#include "crypto/digest.h"
#include "format/disk_place.h"

#define QEMU_DISKS_MAX  DISK_PLACES
#define QEMU_VCPUS_MAX  64
#define QEMU_MEMORY_MIN 72 /* MiB: with less the kernel does not come up */
#define QEMU_MEMORY_MAX (1024 * 1024)
#define QEMU_PROGRAM    "qemu-system-x86_64"

enum vm_tee {
    VM_TEE_SIMULATED,
    VM_TEE_SEV_SNP,
    VM_TEE_SGX_SIMULATED, /* an enclave, and no QEMU: as the next */
    VM_TEE_SGX,
    VM_TEE_COUNT
};

/* "simulated", "sev-snp", "sgx-simulated", "sgx"; the words of --tee. */
const char *vm_tee_name(enum vm_tee tee);
bool vm_tee_by_name(const char *name, enum vm_tee *out);

struct qemu_config {
    enum vm_tee tee;
    const char *program; /* QEMU_PROGRAM but for tests */
    bool kvm;            /* else TCG; sev-snp always has KVM */
    uint32_t memory_mib;
    uint32_t vcpus;
    int kvm_fd;    /* /dev/kvm; -1 where QEMU is to open it, as the next */
    int sev_fd;    /* /dev/sev */
    int kernel_fd; /* vmlinux (simulated) or bzImage (sev-snp) */
    int initrd_fd;
    int firmware_fd; /* OVMF.amdsev.fd for sev-snp, else -1 */
    const char *cmdline;
    int channel_fd;      /* one end of a stream socket, as the next two */
    int psp_fd;          /* simulated, else -1 */
    int network_fd;      /* to passt; -1 for no network */
    int console_fd;      /* where the guest's console is written */
    const int *disk_fds; /* LUN n is the n-th */
    size_t disk_count;
    int parts_fd;                   /* the disk of parts, which few machines need; or -1 */
    int scratch_fd;                 /* a disk that is written to, the LUN after the others; or -1 */
    uint8_t host_data[SHA256_SIZE]; /* sev-snp */
    uint32_t cbitpos;               /* sev-snp: CPUID 8000001F EBX[5:0] */
    uint32_t reduced_phys_bits;     /* sev-snp: CPUID 8000001F EBX[11:6] */
};

/* An argument vector: `argv` is NULL-terminated, and its strings are its own. */
struct qemu_args {
    char **argv;
    size_t count;
};

/* Builds the line. The caller calls qemu_args_fini() either way. ERROR_INVALID names a value that
 * is out of range. */
int qemu_args_build(const struct qemu_config *config, struct qemu_args *args, struct error *err);
void qemu_args_fini(struct qemu_args *args);
#define QEMU_ARGS_AUTO __attribute__((cleanup(qemu_args_fini))) struct qemu_args

#endif
