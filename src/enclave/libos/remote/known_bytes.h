/* Bytes of layers' files that a child's enclave has read, for the process that comes after the one
 * for which it did (processes/spares.h): most load the same libraries. What a layer's file has at a
 * place never changes. With the lock, or before anything runs.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_REMOTE_KNOWN_BYTES_H
#define CAISSON_ENCLAVE_LIBOS_REMOTE_KNOWN_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KNOWN_BYTES_MAX   ((size_t)12 << 20) /* of all pieces (known.h) */
#define KNOWN_BYTES_PIECE ((size_t)4 << 20)  /* of one */

/* `file` is its number among all layers' files (node_layer_number()). Whether just these are known:
 * they are in `out` then. */
bool known_bytes_get(uint64_t file, uint64_t offset, void *out, size_t size);

/* Once they are read; as far as there is room. The oldest go. */
void known_bytes_keep(uint64_t file, uint64_t offset, const void *bytes, size_t size);

#endif
