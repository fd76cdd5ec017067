/*
 * What a container's security context holds (format/security_context.h), which no service gives:
 * the machine's policy, and the certificates that its host gives for the processor.
 */
#ifndef CAISSON_AGENT_CONTEXT_H
#define CAISSON_AGENT_CONTEXT_H

#include "agent/link.h"

#define CONTEXT_TCB_SIZE 17 /* with the zero byte */

/* The name of what is asked for, where the resource is one of the context; NULL for a service's. */
const char *context_name(const char *resource);

/* Appends the file's content, or the folder's path. Certificates are nothing where the host gives
 * none of the processor's key. ERROR_LIMIT for a policy that the starter did not hand over,
 * ERROR_NOT_FOUND for another name, ERROR_INVALID for a table of certificates that is none. */
int context_bring(const struct agent_config *config, int starter, const char *name, struct buf *out,
                  struct error *err);

/* A report's REPORTED_TCB as clouds write it: digits in hexadecimal, the highest byte first. */
void context_tcb(struct span report, char hex[CONTEXT_TCB_SIZE]);

#endif
