/*
 * The structures and numbers of SGX that software hands to the processor and gets from it (Intel
 * SDM volume 3D, chapter 38, "Enclave Access Control and Data Structures"). Little endian, as
 * x86-64 has them; the library inside an enclave, the loader and the model of the processor all
 * take them from here. SIGSTRUCT is sigstruct.h's, and the fields of a report's body are
 * evidence/dcap_report.h's.
 */
#ifndef CAISSON_MEASURE_SGX_H
#define CAISSON_MEASURE_SGX_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define SGX_PAGE_SIZE 4096

/* The next page's beginning, or this one. Wraps at the end of the address space. */
static inline uint64_t sgx_page_up(uint64_t value)
{
    return (value + SGX_PAGE_SIZE - 1) & ~(uint64_t)(SGX_PAGE_SIZE - 1);
}

/* SECINFO.FLAGS (table 38-18): access, state, and the page's type from bit 8 on. */
#define SGX_READ       UINT64_C(0x1)
#define SGX_WRITE      UINT64_C(0x2)
#define SGX_EXECUTE    UINT64_C(0x4)
#define SGX_ACCESS     UINT64_C(0x7)
#define SGX_PENDING    UINT64_C(0x8)
#define SGX_MODIFIED   UINT64_C(0x10)
#define SGX_RESTRICTED UINT64_C(0x20) /* PR */
#define SGX_TYPE       UINT64_C(0xFF00)
#define SGX_TCS        UINT64_C(0x100)
#define SGX_REGULAR    UINT64_C(0x200)
#define SGX_VA         UINT64_C(0x300)
#define SGX_TRIM       UINT64_C(0x400)

/* ATTRIBUTES.FLAGS (table 38-3). */
#define SGX_INIT          UINT64_C(0x1)
#define SGX_DEBUG         UINT64_C(0x2)
#define SGX_MODE64        UINT64_C(0x4)
#define SGX_PROVISION_KEY UINT64_C(0x10)
#define SGX_TOKEN_KEY     UINT64_C(0x20)
#define SGX_KSS           UINT64_C(0x80) /* key separation and sharing: CONFIGID and the like */

/* ATTRIBUTES.XFRM, as XCR0: x87, SSE, AVX, the three parts of AVX-512. */
#define SGX_XFRM_LEGACY UINT64_C(0x3)
#define SGX_XFRM_KNOWN  UINT64_C(0xE7)

#define SGX_MISC_EXINFO 0x1U /* MISCSELECT: faults leave their address in the SSA */

/* The leaves of ENCLU, in EAX. */
enum sgx_leaf {
    SGX_EREPORT = 0,
    SGX_EGETKEY = 1,
    SGX_EENTER = 2,
    SGX_ERESUME = 3,
    SGX_EEXIT = 4,
    SGX_EACCEPT = 5,
    SGX_EMODPE = 6,
    SGX_EACCEPTCOPY = 7,
};

/* What leaves answer in EAX (table 38-22); 0 for success. */
enum sgx_status {
    SGX_INVALID_SIGSTRUCT = 1,
    SGX_INVALID_ATTRIBUTE = 2,
    SGX_INVALID_MEASUREMENT = 4,
    SGX_INVALID_SIGNATURE = 8,
    SGX_ATTRIBUTES_MISMATCH = 19, /* EACCEPT: the page is not as SECINFO says */
    SGX_NOT_MODIFIABLE = 20,
    SGX_INVALID_CPUSVN = 32,
    SGX_INVALID_ISVSVN = 64,
    SGX_INVALID_KEYNAME = 256,
};

struct sgx_attributes {
    uint64_t flags;
    uint64_t xfrm;
};

struct sgx_secs {
    uint64_t size;
    uint64_t base;
    uint32_t ssa_frame_size; /* pages */
    uint32_t miscselect;
    uint8_t reserved1[24];
    struct sgx_attributes attributes;
    uint8_t mrenclave[32];
    uint8_t reserved2[32];
    uint8_t mrsigner[32];
    uint8_t reserved3[32];
    uint8_t config_id[64];
    uint16_t isv_prod_id;
    uint16_t isv_svn;
    uint16_t config_svn;
    uint8_t reserved4[3834];
};
static_assert(sizeof(struct sgx_secs) == SGX_PAGE_SIZE, "SDM volume 3D, table 38-2");
static_assert(offsetof(struct sgx_secs, attributes) == 48, "table 38-2");
static_assert(offsetof(struct sgx_secs, mrsigner) == 128, "table 38-2");
static_assert(offsetof(struct sgx_secs, config_id) == 192, "table 38-2");
static_assert(offsetof(struct sgx_secs, config_svn) == 260, "table 38-2");

struct sgx_tcs {
    uint64_t state;
    uint64_t flags; /* bit 0: DBGOPTIN */
    uint64_t ssa;   /* OSSA: offsets from the enclave's base, as all here */
    uint32_t current_ssa;
    uint32_t ssa_count;
    uint64_t entry;
    uint64_t aep; /* the processor's */
    uint64_t fs;
    uint64_t gs;
    uint32_t fs_limit;
    uint32_t gs_limit;
    uint8_t reserved[4024];
};
static_assert(sizeof(struct sgx_tcs) == SGX_PAGE_SIZE, "table 38-8");
static_assert(offsetof(struct sgx_tcs, current_ssa) == 24, "table 38-8");
static_assert(offsetof(struct sgx_tcs, entry) == 32, "table 38-8");
static_assert(offsetof(struct sgx_tcs, gs_limit) == 68, "table 38-8");

/* At the end of each SSA frame. */
struct sgx_gprs {
    uint64_t rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi;
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
    uint64_t rflags;
    uint64_t rip;
    uint64_t host_rsp; /* URSP */
    uint64_t host_rbp;
    uint32_t exit_info; /* SGX_EXIT_* */
    uint32_t reserved;
    uint64_t fs_base;
    uint64_t gs_base;
};
static_assert(sizeof(struct sgx_gprs) == 184, "table 38-10");
static_assert(offsetof(struct sgx_gprs, rip) == 136, "table 38-10");
static_assert(offsetof(struct sgx_gprs, exit_info) == 160, "table 38-10");

#define SGX_EXIT_VECTOR   0xFFU
#define SGX_EXIT_HARDWARE (3U << 8)
#define SGX_EXIT_SOFTWARE (6U << 8) /* INT3 */
#define SGX_EXIT_VALID    (1U << 31)

/* Below sgx_gprs, with SGX_MISC_EXINFO. */
struct sgx_exinfo {
    uint64_t address;    /* MADDR */
    uint32_t error_code; /* as the processor pushes it */
    uint32_t reserved;
};
static_assert(sizeof(struct sgx_exinfo) == 16, "table 38-13");

struct sgx_secinfo {
    uint64_t flags;
    uint8_t reserved[56];
} __attribute__((aligned(64)));
static_assert(sizeof(struct sgx_secinfo) == 64, "table 38-17");

#define SGX_REPORT_BODY_SIZE 384
#define SGX_REPORT_DATA_SIZE 64

struct sgx_report {
    uint8_t body[SGX_REPORT_BODY_SIZE];
    uint8_t key_id[32];
    uint8_t mac[16]; /* AES-CMAC of the body */
} __attribute__((aligned(512)));
static_assert(offsetof(struct sgx_report, mac) == 416, "table 38-19");
#define SGX_REPORT_SIZE 432

struct sgx_targetinfo {
    uint8_t mrenclave[32];
    struct sgx_attributes attributes;
    uint16_t cet;
    uint16_t config_svn;
    uint32_t miscselect;
    uint8_t reserved1[8];
    uint8_t config_id[64];
    uint8_t reserved2[384];
} __attribute__((aligned(512)));
static_assert(sizeof(struct sgx_targetinfo) == 512, "table 38-20");
static_assert(offsetof(struct sgx_targetinfo, config_id) == 64, "table 38-20");

enum sgx_key_name {
    SGX_KEY_LAUNCH = 0,
    SGX_KEY_PROVISION = 1,
    SGX_KEY_PROVISION_SEAL = 2,
    SGX_KEY_REPORT = 3,
    SGX_KEY_SEAL = 4,
};

/* KEYREQUEST.KEYPOLICY. */
#define SGX_POLICY_MRENCLAVE    0x1U
#define SGX_POLICY_MRSIGNER     0x2U
#define SGX_POLICY_NOPRODUCT    0x4U /* the rest with KSS alone */
#define SGX_POLICY_CONFIGID     0x8U
#define SGX_POLICY_ISVFAMILYID  0x10U
#define SGX_POLICY_ISVEXTPRODID 0x20U
#define SGX_POLICY_KNOWN        0x3FU
#define SGX_POLICY_OF_KSS       0x3CU

struct sgx_keyrequest {
    uint16_t name;
    uint16_t policy;
    uint16_t isv_svn;
    uint16_t cet_mask;
    uint8_t cpu_svn[16];
    struct sgx_attributes attribute_mask;
    uint8_t key_id[32];
    uint32_t misc_mask;
    uint16_t config_svn;
    uint8_t reserved[434];
} __attribute__((aligned(512)));
static_assert(sizeof(struct sgx_keyrequest) == 512, "table 38-21");
static_assert(offsetof(struct sgx_keyrequest, key_id) == 40, "table 38-21");
static_assert(offsetof(struct sgx_keyrequest, config_svn) == 76, "table 38-21");

#define SGX_KEY_SIZE 16

#endif
