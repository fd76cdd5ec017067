/* What crun is told: the guest's own constants, and nothing that a container could leave by. */
#include "../check.h"

#include <stdlib.h>

#include "format/json.h"
#include "guest/spec.h"

static const char *const args[] = {"/bin/app", "a \"b\"\\"};
static const char *const env[] = {"A=1"};
static const char *const caps[] = {"CAP_CHOWN"};
static const char *const options[] = {"rbind", "rw"};
static const struct user user = {
    .user = {.id = 7}, .groups = {{.id = 8}, {.id = 9}}, .group_count = 2};

static struct spec make_spec(void)
{
    return (struct spec){
        .id = "c1",
        .root = "/run/gcs/c/c1/rootfs",
        .args = {args, 2},
        .env = {env, 1},
        .cwd = "/data",
        .user = &user,
        .umask = 18,
        .capabilities = {.sets = {[POLICY_BOUNDING] = {caps, 1}}},
        .hostname = "host",
    };
}

static json_t *make(const struct spec *spec)
{
    static const struct json_limits limits = {.size = SPEC_SIZE_MAX, .depth = 16};
    struct error err;
    BUF_AUTO text = BUF_WITH_LIMIT(SPEC_SIZE_MAX);
    check_ok(spec_append(spec, &text, &err), &err);
    json_t *document = json_parse(buf_span(&text), &limits, &err);
    assert_non_null(document);
    return document;
}

static bool has_text(const json_t *array, const char *text)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        if (strcmp(json_string_value(json_array_get(array, i)), text) == 0)
            return true;
    }
    return false;
}

static void describes_the_process(void **state)
{
    (void)state;
    struct spec spec = make_spec();
    json_auto_t *document = make(&spec);
    const json_t *process = json_object_get(document, "process");
    const json_t *who = json_object_get(process, "user");
    assert_string_equal(json_string_value(json_array_get(json_object_get(process, "args"), 1)),
                        "a \"b\"\\");
    assert_int_equal(json_integer_value(json_object_get(who, "uid")), 7);
    assert_int_equal(json_integer_value(json_object_get(who, "gid")), 8);
    assert_int_equal(json_integer_value(json_object_get(who, "umask")), 18);
    assert_int_equal(json_array_size(json_object_get(who, "additionalGids")), 1);
    assert_true(json_is_false(json_object_get(process, "terminal")));
    assert_null(json_object_get(process, "consoleSize"));
    assert_string_equal(json_string_value(json_object_get(process, "cwd")), "/data");
}

static void isolates_all_but_the_network(void **state)
{
    (void)state;
    struct spec spec = make_spec();
    json_auto_t *document = make(&spec);
    const json_t *kernel = json_object_get(document, "linux");
    const json_t *spaces = json_object_get(kernel, "namespaces");
    assert_int_equal(json_array_size(spaces), 5);
    assert_true(has_text(json_object_get(kernel, "maskedPaths"), "/proc/kcore"));
    assert_true(has_text(json_object_get(kernel, "maskedPaths"), "/sys/kernel/config"));
    assert_true(has_text(json_object_get(kernel, "readonlyPaths"), "/proc/sys"));
    const json_t *rule = json_array_get(
        json_object_get(json_object_get(kernel, "resources"), "devices"), 0);
    assert_true(json_is_false(json_object_get(rule, "allow")));
}

static void tells_a_terminal_its_size(void **state)
{
    (void)state;
    struct spec spec = make_spec();
    spec.terminal = true;
    spec.rows = 30;
    spec.columns = 100;
    json_auto_t *document = make(&spec);
    const json_t *size = json_object_get(json_object_get(document, "process"), "consoleSize");
    assert_int_equal(json_integer_value(json_object_get(size, "width")), 100);
}

static void makes_the_root_read_only_on_request(void **state)
{
    (void)state;
    struct spec spec = make_spec();
    spec.read_only_root = true;
    json_auto_t *document = make(&spec);
    assert_true(json_is_true(json_object_get(json_object_get(document, "root"), "readonly")));
}

static int append_with_mount(const char *type, const char *source, struct error *err)
{
    const struct policy_mount mount = {
        .destination = "/mnt", .type = type, .source = source, .options = {options, 2}};
    struct spec spec = make_spec();
    BUF_AUTO text = BUF_WITH_LIMIT(SPEC_SIZE_MAX);
    spec.mounts = &mount;
    spec.mount_count = 1;
    return spec_append(&spec, &text, err);
}

static void binds_what_is_the_containers_own(void **state)
{
    (void)state;
    struct error err;
    check_ok(append_with_mount("bind", "/run/gcs/c/c1/sandboxMounts/a/b", &err), &err);
    check_ok(append_with_mount("tmpfs", "tmpfs", &err), &err);
}

static void refuses_other_sources(void **state)
{
    (void)state;
    static const char *const sources[] = {
        "/",
        "/proc",
        "/run/gcs/c/c1/sandboxMounts",
        "/run/gcs/c/c1/sandboxMounts/",
        "/run/gcs/c/c1/sandboxMountsX/a",
        "/run/gcs/c/c2/sandboxMounts/a",
        "/run/gcs/c/c1/sandboxMounts/../bundle",
        "/run/gcs/c/c1/sandboxMounts/a/..",
        "/run/gcs/c/c1/sandboxMounts/./a",
        "/run/gcs/c/c1/sandboxMounts//a",
        "/run/gcs/c/c1/sandboxMounts/a/",
        "",
    };
    struct error err;
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++)
        check_error(append_with_mount("bind", sources[i], &err), &err, ERROR_REFUSED);
}

static void refuses_other_kinds_of_mounts(void **state)
{
    (void)state;
    static const char *const types[] = {"", "none", "proc", "sysfs", "devtmpfs", "ext4", "overlay"};
    struct error err;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        check_error(append_with_mount(types[i], "/run/gcs/c/c1/sandboxMounts/a", &err), &err,
                    ERROR_REFUSED);
}

static size_t allocation;
static size_t failing_allocation;

/* One alone fails, so that nothing after it hides what it left out. */
static void *allocate_but_one(size_t size)
{
    return allocation++ == failing_allocation ? NULL : malloc(size);
}

/* A configuration that lacks a part would be a container that is less confined. */
static void fails_whole_where_memory_ends(void **state)
{
    (void)state;
    struct spec spec = make_spec();
    struct error err;
    BUF_AUTO whole = BUF_WITH_LIMIT(SPEC_SIZE_MAX);
    check_ok(spec_append(&spec, &whole, &err), &err);
    allocation = 0;
    for (failing_allocation = 0; allocation >= failing_allocation; failing_allocation++) {
        BUF_AUTO text = BUF_WITH_LIMIT(SPEC_SIZE_MAX);
        allocation = 0;
        json_set_alloc_funcs(allocate_but_one, free);
        int made = spec_append(&spec, &text, &err);
        json_set_alloc_funcs(malloc, free);
        assert_true(made < 0 || span_equal(buf_span(&text), buf_span(&whole)));
    }
    assert_true(failing_allocation > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(describes_the_process),
        cmocka_unit_test(isolates_all_but_the_network),
        cmocka_unit_test(tells_a_terminal_its_size),
        cmocka_unit_test(makes_the_root_read_only_on_request),
        cmocka_unit_test(binds_what_is_the_containers_own),
        cmocka_unit_test(refuses_other_sources),
        cmocka_unit_test(refuses_other_kinds_of_mounts),
        cmocka_unit_test(fails_whole_where_memory_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
