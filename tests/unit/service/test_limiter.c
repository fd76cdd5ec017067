/* What one client may take, and that another one loses nothing by it. */
#include "../check.h"

#include <arpa/inet.h>
#include <string.h>

#include "service/limiter.h"

static struct limiter_client client_of(const char *text)
{
    struct limiter_client client;
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, text, &in.sin_addr) == 1) {
        limiter_client_of((const struct sockaddr *)&in, &client);
    } else {
        assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
        limiter_client_of((const struct sockaddr *)&in6, &client);
    }
    return client;
}

static void a_site_is_one_client(void **state)
{
    (void)state;
    static const struct {
        const char *one, *other;
        bool same;
    } cases[] = {
        {"192.0.2.1", "192.0.2.1", true},        {"192.0.2.1", "192.0.2.2", false},
        {"192.0.2.1", "::ffff:192.0.2.1", true}, {"::ffff:192.0.2.1", "::ffff:192.0.2.2", false},
        {"2001:db8::1", "2001:db8::2", true},    {"2001:db8::1", "2001:db8:0:1::1", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct limiter_client one = client_of(cases[i].one), other = client_of(cases[i].other);
        assert_int_equal(memcmp(&one, &other, sizeof one) == 0, cases[i].same);
    }
}

static void counts_connections_by_client(void **state)
{
    (void)state;
    struct error err = {0};
    struct limiter *limiter = limiter_new(2, 10, &err);
    struct limiter_client one = client_of("192.0.2.1"), other = client_of("192.0.2.2");
    assert_non_null(limiter);
    assert_true(limiter_connect(limiter, &one, 0));
    assert_true(limiter_connect(limiter, &one, 0));
    assert_false(limiter_connect(limiter, &one, 1));
    assert_true(limiter_connect(limiter, &other, 1));
    limiter_disconnect(limiter, &one);
    assert_true(limiter_connect(limiter, &one, 2));
    assert_false(limiter_connect(limiter, &one, 2));
    limiter_free(limiter);
}

static void refills_requests_as_time_goes_by(void **state)
{
    (void)state;
    struct error err = {0};
    struct limiter *limiter = limiter_new(1, 10, &err);
    struct limiter_client one = client_of("192.0.2.1");
    assert_non_null(limiter);
    assert_false(limiter_request(limiter, &one, 1000)); /* who is not connected asks nothing */
    assert_true(limiter_connect(limiter, &one, 1000));
    for (int i = 0; i < 10; i++)
        assert_true(limiter_request(limiter, &one, 1000));
    assert_false(limiter_request(limiter, &one, 1000));
    assert_false(limiter_request(limiter, &one, 1099));
    assert_true(limiter_request(limiter, &one, 1100));
    assert_false(limiter_request(limiter, &one, 1100));
    assert_false(limiter_request(limiter, &one, 900)); /* a clock that goes back gives nothing */
    for (int i = 0; i < 10; i++)
        assert_true(limiter_request(limiter, &one, 100000));
    assert_false(limiter_request(limiter, &one, 100000));
    limiter_free(limiter);
}

/* To close and open the connection again wins nothing. */
static void remembers_who_was_here(void **state)
{
    (void)state;
    struct error err = {0};
    struct limiter *limiter = limiter_new(1, 1, &err);
    struct limiter_client one = client_of("192.0.2.1");
    assert_non_null(limiter);
    assert_true(limiter_connect(limiter, &one, 5));
    assert_true(limiter_request(limiter, &one, 5));
    limiter_disconnect(limiter, &one);
    assert_true(limiter_connect(limiter, &one, 6));
    assert_false(limiter_request(limiter, &one, 6));
    limiter_free(limiter);
}

/* Many clients push out those who are idle, never those who are connected. */
static void keeps_who_is_connected_whoever_comes(void **state)
{
    (void)state;
    struct error err = {0};
    struct limiter *limiter = limiter_new(1, 1, &err);
    struct limiter_client one = client_of("192.0.2.1");
    assert_non_null(limiter);
    assert_true(limiter_connect(limiter, &one, 1));
    size_t refused = 0;
    for (uint32_t i = 0; i < 200000; i++) {
        struct limiter_client other = {{1}};
        memcpy(other.bytes + 4, &i, sizeof i);
        if (limiter_connect(limiter, &other, 2))
            limiter_disconnect(limiter, &other);
        else
            refused++;
    }
    assert_int_equal(refused, 0);
    assert_false(limiter_connect(limiter, &one, 3));
    for (uint32_t i = 0; i < 200000; i++) { /* now all stay */
        struct limiter_client other = {{2}};
        memcpy(other.bytes + 4, &i, sizeof i);
        refused += !limiter_connect(limiter, &other, 4);
    }
    assert_true(refused > 100000);
    assert_false(limiter_connect(limiter, &one, 5));
    limiter_free(limiter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_site_is_one_client),
        cmocka_unit_test(counts_connections_by_client),
        cmocka_unit_test(refills_requests_as_time_goes_by),
        cmocka_unit_test(remembers_who_was_here),
        cmocka_unit_test(keeps_who_is_connected_whoever_comes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
