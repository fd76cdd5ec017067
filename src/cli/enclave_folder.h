/* Where the files of an enclave are: the image, its signature, and the program that holds it. */
#ifndef CAISSON_CLI_ENCLAVE_FOLDER_H
#define CAISSON_CLI_ENCLAVE_FOLDER_H

#include "base/error.h"

struct enclave_folder {
    char *program; /* caisson-enclave-host; heap, as the next two */
    char *image;
    char *signature;
    char *agent; /* the attestation agent's disk; NULL where the build has none */
};

/* In the folder `given`, else in that of CAISSON_ENCLAVE, else beside this program, else in
 * ../share/caisson/enclave from there. The caller
 * calls enclave_folder_fini() either way. */
int enclave_folder_find(const char *given, struct enclave_folder *out, struct error *err);
void enclave_folder_fini(struct enclave_folder *folder);

#endif
