#include "layer/gunzip.h"

#include <stdlib.h>

#include <isa-l.h>

/* Parts of a member's header, in order; then its body. RFC 1952 section 2.3. */
enum part { PART_FIXED, PART_EXTRA_SIZE, PART_EXTRA, PART_NAME, PART_COMMENT, PART_CRC, PART_BODY };

enum { FLAG_CRC = 2, FLAG_EXTRA = 4, FLAG_NAME = 8, FLAG_COMMENT = 16 };

#define TEXT_LIMIT 512 /* bytes of a file name or comment; the reference's limit */

struct gunzip {
    enum part part;
    uint8_t fixed[10];
    size_t at; /* bytes of the part read so far */
    size_t extra_size;
    uint32_t header_crc; /* of the header's bytes so far */
    uint32_t stated_crc;
    bool any_member; /* one was whole */
    struct inflate_state inflate;
};

struct gunzip *gunzip_new(struct error *err)
{
    struct gunzip *gunzip = calloc(1, sizeof *gunzip);
    if (!gunzip)
        (void)error_memory(err);
    return gunzip;
}

void gunzip_free(struct gunzip *gunzip)
{
    free(gunzip);
}

bool gunzip_is_whole(const struct gunzip *gunzip)
{
    return gunzip->any_member && gunzip->part == PART_FIXED && gunzip->at == 0;
}

static int bad_header(const struct gunzip *gunzip, struct error *err)
{
    return error_set(err, ERROR_INVALID,
                     gunzip->any_member
                         ? "gzip: bytes that are no gzip member follow the stream's end"
                         : "gzip: malformed header");
}

/* Whether the header has this part at all. */
static bool has_part(const struct gunzip *gunzip, enum part part)
{
    static const uint8_t flags[] = {
        [PART_EXTRA_SIZE] = FLAG_EXTRA, [PART_EXTRA] = FLAG_EXTRA, [PART_NAME] = FLAG_NAME,
        [PART_COMMENT] = FLAG_COMMENT,  [PART_CRC] = FLAG_CRC,
    };
    if (part == PART_EXTRA && gunzip->extra_size == 0)
        return false;
    return part == PART_BODY || (gunzip->fixed[3] & flags[part]) != 0;
}

static void next_part(struct gunzip *gunzip)
{
    do
        gunzip->part++;
    while (!has_part(gunzip, gunzip->part));
    gunzip->at = 0;
    if (gunzip->part != PART_BODY)
        return;
    isal_inflate_init(&gunzip->inflate);
    gunzip->inflate.crc_flag = ISAL_GZIP_NO_HDR_VER;
}

/* Takes one byte of the current part; *over tells that it was the part's last. */
static bool take_byte(struct gunzip *gunzip, uint8_t byte, bool *over)
{
    static const uint8_t magic[] = {0x1f, 0x8b, 8};
    size_t at = gunzip->at++;
    switch (gunzip->part) {
    case PART_FIXED:
        gunzip->fixed[at] = byte;
        *over = at == 9;
        return at >= sizeof magic || byte == magic[at];
    case PART_EXTRA_SIZE:
        gunzip->extra_size = at == 0 ? byte : gunzip->extra_size | (size_t)byte << 8;
        *over = at == 1;
        return true;
    case PART_EXTRA:
        *over = at + 1 == gunzip->extra_size;
        return true;
    case PART_NAME:
    case PART_COMMENT:
        *over = byte == 0;
        return at < TEXT_LIMIT;
    case PART_CRC:
        gunzip->stated_crc = at == 0 ? byte : gunzip->stated_crc | (uint32_t)byte << 8;
        *over = at == 1;
        return at == 0 || gunzip->stated_crc == (gunzip->header_crc & 0xffff);
    case PART_BODY:
        break;
    }
    return false;
}

static int read_header(struct gunzip *gunzip, struct span *in, struct error *err)
{
    while (in->size > 0 && gunzip->part != PART_BODY) {
        uint8_t byte = in->data[0];
        bool over = false;
        if (gunzip->part == PART_FIXED && gunzip->at == 0) {
            gunzip->header_crc = 0;
            gunzip->extra_size = 0;
        }
        if (!take_byte(gunzip, byte, &over))
            return bad_header(gunzip, err);
        if (gunzip->part != PART_CRC)
            gunzip->header_crc = crc32_gzip_refl(gunzip->header_crc, &byte, 1);
        *in = span_of(in->data + 1, in->size - 1);
        if (over)
            next_part(gunzip);
    }
    return 0;
}

static int inflate_failure(int status, struct error *err)
{
    if (status == ISAL_INCORRECT_CHECKSUM)
        return error_set(err, ERROR_INVALID,
                         "gzip: the contents do not fit their checksum or length: the stream is "
                         "damaged");
    return error_set(err, ERROR_INVALID, "gzip: the compressed data is damaged (inflate status %d)",
                     status);
}

static int read_body(struct gunzip *gunzip, struct span *in, uint8_t *out, size_t size, size_t *got,
                     struct error *err)
{
    struct inflate_state *inflate = &gunzip->inflate;
    /* isa-l only reads through next_in, though its type does not say so. */
    inflate->next_in = (uint8_t *)(uintptr_t)in->data;
    inflate->avail_in = (uint32_t)in->size;
    inflate->next_out = out;
    inflate->avail_out = (uint32_t)size;
    int status = isal_inflate(inflate);
    if (status != ISAL_DECOMP_OK)
        return inflate_failure(status, err);
    *got = size - inflate->avail_out;
    *in = span_of(inflate->next_in, inflate->avail_in);
    if (inflate->block_state == ISAL_BLOCK_FINISH) {
        gunzip->any_member = true;
        gunzip->part = PART_FIXED;
        gunzip->at = 0;
    }
    return 0;
}

int gunzip_step(struct gunzip *gunzip, struct span *in, uint8_t *out, size_t size, size_t *got,
                struct error *err)
{
    *got = 0;
    if (read_header(gunzip, in, err) < 0)
        return -1;
    if (gunzip->part != PART_BODY)
        return 0;
    return read_body(gunzip, in, out, size, got, err);
}
