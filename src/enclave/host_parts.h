/* What the files of the host's half share (host.h). */
#ifndef CAISSON_ENCLAVE_HOST_PARTS_H
#define CAISSON_ENCLAVE_HOST_PARTS_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "enclave/host.h"

struct host;

/* One of the host's threads, which enters by the TCS of the same index; the gate's is not in the
 * table of threads, and is not interrupted. */
struct host_thread {
    struct host *host;
    size_t index;
    uint8_t *buffer;    /* DOOR_BUFFER_SIZE, made at the first use */
    int token;          /* eventfd, above 0 when the thread was woken; made at the first use */
    pthread_t id;       /* while it is started */
    bool is_started;    /* and was not joined */
    atomic_bool is_in;  /* may be interrupted */
    atomic_ullong owes; /* when an interrupt that has not come to the library OS is made again, by
                           the monotonic clock; 0: there is none */
};

struct host {
    struct enclave *enclave;
    const struct enclave_image *image;
    const struct enclave_host_run *run;
    const struct enclave_host *calls;
    pthread_mutex_t lock;     /* of what follows, and of the driver where pages change */
    pthread_cond_t has_ended; /* a thread has */
    size_t running;
    bool is_child;                      /* of another enclave: its process ends with the program */
    bool is_over;                       /* the program has come to a result */
    int outcome;                        /* 0, or -1 with `error` */
    uint64_t result;                    /* what it came to */
    struct error error;                 /* of the first thread that failed */
    uint64_t alarm;                     /* deadline of the monotonic clock; DOOR_FOREVER: none */
    pthread_t watch;                    /* the thread that waits for alarms, */
    bool has_watch;                     /* if it is started */
    int watch_token;                    /* eventfd: it looks again */
    struct host_net *net;               /* sockets; NULL until there is one */
    struct host_outbox *_Atomic outbox; /* NULL until it is asked for */
    struct host_thread threads[DOOR_THREADS_MAX];

    /* host_gate.c. Pipes of the program's standard streams: its own ends, and the gate's. -1 for
     * none. */
    int program[3];
    int gate[3];
    struct buf input; /* that the pipe did not take yet */
    size_t taken;     /* bytes that it took and the gate was not told of */
    bool input_ended;
    bool has_begun;
    bool end_is_told;
    int ended;  /* an eventfd: the program is over */
    int called; /* an eventfd: the gate's thread was woken */
};

/* host_threads.c: the threads of a run. */
int host_threads_init(struct host *host, struct error *err);
void host_threads_fini(struct host *host);
/* Runs the program's first thread here, and returns when all have ended: as enclave_run_thread().
 */
int host_threads_run(struct host *host, uint64_t *result, struct error *err);
/* Where the thread enters. */
uint64_t host_tcs(const struct host_thread *thread);
/* Wakes and interrupts them. */
void host_wake(struct host *host, uint64_t bits, uint64_t kicked);

/* What they answer: 0 or more, or a negative errno. */
int64_t host_park(struct host_thread *thread, uint64_t deadline, uint64_t count);
int64_t host_spawn(struct host *host, uint64_t index);
int64_t host_alarm(struct host *host, uint64_t deadline);

/* host_net.c: what is about sockets, and the descriptor of such a handle, or -1. */
int64_t host_net_answer(struct host_thread *thread, uint64_t number, const uint64_t arguments[3]);
int host_net_descriptor(const struct host *host, uint64_t handle);
/* With the lock. Takes the descriptor: its handle, or a negative errno. */
int64_t host_net_add(struct host *host, int fd);
void host_net_fini(struct host *host);
/* Reads ahead of a stream, to this place in the thread's buffer (DOOR_FETCH), which moves on: false
 * where there was nothing, or no room. */
bool host_net_fetch(struct host_thread *thread, uint32_t handle, size_t *place);
/* With the lock. Sends by a stream's handle all of these bytes, later if it does not take them now;
 * what it cannot is forgotten, and told by the socket's next call. */
void host_net_post(struct host *host, uint32_t handle, const uint8_t *bytes, size_t size);
/* With the lock. Sends what sockets have left: how many still have some. */
size_t host_net_flush(struct host *host);
/* With the lock. The same at the end, waiting for those that take some. */
void host_net_finish(struct host *host);

/* host_outbox.c: its address, or a negative errno. */
int64_t host_outbox_answer(struct host *host);
/* Sends what is in it. Before each answer, and when all threads have ended. */
void host_outbox_empty(struct host *host);
/* With the lock. Somebody sends: from now on it is looked at for a while, if that is often. */
void host_outbox_expect(struct host *host);
/* Of a program that is over: what it has sent goes, as long as somebody takes it. */
void host_outbox_end(struct host *host);

/* host_children.c: what is about further enclaves, and where sockets arrive, or -1. */
int64_t host_children_answer(struct host_thread *thread, uint64_t number);
int host_children_descriptor(const struct host *host);

/* host.c: the descriptor of a handle (struct door_ready), or -1. */
int host_descriptor(const struct host *host, uint32_t handle);

/* host_gate.c: what the gate's thread asks. */
typedef int64_t host_answer_fn(struct host_thread *thread, const uint64_t arguments[3]);
host_answer_fn host_answer_tell;
host_answer_fn host_answer_next;
host_answer_fn host_answer_input;
host_answer_fn host_answer_begin;

#endif
