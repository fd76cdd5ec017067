#include "service/service.h"

#include <stdlib.h>
#include <time.h>

#include "base/log.h"
#include "base/text.h"
#include "format/json.h"
#include "os/file.h"
#include "service/authorities.h"
#include "service/kbs_sessions.h"
#include "service/metrics.h"
#include "service/oidc.h"
#include "service/reseal.h"
#include "service/service_parts.h"

/* --- the server's owner ----------------------------------------------------------------------- */

static struct settings *hold_settings(struct service *service)
{
    (void)pthread_mutex_lock(&service->mutex);
    struct settings *settings = settings_hold(service->settings);
    (void)pthread_mutex_unlock(&service->mutex);
    return settings;
}

static void on_answer(void *context, const struct server_request *request,
                      struct server_answer *answer)
{
    struct service *service = context;
    char who[SESSION_NAME_SIZE] = "";
    struct settings *settings = hold_settings(service);
    struct call call = {.service = service,
                        .settings = settings,
                        .request = request,
                        .now = (int64_t)time(NULL),
                        .who = who};
    service_answer(&call, answer);
    settings_release(settings);
    if (answer->status == 0)
        answer_error(answer, HTTP_SERVER_ERROR, NULL, "nothing answered");
    atomic_fetch_add(&service->requests, 1);
    if (answer->status >= HTTP_BAD_REQUEST)
        atomic_fetch_add(&service->refused, 1);
}

static void on_settle(void *context, struct server_answer *const answers[], size_t count)
{
    service_settle(context, answers, count);
}

/* A line of JSON a request, without its query, headers and body. */
static void on_log(void *context, const char *peer, const char *method, const char *path,
                   enum http_status status, uint64_t microseconds)
{
    BUF_AUTO line = BUF_WITH_LIMIT(16384);
    service_observe(context, method, path, microseconds);
    json_auto_t *entry = json_pack("{s:s, s:s, s:s, s:i, s:I}", "peer", peer, "method", method,
                                   "path", path, "status", (int)status, "microseconds",
                                   (json_int_t)microseconds);
    if (entry && json_append(entry, &line, NULL) == 0)
        log_info("%s", buf_text(&line));
}

struct server_owner service_owner(struct service *service)
{
    return (struct server_owner){on_answer, on_settle, on_log, service};
}

/* --- life ------------------------------------------------------------------------------------- */

/* Opens the master key, and seals anew what is sealed for the one before. */
static int open_vault(struct service *service, const struct config *config, bool *made,
                      struct error *err)
{
    size_t count = 0;
    service->vault = vault_open(&config->master, made, err);
    if (!service->vault || !config->changes_master)
        return service->vault ? 0 : -1;
    VAULT_AUTO before = vault_open_known(&config->before, err);
    if (!before || reseal(service->store, config, before, service->vault, &count, err) < 0)
        return -1;
    log_info("%zu records were sealed anew for the master key: take master_before out", count);
    return 0;
}

static int open_signing(struct service *service, struct error *err)
{
    service->own.url = service->settings->config->evidence;
    service->own.chains = service->settings->chains;
    service->signing = signing_open(service->store, service->vault,
                                    service->own.url ? &service->own : NULL, (int64_t)time(NULL),
                                    err);
    return service->signing ? 0 : -1;
}

static int open_store(struct service *service, const char *state, struct error *err)
{
    TEXT_AUTO store = text_format("%s/store", state);
    if (!store)
        return error_memory(err);
    if (dir_make_all(state, 0700, err) < 0)
        return -1;
    service->store = database_open(store, err);
    return service->store ? 0 : -1;
}

/* Takes the configuration. */
static int open_settings(struct service *service, struct config *config, struct error *err)
{
    if (open_store(service, config->state, err) < 0) {
        config_free(config);
        return -1;
    }
    service->settings = settings_new(config, service->store, err);
    return service->settings ? 0 : -1;
}

static int open_parts(struct service *service, struct config *config, bool *made, struct error *err)
{
    if (open_settings(service, config, err) < 0 || open_vault(service, config, made, err) < 0)
        return -1;
    service->recent = recent_new(config->tenant_count, err);
    service->sessions = service->recent ? sessions_new(err) : NULL;
    if (!service->sessions || open_signing(service, err) < 0)
        return -1;
    service->policies = policies_new(service->store, err);
    service->refusals = service->policies ? refusals_new(err) : NULL;
    service->kbs = service->refusals ? kbs_sessions_new(err) : NULL;
    service->metrics = service->kbs ? metrics_new(err) : NULL;
    return service->metrics ? 0 : -1;
}

struct service *service_open(struct config *config, service_post *post, bool *made,
                             struct error *err)
{
    struct service *service = calloc(1, sizeof *service);
    if (!service || pthread_mutex_init(&service->mutex, NULL) != 0) {
        config_free(config);
        free(service);
        (void)error_memory(err);
        return NULL;
    }
    service->own.post = post;
    *made = false;
    if (open_parts(service, config, made, err) == 0)
        return service;
    service_close(service);
    return NULL;
}

/* What strangers were refused and has no entry yet is not lost. */
static void note_last_counts(struct service *service)
{
    struct error err = {0};
    if (service->refusals && service_note_counted(service, INT64_MAX, &err) < 0)
        log_error("%s", err.text);
}

void service_close(struct service *service)
{
    if (!service)
        return;
    note_last_counts(service);
    metrics_free(service->metrics);
    kbs_sessions_free(service->kbs);
    refusals_free(service->refusals);
    policies_free(service->policies);
    signing_close(service->signing);
    sessions_free(service->sessions);
    recent_free(service->recent);
    settings_release(service->settings);
    vault_close(service->vault);
    database_close(service->store);
    (void)pthread_mutex_destroy(&service->mutex);
    free(service);
}

static void set_recent(struct service *service, const struct config *config)
{
    const char *names[CONFIG_TENANTS_MAX];
    for (size_t i = 0; i < config->tenant_count; i++)
        names[i] = config->tenants[i].name;
    recent_set_tenants(service->recent, names, config->tenant_count);
}

int service_reload(struct service *service, struct config *config, struct error *err)
{
    struct settings *before = service->settings;
    if (config_check_change(before->config, config, err) < 0) {
        config_free(config);
        return -1;
    }
    struct settings *next = settings_new(config, service->store, err);
    if (!next)
        return -1;
    settings_follow(next, before);
    (void)pthread_mutex_lock(&service->mutex);
    service->settings = next;
    (void)pthread_mutex_unlock(&service->mutex);
    service->own.chains = next->chains;
    set_recent(service, config);
    sessions_end_without_certificate(service->sessions, next->generation);
    settings_release(before);
    return 0;
}

int service_refresh(struct service *service, struct error *err)
{
    if (collaterals_refresh(service->settings->collaterals, err) < 0 ||
        snp_files_refresh(service->settings->files, err) < 0 ||
        service_note_counted(service, (int64_t)time(NULL), err) < 0)
        return -1;
    return signing_refresh(service->signing, (int64_t)time(NULL), err);
}

void service_refresh_issuers(struct service *service, service_fetch *fetch)
{
    int64_t now = (int64_t)time(NULL);
    oidc_refresh(service->settings->oidc, fetch, now);
    authorities_refresh(service->settings->authorities, fetch, now);
}
