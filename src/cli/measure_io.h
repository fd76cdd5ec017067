/* What the `measure` commands share: files, numbers and digests, in and out. */
#ifndef CAISSON_CLI_MEASURE_IO_H
#define CAISSON_CLI_MEASURE_IO_H

#include "base/buf.h"
#include "cli/args.h"
#include "crypto/digest.h"
#include "format/json.h"

/* The SHA-256 of a file of any size. */
int measure_digest_file(const char *path, uint8_t out[SHA256_SIZE], struct error *err);

/* The file that an option names, all of it up to the buffer's limit; ERROR_USAGE without the
 * option.
 */
int measure_read_option(const struct args *args, const char *name, struct buf *out,
                        struct error *err);

/* The one operand's file. */
int measure_read_operand(const struct args *args, const char *command, struct buf *out,
                         struct error *err);

/* An option's number, decimal or 0x…, at most `max`; *out keeps its value where it is not given. */
int measure_number(const struct args *args, const char *name, uint64_t max, uint64_t *out,
                   struct error *err);

/* An option's bytes in hex, exactly `size`; *given says whether there are any. */
int measure_hex(const struct args *args, const char *name, void *out, size_t size, bool *given,
                struct error *err);

/* A JSON string of bytes in hex; NULL when memory ran out, or for more than 64 bytes. */
json_t *measure_json_hex(const void *bytes, size_t size);

/* "name  hex" on a line of its own. */
void measure_print_hex(const char *name, const void *bytes, size_t size);

/* Prints the document and frees it; NULL means that memory ran out. */
int measure_print_json(json_t *document, struct error *err);

#endif
