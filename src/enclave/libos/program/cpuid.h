/*
 * CPUID's answers inside, where the instruction faults (Intel SDM volume 3D, 39.6.1).
 *
 * Theory of operation: the host is asked once, for a few leaves. Of what it says only features of
 * a fixed list are taken, those of AVX and AVX-512 only where XFRM, which the report proves, has
 * their registers: a host can hide a feature, and can name one that the processor lacks, after
 * which a program ends. What sizes memory (the XSAVE area, the caches) is never the host's word.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_PROGRAM_CPUID_H
#define CAISSON_ENCLAVE_LIBOS_PROGRAM_CPUID_H

#include "enclave/libos/door/door_calls.h"

/* What the host is asked: these leaves, in this order. */
#define CPUID_ASKED 11
extern const struct door_cpuid cpuid_asked[CPUID_ASKED];

/* Makes the table of the host's answers to cpuid_asked. */
void cpuid_begin(const struct door_cpuid answers[CPUID_ASKED], uint64_t xfrm);

/* Leaves that are not there are zeros. Before cpuid_begin() all features are missing. */
void cpuid_answer(uint32_t leaf, uint32_t subleaf, struct door_cpuid *out);

#endif
