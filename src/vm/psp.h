/*
 * The simulated secure processor of machines of kind `simulated`: it signs attestation reports in
 * SEV-SNP's real layout, under a chain ARK → ASK → VCEK of its own whose every name says SIMULATED.
 * Nothing it signs proves anything about this machine; every verifier refuses it unless its root is
 * named.
 *
 * A processor lives in a folder (0700): vcek.key (0600), ark.pem (the root, to be handed to
 * verifiers) and chain.pem (VCEK, ASK, ARK). The folder is made at the first start; starts at the
 * same time make one processor. The private keys of ARK and ASK are forgotten once they have
 * signed.
 *
 * Theory of operation: the monitor opens the processor, tells it what it launches (psp_launch), and
 * hands it each 96-byte request that comes out of the guest's port `org.caisson.psp.0`
 * (docs/protocol.md). The guest can choose report_data and vmpl, never the measurement or
 * HOST_DATA.
 */
#ifndef CAISSON_VM_PSP_H
#define CAISSON_VM_PSP_H

#include "base/buf.h"

#define PSP_REQUEST_SIZE 96
#define PSP_ANSWER_SIZE  (8 + 1184) /* status, size, report */

/* SMT allowed, and the bit that must be one; what QEMU asks for by default. */
#define PSP_POLICY_DEFAULT 0x30000U

struct psp;

struct psp_launch {
    uint8_t measurement[48]; /* measure_simulated() */
    uint8_t host_data[32];   /* SHA-256 of the policy */
    uint64_t policy;         /* SEV-SNP's guest policy, PSP_POLICY_DEFAULT */
};

/* Opens the processor in `dir`, and makes it first where there is none (this takes seconds: two
 * RSA-4096 keys). NULL with `err`: ERROR_SYSTEM, or ERROR_INVALID when its files are damaged, not
 * alike, or readable by others. The caller calls psp_close(). */
struct psp *psp_open(const char *dir, struct error *err);
void psp_close(struct psp *psp);
void psp_cleanup(struct psp **psp);
#define PSP_AUTO __attribute__((cleanup(psp_cleanup))) struct psp

/* Starts a guest context: from now on reports are about this launch. Once for each machine; a
 * process that starts several machines opens a processor for each. */
int psp_launch(struct psp *psp, const struct psp_launch *launch, struct error *err);

/* Answers one request of the guest. A malformed request (size, vmpl > 3, reserved bytes) is
 * answered with a status that is not zero, no size and no report: the guest is told, the machine
 * goes on. Returns -1 only when this side fails (no launch yet, signing). */
int psp_answer(struct psp *psp, struct span request, uint8_t answer[PSP_ANSWER_SIZE],
               struct error *err);

/* The chain for an evidence bundle: VCEK, ASK, ARK in PEM, in this order, one text. Borrowed. */
const char *psp_certificates(const struct psp *psp);

/* Appends the chain as the guest gets it behind its report: the size as u32, and the certificates
 * in the form of the hardware's table (evidence/certificate_table.h). */
int psp_append_table(const struct psp *psp, struct buf *out, struct error *err);

#endif
