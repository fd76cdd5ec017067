/*
 * /dev/attestation: reports and quotes of this enclave, and keys of its processor, for programs
 * that know these files from Gramine (its documentation, "Attestation and Secret Provisioning").
 *
 * A process chooses all 64 bytes of REPORT_DATA, but never those that stand for what the gate says
 * (evidence/runtime_data.h). What it chooses is its own, and where its children begin.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_FILES_ATTESTATION_H
#define CAISSON_ENCLAVE_LIBOS_FILES_ATTESTATION_H

#include "enclave/libos/files/pseudo.h"
#include "measure/sgx.h"

struct handshake_processor;

/* What a process has written: behind process->attested. */
struct attested {
    uint8_t report_data[SGX_REPORT_DATA_SIZE];
    uint8_t target[sizeof(struct sgx_targetinfo)];
};

struct attestation_source {
    const struct handshake_processor *processor;    /* borrowed */
    uint8_t quoting[sizeof(struct sgx_targetinfo)]; /* TARGETINFO of who makes quotes */
};

/* Reports and quotes can be made from now on, without a tree: for the library OS' own processes. */
void attestation_begin(const struct attestation_source *source);

/* The same, and the tree; one an enclave. -ENOMEM. */
int attestation_new(const struct attestation_source *source, struct file_clock clock,
                    struct tree **out);

/* What fork(2) does. -ENOMEM. */
int attested_copy(const struct attested *from, struct attested **to);

/* attestation_quote.c: the file that is a quote, opened. */
int attestation_open_quote(struct file *file);

/* A report over what the process has written, for this enclave. */
void attestation_report(const uint8_t target[sizeof(struct sgx_targetinfo)],
                        struct sgx_report *out);

/* The same for whoever makes quotes. */
void attestation_report_for_quote(struct sgx_report *out);

#endif
