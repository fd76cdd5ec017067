#include "cli/serve_local.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/serve_tls.h"
#include "cli/service_file.h"
#include "format/json_string.h"
#include "image/store.h"
#include "os/file.h"
#include "vm/psp.h"

#define ADMINISTRATOR "administrator.pem"

/* What the configuration is made of. */
struct local {
    const char *folder;
    const char *listen;
    const char *port;      /* of `listen` */
    const char *simulated; /* folder of a simulated processor, or NULL */
    char administrator[2 * SHA256_SIZE + 1];
};

static int append_quoted(struct buf *out, const char *before, const char *text, const char *after,
                         struct error *err)
{
    if (buf_append_text(out, before, err) < 0 ||
        json_append_string(out, span_of_text(text), err) < 0) /* JSON's text is YAML's */
        return -1;
    return buf_append_text(out, after, err);
}

static int write_config(const struct local *local, struct buf *out, struct error *err)
{
    if (append_quoted(out, "listen: ", local->listen, "\nstate: state\n", err) < 0 ||
        buf_append_text(out, "tls: {client_roots: " ADMINISTRATOR "}\n", err) < 0 ||
        (local->simulated &&
         append_quoted(out, "trust: {simulated: ", local->simulated, "}\n", err) < 0))
        return -1;
    return buf_printf(out, err,
                      "tenants:\n- {name: local, issuer: 'https://localhost:%s', administrators: "
                      "['%s']}\n",
                      local->port, local->administrator);
}

/* For this user's other commands. */
static int write_client_file(const struct local *local, struct error *err)
{
    bool written;
    TEXT_AUTO path = NULL;
    SERVICE_FILE_AUTO file = {
        .service = text_format("https://localhost:%s", local->port),
        .client = text_format("%s/" ADMINISTRATOR, local->folder),
        .tls_ca = text_format("%s/state/development.pem", local->folder),
    };
    if (!file.service || !file.client || !file.tls_ca)
        return error_memory(err);
    if (service_file_path(&path, err) < 0 || service_file_write(&file, &written, err) < 0)
        return -1;
    if (written)
        log_info("%s: this user's commands find the service by it", path);
    else
        log_warning("%s names another service, and stays as it is: say --service %s --client %s "
                    "--tls-ca %s",
                    path, file.service, file.client, file.tls_ca);
    return 0;
}

static int make_administrator(struct local *local, struct error *err)
{
    bool made;
    uint8_t digest[SHA256_SIZE];
    TEXT_AUTO path = text_format("%s/" ADMINISTRATOR, local->folder);
    if (!path)
        return error_memory(err);
    if (serve_client_certificate(path, &made, digest, err) < 0)
        return -1;
    hex_encode(span_of(digest, sizeof digest), local->administrator);
    if (made)
        log_info("made an administrator's certificate and key, %s: who has it may set secrets, "
                 "rules and policies",
                 path);
    return 0;
}

static int read_options(const struct args *args, struct local *local, struct error *err)
{
    const char *listen = args_get(args, "listen");
    local->listen = listen ? listen : SERVE_LOCAL_LISTEN;
    local->simulated = args_get(args, "trust-simulated");
    const char *colon = strrchr(local->listen, ':');
    uint64_t port;
    if (!colon || !text_to_u64(colon + 1, 65535, &port) || port == 0)
        return error_set(err, ERROR_USAGE, "--listen %.64s: an address, a colon and a port",
                         local->listen);
    local->port = colon + 1;
    return 0;
}

/* The folder's absolute path. The processor is made where there is none: the first machine that
 * runs by it finds it then. */
static char *find_processor(const char *folder, struct error *err)
{
    struct psp *psp = psp_open(folder, err);
    if (!psp)
        return NULL;
    psp_close(psp);
    char *path = realpath(folder, NULL);
    if (!path)
        (void)error_system(err, errno, "%s", folder);
    return path;
}

int serve_local_prepare(const struct args *args, struct buf *text, char **folder, struct error *err)
{
    struct local local = {0};
    TEXT_AUTO simulated = NULL;
    STORE_AUTO store = NULL;
    if (read_options(args, &local, err) < 0)
        return -1;
    store = store_open(NULL, err);
    *folder = store ? text_format("%s/service", store_folder(store)) : NULL;
    if (!*folder)
        return store ? error_memory(err) : -1;
    if (dir_make_all(*folder, 0700, err) < 0 || dir_make_absolute(folder, err) < 0)
        return -1;
    local.folder = *folder;
    if (local.simulated) {
        log_info(
            "opening the simulated processor in %s: where it is new, its keys take some seconds",
            local.simulated);
        simulated = find_processor(local.simulated, err);
        if (!simulated)
            return error_context(err, "--trust-simulated");
        local.simulated = simulated;
    }
    log_info("a service for this machine alone; its state is in %s", local.folder);
    if (make_administrator(&local, err) < 0 || write_client_file(&local, err) < 0)
        return -1;
    return write_config(&local, text, err);
}
