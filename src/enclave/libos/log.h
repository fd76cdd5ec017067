/* Lines of the library OS for the host's log: nothing of the program's data is in them. */
#ifndef CAISSON_ENCLAVE_LIBOS_LOG_H
#define CAISSON_ENCLAVE_LIBOS_LOG_H

#include <stdint.h>

/* Both texts after each other, up to 200 bytes. */
void log_line(const char *text, const char *more);
/* A text, and a number in hexadecimal digits. */
void log_number(const char *text, uint64_t number);

#endif
