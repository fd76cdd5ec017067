/*
 * The resources of a tenant: secrets under the name REPOSITORY/TYPE/TAG, sealed, and beside each
 * the rule that says who gets it. A resource without a rule is nobody's.
 *
 * A rule is a key release policy (rules/release_policy.h), asked about the claims of a token.
 */
#ifndef CAISSON_SERVICE_KBS_RESOURCES_H
#define CAISSON_SERVICE_KBS_RESOURCES_H

#include "rules/release_policy.h"
#include "service/database.h"
#include "service/vault.h"

#define KBS_RESOURCE_MAX      ((size_t)512 << 10) /* bytes of a resource */
#define KBS_RESOURCE_NAME_MAX 240                 /* bytes of a name */

/* Where resources are kept. */
struct kbs_resources {
    struct database *store;
    const struct vault *vault;
    const char *tenant;
};

/* Three parts of letters, digits, '_', '-' and '.', none beginning with a dot, as Trustee names
 * resources. ERROR_INVALID. */
int kbs_resource_check_name(const char *name, struct error *err);

/* Appends the resource, which the caller wipes. ERROR_NOT_FOUND. */
int kbs_resource_get(const struct kbs_resources *resources, const char *name, struct buf *out,
                     struct error *err);

/* Puts a resource in the place of what was there. ERROR_LIMIT for what is too large, ERROR_REFUSED
 * where another wrote it meanwhile. */
int kbs_resource_put(const struct kbs_resources *resources, const char *name, struct span bytes,
                     struct error *err);

/* Removes the resource and its rule; ERROR_NOT_FOUND where neither is there. */
int kbs_resource_remove(const struct kbs_resources *resources, const char *name, struct error *err);

/* Appends the rule's text, as it was set. ERROR_NOT_FOUND. */
int kbs_rule_get(const struct kbs_resources *resources, const char *name, struct buf *out,
                 struct error *err);

/* Sets the rule, if it is one: ERROR_INVALID, ERROR_LIMIT. */
int kbs_rule_put(const struct kbs_resources *resources, const char *name, struct span rule,
                 struct error *err);

/* Whether the claims of a token by this issuer meet the rule. ERROR_REFUSED with the condition that
 * does not hold, and where there is no rule. */
int kbs_rule_check(const struct kbs_resources *resources, const char *name, const char *issuer,
                   const json_t *claims, struct error *err);

/* Visits up to DATABASE_PAGE_MAX names of resources that follow `after` ("" for the first), as
 * database_list() does. */
int kbs_resource_list(const struct kbs_resources *resources, const char *after,
                      database_visit_name *visit, void *context, struct error *err);

#endif
