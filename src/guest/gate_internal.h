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
gate_handler gate_handle_create_container;
gate_handler gate_handle_shutdown;
gate_handler gate_handle_unmount_overlay;
gate_handler gate_handle_unmount_device;
gate_handler gate_handle_exec;
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

/* Opens all, or none of which the host would see anything. */
int gate_open_standard(struct gate *gate, const uint32_t standard[3], struct error *err);

/* Ends the guest's side of a process's streams; what still comes in is dropped. */
void gate_close_outputs(struct gate *gate, const uint32_t standard[3]);

/* Room for what the policy is told of a user. */
struct gate_identities {
    char user_id[16];
    char group_ids[1 + USER_GROUPS_MAX][16];
    struct policy_identity groups[1 + USER_GROUPS_MAX];
    char umask[8];
};

/* A request as the policy sees it, and what is started when it agrees: the request, less what the
 * decision leaves out. Both borrow. */
struct policy_process gate_policy_process(const struct request_process *args,
                                          const struct user *user, struct gate_identities *ids);
struct spec gate_spec(const struct request_process *args, const struct gate_container *container,
                      const struct user *user, const struct policy_decision *decision);

/* Of gate_created() and its like, for a process beside a container's first. */
int gate_process_started(struct gate *gate, const struct gate_process_name *name, int64_t pid,
                         struct error *err);
int gate_process_failed(struct gate *gate, const struct gate_process_name *name,
                        const struct error *why, struct error *err);
int gate_process_ended(struct gate *gate, const struct gate_process_name *name, struct error *err);
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

#endif
