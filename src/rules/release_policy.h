/*
 * Key release policies, version 1.0.0 (Microsoft, "Azure Key Vault secure key release policy
 * grammar"): which claims of a token, by which issuer, release a key.
 *
 *     {"version":"1.0.0","anyOf":[{"authority":"https://attest.example","allOf":[
 *         {"claim":"x-ms-sevsnpvm-is-debuggable","equals":false},
 *         {"anyOf":[{"claim":"a.b","equals":"c"},{"claim":"x-ms-sevsnpvm-vmpl","lessOrEquals":1}]}]}]}
 *
 * What the grammar leaves open is decided here so:
 *   - The operators are those above with notEquals, less, greater, greaterOrEquals and exists.
 *     Their names, anyOf and allOf are read in any case. One stands in a condition.
 *   - A claim that is not there meets nothing but exists with false, not notEquals either. An
 *     object, an array, a real number and null meet nothing but exists with true.
 *   - Text in the policy equals an integer or a truth value of that spelling ("0", "false"), as
 *     published policies write them. A number or a truth value in the policy equals its like alone.
 *   - The four orders compare integers, and text that is one in decimal.
 *   - `a.b` is the claim of that whole name where there is one, else member b of a.
 */
#ifndef CAISSON_RULES_RELEASE_POLICY_H
#define CAISSON_RULES_RELEASE_POLICY_H

#include "format/json.h"

#define RELEASE_POLICY_SIZE_MAX       ((size_t)64 << 10) /* bytes of JSON */
#define RELEASE_POLICY_DEPTH_MAX      32
#define RELEASE_POLICY_CONDITIONS_MAX 1024

struct release_policy;

/* Reads a policy, and refuses what it does not know: ERROR_INVALID, ERROR_LIMIT. The caller frees
 * it. */
struct release_policy *release_policy_new(struct span text, struct error *err);
void release_policy_free(struct release_policy *policy);
void release_policy_cleanup(struct release_policy **policy);
#define RELEASE_POLICY_AUTO __attribute__((cleanup(release_policy_cleanup))) struct release_policy

/* Whether the claims of a token, which somebody has verified to be of this issuer, meet the policy.
 * 0, or -1 with ERROR_REFUSED: the first condition that is not met, and the claim that is there.
 * An issuer is an authority where both are the same but for a slash at the end. */
int release_policy_check(const struct release_policy *policy, const char *issuer,
                         const json_t *claims, struct error *err);

#endif
