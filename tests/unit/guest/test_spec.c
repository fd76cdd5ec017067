/* Which mounts the guest does at all, whatever a policy allows. */
#include "../check.h"

#include "guest/spec.h"

static const char *const options[] = {"rbind", "rw"};

static int check_mount(const char *destination, const char *type, const char *source,
                       struct policy_list words, struct error *err)
{
    const struct policy_mount mount = {
        .destination = destination, .type = type, .source = source, .options = words};
    const struct spec spec = {.id = "c1", .mounts = &mount, .mount_count = 1};
    return spec_check_mounts(&spec, err);
}

static int check(const char *type, const char *source, struct error *err)
{
    return check_mount("/mnt", type, source, (struct policy_list){options, 2}, err);
}

static void binds_what_is_the_containers_own(void **state)
{
    (void)state;
    struct error err;
    check_ok(check("bind", "/run/gcs/c/sandbox/sandboxMounts/a/b", &err), &err);
    check_ok(check_mount("/mnt", "tmpfs", "tmpfs", (struct policy_list){options + 1, 1}, &err),
             &err);
}

static void refuses_other_sources(void **state)
{
    (void)state;
    static const char *const sources[] = {
        "/",
        "/proc",
        "/run/gcs/c/sandbox/sandboxMounts",
        "/run/gcs/c/sandbox/sandboxMounts/",
        "/run/gcs/c/sandbox/sandboxMountsX/a",
        "/run/gcs/c/c2/sandboxMounts/a",
        "/run/gcs/c/sandbox/sandboxMounts/../bundle",
        "/run/gcs/c/sandbox/sandboxMounts/a/..",
        "/run/gcs/c/sandbox/sandboxMounts/./a",
        "/run/gcs/c/sandbox/sandboxMounts//a",
        "/run/gcs/c/sandbox/sandboxMounts/a/",
        "",
    };
    struct error err;
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++)
        check_error(check("bind", sources[i], &err), &err, ERROR_REFUSED);
}

static void refuses_other_kinds_of_mounts(void **state)
{
    (void)state;
    static const char *const types[] = {"", "none", "proc", "sysfs", "devtmpfs", "ext4", "overlay"};
    struct error err;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        check_error(check(types[i], "/run/gcs/c/sandbox/sandboxMounts/a", &err), &err,
                    ERROR_REFUSED);
}

static void refuses_destinations_without_a_root(void **state)
{
    (void)state;
    static const char *const destinations[] = {"", "mnt", "./mnt", "../mnt"};
    struct error err;
    for (size_t i = 0; i < sizeof destinations / sizeof destinations[0]; i++)
        check_error(check_mount(destinations[i], "tmpfs", "tmpfs", (struct policy_list){0}, &err),
                    &err, ERROR_REFUSED);
}

static void refuses_options_that_no_bind_mount_has(void **state)
{
    (void)state;
    static const char *const words[] = {"size=1m"};
    struct error err;
    check_error(check_mount("/mnt", "bind", "/run/gcs/c/sandbox/sandboxMounts/a",
                            (struct policy_list){words, 1}, &err),
                &err, ERROR_REFUSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(binds_what_is_the_containers_own),
        cmocka_unit_test(refuses_other_sources),
        cmocka_unit_test(refuses_other_kinds_of_mounts),
        cmocka_unit_test(refuses_destinations_without_a_root),
        cmocka_unit_test(refuses_options_that_no_bind_mount_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
