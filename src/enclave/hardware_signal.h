/* Signals of a process that has enclaves of the processor's: for hardware.c. */
#ifndef CAISSON_ENCLAVE_HARDWARE_SIGNAL_H
#define CAISSON_ENCLAVE_HARDWARE_SIGNAL_H

#include "enclave/driver.h"

/* Where the vDSO's function is, before the first handler. */
void hardware_signals_enter_at(const void *entry);

int hardware_handle_signal(int number, enclave_signal_fn *handler, struct error *err);

/* Whether these are the registers of a thread that was interrupted inside. */
bool hardware_is_at_aep(const uint8_t *entry, uint64_t rip, uint64_t rax);

#endif
