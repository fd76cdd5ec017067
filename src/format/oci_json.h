/* What the readers of OCI documents share; not for others. */
#ifndef CAISSON_FORMAT_OCI_JSON_H
#define CAISSON_FORMAT_OCI_JSON_H

#include "format/json.h"

/* Parses an object within OCI's limits, and drops members that are null: Go's encoders write null
 * for what is absent. */
json_t *oci_document(struct span text, struct error *err);
void oci_drop_null(json_t *value);

/* Copies an optional text member, or `fallback`, which may be NULL. */
int oci_take_text(const json_t *object, const char *key, const char *fallback, char **out,
                  struct error *err);

#endif
