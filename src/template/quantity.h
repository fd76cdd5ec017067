/* Quantities of Kubernetes: "250m", "1.5", "128Mi", "1e3" (apimachinery's resource.Quantity). */
#ifndef CAISSON_TEMPLATE_QUANTITY_H
#define CAISSON_TEMPLATE_QUANTITY_H

#include "base/error.h"

#include <stdint.h>

/* Reads a quantity as a whole number of thousandths, rounded up. ERROR_INVALID for what is none or
 * negative, ERROR_LIMIT for what does not fit. */
int quantity_parse(const char *text, uint64_t *thousandths, struct error *err);

/* As above in whole units, rounded up: bytes. */
int quantity_parse_units(const char *text, uint64_t *units, struct error *err);

#endif
