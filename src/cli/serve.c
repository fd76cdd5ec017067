/* `caisson serve`, and caisson-attestd: the attestation and key release service. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/fetch.h"
#include "cli/serve_local.h"
#include "cli/serve_tls.h"
#include "os/file.h"
#include "service/json_wipe.h"
#include "service/service.h"

#define REFRESH_SECONDS  3600
#define ISSUERS_SECONDS  5  /* how soon keys that are due are fetched */
#define FETCH_SECONDS    5  /* for one try */
#define EVIDENCE_SECONDS 30 /* the same, of the attestation agent, whose processor signs */

static const struct option_rule options[] = {
    {.name = "config", .operand = "FILE", .help = "The configuration, as docs/service.md has it"},
    {.name = "listen",
     .operand = "ADDRESS:PORT",
     .help = "Without a configuration: where to listen (default: " SERVE_LOCAL_LISTEN ")"},
    {.name = "trust-simulated",
     .operand = "DIR",
     .help = "Without a configuration: accept evidence of the simulated processor in DIR, which "
             "proves nothing"},
    {.name = "check", .help = "Read the configuration, say what is wrong with it, and end"},
    {0},
};

/* What runs, and what it runs by. */
struct serving {
    struct config *config; /* the service's, once it is open */
    struct service *service;
    struct tls_server *tls; /* NULL: plain HTTP */
    struct server *server;
};

static int read_file(const char *path, struct config *config, struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(CONFIG_SIZE_MAX);
    TEXT_AUTO folder = text_format("%s", path);
    if (!folder)
        return error_memory(err);
    char *slash = strrchr(folder, '/');
    if (slash)
        *(slash == folder ? slash + 1 : slash) = '\0';
    if (file_read(path, &text, err) < 0)
        return -1;
    if (config_read(buf_span(&text), slash ? folder : ".", config, err) < 0)
        return error_context(err, "%s", path);
    return 0;
}

static int read_config(const struct args *args, struct config *config, struct error *err)
{
    const char *path = args_get(args, "config");
    BUF_AUTO text = BUF_WITH_LIMIT(CONFIG_SIZE_MAX);
    TEXT_AUTO folder = NULL;
    if (path && (args_has(args, "listen") || args_has(args, "trust-simulated")))
        return error_set(err, ERROR_USAGE,
                         "--listen and --trust-simulated are the configuration's to say");
    if (path)
        return read_file(path, config, err);
    if (args_has(args, "check"))
        return error_set(err, ERROR_USAGE, "--check is of a configuration: --config FILE");
    if (serve_local_prepare(args, &text, &folder, err) < 0)
        return -1;
    return config_read(buf_span(&text), folder, config, err);
}

static int post(const char *url, struct span body, struct buf *out, struct error *err)
{
    struct fetch_options how = {.time_limit = EVIDENCE_SECONDS, .json = body};
    return fetch_document(url, &how, out, err);
}

static void warn_of_simulation(const struct config *config)
{
    if (config->simulated)
        log_warning("SIMULATED evidence is accepted, of the processor in %s: it proves nothing",
                    config->simulated);
}

static int start(struct serving *serving, struct error *err)
{
    struct config *config = serving->config;
    bool made;
    serving->service = service_open(config, post, &made, err);
    if (!serving->service) {
        serving->config = NULL;
        return -1;
    }
    if (made)
        log_warning("made a master key in %s: keep a copy; without it nothing sealed can be read",
                    config->state);
    warn_of_simulation(config);
    if (!config->plain && serve_tls_open(config, &serving->tls, err) < 0)
        return -1;
    struct server_owner owner = service_owner(serving->service);
    serving->server = server_start(config->address, config->port, serving->tls, config->workers,
                                   &config->limits, &owner, err);
    if (!serving->server)
        return -1;
    log_info("listening on %s, port %u", config->address, server_port(serving->server));
    return 0;
}

static struct config *make_config(const struct args *args, struct error *err)
{
    struct config *config = calloc(1, sizeof *config);
    if (!config) {
        (void)error_memory(err);
        return NULL;
    }
    if (read_config(args, config, err) == 0)
        return config;
    config_free(config);
    return NULL;
}

/* Goes on by `next`, which it takes. The last step that may fail is the one that changes nothing
 * where it does. */
static int change(struct serving *serving, struct config *next, struct error *err)
{
    struct tls_server *tls = NULL;
    if (config_check_change(serving->config, next, err) < 0 ||
        (serving->tls && serve_tls_open(next, &tls, err) < 0)) {
        config_free(next);
        return -1;
    }
    if (service_reload(serving->service, next, err) < 0) {
        tls_server_free(tls);
        return -1;
    }
    serving->config = next;
    if (tls)
        server_set_tls(serving->server, tls);
    tls_server_free(serving->tls);
    serving->tls = tls;
    return 0;
}

/* A configuration that cannot be used, or of which something cannot change, leaves the old one. */
static void reload(struct serving *serving, const struct args *args)
{
    struct error err = {0};
    struct config *next = make_config(args, &err);
    if (!next || change(serving, next, &err) < 0) {
        log_error("the configuration stays as it is: %s", err.text);
        return;
    }
    warn_of_simulation(next);
    if (server_set_limits(serving->server, &next->limits, &err) < 0)
        log_error("the limits stay as they are: %s", err.text);
    log_info("read the configuration again");
}

static int fetch(const char *url, const char *ca, struct buf *out, struct error *err)
{
    struct fetch_options how = {.tls_ca = ca, .time_limit = FETCH_SECONDS};
    return fetch_document(url, &how, out, err);
}

static time_t seconds_now(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

/* Until a signal ends it. */
static void wait_for_end(struct serving *serving, const struct args *args, const sigset_t *signals)
{
    struct timespec wait = {.tv_sec = ISSUERS_SECONDS};
    time_t refreshed = seconds_now();
    for (;;) {
        struct error err = {0};
        service_refresh_issuers(serving->service, fetch);
        int got = sigtimedwait(signals, NULL, &wait);
        if (got == SIGTERM || got == SIGINT)
            return;
        if (got == SIGHUP)
            reload(serving, args);
        if (got != SIGHUP && seconds_now() < refreshed + REFRESH_SECONDS)
            continue;
        refreshed = seconds_now();
        if (service_refresh(serving->service, &err) < 0)
            log_error("%s", err.text);
    }
}

static void stop(struct serving *serving)
{
    server_stop(serving->server);
    if (!serving->service)
        config_free(serving->config);
    service_close(serving->service);
    tls_server_free(serving->tls);
}

static int run(const struct args *args, struct error *err)
{
    struct serving serving = {0};
    sigset_t signals;
    json_wipe_what_is_freed();
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &signals, NULL);
    serving.config = make_config(args, err);
    int result = serving.config ? 0 : -1;
    if (result == 0 && !args_has(args, "check")) {
        result = start(&serving, err);
        if (result == 0)
            wait_for_end(&serving, args, &signals);
    }
    stop(&serving);
    return result < 0 ? -1 : EXIT_OK;
}

const struct command command_serve = {
    .name = "serve",
    .operands = "",
    .summary = "Turn evidence into tokens",
    .description =
        "Runs the attestation service in the foreground: clients of Microsoft Azure Attestation's "
        "interface send evidence, and get a signed token where it holds and the policy permits it. "
        "Guests of Confidential Containers get the secrets that rules let them have. Every "
        "decision is written to an audit log before it is answered.\n\n"
        "Without --config it serves this machine alone: it makes a development certificate and an "
        "administrator's in the store's folder (~/.local/share/caisson/service), and writes "
        "~/.config/caisson/service.yaml, by which this user's other commands find it.\n\n"
        "SIGTERM and SIGINT end it once all requests that have begun are answered; SIGHUP reads "
        "the configuration again. caisson-attestd is this command under its own name.",
    .options = options,
    .run = run,
};
