/*
 * The process that owns one machine: boots it, hands it its policy, layers and process, moves the
 * container's streams, answers clients, and leaves a record of how it ended.
 *
 * Theory of operation
 *
 * The start is a chain of requests that are queued at once and sent as the guest's window allows:
 * set_policy, set_network, a mount_device a layer, mount_overlay, create_container. The first
 * refusal ends the machine, with its reason in the record.
 *
 * Output goes to the log and to the attached client. What the client has not taken is held back
 * from the guest by not granting credit, so that nothing is lost and nothing grows. The machine's
 * end is told to clients after the last byte of output.
 *
 * monitor_run() lives in a process that is only this; it returns when the machine is gone and every
 * client that was attached has been told.
 */
#ifndef CAISSON_VM_MONITOR_H
#define CAISSON_VM_MONITOR_H

#include "vm/machine.h"
#include "vm/record.h"

/* Runs the machine to its end. Takes the record, the lock and the starter's connection. */
void monitor_run(const struct vm_config *config, const char *folder, struct record *record,
                 int lock_fd, int starter_fd);

#endif
