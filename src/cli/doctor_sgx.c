#include "cli/doctor_sgx.h"

#include <cpuid.h>
#include <errno.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/enclave_folder.h"
#include "os/fd.h"

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#endif
#define HWCAP2_FSGSBASE 0x2 /* arch/x86/include/uapi/asm/hwcap2.h */

#define FEATURES_LEAF    7
#define SGX_LEAF         0x12
#define SECTIONS_MAX     64         /* of the EPC; processors have a few */
#define EBX_SGX          (1U << 2)  /* CPUID 7 */
#define ECX_SGX_LC       (1U << 30) /* likewise */
#define EAX_SGX2         (1U << 1)  /* CPUID 12H.0 */
#define EAX_KSS          (1U << 7)  /* CPUID 12H.1: ATTRIBUTES that may be set */
#define SECTION_IS_VALID 1          /* CPUID 12H.2 and up: EAX[3:0] */

enum { EAX, EBX, ECX, EDX };

void doctor_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
    memset(out, 0, 4 * sizeof *out);
    (void)__get_cpuid_count(leaf, subleaf, &out[EAX], &out[EBX], &out[ECX], &out[EDX]);
}

/* Bytes of all sections of the EPC. */
static uint64_t epc_size(doctor_cpuid_fn *cpuid)
{
    uint64_t size = 0;
    for (uint32_t i = 0; i < SECTIONS_MAX; i++) {
        uint32_t section[4];
        cpuid(SGX_LEAF, 2 + i, section);
        if ((section[EAX] & 0xF) != SECTION_IS_VALID)
            break;
        size += (section[ECX] & 0xFFFFF000U) | (uint64_t)(section[EDX] & 0xFFFFFU) << 32;
    }
    return size;
}

void doctor_sgx_processor(doctor_cpuid_fn *cpuid, struct finding *finding)
{
    static const char newer[] = "an Intel Xeon of the third generation or later has it";
    uint32_t features[4];
    uint32_t sgx[4];
    uint32_t attributes[4];
    cpuid(FEATURES_LEAF, 0, features);
    cpuid(SGX_LEAF, 0, sgx);
    cpuid(SGX_LEAF, 1, attributes);
    if (!(features[EBX] & EBX_SGX)) {
        finding_conclude(finding, FINDING_OPTIONAL, newer, "the processor has no SGX (CPUID 7)");
        return;
    }
    const uint64_t epc = epc_size(cpuid);
    if (!(sgx[EAX] & EAX_SGX2))
        finding_conclude(finding, FINDING_OPTIONAL, newer,
                         "SGX without SGX2 (CPUID 12H.0): programs' pages cannot be added");
    else if (!(attributes[EAX] & EAX_KSS))
        finding_conclude(
            finding, FINDING_OPTIONAL, newer,
            "SGX without KSS (CPUID 12H.1): the policy has no CONFIGID to be bound by");
    else if (!(features[ECX] & ECX_SGX_LC))
        finding_conclude(finding, FINDING_OPTIONAL,
                         "switch flexible launch control on in the firmware (SGX: Software "
                         "Controlled or Unlocked)",
                         "SGX without flexible launch control (CPUID 7): Linux does not use it");
    else if (epc == 0)
        finding_conclude(finding, FINDING_OPTIONAL,
                         "give SGX memory in the firmware (PRMRR); to a virtual machine, an EPC",
                         "SGX without enclave page cache (CPUID 12H.2)");
    else
        finding_conclude(finding, FINDING_OK, "",
                         "SGX2, KSS, flexible launch control; %llu MiB of enclave page cache",
                         (unsigned long long)(epc >> 20));
}

void doctor_sgx_device(const char *path, struct finding *finding)
{
    if (access(path, R_OK | W_OK) == 0)
        finding_conclude(finding, FINDING_OK, "", "%s is there", path);
    else if (errno == EACCES || errno == EPERM)
        finding_conclude_system(finding, FINDING_OPTIONAL, "add this user to the device's group",
                                path);
    else
        finding_conclude_system(finding, FINDING_OPTIONAL,
                                "Linux 6.0 or later, on a machine with SGX and flexible launch "
                                "control switched on",
                                path);
}

void doctor_sgx_aesmd(const char *path, struct finding *finding)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    FD_AUTO fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (!text_copy(address.sun_path, sizeof address.sun_path, path)) {
        finding_conclude(finding, FINDING_OPTIONAL, "give it a shorter name", "%s is too long",
                         path);
        return;
    }
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
        finding_conclude(finding, FINDING_OK, "", "%s answers", path);
    else
        finding_conclude_system(finding, FINDING_OPTIONAL,
                                "install Intel's sgx-aesm-service with libsgx-aesm-quote-ex-plugin "
                                "and libsgx-aesm-ecdsa-plugin, and start aesmd",
                                path);
}

void doctor_enclave(struct finding *finding)
{
    struct enclave_folder folder = {0};
    struct error err = {0};
    if (enclave_folder_find(NULL, &folder, &err) < 0)
        finding_conclude(finding, FINDING_OPTIONAL, "make, or name its folder by CAISSON_ENCLAVE",
                         "%s", err.text);
    else
        finding_conclude(finding, FINDING_OK, "", "%s, its signature and its host", folder.image);
    enclave_folder_fini(&folder);
}

void doctor_enclave_model(struct finding *finding)
{
    if (!(getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE))
        finding_conclude(finding, FINDING_OPTIONAL, "Linux 5.9 or later, without nofsgsbase",
                         "simulated enclaves need WRFSBASE, which this kernel does not allow");
    else if (prctl(PR_SET_SYSCALL_USER_DISPATCH, 0, 0, 0, 0) < 0)
        finding_conclude_system(finding, FINDING_OPTIONAL, "Linux 5.11 or later",
                                "simulated enclaves need Syscall User Dispatch");
    else
        finding_conclude(finding, FINDING_OK, "",
                         "processor and kernel have what simulated enclaves take");
}
