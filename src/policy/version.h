/* Versions of policies: "0.10.0", three decimal numbers (semver 2.0.0 without suffixes). */
#ifndef CAISSON_POLICY_VERSION_H
#define CAISSON_POLICY_VERSION_H

#include <stdbool.h>
#include <stdint.h>

struct version {
    uint32_t parts[3];
};

#define VERSION_OF(major, minor, patch) ((struct version){{(major), (minor), (patch)}})

/* False for anything but three numbers without leading zeros. */
bool version_parse(const char *text, struct version *out);

/* Below, equal to or above 0, as memcmp(). */
int version_compare(struct version a, struct version b);

#endif
