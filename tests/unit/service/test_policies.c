/* A tenant's policies: the store's, compiled once, and never one that was replaced. */
#include "../check.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../remove_tree.h"
#include "base/text.h"
#include "service/policies.h"

static struct error err;
static char folder[256];
static struct database *store;
static struct policies *policies;

#define DENY   "version=1.0; authorizationrules{ => deny(); }; issuancerules{};"
#define PERMIT "version=1.2; authorizationrules{ => permit(); }; issuancerules{};"

static int start(void **state)
{
    (void)state;
    const char *base = getenv("TMPDIR");
    (void)snprintf(folder, sizeof folder, "%s/caisson-policies-XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(folder))
        return -1;
    TEXT_AUTO path = text_format("%s/store", folder);
    store = database_open(path, &err);
    policies = store ? policies_new(store, &err) : NULL;
    return policies ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    policies_free(policies);
    database_close(store);
    return remove_tree(folder);
}

static const struct tenant_policy *get(const char *tenant, enum maa_kind kind)
{
    const struct tenant_policy *policy = policies_get(policies, tenant, kind, &err);
    if (!policy)
        fail_msg("%s", err.text);
    return policy;
}

static bool denies(const struct tenant_policy *policy)
{
    return memmem(policy->content.text.data, policy->content.text.size, "deny", 4) != NULL;
}

static int set(const char *tenant, enum maa_kind kind, const char *text)
{
    BUF_AUTO jws = BUF_WITH_LIMIT(100000);
    check_ok(policy_jws_append_unsigned(span_of_text(text), &jws, &err), &err);
    return policies_set(policies, tenant, kind, buf_span(&jws), &err);
}

static void a_tenant_without_one_has_the_default(void **state)
{
    (void)state;
    const struct tenant_policy *policy = get("a", MAA_SGX);
    assert_false(policy->content.is_signed);
    assert_int_equal(rules_count(policy->rules), 1);
    assert_int_equal(strlen(policy->hash), POLICY_HASH_TEXT_SIZE - 1);
    policies_put(policy);
}

static void the_one_that_was_set_is_used_and_only_for_its_kind_and_tenant(void **state)
{
    (void)state;
    const struct tenant_policy *before = get("b", MAA_SGX);
    check_ok(set("b", MAA_SGX, DENY), &err);
    assert_false(denies(before)); /* who has it may use it to the end */
    policies_put(before);
    const struct tenant_policy *after = get("b", MAA_SGX), *again = get("b", MAA_SGX);
    assert_true(denies(after));
    assert_ptr_equal(after, again);
    policies_put(after);
    policies_put(again);
    const struct tenant_policy *kind = get("b", MAA_TDX), *tenant = get("c", MAA_SGX);
    assert_false(denies(kind));
    assert_false(denies(tenant));
    policies_put(kind);
    policies_put(tenant);
    check_ok(policies_reset(policies, "b", MAA_SGX, &err), &err);
    after = get("b", MAA_SGX);
    assert_false(denies(after));
    policies_put(after);
}

static void another_process_finds_what_was_set(void **state)
{
    (void)state;
    check_ok(set("d", MAA_SEV_SNP, DENY), &err);
    struct policies *other = policies_new(store, &err);
    const struct tenant_policy *policy = policies_get(other, "d", MAA_SEV_SNP, &err);
    assert_non_null(policy);
    assert_true(denies(policy));
    policies_put(policy);
    policies_free(other);
}

static void refuses_what_is_no_policy_and_keeps_the_one_there_is(void **state)
{
    (void)state;
    check_ok(set("e", MAA_TDX, DENY), &err);
    check_error(set("e", MAA_TDX, "version=1.0; authorizationrules{"), &err, ERROR_INVALID);
    check_error(policies_set(policies, "e", MAA_TDX, span_of_text("no.j.ws"), &err), &err,
                ERROR_INVALID);
    const struct tenant_policy *policy = get("e", MAA_TDX);
    assert_true(denies(policy));
    policies_put(policy);
}

static void a_draft_is_nobodys(void **state)
{
    (void)state;
    const struct tenant_policy *draft = policies_draft(span_of_text(PERMIT), &err);
    assert_non_null(draft);
    assert_int_equal(rules_version(draft->rules), 2);
    policies_put(draft);
    assert_null(policies_draft(span_of_text("version=9"), &err));
    policies_put(NULL);
}

static void more_than_are_kept_are_read_all_the_same(void **state)
{
    (void)state;
    for (int i = 0; i < 600; i++) {
        char tenant[16];
        (void)snprintf(tenant, sizeof tenant, "t%d", i);
        policies_put(get(tenant, MAA_SGX));
    }
    policies_put(get("t599", MAA_SGX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tenant_without_one_has_the_default),
        cmocka_unit_test(the_one_that_was_set_is_used_and_only_for_its_kind_and_tenant),
        cmocka_unit_test(another_process_finds_what_was_set),
        cmocka_unit_test(refuses_what_is_no_policy_and_keeps_the_one_there_is),
        cmocka_unit_test(a_draft_is_nobodys),
        cmocka_unit_test(more_than_are_kept_are_read_all_the_same),
    };
    return cmocka_run_group_tests(tests, start, end);
}
