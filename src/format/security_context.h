/*
 * What a container finds in the folder that UVM_SECURITY_CONTEXT_DIR names, as under Microsoft's
 * hcsshim (pkg/securitypolicy, WriteSecurityContextDir). In a policy these are secrets of a
 * repository that is no service's: the attestation agent has them of the machine itself. The
 * repository's type; then the tag is the file's name or, for the variable, the folder's.
 */
#ifndef CAISSON_FORMAT_SECURITY_CONTEXT_H
#define CAISSON_FORMAT_SECURITY_CONTEXT_H

#define SECURITY_CONTEXT_RESOURCE     "caisson/security-context/"
#define SECURITY_CONTEXT_PREFIX       "security-context-"
#define SECURITY_CONTEXT_FOLDER       SECURITY_CONTEXT_PREFIX "caisson" /* at the root */
#define SECURITY_CONTEXT_POLICY       "security-policy-base64"
#define SECURITY_CONTEXT_CERTIFICATES "host-amd-cert-base64"
#define SECURITY_CONTEXT_VARIABLE     "UVM_SECURITY_CONTEXT_DIR"

#endif
