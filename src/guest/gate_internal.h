/* What the gate's files share; nobody else includes it: gate.c (channel, policy, machine),
 * gate_container.c (layers, overlays, containers), gate_process.c (processes in them). */
#ifndef CAISSON_GUEST_GATE_INTERNAL_H
#define CAISSON_GUEST_GATE_INTERNAL_H

#include "guest/answer.h"
#include "guest/gate.h"

/* What answers a request: 0 when it has been (or will be) answered, -1 with an error that ends the
 * channel. */
typedef int gate_handler(struct gate *gate, const struct request *request, struct error *err);

gate_handler gate_handle_mount_device;
gate_handler gate_handle_scratch_mount;
gate_handler gate_handle_mount_overlay;
gate_handler gate_handle_shutdown;
gate_handler gate_handle_unmount_overlay;
gate_handler gate_handle_unmount_device;
gate_handler gate_handle_start; /* create_container and exec_in_container */
gate_handler gate_handle_signal;
gate_handler gate_handle_resize;
gate_handler gate_handle_pause;
gate_handler gate_handle_unpause;
gate_handler gate_handle_usage;
gate_handler gate_handle_processes;
gate_handler gate_handle_load_fragment;

/* Takes what comes on the stream, which is open; `finish` answers the request at its end. */
void gate_begin_upload(struct gate *gate, const struct request *request,
                       int (*finish)(struct gate *gate, struct error *err));

/* Ends it; what came stays until the caller frees gate->upload.bytes. */
void gate_end_upload(struct gate *gate);

/* ERROR_INVALID unless as much came as was told. */
int gate_check_upload(const struct gate *gate, struct error *err);

/* NULL where no container has this id. */
struct gate_container *gate_find_container(struct gate *gate, const char *id);
bool gate_any_container(const struct gate *gate);
bool gate_is_in(const struct gate_container *container, enum gate_container_state state);

/* Takes back what was done for a container that did not come to run. */
void gate_undo_container(struct gate *gate, struct gate_container *container);

/* NULL where there is none; number 0 is the container's first, which starts or runs. */
struct gate_process *gate_find_process(struct gate *gate, const char *id, uint64_t number);
bool gate_has_process(const struct gate *gate, const struct gate_container *container);
void gate_forget_processes(struct gate *gate);

/* The answers. */
int gate_refuse(struct gate *gate, const struct request *request, enum answer_code code,
                const char *reason, struct error *err);
int gate_refuse_order(struct gate *gate, const struct request *request, const char *reason,
                      struct error *err);
int gate_refuse_failed(struct gate *gate, const struct request *request, const struct error *why,
                       struct error *err);
int gate_deny(struct gate *gate, const struct request *request,
              const struct policy_decision *decision, struct error *err);
int gate_done(struct gate *gate, const struct request *request, struct error *err);
/* Done where `outcome` is not negative, else refused for what went wrong. */
int gate_tell(struct gate *gate, const struct request *request, int outcome,
              const struct error *why, struct error *err);

#endif
