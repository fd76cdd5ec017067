/*
 * Streaming gzip (RFC 1952) over isa-l's inflate: several members, headers of any kind, CRC and
 * length checked. Nothing may follow the last member.
 */
#ifndef CAISSON_LAYER_GUNZIP_H
#define CAISSON_LAYER_GUNZIP_H

#include "base/error.h"
#include "base/span.h"

struct gunzip;

struct gunzip *gunzip_new(struct error *err);
void gunzip_free(struct gunzip *gunzip);

/* Takes bytes off the front of `in`, writes at most `size` bytes to `out` and their number to *got.
 * Zero bytes with room at `out` means that more input is needed. */
int gunzip_step(struct gunzip *gunzip, struct span *in, uint8_t *out, size_t size, size_t *got,
                struct error *err);

/* Whether the stream may end here: behind a whole member. */
bool gunzip_is_whole(const struct gunzip *gunzip);

#endif
