/*
 * Public keys that others sign by: a JSON Web Key Set (RFC 7517, section 5). Keys of kinds that are
 * not known here, that have no name (kid), or that check no signatures, are left aside. Pure.
 */
#ifndef CAISSON_SERVICE_KEY_SET_H
#define CAISSON_SERVICE_KEY_SET_H

#include "format/jwk.h"
#include "format/jws.h"

#define KEY_SET_MAX      32                  /* keys */
#define KEY_SET_SIZE_MAX ((size_t)256 << 10) /* bytes of JSON */

/* A zeroed set is empty. */
struct key_set {
    struct jwk keys[KEY_SET_MAX];
    size_t count;
};

/* Reads a set into an empty one; ERROR_INVALID, ERROR_LIMIT, and where no key is left. The caller
 * calls key_set_fini(), also after a failure. */
int key_set_read(struct span text, struct key_set *out, struct error *err);
void key_set_fini(struct key_set *set);

/* ERROR_REFUSED unless the key that "kid" names signed the message, by a scheme that is not
 * symmetric and goes with the key's "alg" where it has one; ERROR_NOT_FOUND where there is no key
 * of this kid. */
int key_set_check(const struct key_set *set, const struct jws *jws, struct error *err);

#endif
