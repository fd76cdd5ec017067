/* What tests ask of the enclave probe.c, and what it answers. */
#ifndef CAISSON_TESTS_PROBE_H
#define CAISSON_TESTS_PROBE_H

enum probe_order {
    PROBE_ADD,      /* a + b */
    PROBE_GREETING, /* the byte a of "inside", through a relocated pointer */
    PROBE_ASK,      /* asks the host PROBE_DOUBLE a times, and sums the answers */
    PROBE_REPORT,   /* struct sgx_targetinfo, report data, where to put the report: the host's */
    PROBE_KEY,      /* struct sgx_keyrequest, where to put the key; the status */
    PROBE_FAULT,    /* enum probe_fault, and its value */
    PROBE_SEEN_EXIT,
    PROBE_SEEN_ADDRESS,
    PROBE_SEEN_COUNT,
    PROBE_PLAY,   /* both threads at once, a rounds */
    PROBE_SPIN,   /* sets the host's word after a, until that at a is not 0; what a register kept */
    PROBE_ACCEPT, /* SECINFO's flags, page, EACCEPT or EMODPE */
    PROBE_BASE,
    PROBE_HEAP,
    PROBE_READ, /* the word at a */
    PROBE_WRITE,
    PROBE_RUN,    /* calls a */
    PROBE_LEAVES, /* as PROBE_SPIN, with a leaf of ENCLU each time; b: one that traps; 0, or what
                     went wrong: a register, or none was done */
};

enum probe_fault {
    PROBE_FAULT_UD,
    PROBE_FAULT_SYSCALL,
    PROBE_FAULT_PAGE, /* writes to its value */
    PROBE_FAULT_GP,
    PROBE_FAULT_DIVIDE,
    PROBE_FAULT_UNHANDLED,
};

#define PROBE_DOUBLE    7 /* the host answers 2 * a + b */
#define PROBE_EXPECTED  0x5EED
#define PROBE_RECOVERED 0x60D
#define PROBE_REFUSED   UINT64_MAX
#define PROBE_SPUN      UINT64_C(0x1234567890)

#endif
