/*
 * What a client of Microsoft Azure Attestation's REST interface sends to /attest/…: evidence, and
 * data that it is bound to (API versions 2020-10-01, 2022-08-01, 2025-06-01). Pure.
 *
 * Read as the clients that exist write it: base64url with or without padding, a nonce that is a
 * string or an integer. Otherwise strictly: each member once, of its type, within limits, and
 * no number that is no integer. Members that are not known are left aside, as the service itself
 * does. Almost all of a body is base64 of certificates, so it is read by format/value.h, which
 * looks at each byte once.
 */
#ifndef CAISSON_SERVICE_MAA_REQUEST_H
#define CAISSON_SERVICE_MAA_REQUEST_H

#include <jansson.h>

#include "base/buf.h"
#include "format/value.h"

#define MAA_EVIDENCE_MAX ((size_t)512 << 10) /* bytes of evidence, decoded */
#define MAA_DATA_MAX     ((size_t)256 << 10) /* bytes of runtime or init-time data */
#define MAA_NONCE_MAX    1024                /* bytes */

/* The kinds of evidence, by the names of their paths. */
enum maa_kind {
    MAA_SEV_SNP,
    MAA_SGX,
    MAA_OPEN_ENCLAVE,
    MAA_TDX,
    MAA_TPM,
    MAA_AZURE_GUEST,
    MAA_KIND_COUNT
};

/* "SevSnpVm"; paths are compared without case, as real clients differ. */
const char *maa_kind_name(enum maa_kind kind);
bool maa_kind_find(struct span name, enum maa_kind *out);

/* Data that the evidence holds the SHA-256 of. */
struct maa_data {
    bool is_there;
    bool is_json; /* it is shown in the token; other data only binds */
    struct buf bytes;
};

struct maa_request {
    enum maa_kind kind;
    struct buf evidence;     /* the quote or the report, as its kind has it */
    struct maa_data runtime; /* bound by REPORT_DATA */
    struct maa_data init;    /* bound by HOST_DATA or CONFIGID */
    json_t *nonce;           /* a string or an integer; NULL where there is none */
    struct buf
        draft_policy; /* a policy to be tried: the token that it gives is not to be trusted */
};

/* Reads a body; the caller calls maa_request_fini() even after a failure. ERROR_INVALID,
 * ERROR_LIMIT, each with the member. */
int maa_request_read(enum maa_kind kind, struct span body, struct maa_request *out,
                     struct error *err);
void maa_request_fini(struct maa_request *request);
#define MAA_REQUEST_AUTO __attribute__((cleanup(maa_request_fini))) struct maa_request

/* Appends what base64url stands for, with or without padding. */
int maa_decode(struct span text, struct buf *out, struct error *err);

/* The same of a member, which must be there and not empty. */
int maa_get_bytes(const struct value *object, const char *key, struct buf *out, struct error *err);

/* Reads an object of a request, or of evidence in it, nested at most `depth` deep; it lives as long
 * as the arena, which the caller ends by arena_fini() even after a failure. */
int maa_read_object(struct span text, unsigned int depth, struct arena *arena, struct value *out,
                    struct error *err);
#define MAA_ARENA_AUTO __attribute__((cleanup(arena_fini))) struct arena

#endif
