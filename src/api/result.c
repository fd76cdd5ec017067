#include "api/result.h"

#include <stdlib.h>

_Static_assert((int)VERDICT_REFUSED == (int)CAISSON_REFUSED, "refused is zero");
_Static_assert((int)VERDICT_ACCEPTED == (int)CAISSON_ACCEPTED, "the verdicts agree");
_Static_assert((int)CHECK_FAILED == (int)CAISSON_CHECK_FAILED, "failed is zero");
_Static_assert((int)CHECK_PASSED == (int)CAISSON_CHECK_PASSED, "the checks' results agree");
_Static_assert((int)CHECK_SKIPPED == (int)CAISSON_CHECK_SKIPPED, "the checks' results agree");

struct caisson_result *caisson_result_new(void)
{
    struct caisson_result *result = malloc(sizeof *result);
    if (result)
        result_reset(result);
    return result;
}

void caisson_result_free(struct caisson_result *result)
{
    free(result);
}

void result_reset(struct caisson_result *result)
{
    result->kind = RESULT_NONE;
    result->verdict = VERDICT_REFUSED;
    result->error = (struct error){0};
    result->has_quote = false;
    checks_init(&result->checks);
}

const struct snp_result *result_snp(const struct caisson_result *result)
{
    if (result->kind == RESULT_SNP)
        return &result->of.snp;
    if (result->kind == RESULT_ACI)
        return &result->of.aci.snp;
    if (result->kind == RESULT_HCL && result->of.hcl.report.kind == HCL_SNP)
        return &result->of.hcl.snp;
    return NULL;
}

const struct checks *result_checks(const struct caisson_result *result)
{
    switch (result->kind) {
    case RESULT_SNP:
        return &result->of.snp.checks;
    case RESULT_QUOTE:
        return &result->quote.checks;
    case RESULT_HCL:
        return &result->of.hcl.snp.checks;
    case RESULT_ACI:
        return &result->of.aci.snp.checks;
    case RESULT_NONE:
    case RESULT_UVM:
    case RESULT_COLLATERAL:
        break;
    }
    return &result->checks;
}

enum caisson_verdict caisson_result_verdict(const struct caisson_result *result)
{
    return result->verdict == VERDICT_ACCEPTED ? CAISSON_ACCEPTED : CAISSON_REFUSED;
}

bool caisson_result_is_simulated(const struct caisson_result *result)
{
    if (result->kind == RESULT_QUOTE)
        return result->quote.simulated;
    if (result->kind == RESULT_HCL)
        return result->of.hcl.snp.simulated;
    const struct snp_result *snp = result_snp(result);
    return snp && snp->simulated;
}

size_t caisson_result_check_count(const struct caisson_result *result)
{
    return result_checks(result)->count;
}

static struct caisson_check check_of(const struct check *check)
{
    return (struct caisson_check){.name = check->rule->name,
                                  .section = check->rule->section,
                                  .remedy = check->rule->remedy,
                                  .expected = check->expected,
                                  .found = check->found,
                                  .result = (enum caisson_check_result)check->result};
}

bool caisson_result_get_check(const struct caisson_result *result, size_t index,
                              struct caisson_check *out)
{
    const struct checks *checks = result_checks(result);
    if (index >= checks->count)
        return false;
    *out = check_of(&checks->items[index]);
    return true;
}

bool caisson_result_get_failure(const struct caisson_result *result, struct caisson_check *out)
{
    const struct check *failure = checks_first_failure(result_checks(result));
    if (!failure)
        return false;
    *out = check_of(failure);
    return true;
}

const char *caisson_result_error(const struct caisson_result *result)
{
    return result->error.text;
}

int input_take(void *out, size_t out_size, const void *in, const char *name, struct error *err)
{
    size_t size;
    if (!in)
        return error_set(err, ERROR_USAGE, "no struct %s was given", name);
    memcpy(&size, in, sizeof size);
    if (size <= sizeof size || size > out_size)
        return error_set(err, ERROR_USAGE,
                         "struct %s says that it has %zu bytes; this library knows %zu: set its "
                         "size with CAISSON_INIT, and use headers and library of one release",
                         name, size, out_size);
    memset(out, 0, out_size);
    memcpy(out, in, size);
    return 0;
}
