/*
 * IGVM files ("Independent Guest Virtual Machine", format versions 1 and 2; microsoft/igvm,
 * igvm_defs): a header, a list of variable headers (type, length, content) and the data that they
 * point to. The file is hostile: nothing is followed that does not lie in it.
 */
#ifndef CAISSON_MEASURE_IGVM_H
#define CAISSON_MEASURE_IGVM_H

#include "base/cursor.h"
#include "base/error.h"

#define IGVM_SIZE_MAX (512U * 1024 * 1024)

enum igvm_stage { IGVM_STAGE_PLATFORM, IGVM_STAGE_INITIALIZATION, IGVM_STAGE_DIRECTIVE };

struct igvm {
    struct span file;
    struct span headers; /* the variable headers */
    size_t data_start;   /* where the data begins; offsets count from the file's beginning */
};

struct igvm_reader {
    struct cursor cursor;
    enum igvm_stage stage;
};

struct igvm_header {
    uint32_t type; /* without the bit that says that it may be ignored */
    bool is_optional;
    enum igvm_stage stage;
    struct span content;
};

/* CRC-32 of the fixed header, its checksum field taken as zero, and the variable headers. `fixed`
 * has at least 24 bytes. */
uint32_t igvm_checksum(struct span fixed, struct span headers);

/* Reads the fixed header and compares the checksum. ERROR_INVALID for another kind of file, another
 * version, architecture or page size, sizes that disagree, a checksum that does not hold. */
int igvm_open(struct span file, struct igvm *out, struct error *err);

struct igvm_reader igvm_read(const struct igvm *igvm);

/* Takes the next variable header. Returns 1, 0 at the end, or -1 (ERROR_INVALID: cut short, padding
 * that is not zero, out of the order of stages). */
int igvm_next(struct igvm_reader *reader, struct igvm_header *out, struct error *err);

/* Borrows `size` bytes at a file offset. ERROR_INVALID when they do not lie in the file's data. */
int igvm_data(const struct igvm *igvm, uint32_t offset, size_t size, struct span *out,
              struct error *err);

#endif
