/* What platform.c and platform_make.c share. */
#ifndef CAISSON_ENCLAVE_PLATFORM_PARTS_H
#define CAISSON_ENCLAVE_PLATFORM_PARTS_H

#include "enclave/model_keys.h"
#include "enclave/platform.h"
#include "evidence/dcap_quote_write.h"

#define PLATFORM_FILE_ROOT       "root.pem"
#define PLATFORM_FILE_COLLATERAL "collateral.json" /* the last: where it is, all are */

/* The years 2020 to 2049: the platform's age says nothing, so no machine's clock should refuse it.
 */
#define PLATFORM_NOT_BEFORE INT64_C(1577836800)
#define PLATFORM_NOT_AFTER  INT64_C(2524607999)

/* One version of everything, which is up to date by the platform's own word. */
#define PLATFORM_PCE_SVN    5
#define PLATFORM_QE_SVN     1
#define PLATFORM_QE_PRODUCT 1
#define PLATFORM_EVALUATION 1

/* The quoting component's report, but for its report data. */
void platform_write_qe_report(uint8_t report[DCAP_SGX_SIZE]);

/* Makes all files of the platform (private_dir_make_fn). */
int platform_make(const char *dir, struct error *err);

#endif
