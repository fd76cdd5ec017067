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

static void on_answer(void *context, const struct server_request *request,
                      struct server_answer *answer)
{
    struct service *service = context;
    char who[SESSION_NAME_SIZE] = "";
    struct call call = {
        .service = service, .request = request, .now = (int64_t)time(NULL), .who = who};
    (void)pthread_rwlock_rdlock(&service->lock);
    service_answer(&call, answer);
    (void)pthread_rwlock_unlock(&service->lock);
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
    service->own.url = service->settings.config->evidence;
    service->own.chains = service->settings.chains;
    service->signing = signing_open(service->store, service->vault,
                                    service->own.url ? &service->own : NULL, (int64_t)time(NULL),
                                    err);
    return service->signing ? 0 : -1;
}

static int open_parts(struct service *service, const struct config *config, bool *made,
                      struct error *err)
{
    const char *state = config->state;
    TEXT_AUTO store = text_format("%s/store", state);
    if (!store)
        return error_memory(err);
    if (dir_make_all(state, 0700, err) < 0)
        return -1;
    service->store = database_open(store, err);
    service->recent = recent_new(config->tenant_count, err);
    service->sessions = service->recent ? sessions_new(err) : NULL;
    if (!service->sessions)
        return -1;
    if (!service->store || open_vault(service, config, made, err) < 0)
        return -1;
    if (settings_open(&service->settings, config, service->store, err) < 0 ||
        open_signing(service, err) < 0)
        return -1;
    service->policies = policies_new(service->store, err);
    service->refusals = service->policies ? refusals_new(err) : NULL;
    service->kbs = service->refusals ? kbs_sessions_new(err) : NULL;
    service->metrics = service->kbs ? metrics_new(err) : NULL;
    return service->metrics ? 0 : -1;
}

/* Writers first: a reload waits for the requests that have begun, and for no others. */
static int init_lock(pthread_rwlock_t *lock)
{
    pthread_rwlockattr_t how;
    if (pthread_rwlockattr_init(&how) != 0)
        return -1;
    int result = pthread_rwlockattr_setkind_np(&how, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    if (result == 0)
        result = pthread_rwlock_init(lock, &how);
    (void)pthread_rwlockattr_destroy(&how);
    return result;
}

struct service *service_open(const struct config *config, service_post *post, bool *made,
                             struct error *err)
{
    struct service *service = calloc(1, sizeof *service);
    if (!service || init_lock(&service->lock) != 0) {
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
    settings_close(&service->settings);
    vault_close(service->vault);
    database_close(service->store);
    (void)pthread_rwlock_destroy(&service->lock);
    free(service);
}

static void set_recent(struct service *service, const struct config *config)
{
    const char *names[CONFIG_TENANTS_MAX];
    for (size_t i = 0; i < config->tenant_count; i++)
        names[i] = config->tenants[i].name;
    recent_set_tenants(service->recent, names, config->tenant_count);
}

int service_reload(struct service *service, const struct config *config, struct error *err)
{
    struct settings next;
    if (config_check_change(service->settings.config, config, err) < 0)
        return -1;
    if (settings_open(&next, config, service->store, err) < 0) {
        settings_close(&next);
        return -1;
    }
    (void)pthread_rwlock_wrlock(&service->lock);
    struct settings before = service->settings;
    settings_adopt(&next, &before);
    service->settings = next;
    service->own.chains = next.chains;
    (void)pthread_rwlock_unlock(&service->lock);
    set_recent(service, config);
    sessions_end_without_certificate(service->sessions);
    settings_close(&before);
    return 0;
}

int service_refresh(struct service *service, struct error *err)
{
    if (collaterals_refresh(service->settings.collaterals, err) < 0 ||
        snp_files_refresh(service->settings.files, err) < 0 ||
        service_note_counted(service, (int64_t)time(NULL), err) < 0)
        return -1;
    return signing_refresh(service->signing, (int64_t)time(NULL), err);
}

void service_refresh_issuers(struct service *service, service_fetch *fetch)
{
    int64_t now = (int64_t)time(NULL);
    oidc_refresh(service->settings.oidc, fetch, now);
    authorities_refresh(service->settings.authorities, fetch, now);
}
