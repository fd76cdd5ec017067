#include "manifest.h"

#include "policy/policy.h"
#include "template/pod_policy.h"

#define LAYER "243e1b3ce08093f2f0d9cd6a9eafde8737f64fec105ed59c346d309fbe760b58"
#define FILES "1132c3583f12b654b09904fea1794ce5c16f2125940e5783bda42a3197c6d654"

static const char *const layers[] = {LAYER};
static const char *const entrypoint[] = {"/entry"};
static const char *const cmd[] = {"image's"};
static const char *const env[] = {"PATH=/bin"};
static struct template_image image = {.env = {env, 1},
                                      .entrypoint = {entrypoint, 1},
                                      .cmd = {cmd, 1},
                                      .working_dir = "/srv",
                                      .user = "",
                                      .stop_signal = "",
                                      .layers = {layers, 1}};

static const struct template_image *find(void *context, const char *reference, struct error *err)
{
    (void)context;
    (void)reference;
    (void)err;
    return &image;
}

/* Stands for the conversion: the tar's size is what the test looks at. */
static int make_layer(void *context, struct span tar, char hex[65], struct error *err)
{
    (void)err;
    *(size_t *)context = tar.size;
    memcpy(hex, FILES, 65);
    return 0;
}

static int generate(const char *text, struct template_pod_options options, struct buf *out,
                    struct error *err)
{
    PODS_AUTO pods = {0};
    TEMPLATE_GROUPS_AUTO groups = {0};
    const struct template_form form = {.generation = POLICY_GENERATION_DEFAULT};
    const struct template_images images = {.find = find};
    if (template_groups_init(&groups, err) < 0 ||
        manifest_read(text, options.reading, &pods, err) < 0 ||
        template_read_pods(&pods, &options, &groups, err) < 0)
        return -1;
    return template_policy(&groups, &groups.groups[0], &form, &images, out, err);
}

static void check_policy(const char *text, const char *const *words)
{
    struct error err = {0};
    size_t tar_size = 0;
    BUF_AUTO policy = BUF_WITH_LIMIT(1 << 20);
    POLICY_AUTO parsed = NULL;
    const struct template_pod_options options = {
        .reading = POD_STRICT, .layer = make_layer, .context = &tar_size};
    check_ok(generate(text, options, &policy, &err), &err);
    check_ok(policy_parse(buf_span(&policy), POLICY_STRICT, &parsed, &err), &err);
    for (; *words; words++) {
        bool absent = **words == '!';
        if (!strstr(buf_text(&policy), *words + absent) != absent)
            fail_msg("%s: \"%s\"\n%s", text, *words, buf_text(&policy));
    }
}

static void binds_command_variables_and_order(void **state)
{
    (void)state;
    static const char *const words[] = {
        "\"command\":[\"/entry\",\"x\"]",
        "\"command\":[\"/entry\",\"image's\"]",
        "{\"pattern\":\"A=1\",\"required\":false,\"strategy\":\"string\"}",
        "{\"pattern\":\"IP=.*\",\"required\":false,\"strategy\":\"re2\"}",
        "{\"pattern\":\"PATH=/bin\",",
        "\"working_dir\":\"/w\"",
        "\"exec_processes\":[{\"command\":[\"check\"],\"signals\":[9]}]",
        "caisson_group := {\"containers\":[0],\"empty_dirs\":[{\"memory\":true,\"name\":\"v\","
        "\"size\":1048576}],\"init\":[1],\"restart\":\"OnFailure\",\"shared_ipc\":true,"
        "\"shared_pid\":true}",
        NULL};
    check_policy(MANIFEST_POD(", args: [x], workingDir: /w, livenessProbe: {exec: {command: "
                              "[check]}}, env: [{name: A, value: \"1\"}, {name: IP, valueFrom: "
                              "{fieldRef: {fieldPath: status.podIP}}}]",
                              "  initContainers: [{name: i, image: j}]\n"
                              "  restartPolicy: OnFailure\n  shareProcessNamespace: true\n"
                              "  volumes: [{name: v, emptyDir: {medium: Memory, sizeLimit: "
                              "1Mi}}]\n"),
                 words);
}

static void binds_sysctls_and_a_read_only_root_where_they_are_asked_for(void **state)
{
    (void)state;
    static const char *const words[] = {
        "\"caisson_read_only_root\":true,",
        "\"caisson_sysctls\":[\"kernel.sem=1 2 3 4\",\"net.core.somaxconn=77\"],", NULL};
    static const char *const none[] = {"!caisson_read_only_root", "!caisson_sysctls", NULL};
    check_policy(MANIFEST_POD(", securityContext: {readOnlyRootFilesystem: true}",
                              "  securityContext: {sysctls: [{name: kernel.sem, value: 1 2 3 4}, "
                              "{name: net.core.somaxconn, value: '77'}]}\n"),
                 words);
    check_policy(MANIFEST_POD(", securityContext: {readOnlyRootFilesystem: false}", ""), none);
}

static void binds_files_by_a_layer_and_folders_by_a_mount(void **state)
{
    (void)state;
    static const char *const words[] = {
        "\"layers\":[\"" LAYER "\",\"" FILES "\"]",
        "{\"destination\":\"/e\",\"options\":[\"rbind\",\"rshared\",\"ro\"],"
        "\"source\":\"sandbox:///tmp/atlas/emptydir/e\",\"type\":\"bind\"}",
        "!\"destination\":\"/f\"", NULL};
    check_policy(
        MANIFEST_POD(
            ", volumeMounts: [{name: f, mountPath: /f}, {name: e, mountPath: /e, "
            "readOnly: true}]",
            "  volumes: [{name: f, configMap: {name: m}}, {name: e}]\n") "---\n"
                                                                         "kind: "
                                                                         "ConfigMap\nmetadata: "
                                                                         "{name: m, namespace: "
                                                                         "ns}\ndata: {k: v}\n",
        words);
}

static void drops_all_capabilities_but_those_added(void **state)
{
    (void)state;
    static const char *const words[] = {
        "\"bounding\":[\"CAP_NET_ADMIN\"]", "\"no_new_privileges\":true",
        "\"user_idname\":{\"pattern\":\"5\",\"strategy\":\"id\"}",
        "\"group_idnames\":[{\"pattern\":\"6\",\"strategy\":\"id\"}]", NULL};
    check_policy(MANIFEST_POD(", securityContext: {runAsUser: 5, runAsGroup: 6, "
                              "allowPrivilegeEscalation: false, capabilities: {drop: [ALL], add: "
                              "[NET_ADMIN]}}",
                              ""),
                 words);
}

/* A profile that allows nothing but by its path, and one without that path. */
static json_t *read_profile(void *context, const char *path, uint64_t capabilities,
                            struct error *err)
{
    (void)context;
    if (!path)
        return json_pack("{s:s}", "defaultAction", "SCMP_ACT_LOG");
    if (strcmp(path, "profiles/one.json") == 0)
        return json_pack("{s:s, s:[{s:[s], s:s}]}", "defaultAction",
                         capabilities >> 12 & 1 ? "SCMP_ACT_ALLOW" : "SCMP_ACT_ERRNO", "syscalls",
                         "names", "read", "action", "SCMP_ACT_ALLOW");
    (void)error_set(err, ERROR_NOT_FOUND, "no such file");
    return NULL;
}

static char *policy_with(const char *text, struct error *err)
{
    struct buf policy = BUF_WITH_LIMIT(1 << 20);
    const struct template_pod_options options = {.reading = POD_STRICT, .profile = read_profile};
    if (generate(text, options, &policy, err) == 0)
        return buf_take_text(&policy);
    buf_fini(&policy);
    return NULL;
}

static void holds(const char *text, const char *words)
{
    struct error err = {0};
    char *policy = policy_with(text, &err);
    if (!policy || !strstr(policy, words))
        fail_msg("no %s in %s", words, policy ? policy : err.text);
    free(policy);
}

static void writes_all_groups_of_a_process(void **state)
{
    (void)state;
    holds(MANIFEST_POD(", securityContext: {runAsGroup: 6}",
                       "  securityContext: {supplementalGroups: [7, 8], fsGroup: 9}\n"),
          "\"group_idnames\":[{\"pattern\":\"6\",\"strategy\":\"id\"},{\"pattern\":\"7\","
          "\"strategy\":\"id\"},{\"pattern\":\"8\",\"strategy\":\"id\"},{\"pattern\":\"9\","
          "\"strategy\":\"id\"}],");
    holds(
        MANIFEST_POD("", "  securityContext: {fsGroup: 9}\n  volumes: [{name: v, emptyDir: {}}]\n"),
        "\"empty_dirs\":[{\"group\":9,\"memory\":false,\"name\":\"v\",\"size\":0}]");
    holds(MANIFEST_POD("", "  securityContext: {fsGroup: 9}\n"),
          "\"group_idnames\":[{\"pattern\":\"\",\"strategy\":\"any\"}],");
}

static void names_sidecars_and_what_hooks_run(void **state)
{
    (void)state;
#define WITH_SIDECAR                                                                               \
    MANIFEST_POD(", lifecycle: {postStart: {exec: {command: [hello]}}, preStop: {httpGet: {port: " \
                 "1}}}",                                                                           \
                 "  initContainers: [{name: i, image: j}, {name: s, image: j, restartPolicy: "     \
                 "Always}]\n")
    holds(WITH_SIDECAR, "\"init\":[1,2],\"restart\":\"Always\",\"shared_ipc\":true,\"shared_pid\":"
                        "false,\"sidecars\":[2]}");
    holds(WITH_SIDECAR, "\"exec_processes\":[{\"command\":[\"hello\"],\"signals\":[9]}]");
}

static void binds_the_images_user_beside_a_group(void **state)
{
    (void)state;
    image.user = "redis:redis";
    holds(MANIFEST_POD(", securityContext: {runAsGroup: 6}", ""),
          "\"group_idnames\":[{\"pattern\":\"6\",\"strategy\":\"id\"}],\"umask\":\"0022\","
          "\"user_idname\":{\"pattern\":\"redis\",\"strategy\":\"name\"}");
    image.user = "";
}

static void takes_a_profile_from_beside_the_manifest(void **state)
{
    (void)state;
#define PROFILE "seccompProfile: {type: Localhost, localhostProfile: profiles/one.json}"
    holds(MANIFEST_POD(", securityContext: {" PROFILE "}", ""),
          "\"seccomp_profile_sha256\":"
          "\"277c010494e13af16396386972b35492f5b124b47b9ba26f4697cf0c966f47fd\"");
    /* Its rules may depend on the capabilities that the container gets. */
    holds(MANIFEST_POD(", securityContext: {capabilities: {add: [NET_ADMIN]}, " PROFILE "}", ""),
          "\"seccomp_profile_sha256\":"
          "\"83a182d3fbe2e494fe4954a9ac6e3a675b5afba2f5da2fd040db72f402f0fc01\"");
    struct error err = {0};
    assert_null(policy_with(MANIFEST_POD(", securityContext: {seccompProfile: {type: Localhost, "
                                         "localhostProfile: other.json}}",
                                         ""),
                            &err));
    assert_int_equal(err.code, ERROR_NOT_FOUND);
    assert_non_null(strstr(err.text, "other.json"));
}

/* The profile itself is whoever's who reads the manifest; a container's own word goes first. */
static void takes_the_runtimes_default_profile(void **state)
{
    (void)state;
#define DEFAULT "securityContext: {seccompProfile: {type: RuntimeDefault}}"
#define DEFAULT_DIGEST                                                                             \
    "\"seccomp_profile_sha256\":"                                                                  \
    "\"ada4d9a50895dd58cd1fd2a2deb4d6c96fd3a0126a4dd1da48ab9cb4fbc7b9f1\""
    holds(MANIFEST_POD(", " DEFAULT, ""), DEFAULT_DIGEST);
    holds(MANIFEST_POD("", "  " DEFAULT "\n"), DEFAULT_DIGEST);
    holds(
        MANIFEST_POD(", securityContext: {seccompProfile: {type: Unconfined}}", "  " DEFAULT "\n"),
        "\"seccomp_profile_sha256\":\"\"");
    struct error err = {0};
    assert_null(
        policy_with(MANIFEST_POD(", securityContext: {seccompProfile: {type: RuntimeDefault,"
                                 " localhostProfile: profiles/one.json}}",
                                 ""),
                    &err));
    assert_non_null(strstr(err.text, "is for the type Localhost"));
}

/* As a kubelet refuses it, but before anything runs. */
static void refuses_root_where_it_must_not_be(void **state)
{
    (void)state;
    static const struct {
        const char *user, *words;
    } cases[] = {
        {"", "names no user"}, {"0", "is root"}, {"000:1", "is root"}, {"redis", "\"redis\" is a"}};
    struct error err = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        image.user = cases[i].user;
        assert_null(policy_with(MANIFEST_POD(", securityContext: {runAsNonRoot: true}", ""), &err));
        assert_int_equal(err.code, ERROR_REFUSED);
        if (!strstr(err.text, cases[i].words))
            fail_msg("%s: %s", cases[i].user, err.text);
    }
    image.user = "999";
    holds(MANIFEST_POD(", securityContext: {runAsNonRoot: true}", ""), "\"pattern\":\"999\"");
    image.user = "redis";
    holds(MANIFEST_POD(", securityContext: {runAsNonRoot: true, runAsUser: 5}", ""),
          "\"pattern\":\"5\"");
    image.user = "";
}

static int refuse(const char *text, struct template_pod_options options, struct error *err)
{
    BUF_AUTO policy = BUF_WITH_LIMIT(1 << 20);
    return generate(text, options, &policy, err);
}

static void refuses_what_a_policy_cannot_bind(void **state)
{
    (void)state;
    size_t tar_size;
    struct error err;
    const struct template_pod_options strict = {
        .reading = POD_STRICT, .layer = make_layer, .context = &tar_size};
    check_error(refuse(MANIFEST_POD(", env: [{name: \"A.B\", valueFrom: {fieldRef: {fieldPath: "
                                    "status.podIP}}}]",
                                    ""),
                       strict, &err),
                &err, ERROR_REFUSED);
    check_error(refuse(MANIFEST_POD(", securityContext: {" PROFILE "}", ""), strict, &err), &err,
                ERROR_REFUSED);
    check_error(
        refuse(MANIFEST_POD(", securityContext: {seccompProfile: \"e30\"}", ""), strict, &err),
        &err, ERROR_INVALID);
    check_error(refuse(MANIFEST_POD(", volumeMounts: [{name: f, mountPath: /proc/f}]",
                                    "  volumes: [{name: f, secret: {secretName: s, optional: "
                                    "true}}]\n"),
                       strict, &err),
                &err, ERROR_REFUSED);
}

/* Values of Secrets that are not in the manifest: refused, or any. */
static void leaves_open_only_what_is_approved(void **state)
{
    (void)state;
    static const char text[] = "kind: Pod\nspec: {containers: [{image: i, env: [{name: S, "
                               "valueFrom: {secretKeyRef: {name: "
                               "s, key: k}}}, {name: C, valueFrom: {configMapKeyRef: {name: c, "
                               "key: k}}}, {name: T, value: "
                               "===VIRTUALNODE2.CC.THIM.X===}]}]}\n";
    struct error err;
    BUF_AUTO policy = BUF_WITH_LIMIT(1 << 20);
    check_error(refuse(text, (struct template_pod_options){.reading = POD_CONFCOM}, &err), &err,
                ERROR_NOT_FOUND);
    check_ok(
        generate(text,
                 (struct template_pod_options){.reading = POD_CONFCOM, .approve_wildcards = true},
                 &policy, &err),
        &err);
    assert_non_null(strstr(buf_text(&policy), "\"S=.*\""));
    assert_non_null(strstr(buf_text(&policy), "\"C=.*\""));
    assert_non_null(strstr(buf_text(&policy), "\"T=.*\""));
    assert_null(strstr(buf_text(&policy), "caisson_group"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(binds_command_variables_and_order),
        cmocka_unit_test(binds_sysctls_and_a_read_only_root_where_they_are_asked_for),
        cmocka_unit_test(binds_files_by_a_layer_and_folders_by_a_mount),
        cmocka_unit_test(drops_all_capabilities_but_those_added),
        cmocka_unit_test(writes_all_groups_of_a_process),
        cmocka_unit_test(names_sidecars_and_what_hooks_run),
        cmocka_unit_test(binds_the_images_user_beside_a_group),
        cmocka_unit_test(takes_a_profile_from_beside_the_manifest),
        cmocka_unit_test(takes_the_runtimes_default_profile),
        cmocka_unit_test(refuses_root_where_it_must_not_be),
        cmocka_unit_test(refuses_what_a_policy_cannot_bind),
        cmocka_unit_test(leaves_open_only_what_is_approved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
