/*
 * What is known of each machine on this host: a folder a machine, by its name, under $CAISSON_RUN,
 * else $XDG_RUNTIME_DIR/caisson, else /run/caisson for root and /tmp/caisson-UID for others:
 *
 *     NAME/record.json   what it is and how it fares, replaced whole
 *     NAME/lock          held by the monitor while it lives: a free lock means that it is gone
 *     NAME/control       the monitor's socket
 *     NAME/log           the container's output (vm/container_log.h); of a group a log-CONTAINER
 * each NAME/console       what the guest's kernel and agent print
 */
#ifndef CAISSON_VM_RECORD_H
#define CAISSON_VM_RECORD_H

#include <jansson.h>

#include "base/buf.h"
#include "crypto/digest.h"
#include "vm/ports.h"
#include "vm/qemu_args.h"

#define RECORD_NAME_MAX    64
#define RECORD_GRACE_MAX_S 3600
#define RECORD_GRACE_S     10 /* of what says nothing else, as in Docker */

enum record_status { RECORD_CREATED, RECORD_RUNNING, RECORD_EXITED, RECORD_STATUS_COUNT };

struct record {
    char name[RECORD_NAME_MAX + 1];
    enum vm_tee tee;
    enum record_status status;
    bool auto_remove;
    bool kvm;
    int32_t monitor; /* its process */
    uint32_t exit_code;
    int64_t created; /* seconds since 1970, as the next two; 0 for not yet */
    int64_t started;
    int64_t finished;
    uint32_t memory_mib;
    uint32_t vcpus;
    uint64_t scratch_size; /* bytes of the encrypted disk; 0: what is written is in memory */
    uint32_t grace_s;      /* how long an end that is asked for may take by default */
    char *image;           /* heap, as the next two; never NULL once read or filled */
    char *command;         /* the arguments, for people */
    bool paused;           /* its processes are stopped until they are to go on */
    bool ready;            /* of a group: all that is to run runs, and its probes say so */
    json_t *containers; /* of a group, as `inspect` shows them: an array, empty for one container */
    char *failure;      /* why it ended otherwise than by the container's exit; "" */
    uint8_t policy_sha256[SHA256_SIZE];
    struct port_rule ports[PORTS_MAX];
    size_t port_count;
};

void record_fini(struct record *record);
#define RECORD_AUTO __attribute__((cleanup(record_fini))) struct record

/* 1 to RECORD_NAME_MAX characters of [a-zA-Z0-9_.-], the first one a letter or digit. */
bool record_name_is_good(const char *name);

/* The folder of all machines, made with mode 0700 where it is missing; refused when it is another
 * user's or open to others. The caller frees *out. */
int record_root(char **out, struct error *err);

/* The machine's folder; `name` is checked. The caller frees *out. */
int record_folder(const char *name, char **out, struct error *err);

/* A path in the machine's folder. NULL when memory ran out. */
char *record_path(const char *folder, const char *leaf);

int record_write(const char *folder, const struct record *record, struct error *err);

/* Reads the record, and sets `status` to exited where the monitor is gone. ERROR_NOT_FOUND when
 * there is no machine of this name. */
int record_read(const char *name, struct record *out, struct error *err);

/* All names, sorted; a heap array of heap strings that ends with NULL. */
int record_names(char ***out, struct error *err);
void record_names_free(char **names);

/* Removes the machine's folder. ERROR_REFUSED while its monitor lives. */
int record_remove(const char *name, struct error *err);

/* The record as JSON, for files and for people. */
int record_append_json(const struct record *record, struct buf *out, struct error *err);

const char *record_status_name(enum record_status status);

#endif
