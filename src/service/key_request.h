/*
 * What clients of Azure Key Vault's interface send to /keys/… (API versions 7.4, 7.5): create,
 * import, update and release. Strictly: each member once, of its type, within limits, and none that
 * is not known, so that a word misspelt never means a default. Pure.
 */
#ifndef CAISSON_SERVICE_KEY_REQUEST_H
#define CAISSON_SERVICE_KEY_REQUEST_H

#include "format/jwk.h"
#include "service/key_version.h"
#include "service/key_wrap.h"

#define RELEASE_TARGET_MAX ((size_t)512 << 10) /* bytes of a token */
#define RELEASE_NONCE_MAX  1024                /* bytes */

/* What a request sets; what it does not keeps its value. */
struct key_settings {
    bool sets_enabled, sets_exportable, sets_expires, sets_not_before;
    struct key_attributes attributes;
    json_t *operations; /* NULL: not set */
    json_t *tags;       /* NULL: not set */
    bool sets_rule, sets_immutable;
    struct key_rule rule;
};

struct key_request {
    struct key_settings settings;
    enum key_type type; /* of create and import */
    bool is_hsm;
    enum key_kind kind; /* of RSA and EC */
    unsigned bits;      /* of create: of RSA and oct */
    struct jwk jwk;     /* of import: the key */
};

void key_request_init(struct key_request *request);
void key_request_fini(struct key_request *request);
#define KEY_REQUEST_AUTO __attribute__((cleanup(key_request_fini))) struct key_request

/* Read a body into what key_request_init() prepared. ERROR_INVALID, ERROR_LIMIT, each with the
 * member. */
int key_request_read_create(struct span body, struct key_request *out, struct error *err);
int key_request_read_import(struct span body, struct key_request *out, struct error *err);
int key_request_read_update(struct span body, struct key_request *out, struct error *err);

struct release_request {
    json_t *document;   /* which the texts are borrowed from */
    const char *target; /* the token */
    const char *nonce;  /* NULL: none */
    enum key_wrap wrap; /* RSA_AES_KEY_WRAP_256 where it is not said */
};

int release_request_read(struct span body, struct release_request *out, struct error *err);
void release_request_fini(struct release_request *request);
#define RELEASE_REQUEST_AUTO __attribute__((cleanup(release_request_fini))) struct release_request

#endif
