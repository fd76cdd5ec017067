/*
 * What a configuration makes of itself: whom evidence, tokens and policies are believed. A reload
 * replaces it while the service runs.
 */
#ifndef CAISSON_SERVICE_SETTINGS_H
#define CAISSON_SERVICE_SETTINGS_H

#include "service/config.h"
#include "service/database.h"

struct settings {
    const struct config *config; /* borrowed */
    struct trusted_root roots[CONFIG_ROOTS_MAX];
    size_t root_count;
    struct snp_chains *chains;
    struct collaterals *collaterals;
    struct snp_files *files;
    struct signers *signers;
    struct authorities *authorities;
    struct oidc *oidc;
};

/* Reads the files that the configuration names. The store is borrowed. The caller closes it, also
 * after a failure. */
int settings_open(struct settings *settings, const struct config *config, struct database *store,
                  struct error *err);
void settings_close(struct settings *settings);

/* Takes over what was fetched for the ones before, where it is of the same place. Nobody else may
 * use either. */
void settings_adopt(struct settings *settings, struct settings *before);

#endif
