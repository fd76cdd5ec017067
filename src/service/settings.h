/*
 * What a configuration makes of itself: whom evidence, tokens and policies are believed. A reload
 * puts another in its place while the service runs; a request that has begun goes on by the one
 * that it began with.
 */
#ifndef CAISSON_SERVICE_SETTINGS_H
#define CAISSON_SERVICE_SETTINGS_H

#include <stdatomic.h>

#include "service/config.h"
#include "service/database.h"

struct settings {
    struct config *config; /* its own */
    uint64_t generation;   /* a later one has a higher number */
    atomic_uint holders;
    struct trusted_root roots[CONFIG_ROOTS_MAX];
    size_t root_count;
    struct snp_chains *chains;
    struct collaterals *collaterals;
    struct snp_files *files;
    struct signers *signers;
    struct authorities *authorities;
    struct oidc *oidc;
};

/* Reads the files that the configuration names. Takes the configuration, also where it fails; the
 * store is borrowed. The caller is its first holder. */
struct settings *settings_new(struct config *config, struct database *store, struct error *err);

/* One more holder, by whoever knows that there is one; any number of threads. */
struct settings *settings_hold(struct settings *settings);

/* One less: the last one frees it. NULL is nothing. */
void settings_release(struct settings *settings);

/* Goes on where the ones before end: with what was fetched for them, where it is of the same place.
 * By the thread that refreshes; others may use the ones before, but not yet these. */
void settings_follow(struct settings *settings, const struct settings *before);

#endif
