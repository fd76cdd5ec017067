#include "service/settings.h"

#include <stdlib.h>

#include "base/text.h"
#include "os/file.h"
#include "service/authorities.h"
#include "service/collaterals.h"
#include "service/oidc.h"
#include "service/signers.h"
#include "service/snp_chains.h"
#include "service/snp_files.h"

/* Of a simulated processor's folder: AMD's kind, Intel's kind. */
static const char *const root_files[] = {"ark.pem", "root.pem"};

static int read_root(struct settings *settings, const char *path, struct error *err)
{
    BUF_AUTO bytes = BUF_WITH_LIMIT(65536);
    struct trusted_root *root = &settings->roots[settings->root_count];
    if (file_read(path, &bytes, err) < 0)
        return -1;
    if (trusted_root_read(buf_span(&bytes), root, NULL, err) < 0)
        return error_context(err, "%s", path);
    if (!root->simulated)
        return error_set(err, ERROR_REFUSED, "%s is not the root of a simulated processor", path);
    settings->root_count++;
    return 0;
}

static int read_simulated(struct settings *settings, struct error *err)
{
    const char *folder = settings->config->simulated;
    for (size_t i = 0; folder && i < sizeof root_files / sizeof root_files[0]; i++) {
        struct error own = {0};
        TEXT_AUTO path = text_format("%s/%s", folder, root_files[i]);
        if (!path)
            return error_memory(err);
        if (read_root(settings, path, &own) < 0 && own.code != ERROR_NOT_FOUND)
            return error_set(err, own.code, "%s", own.text);
    }
    if (folder && settings->root_count == 0)
        return error_set(err, ERROR_NOT_FOUND, "%s has neither %s nor %s", folder, root_files[0],
                         root_files[1]);
    return 0;
}

static int open_parts(struct settings *settings, struct database *store, struct error *err)
{
    const struct config *config = settings->config;
    if (read_simulated(settings, err) < 0)
        return -1;
    settings->chains = snp_chains_new(settings->roots, settings->root_count, err);
    settings->collaterals = settings->chains ? collaterals_open(config->collateral, settings->roots,
                                                                settings->root_count, err)
                                             : NULL;
    settings->files = settings->collaterals ? snp_files_open(config->collateral, err) : NULL;
    settings->signers = settings->files ? signers_open(config, store, err) : NULL;
    settings->authorities = settings->signers ? authorities_open(config, err) : NULL;
    settings->oidc = settings->authorities ? oidc_open(config, err) : NULL;
    return settings->oidc ? 0 : -1;
}

struct settings *settings_new(struct config *config, struct database *store, struct error *err)
{
    struct settings *settings = calloc(1, sizeof *settings);
    if (!settings) {
        config_free(config);
        (void)error_memory(err);
        return NULL;
    }
    settings->config = config;
    atomic_init(&settings->holders, 1);
    if (open_parts(settings, store, err) == 0)
        return settings;
    settings_release(settings);
    return NULL;
}

struct settings *settings_hold(struct settings *settings)
{
    (void)atomic_fetch_add(&settings->holders, 1);
    return settings;
}

void settings_release(struct settings *settings)
{
    if (!settings || atomic_fetch_sub(&settings->holders, 1) > 1)
        return;
    oidc_close(settings->oidc);
    authorities_close(settings->authorities);
    signers_close(settings->signers);
    snp_files_close(settings->files);
    collaterals_close(settings->collaterals);
    snp_chains_free(settings->chains);
    config_free(settings->config);
    free(settings);
}

void settings_follow(struct settings *settings, const struct settings *before)
{
    settings->generation = before->generation + 1;
    authorities_adopt(settings->authorities, before->authorities);
    oidc_adopt(settings->oidc, before->oidc);
}
