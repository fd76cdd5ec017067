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
    struct call call = {.service = service, .request = request, .now = (int64_t)time(NULL)};
    service_answer(&call, answer);
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

/* Of a simulated processor's folder: AMD's kind, Intel's kind. */
static const char *const root_files[] = {"ark.pem", "root.pem"};

static int read_root(struct service *service, const char *path, struct error *err)
{
    BUF_AUTO bytes = BUF_WITH_LIMIT(65536);
    struct trusted_root *root = &service->roots[service->root_count];
    if (file_read(path, &bytes, err) < 0)
        return -1;
    if (trusted_root_read(buf_span(&bytes), root, NULL, err) < 0)
        return error_context(err, "%s", path);
    if (!root->simulated)
        return error_set(err, ERROR_REFUSED, "%s is not the root of a simulated processor", path);
    service->root_count++;
    return 0;
}

static int read_simulated(struct service *service, struct error *err)
{
    const char *folder = service->config->simulated;
    for (size_t i = 0; folder && i < sizeof root_files / sizeof root_files[0]; i++) {
        struct error own = {0};
        TEXT_AUTO path = text_format("%s/%s", folder, root_files[i]);
        if (!path)
            return error_memory(err);
        if (read_root(service, path, &own) < 0 && own.code != ERROR_NOT_FOUND)
            return error_set(err, own.code, "%s", own.text);
    }
    if (folder && service->root_count == 0)
        return error_set(err, ERROR_NOT_FOUND, "%s has neither %s nor %s", folder, root_files[0],
                         root_files[1]);
    return 0;
}

/* Opens the master key, and seals anew what is sealed for the one before. */
static int open_vault(struct service *service, bool *made, struct error *err)
{
    size_t count = 0;
    service->vault = vault_open(&service->config->master, made, err);
    if (!service->vault || !service->config->changes_master)
        return service->vault ? 0 : -1;
    VAULT_AUTO before = vault_open_known(&service->config->before, err);
    if (!before || reseal(service->store, service->config, before, service->vault, &count, err) < 0)
        return -1;
    log_info("%zu records were sealed anew for the master key: take master_before out", count);
    return 0;
}

static int open_signing(struct service *service, struct error *err)
{
    service->own.url = service->config->evidence;
    service->own.chains = service->chains;
    service->signing = signing_open(service->store, service->vault,
                                    service->own.url ? &service->own : NULL, (int64_t)time(NULL),
                                    err);
    return service->signing ? 0 : -1;
}

static int open_parts(struct service *service, bool *made, struct error *err)
{
    const char *state = service->config->state;
    TEXT_AUTO store = text_format("%s/store", state);
    if (!store)
        return error_memory(err);
    if (dir_make_all(state, 0700, err) < 0)
        return -1;
    service->store = database_open(store, err);
    service->recent = recent_new(service->config->tenant_count, err);
    service->sessions = service->recent ? sessions_new(err) : NULL;
    if (!service->sessions)
        return -1;
    if (!service->store || open_vault(service, made, err) < 0)
        return -1;
    if (read_simulated(service, err) < 0)
        return -1;
    service->chains = snp_chains_new(service->roots, service->root_count, err);
    if (!service->chains || open_signing(service, err) < 0)
        return -1;
    service->collaterals = service->chains
                               ? collaterals_open(service->config->collateral, service->roots,
                                                  service->root_count, err)
                               : NULL;
    service->policies = service->collaterals ? policies_new(service->store, err) : NULL;
    service->refusals = service->policies ? refusals_new(err) : NULL;
    service->signers = service->refusals ? signers_open(service->config, service->store, err)
                                         : NULL;
    service->authorities = service->signers ? authorities_open(service->config, err) : NULL;
    service->kbs = service->authorities ? kbs_sessions_new(err) : NULL;
    service->metrics = service->kbs ? metrics_new(err) : NULL;
    service->oidc = service->metrics ? oidc_open(service->config, err) : NULL;
    return service->oidc ? 0 : -1;
}

struct service *service_open(const struct config *config, service_post *post, bool *made,
                             struct error *err)
{
    struct service *service = calloc(1, sizeof *service);
    if (!service) {
        (void)error_memory(err);
        return NULL;
    }
    service->config = config;
    service->own.post = post;
    *made = false;
    if (open_parts(service, made, err) == 0)
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
    authorities_close(service->authorities);
    oidc_close(service->oidc);
    signers_close(service->signers);
    refusals_free(service->refusals);
    policies_free(service->policies);
    collaterals_close(service->collaterals);
    snp_chains_free(service->chains);
    signing_close(service->signing);
    sessions_free(service->sessions);
    recent_free(service->recent);
    vault_close(service->vault);
    database_close(service->store);
    free(service);
}

int service_refresh(struct service *service, struct error *err)
{
    if (collaterals_refresh(service->collaterals, err) < 0 ||
        service_note_counted(service, (int64_t)time(NULL), err) < 0)
        return -1;
    return signing_refresh(service->signing, (int64_t)time(NULL), err);
}

void service_refresh_issuers(struct service *service, service_fetch *fetch)
{
    oidc_refresh(service->oidc, fetch, (int64_t)time(NULL));
}
