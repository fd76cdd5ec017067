/* Other services' keys: their tokens are known by them, each tenant's by its own list. */
#include "../check.h"

#include <stdio.h>
#include <stdlib.h>

#include "../remove_tree.h"
#include "base/text.h"
#include "format/jwk.h"
#include "os/file.h"
#include "os/output.h"
#include "service/authorities.h"
#include "service/key_source.h"

static char folder[256], path[300];
static struct private_key *key;

static int make_folder(void **state)
{
    (void)state;
    const char *base = getenv("TMPDIR");
    (void)snprintf(folder, sizeof folder, "%s/caisson-authorities-XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(folder))
        return -1;
    (void)snprintf(path, sizeof path, "%s/keys.json", folder);
    key = private_key_new(KEY_P384, 0, NULL);
    return key ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    private_key_free(key);
    return remove_tree(folder);
}

static void read_config(struct config *config)
{
    struct error err = {0};
    static const char text[] =
        "state: /s\ntenants:\n- name: acme\n  issuer: https://acme\n  authorities:\n"
        "  - {issuer: https://elsewhere, keys: keys.json, audience: us}\n"
        "- {name: other, issuer: https://other, hosts: [other]}\n";
    check_ok(config_read(span_of_text(text), folder, config, &err), &err);
    assert_string_equal(config->tenants[0].authorities[0].audience, "us");
}

/* Writes a set with the key. */
static void write_set(const char *kid, const char *use)
{
    struct error err = {0};
    BUF_AUTO text = BUF_WITH_LIMIT(10000);
    PUBLIC_KEY_AUTO *public_key = private_key_dup_public(key, &err);
    struct jwk jwk = {.kind = KEY_P384, .public_key = public_key};
    (void)text_copy(jwk.kid, sizeof jwk.kid, kid);
    (void)text_copy(jwk.use, sizeof jwk.use, use);
    check_ok(buf_append_text(&text, "{\"keys\":[{\"kty\":\"OKP\",\"kid\":\"x\"},", &err), &err);
    check_ok(jwk_append_public(&jwk, &text, &err), &err);
    check_ok(buf_append_text(&text, "]}", &err), &err);
    check_ok(output_write(path, buf_span(&text), 0600, &err), &err);
}

static int check(struct authorities *authorities, const struct config_tenant *tenant,
                 const char *issuer, const char *kid, struct error *err)
{
    const struct config_authority *found = NULL;
    BUF_AUTO token = BUF_WITH_LIMIT(10000);
    JWS_AUTO jws = {0};
    json_auto_t *header = json_pack("{s:s*}", "kid", kid);
    check_ok(jws_sign(header, span_of_text("{}"), key, SIGNATURE_ES384, &token, err), err);
    check_ok(jws_read(buf_span(&token), &jws, err), err);
    int result = authorities_check(authorities, tenant, issuer, &jws, &found, err);
    if (result == 0)
        assert_ptr_equal(found, &tenant->authorities[0]);
    return result;
}

static void knows_a_tenants_authority_by_its_key(void **state)
{
    (void)state;
    struct error err = {0};
    CONFIG_AUTO config = {0};
    read_config(&config);
    write_set("one", "sig");
    struct authorities *authorities = authorities_open(&config, &err);
    assert_non_null(authorities);
    const struct config_tenant *acme = &config.tenants[0];
    check_ok(check(authorities, acme, "https://elsewhere", "one", &err), &err);
    check_refused(check(authorities, acme, "https://elsewhere", "two", &err), &err, "two");
    check_refused(check(authorities, acme, "https://elsewhere", "x", &err), &err, "no key");
    check_refused(check(authorities, acme, "https://elsewhere/", "one", &err), &err, "neither");
    check_error(check(authorities, acme, "https://elsewhere", NULL, &err), &err, ERROR_INVALID);
    check_refused(check(authorities, &config.tenants[1], "https://elsewhere", "one", &err), &err,
                  "neither");
    struct private_key *mine = key;
    key = private_key_new(KEY_P384, 0, &err);
    check_refused(check(authorities, acme, "https://elsewhere", "one", &err), &err,
                  "does not hold");
    private_key_free(key);
    key = mine;
    authorities_close(authorities);
}

static void refuses_files_without_a_key_that_checks(void **state)
{
    (void)state;
    struct error err = {0};
    CONFIG_AUTO config = {0};
    read_config(&config);
    assert_null(authorities_open(&config, &err));
    assert_non_null(strstr(err.text, "keys.json"));
    static const char *const texts[] = {
        "",
        "[]",
        "{}",
        "{\"keys\":{}}",
        "{\"keys\":[]}",
        "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AA\",\"kid\":\"a\"}]}"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        check_ok(output_write(path, span_of_text(texts[i]), 0600, &err), &err);
        assert_null(authorities_open(&config, &err));
        assert_non_null(strstr(err.text, "https://elsewhere"));
    }
    write_set("one", "enc");
    assert_null(authorities_open(&config, &err));
    write_set("", "sig");
    assert_null(authorities_open(&config, &err));
}

/* What is at the URL; a test changes it. */
static struct {
    unsigned asked;
    struct buf text; /* empty: it cannot be had */
} far;

static int fetch(const char *url, const char *ca, struct buf *out, struct error *err)
{
    char wanted[300];
    (void)snprintf(wanted, sizeof wanted, "%s/ca.pem", folder);
    assert_string_equal(url, "https://elsewhere/jwks");
    assert_string_equal(ca, wanted);
    far.asked++;
    return far.text.size > 0 ? buf_append(out, buf_span(&far.text), err)
                             : error_set(err, ERROR_UNAVAILABLE, "nobody answers");
}

static void put_far(const char *kid)
{
    struct error err = {0};
    write_set(kid, "sig");
    buf_fini(&far.text);
    far.text.limit = 10000;
    check_ok(file_read(path, &far.text, &err), &err);
}

static void read_far_config(const char *url, struct config *config)
{
    struct error err = {0};
    char text[400];
    (void)snprintf(text, sizeof text,
                   "state: /s\ntenants:\n- name: acme\n  issuer: https://acme\n  authorities:\n"
                   "  - {issuer: https://elsewhere, keys: \"%s\", ca: ca.pem}\n",
                   url);
    check_ok(config_read(span_of_text(text), folder, config, &err), &err);
}

#define FAR "https://elsewhere"

static void fetches_keys_at_a_url_and_keeps_them(void **state)
{
    (void)state;
    struct error err = {0};
    CONFIG_AUTO config = {0};
    int64_t now = 1000;
    far.asked = 0;
    read_far_config(FAR "/jwks", &config);
    const struct config_tenant *acme = &config.tenants[0];
    struct authorities *authorities = authorities_open(&config, &err);
    assert_non_null(authorities);
    check_refused(check(authorities, acme, FAR, "one", &err), &err, "could not be fetched");
    authorities_refresh(authorities, fetch, now);
    check_refused(check(authorities, acme, FAR, "one", &err), &err, "could not be fetched");
    put_far("one");
    authorities_refresh(authorities, fetch, now + KEY_SOURCE_SOONER_SECONDS - 1);
    assert_int_equal(far.asked, 1);
    authorities_refresh(authorities, fetch, now += KEY_SOURCE_SOONER_SECONDS);
    check_ok(check(authorities, acme, FAR, "one", &err), &err);
    put_far("two");
    authorities_refresh(authorities, fetch, now + KEY_SOURCE_REFRESH_SECONDS - 1);
    assert_int_equal(far.asked, 2);
    check_refused(check(authorities, acme, FAR, "two", &err), &err, "two");
    authorities_refresh(authorities, fetch, now += KEY_SOURCE_SOONER_SECONDS);
    check_ok(check(authorities, acme, FAR, "two", &err), &err);
    buf_fini(&far.text);
    authorities_refresh(authorities, fetch, now += KEY_SOURCE_REFRESH_SECONDS);
    assert_int_equal(far.asked, 4);
    check_ok(check(authorities, acme, FAR, "two", &err), &err);
    check_ok(buf_append_text(&far.text, "{\"keys\":[]}", &err), &err);
    authorities_refresh(authorities, fetch, now += KEY_SOURCE_REFRESH_SECONDS);
    check_ok(check(authorities, acme, FAR, "two", &err), &err);
    buf_fini(&far.text);
    authorities_close(authorities);
}

static void those_that_follow_adopt_what_was_fetched_of_the_same_place(void **state)
{
    (void)state;
    struct error err = {0};
    CONFIG_AUTO config = {0};
    CONFIG_AUTO other = {0};
    read_far_config(FAR "/jwks", &config);
    read_far_config(FAR "/other", &other);
    struct authorities *before = authorities_open(&config, &err);
    struct authorities *elsewhere = authorities_open(&other, &err);
    struct authorities *after = authorities_open(&config, &err);
    put_far("one");
    authorities_refresh(before, fetch, 1000);
    authorities_adopt(elsewhere, before);
    check_refused(check(elsewhere, &other.tenants[0], FAR, "one", &err), &err, "could not");
    authorities_adopt(after, before);
    check_ok(check(before, &config.tenants[0], FAR, "one", &err), &err);
    authorities_close(before);
    check_ok(check(after, &config.tenants[0], FAR, "one", &err), &err);
    buf_fini(&far.text);
    authorities_close(elsewhere);
    authorities_close(after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(knows_a_tenants_authority_by_its_key, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(refuses_files_without_a_key_that_checks, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(fetches_keys_at_a_url_and_keeps_them, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(those_that_follow_adopt_what_was_fetched_of_the_same_place,
                                        make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
