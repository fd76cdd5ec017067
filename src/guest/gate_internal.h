/* What the gate's two files share; nobody else includes it. */
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
gate_handler gate_handle_signal;
gate_handler gate_handle_resize;

/* NULL where no container has this id. */
struct gate_container *gate_find_container(struct gate *gate, const char *id);
bool gate_any_container(const struct gate *gate);

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
