/*
 * Credential helpers: programs named docker-credential-NAME that keep a user's passwords (macOS
 * keychain, pass, secretservice, a cloud's own). docker-credential-helpers, README, "Development":
 * the program is started with the word "get", reads the registry's name from its standard input and
 * writes {"ServerURL", "Username", "Secret"}; user "<token>" says that the secret is an identity
 * token.
 *
 * NAME comes from a file of the user's, and is held to what can be no path. The program gets the
 * user's environment, since it has to find the user's keys; what it writes is bounded and wiped.
 */
#ifndef CAISSON_IMAGE_HELPER_H
#define CAISSON_IMAGE_HELPER_H

#include "image/credentials.h"

#define HELPER_TIMEOUT_MS 60000 /* it may ask its user for a passphrase */

bool helper_name_is_sound(const char *name);

/* Asks for `host`'s credentials: 1 when `out`, which is empty before, has them; 0 when the helper
 * has none; -1 with `err`, which names the helper. */
int helper_get(const char *name, const char *host, int timeout_ms, struct credentials *out,
               struct error *err);

/* What a helper has answered. */
int helper_parse(struct span text, struct credentials *out, struct error *err);

#endif
