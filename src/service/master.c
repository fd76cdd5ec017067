#include "service/master.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/secret.h"
#include "crypto/random.h"
#include "os/fd.h"
#include "os/output.h"
#include "service/master_parts.h"

void master_fini(struct master *master)
{
    char *const texts[] = {master->path,  master->tcti, master->module,
                           master->token, master->key,  master->pin};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        free(texts[i]);
    *master = (struct master){0};
}

/* --- the file itself -------------------------------------------------------------------------- */

static int file_seal(const struct master *master, const uint8_t key[AES256_KEY_SIZE],
                     struct buf *out, struct error *err)
{
    (void)master;
    return buf_append(out, span_of(key, AES256_KEY_SIZE), err);
}

static int file_unseal(const struct master *master, struct span blob, uint8_t key[AES256_KEY_SIZE],
                       struct error *err)
{
    if (blob.size != AES256_KEY_SIZE)
        return error_set(err, ERROR_INVALID, "the master key %s does not have %d bytes",
                         master->path, AES256_KEY_SIZE);
    memcpy(key, blob.data, AES256_KEY_SIZE);
    return 0;
}

static const struct {
    int (*seal)(const struct master *master, const uint8_t key[AES256_KEY_SIZE], struct buf *out,
                struct error *err);
    int (*unseal)(const struct master *master, struct span blob, uint8_t key[AES256_KEY_SIZE],
                  struct error *err);
} kinds[] = {
    [MASTER_FILE] = {file_seal, file_unseal},
    [MASTER_TPM] = {master_tpm_seal, master_tpm_unseal},
    [MASTER_PKCS11] = {master_pkcs11_seal, master_pkcs11_unseal},
};
_Static_assert(sizeof kinds / sizeof kinds[0] == MASTER_KIND_COUNT, "one each");

/* --- read and made ---------------------------------------------------------------------------- */

int master_read_file(const char *path, const char *what, struct buf *out, struct error *err)
{
    struct stat status;
    FD_AUTO fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
    if (fd < 0 && errno == ENOENT)
        return error_set(err, ERROR_NOT_FOUND, "%s %s is not there", what, path);
    if (fd < 0 || fstat(fd, &status) < 0)
        return error_system(err, errno, "cannot open %s %s", what, path);
    if (!S_ISREG(status.st_mode) || (status.st_mode & 077))
        return error_set(err, ERROR_REFUSED,
                         "%s %s must be a file that only its owner may read: chmod 600", what,
                         path);
    if (status.st_size < 0 || (uint64_t)status.st_size > out->limit - out->size)
        return error_set(err, ERROR_INVALID, "%s %s is too large", what, path);
    size_t size = (size_t)status.st_size, got = 0;
    if (buf_append_zero(out, size, err) < 0 ||
        fd_read_full(fd, out->data + out->size - size, size, &got, err) < 0)
        return error_context(err, "%s", path);
    buf_truncate(out, out->size - (size - got));
    return 0;
}

/* Whole or not at all. The service holds the lock of its store by now: no other makes one too. */
static int make(const struct master *master, uint8_t out[AES256_KEY_SIZE], struct error *err)
{
    struct buf blob = BUF_WITH_LIMIT(MASTER_BLOB_MAX);
    int result = random_bytes(out, AES256_KEY_SIZE, err);
    if (result == 0)
        result = kinds[master->kind].seal(master, out, &blob, err);
    if (result == 0)
        result = output_write(master->path, buf_span(&blob), 0600, err);
    buf_fini_secret(&blob);
    return result;
}

int master_open(const struct master *master, uint8_t out[AES256_KEY_SIZE], bool *made,
                struct error *err)
{
    struct error own = {0};
    struct buf blob = BUF_WITH_LIMIT(MASTER_BLOB_MAX);
    if (made)
        *made = false;
    int result = master_read_file(master->path, "the master key", &blob, &own);
    if (result == 0) {
        result = kinds[master->kind].unseal(master, buf_span(&blob), out, err);
    } else if (own.code == ERROR_NOT_FOUND && made) {
        *made = true;
        result = make(master, out, err);
    } else {
        (void)error_set(err, own.code, "%s", own.text);
    }
    buf_fini_secret(&blob);
    if (result < 0)
        secret_wipe(out, AES256_KEY_SIZE);
    return result;
}
