/*
 * Where a registry is reached. CAISSON_REGISTRIES names a JSON file, or holds the JSON itself (then
 * it starts with '{'):
 *
 *     {"registries": {
 *         "docker.io":      {"mirrors": ["mirror.example.org", "http://10.0.0.7:5000/hub"]},
 *         "localhost:5000": {"http": true},
 *         "reg.internal":   {"tls_ca": "/etc/ssl/internal-ca.pem"}}}
 *
 * A mirror is [http://|https://]host[:port][/prefix]; https is meant where none is written. Mirrors
 * are asked in their order, the registry itself last. Plain http is spoken only where this file
 * says so, and to this very machine. Certificates are always checked: `tls_ca` adds authorities, as
 * do
 * --tls-ca and the *.crt of /etc/docker/certs.d/HOST, /etc/containers/certs.d/HOST and
 * ~/.config/containers/certs.d/HOST.
 */
#ifndef CAISSON_IMAGE_REGISTRIES_H
#define CAISSON_IMAGE_REGISTRIES_H

#include "base/buf.h"

#define ENDPOINTS_MAX 16 /* mirrors and the registry */

struct endpoint {
    char host[256];   /* "mirror.example.org:5000"; what credentials and certificates go by */
    char prefix[256]; /* "/hub" or "" */
    bool http;        /* plain http, by the user's word */
};

struct registries;

/* Reads what CAISSON_REGISTRIES says; an empty list without it. The caller's, registries_free(). */
struct registries *registries_open(struct error *err);
struct registries *registries_parse(struct span text, struct error *err);
void registries_free(struct registries *registries);
void registries_cleanup(struct registries **registries);
#define REGISTRIES_AUTO __attribute__((cleanup(registries_cleanup))) struct registries *

/* The endpoints for a registry's host, in the order in which to ask them; at least one. */
int registries_endpoints(const struct registries *registries, const char *host,
                         struct endpoint out[ENDPOINTS_MAX], size_t *count, struct error *err);

/* Appends the PEM certificates of the authorities that are to be trusted for `host` besides the
 * system's. `tls_ca` is a file for every host, or NULL. */
int registries_authorities(const struct registries *registries, const char *host,
                           const char *tls_ca, struct buf *out, struct error *err);

#endif
