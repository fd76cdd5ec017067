/* The file that names the service of this user's commands: read strictly, and never overwritten. */
#include "../check.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../remove_tree.h"
#include "base/text.h"
#include "cli/service_file.h"
#include "os/file.h"
#include "os/output.h"

static char folder[] = "/tmp/caisson-service-file-XXXXXX";

static int set_up(void **state)
{
    (void)state;
    memcpy(folder + sizeof folder - 7, "XXXXXX", 6);
    return mkdtemp(folder) && setenv("XDG_CONFIG_HOME", folder, 1) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    remove_tree(folder);
    return 0;
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    struct error err = {0};
    bool written;
    struct stat status;
    char service[] = "https://localhost:8443", client[] = "/a \"b\"/c.pem";
    struct service_file file = {.service = service, .client = client};
    SERVICE_FILE_AUTO none = {0};
    SERVICE_FILE_AUTO got = {0};
    TEXT_AUTO path = text_format("%s/caisson/service.yaml", folder);
    check_ok(service_file_read(&none, &err), &err);
    assert_null(none.service);
    check_ok(service_file_write(&file, &written, &err), &err);
    assert_true(written);
    check_ok(service_file_read(&got, &err), &err);
    assert_string_equal(got.service, service);
    assert_string_equal(got.client, client);
    assert_null(got.tls_ca);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
}

static void another_service_stays(void **state)
{
    (void)state;
    struct error err = {0};
    bool written;
    char first[] = "https://first.example", second[] = "https://second.example";
    struct service_file file = {.service = first};
    SERVICE_FILE_AUTO got = {0};
    check_ok(service_file_write(&file, &written, &err), &err);
    check_ok(service_file_write(&file, &written, &err), &err);
    assert_true(written);
    file.service = second;
    check_ok(service_file_write(&file, &written, &err), &err);
    assert_false(written);
    check_ok(service_file_read(&got, &err), &err);
    assert_string_equal(got.service, first);
}

static void refuses_what_it_does_not_know(void **state)
{
    (void)state;
    static const struct {
        const char *text, *said;
    } cases[] = {
        {"services: https://a", "services"},
        {"service: ''", "service"},
        {"service: 7", "service"},
        {"service: https://a\nservice: https://b", "has already"},
        {"[]", "mapping"},
        {"a: b\n---\nc: d", "mapping"},
        {"tls-ca: {}", "tls-ca"},
        {"client: \"\\xff", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error err;
        struct service_file file;
        check_refused(service_file_parse(span_of_text(cases[i].text), &file, &err), &err,
                      cases[i].said);
        assert_null(file.service);
    }
}

static void a_file_that_is_wrong_is_named(void **state)
{
    (void)state;
    struct error err;
    SERVICE_FILE_AUTO file = {0};
    TEXT_AUTO path = NULL;
    TEXT_AUTO inner = text_format("%s/caisson", folder);
    check_ok(service_file_path(&path, &err), &err);
    check_ok(dir_make_all(inner, 0700, &err), &err);
    check_ok(output_write(path, span_of_text("x: y\n"), 0600, &err), &err);
    check_refused(service_file_read(&file, &err), &err, path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_written_is_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_service_stays, set_up, tear_down),
        cmocka_unit_test(refuses_what_it_does_not_know),
        cmocka_unit_test_setup_teardown(a_file_that_is_wrong_is_named, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
