#include "service/config.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <strings.h>

#include "base/hex.h"
#include "base/text.h"
#include "evidence/tcb_status.h"
#include "format/json.h"
#include "format/yaml.h"
#include "service/config_parts.h"
#include "service/signing.h"

#define WORKERS_MAX 64

/* --- helpers ---------------------------------------------------------------------------------- */

int config_copy_path(const json_t *object, const char *key, const char *folder, char **out,
                     struct error *err)
{
    TEXT_AUTO text = NULL;
    if (json_copy_text(object, key, &text, err) < 0)
        return -1;
    if (!text)
        return 0;
    *out = text[0] == '/' ? text_format("%s", text) : text_format("%s/%s", folder, text);
    return *out ? 0 : error_memory(err);
}

/* A URL is https, or http of this very machine, as whoever fetches it wants; else it is a file. */
int config_read_keys(const json_t *object, const char *folder, struct config_keys *out,
                     struct error *err)
{
    const char *keys;
    if (json_get_text(object, "keys", &keys, err) < 0)
        return -1;
    out->is_url = text_starts_with(keys, "https://") || text_starts_with(keys, "http://");
    if (out->is_url ? json_copy_text(object, "keys", &out->path, err) < 0
                    : config_copy_path(object, "keys", folder, &out->path, err) < 0)
        return -1;
    if (config_copy_path(object, "ca", folder, &out->ca, err) < 0)
        return -1;
    return out->ca && !out->is_url ? error_set(err, ERROR_INVALID, "ca is for keys at a URL") : 0;
}

void config_free_keys(struct config_keys *keys)
{
    free(keys->path);
    free(keys->ca);
}

static int find_count(const json_t *object, const char *key, unsigned min, unsigned max,
                      unsigned *out, struct error *err)
{
    uint64_t value = *out;
    if (json_find_u64(object, key, max, &value, err) < 0)
        return -1;
    if (value < min)
        return error_set(err, ERROR_INVALID, "%s is %llu; at least %u is meant", key,
                         (unsigned long long)value, min);
    *out = (unsigned)value;
    return 0;
}

/* --- parts ------------------------------------------------------------------------------------ */

/* "127.0.0.1:8443", "[::1]:8443" */
static int read_listen(const json_t *object, struct config *out, struct error *err)
{
    const char *text = NULL;
    uint64_t port = 0;
    if (json_find_text(object, "listen", &text, err) < 0)
        return -1;
    if (!text)
        text = "127.0.0.1:8443";
    const char *colon = strrchr(text, ':');
    if (!colon || !text_to_u64(colon + 1, 65535, &port))
        return error_set(err, ERROR_INVALID, "listen is \"%s\", not an address, a colon and a port",
                         text);
    bool bracketed = text[0] == '[' && colon > text + 1 && colon[-1] == ']';
    const char *begin = bracketed ? text + 1 : text;
    const char *end = bracketed ? colon - 1 : colon;
    out->port = (uint16_t)port;
    out->address = text_dup_span(span_of(begin, (size_t)(end - begin)));
    return out->address ? 0 : error_memory(err);
}

static bool is_loopback(const char *address)
{
    struct in_addr in;
    if (inet_pton(AF_INET, address, &in) == 1)
        return ntohl(in.s_addr) >> 24 == 127;
    return strcmp(address, "::1") == 0;
}

static int read_tls(const json_t *object, const char *folder, struct config *out, struct error *err)
{
    static const char *const known[] = {"certificate", "key", "client_roots", "plain_http", NULL};
    json_t *tls;
    if (json_find_object(object, "tls", &tls, err) < 0)
        return -1;
    if (!tls)
        return 0;
    if (json_check_keys(tls, known, err) < 0 ||
        config_copy_path(tls, "certificate", folder, &out->tls_certificate, err) < 0 ||
        config_copy_path(tls, "key", folder, &out->tls_key, err) < 0 ||
        config_copy_path(tls, "client_roots", folder, &out->client_roots, err) < 0 ||
        json_find_bool(tls, "plain_http", &out->plain, err) < 0)
        return error_context(err, "tls");
    if (!out->tls_certificate != !out->tls_key)
        return error_set(err, ERROR_INVALID, "tls: certificate and key go together");
    if (out->plain && (out->tls_certificate || out->client_roots))
        return error_set(err, ERROR_INVALID, "tls: plain_http excludes certificates");
    if (out->plain && !is_loopback(out->address))
        return error_set(err, ERROR_INVALID,
                         "tls: plain_http is for a loopback address alone, not for %s",
                         out->address);
    return 0;
}

/* What has no known hole that an update would close; how it is configured is the policy's matter.
 */
#define DEFAULT_STATUSES                                                                           \
    (1U << TCB_UP_TO_DATE | 1U << TCB_SW_HARDENING_NEEDED | 1U << TCB_CONFIGURATION_NEEDED |       \
     1U << TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED)

static int read_statuses(const json_t *object, unsigned *out, struct error *err)
{
    json_t *list;
    if (json_find_array(object, "tcb_statuses", &list, err) < 0)
        return -1;
    if (list)
        *out = 0;
    for (size_t i = 0; list && i < json_array_size(list); i++) {
        const char *name;
        if (json_text_at(list, i, "tcb_statuses", &name, err) < 0)
            return -1;
        enum tcb_status status = tcb_status_by_name(name);
        if (status == TCB_UNKNOWN || status == TCB_REVOKED)
            return error_set(err, ERROR_INVALID, "tcb_statuses: \"%s\" cannot be accepted", name);
        *out |= 1U << status;
    }
    return 0;
}

static int read_trust(const json_t *object, const char *folder, struct config *out,
                      struct error *err)
{
    static const char *const known[] = {"simulated", "uvm", "collateral", "tcb_statuses", NULL};
    static const char *const uvm_known[] = {"issuer", "feed", "minimum_svn", NULL};
    json_t *trust, *uvm = NULL;
    out->tcb_statuses = DEFAULT_STATUSES;
    if (json_find_object(object, "trust", &trust, err) < 0)
        return -1;
    if (!trust)
        return 0;
    if (json_check_keys(trust, known, err) < 0 ||
        config_copy_path(trust, "simulated", folder, &out->simulated, err) < 0 ||
        config_copy_path(trust, "collateral", folder, &out->collateral, err) < 0 ||
        read_statuses(trust, &out->tcb_statuses, err) < 0 ||
        json_find_object(trust, "uvm", &uvm, err) < 0)
        return error_context(err, "trust");
    if (uvm && (json_check_keys(uvm, uvm_known, err) < 0 ||
                json_copy_text(uvm, "issuer", &out->uvm_issuer, err) < 0 ||
                json_copy_text(uvm, "feed", &out->uvm_feed, err) < 0 ||
                json_find_u64(uvm, "minimum_svn", INT64_MAX, &out->uvm_minimum_svn, err) < 0))
        return error_context(err, "trust: uvm");
    return 0;
}

/* "http://127.0.0.1:8080", "http://[::1]:8080" */
static bool is_of_this_machine(const char *url)
{
    static const char *const begins[] = {"http://127.0.0.1:", "http://[::1]:"};
    uint64_t port;
    for (size_t i = 0; i < sizeof begins / sizeof begins[0]; i++) {
        if (text_starts_with(url, begins[i]))
            return text_to_u64(url + strlen(begins[i]), 65535, &port) && port > 0;
    }
    return false;
}

/* Another machine's evidence would prove nothing of the keys that are made in this one. */
static int read_evidence(const json_t *object, struct config *out, struct error *err)
{
    static const char *const known[] = {"url", NULL};
    json_t *evidence;
    if (json_find_object(object, "evidence", &evidence, err) < 0)
        return -1;
    if (!evidence)
        return 0;
    if (json_check_keys(evidence, known, err) < 0 ||
        json_copy_text(evidence, "url", &out->evidence, err) < 0)
        return error_context(err, "evidence");
    if (!out->evidence || !is_of_this_machine(out->evidence))
        return error_set(err, ERROR_INVALID,
                         "evidence: url is %.256s, not http://127.0.0.1:PORT or http://[::1]:PORT, "
                         "of this machine's attestation agent",
                         out->evidence ? out->evidence : "missing");
    return 0;
}

static int read_limits(const json_t *object, struct server_limits *out, struct error *err)
{
    static const char *const known[] = {"body_bytes",       "handshake_ms",      "request_ms",
                                        "answer_ms",        "idle_ms",           "connections",
                                        "connections_each", "requests_a_second", NULL};
    json_t *limits;
    unsigned body = (unsigned)server_default_limits.body;
    *out = server_default_limits;
    if (json_find_object(object, "limits", &limits, err) < 0)
        return -1;
    if (!limits)
        return 0;
    if (json_check_keys(limits, known, err) < 0 ||
        find_count(limits, "body_bytes", 1024, 1 << 20, &body, err) < 0 ||
        find_count(limits, "handshake_ms", 100, 600000, &out->handshake_ms, err) < 0 ||
        find_count(limits, "request_ms", 100, 600000, &out->request_ms, err) < 0 ||
        find_count(limits, "answer_ms", 100, 600000, &out->answer_ms, err) < 0 ||
        find_count(limits, "idle_ms", 100, 3600000, &out->idle_ms, err) < 0 ||
        find_count(limits, "connections", 1, 1000000, &out->connections, err) < 0 ||
        find_count(limits, "connections_each", 1, 1000000, &out->connections_each, err) < 0 ||
        find_count(limits, "requests_a_second", 1, 1000000, &out->requests_a_second, err) < 0)
        return error_context(err, "limits");
    out->body = body;
    return 0;
}

/* --- tenants ---------------------------------------------------------------------------------- */

static int check_issuer(struct config_tenant *tenant, struct error *err)
{
    if (!tenant->issuer)
        return error_set(err, ERROR_INVALID, "the key \"issuer\" is missing");
    if (!text_starts_with(tenant->issuer, "https://") &&
        !text_starts_with(tenant->issuer, "http://"))
        return error_set(err, ERROR_INVALID, "issuer \"%s\" is no URL", tenant->issuer);
    if (text_ends_with(tenant->issuer, "/"))
        return error_set(err, ERROR_INVALID, "issuer \"%s\" ends with a slash", tenant->issuer);
    return 0;
}

static int read_hosts(const json_t *object, struct config_tenant *tenant, struct error *err)
{
    json_t *hosts;
    if (json_find_array(object, "hosts", &hosts, err) < 0)
        return -1;
    for (size_t i = 0; hosts && i < json_array_size(hosts); i++) {
        const char *host;
        if (i == CONFIG_HOSTS_MAX)
            return error_set(err, ERROR_LIMIT, "hosts: at most %d are taken", CONFIG_HOSTS_MAX);
        if (json_text_at(hosts, i, "hosts", &host, err) < 0)
            return -1;
        tenant->hosts[i] = text_format("%s", host);
        if (!tenant->hosts[i])
            return error_memory(err);
        tenant->host_count++;
    }
    return 0;
}

/* SHA-256 of client certificates in DER. */
static int read_administrators(const json_t *object, struct config_tenant *tenant,
                               struct error *err)
{
    json_t *list;
    if (json_find_array(object, "administrators", &list, err) < 0)
        return -1;
    for (size_t i = 0; list && i < json_array_size(list); i++) {
        const char *text;
        if (i == CONFIG_ADMINISTRATORS_MAX)
            return error_set(err, ERROR_LIMIT, "administrators: at most %d are taken",
                             CONFIG_ADMINISTRATORS_MAX);
        if (json_text_at(list, i, "administrators", &text, err) < 0)
            return -1;
        if (!hex_decode(span_of_text(text), tenant->administrators[i], SHA256_SIZE))
            return error_set(err, ERROR_INVALID,
                             "administrators: \"%s\" is no SHA-256 of a certificate in hex", text);
        tenant->administrator_count++;
    }
    return 0;
}

static int read_authority(const json_t *object, const char *folder, struct config_authority *out,
                          struct error *err)
{
    static const char *const known[] = {"issuer", "keys", "ca", "audience", NULL};
    if (!json_is_object(object))
        return error_set(err, ERROR_INVALID, "it is %s", json_kind(object));
    if (json_check_keys(object, known, err) < 0 ||
        json_copy_text(object, "issuer", &out->issuer, err) < 0 ||
        config_read_keys(object, folder, &out->keys, err) < 0 ||
        json_copy_text(object, "audience", &out->audience, err) < 0)
        return -1;
    return out->issuer ? 0 : error_set(err, ERROR_INVALID, "the key \"issuer\" is missing");
}

static int read_authorities(const json_t *object, const char *folder, struct config_tenant *tenant,
                            struct error *err)
{
    json_t *list;
    if (json_find_array(object, "authorities", &list, err) < 0)
        return -1;
    if (json_array_size(list) > CONFIG_AUTHORITIES_MAX)
        return error_set(err, ERROR_LIMIT, "authorities: at most %d are taken",
                         CONFIG_AUTHORITIES_MAX);
    for (size_t i = 0; i < json_array_size(list); i++) {
        tenant->authority_count++;
        if (read_authority(json_array_get(list, i), folder, &tenant->authorities[i], err) < 0)
            return error_context(err, "authorities: number %zu", i + 1);
    }
    return 0;
}

static int read_algorithm(const json_t *object, enum signature_scheme *out, struct error *err)
{
    const char *name = NULL;
    *out = SIGNATURE_RS256;
    if (json_find_text(object, "token_algorithm", &name, err) < 0)
        return -1;
    if (name && !signing_find_scheme(span_of_text(name), out))
        return error_set(err, ERROR_INVALID, "token_algorithm is \"%s\", not RS256, ES384 or ES256",
                         name);
    return 0;
}

static int read_tenant(const json_t *object, const char *folder, struct config_tenant *tenant,
                       struct error *err)
{
    static const char *const known[] = {
        "name",        "issuer",         "hosts",           "administrators",
        "authorities", "policy_signers", "token_algorithm", "oidc",
        NULL};
    if (!json_is_object(object))
        return error_set(err, ERROR_INVALID, "it is %s", json_kind(object));
    if (json_check_keys(object, known, err) < 0 ||
        json_copy_text(object, "name", &tenant->name, err) < 0 ||
        json_copy_text(object, "issuer", &tenant->issuer, err) < 0 ||
        check_issuer(tenant, err) < 0 || read_hosts(object, tenant, err) < 0 ||
        read_administrators(object, tenant, err) < 0 ||
        read_authorities(object, folder, tenant, err) < 0 ||
        config_read_oidc(object, folder, tenant, err) < 0 ||
        config_copy_path(object, "policy_signers", folder, &tenant->policy_signers, err) < 0 ||
        read_algorithm(object, &tenant->token_scheme, err) < 0)
        return -1;
    if (!tenant->name || strlen(tenant->name) > CONFIG_TENANT_NAME_MAX ||
        strspn(tenant->name, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(tenant->name))
        return error_set(err, ERROR_INVALID,
                         "a name of small letters, digits and dashes is needed");
    return 0;
}

/* Two tenants of one issuer could speak for each other. */
static bool same_issuer(const struct config_tenant *a, const struct config_tenant *b)
{
    return strcasecmp(a->issuer, b->issuer) == 0;
}

static int check_tenants(const struct config *config, struct error *err)
{
    size_t without_hosts = 0;
    for (size_t i = 0; i < config->tenant_count; i++) {
        const struct config_tenant *tenant = &config->tenants[i];
        without_hosts += tenant->host_count == 0;
        if (strcmp(tenant->name, CONFIG_OWN_TENANT) == 0)
            return error_set(err, ERROR_INVALID, "tenants: the name \"%s\" is taken", tenant->name);
        for (size_t k = 0; k < i; k++) {
            if (strcmp(config->tenants[k].name, tenant->name) == 0)
                return error_set(err, ERROR_INVALID, "tenants: \"%s\" is there twice",
                                 tenant->name);
            if (same_issuer(&config->tenants[k], tenant))
                return error_set(err, ERROR_INVALID,
                                 "tenants: \"%s\" and \"%s\" have the same issuer",
                                 config->tenants[k].name, tenant->name);
        }
    }
    if (without_hosts > 1)
        return error_set(err, ERROR_INVALID,
                         "tenants: only one may be without hosts: all other requests are its own");
    return 0;
}

static int read_tenants(const json_t *object, const char *folder, struct config *out,
                        struct error *err)
{
    json_t *tenants;
    if (json_get_array(object, "tenants", &tenants, err) < 0)
        return -1;
    if (json_array_size(tenants) == 0 || json_array_size(tenants) > CONFIG_TENANTS_MAX)
        return error_set(err, ERROR_INVALID, "tenants: 1 to %d are taken", CONFIG_TENANTS_MAX);
    for (size_t i = 0; i < json_array_size(tenants); i++) {
        out->tenant_count++;
        if (read_tenant(json_array_get(tenants, i), folder, &out->tenants[i], err) < 0)
            return error_context(err, "tenants: number %zu", i + 1);
    }
    return check_tenants(out, err);
}

const struct config_tenant *config_find_tenant(const struct config *config, struct span host)
{
    const struct config_tenant *other = NULL;
    const uint8_t *colon = host.size > 0 ? memrchr(host.data, ':', host.size) : NULL;
    if (colon && !memchr(colon, ']', (size_t)(host.data + host.size - colon)))
        host.size = (size_t)(colon - host.data);
    for (size_t i = 0; i < config->tenant_count; i++) {
        const struct config_tenant *tenant = &config->tenants[i];
        if (tenant->host_count == 0)
            other = tenant;
        for (size_t k = 0; k < tenant->host_count; k++) {
            if (strlen(tenant->hosts[k]) == host.size &&
                strncasecmp(tenant->hosts[k], (const char *)host.data, host.size) == 0)
                return tenant;
        }
    }
    return other;
}

/* --- whole ------------------------------------------------------------------------------------ */

static int read_object(const json_t *object, const char *folder, struct config *out,
                       struct error *err)
{
    static const char *const known[] = {"listen",        "workers", "state", "master",
                                        "master_before", "tls",     "trust", "evidence",
                                        "limits",        "tenants", NULL};
    out->workers = 2;
    if (json_check_keys(object, known, err) < 0 || read_listen(object, out, err) < 0 ||
        find_count(object, "workers", 1, WORKERS_MAX, &out->workers, err) < 0 ||
        config_copy_path(object, "state", folder, &out->state, err) < 0 ||
        read_tls(object, folder, out, err) < 0 || read_trust(object, folder, out, err) < 0 ||
        read_evidence(object, out, err) < 0 || read_limits(object, &out->limits, err) < 0)
        return -1;
    if (!out->state)
        return error_set(err, ERROR_INVALID,
                         "the key \"state\" is missing: a folder for the store");
    if (config_read_masters(object, folder, out, err) < 0)
        return -1;
    if (read_tenants(object, folder, out, err) < 0)
        return -1;
    for (size_t i = 0; i < out->tenant_count && !out->client_roots; i++) {
        if (out->tenants[i].administrator_count > 0)
            return error_set(err, ERROR_INVALID,
                             "tenants: administrators show certificates: tls needs client_roots");
    }
    return 0;
}

int config_read(struct span text, const char *folder, struct config *out, struct error *err)
{
    static const struct yaml_limits limits = {.size = CONFIG_SIZE_MAX, .depth = 8, .nodes = 10000};
    *out = (struct config){0};
    json_auto_t *documents = yaml_read(text, &limits, err);
    if (!documents)
        return -1;
    const json_t *object = json_array_get(documents, 0);
    if (json_array_size(documents) != 1 || !json_is_object(object))
        return error_set(err, ERROR_INVALID, "one mapping is expected");
    return read_object(object, folder, out, err);
}

void config_fini(struct config *config)
{
    char *const texts[] = {config->address,    config->state,     config->tls_certificate,
                           config->tls_key,    config->simulated, config->client_roots,
                           config->uvm_issuer, config->uvm_feed,  config->collateral,
                           config->evidence};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        free(texts[i]);
    master_fini(&config->master);
    master_fini(&config->before);
    for (size_t i = 0; i < config->tenant_count; i++) {
        free(config->tenants[i].name);
        free(config->tenants[i].issuer);
        free(config->tenants[i].policy_signers);
        for (size_t k = 0; k < config->tenants[i].authority_count; k++) {
            free(config->tenants[i].authorities[k].issuer);
            config_free_keys(&config->tenants[i].authorities[k].keys);
            free(config->tenants[i].authorities[k].audience);
        }
        config_free_oidc(&config->tenants[i]);
        for (size_t k = 0; k < config->tenants[i].host_count; k++)
            free(config->tenants[i].hosts[k]);
    }
    *config = (struct config){0};
}

void config_free(struct config *config)
{
    if (config)
        config_fini(config);
    free(config);
}
