/*
 * The service's configuration: one file in YAML (or JSON, which is YAML). What is not known in it
 * is refused with its name, so that a word misspelt never means a default. docs/service.md has it
 * all.
 */
#ifndef CAISSON_SERVICE_CONFIG_H
#define CAISSON_SERVICE_CONFIG_H

#include "crypto/signature.h"
#include "evidence/trusted_root.h"
#include "service/database.h"
#include "service/maa_claims.h"
#include "service/master.h"
#include "service/server.h"

/* The service's own records are kept under this name, which no tenant may have. */
#define CONFIG_OWN_TENANT "service"

#define CONFIG_SIZE_MAX           ((size_t)256 << 10)
#define CONFIG_TENANTS_MAX        64
#define CONFIG_TENANT_NAME_MAX    64
#define CONFIG_HOSTS_MAX          16
#define CONFIG_ROOTS_MAX          8
#define CONFIG_ADMINISTRATORS_MAX 16
#define CONFIG_AUTHORITIES_MAX    8

/* Where somebody's JSON Web Key Set is. */
struct config_keys {
    char *path;  /* a file's, or a URL */
    bool is_url; /* https, or http of this machine */
    char *ca;    /* a file: authorities of that URL's server, besides the system's; or NULL */
};

/* Another attestation service whose tokens release a tenant's keys. */
struct config_authority {
    char *issuer; /* "iss" of its tokens */
    struct config_keys keys;
    char *audience; /* that its tokens must be for; NULL: any that have none, or the tenant's */
};

#define CONFIG_OIDC_MAX   4 /* issuers */
#define CONFIG_CLAIMS_MAX 4

/* Claims of which a token must have all. */
struct config_claims {
    char *names[CONFIG_CLAIMS_MAX];
    char *values[CONFIG_CLAIMS_MAX];
    size_t count;
};

/* An OpenID Connect issuer whose tokens prove administrators. */
struct config_oidc {
    char *issuer;
    char *audience;
    struct config_keys keys;
    struct config_claims administrators[CONFIG_ADMINISTRATORS_MAX]; /* any of these */
    size_t administrator_count;
};

struct config_tenant {
    char *name;
    char *issuer;                  /* of its tokens: a URL without a slash at its end */
    char *hosts[CONFIG_HOSTS_MAX]; /* by which requests come to it; none: all other requests do */
    size_t host_count;
    uint8_t administrators[CONFIG_ADMINISTRATORS_MAX][SHA256_SIZE]; /* of client certificates */
    size_t administrator_count;
    struct config_authority authorities[CONFIG_AUTHORITIES_MAX];
    size_t authority_count;
    enum signature_scheme token_scheme; /* of its tokens, where the client does not say */
    char *policy_signers; /* PEM file of the first who may sign its policies; NULL: none must */
    struct config_oidc oidc[CONFIG_OIDC_MAX];
    size_t oidc_count;
};

struct config {
    char *address;
    uint16_t port;
    unsigned workers;
    char *state;          /* a folder: the store, the master key, a development certificate */
    struct master master; /* where the master key comes from */
    struct master before; /* the one before, if `changes_master`: what it sealed is sealed anew */
    bool changes_master;
    char *tls_certificate; /* files; NULL: the development certificate */
    char *tls_key;
    char *client_roots;    /* NULL: clients show no certificates */
    bool plain;            /* no TLS: on a loopback address only */
    char *simulated;       /* folder of a simulated processor whose evidence is accepted; NULL */
    char *collateral;      /* folder of what evidence is judged by; NULL: no quote is accepted */
    unsigned tcb_statuses; /* 1 << enum tcb_status: that platforms of quotes may have */
    char *evidence;        /* URL of this machine's attestation agent; NULL: it has none */
    char *uvm_issuer;      /* NULL: Microsoft's */
    char *uvm_feed;
    uint64_t uvm_minimum_svn;
    struct server_limits limits;
    struct config_tenant tenants[CONFIG_TENANTS_MAX];
    size_t tenant_count;
};

/* Reads a configuration. Relative names in it are of the folder `folder`. ERROR_INVALID with the
 * key. The caller calls config_fini(), also after a failure. */
int config_read(struct span text, const char *folder, struct config *out, struct error *err);
void config_fini(struct config *config);
void config_free(struct config *config); /* of one that was allocated; NULL is nothing */
#define CONFIG_AUTO __attribute__((cleanup(config_fini))) struct config

/* ERROR_REFUSED, with its key, for what cannot change from one configuration to the next while the
 * service runs. */
int config_check_change(const struct config *now, const struct config *next, struct error *err);

/* The tenant of a request by its Host header (without a port); NULL where there is none. */
const struct config_tenant *config_find_tenant(const struct config *config, struct span host);

#endif
