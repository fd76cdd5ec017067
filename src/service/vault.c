#include "service/vault.h"

#include <string.h>

#include "base/text.h"
#include "crypto/digest.h"
#include "crypto/random.h"
#include "crypto/seal.h"
#include "os/locked.h"

#define VERSION     1
#define KEY_ID_SIZE 8
#define HEAD_SIZE   (1 + KEY_ID_SIZE)
#define AAD_MAX     (HEAD_SIZE + 3 * (DATABASE_NAME_MAX + 1))

struct vault {
    uint8_t key[AES256_KEY_SIZE];
    uint8_t head[HEAD_SIZE]; /* what each sealed record begins with */
};

void vault_close(struct vault *vault)
{
    locked_free(vault, sizeof *vault);
}

void vault_cleanup(struct vault **vault)
{
    vault_close(*vault);
}

static void name_key(struct vault *vault)
{
    uint8_t digest[SHA256_SIZE];
    struct sha256 ctx;
    sha256_init(&ctx);
    sha256_update(&ctx, span_of_text("caisson vault"));
    sha256_update(&ctx, span_of(vault->key, sizeof vault->key));
    sha256_final(&ctx, digest);
    vault->head[0] = VERSION;
    memcpy(vault->head + 1, digest, KEY_ID_SIZE);
}

/* `made` is NULL where none may be made. */
static struct vault *open_key(const struct master *master, bool *made, struct error *err)
{
    struct vault *vault = locked_new(sizeof *vault, err);
    if (!vault)
        return NULL;
    if (master_open(master, vault->key, made, err) < 0) {
        vault_close(vault);
        return NULL;
    }
    name_key(vault);
    return vault;
}

struct vault *vault_open(const struct master *master, bool *made, struct error *err)
{
    *made = false;
    return open_key(master, made, err);
}

struct vault *vault_open_known(const struct master *master, struct error *err)
{
    return open_key(master, NULL, err);
}

struct vault *vault_open_file(const char *path, bool *made, struct error *err)
{
    struct master master = {.kind = MASTER_FILE, .path = text_format("%s", path)};
    *made = false;
    if (!master.path) {
        (void)error_memory(err);
        return NULL;
    }
    struct vault *vault = vault_open(&master, made, err);
    master_fini(&master);
    return vault;
}

static size_t write_aad(const struct vault *vault, const struct database_key *place,
                        uint8_t out[AAD_MAX])
{
    const char *const parts[] = {place->tenant, place->kind, place->name};
    size_t size = HEAD_SIZE;
    memcpy(out, vault->head, HEAD_SIZE);
    for (size_t i = 0; i < 3; i++) {
        size_t len = strnlen(parts[i], DATABASE_NAME_MAX);
        memcpy(out + size, parts[i], len);
        size += len;
        out[size++] = '\0';
    }
    return size;
}

const char *const vault_kinds[] = {"signing-keys", "key", "key-version", "resource", NULL};

static bool is_known(const char *kind)
{
    for (size_t i = 0; vault_kinds[i]; i++) {
        if (strcmp(vault_kinds[i], kind) == 0)
            return true;
    }
    return false;
}

bool vault_has_sealed(const struct vault *vault, struct span sealed)
{
    return sealed.size >= VAULT_OVERHEAD && memcmp(sealed.data, vault->head, HEAD_SIZE) == 0;
}

int vault_seal(const struct vault *vault, const struct database_key *place, struct span plain,
               struct buf *out, struct error *err)
{
    uint8_t iv[GCM_IV_SIZE], tag[GCM_TAG_SIZE], aad[AAD_MAX];
    size_t aad_size = write_aad(vault, place, aad);
    if (!is_known(place->kind))
        return error_set(err, ERROR_USAGE, "records of the kind %s are not sealed", place->kind);
    if (random_bytes(iv, sizeof iv, err) < 0 ||
        buf_append(out, span_of(vault->head, HEAD_SIZE), err) < 0 ||
        buf_append(out, span_of(iv, sizeof iv), err) < 0 ||
        gcm_seal(vault->key, iv, span_of(aad, aad_size), plain, out, tag, err) < 0)
        return -1;
    return buf_append(out, span_of(tag, sizeof tag), err);
}

int vault_unseal(const struct vault *vault, const struct database_key *place, struct span sealed,
                 struct buf *out, struct error *err)
{
    uint8_t aad[AAD_MAX];
    size_t aad_size = write_aad(vault, place, aad);
    if (sealed.size < VAULT_OVERHEAD || sealed.data[0] != VERSION)
        return error_set(err, ERROR_REFUSED, "%s \"%s\" is not sealed as it should be", place->kind,
                         place->name);
    if (memcmp(sealed.data, vault->head, HEAD_SIZE) != 0)
        return error_set(
            err, ERROR_REFUSED,
            "%s \"%s\" was sealed for another master key: put that one in place, or name it by "
            "master_before",
            place->kind, place->name);
    const uint8_t *iv = sealed.data + HEAD_SIZE, *cipher = iv + GCM_IV_SIZE;
    size_t size = sealed.size - VAULT_OVERHEAD;
    if (gcm_unseal(vault->key, iv, span_of(aad, aad_size), span_of(cipher, size), cipher + size,
                   out, err) < 0)
        return error_set(err, ERROR_REFUSED, "%s \"%s\" was changed in the store", place->kind,
                         place->name);
    return 0;
}
