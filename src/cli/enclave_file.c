#include "cli/enclave_file.h"

#include "os/file.h"

int enclave_file_read(const char *path, struct buf *bytes, struct enclave_image *image,
                      uint8_t mrenclave[SHA256_SIZE], struct error *err)
{
    if (file_read(path, bytes, err) < 0)
        return -1;
    if (enclave_image_parse(buf_span(bytes), image, err) < 0 ||
        enclave_image_measure(image, mrenclave, err) < 0)
        return error_context(err, "%s", path);
    return 0;
}
