/*
 * What the library OS asks the host, and what the host answers: the whole of it, for both sides.
 *
 * A call is a number and three words, and answers one word (enclave/inside/door.h). Bytes go
 * through one buffer outside, of which the host tells when it starts a thread: what the host is to
 * read is copied there before, what it gives is copied in once and only then looked at. Answers are
 * the host's and hostile: inside, a size beyond what was asked for, and an error that is none, are
 * -EIO.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_DOOR_DOOR_CALLS_H
#define CAISSON_ENCLAVE_LIBOS_DOOR_DOOR_CALLS_H

#include <assert.h>
#include <stdint.h>

enum door_number {
    DOOR_WRITE = 1, /* stream 1 or 2, bytes in the buffer: bytes that were taken, or -errno */
    DOOR_READ,      /* stream 0, bytes that the buffer may have: bytes, or -errno */
    DOOR_CLOCK,     /* enum door_clock: nanoseconds */
    DOOR_BLOCK,    /* disk, offset, bytes: they are in the buffer, or fewer at the end, or -errno */
    DOOR_LOG,      /* bytes of a line's text in the buffer: 0 */
    DOOR_GROW,     /* offset, bytes: pages may be accepted there; 0, or -errno */
    DOOR_RESTRICT, /* offset, bytes, access: EMODPR is done; 0, or -errno */
    DOOR_CPUID,    /* count: so many of struct door_cpuid in the buffer are answered; 0 */
    DOOR_PARK,     /* deadline, count of struct door_ready in the buffer: waits until this thread is
                      woken, one of them is ready or the monotonic clock has reached the deadline; how
                      many are ready, with what they are, or -errno. With a deadline of 0 bytes come
                      along, where DOOR_FETCH asks for them */
    DOOR_WAKE,     /* bits of threads (DOOR_WAKE_BITS): their stay, or their next one, ends; bits of
                      threads that are interrupted besides, should they be inside; 1 for the gate's
                      thread, whose stay or next one, or its DOOR_NEXT, ends as well: 0 */
    DOOR_SPAWN,    /* a thread's index: it is entered with DOOR_RUN_THREAD; 0, or -errno */
    DOOR_ALARM,   /* deadline: a thread is woken and interrupted then, instead of at the one before;
                     0 */
    DOOR_TELL,    /* bytes in the buffer, for whom the gate speaks to: 0, or -errno */
    DOOR_NEXT,    /* bytes of standard output that are wanted, and of standard error: what has
                     happened (DOOR_EVENT), its bytes in the buffer; or -errno */
    DOOR_INPUT,   /* bytes in the buffer, for the program's standard input; none: its end. 0 */
    DOOR_BEGIN,   /* a bit for each standard stream: the first thread enters with
                     DOOR_RUN_PROGRAM; 0, or -errno */
    DOOR_SOCKET,  /* family << 32 | type, protocol: a handle, from DOOR_STREAMS on, or -errno */
    DOOR_CLOSE,   /* handle: 0 */
    DOOR_BIND,    /* handle; struct door_address in the buffer: 0, or -errno */
    DOOR_CONNECT, /* likewise */
    DOOR_LISTEN,  /* handle, backlog: 0, or -errno */
    DOOR_ACCEPT,  /* handle: a new one, struct door_address in the buffer; or -errno */
    DOOR_SEND,    /* handle, bytes, flags; struct door_address and the bytes in the buffer: how many
                     were taken, or -errno */
    DOOR_RECEIVE, /* handle, bytes, flags: how many, behind a struct door_address; or -errno */
    DOOR_SHUTDOWN,   /* handle, how: 0, or -errno */
    DOOR_NAME,       /* handle, 0 for its own, 1 for the other end's: 0, struct door_address in the
                        buffer; or -errno */
    DOOR_SET_OPTION, /* handle, level << 32 | name, bytes in the buffer: 0, or -errno */
    DOOR_GET_OPTION, /* handle, level << 32 | name, bytes at most: how many, or -errno */
    DOOR_CHILD,      /* one more enclave as this one is entered with DOOR_RUN_CHILD: 0, or -errno */
    DOOR_DIAL,       /* a child's: the handle of a new stream socket, whose other end arrives at the
                        first enclave's host; or -errno */
    DOOR_ARRIVE, /* the first enclave's: the handle of the next one that has arrived, -EAGAIN for
                    none, -ECHILD once for each child that ended before it could dial;
                    DOOR_CHILDREN is ready for reading when there is one */
    DOOR_OUTBOX, /* the address of a struct door_outbox, for as long as the host runs; or -errno */
    DOOR_TYPE,   /* offset, bytes, SGX_TCS or SGX_TRIM: EMODT is done; 0, or -errno */
    DOOR_REMOVE, /* offset, bytes: EREMOVE is done, and pages may be accepted there; 0, or -errno */
    DOOR_QUOTE,  /* the first enclave's; bytes of a report in the buffer: the handle of a stream on
                    which its quote comes, or nothing before the end; or -errno */
    DOOR_END,
};

static_assert(DOOR_END - 1 <= 40, "the door stays small: each call is one that a host may lie to");

#define DOOR_STREAMS  3          /* handles below are the standard streams */
#define DOOR_CHILDREN UINT32_MAX /* a handle to wait for alone: of sockets that arrive */

/* Beside the flags of DOOR_RECEIVE: whether the socket takes bytes is told in those of the address,
 * by the same bit, where some were received. */
#define DOOR_ASKS_ROOM 0x80000000U

/* An address of a socket, size 0 for none; of a datagram that was received, MSG_TRUNC too. */
struct door_address {
    uint32_t size, flags;
    uint8_t bytes[32];
};

#define DOOR_DATA_MAX   (DOOR_BUFFER_SIZE - sizeof(struct door_address)) /* bytes at once */
#define DOOR_OPTION_MAX 64

/* What DOOR_NEXT waits for: enum door_event times this, and bytes. */
#define DOOR_EVENT ((uint64_t)1 << 32)

enum door_event {
    DOOR_SPOKEN,       /* bytes for the gate; none: whom it speaks to has gone */
    DOOR_OUTPUT,       /* of standard output; none: its end */
    DOOR_ERROR_OUTPUT, /* of standard error; none: its end */
    DOOR_TAKEN,        /* so many bytes of standard input have gone to the program */
    DOOR_OVER,         /* the program's threads have left, and its output has been told */
    DOOR_CALLED,       /* a thread has woken the gate's */
};

/* A leaf of CPUID, and EAX, EBX, ECX, EDX. */
struct door_cpuid {
    uint32_t leaf, subleaf;
    uint32_t words[4];
};

#define DOOR_FOREVER     UINT64_MAX /* no deadline */
#define DOOR_THREADS_MAX 96
/* Of a word of DOOR_WAKE: threads whose indices have the same remainder share a bit, and wake
 * together. */
#define DOOR_WAKE_BITS 64
#define DOOR_READY_MAX 1024

/* What a thread waits for outside: 0 to 2 are the standard streams; bits of poll(2). */
struct door_ready {
    uint32_t handle;
    uint16_t events;
    uint16_t ready;
};

/* Beside the events of a stream socket: what it has to be read, up to DOOR_FETCH_MAX bytes, is read
 * at once. For each handle of which `ready` says so there are, one behind the other from
 * DOOR_FETCHED_AT on in the buffer, its count of bytes (uint32_t) and they. */
#define DOOR_FETCH      0x8000
#define DOOR_FETCH_MAX  2048
#define DOOR_FETCHED_AT (DOOR_READY_MAX * sizeof(struct door_ready))

/*
 * Outside, for all threads: what is to be sent by stream sockets, in the order in which it was put
 * there. Whoever of the host's answers a call sends it first; and while somebody outside looks at
 * it all the time, nobody has to ask. What a socket does not take at once the host keeps for it,
 * and an error is the answer to the socket's next call.
 */
#define DOOR_OUTBOX_SIZE 131072 /* bytes */
#define DOOR_POST_MAX    16384  /* of one */

struct door_outbox {
    _Alignas(64) uint64_t put;   /* the enclave's: bytes that were ever put there */
    _Alignas(64) uint64_t taken; /* the host's: of these, what it is through with */
    uint64_t is_served;          /* the host's: whether somebody looks */
    _Alignas(64) uint8_t ring[DOOR_OUTBOX_SIZE];
};

/* Stands in the ring before its bytes; the next one begins at a multiple of 8. */
struct door_post {
    uint32_t handle, size;
};

enum door_clock { DOOR_CLOCK_REAL, DOOR_CLOCK_MONOTONIC, DOOR_CLOCKS };

#define DOOR_BUFFER_SIZE 65536 /* bytes */

#define DOOR_DISKS_MAX 256

/* What a thread starts with: arguments[0] is one of these, [1] its own buffer. The gate's thread is
 * that of the index DOOR_GATE_THREAD, and finds a struct door_start in the buffer; the first one
 * runs the program, once DOOR_BEGIN asks for it; a further one what was asked for inside. */
#define DOOR_RUN_PROGRAM 1
#define DOOR_RUN_THREAD  2
#define DOOR_RUN_GATE    3
#define DOOR_RUN_CHILD   4 /* in the gate's place, where DOOR_CHILD asked for it */

#define DOOR_GATE_THREAD DOOR_THREADS_MAX

struct door_start {
    char tee[16];        /* "sgx", "sgx-simulated": what the gate says to whom it speaks */
    uint8_t target[512]; /* TARGETINFO of who signs reports */
};

/* What a thread comes to: the gate, or a child, 0, the program its exit code, or DOOR_DIED and the
 * signal that ended the program, or DOOR_ENDED when the thread alone has ended, or DOOR_UNABLE and
 * the errno with which nothing was run. */
#define DOOR_CODE   0xFFU
#define DOOR_DIED   0x100U
#define DOOR_ENDED  0x200U
#define DOOR_UNABLE 0x10000U

#endif
