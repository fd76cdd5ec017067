/* What the files of the service share. */
#ifndef CAISSON_SERVICE_SERVICE_PARTS_H
#define CAISSON_SERVICE_SERVICE_PARTS_H

#include <pthread.h>
#include <stdatomic.h>

#include "service/answer.h"
#include "service/maa_claims.h"
#include "service/own_evidence.h"
#include "service/policies.h"
#include "service/recent.h"
#include "service/refusals.h"
#include "service/service.h"
#include "service/sessions.h"
#include "service/settings.h"
#include "service/signers.h"
#include "service/signing.h"

struct service {
    pthread_mutex_t mutex; /* for `settings`, where a thread other than the reloading one looks */
    struct settings *settings; /* the present ones; a request holds those that it began with */
    struct database *store;
    struct vault *vault;
    struct signing *signing;
    struct kbs_sessions *kbs;
    struct recent *recent;
    struct sessions *sessions;
    struct metrics *metrics;
    struct own_evidence own; /* for new signing keys; its URL is NULL where there is none */
    struct policies *policies;
    struct refusals *refusals;
    atomic_ullong requests, refused, attested, denied, released, withheld;
};

/* A request as a route's function sees it. */
struct call {
    struct service *service;
    const struct settings *settings;
    const struct config_tenant *tenant; /* the settings' */
    const struct server_request *request;
    const char *rest; /* of the path, behind the route's */
    int64_t now;      /* seconds since 1970 */
    char *who; /* of SESSION_NAME_SIZE: the administrator who proved to be one; "" until then */
};

/* Finds the tenant and the route of a call, and has it answered. */
void service_answer(struct call *call, struct server_answer *answer);

/* Counts how long an answer took, by its route. */
void service_observe(struct service *service, const char *method, const char *path,
                     uint64_t microseconds);

/* The bearer token of the request (RFC 6750, section 2.1); empty where there is none. */
struct span service_bearer(const struct call *call);

typedef void route_answer(const struct call *call, struct server_answer *answer);

/* Notes a decision for the audit log, before the answer leaves; takes `detail`, an object without
 * secrets. What cannot be noted turns the answer into an error. */
void service_note(const struct call *call, const char *event, bool allowed, json_t *detail,
                  struct server_answer *answer);

/* Writes the notes of these answers to the audit log and frees them. A decision that cannot be
 * written was not made: its answer becomes an error. */
void service_settle(struct service *service, struct server_answer *const answers[], size_t count);

/* True where the client proved to be an administrator of the tenant; else answers 401 or 403. */
bool service_check_administrator(const struct call *call, struct server_answer *answer);

/* False, and answers 403, where a page of another origin made a browser ask. */
bool service_check_origin(const struct call *call, struct server_answer *answer);

#define SESSION_COOKIE "__Host-caisson"

/* Who proved to be an administrator of the tenant. */
struct administrator {
    char name[SESSION_NAME_SIZE];
    uint8_t certificate[SHA256_SIZE]; /* all zero: by other means */
    bool is_session;                  /* signed in at the page */
    int64_t expires;                  /* then, until when; seconds since 1970 */
};

/* As service_check_administrator(), which is its short form. */
bool service_find_administrator(const struct call *call, struct administrator *out,
                                struct server_answer *answer);

/* Microsoft Azure Attestation's interface. */
route_answer maa_attest, maa_certs, maa_openid_configuration;
route_answer maa_get_policy, maa_set_policy, maa_reset_policy;
route_answer maa_get_certificates, maa_add_certificate, maa_remove_certificate;

/* Notes how many refusals were only counted, of whom the minute is over at this time. */
int service_note_counted(struct service *service, int64_t now, struct error *err);

/* Answers with a token of the service: {"token": JWT of these claims}. Takes `claims`. */
void maa_answer_token(const struct call *call, json_t *claims, struct server_answer *answer);

/* Confidential Containers' key broker: the protocol, and its resources. */
route_answer kbs_auth, kbs_attest, kbs_get_resource;
route_answer kbs_put_resource, kbs_remove_resource, kbs_list_resources;
route_answer kbs_get_rule, kbs_put_rule, kbs_refuse_rego;

/* The page at /, and what its script asks for: for administrators of the tenant. */
route_answer page_get_html, page_get_style, page_get_script;
route_answer page_make_code, page_open_session, page_get_session, page_end_session;
route_answer page_log, page_attestation, page_policies, page_lint, page_what_if, page_secrets;

/* True where the request names a version of that interface, and where it names one an algorithm of
 * tokens, that are known; else answers 400. */
bool maa_check_api_version(const struct call *call, struct server_answer *answer);

/* Appends a token of the tenant's: the payload, signed by the algorithm that the request names,
 * else the tenant's, with the address of the keys. */
int maa_sign(const struct call *call, struct span payload, struct buf *out, struct error *err);

/* Azure Key Vault's interface. */
route_answer keys_list, keys_get, keys_put, keys_post, keys_patch, keys_delete, keys_check;
route_answer deleted_keys_list, deleted_keys_get, deleted_keys_post, deleted_keys_delete;

#endif
