/*
 * The model of SGX: its instructions carried out in software, in this process. It is as strict as
 * the processor about what it accepts, and protects nothing: the enclave's memory lies in this
 * process, and its keys come from a file.
 *
 * Theory of operation: docs/sgx.md, "The model". The pieces: model_pages (what the processor's EPCM
 * holds), model_launch (ECREATE, EINIT), model_keys (EREPORT, EGETKEY), model_leaves (ENCLU
 * from inside), model_cross (EENTER, ERESUME, AEX), model_thread (what a thread needs to be
 * inside).
 */
#ifndef CAISSON_ENCLAVE_MODEL_H
#define CAISSON_ENCLAVE_MODEL_H

#include "enclave/driver.h"

#define MODEL_FUSE_SIZE 16

extern const struct driver driver_model;

/* The key that stands for the processor's fuses, from which all keys derive; for enclaves that are
 * created from now on: without one, none is. It is copied. */
void model_set_fuse(const uint8_t fuse[MODEL_FUSE_SIZE]);

#endif
