/* What open files of the first enclave have, as a child's enclave loads it: bytes of layers' files
 * are asked for once (known_bytes.h). With the lock, which may be let go meanwhile. */
#ifndef CAISSON_ENCLAVE_LIBOS_REMOTE_REMOTE_FILE_H
#define CAISSON_ENCLAVE_LIBOS_REMOTE_REMOTE_FILE_H

#include <stddef.h>
#include <stdint.h>

/* The number that an open file has among all layers' files, which its bytes are now, all of them;
 * 0 for other files; or a negative errno where it cannot be mapped. */
int64_t remote_file_layer(uint64_t number);

/* What the file has from an offset on, into memory of the program's that is zero; zeros behind its
 * end. `layer` is what remote_file_layer() said, or 0. 0 or a negative errno. */
int remote_file_fill(uint64_t number, int64_t layer, uint64_t offset, uintptr_t at, size_t size);

/* The same for the library OS itself: how many bytes were read. Those that it has again. */
int64_t remote_file_read(uint64_t number, int64_t layer, uint64_t offset, void *out, size_t size);

#endif
