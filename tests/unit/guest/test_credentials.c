/* The numbers of capabilities. Taking credentials on is tested inside a machine. */
#include "../check.h"

#include <linux/capability.h>

#include "guest/credentials.h"

static const struct user user = {.user = {.id = 7}, .group_count = 1};

static void gives_each_set_its_bits(void **state)
{
    (void)state;
    static const char *const bounding[] = {"CAP_CHOWN", "CAP_MKNOD", "CAP_CHECKPOINT_RESTORE"};
    static const char *const effective[] = {"CAP_NET_BIND_SERVICE"};
    const struct spec spec = {
        .user = &user,
        .no_new_privileges = true,
        .capabilities = {
            .sets = {[POLICY_BOUNDING] = {bounding, 3}, [POLICY_EFFECTIVE] = {effective, 1}}}};
    struct credentials credentials;
    struct error err;
    check_ok(credentials_of(&spec, &credentials, &err), &err);
    assert_true(credentials.capabilities[POLICY_BOUNDING] ==
                (1ULL << CAP_CHOWN | 1ULL << CAP_MKNOD | 1ULL << CAP_CHECKPOINT_RESTORE));
    assert_true(credentials.capabilities[POLICY_EFFECTIVE] == 1ULL << CAP_NET_BIND_SERVICE);
    assert_true(credentials.capabilities[POLICY_PERMITTED] == 0);
    assert_true(credentials.capabilities[POLICY_AMBIENT] == 0);
    assert_true(credentials.no_new_privileges);
    assert_ptr_equal(credentials.user, &user);
}

static void refuses_what_is_no_capability(void **state)
{
    (void)state;
    static const char *const names[] = {"", "CHOWN", "cap_chown", "CAP_", "CAP_CHOWN ", "ALL"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct spec spec = {.user = &user,
                                  .capabilities = {.sets = {[POLICY_AMBIENT] = {&names[i], 1}}}};
        struct credentials credentials;
        struct error err;
        check_error(credentials_of(&spec, &credentials, &err), &err, ERROR_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_each_set_its_bits),
        cmocka_unit_test(refuses_what_is_no_capability),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
