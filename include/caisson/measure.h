/*
 * libcaisson: what should evidence show? The digests that hardware measures when a machine or an
 * enclave starts, computed from the files that it is started from.
 *
 * Everything is bytes in, digest out: no file, clock or network is touched. Each function returns
 * true, or false with one line in `error` (NULL, or room for CAISSON_ERROR_SIZE characters) that
 * says what is wrong, with which value. What goes in is borrowed for the call. Structures that go
 * in start with their size, as in caisson/evidence.h. The functions keep no state: any number of
 * threads may call them.
 */
#ifndef CAISSON_MEASURE_H
#define CAISSON_MEASURE_H

#include <caisson/evidence.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CAISSON_ERROR_SIZE 256
#define CAISSON_VCPUS_MAX  512

enum caisson_vmm { CAISSON_VMM_QEMU = 0, CAISSON_VMM_EC2 = 1, CAISSON_VMM_GCE = 2 };

/* A machine as its monitor starts it. */
struct caisson_machine {
    size_t size;
    struct caisson_bytes firmware; /* an OVMF image built for SEV, at most 16 MiB */
    struct caisson_bytes kernel;   /* {NULL, 0}: the firmware boots from a disk, and initrd and
                                      command   line are not measured */
    struct caisson_bytes initrd;   /* {NULL, 0} for none */
    const char *command_line;      /* without its terminator counted; NULL is "" */
    enum caisson_vmm vmm;
    const char *vcpu_type;    /* "EPYC-Milan-v2", as QEMU calls it; NULL: cpuid_signature counts */
    uint32_t cpuid_signature; /* CPUID 1 EAX */
    uint32_t vcpus;           /* 1 to CAISSON_VCPUS_MAX */
    uint64_t
        guest_features; /* SEV_FEATURES (APM volume 2, table B-4); 0 stands for SNPActive alone */
};

/* MEASUREMENT of an SEV-SNP machine (AMD 56860, section 8.17): SHA-384. */
CAISSON_API bool caisson_measure_snp(const struct caisson_machine *machine, uint8_t digest[48],
                                     char error[CAISSON_ERROR_SIZE]);

/* The same for each number of processors from 1 to machine->vcpus: digests[n - 1]. The firmware is
 * hashed once. */
CAISSON_API bool caisson_measure_snp_each(const struct caisson_machine *machine,
                                          uint8_t (*digests)[48], char error[CAISSON_ERROR_SIZE]);

/* The launch digests of SEV and of SEV-ES (AMD 55766, sections 6.2 to 6.5): SHA-256. guest_features
 * 0 stands for 0 there. */
CAISSON_API bool caisson_measure_sev(const struct caisson_machine *machine, uint8_t digest[32],
                                     char error[CAISSON_ERROR_SIZE]);
CAISSON_API bool caisson_measure_sev_es(const struct caisson_machine *machine, uint8_t digest[32],
                                        char error[CAISSON_ERROR_SIZE]);

/* MEASUREMENT of a machine that starts in an SVSM, which lies below the firmware and
 * `variables_size` bytes of variable store (COCONUT-SVSM, as its QEMU starts it from two images).
 * Of the machine only firmware, processor and vcpus count. */
CAISSON_API bool caisson_measure_svsm(const struct caisson_machine *machine,
                                      struct caisson_bytes svsm, uint64_t variables_size,
                                      uint8_t digest[48], char error[CAISSON_ERROR_SIZE]);

/* Checks an ID block (96 bytes) by its authentication information (4096 bytes): that the ID key
 * signed it, and the author key, where there is one, the ID key (AMD 56860, section 8.18). The
 * digests are what reports of such a guest show as ID_KEY_DIGEST and AUTHOR_KEY_DIGEST (zero
 * without an author); the launch digest is the one that the block vouches for. */
CAISSON_API bool caisson_check_id_block(struct caisson_bytes block, struct caisson_bytes auth,
                                        uint8_t launch_digest[48], uint8_t id_key_digest[48],
                                        uint8_t author_key_digest[48],
                                        char error[CAISSON_ERROR_SIZE]);

/* MEASUREMENT of an SEV-SNP machine that is started from an IGVM file (microsoft/igvm, igvm_defs).
 */
CAISSON_API bool caisson_measure_igvm(struct caisson_bytes file, uint8_t digest[48],
                                      char error[CAISSON_ERROR_SIZE]);

/* MRENCLAVE of an SGXS stream (Intel SDM volume 3D, sections 38.1.1 and 39.2): SHA-256. */
CAISSON_API bool caisson_measure_sgxs(struct caisson_bytes stream, uint8_t mrenclave[32],
                                      char error[CAISSON_ERROR_SIZE]);

/* Checks a SIGSTRUCT as EINIT does (Intel SDM volume 3D, section 38.13): its form, its signature by
 * RSA-3072, Q1 and Q2; and tells whose enclave it admits. Both outputs are 32 bytes, or NULL. */
CAISSON_API bool caisson_check_sigstruct(struct caisson_bytes sigstruct, uint8_t mrenclave[32],
                                         uint8_t mrsigner[32], char error[CAISSON_ERROR_SIZE]);

#ifdef __cplusplus
}
#endif

#endif
