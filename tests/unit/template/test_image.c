#include "../check.h"

#include <string.h>

#include "template/image.h"

static const char *const env[] = {"A=1"};
static const char *const entrypoint[] = {"/entry"};
static const char *const cmd[] = {"run", "-v"};
static const char *const layers[] = {"00"};

static struct template_image image(void)
{
    return (struct template_image){
        .env = {env, 1},
        .entrypoint = {entrypoint, 1},
        .cmd = {cmd, 2},
        .working_dir = "/srv",
        .user = "7:staff",
        .stop_signal = "SIGINT",
        .layers = {layers, 1},
    };
}

static void fills_what_is_left_open(void **state)
{
    struct error err = {0};
    struct arena arena = {.limit = 1 << 20};
    struct policy_draft_container draft = {.id = "x"};
    const struct template_image from = image();
    (void)state;
    check_ok(template_add_image(&draft, &from, &arena, &err), &err);
    assert_true(draft.has_command);
    assert_int_equal(draft.command.count, 3);
    assert_string_equal(draft.command.items[0], "/entry");
    assert_string_equal(draft.command.items[2], "-v");
    assert_string_equal(draft.working_dir, "/srv");
    assert_string_equal(draft.stop_signal, "SIGINT");
    assert_string_equal(draft.user.pattern, "7");
    assert_string_equal(draft.group.strategy, "name");
    assert_int_equal(draft.image_env.count, 1);
    assert_ptr_equal(draft.layers.items, layers);
    arena_fini(&arena);
}

static void leaves_what_is_said(void **state)
{
    static const char *const own[] = {"sh"};
    struct error err = {0};
    struct arena arena = {.limit = 1 << 20};
    struct policy_draft_container draft = {
        .has_command = true, .command = {own, 1}, .working_dir = "/w", .group = {"5", "id"}};
    const struct template_image from = image();
    (void)state;
    check_ok(template_add_image(&draft, &from, &arena, &err), &err);
    assert_ptr_equal(draft.command.items, own);
    assert_int_equal(draft.command.count, 1);
    assert_string_equal(draft.working_dir, "/w");
    assert_null(draft.user.strategy);
    assert_string_equal(draft.group.pattern, "5");
    arena_fini(&arena);
}

static void makes_no_command_of_nothing(void **state)
{
    struct error err = {0};
    struct arena arena = {.limit = 1 << 20};
    struct policy_draft_container draft = {.has_command = true};
    struct template_image from = image();
    (void)state;
    from.cmd.count = from.entrypoint.count = 0;
    from.user = "";
    check_ok(template_add_image(&draft, &from, &arena, &err), &err);
    assert_false(draft.has_command);
    assert_null(draft.user.strategy);
    arena_fini(&arena);
}

static void takes_little_from_a_sidecar(void **state)
{
    struct policy_draft_container draft = {.id = "x"};
    const struct template_image from = image();
    (void)state;
    template_add_sidecar_image(&draft, &from);
    assert_int_equal(draft.platform, POLICY_PLATFORM_NONE);
    assert_int_equal(draft.command.count, 0);
    assert_int_equal(draft.image_env.count, 0);
    assert_string_equal(draft.stop_signal, "");
    assert_string_equal(draft.working_dir, "/srv");
    assert_int_equal(draft.layers.count, 1);
}

static void knows_sidecars_by_name(void **state)
{
    (void)state;
    assert_true(template_is_sidecar("mcr.microsoft.com/aci/atlas-netstats:x"));
    assert_true(template_is_sidecar("k8s.gcr.io/pause"));
    assert_false(template_is_sidecar(""));
    assert_false(template_is_sidecar("k8s.gcr.io/pause2:1"));
    assert_false(template_is_sidecar("k8s.gcr.io/paus"));
    assert_false(template_is_sidecar("r.example/k8s.gcr.io/pause"));
}

static void refuses_what_does_not_fit(void **state)
{
    struct error err = {0};
    struct arena arena = {.limit = 16};
    struct policy_draft_container draft = {0};
    struct template_image from = image();
    char user[POLICY_USER_MAX + 1];
    (void)state;
    check_error(template_add_image(&draft, &from, &arena, &err), &err, ERROR_MEMORY);
    memset(user, 'u', sizeof user - 1);
    user[sizeof user - 1] = '\0';
    from.user = user;
    arena.limit = 1 << 20;
    check_error(template_add_image(&draft, &from, &arena, &err), &err, ERROR_LIMIT);
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fills_what_is_left_open),
        cmocka_unit_test(leaves_what_is_said),
        cmocka_unit_test(makes_no_command_of_nothing),
        cmocka_unit_test(takes_little_from_a_sidecar),
        cmocka_unit_test(knows_sidecars_by_name),
        cmocka_unit_test(refuses_what_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
