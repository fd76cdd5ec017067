/* Policies: what is read names its rules, and an evaluation ends with a verdict and a reason, or
 * fails and denies. */
#include "fuzz.h"

#include "rules/rules_lint.h"

static void make_claims(struct claims *out)
{
    static const char text[] = "{\"a\":1,\"b\":\"text\",\"c\":true,\"list\":[1,\"x\",false],"
                               "\"events\":{\"Events\":[{\"Type\":"
                               "\"A\",\"Pcr\":12}]},\"x-ms-sgx-svn\":3}";
    json_auto_t *object = json_loads(text, 0, NULL);
    fuzz_require(claims_add_members(out, object, CLAIM_SERVICE, NULL) == 0);
    fuzz_require(claims_add_text(out, "b", "mine", CLAIM_CUSTOM, NULL) == 0);
    out->at[0].read_only = true;
}

static void check(const struct rules *rules)
{
    struct error err = {0};
    CLAIMS_AUTO claims = {0};
    CLAIMS_AUTO properties = {0};
    RULES_RESULT_AUTO result = {0};
    make_claims(&claims);
    for (size_t i = 0; i < rules_count(rules); i++)
        fuzz_require(rules_info(rules, i).line > 0 && rules_info(rules, i).text.size > 0);
    RULES_WARNINGS_AUTO warnings = {0};
    fuzz_require(rules_lint(rules, KNOWN_ALL, &warnings, NULL) == 0);
    fuzz_require(warnings.count <= RULES_WARNINGS_MAX);
    (void)rules_configure(rules, &claims, &properties, NULL);
    int status = rules_evaluate(rules, &claims, &result, &err);
    fuzz_require(result.reason[0] != '\0');
    fuzz_require(status == 0 || err.code == ERROR_REFUSED || err.code == ERROR_LIMIT);
    if (status < 0 || result.verdict != RULES_PERMITTED)
        fuzz_require(result.issued.count == 0);
    for (size_t i = 0; i < result.issued.count; i++)
        fuzz_require(!result.issued.at[i].read_only);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err = {0};
    struct rules *rules = rules_new(span_of(data, size), &err);
    fuzz_require(rules || err.code == ERROR_INVALID || err.code == ERROR_LIMIT);
    if (rules)
        check(rules);
    rules_free(rules);
    return 0;
}
