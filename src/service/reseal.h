/*
 * Another master key for a store: what is sealed for the one before is sealed anew, record by
 * record. A run that was cut short goes on where it ended: each record says which key it is sealed
 * for.
 */
#ifndef CAISSON_SERVICE_RESEAL_H
#define CAISSON_SERVICE_RESEAL_H

#include "service/config.h"
#include "service/vault.h"

/* Seals what these tenants, others that have a log, and the service itself have in the store. Adds
 * to *count how many records were sealed anew. ERROR_REFUSED for one that is sealed for neither
 * key: what was sealed anew before it stays so. */
int reseal(struct database *store, const struct config *config, const struct vault *before,
           const struct vault *now, size_t *count, struct error *err);

#endif
