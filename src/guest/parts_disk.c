#include "guest/parts_disk.h"

#include <string.h>

#include "base/cursor.h"
#include "crypto/digest.h"
#include "guest/disk.h"
#include "os/fd.h"
#include "os/file.h"

#define PARTS_DIGEST "/modules/parts.sha256" /* u64 size, little endian; digest */

static int read_digest(uint64_t *size, uint8_t digest[SHA256_SIZE], struct error *err)
{
    BUF_AUTO bytes = BUF_WITH_LIMIT(128);
    if (file_read(PARTS_DIGEST, &bytes, err) < 0)
        return -1;
    struct cursor cursor = cursor_of(buf_span(&bytes));
    if (cursor_le64(&cursor, size) && *size <= PARTS_SIZE_MAX &&
        cursor_copy(&cursor, digest, SHA256_SIZE))
        return 0;
    return error_set(err, ERROR_INVALID, "%s says no size and digest", PARTS_DIGEST);
}

int parts_disk_read(struct buf *out, struct error *err)
{
    char disk[DISK_PATH_SIZE];
    uint8_t expected[SHA256_SIZE];
    uint8_t digest[SHA256_SIZE];
    uint64_t size;
    size_t got;
    if (read_digest(&size, expected, err) < 0 || disk_find_parts(disk, err) < 0 ||
        buf_append_zero(out, size, err) < 0)
        return -1;
    FD_AUTO fd = file_open_read(disk, err);
    if (fd < 0 || fd_pread_full(fd, out->data, size, 0, &got, err) < 0)
        return -1;
    sha256_digest(span_of(out->data, got), digest);
    if (got != size || memcmp(digest, expected, sizeof digest) != 0)
        return error_set(err, ERROR_INVALID,
                         "the disk of parts does not hold what this guest was built with");
    return 0;
}
