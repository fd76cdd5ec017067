/*
 * The attestations of late: of each the checks that were made, and the request that it answers, so
 * that the page can show why, and ask again. In memory alone; what lasts is the audit log, whose
 * entries name them. Each tenant has a share of its own, in which the newest drive out the oldest.
 */
#ifndef CAISSON_SERVICE_RECENT_H
#define CAISSON_SERVICE_RECENT_H

#include <jansson.h>

#include "base/buf.h"
#include "evidence/checks.h"

#define RECENT_COUNT_MAX   512                /* of a tenant */
#define RECENT_BYTES_MAX   ((size_t)16 << 20) /* of all tenants */
#define RECENT_TENANTS_MAX 64
#define RECENT_NAME_SIZE   17 /* of an attestation's name, with its terminator */

struct recent;

struct recent_attestation {
    int64_t time;     /* seconds since 1970 */
    const char *kind; /* static: "SevSnpVm" */
    const struct checks *checks;
    struct span request; /* a body of POST /attest/KIND; empty: it cannot be asked again */
};

/* Its bytes are shared evenly by `tenants`, at most RECENT_TENANTS_MAX. The caller frees it. */
struct recent *recent_new(size_t tenants, struct error *err);
void recent_free(struct recent *recent);

/* From now on these are the tenants: what was kept of others is forgotten. */
void recent_set_tenants(struct recent *recent, const char *const names[], size_t count);

/* Keeps a copy, and writes its name. "" where it is too large, or no memory is left: nothing
 * depends on it. Any thread may call. */
void recent_add(struct recent *recent, const char *tenant,
                const struct recent_attestation *attestation, char name[RECENT_NAME_SIZE]);

struct recent_copy {
    int64_t time;
    const char *kind;
    json_t *checks; /* see checks_to_json() */
    struct buf request;
};

/* What is kept by this name. ERROR_NOT_FOUND where it is not, or no more. The caller calls
 * recent_copy_fini(), also after a failure. */
int recent_find(struct recent *recent, const char *tenant, const char *name,
                struct recent_copy *out, struct error *err);
void recent_copy_fini(struct recent_copy *copy);
#define RECENT_COPY_AUTO __attribute__((cleanup(recent_copy_fini))) struct recent_copy

/* A list of objects of text: name, result, expected, found, source, remedy. As `caisson verify
 * --json` has it. NULL where memory runs out. */
json_t *checks_to_json(const struct checks *checks);

#endif
