/*
 * Which system calls are made in the first enclave for a process in another one, and how the
 * arguments of each go there and come back: one row a call. Both sides read the same rows; neither
 * takes the other's word for a size that a row gives.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_REMOTE_REMOTE_TABLE_H
#define CAISSON_ENCLAVE_LIBOS_REMOTE_REMOTE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REMOTE_ARGUMENTS 6

enum remote_kind {
    REMOTE_NUMBER, /* as it is; all others are addresses in the program's memory */
    REMOTE_TEXT,   /* up to a zero byte, `size` bytes at most */
    REMOTE_IN,
    REMOTE_OUT,
    REMOTE_BOTH,
    REMOTE_ROOMED,     /* out, for which the argument `by` points at a 32-bit size */
    REMOTE_DATA_IN,    /* the bytes of write(2) and its kin, which may go in pieces */
    REMOTE_DATA_OUT,   /* those of read(2) */
    REMOTE_PARTS_IN,   /* likewise by struct iovec, `by` is how many */
    REMOTE_PARTS_OUT,  /* */
    REMOTE_HEADER_IN,  /* struct msghdr of sendmsg(2) */
    REMOTE_HEADER_OUT, /* of recvmsg(2) */
    REMOTE_MASK,       /* of signals, which is lent where the thread is; its size follows */
    REMOTE_MASK_PAIR,  /* pselect6(2): the address of such a pair */
    REMOTE_LOCK,       /* fcntl(2)'s third, by the second */
    REMOTE_CONTROL,    /* ioctl(2)'s third, by the second */
    REMOTE_OPTION,     /* prctl(2)'s second, by the first */
    REMOTE_SEGMENT,    /* shmctl(2)'s third, by the second */
};

struct remote_argument {
    uint8_t kind;   /* enum remote_kind */
    uint8_t by;     /* 1 + which argument says how many; 0: one */
    bool is_word;   /* of that argument 32 bits count */
    bool is_answer; /* out: as many as the call answers, if those are fewer */
    bool is_always; /* comes back from a call that fails, too, if it may be written to */
    bool is_set;    /* so many bits, in whole words of 64 */
    uint16_t size;  /* bytes of one */
    uint32_t most;  /* bytes of all; the call itself allows no more, or makes do with it */
};

enum remote_way {
    REMOTE_LOCAL,   /* no row: not carried */
    REMOTE_ONCE,    /* one message */
    REMOTE_PIECES,  /* more of them, as long as each one's bytes all go */
    REMOTE_SEVERAL, /* sendmmsg(2) and recvmmsg(2): messages of another call, after each other */
};

struct remote_row {
    uint8_t way;      /* enum remote_way */
    uint8_t position; /* which argument is the place in the file that goes on by what is done; 0 */
    uint8_t thread;   /* 1 + which argument is a thread's number; 0: none */
    uint16_t other;   /* with REMOTE_SEVERAL: the call for one */
    struct remote_argument arguments[REMOTE_ARGUMENTS];
};

#define REMOTE_PIECE_MAX   (UINT32_C(1) << 18) /* bytes of data of one message */
#define REMOTE_TEXT_MAX    4096                /* bytes with the end */
#define REMOTE_CONTROL_MAX 8192                /* bytes of control messages */
#define REMOTE_NAME_MAX    128                 /* bytes of a socket's name: sockaddr_storage */

/* The row of a call; NULL for one that is not carried. */
const struct remote_row *remote_row(uint64_t number);

/* What argument `i` is in a call with these: what depends on another is settled. */
struct remote_argument remote_argument(const struct remote_row *row, size_t i,
                                       const uint64_t arguments[REMOTE_ARGUMENTS]);

/* How many bytes an argument of REMOTE_IN, _OUT, _BOTH and _DATA_* has in such a call; UINT64_MAX
 * for more than its row allows. */
uint64_t remote_size(const struct remote_argument *argument,
                     const uint64_t arguments[REMOTE_ARGUMENTS]);

/* Of these, those that come back when the call has answered `result`. */
uint64_t remote_answer_size(const struct remote_argument *argument, uint64_t size, uint64_t result);

/* Whether bytes of it go there, or come back. */
bool remote_is_out(const struct remote_argument *argument);

#endif
