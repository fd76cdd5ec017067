/*
 * The launch digest that SEV-SNP computes when a loader carries out an IGVM file's directives in
 * their order, and the ID block that the file may hold.
 */
#ifndef CAISSON_MEASURE_IGVM_SNP_H
#define CAISSON_MEASURE_IGVM_SNP_H

#include "measure/id_block.h"
#include "measure/igvm.h"

#define IGVM_PAGES_MAX (1U << 20) /* 4 GiB that a file may add */
#define IGVM_AREAS_MAX 256

struct igvm_snp_options {
    /* Pages without data as normal pages of zeros. Without it they are SEV-SNP's own zero pages
     * (type 3), as QEMU adds them; igvmmeasure calls that --native-zero. */
    bool zeros_as_data;
};

struct igvm_snp {
    uint8_t digest[SHA384_SIZE];
    bool has_policy;
    uint64_t policy;
    uint32_t page_count; /* pages in the digest, save areas not counted */
    uint32_t vmsa_count;
    /* QEMU with KVM measures one save area, last, at LAUNCH_VMSA_GPA. False when the file says
     * otherwise: there its digest would be another. */
    bool kvm_agrees;
    bool has_id_block;
    struct id_block id_block;
    struct id_auth id_auth;
};

/* ERROR_INVALID for a file that is malformed or not for SEV-SNP, and where the digest would depend
 * on the loader (regions that it may move); ERROR_LIMIT for too many pages or parameter areas. */
int igvm_measure_snp(const struct igvm *igvm, const struct igvm_snp_options *options,
                     struct igvm_snp *out, struct error *err);

/* Checks the ID block of the file: that it is for this digest, and that its signatures hold.
 * ERROR_NOT_FOUND without one; ERROR_REFUSED, saying why, when it does not fit. */
int igvm_check_id_block(const struct igvm_snp *measured, struct id_digests *digests,
                        struct error *err);

#endif
