/* A file's time. */
#ifndef CAISSON_ENCLAVE_LIBOS_FILES_FILE_TIME_H
#define CAISSON_ENCLAVE_LIBOS_FILES_FILE_TIME_H

#include <stdint.h>

struct file_time {
    int64_t sec;   /* since 1970 */
    uint32_t nsec; /* below 1,000,000,000 */
};

#endif
