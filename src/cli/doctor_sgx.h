/*
 * What `caisson run --tee sgx` and `--tee sgx-simulated` need, as `caisson doctor` looks at it: the
 * processor, Linux' driver, Intel's aesmd, the enclave's files, and what the model takes.
 */
#ifndef CAISSON_CLI_DOCTOR_SGX_H
#define CAISSON_CLI_DOCTOR_SGX_H

#include <stdint.h>

#include "cli/doctor_finding.h"

/* EAX, EBX, ECX and EDX of a leaf, zeros where the processor has no such leaf. */
typedef void doctor_cpuid_fn(uint32_t leaf, uint32_t subleaf, uint32_t out[4]);

/* CPUID as this machine answers it. */
doctor_cpuid_fn doctor_cpuid;

/* SGX2, KSS, flexible launch control and the EPC, by CPUID 7 and 12H (Intel SDM volume 3D, 33.7).
 */
void doctor_sgx_processor(doctor_cpuid_fn *cpuid, struct finding *finding);

/* The device can be opened. */
void doctor_sgx_device(const char *path, struct finding *finding);

/* Somebody listens on aesmd's socket. */
void doctor_sgx_aesmd(const char *path, struct finding *finding);

/* The image, its signature and the program that holds it, where a run would find them. */
void doctor_enclave(struct finding *finding);

/* What simulated enclaves take of processor and kernel. */
void doctor_enclave_model(struct finding *finding);

#endif
