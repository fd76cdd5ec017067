/*
 * Init-data of Confidential Containers (Trustee's kbs/docs/initdata.md): a document in TOML or JSON
 * that names its own hash, and whose digest is in HOST_DATA. Pure.
 *
 * Only the members version and algorithm are looked at; which hash a document names makes it no
 * easier to find another one of the same digest.
 */
#ifndef CAISSON_SERVICE_KBS_INIT_DATA_H
#define CAISSON_SERVICE_KBS_INIT_DATA_H

#include <jansson.h>

#include "base/error.h"
#include "crypto/digest.h"

/* The 32 bytes that HOST_DATA must hold for {"format": "toml" | "json", "body": text}: the digest,
 * of which the first 32 bytes are taken. ERROR_INVALID, ERROR_LIMIT. */
int kbs_init_data_digest(const json_t *init_data, uint8_t out[SHA256_SIZE], struct error *err);

#endif
