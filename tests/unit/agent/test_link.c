/* What the agent is told that it is for, and what it asks for. */
#include <sys/socket.h>
#include <unistd.h>

#include "../check.h"

#include "agent/link.h"

#define GOOD                                                                                       \
    "C\1\0\2\1https://a\0"                                                                         \
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
    static const char *const bad[] = {"X\0\0\0\0", "C\2\0\0\0", "C\0\2\0\0", "C\0\0\5\0",
                                      "C\0\0\0\x41"};
    static const char nowhere[] = "C\0\0\0\1ax/y/z\0";
    struct agent_config config;
    struct error err;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        check_error(agent_config_read(span_of(bad[i], 5), &config, &err), &err, ERROR_INVALID);
    check_error(agent_config_read(span_of(nowhere, sizeof nowhere - 1), &config, &err), &err,
                ERROR_INVALID);
}

static void tells_of_enclaves_for_each_service(void **state)
{
    static const char enclave[] = "C\1\1\1\0https://a\0"
                                  "\0PEM";
    struct agent_config config;
    struct error err;
    (void)state;
    check_ok(agent_config_read(span_of(enclave, sizeof enclave), &config, &err), &err);
    assert_int_equal(config.tee, EXCHANGE_SGX);
    assert_int_equal(config.services[0].tee, EXCHANGE_SGX);
    check_ok(agent_config_read(span_of(GOOD, sizeof GOOD - 1), &config, &err), &err);
    assert_int_equal(config.services[1].tee, EXCHANGE_SNP);
}

/* What link_quote() makes of this answer of the starter's. */
static int ask_quote(struct span answer, struct buf *quote, struct error *err)
{
    int pair[2];
    char heard[64];
    assert_return_code(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    assert_int_equal(send(pair[1], answer.data, answer.size, 0), answer.size);
    int status = link_quote(pair[0], EXCHANGE_SHA256, span_of_text("data"), quote, err);
    assert_int_equal(recv(pair[1], heard, sizeof heard, 0), 6);
    assert_memory_equal(heard,
                        "R\x20"
                        "data",
                        6);
    (void)close(pair[0]);
    (void)close(pair[1]);
    return status;
}

static void takes_a_quote_and_no_other_answer(void **state)
{
    static uint8_t large[2 + EXCHANGE_QUOTE_MAX] = {EXCHANGE_REPORTED};
    struct error err;
    BUF_AUTO quote = BUF_WITH_LIMIT(EXCHANGE_QUOTE_MAX);
    (void)state;
    check_ok(ask_quote(span_of_text("Tquote"), &quote, &err), &err);
    assert_int_equal(quote.size, 5);
    assert_memory_equal(quote.data, "quote", 5);
    check_ok(ask_quote(span_of(large, sizeof large - 1), &quote, &err), &err);
    assert_int_equal(quote.size, EXCHANGE_QUOTE_MAX);
    check_error(ask_quote(span_of(large, sizeof large), &quote, &err), &err, ERROR_PROTOCOL);
    check_error(ask_quote(span_of_text("T"), &quote, &err), &err, ERROR_PROTOCOL);
    check_error(ask_quote(span_of_text("Squote"), &quote, &err), &err, ERROR_PROTOCOL);
    check_error(ask_quote(span_of_text("Nno processor"), &quote, &err), &err, ERROR_REFUSED);
    assert_non_null(strstr(err.text, "no processor"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_services_and_resources),
        cmocka_unit_test(takes_the_rest_for_the_policy_up_to_its_limit),
        cmocka_unit_test(refuses_it_cut_anywhere),
        cmocka_unit_test(tells_of_enclaves_for_each_service),
        cmocka_unit_test(takes_a_quote_and_no_other_answer),
        cmocka_unit_test(refuses_counts_and_places_out_of_bounds),
    };
    return cmocka_run_group_tests_name("agent/link", tests, NULL, NULL);
}
