/*
 * Which attestation service this user's commands ask, where no option and no variable says so:
 * $XDG_CONFIG_HOME/caisson/service.yaml (~/.config/caisson/service.yaml), which `caisson serve`
 * writes for the service that it runs.
 *
 *     service: https://localhost:8443
 *     client: /home/me/.local/share/caisson/service/administrator.pem
 *     tls-ca: /home/me/.local/share/caisson/service/state/development.pem
 */
#ifndef CAISSON_CLI_SERVICE_FILE_H
#define CAISSON_CLI_SERVICE_FILE_H

#include "base/buf.h"

#define SERVICE_FILE_MAX ((size_t)64 << 10) /* bytes */

struct service_file {
    char *service; /* these are NULL where they are absent */
    char *client;  /* PEM of a certificate and its key */
    char *tls_ca;  /* PEM of authorities */
};

void service_file_fini(struct service_file *file);
#define SERVICE_FILE_AUTO __attribute__((cleanup(service_file_fini))) struct service_file

/* Its path; the caller frees it. ERROR_UNAVAILABLE where neither variable is set. */
int service_file_path(char **path, struct error *err);

/* Reads a file's text. ERROR_INVALID with the key; *out is empty then. */
int service_file_parse(struct span text, struct service_file *out, struct error *err);

/* Reads this user's file; all is NULL where there is none. */
int service_file_read(struct service_file *out, struct error *err);

/* Writes it (mode 0600) where there is none, or one that says the same; *written is false where
 * another is there, which stays. */
int service_file_write(const struct service_file *file, bool *written, struct error *err);

#endif
