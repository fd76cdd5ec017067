/* What the files of the monitor share: monitor.c (the machine), monitor_clients.c (the
 * connections). */
#ifndef CAISSON_VM_MONITOR_STATE_H
#define CAISSON_VM_MONITOR_STATE_H

#include "vm/container_log.h"
#include "vm/guest_session.h"
#include "vm/launch.h"
#include "vm/monitor.h"
#include "vm/psp.h"

#define MONITOR_CLIENTS_MAX 8

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
    uint64_t generation; /* tells a reused slot from the one that asked */
    struct buf evidence;
    size_t evidence_sent;
};

struct monitor_output {
    struct buf pending; /* came from the guest, not taken by the attached client */
    bool open;
};

enum monitor_phase { MONITOR_BOOTING, MONITOR_RUNNING, MONITOR_ENDED };

struct monitor {
    const struct vm_config *config;
    const char *folder;
    struct record *record;
    struct event_base *base;
    struct launch launch;
    int console_fd;
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
    struct event *sweep; /* closes clients and looks whether all is done, outside their handlers */
    int listener_fd;
    struct event *listener;
    struct client clients[MONITOR_CLIENTS_MAX];
    uint64_t generation;
    struct monitor_output outputs[2]; /* stdout, stderr */
    struct buf input;                 /* from the client, not taken by the guest */
    bool input_ended;
    bool input_open;
    struct container_log *log;
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

/* monitor_clients.c */

int clients_listen(struct monitor *monitor, struct error *err);
int clients_adopt(struct monitor *monitor, int fd, bool owner, struct error *err);
struct client *clients_attached(struct monitor *monitor);
/* Tells every client the phase that was reached. */
void clients_tell_phase(struct monitor *monitor);
void clients_close_all(struct monitor *monitor);

#endif
