#include <stdio.h>
#include <stdlib.h>

#include "policy_of.h"
#include "template/config.h"

#define CONTAINER(properties)                                                                      \
    "{\"containers\": [{\"name\": \"c\", \"properties\": {\"image\": \"i:1\"" properties "}}]}"
#define OLD(members) "{\"containers\": [{\"containerImage\": \"i:1\"" members "}]}"

static int read(struct template_groups *groups, const char *text, struct error *err)
{
    if (template_groups_init(groups, err) < 0)
        return -1;
    return template_read_config(span_of_text(text), groups, err);
}

static void reads_both_versions(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {CONTAINER(""), "\"command\":[\"/from-image\"]"},
        {CONTAINER(", \"command\": [\"a\"]"), "\"command\":[\"a\"]"},
        {CONTAINER(", \"workingDir\": \"/w\""), "\"working_dir\":\"/w\""},
        {CONTAINER(
             ", \"environmentVariables\": [{\"name\": \"A\", \"value\": \"\", \"secureValue\":"
             " \"s\"}, {\"name\": \"B\"}, {\"name\": \"C\", \"value\": \".\", \"regex\": true}]"),
         "[{\"pattern\":\"A=s\",\"required\":false,\"strategy\":\"string\"},{\"pattern\":\"B=\","
         "\"required\":false,\"strategy\":\"string\"},{\"pattern\":\"C=.\",\"required\":false,"
         "\"strategy\":\"re2\"}"},
        {CONTAINER(
             ", \"execProcesses\": [{\"command\": [\"x\"]}], \"livenessProbe\": {\"exec\":"
             " {\"command\": [\"l\"]}}, \"readinessProbe\": {\"exec\": {\"command\": [\"r\"]}}"),
         "\"exec_processes\":[{\"command\":[\"x\"],\"signals\":[]},{\"command\":[\"r\"],"
         "\"signals\":[]},"
         "{\"command\":[\"l\"],\"signals\":[]}]"},
        {CONTAINER(", \"volumeMounts\": [{\"mountType\": \"emptyDir\", \"mountPath\": \"/e\","
                   " \"options\": [\"o\"]}]"),
         "\"mounts\":[{\"destination\":\"/e\",\"options\":[\"o\"],"},
        {OLD(""), "\"id\":\"i:1\""},
        {OLD(", \"execProcesses\": [\"a\", \"b\"]"),
         "\"exec_processes\":[{\"command\":[\"a\",\"b\"],"},
        {OLD(", \"mounts\": [{\"mountType\": \"secret\", \"mountPath\": \"/s\"}]"), "\"ro\"]"},
        {OLD(", \"environmentVariables\": [{\"name\": \"A\", \"value\": \".\", \"strategy\": "
             "\"re2\"}]"),
         "\"A=.\",\"required\":false,\"strategy\":\"re2\""},
        {OLD(", \"allow_elevated\": true"), "\"allow_elevated\":true"},
        {"{\"scenario\": \"vn2\", \"labels\": {\"azure.workload.identity/use\": true},"
         " \"containers\": [{\"properties\": {\"image\": \"i\"}}]}",
         "{\"pattern\":\"AZURE_AUTHORITY_HOST=.+\""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        TEMPLATE_GROUPS_AUTO groups = {0};
        check_policy(read(&groups, cases[i].text, &check_err), &groups, cases[i].words);
    }
}

static void lists_fragments(void **state)
{
    static const char text[] =
        "{\"fragments\": [{\"feed\": \"f\", \"issuer\": \"i\", \"minimum_svn\":"
        " \"2\", \"includes\": [\"containers\"], \"path\": \"p\"}]}";
    struct error err = {0};
    TEMPLATE_GROUPS_AUTO groups = {0};
    (void)state;
    check_policy(read(&groups, text, &check_err), &groups,
                 "fragments := [\n  {\n    \"feed\": \"f\",\n");
    check_ok(template_add_fragments(span_of_text(text), &groups, &err), &err);
    assert_int_equal(groups.groups[0].fragment_count, 2);
    check_refused(template_add_fragments(span_of_text("{\"fragments\": [{}]}"), &groups, &err),
                  &err, "\"feed\" is missing");
    check_refused(template_add_fragments(span_of_text("[]"), &groups, &err), &err, "an object");
}

static void makes_a_group_of_an_image(void **state)
{
    TEMPLATE_GROUPS_AUTO groups = {0};
    struct error err = {0};
    (void)state;
    check_ok(template_groups_init(&groups, &err), &err);
    check_policy(template_of_image("r.example/i:1", &groups, &check_err), &groups,
                 "\"name\":\"r.example/i:1\"");
}

static void refuses_bad_documents(void **state)
{
    static const struct {
        const char *text, *why;
    } bad[] = {
        {"", "JSON"},
        {"[]", "expected an object"},
        {"{}", "neither containers nor fragments"},
        {"{\"containers\": {}}", "expected an array"},
        {"{\"containers\": [1]}", "expected an object"},
        {"{\"containers\": [{\"name\": \"c\"}]}", "\"properties\" is missing"},
        {"{\"containers\": [{\"properties\": {}}]}", "\"image\" is missing"},
        {OLD(", \"mounts\": [{\"mountType\": \"x\", \"mountPath\": \"/s\"}]"), "mountType \"x\""},
        {CONTAINER(", \"workingDir\": \"w\""), "not an absolute path"},
        {CONTAINER(", \"environmentVariables\": [{\"value\": \"x\"}]"), "\"name\" is missing"},
        {CONTAINER(", \"environmentVariables\": {}"), "expected an array"},
        {CONTAINER(", \"execProcesses\": [{}]"), "has no command"},
        {CONTAINER(", \"volumeMounts\": [{\"mountType\": \"secret\"}]"),
         "\"mountPath\" is missing"},
        {CONTAINER(", \"volumeMounts\": [{\"mountType\": \"secret\", \"mountPath\": \"s\"}]"),
         "not an absolute path"},
        {"{\"fragments\": [{\"feed\": \"f\"}]}", "fragment 0"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct error err = {0};
        TEMPLATE_GROUPS_AUTO groups = {0};
        check_refused(read(&groups, bad[i].text, &err), &err, bad[i].why);
    }
}

static void names_the_container_whose_image_is_missing(void **state)
{
    const struct template_images images = {.find = find_any_image};
    const struct template_form form = {0};
    struct error err = {0};
    TEMPLATE_GROUPS_AUTO groups = {0};
    BUF_AUTO out = BUF_WITH_LIMIT(1 << 20);
    (void)state;
    check_ok(template_groups_init(&groups, &err), &err);
    check_ok(template_of_image("missing", &groups, &err), &err);
    assert_int_equal(template_policy(&groups, &groups.groups[0], &form, &images, &out, &err), -1);
    assert_int_equal(err.code, ERROR_NOT_FOUND);
    assert_non_null(strstr(err.text, "container \"missing\""));
    assert_int_equal(out.size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_both_versions),
        cmocka_unit_test(lists_fragments),
        cmocka_unit_test(makes_a_group_of_an_image),
        cmocka_unit_test(refuses_bad_documents),
        cmocka_unit_test(names_the_container_whose_image_is_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
