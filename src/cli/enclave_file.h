/* Reading an enclave image for a command. */
#ifndef CAISSON_CLI_ENCLAVE_FILE_H
#define CAISSON_CLI_ENCLAVE_FILE_H

#include "base/buf.h"
#include "crypto/digest.h"
#include "measure/enclave_image.h"

#define ENCLAVE_FILE_LIMIT ((size_t)ENCLAVE_IMAGE_SIZE_MAX + 1)

/* The file's image, which borrows from `bytes` (limit ENCLAVE_FILE_LIMIT), and its MRENCLAVE. */
int enclave_file_read(const char *path, struct buf *bytes, struct enclave_image *image,
                      uint8_t mrenclave[SHA256_SIZE], struct error *err);

#endif
