#include "manifest.h"

#define DATA                                                                                       \
    "---\n"                                                                                        \
    "kind: ConfigMap\n"                                                                            \
    "metadata: {name: m, namespace: ns}\n"                                                         \
    "data: {k: from-map, k2: v2}\n"                                                                \
    "binaryData: {bin: aGk=, nul: AGE=}\n"                                                         \
    "---\n"                                                                                        \
    "kind: Secret\n"                                                                               \
    "metadata: {name: s, namespace: ns}\n"                                                         \
    "data: {p: c2VjcmV0, q: b2xk, bad: \"!\"}\n"                                                   \
    "stringData: {q: new}\n"                                                                       \
    "---\n"                                                                                        \
    "kind: ConfigMap\n"                                                                            \
    "metadata: {name: elsewhere, namespace: other}\n"                                              \
    "data: {k: x}\n"

static const struct pod_variable *variable(const struct pods *pods, const char *name)
{
    const struct pod_container *container = &pods->items[0].containers[0];
    for (size_t i = 0; i < container->env_count; i++) {
        if (strcmp(container->env[i].name, name) == 0)
            return &container->env[i];
    }
    return NULL;
}

static void check_value(const struct pods *pods, const char *name, const char *expected)
{
    const struct pod_variable *found = variable(pods, name);
    if (!found)
        fail_msg("no variable %s", name);
    if (!expected)
        assert_null(found->value);
    else
        assert_string_equal(found->value, expected);
}

#define FROM(name, source) "{name: " name ", valueFrom: {" source "}}"

static void takes_values_of_the_same_manifest(void **state)
{
    (void)state;
    static const char text[] = MANIFEST_POD(
        ", env: [" FROM("A", "configMapKeyRef: {name: m, key: k}") ", " FROM(
            "B",
            "configMapKeyRef:"
            " {name: m, key: "
            "bin}") ", " FROM("C",
                              "secretKeyRef: {name: s, key: p}") ", " FROM("D",
                                                                           "secretKeyRef: {name: "
                                                                           "s, key: q}") ", " FROM("E",
                                                                                                   "configMapKeyRef: {name: none, key: k, "
                                                                                                   "optional: true}") ", " FROM("F",
                                                                                                                                "configMapKey"
                                                                                                                                "Ref: {name: "
                                                                                                                                "m, key: "
                                                                                                                                "none, "
                                                                                                                                "optional: "
                                                                                                                                "true}") "]",
        "") DATA;
    struct error err = {0};
    PODS_AUTO pods = {0};
    check_ok(manifest_read(text, POD_STRICT, &pods, &err), &err);
    check_value(&pods, "A", "from-map");
    check_value(&pods, "B", "hi");
    check_value(&pods, "C", "secret");
    check_value(&pods, "D", "new");
    assert_null(variable(&pods, "E"));
    assert_null(variable(&pods, "F"));
    assert_int_equal(variable(&pods, "C")->source, POD_SECRET);
}

static void takes_all_of_an_object(void **state)
{
    (void)state;
    static const char text[] = MANIFEST_POD(
        ", envFrom: [{prefix: M_, configMapRef: {name: mm}}, {secretRef: {name: t}}, "
        "{configMapRef: {name: none, optional: true}}], env: [{name: x, value: own}]",
        "") "---\nkind: ConfigMap\nmetadata: {name: mm, namespace: ns}\n"
            "data: {b: 2b, a: 1a}\n---\nkind: Secret\n"
            "metadata: {name: t, namespace: ns}\nstringData: {x: hidden, z: seen}\n";
    struct error err = {0};
    PODS_AUTO pods = {0};
    check_ok(manifest_read(text, POD_STRICT, &pods, &err), &err);
    assert_int_equal(pods.items[0].containers[0].env_count, 4);
    assert_string_equal(pods.items[0].containers[0].env[0].name, "M_a");
    check_value(&pods, "M_b", "2b");
    check_value(&pods, "x", "own");
    check_value(&pods, "z", "seen");
}

static void knows_what_the_manifest_says_of_the_pod(void **state)
{
    (void)state;
    static const char text
        [] = MANIFEST_POD(", resources: {limits: {cpu: 1500m, memory: 128Mi}}, env: [" FROM("NAME",
                                                                                            "fieldR"
                                                                                            "ef: "
                                                                                            "{field"
                                                                                            "Path: "
                                                                                            "metada"
                                                                                            "ta."
                                                                                            "name}") ", " FROM("SPACE", "fieldRef: {fieldPath: metadata.namespace}") ", " FROM("LABEL", "fieldRef: {fieldPath: \"metadata.labels['a']\"}") ", " FROM("NONE",
                                                                                                                                                                                                                                                     "fieldRef: {fieldPath: \"metadata.annotations['x']\"}") ", " FROM("IP",
                                                                                                                                                                                                                                                                                                                       "fieldRef: {fieldPath: status.podIP}") ", " FROM("CPU",
                                                                                                                                                                                                                                                                                                                                                                        "resourceFieldRef: {resource: "
                                                                                                                                                                                                                                                                                                                                                                        "limits.cpu}") ", " FROM("MILLI", "resourceFiel"
                                                                                                                                                                                                                                                                                                                                                                                                          "dRef: "
                                                                                                                                                                                                                                                                                                                                                                                                          "{resource: "
                                                                                                                                                                                                                                                                                                                                                                                                          "limits.cpu, "
                                                                                                                                                                                                                                                                                                                                                                                                          "divisor: "
                                                                                                                                                                                                                                                                                                                                                                                                          "1m}") ","
                                                                                                                                                                                                                                                                                                                                                                                                                 " " FROM(
                                                                                                                                                                                                                                                                                                                                                                                                                     "MIB",
                                                                                                                                                                                                                                                                                                                                                                                                                     "resourceFieldRef: {containerName: c, resource: limits.memory, divisor: 1Mi}") ", " FROM("NODE",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                              "resourceFieldRef: {resource: requests.cpu}") "]",
                          "");
    struct error err = {0};
    PODS_AUTO pods = {0};
    check_ok(manifest_read(text, POD_STRICT, &pods, &err), &err);
    check_value(&pods, "NAME", "p");
    check_value(&pods, "SPACE", "ns");
    check_value(&pods, "LABEL", "1");
    check_value(&pods, "NONE", "");
    check_value(&pods, "IP", NULL);
    assert_string_equal(variable(&pods, "IP")->key, "status.podIP");
    check_value(&pods, "CPU", "2");
    check_value(&pods, "MILLI", "1500");
    check_value(&pods, "MIB", "128");
    check_value(&pods, "NODE", NULL);
}

/* The pods of a Deployment get names of their own. */
static void does_not_guess_the_names_of_replicas(void **state)
{
    (void)state;
    static const char text[] =
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec: {template: {spec: "
        "{containers: [{name: c, image: i, env: [" FROM("NAME", "fieldRef: {fieldPath: "
                                                                "metadata.name}") "]}]}}}\n";
    struct error err = {0};
    PODS_AUTO pods = {0};
    check_ok(manifest_read(text, POD_STRICT, &pods, &err), &err);
    check_value(&pods, "NAME", NULL);
}

static void refuses_values_that_are_not_there(void **state)
{
    (void)state;
    static const char *const sources[] = {"configMapKeyRef: {name: none, key: k}",
                                          "configMapKeyRef: {name: m, key: none}",
                                          "configMapKeyRef: {name: elsewhere, key: k}",
                                          "secretKeyRef: {name: m, key: k}",
                                          "secretKeyRef: {name: s, key: none}",
                                          ("resourceFieldRef: {containerName: z, resource: "
                                           "limits.cpu}")};
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        char text[1024];
        (void)snprintf(text, sizeof text, MANIFEST_POD(", env: [" FROM("A", "%s") "]", "") DATA,
                       sources[i]);
        manifest_check_refused(text, ERROR_NOT_FOUND, "env: A: ");
    }
    manifest_check_refused(MANIFEST_POD(", envFrom: [{secretRef: {name: none}}]", ""),
                           ERROR_NOT_FOUND, "envFrom");
}

static void refuses_malformed_sources(void **state)
{
    (void)state;
    static const char *const sources[] = {
        "",
        "what: {}",
        "configMapKeyRef: {name: m}",
        "configMapKeyRef: {name: m, key: k}, fieldRef: {fieldPath: metadata.name}",
        "configMapKeyRef: {name: m, key: nul}",
        "configMapKeyRef: {name: m, key: k, unknown: 1}",
        "secretKeyRef: {name: s, key: bad}",
        "fieldRef: {fieldPath: metadata.nme}",
        "fieldRef: {fieldPath: \"metadata.labels['a\"}",
        "resourceFieldRef: {resource: limits.gpu}",
    };
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        char text[1024];
        (void)snprintf(text, sizeof text, MANIFEST_POD(", env: [" FROM("A", "%s") "]", "") DATA,
                       sources[i]);
        manifest_check_refused(text, ERROR_INVALID, "env: A");
    }
    manifest_check_refused(MANIFEST_POD(", env: [{name: A, value: x, valueFrom: {fieldRef: "
                                        "{fieldPath: metadata.name}}}]",
                                        ""),
                           ERROR_INVALID, "value and valueFrom");
    manifest_check_refused(MANIFEST_POD(", envFrom: [{prefix: A}]", ""), ERROR_INVALID,
                           "either configMapRef or secretRef");
    manifest_check_refused("kind: Secret\nmetadata: {name: s}\n---\nkind: Secret\nmetadata: {name: "
                           "s}\n---\n" MANIFEST_POD("", ""),
                           ERROR_INVALID, "of that name");
}

static void refuses_to_guess_what_an_expansion_means(void **state)
{
    (void)state;
    manifest_check_refused(
        MANIFEST_POD(
            ", env: [" FROM(
                "IP",
                "fieldRef: {fieldPath: status.podIP}") ", {name: U, value: \"http://$(IP)\"}]",
            ""),
        ERROR_REFUSED, "status.podIP");
    manifest_check_refused(MANIFEST_POD(", args: [\"$(IP)\"], env: [" FROM(
                                            "IP", "fieldRef: {fieldPath: status.podIP}") "]",
                                        ""),
                           ERROR_REFUSED, "only when the pod runs");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_values_of_the_same_manifest),
        cmocka_unit_test(takes_all_of_an_object),
        cmocka_unit_test(knows_what_the_manifest_says_of_the_pod),
        cmocka_unit_test(does_not_guess_the_names_of_replicas),
        cmocka_unit_test(refuses_values_that_are_not_there),
        cmocka_unit_test(refuses_malformed_sources),
        cmocka_unit_test(refuses_to_guess_what_an_expansion_means),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
