/* What the system says that it is: uname(2), and /proc/sys. */
#ifndef CAISSON_ENCLAVE_LIBOS_SYSTEM_H
#define CAISSON_ENCLAVE_LIBOS_SYSTEM_H

struct new_utsname;

const struct new_utsname *system_name(void);

/* Cut at 64 characters. */
void system_set_hostname(const char *name);

/* Processors that programs are told of, whatever the host has. */
#define SYSTEM_PROCESSORS 8

#endif
