/* What the agent is told that it is for. */
#include "../check.h"

#include "agent/link.h"

#define GOOD                                                                                       \
    "C\1\2\1https://a\0"                                                                           \
    "10.0.2.2\0PEM\0https://b\0\0PEM2\0"                                                           \
    "bx/y/z\0"

static void reads_services_and_resources(void **state)
{
    (void)state;
    struct agent_config config;
    struct error err;
    check_ok(agent_config_read(span_of(GOOD, sizeof GOOD - 1), &config, &err), &err);
    assert_true(config.serves);
    assert_int_equal(config.service_count, 2);
    assert_string_equal(config.services[0].address, "10.0.2.2");
    assert_string_equal(config.services[1].url, "https://b");
    assert_string_equal(config.services[1].address, "");
    assert_string_equal(config.services[1].roots, "PEM2");
    assert_int_equal(config.resource_count, 1);
    assert_int_equal(config.resources[0].service, 1);
    assert_string_equal(config.resources[0].path, "x/y/z");
}

static void takes_the_rest_for_the_policy_up_to_its_limit(void **state)
{
    (void)state;
    static char message[sizeof GOOD - 1 + EXCHANGE_POLICY_MAX + 1];
    struct agent_config config;
    struct error err;
    memset(message, 'p', sizeof message);
    memcpy(message, GOOD, sizeof GOOD - 1);
    check_ok(agent_config_read(span_of(GOOD, sizeof GOOD - 1), &config, &err), &err);
    assert_int_equal(config.policy.size, 0);
    check_ok(agent_config_read(span_of(message, sizeof message - 1), &config, &err), &err);
    assert_int_equal(config.policy.size, EXCHANGE_POLICY_MAX);
    assert_ptr_equal(config.policy.data, message + sizeof GOOD - 1);
    check_error(agent_config_read(span_of(message, sizeof message), &config, &err), &err,
                ERROR_INVALID);
}

static void refuses_it_cut_anywhere(void **state)
{
    (void)state;
    struct agent_config config;
    struct error err;
    for (size_t size = 0; size < sizeof GOOD - 1; size++)
        check_error(agent_config_read(span_of(GOOD, size), &config, &err), &err, ERROR_INVALID);
}

static void refuses_counts_and_places_out_of_bounds(void **state)
{
    static const char *const bad[] = {"X\0\0\0", "C\2\0\0", "C\0\5\0", "C\0\0\x41"};
    static const char nowhere[] = "C\0\0\1ax/y/z\0";
    struct agent_config config;
    struct error err;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        check_error(agent_config_read(span_of(bad[i], 4), &config, &err), &err, ERROR_INVALID);
    check_error(agent_config_read(span_of(nowhere, sizeof nowhere - 1), &config, &err), &err,
                ERROR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_services_and_resources),
        cmocka_unit_test(takes_the_rest_for_the_policy_up_to_its_limit),
        cmocka_unit_test(refuses_it_cut_anywhere),
        cmocka_unit_test(refuses_counts_and_places_out_of_bounds),
    };
    return cmocka_run_group_tests_name("agent/link", tests, NULL, NULL);
}
