/* The policy that an image and the caller's words make together. */
#include "../check.h"

#include <stdlib.h>

#include "cli/generate.h"
#include "policy/policy.h"

static char *image_env[] = {(char[]){"PATH=/bin"}, (char[]){"MODE=image"}, NULL};
static char *args[] = {(char[]){"/bin/app"}, (char[]){"-v"}, NULL};
static char *env[] = {(char[]){"PATH=/bin"}, (char[]){"MODE=own"}, (char[]){"NEW=1"}, NULL};

static struct image sample_image(void)
{
    static char name[] = "app:1", stop[] = "SIGINT";
    return (struct image){
        .reference = name,
        .config = {.env = {image_env, 2}, .stop_signal = stop},
        .layer_count = 2,
    };
}

static void describes_the_workload(void **state)
{
    static char cwd[] = "/srv", user[] = "1000:100";
    struct error err = {0};
    struct image image = sample_image();
    struct image_disk disks[2] = {{.root_hash = {0xab}}, {.root_hash = {0xcd}}};
    struct workload workload = {.args = args, .env = env, .cwd = cwd, .user = user};
    BUF_AUTO out = BUF_WITH_LIMIT(1 << 20);
    POLICY_AUTO policy = NULL;
    (void)state;
    check_ok(generate_policy(&image, disks, &workload, POLICY_GENERATION_DEFAULT, &out, &err),
             &err);
    check_ok(policy_parse(buf_span(&out), POLICY_STRICT, &policy, &err), &err);
    const struct policy_container *container = policy_container_at(policy, 0);
    assert_string_equal(policy_container_name(container), "app:1");
    assert_int_equal(policy_container_command(container).count, 2);
    assert_string_equal(policy_container_command(container).items[1], "-v");
    assert_string_equal(policy_container_working_dir(container), "/srv");
    assert_int_equal(policy_container_layers(container).count, 2);
    assert_memory_equal(policy_container_layers(container).items[0], "ab0000", 6);
    /* The caller's variables first, then those of the image that it left alone. */
    const char *text = buf_text(&out);
    const char *mode = strstr(text, "\"MODE=own\"");
    const char *path = strstr(text, "\"PATH=/bin\"");
    assert_true(mode && path && mode < strstr(text, "\"NEW=1\"") &&
                strstr(text, "\"NEW=1\"") < path);
    assert_null(strstr(text, "MODE=image"));
    assert_non_null(strstr(text, "\"signals\":[9,15,2]"));
    assert_non_null(strstr(text, "{\"pattern\":\"1000\",\"strategy\":\"id\"}"));
}

static void refuses_too_many_layers(void **state)
{
    static char cwd[] = "/", user[] = "";
    struct error err = {0};
    struct image image = sample_image();
    struct workload workload = {.args = args, .env = env, .cwd = cwd, .user = user};
    BUF_AUTO out = BUF_WITH_LIMIT(1 << 20);
    (void)state;
    image.layer_count = 513;
    check_error(generate_policy(&image, NULL, &workload, POLICY_GENERATION_A, &out, &err), &err,
                ERROR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(describes_the_workload),
        cmocka_unit_test(refuses_too_many_layers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
