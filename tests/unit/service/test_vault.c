/* The vault: what is sealed opens in its own place only, and by its own key. */
#include "../check.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../remove_tree.h"
#include "base/text.h"
#include "os/output.h"
#include "service/vault.h"

static char folder[256], path[300];

static int make_folder(void **state)
{
    (void)state;
    const char *base = getenv("TMPDIR");
    (void)snprintf(folder, sizeof folder, "%s/caisson-vault-XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(folder))
        return -1;
    (void)snprintf(path, sizeof path, "%s/master", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    return remove_tree(folder);
}

static struct vault *open_vault(const char *name, bool wanted_made)
{
    struct error err = {0};
    bool made;
    struct vault *vault = vault_open_file(name, &made, &err);
    if (!vault)
        fail_msg("%s", err.text);
    assert_int_equal(made, wanted_made);
    return vault;
}

static const struct database_key place = {"acme", "key", "db"};

static void opens_what_it_sealed_before(void **state)
{
    (void)state;
    struct error err = {0};
    BUF_AUTO sealed = BUF_WITH_LIMIT(1000), again = BUF_WITH_LIMIT(1000),
             plain = BUF_WITH_LIMIT(1000);
    struct vault *vault = open_vault(path, true);
    check_ok(vault_seal(vault, &place, span_of_text("secret"), &sealed, &err), &err);
    check_ok(vault_seal(vault, &place, span_of_text("secret"), &again, &err), &err);
    assert_int_equal(sealed.size, 6 + VAULT_OVERHEAD);
    assert_false(span_equal(buf_span(&sealed), buf_span(&again)));
    assert_null(memmem(sealed.data, sealed.size, "secret", 6));
    vault_close(vault);
    vault = open_vault(path, false);
    check_ok(vault_unseal(vault, &place, buf_span(&sealed), &plain, &err), &err);
    assert_string_equal(buf_text(&plain), "secret");
    vault_close(vault);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(status.st_size, 32);
}

static void refuses_another_place_key_or_byte(void **state)
{
    (void)state;
    struct error err = {0};
    BUF_AUTO sealed = BUF_WITH_LIMIT(1000), plain = BUF_WITH_LIMIT(1000);
    TEXT_AUTO other_path = text_format("%s/other", folder);
    VAULT_AUTO vault = open_vault(path, true);
    VAULT_AUTO other = open_vault(other_path, true);
    check_ok(vault_seal(vault, &place, span_of_text("secret"), &sealed, &err), &err);
    const struct database_key places[] = {{"acm", "ekey", "db"},  {"umbrella", "key", "db"},
                                          {"acme", "keydb", "x"}, {"acme", "key", "d"},
                                          {"acme", "key", "dbx"}, {"acme", "keys", "db"}};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        check_error(vault_unseal(vault, &places[i], buf_span(&sealed), &plain, &err), &err,
                    ERROR_REFUSED);
    check_refused(vault_unseal(other, &place, buf_span(&sealed), &plain, &err), &err,
                  "another master key");
    for (size_t i = 0; i < sealed.size * 8; i++) {
        sealed.data[i / 8] ^= (uint8_t)(1 << i % 8);
        check_error(vault_unseal(vault, &place, buf_span(&sealed), &plain, &err), &err,
                    ERROR_REFUSED);
        sealed.data[i / 8] ^= (uint8_t)(1 << i % 8);
    }
    for (size_t size = 0; size < sealed.size; size++)
        check_error(vault_unseal(vault, &place, span_of(sealed.data, size), &plain, &err), &err,
                    ERROR_REFUSED);
    assert_int_equal(plain.size, 0);
}

static void refuses_key_files_that_are_wrong(void **state)
{
    (void)state;
    struct error err = {0};
    bool made;
    static const char key[] = "0123456789abcdef0123456789abcdef";
    check_ok(output_write(path, span_of_text(key), 0640, &err), &err);
    assert_null(vault_open_file(path, &made, &err));
    assert_non_null(strstr(err.text, "chmod 600"));
    check_ok(output_write(path, span_of(key, 31), 0600, &err), &err);
    assert_null(vault_open_file(path, &made, &err));
    assert_int_equal(err.code, ERROR_INVALID);
    check_ok(output_write(path, span_of(key, 33), 0600, &err), &err);
    assert_null(vault_open_file(path, &made, &err));
    assert_int_equal(err.code, ERROR_INVALID);
    TEXT_AUTO link = text_format("%s/link", folder);
    check_ok(output_write(path, span_of(key, 32), 0600, &err), &err);
    assert_int_equal(symlink(path, link), 0);
    assert_null(vault_open_file(link, &made, &err));
    assert_null(vault_open_file(folder, &made, &err));
    TEXT_AUTO none = text_format("%s/none/master", folder);
    assert_null(vault_open_file(none, &made, &err));
    vault_close(open_vault(path, false));
}

int main(void)
{
#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(opens_what_it_sealed_before),
        IN_A_FOLDER(refuses_another_place_key_or_byte),
        IN_A_FOLDER(refuses_key_files_that_are_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
