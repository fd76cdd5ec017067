/* What the library OS takes of a report of its own enclave (Intel SDM volume 3D, table 38-19). */
#ifndef CAISSON_ENCLAVE_LIBOS_SEAL_REPORT_H
#define CAISSON_ENCLAVE_LIBOS_SEAL_REPORT_H

#include "enclave/libos/bytes.h"
#include "measure/sgx.h"

/* In the body; up to REPORT_DATA it says who made it. */
enum {
    REPORT_CPU_SVN = 0,
    REPORT_MISCSELECT = 16,
    REPORT_CET = 20,
    REPORT_ATTRIBUTES = 48,
    REPORT_MRENCLAVE = 64,
    REPORT_CONFIG_ID = 192,
    REPORT_ISV_SVN = 258,
    REPORT_CONFIG_SVN = 260,
    REPORT_DATA_AT = 320
};

/* Whom a report for this enclave is for. */
static inline void report_get_target(const struct sgx_report *own, struct sgx_targetinfo *out)
{
    *out = (struct sgx_targetinfo){.cet = 0};
    memcpy(out->mrenclave, own->body + REPORT_MRENCLAVE, sizeof out->mrenclave);
    memcpy(&out->attributes, own->body + REPORT_ATTRIBUTES, sizeof out->attributes);
    memcpy(&out->cet, own->body + REPORT_CET, 1);
    memcpy(&out->config_svn, own->body + REPORT_CONFIG_SVN, sizeof out->config_svn);
    memcpy(&out->miscselect, own->body + REPORT_MISCSELECT, sizeof out->miscselect);
    memcpy(out->config_id, own->body + REPORT_CONFIG_ID, sizeof out->config_id);
}

/* The versions by which a key of this enclave is asked for. */
static inline void report_get_versions(const struct sgx_report *own, uint8_t cpu_svn[16],
                                       uint16_t *isv_svn, uint16_t *config_svn)
{
    memcpy(cpu_svn, own->body + REPORT_CPU_SVN, 16);
    memcpy(isv_svn, own->body + REPORT_ISV_SVN, sizeof *isv_svn);
    memcpy(config_svn, own->body + REPORT_CONFIG_SVN, sizeof *config_svn);
}

#endif
