/*
 * What is secret in the store is sealed for a master key, by AES-256-GCM, for its own place: a
 * record that is copied to another name, tenant or kind cannot be opened there. The store's file
 * without the master key says nothing but names and sizes.
 *
 *     1 byte   version, 1
 *     8 bytes  which master key: the first of SHA-256("caisson vault" ‖ key)
 *     12 bytes IV, random
 *     …        ciphertext
 *     16 bytes tag
 *
 * The additional data are version, key id, and tenant, kind and name with a zero byte after each.
 */
#ifndef CAISSON_SERVICE_VAULT_H
#define CAISSON_SERVICE_VAULT_H

#include "service/database.h"
#include "service/master.h"

#define VAULT_OVERHEAD (1 + 8 + 12 + 16) /* bytes that sealing adds */

struct vault;

/* Opens the master key of a configuration (service/master.h). Where there is none it is made, and
 * *made says so: whoever loses it loses what was sealed. The caller frees the vault, which wipes
 * the key; until then it lies in locked memory. The caller holds the lock of the store that the key
 * is for, so that no other makes one at the same time. */
struct vault *vault_open(const struct master *master, bool *made, struct error *err);

/* As above, of a key that must be there. */
struct vault *vault_open_known(const struct master *master, struct error *err);

/* As vault_open(), of the key in a file: 32 bytes, which only its owner may read. */
struct vault *vault_open_file(const char *path, bool *made, struct error *err);
void vault_close(struct vault *vault);
#define VAULT_AUTO __attribute__((cleanup(vault_cleanup))) struct vault *
void vault_cleanup(struct vault **vault);

/* The kinds of records that are sealed, up to NULL: all that another master key has to seal anew.
 */
extern const char *const vault_kinds[];

/* Whether bytes that are sealed are so for this vault's key; nothing else of them is checked. */
bool vault_has_sealed(const struct vault *vault, struct span sealed);

/* Appends the sealed bytes for this place. ERROR_USAGE for a kind that is not among vault_kinds. */
int vault_seal(const struct vault *vault, const struct database_key *place, struct span plain,
               struct buf *out, struct error *err);

/* Appends the plaintext, which the caller wipes. ERROR_REFUSED for what was sealed for another
 * master key or place, or was changed. */
int vault_unseal(const struct vault *vault, const struct database_key *place, struct span sealed,
                 struct buf *out, struct error *err);

#endif
