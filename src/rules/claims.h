/*
 * Claims: what is known of an attested machine or caller, as the attestation policy language has
 * them (Microsoft Azure Attestation, "Claim and claim rules"). A claim has a type, a value (text,
 * an integer or a truth value) and an issuer; a set may hold several claims of one type.
 *
 * Types and values are jansson's, shared and not changed: a set that is copied costs little.
 */
#ifndef CAISSON_RULES_CLAIMS_H
#define CAISSON_RULES_CLAIMS_H

#include "format/json.h"

#define CLAIMS_MAX      4096               /* claims of a set */
#define CLAIM_TYPE_MAX  1024               /* bytes of a type, at least one */
#define CLAIM_VALUE_MAX ((size_t)16 << 20) /* bytes of a text */

enum claim_issuer {
    CLAIM_CUSTOM,  /* "CustomClaim": who asked for the attestation says it */
    CLAIM_SERVICE, /* "AttestationService": it was verified */
    CLAIM_POLICY,  /* "AttestationPolicy": a rule made it */
    CLAIM_ISSUER_COUNT,
};

enum claim_kind { CLAIM_STRING, CLAIM_INTEGER, CLAIM_BOOLEAN, CLAIM_KIND_COUNT };

struct claim {
    json_t *type;  /* a string; owned */
    json_t *value; /* a string, an integer, true or false; owned */
    enum claim_issuer issuer;
    bool read_only; /* may be asked, and not issued */
};

/* A zeroed set is empty. */
struct claims {
    struct claim *at;
    size_t count;
    size_t capacity;
};

void claims_fini(struct claims *claims);
#define CLAIMS_AUTO __attribute__((cleanup(claims_fini))) struct claims

/* Adds a claim; `type` and `value` are borrowed. ERROR_INVALID for a value of another kind and a
 * type that is empty, ERROR_LIMIT. */
int claims_add(struct claims *claims, const struct claim *claim, struct error *err);

int claims_add_text(struct claims *claims, const char *type, const char *value,
                    enum claim_issuer issuer, struct error *err);
int claims_add_integer(struct claims *claims, const char *type, int64_t value,
                       enum claim_issuer issuer, struct error *err);
int claims_add_boolean(struct claims *claims, const char *type, bool value,
                       enum claim_issuer issuer, struct error *err);

/* Adds what a JSON value says: nothing for null, a claim for each element of an array of texts,
 * integers, truth values and nulls, and for all else the value itself, where need be as JSON text.
 */
int claims_add_json(struct claims *claims, const char *type, json_t *value,
                    enum claim_issuer issuer, struct error *err);

/* As above for each member of an object: the claims of a token, say. */
int claims_add_members(struct claims *claims, json_t *object, enum claim_issuer issuer,
                       struct error *err);

/* Adds all claims of another set. */
int claims_add_all(struct claims *claims, const struct claims *more, struct error *err);

/* An object with a member for each type: the value, or an array where there are several. The
 * caller's. */
json_t *claims_to_json(const struct claims *claims, struct error *err);

/* The first claim of this type, or NULL. */
const struct claim *claims_find(const struct claims *claims, const char *type);

/* "AttestationService", "Integer". */
const char *claim_issuer_name(enum claim_issuer issuer);
const char *claim_kind_name(enum claim_kind kind);

/* False for JSON that is no value of a claim. */
bool claim_kind_of(const json_t *value, enum claim_kind *out);

#endif
