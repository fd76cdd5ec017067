#include "rules/known_claims.h"

const struct known_claim known_claims[] = {
    {"x-ms-ver", CLAIM_STRING, KNOWN_ALL},
    {"x-ms-attestation-type", CLAIM_STRING, KNOWN_ALL},
    {"x-ms-policy-hash", CLAIM_STRING, KNOWN_ALL},
    {"x-ms-policy-signer", CLAIM_STRING, KNOWN_ALL},
    {"x-ms-runtime", CLAIM_STRING, KNOWN_ALL},
    {"x-ms-inittime", CLAIM_STRING, KNOWN_ALL},
    {"x-ms-compliance-status", CLAIM_STRING, KNOWN_ALL},
    {"nonce", CLAIM_STRING, KNOWN_ALL},

    {"x-ms-sevsnpvm-authorkeydigest", CLAIM_STRING, KNOWN_SNP},
    {"x-ms-sevsnpvm-bootloader-svn", CLAIM_INTEGER, KNOWN_SNP},
    {"x-ms-sevsnpvm-familyId", CLAIM_STRING, KNOWN_SNP},
    {"x-ms-sevsnpvm-guestsvn", CLAIM_INTEGER, KNOWN_SNP},
    {"x-ms-sevsnpvm-hostdata", CLAIM_STRING, KNOWN_SNP},
    {"x-ms-sevsnpvm-idkeydigest", CLAIM_STRING, KNOWN_SNP},
    {"x-ms-sevsnpvm-imageId", CLAIM_STRING, KNOWN_SNP},
    {"x-ms-sevsnpvm-is-debuggable", CLAIM_BOOLEAN, KNOWN_SNP},
    {"x-ms-sevsnpvm-launchmeasurement", CLAIM_STRING, KNOWN_SNP},
    {"x-ms-sevsnpvm-microcode-svn", CLAIM_INTEGER, KNOWN_SNP},
    {"x-ms-sevsnpvm-migration-allowed", CLAIM_BOOLEAN, KNOWN_SNP},
    {"x-ms-sevsnpvm-reportdata", CLAIM_STRING, KNOWN_SNP},
    {"x-ms-sevsnpvm-reportid", CLAIM_STRING, KNOWN_SNP},
    {"x-ms-sevsnpvm-smt-allowed", CLAIM_BOOLEAN, KNOWN_SNP},
    {"x-ms-sevsnpvm-snpfw-svn", CLAIM_INTEGER, KNOWN_SNP},
    {"x-ms-sevsnpvm-tee-svn", CLAIM_INTEGER, KNOWN_SNP},
    {"x-ms-sevsnpvm-uvm-endorsement", CLAIM_STRING, KNOWN_SNP}, /* JSON */
    {"x-ms-sevsnpvm-vmpl", CLAIM_INTEGER, KNOWN_SNP},

    {"x-ms-sgx-is-debuggable", CLAIM_BOOLEAN, KNOWN_SGX},
    {"x-ms-sgx-product-id", CLAIM_INTEGER, KNOWN_SGX},
    {"x-ms-sgx-mrsigner", CLAIM_STRING, KNOWN_SGX},
    {"x-ms-sgx-mrenclave", CLAIM_STRING, KNOWN_SGX},
    {"x-ms-sgx-svn", CLAIM_INTEGER, KNOWN_SGX},
    {"x-ms-sgx-ehd", CLAIM_STRING, KNOWN_SGX},
    {"x-ms-sgx-report-data", CLAIM_STRING, KNOWN_SGX},
    {"x-ms-sgx-collateral", CLAIM_STRING, KNOWN_SGX}, /* JSON */
    {"x-ms-sgx-config-id", CLAIM_STRING, KNOWN_SGX},
    {"x-ms-sgx-config-svn", CLAIM_INTEGER, KNOWN_SGX},
    {"x-ms-sgx-isv-extended-product-id", CLAIM_STRING, KNOWN_SGX},
    {"x-ms-sgx-isv-family-id", CLAIM_STRING, KNOWN_SGX},
    {"$is-debuggable", CLAIM_BOOLEAN, KNOWN_SGX}, /* the older names */
    {"$product-id", CLAIM_INTEGER, KNOWN_SGX},
    {"$sgx-mrsigner", CLAIM_STRING, KNOWN_SGX},
    {"$sgx-mrenclave", CLAIM_STRING, KNOWN_SGX},
    {"$svn", CLAIM_INTEGER, KNOWN_SGX},
    {"$tee", CLAIM_STRING, KNOWN_SGX},

    {"attester_tcb_status", CLAIM_STRING, KNOWN_TDX | KNOWN_SGX},
    {"dbgstat", CLAIM_STRING, KNOWN_TDX},
    {"eat_profile", CLAIM_STRING, KNOWN_TDX},
    {"intuse", CLAIM_STRING, KNOWN_TDX},
    {"tdx_mrsignerseam", CLAIM_STRING, KNOWN_TDX},
    {"tdx_mrseam", CLAIM_STRING, KNOWN_TDX},
    {"tdx_mrtd", CLAIM_STRING, KNOWN_TDX},
    {"tdx_rtmr0", CLAIM_STRING, KNOWN_TDX},
    {"tdx_rtmr1", CLAIM_STRING, KNOWN_TDX},
    {"tdx_rtmr2", CLAIM_STRING, KNOWN_TDX},
    {"tdx_rtmr3", CLAIM_STRING, KNOWN_TDX},
    {"tdx_mrconfigid", CLAIM_STRING, KNOWN_TDX},
    {"tdx_mrowner", CLAIM_STRING, KNOWN_TDX},
    {"tdx_mrownerconfig", CLAIM_STRING, KNOWN_TDX},
    {"tdx_report_data", CLAIM_STRING, KNOWN_TDX},
    {"tdx_seam_attributes", CLAIM_STRING, KNOWN_TDX},
    {"tdx_tee_tcb_svn", CLAIM_STRING, KNOWN_TDX},
    {"tdx_xfam", CLAIM_STRING, KNOWN_TDX},
    {"tdx_seamsvn", CLAIM_INTEGER, KNOWN_TDX},
    {"tdx_td_attributes", CLAIM_STRING, KNOWN_TDX},
    {"tdx_td_attributes_debug", CLAIM_BOOLEAN, KNOWN_TDX},
    {"tdx_td_attributes_key_locker", CLAIM_BOOLEAN, KNOWN_TDX},
    {"tdx_td_attributes_perfmon", CLAIM_BOOLEAN, KNOWN_TDX},
    {"tdx_td_attributes_protection_keys", CLAIM_BOOLEAN, KNOWN_TDX},
    {"tdx_td_attributes_septve_disable", CLAIM_BOOLEAN, KNOWN_TDX},

    {"aikValidated", CLAIM_BOOLEAN, KNOWN_TPM},
    {"aikPubHash", CLAIM_STRING, KNOWN_TPM},
    {"tpmVersion", CLAIM_INTEGER, KNOWN_TPM},
    {"secureBootEnabled", CLAIM_BOOLEAN, KNOWN_TPM},
    {"iommuEnabled", CLAIM_BOOLEAN, KNOWN_TPM},
    {"bootDebuggingDisabled", CLAIM_BOOLEAN, KNOWN_TPM},
    {"notSafeMode", CLAIM_BOOLEAN, KNOWN_TPM},
    {"notWinPE", CLAIM_BOOLEAN, KNOWN_TPM},
    {"vbsEnabled", CLAIM_BOOLEAN, KNOWN_TPM},
    {"vbsReportPresent", CLAIM_BOOLEAN, KNOWN_TPM},
    {"events", CLAIM_STRING, KNOWN_TPM},     /* JSON */
    {"bootEvents", CLAIM_STRING, KNOWN_TPM}, /* JSON */
    {"pcrs", CLAIM_STRING, KNOWN_TPM},       /* JSON; may only be read */
};
const size_t known_claim_count = sizeof known_claims / sizeof *known_claims;

const struct known_claim *known_claim_find(const char *type, unsigned of)
{
    for (size_t i = 0; i < known_claim_count; i++) {
        if ((known_claims[i].of & of) && strcmp(known_claims[i].type, type) == 0)
            return &known_claims[i];
    }
    return NULL;
}
