/*
 * Attestation reports from the hardware: configfs-tsm (Linux
 * Documentation/ABI/testing/configfs-tsm), /dev/sev-guest (uapi linux/sev-guest.h), or the
 * simulated secure processor's port (docs/protocol.md). Each appends a report of 1184 bytes over
 * the given REPORT_DATA, and refuses one over another.
 */
#ifndef CAISSON_GUEST_REPORT_H
#define CAISSON_GUEST_REPORT_H

#include "base/buf.h"

#define REPORT_SIZE          1184
#define REPORT_DATA_AT       0x50
#define REPORT_TSM_DIR       "/sys/kernel/config/tsm/report"
#define REPORT_SEV_DEVICE    "/dev/sev-guest"
#define REPORT_DATA_REQUIRED 64

struct report_request {
    const uint8_t *report_data; /* 64 bytes */
    struct buf *report;
    struct buf *certificates; /* the host's certificate table, where there is one */
};

/* `dir` is REPORT_TSM_DIR. ERROR_UNAVAILABLE where there is none. A report that another request
 * overtook (the generation changed) is asked for again, a few times. */
int report_from_tsm(const char *dir, const struct report_request *request, struct error *err);

int report_from_sev_guest(const char *device, const struct report_request *request,
                          struct error *err);

/* `fd` is the open port; it blocks until the answer is there. */
int report_from_port(int fd, const struct report_request *request, struct error *err);

#endif
