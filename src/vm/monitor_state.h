/* What the files of the monitor share: monitor.c (the machine), start.c (what its guest is asked),
 * monitor_exec.c (processes beside the containers' first),
 * monitor_processor.c (the simulated secure processor's port), monitor_clients.c (the connections)
 * and monitor_requests.c (what they ask). */
#ifndef CAISSON_VM_MONITOR_STATE_H
#define CAISSON_VM_MONITOR_STATE_H

#include "vm/console.h"
#include "vm/container_log.h"
#include "vm/guest_session.h"
#include "vm/launch.h"
#include "vm/monitor.h"
#include "vm/psp.h"

#define MONITOR_CLIENTS_MAX 16 /* further ones wait to be let in */

/* The streams of a client's connection (docs/protocol.md, "The monitor's socket"). */
enum client_stream {
    CLIENT_STDIN = 1,
    CLIENT_STDOUT = 2,
    CLIENT_STDERR = 3,
    CLIENT_EVIDENCE = 4,
};

struct client {
    struct monitor *monitor;
    struct link link;
    bool used;
    bool closing; /* to be closed once the loop is back */
    bool owner;
    bool attached;
    bool input; /* attached with a standard input */
    bool told_end;
    struct monitor_exec *exec; /* the process whose streams this connection carries */
    uint64_t generation;       /* tells a reused slot from the one that asked */
    struct buf evidence;
    size_t evidence_sent;
};

#define MONITOR_EXECS_MAX 16 /* processes beside the containers' first that run at once */

struct monitor_output {
    struct buf pending; /* came from the guest, not taken by the attached client */
};

enum monitor_phase { MONITOR_BOOTING, MONITOR_RUNNING, MONITOR_ENDED };

struct monitor {
    const struct vm_config *config;
    const char *folder;
    struct record *record;
    struct event_base *base;
    struct launch launch;
    struct console console;
    unsigned int boots;
    enum monitor_phase phase;
    bool greeted;
    struct guest_session *session;
    struct psp *psp;
    struct event *psp_readable;
    struct buf psp_request;
    struct event *qemu_ended;
    struct event *passt_ended;
    struct event *boot_timer;
    struct event *stop_timer;
    uint32_t stop_timeout_ms; /* what the stop timer was set to */
    struct event *passt_timer;
    struct event *told_to_end; /* SIGTERM */
    struct event *sweep; /* closes clients and looks whether all is done, outside their handlers */
    int listener_fd;
    struct event *listener;
    struct client clients[MONITOR_CLIENTS_MAX];
    uint64_t generation;
    bool holds_output;                /* until the starter, who is about to attach, has done so */
    bool abandoned;                   /* what is left of the output is wanted by nobody */
    int64_t ended_ms;                 /* when the sweep first saw the end; 0 before */
    struct monitor_output outputs[2]; /* stdout, stderr */
    struct buf input;                 /* from the client, not taken by the guest */
    bool input_ended;
    bool input_open;
    struct container_log *log;
    struct monitor_exec *execs[MONITOR_EXECS_MAX];
    uint8_t execs_opened[MONITOR_EXECS_MAX]; /* streams that the guest was not told of: bit n */
    struct monitor_group *group;             /* NULL for a machine of one container */
    bool paused;                             /* as the guest has said */
    unsigned int pausing;                    /* requests to pause that it has not answered */
    unsigned int exit_code;
    unsigned int exit_signal;
    struct error failure; /* code ERROR_NONE: the container's own exit */
};

/* monitor.c */

/* Ends the machine: the record says why (`failure` NULL: the container's own exit). */
void monitor_end(struct monitor *monitor, const struct error *failure);
/* Moves output that waits towards the attached client. */
void monitor_pump_output(struct monitor *monitor);
/* Moves the client's input towards the guest; the bytes that were taken are granted to it. */
void monitor_pump_input(struct monitor *monitor);
/* All output was handed on. */
bool monitor_is_drained(const struct monitor *monitor);
/* Signals the container, and ends the machine after `timeout_ms`. */
void monitor_stop(struct monitor *monitor, uint32_t timeout_ms);

/* The guest runs the container. */
void monitor_run_begins(struct monitor *monitor);

/* monitor_group.c: a machine with more than one container. */

struct monitor_group;

/* Starts the group, from its beginning: the requests of the machine's start are queued already. */
int monitor_group_begin(struct monitor *monitor, struct error *err);
/* Asks every member that runs to end; none is started again. */
void monitor_group_stop(struct monitor *monitor);
/* The machine is paused, or about to be; or no longer. */
void monitor_group_pause(struct monitor *monitor, bool paused);
/* What the guest tells. */
void monitor_group_output(struct monitor *monitor, uint32_t stream, struct span bytes);
void monitor_group_exited(struct monitor *monitor, const struct session_exit *exit);
void monitor_group_end(struct monitor *monitor); /* frees it */
/* The member of this name that runs: its process, and *id of its container now. NULL for none. */
const struct vm_process *monitor_group_find(const struct monitor *monitor, const char *name,
                                            const char **id);

/* monitor_exec.c: processes beside the containers' first. */

/* A container of the machine: `name` is a group's member's, "" for the only one. */
int monitor_find_container(const struct monitor *monitor, const char *name, const char **id,
                           const struct vm_process **process, struct error *err);
/* Does what the client's "exec" asks for; `id` is that request's. */
int exec_begin(struct client *client, uint64_t id, const json_t *args, struct error *err);
/* What came of and for such processes. False for a stream that is none of theirs. */
bool exec_take_output(struct monitor *monitor, uint32_t stream, struct span bytes);
bool exec_take_writable(struct monitor *monitor, uint32_t stream);
void exec_exited(struct monitor *monitor, const struct session_exit *exit);
/* The client's side: more input, its end, room for output, and that it has gone. */
int exec_take_input(struct client *client, struct span bytes, struct error *err);
void exec_end_input(struct client *client);
void exec_pump_output(struct client *client);
void exec_leave(struct client *client);
/* The container and the process that a client's signals and sizes are for. */
const char *exec_container(const struct monitor_exec *exec);
uint64_t exec_process(const struct monitor_exec *exec);
void execs_end(struct monitor *monitor); /* frees all */

/* start.c */

/* A container to be created. */
struct start_container {
    const char *id;
    const struct vm_process *process;
    const size_t
        *layers; /* places in the machine's disks, the bottom first; NULL for all of them */
    size_t layer_count;
    const struct policy_mount *mounts; /* besides /etc/resolv.conf */
    size_t mount_count;
    uint32_t streams[3]; /* open already; 0 for none */
};

/* Queues its overlay and its creation, whose answer is `created`'s. A refused overlay ends the
 * machine. */
int start_queue_container(struct monitor *monitor, const struct start_container *container,
                          session_answer *created, void *argument, struct error *err);

/* What exec_in_container takes for a process like that of `process`, with other arguments and
 * without streams. */
json_t *start_exec_json(const char *id, const struct vm_process *process, char *const *args);

/* Queues all requests of the start, for a guest that has not spoken yet. */
int start_queue(struct monitor *monitor, struct error *err);

/* monitor_processor.c */

/* Opens the processor for what was launched, and answers the guest's requests from now on. */
int processor_start(struct monitor *monitor, struct error *err);

/* monitor_clients.c */

/* Before all else here. */
int clients_open(struct monitor *monitor, struct error *err);
/* Lets clients in by the machine's name. */
int clients_listen(struct monitor *monitor, struct error *err);
/* Takes `fd`, also on failure. With `owner` (the starter) the connection's end ends the machine: of
 * an owned one always, of another until its container runs. */
int clients_adopt(struct monitor *monitor, int fd, bool owner, struct error *err);
struct client *clients_attached(struct monitor *monitor);
/* Tells every client the phase that was reached. */
void clients_tell_phase(struct monitor *monitor);
void clients_close_all(struct monitor *monitor);
/* Ends the monitor although an attached client has not taken all output. */
void clients_abandon(struct monitor *monitor);
/* Sends a control message; takes the reference. A client that takes none loses its connection. */
void client_say(struct client *client, json_t *message);

/* monitor_requests.c */

/* What a client's channel carries (docs/protocol.md, "The monitor's socket"). */
extern const struct channel_handler client_functions;

#endif
