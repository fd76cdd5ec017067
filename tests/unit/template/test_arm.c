#include <stdio.h>
#include <stdlib.h>

#include "policy_of.h"
#include "template/arm.h"

/* A template of one container; the caller says what is in its properties, and what declares. */
#define GROUP(properties, rest)                                                                    \
    "{\"type\": \"Microsoft.ContainerInstance/containerGroups\", \"name\": \"g\", \"properties\":" \
    " {\"containers\": [{\"name\": \"c\", \"properties\": {\"image\": \"i:1\"" properties          \
    "}}]}" rest "}"
#define TEMPLATE(declared, properties)                                                             \
    "{\"parameters\": {\"p\": {\"type\": \"string\", \"defaultValue\": \"dflt\"}, \"n\": "         \
    "{\"type\":"                                                                                   \
    " \"int\", \"defaultValue\": 2}, \"open\": {\"type\": \"securestring\"}, \"l\": {\"type\":"    \
    " \"array\", \"defaultValue\": [\"x\", 1, true, null, {\"k\": \"it's\"}]}}," declared          \
    " \"resources\": [{\"type\": \"Other/thing\"}, " GROUP(properties, "") "]}"
#define VARIABLES  "\"variables\": {\"v\": \"[parameters('p')]\", \"w\": \"word\"},"
#define ENV(value) ", \"environmentVariables\": [{\"name\": \"A\", \"value\": \"" value "\"}]"

static int read_with(struct template_groups *groups, const char *text, const char *parameters,
                     struct template_arm_options *options, struct error *err)
{
    if (template_groups_init(groups, err) < 0)
        return -1;
    return template_read_arm(span_of_text(text), span_of_text(parameters), options, groups, err);
}

static int read_exact(struct template_groups *groups, const char *text, const char *parameters,
                      struct error *err)
{
    struct template_arm_options options = {.exact = true};
    return read_with(groups, text, parameters, &options, err);
}

static int read_evaluated(struct template_groups *groups, const char *text, const char *parameters,
                          struct error *err)
{
    struct template_arm_options options = {.facts = {.location = "westeurope"}};
    return read_with(groups, text, parameters, &options, err);
}

static void replaces_as_confcom_does(void **state)
{
    static const struct {
        const char *text, *parameters, *rule;
    } cases[] = {
        {TEMPLATE(VARIABLES, ENV("[parameters('p')]")), "", "\"A=dflt\""},
        {TEMPLATE(VARIABLES, ENV("[parameters( 'P' )]")), "", "\"A=dflt\""},
        {TEMPLATE(VARIABLES, ENV("x [parameters('p')] y")), "", "\"A=xdflt y\""},
        {TEMPLATE(VARIABLES, ENV("[parameters('p')][parameters('n')]")), "",
         "\"A=dflt[parameters('n')]\""},
        {TEMPLATE(VARIABLES, ENV("[ parameters('p')]")), "", "\"A=[ parameters('p')]\""},
        {TEMPLATE(VARIABLES, ENV("[Parameters('p')]")), "", "\"A=[Parameters('p')]\""},
        {TEMPLATE(VARIABLES, ENV("[concat(parameters('p'))]")), "",
         "\"A=[concat(parameters('p'))]\""},
        {TEMPLATE(VARIABLES, ENV("[parameters('n')]")), "", "\"A=2\""},
        {TEMPLATE(VARIABLES, ENV("[parameters('l')]")), "",
         "\"A=['x', 1, True, None, {'k': \\\"it's\\\"}]\""},
        {TEMPLATE(VARIABLES, ENV("[variables('w')]")), "", "\"A=word\""},
        {TEMPLATE(VARIABLES, ENV("[variables('v')]")), "", "\"A=[parameters('p')]\""},
        {TEMPLATE(VARIABLES, ENV("[parameters('p')]")),
         "{\"parameters\": {\"p\": {\"value\": \"given\"}}}", "\"A=given\""},
        {TEMPLATE(VARIABLES, ENV("[parameters('open')]")),
         "{\"parameters\": {\"open\": {\"value\": \"\", \"secureValue\": \"sv\"}}}", "\"A=sv\""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        TEMPLATE_GROUPS_AUTO groups = {0};
        check_policy(read_exact(&groups, cases[i].text, cases[i].parameters, &check_err), &groups,
                     cases[i].rule);
    }
}

static void leaves_out_what_has_no_value(void **state)
{
    static const char text[] = TEMPLATE("", ENV("[parameters('open')]"));
    struct template_arm_options options = {.exact = true};
    TEMPLATE_GROUPS_AUTO groups = {0};
    TEMPLATE_GROUPS_AUTO approved = {0};
    (void)state;
    check_policy(read_with(&groups, text, "", &options, &check_err), &groups,
                 "\"env_rules\":[{\"pattern\":\"PATH=/bin\"");
    assert_int_equal(options.left_out, 1);
    assert_string_equal(options.left_out_name, "A");
    options.approve_wildcards = true;
    check_policy(read_with(&approved, text, "", &options, &check_err), &approved,
                 "{\"pattern\":\"A=.*\",\"required\":false,\"strategy\":\"re2\"}");
}

static void evaluates_what_a_policy_reads(void **state)
{
    static const struct {
        const char *text, *parameters, *words;
    } cases[] = {
        {TEMPLATE(VARIABLES, ENV("[concat(variables('v'), '-', parameters('n'))]")), "",
         "\"A=dflt-2\""},
        {TEMPLATE(VARIABLES, ENV("[[x]")), "", "\"A=[x]\""},
        {TEMPLATE(VARIABLES, ENV("[resourceGroup().location]")), "", "\"A=westeurope\""},
        {TEMPLATE(VARIABLES, ", \"command\": \"[split('a b', ' ')]\""), "",
         "\"command\":[\"a\",\"b\"]"},
        {TEMPLATE(VARIABLES, ", \"command\": [\"[parameters('p')]\"]"),
         "{\"parameters\": {\"p\": {\"value\": \"[[x]\"}}}", "\"command\":[\"[[x]\"]"},
        {TEMPLATE("\"variables\": {\"c\": [\"[[y]\"]},", ", \"command\": \"[variables('c')]\""), "",
         "\"command\":[\"[y]\"]"},
        {TEMPLATE(VARIABLES, ", \"securityContext\": {\"runAsUser\": \"[parameters('n')]\","
                             " \"privileged\": \"[equals(1, 1)]\"}"),
         "", "\"user_idname\":{\"pattern\":\"2\",\"strategy\":\"id\"}"},
        {TEMPLATE(
             VARIABLES,
             ", \"copy\": [{\"name\": \"environmentVariables\", \"count\": \"[parameters('n')]\","
             " \"input\": {\"name\": \"[concat('N', copyIndex('environmentVariables'))]\","
             " \"value\": \"[[x]\"}}]"),
         "", "{\"pattern\":\"N1=[x]\""},
        {TEMPLATE("\"variables\": {\"copy\": [{\"name\": \"names\", \"count\": 2, \"input\":"
                  " \"[concat('x', copyIndex('names'))]\"}]},",
                  ENV("[join(variables('names'), '+')]")),
         "", "\"A=x0+x1\""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        TEMPLATE_GROUPS_AUTO groups = {0};
        check_policy(read_evaluated(&groups, cases[i].text, cases[i].parameters, &check_err),
                     &groups, cases[i].words);
    }
}

/* What a policy does not read may depend on the deployment. */
static void leaves_alone_what_no_policy_reads(void **state)
{
    static const char text[] =
        "{\"resources\": [{\"type\": \"Microsoft.ContainerInstance/containerGroups\", \"name\":"
        " \"[uniqueString('a')]\", \"location\": \"[resourceGroup().location]\", \"properties\":"
        " {\"imageRegistryCredentials\": \"[listCredentials('x', 'y')]\", \"containers\": "
        "[{\"name\":"
        " \"c\", \"properties\": {\"image\": \"i\", \"ports\": \"[reference('x').ports]\"}}]}}]}";
    struct error err = {0};
    TEMPLATE_GROUPS_AUTO groups = {0};
    (void)state;
    check_ok(read_evaluated(&groups, text, "", &err), &err);
    assert_string_equal(groups.groups[0].name, "[uniqueString('a')]");
}

static void reads_each_group(void **state)
{
    static const char text[] =
        "{\"resources\": [" GROUP("", ", \"condition\": \"[equals(1, 2)]\"") ", " GROUP(
            ENV("[string(copyIndex())]"),
            ", \"copy\": {\"name\": \"l\", \"count\": 2}") ", "
                                                           "{\"type\": "
                                                           "\"microsoft.containerinstance/"
                                                           "containergroupprofiles\", "
                                                           "\"properties\":"
                                                           " {\"containers\": [{\"name\": \"c\", "
                                                           "\"properties\": {\"image\": "
                                                           "\"i\"}}]}}]}";
    struct error err = {0};
    TEMPLATE_GROUPS_AUTO groups = {0};
    (void)state;
    check_ok(read_evaluated(&groups, text, "", &err), &err);
    assert_int_equal(groups.count, 3);
    char *second = policy_of(&groups, 1);
    assert_non_null(strstr(second, "\"A=1\""));
    free(second);
    assert_true(groups.groups[1].place == TEMPLATE_NO_PLACE);
    assert_int_equal(groups.groups[2].place, 2);
    TEMPLATE_GROUPS_AUTO exact = {0};
    check_ok(read_exact(&exact, text, "", &err), &err);
    assert_int_equal(exact.count, 3);
}

static void maps_volumes_and_tags(void **state)
{
    static const char text[] = "{\"resources\": [{\"type\": "
                               "\"Microsoft.ContainerInstance/containerGroups\", \"name\": \"g\","
                               " \"tags\": {\"annotate-zero-sidecar\": \"true\"}, \"properties\": "
                               "{\"volumes\": [{\"name\":"
                               " \"v\", \"azureFile\": {}}], \"initContainers\": [{\"name\": "
                               "\"init\", \"properties\": {\"image\":"
                               " \"i\"}}], \"containers\": [{\"name\": \"c\", \"properties\": "
                               "{\"image\": \"i\", \"configMap\":"
                               " {\"keyValuePairs\": {\"k\": \"v\"}}, \"volumeMounts\": "
                               "[{\"name\": \"v\", \"mountPath\": \"/v\","
                               " \"readOnly\": true}]}}]}}]}";
    TEMPLATE_GROUPS_AUTO groups = {0};
    (void)state;
    check_policy(read_exact(&groups, text, "", &check_err), &groups,
                 "\"mounts\":[{\"destination\":\"/v\",\"options\":[\"rbind\",\"rshared\",\"ro\"],"
                 "\"source\":\"sandbox:///tmp/atlas/azureFileVolume/.+\",\"type\":\"bind\"},"
                 "{\"destination\":\"/mnt/configmap\",");
    assert_true(groups.groups[0].exclude_default_fragments);
    assert_int_equal(groups.groups[0].container_count, 2);
    assert_string_equal(groups.groups[0].containers[1].draft.name, "init");
}

static void refuses_what_is_no_template(void **state)
{
    static const struct {
        const char *text, *parameters, *why;
    } bad[] = {
        {"[]", "", "expected an object"},
        {"{}", "", "\"resources\""},
        {"{\"resources\": []}", "", "no resource is of type"},
        {"{\"resources\": [], \"parameters\": []}", "", "\"parameters\": expected an object"},
        {TEMPLATE("", ""), "[]", "parameter file"},
        {TEMPLATE("", ""), "{}", "parameter file"},
        {TEMPLATE("", ""), "{\"parameters\": {\"x\": {\"value\": 1}}}", "does not declare"},
        {TEMPLATE("", ""), "{\"parameters\": {\"p\": 1}}", "expected an object with a value"},
        {TEMPLATE("", ", \"IMAGE\": \"x\""), "", "two spellings"},
        {TEMPLATE("", ", \"command\": \"x\""), "", "\"command\": expected an array"},
        {TEMPLATE("", ", \"command\": [1]"), "", "\"command\": expected a string"},
        {TEMPLATE("", ENV("[parameters('none')]")), "", "\"none\" is not in the template"},
        {TEMPLATE("", ", \"environmentVariables\": [{\"value\": \"x\"}]"), "",
         "\"name\" is missing"},
        {TEMPLATE("", ", \"environmentVariables\": [{\"name\": \"A\"}]"), "", "variable A"},
        {TEMPLATE("", ", \"environmentVariables\": [{\"name\": \"A\", \"value\": 5}]"), "",
         "variable A"},
        {TEMPLATE("", ", \"volumeMounts\": [{\"name\": \"v\", \"mountPath\": \"/v\"}]"), "",
         "not among the group's volumes"},
        {TEMPLATE("", ", \"livenessProbe\": {\"exec\": {}}"), "", "without a command"},
        {TEMPLATE("", ", \"securityContext\": {\"runAsUser\": -1}"), "", "runAsUser"},
        {TEMPLATE("", ", \"securityContext\": {\"runAsUser\": \"0\"}"), "", "runAsUser"},
        {TEMPLATE("", ", \"securityContext\": {\"privileged\": 1}"), "", "privileged"},
        {TEMPLATE("", ", \"securityContext\": {\"seccompProfile\": \"!\"}"), "", "seccompProfile"},
        {TEMPLATE("", ", \"securityContext\": {\"seccompProfile\": \"W10=\"}"), "",
         "seccompProfile"},
        {"{\"resources\": [{\"type\": \"Microsoft.ContainerInstance/containerGroups\"}]}", "",
         "\"properties\" is missing"},
        {"{\"resources\": [{\"type\": \"Microsoft.ContainerInstance/containerGroups\", "
         "\"properties\":"
         " {\"containers\": []}}]}",
         "", "0 containers"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct error err = {0};
        TEMPLATE_GROUPS_AUTO groups = {0};
        check_refused(read_exact(&groups, bad[i].text, bad[i].parameters, &err), &err, bad[i].why);
    }
}

static void refuses_values_that_do_not_fit(void **state)
{
    static const struct {
        const char *text, *parameters, *why;
    } bad[] = {
        {TEMPLATE("", ENV("[parameters('p')]")), "{\"parameters\": {\"p\": {\"value\": 1}}}",
         "an integer, not of type string"},
        {"{\"parameters\": {\"p\": {\"type\": \"string\", \"allowedValues\": [\"a\"], "
         "\"defaultValue\":"
         " \"secret\"}}, \"resources\": [" GROUP(ENV("[parameters('p')]"), "") "]}",
         "", "is not allowed"},
        {"{\"parameters\": {\"p\": {\"defaultValue\": \"x\"}}, \"resources\": [" GROUP(
             ENV("[parameters('p')]"), "") "]}",
         "", "no type"},
        {TEMPLATE("", ENV("[variables('none')]")), "", "\"none\" is not in the template"},
        {"{\"parameters\": {\"p\": {\"type\": \"string\", \"defaultValue\": "
         "\"[parameters('p')]\"}},"
         " \"resources\": [" GROUP(ENV("[parameters('p')]"), "") "]}",
         "", "refer to each other"},
        {TEMPLATE("", ENV("[int('x')]")), "", "variable A"},
        {"{\"resources\": [" GROUP("", ", \"copy\": {\"name\": \"l\", \"count\": 801}") "]}", "",
         "0 to 800"},
        {"{\"resources\": [" GROUP("", ", \"condition\": \"yes\"") "]}", "", "\"condition\""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct error err = {0};
        TEMPLATE_GROUPS_AUTO groups = {0};
        assert_int_equal(read_evaluated(&groups, bad[i].text, bad[i].parameters, &err), -1);
        if (!strstr(err.text, bad[i].why))
            fail_msg("%s: %s", bad[i].why, err.text);
        assert_null(strstr(err.text, "secret"));
    }
}

static void says_what_the_deployment_would_know(void **state)
{
    static const struct {
        const char *text, *parameters, *why;
    } bad[] = {
        {TEMPLATE("", ENV("[parameters('open')]")), "", "give it by --parameters"},
        {TEMPLATE("", ENV("[parameters('open')]")),
         "{\"parameters\": {\"open\": {\"reference\": {}}}}", "key vault"},
        {TEMPLATE("", ENV("[uniqueString('x')]")), "", "uniqueString()"},
        {TEMPLATE("", ", \"command\": [\"[reference('x')]\"]"), "", "reference()"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct error err = {0};
        TEMPLATE_GROUPS_AUTO groups = {0};
        assert_int_equal(read_evaluated(&groups, bad[i].text, bad[i].parameters, &err), -1);
        assert_int_equal(err.code, ERROR_UNAVAILABLE);
        if (!strstr(err.text, bad[i].why))
            fail_msg("%s: %s", bad[i].why, err.text);
    }
    struct template_arm_options options = {.approve_wildcards = true};
    TEMPLATE_GROUPS_AUTO groups = {0};
    check_policy(read_with(&groups, bad[0].text, "", &options, &check_err), &groups, "\"A=.*\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replaces_as_confcom_does),
        cmocka_unit_test(leaves_out_what_has_no_value),
        cmocka_unit_test(evaluates_what_a_policy_reads),
        cmocka_unit_test(leaves_alone_what_no_policy_reads),
        cmocka_unit_test(reads_each_group),
        cmocka_unit_test(maps_volumes_and_tags),
        cmocka_unit_test(refuses_what_is_no_template),
        cmocka_unit_test(refuses_values_that_do_not_fit),
        cmocka_unit_test(says_what_the_deployment_would_know),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
