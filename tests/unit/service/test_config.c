/* The configuration: what it says, and each way of saying it wrongly, which is named. */
#include "../check.h"

#include <string.h>

#include "service/config.h"

static int read_text(const char *text, struct config *out, struct error *err)
{
    return config_read(span_of_text(text), "/etc/caisson", out, err);
}

#define TENANT "tenants: [{name: acme, issuer: \"https://a.example\"}]\n"

static void reads_what_it_says(void **state)
{
    (void)state;
    struct error err = {0};
    CONFIG_AUTO config;
    check_ok(read_text("listen: \"[::1]:9000\"\nworkers: 3\nstate: state\n"
                       "tls: {certificate: /c.pem, key: k.pem, client_roots: r.pem}\n"
                       "trust: {simulated: psp, uvm: {issuer: i, feed: f, minimum_svn: 7}}\n"
                       "limits: {idle_ms: 5000, body_bytes: 65536}\n"
                       "tenants:\n- {name: acme, issuer: \"https://a.example\", hosts: [a.example, "
                       "b.example]}\n- {name: rest, issuer: \"http://127.0.0.1:9000\"}\n",
                       &config, &err),
             &err);
    assert_string_equal(config.address, "::1");
    assert_int_equal(config.port, 9000);
    assert_int_equal(config.workers, 3);
    assert_string_equal(config.state, "/etc/caisson/state");
    assert_string_equal(config.tls_certificate, "/c.pem");
    assert_string_equal(config.tls_key, "/etc/caisson/k.pem");
    assert_string_equal(config.client_roots, "/etc/caisson/r.pem");
    assert_string_equal(config.simulated, "/etc/caisson/psp");
    assert_int_equal(config.uvm_minimum_svn, 7);
    assert_int_equal(config.limits.idle_ms, 5000);
    assert_int_equal(config.limits.body, 65536);
    assert_int_equal(config.limits.request_ms, server_default_limits.request_ms);
    static const struct {
        const char *host, *tenant;
    } hosts[] = {{"a.example", "acme"}, {"B.EXAMPLE:443", "acme"}, {"c.example", "rest"},
                 {"", "rest"},          {"[::1]:9000", "rest"},    {"a.exampl", "rest"}};
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++)
        assert_string_equal(config_find_tenant(&config, span_of_text(hosts[i].host))->name,
                            hosts[i].tenant);
}

static void what_is_left_out_is_the_safe_choice(void **state)
{
    (void)state;
    struct error err = {0};
    CONFIG_AUTO config;
    CONFIG_AUTO plain;
    check_ok(read_text("state: /s\n" TENANT, &config, &err), &err);
    assert_string_equal(config.address, "127.0.0.1");
    assert_int_equal(config.port, 8443);
    assert_false(config.plain);
    assert_null(config.simulated);
    assert_null(config.client_roots);
    check_ok(
        read_text("state: /s\nlisten: 127.0.0.1:0\ntls: {plain_http: true}\ntenants: [{name: a, "
                  "issuer: \"https://a\", hosts: [h]}]\n",
                  &plain, &err),
        &err);
    assert_true(plain.plain);
    assert_null(config_find_tenant(&plain, span_of_text("other")));
}

static void refuses_what_is_wrong_and_names_it(void **state)
{
    (void)state;
    static const struct {
        const char *text, *said;
    } cases[] = {
        {"", "one mapping"},
        {"[]", "one mapping"},
        {"a: 1\n---\nb: 2\n", "one mapping"},
        {"state: /s\n", "tenants"},
        {TENANT, "state"},
        {"state: /s\ntenants: [{name: a, issuer: \"https://a\", oidc: {}}]\n", "oidc"},
        {"state: /s\ntenants: [{name: a, issuer: \"https://a\", oidc: [7]}]\n", "oidc"},
        {"state: /s\ntenants: [{name: a, issuer: \"https://a\", oidc: [{}]}]\n", "keys"},
        {"state: /s\ntenants: [{name: a, issuer: \"https://a\", oidc: [{keys: k, administrators: "
         "[{sub: a}], audience: b}]}]\n",
         "issuer and audience"},
        {"state: /s\ntenants: [{name: a, issuer: \"https://a\", oidc: [{keys: k, administrators: "
         "[{sub: a}], issuer: b}]}]\n",
         "issuer and audience"},
        {"state: /s\ntenants: [{name: a, issuer: \"https://a\", oidc: [{keys: k, administrators: "
         "[], issuer: b, audience: c}]}]\n",
         "administrators"},
        {"state: /s\ntenants: [{name: a, issuer: \"https://a\", oidc: [{keys: k, administrators: "
         "[{}], issuer: b, audience: c}]}]\n",
         "claims"},
        {"state: /s\ntenants: [{name: a, issuer: \"https://a\", oidc: [{keys: k, administrators: "
         "[{sub: 7}], issuer: b, audience: c}]}]\n",
         "sub"},
        {"state: /s\ntenants: [{name: a, issuer: \"https://a\", oidc: [{keys: k, ca: x, "
         "administrators: [{sub: a}], issuer: b, audience: c}]}]\n",
         "ca is for"},
        {"state: /s\ntenants: [{name: a, issuer: \"https://a\", oidc: [{keys: k, secret: x, "
         "administrators: [{sub: a}], issuer: b, audience: c}]}]\n",
         "secret"},
        {"state: ''\n" TENANT, "state is empty"},
        {"state: 1\n" TENANT, "state"},
        {"state: /s\nlitsen: 127.0.0.1:1\n" TENANT, "litsen"},
        {"state: /s\nlisten: 127.0.0.1\n" TENANT, "listen"},
        {"state: /s\nlisten: 127.0.0.1:65536\n" TENANT, "listen"},
        {"state: /s\nlisten: 127.0.0.1:-1\n" TENANT, "listen"},
        {"state: /s\nworkers: 0\n" TENANT, "workers"},
        {"state: /s\nworkers: 65\n" TENANT, "workers"},
        {"state: /s\ntls: {certificate: a}\n" TENANT, "go together"},
        {"state: /s\ntls: {key: a}\n" TENANT, "go together"},
        {"state: /s\ntls: {plain_http: true, certificate: a, key: b}\n" TENANT, "excludes"},
        {"state: /s\nlisten: 0.0.0.0:1\ntls: {plain_http: true}\n" TENANT, "loopback"},
        {"state: /s\nlisten: \"[::]:1\"\ntls: {plain_http: true}\n" TENANT, "loopback"},
        {"state: /s\ntls: {certificates: a}\n" TENANT, "certificates"},
        {"state: /s\ntrust: {simulate: a}\n" TENANT, "simulate"},
        {"state: /s\ntrust: {uvm: {svn: 1}}\n" TENANT, "svn"},
        {"state: /s\ntrust: {uvm: {minimum_svn: -1}}\n" TENANT, "minimum_svn"},
        {"state: /s\nlimits: {idle_ms: 1}\n" TENANT, "idle_ms"},
        {"state: /s\nlimits: {body_bytes: 10000000}\n" TENANT, "body_bytes"},
        {"state: /s\ntenants: []\n", "tenants"},
        {"state: /s\ntenants: [a]\n", "number 1"},
        {"state: /s\ntenants: [{name: a}]\n", "issuer"},
        {"state: /s\ntenants: [{issuer: \"https://a\"}]\n", "a name"},
        {"state: /s\ntenants: [{name: A, issuer: \"https://a\"}]\n", "small letters"},
        {"state: /s\ntenants: [{name: a/b, issuer: \"https://a\"}]\n", "small letters"},
        {"state: /s\ntenants: [{name: service, issuer: \"https://a\"}]\n", "is taken"},
        {"state: /s\ntenants: [{name: a, issuer: a.example}]\n", "no URL"},
        {"state: /s\ntenants: [{name: a, issuer: \"https://a/\"}]\n", "slash"},
        {"state: /s\ntenants: [{name: a, issuer: \"https://a\", hosts: h}]\n", "hosts"},
        {"state: /s\ntls: {client_roots: r}\ntenants: [{name: a, issuer: \"https://a\", "
         "administrators: [ab]}]\n",
         "no SHA-256"},
        {"state: /s\ntenants: [{name: a, issuer: \"https://a\", administrators: "
         "[\"abababababababababababababababababababababababababababababababab\"]}]\n",
         "client_roots"},
        {"state: /s\ntenants: [{name: a, issuer: \"https://a\"}, {name: b, issuer: "
         "\"https://b\"}]\n",
         "without hosts"},
        {"state: /s\ntenants: [{name: a, issuer: \"https://a\"}, {name: a, issuer: \"https://b\", "
         "hosts: [h]}]\n",
         "twice"},
        {"state: /s\ntenants: [{name: a, issuer: \"https://a\"}, {name: b, issuer: \"https://A\", "
         "hosts: [h]}]\n",
         "the same issuer"},
        {"state: /s\ntenants: [{name: a, issuer: \"https://a\", authorities: [{issuer: i, keys: k, "
         "ca: c}]}]\n",
         "ca is for"},
        {"state: /s\ntenants: [{name: a, issuer: \"https://a\", authorities: [{keys: k}]}]\n",
         "issuer"},
        {"state: /s\ntenants: [{name: a, issuer: \"https://a\", authorities: {}}]\n",
         "authorities"},
        {"state: /s\ntenants: [{name: a, issuer: \"https://a\", authorities: [b]}]\n", "a string"},
        {"state: /s\ntenants: [{name: a, issuer: \"https://a\", authorities: [{issuer: b}]}]\n",
         "number 1"},
        {"state: /s\ntenants: [{name: a, issuer: \"https://a\", authorities: [{issuer: b, keys: k, "
         "url: u}]}]\n",
         "url"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error err = {0};
        CONFIG_AUTO config;
        if (read_text(cases[i].text, &config, &err) == 0)
            fail_msg("%zu is taken", i);
        if (!strstr(err.text, cases[i].said))
            fail_msg("%zu: \"%s\" does not say %s", i, err.text, cases[i].said);
    }
}

#define CHANGING "listen: 127.0.0.1:1\nstate: /s\nmaster: {tpm: {tcti: t, pcrs: [1]}}\n"

static int change_to(const char *text, struct error *err)
{
    CONFIG_AUTO now, next;
    check_ok(read_text(CHANGING TENANT, &now, err), err);
    check_ok(read_text(text, &next, err), err);
    return config_check_change(&now, &next, err);
}

static void tells_what_may_change_while_it_runs(void **state)
{
    (void)state;
    struct error err = {0};
    static const char *const fine[] = {
        CHANGING TENANT,
        CHANGING "tls: {certificate: c, key: k, client_roots: r}\nlimits: {idle_ms: 5000}\n"
                 "trust: {simulated: psp, collateral: c, uvm: {issuer: i}}\n" TENANT,
        CHANGING "tenants: [{name: b, issuer: \"https://b\"}]\n",
    };
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++)
        check_ok(change_to(fine[i], &err), &err);
    static const struct {
        const char *text, *key;
    } fixed[] = {
        {"listen: 127.0.0.1:2\nstate: /s\nmaster: {tpm: {tcti: t, pcrs: [1]}}\n" TENANT, "listen"},
        {"listen: 127.0.0.2:1\nstate: /s\nmaster: {tpm: {tcti: t, pcrs: [1]}}\n" TENANT, "listen"},
        {"listen: 127.0.0.1:1\nstate: /t\nmaster: {tpm: {tcti: t, pcrs: [1]}}\n" TENANT, "state"},
        {"listen: 127.0.0.1:1\nstate: /s\nmaster: {tpm: {tcti: u, pcrs: [1]}}\n" TENANT, "master"},
        {"listen: 127.0.0.1:1\nstate: /s\nmaster: {tpm: {tcti: t, pcrs: [2]}}\n" TENANT, "master"},
        {"listen: 127.0.0.1:1\nstate: /s\nmaster: {file: /s/master.tpm}\n" TENANT, "master"},
        {"listen: 127.0.0.1:1\nstate: /s\n" TENANT, "master"},
        {CHANGING "master_before: {file: f}\n" TENANT, "master_before"},
        {CHANGING "workers: 3\n" TENANT, "workers"},
        {CHANGING "tls: {plain_http: true}\n" TENANT, "plain_http"},
        {CHANGING "evidence: {url: \"http://127.0.0.1:1\"}\n" TENANT, "evidence.url"},
    };
    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++)
        check_refused(change_to(fixed[i].text, &err), &err, fixed[i].key);
}

static void the_master_key_before_may_go(void **state)
{
    (void)state;
    struct error err = {0};
    CONFIG_AUTO with, without, other;
    check_ok(read_text("state: /s\nmaster_before: {file: f}\n" TENANT, &with, &err), &err);
    check_ok(read_text("state: /s\nmaster_before: {file: g}\n" TENANT, &other, &err), &err);
    check_ok(read_text("state: /s\n" TENANT, &without, &err), &err);
    check_ok(config_check_change(&with, &with, &err), &err);
    check_ok(config_check_change(&with, &without, &err), &err);
    check_refused(config_check_change(&with, &other, &err), &err, "master_before");
    check_refused(config_check_change(&without, &with, &err), &err, "master_before");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_it_says),
        cmocka_unit_test(what_is_left_out_is_the_safe_choice),
        cmocka_unit_test(refuses_what_is_wrong_and_names_it),
        cmocka_unit_test(tells_what_may_change_while_it_runs),
        cmocka_unit_test(the_master_key_before_may_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
