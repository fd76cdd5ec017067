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
    PROBE_SEEN_FLAGS, /* as PROBE_FLAGS, when the handler began */
    PROBE_PLAY,       /* both threads at once, a rounds */
    PROBE_SPIN,   /* sets the host's word after a, until that at a is not 0; what a register kept */
    PROBE_ACCEPT, /* SECINFO's flags, page, EACCEPT or EMODPE */
    PROBE_BASE,
    PROBE_HEAP,
    PROBE_READ, /* the word at a */
    PROBE_WRITE,
    PROBE_RUN,    /* calls a */
    PROBE_LEAVES, /* as PROBE_SPIN, with a leaf of ENCLU each time; b: one that traps; 0, or what
                     went wrong: a register, or none was done */
    PROBE_STATE,  /* what a thread begins with: enum probe_state */
    PROBE_LEAVE,  /* fills vector registers, MXCSR and FCW, and leaves: asking the host if a; the
                 answer, if then  these two are as they were and the others are clear */
    PROBE_KEEP,   /* has PROBE_SPUN in all registers that a call of the host's has no use for, and
                     asks: the answer, if then those that are the caller's have it still */
    PROBE_ZEROS,  /* bytes of some that begin as zeros and are none */
};

enum probe_state {
    PROBE_MXCSR,
    PROBE_FCW,
    PROBE_TAGS,    /* of the x87 stack */
    PROBE_VECTORS, /* all of the vector registers, or'ed */
    PROBE_FLAGS,   /* of the flags, those for direction and alignment */
};

enum probe_fault {
    PROBE_FAULT_UD,
    PROBE_FAULT_SYSCALL,
    PROBE_FAULT_PAGE, /* writes to its value */
    PROBE_FAULT_GP,
    PROBE_FAULT_DIVIDE,
    PROBE_FAULT_UNHANDLED,
};

#define PROBE_ANSWER    9 /* the host does what it likes */
#define PROBE_DOUBLE    7 /* the host answers 2 * a + b */
#define PROBE_EXPECTED  0x5EED
#define PROBE_RECOVERED 0x60D
#define PROBE_REFUSED   UINT64_MAX
#define PROBE_SPUN      UINT64_C(0x1234567890)

#endif
