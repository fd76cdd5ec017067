/*
 * libcaisson: is this evidence what it says, and of what I want? Offline: bytes, trust anchors,
 * collateral, a time and an appraisal go in, a verdict comes out. Nothing else is read: no file, no
 * clock, no network, no environment.
 *
 * Every verification fills a result: a verdict, whose zero is "refused", and a list of the checks
 * that were made, each with what was expected and found, the specification that demands it, and
 * what to do when it fails. The verdict is nothing but their sum. Read the claims of accepted
 * evidence alone.
 *
 * Ownership: what goes in is borrowed for the call; what a result hands out is borrowed from it,
 * until it is used again or freed. Threads: a result is one thread's at a time; a cache may be read
 * by any number of threads while none adds to it, and collateral by any number at all. No function
 * keeps state of its own.
 *
 * Structures that go in start with `size`: set it to sizeof of the structure (CAISSON_INIT does). A
 * library that is newer than its caller takes the members that the caller did not know as zero; one
 * that is older refuses a structure that is larger than it knows. All zero is the strictest.
 *
 * Sizes are in bytes, times in seconds since 1970-01-01T00:00:00Z. Compile with -lcaisson;
 * pkg-config knows it as "caisson". This header includes <caisson/evidence_quote.h> (SGX and
 * TDX) and <caisson/evidence_azure.h>. docs/verify.md teaches the use, docs/library.c is a whole
 * program.
 */
#ifndef CAISSON_EVIDENCE_H
#define CAISSON_EVIDENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CAISSON_API __attribute__((visibility("default")))

/* An initialiser of a structure that goes in: struct caisson_snp_input input = CAISSON_INIT(input);
 */
#define CAISSON_INIT(name)                                                                         \
    {                                                                                              \
        .size = sizeof(name)                                                                       \
    }

/* Bytes that are somebody else's; {NULL, 0} is none. */
struct caisson_bytes {
    const uint8_t *data;
    size_t size;
};

/* --- results ---------------------------------------------------------------------------------- */

enum caisson_verdict { CAISSON_REFUSED = 0, CAISSON_ACCEPTED = 1 };

enum caisson_check_result {
    CAISSON_CHECK_FAILED = 0,
    CAISSON_CHECK_PASSED = 1,
    CAISSON_CHECK_SKIPPED = 2, /* does not apply; `found` says why */
};

struct caisson_check {
    const char *name;     /* "reported_tcb"; stable from release to release */
    const char *section;  /* the specification that demands it, with its section */
    const char *remedy;   /* what to do when it fails */
    const char *expected; /* at most 255 characters; longer values are cut */
    const char *found;    /* as `expected`; may hold text of whoever made the evidence */
    enum caisson_check_result result;
};

struct caisson_result;

/* An empty result, which is refused; NULL when there is no memory. The caller frees it, and may use
 * it for one verification after another. */
CAISSON_API struct caisson_result *caisson_result_new(void);
CAISSON_API void caisson_result_free(struct caisson_result *result);

CAISSON_API enum caisson_verdict caisson_result_verdict(const struct caisson_result *result);

/* True when the evidence stands under a root that the caller named as simulated: it proves nothing.
 */
CAISSON_API bool caisson_result_is_simulated(const struct caisson_result *result);

CAISSON_API size_t caisson_result_check_count(const struct caisson_result *result);

/* The check number `index`, in the order in which they were made; false past the last. */
CAISSON_API bool caisson_result_get_check(const struct caisson_result *result, size_t index,
                                          struct caisson_check *out);

/* The check that decided on a refusal: the first that failed. False for none: the evidence was
 * accepted, or it was refused before a check could be made (then caisson_result_error says why). */
CAISSON_API bool caisson_result_get_failure(const struct caisson_result *result,
                                            struct caisson_check *out);

/* Why nothing could be verified: a structure of an unknown size, an argument that is no
 * certificate, no memory. "" otherwise. */
CAISSON_API const char *caisson_result_error(const struct caisson_result *result);

/* --- AMD SEV-SNP ------------------------------------------------------------------------------ */

/* A root that is trusted beside the pinned ones, by the SHA-256 of its certificate's DER. */
struct caisson_root {
    uint8_t sha256[32];
    bool simulated; /* it is one of a simulated processor: what it signs proves nothing */
};

/* At least these security versions of the parts of a TCB_VERSION (AMD 56860, section 2.2). A part
 * that the processor's generation does not have must be 0. All zero asks nothing. */
struct caisson_snp_tcb {
    uint8_t fmc; /* Turin alone */
    uint8_t bootloader;
    uint8_t tee;
    uint8_t snp;
    uint8_t microcode;
};

/*
 * What the caller wants of a machine (AMD 56860, section 7.3, table 23). All zero: no debugging, no
 * migration agent, VMPL 0, no masked chip id, nothing that can be rolled back; and nothing is asked
 * that is particular to one machine. NULL asks nothing.
 */
struct caisson_snp_appraisal {
    size_t size;
    bool allow_masked_chip_id;
    bool allow_debug;
    bool allow_migration_agent;
    bool allow_provisional_firmware; /* COMMITTED_TCB below CURRENT_TCB: the host may roll back */
    bool allow_old_launch_tcb;       /* LAUNCH_TCB below REPORTED_TCB */
    uint32_t vmpl_max;
    uint32_t minimum_guest_svn;
    struct caisson_snp_tcb minimum_reported_tcb;
    struct caisson_snp_tcb minimum_committed_tcb;
    struct caisson_snp_tcb minimum_launch_tcb;
    uint64_t policy_required; /* bits of POLICY that must be one */
    uint64_t policy_forbidden;
    uint64_t platform_required; /* bits of PLATFORM_INFO that must be one */
    uint64_t platform_forbidden;
    const uint8_t *report_data;        /* 64 bytes */
    const uint8_t *host_data;          /* 32 */
    const uint8_t *family_id;          /* 16 */
    const uint8_t *image_id;           /* 16 */
    const uint8_t *id_key_digest;      /* 48 */
    const uint8_t *author_key_digest;  /* 48 */
    const uint8_t *report_id;          /* 32 */
    const uint8_t (*measurements)[48]; /* any of these; a count of 0 with a pointer refuses */
    size_t measurement_count;
    const uint8_t (*chip_ids)[64]; /* any of these */
    size_t chip_id_count;
};

struct caisson_snp_cache;

struct caisson_snp_input {
    size_t size;
    struct caisson_bytes report; /* 1184 bytes, versions 2 to 5 */
    /* Leaf, intermediate and root, in any order: each element is one certificate in DER, a PEM text
     * of several, or the table that a host hands its guest (auxblob, AMD 56421 section 4.1.8.1). A
     * cache is asked only for three DER certificates in the order leaf, intermediate, root. */
    const struct caisson_bytes *certificates;
    size_t certificate_count;
    struct caisson_bytes crl;         /* DER of the root's revocation list, or none */
    bool require_crl;                 /* refuse without one */
    bool allow_stale_crl;             /* accept one past its nextUpdate */
    int64_t time;                     /* all must be valid then */
    const struct caisson_root *roots; /* besides AMD's, which are pinned */
    size_t root_count;
    const struct caisson_snp_appraisal *appraisal; /* NULL: as all zero */
    struct caisson_bytes appraisal_file;   /* or the text of an appraisal file (docs/verify.md) */
    const struct caisson_snp_cache *cache; /* chains verified before, or NULL; its roots and its
                                              list count then, not those above */
};

/* Verifies a report: chain, signature, agreement of report and leaf, appraisal (AMD 56860,
 * section 7.3; AMD 57230). Returns the result's verdict. */
CAISSON_API enum caisson_verdict caisson_verify_snp(const struct caisson_snp_input *input,
                                                    struct caisson_result *result);

/* What a report says (AMD 56860, section 7.3, table 23), in its own names and units. */
struct caisson_snp_claims {
    uint32_t version;
    uint32_t guest_svn;
    uint64_t policy;
    uint32_t vmpl;
    uint64_t platform_info;
    const char *product;              /* "Milan", NULL when it is not known */
    const uint8_t *family_id;         /* 16 bytes */
    const uint8_t *image_id;          /* 16 */
    const uint8_t *report_data;       /* 64 */
    const uint8_t *measurement;       /* 48 */
    const uint8_t *host_data;         /* 32 */
    const uint8_t *id_key_digest;     /* 48 */
    const uint8_t *author_key_digest; /* 48 */
    const uint8_t *report_id;         /* 32 */
    const uint8_t *chip_id;           /* 64 */
    const uint8_t *current_tcb;       /* 8, the bytes' meaning is the product's (section 2.2) */
    const uint8_t *reported_tcb;      /* 8 */
    const uint8_t *committed_tcb;     /* 8 */
    const uint8_t *launch_tcb;        /* 8 */
};

/* False unless the result is of a report that was accepted, alone or as part of an HCL report or of
 * a container group. */
CAISSON_API bool caisson_result_get_snp(const struct caisson_result *result,
                                        struct caisson_snp_claims *out);

/*
 * Chains that were verified once: the next report under the same certificates costs one check of an
 * ECDSA signature, and no memory of the library's. Validity at the input's time is checked each
 * time. `capacity` is 1 to 65536 chains; the input's roots and list are copied, and are the cache's
 * for good. NULL when it cannot be made.
 */
CAISSON_API struct caisson_snp_cache *caisson_snp_cache_new(size_t capacity,
                                                            const struct caisson_snp_input *input);
CAISSON_API void caisson_snp_cache_free(struct caisson_snp_cache *cache);

/* Verifies the input's certificates (three in DER: leaf, intermediate, root) as of its time, and
 * keeps them when all checks of them pass. False, with the reason in `error` (NULL, or room for 256
 * characters), when they do not. */
CAISSON_API bool caisson_snp_cache_add(struct caisson_snp_cache *cache,
                                       const struct caisson_snp_input *input, char error[256]);

/* --- endorsements of utility VMs -------------------------------------------------------------- */

/*
 * A COSE_Sign1 message in which whoever builds a guest says which MEASUREMENT it has, as
 * confidential ACI's "reference info" (RFC 9052; did:x509). Whom to believe is the caller's to say.
 */
struct caisson_uvm_input {
    size_t size;
    struct caisson_bytes cose;
    int64_t time;         /* the signer's certificates must be valid then */
    bool at_signing_time; /* or when the signed header says that it was signed: the signer's word */
    const char *issuer; /* did:x509:…; NULL: the one that Microsoft publishes for ACI's guests */
    const char *feed;   /* NULL: "ContainerPlat-AMD-UVM" */
    uint64_t minimum_svn;
    const uint8_t *measurement; /* 48 bytes, the report's; NULL: none at hand */
};

CAISSON_API enum caisson_verdict caisson_verify_uvm(const struct caisson_uvm_input *input,
                                                    struct caisson_result *result);

struct caisson_uvm_claims {
    const char *issuer;
    const char *feed;
    uint64_t svn;
    const uint8_t *measurement; /* 48 bytes */
    int64_t signing_time;       /* 0 where the message does not say */
};

/* False unless the result is of an endorsement that was accepted, alone or as part of a container
 * group. */
CAISSON_API bool caisson_result_get_uvm(const struct caisson_result *result,
                                        struct caisson_uvm_claims *out);

#ifdef __cplusplus
}
#endif

#include <caisson/evidence_azure.h>
#include <caisson/evidence_quote.h>

#endif
