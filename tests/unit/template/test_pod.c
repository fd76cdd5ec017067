#include "manifest.h"

static const char whole[] =
    "apiVersion: v1\n"
    "kind: Pod\n"
    "metadata:\n"
    "  name: web\n"
    "  labels: {app: web}\n"
    "  annotations: {note: hello}\n"
    "spec:\n"
    "  restartPolicy: OnFailure\n"
    "  shareProcessNamespace: true\n"
    "  terminationGracePeriodSeconds: 5\n"
    "  securityContext: {runAsUser: 10, runAsGroup: 20, fsGroup: 30}\n"
    "  volumes:\n"
    "  - name: scratch\n"
    "    emptyDir: {medium: Memory, sizeLimit: 64Mi}\n"
    "  - name: plain\n"
    "    emptyDir:\n"
    "  initContainers:\n"
    "  - name: first\n"
    "    image: tool:1\n"
    "    args: [prepare]\n"
    "  - name: proxy\n"
    "    image: proxy:1\n"
    "    restartPolicy: Always\n"
    "  containers:\n"
    "  - name: main\n"
    "    image: redis:7\n"
    "    command: [\"redis-server\", \"--port\", \"$(PORT)\"]\n"
    "    args: [\"$$(PORT)\", \"$(NOPE)\", \"a$\"]\n"
    "    workingDir: /data\n"
    "    ports: [{containerPort: 6379, name: redis, hostPort: 16379}]\n"
    "    env:\n"
    "    - {name: PORT, value: \"6379\"}\n"
    "    - {name: URL, value: \"tcp://$(PORT)/$(URL)\"}\n"
    "    volumeMounts:\n"
    "    - {name: scratch, mountPath: /data/}\n"
    "    - {name: plain, mountPath: /tmp/x, readOnly: true}\n"
    "    resources:\n"
    "      limits: {cpu: 1500m, memory: 128Mi}\n"
    "      requests: {cpu: 1, memory: 1e6}\n"
    "    readinessProbe:\n"
    "      tcpSocket: {port: redis}\n"
    "      periodSeconds: 2\n"
    "      successThreshold: 2\n"
    "    livenessProbe:\n"
    "      exec: {command: [redis-cli, ping]}\n"
    "    startupProbe:\n"
    "      httpGet: {port: 80, path: /ok, httpHeaders: [{name: Host, value: x}]}\n"
    "    lifecycle: {preStop: {exec: {command: [bye]}}}\n"
    "    securityContext:\n"
    "      runAsUser: 11\n"
    "      allowPrivilegeEscalation: false\n"
    "      readOnlyRootFilesystem: true\n"
    "      capabilities: {add: [NET_ADMIN], drop: [ALL]}\n";

static void reads_a_pod(void **state)
{
    (void)state;
    struct error err = {0};
    PODS_AUTO pods = {0};
    check_ok(manifest_read(whole, POD_STRICT, &pods, &err), &err);
    assert_int_equal(pods.count, 1);
    const struct pod *pod = &pods.items[0];
    assert_string_equal(pod->kind, "Pod");
    assert_string_equal(pod->name, "web");
    assert_string_equal(pod->namespace, "");
    assert_int_equal(pod->restart, POD_RESTART_ON_FAILURE);
    assert_int_equal(pod->grace_s, 5);
    assert_true(pod->share_processes);
    assert_int_equal(pod->container_count, 3);
    assert_int_equal(pod->main_count, 1);
    assert_int_equal(pod->volume_count, 2);
    assert_true(pod->volumes[0].in_memory);
    assert_int_equal(pod->volumes[0].size_limit, 64 << 20);
    assert_int_equal(pod->volumes[1].type, POD_VOLUME_EMPTY_DIR);
    assert_false(pod->volumes[1].in_memory);
    assert_true(pod->containers[1].init);
    assert_false(pod->containers[1].sidecar);
    assert_string_equal(pod->containers[1].args.items[0], "prepare");
    assert_true(pod->containers[2].sidecar);
}

static void reads_a_container(void **state)
{
    (void)state;
    struct error err = {0};
    PODS_AUTO pods = {0};
    check_ok(manifest_read(whole, POD_STRICT, &pods, &err), &err);
    const struct pod_container *main = &pods.items[0].containers[0];
    assert_string_equal(main->command.items[2], "6379");
    assert_string_equal(main->args.items[0], "$(PORT)");
    assert_string_equal(main->args.items[1], "$(NOPE)");
    assert_string_equal(main->args.items[2], "a$");
    assert_string_equal(main->env[1].value, "tcp://6379/$(URL)");
    assert_string_equal(main->working_dir, "/data");
    assert_int_equal(main->ports[0].host_port, 16379);
    assert_string_equal(main->ports[0].protocol, "TCP");
    assert_string_equal(main->mounts[0].path, "/data");
    assert_ptr_equal(main->mounts[0].volume, &pods.items[0].volumes[0]);
    assert_false(main->mounts[0].read_only);
    assert_true(main->mounts[1].read_only);
    assert_int_equal(main->resources.cpu_limit, 1500);
    assert_int_equal(main->resources.memory_limit, 128 << 20);
    assert_int_equal(main->resources.cpu_request, 1000);
    assert_int_equal(main->resources.memory_request, 1000000);
}

static void reads_probes_and_hooks(void **state)
{
    (void)state;
    struct error err = {0};
    PODS_AUTO pods = {0};
    check_ok(manifest_read(whole, POD_STRICT, &pods, &err), &err);
    const struct pod_container *main = &pods.items[0].containers[0];
    assert_int_equal(main->readiness.kind, POD_PROBE_TCP);
    assert_int_equal(main->readiness.port, 6379);
    assert_int_equal(main->readiness.period_s, 2);
    assert_int_equal(main->readiness.timeout_s, 1);
    assert_int_equal(main->readiness.successes, 2);
    assert_int_equal(main->readiness.failures, 3);
    assert_int_equal(main->liveness.kind, POD_PROBE_EXEC);
    assert_string_equal(main->liveness.command.items[1], "ping");
    assert_int_equal(main->startup.kind, POD_PROBE_HTTP);
    assert_string_equal(main->startup.path, "/ok");
    assert_string_equal(main->startup.headers[0].value, "x");
    assert_int_equal(main->pre_stop.kind, POD_PROBE_EXEC);
    assert_string_equal(main->pre_stop.command.items[0], "bye");
    assert_int_equal(main->post_start.kind, POD_PROBE_NONE);
    assert_int_equal(pods.items[0].containers[1].liveness.kind, POD_PROBE_NONE);
}

static void lets_a_container_override_its_pods_security(void **state)
{
    (void)state;
    struct error err = {0};
    PODS_AUTO pods = {0};
    check_ok(manifest_read(whole, POD_STRICT, &pods, &err), &err);
    const struct pod_security *main = &pods.items[0].containers[0].security;
    const struct pod_security *init = &pods.items[0].containers[1].security;
    assert_int_equal(main->user, 11);
    assert_int_equal(main->group, 20);
    assert_int_equal(main->fs_group, 30);
    assert_int_equal(main->escalation, POD_FALSE);
    assert_int_equal(main->privileged, POD_UNSET);
    assert_true(main->read_only_root);
    assert_string_equal(main->capabilities_add.items[0], "CAP_NET_ADMIN");
    assert_string_equal(main->capabilities_drop.items[0], "ALL");
    assert_int_equal(init->user, 10);
    assert_int_equal(init->escalation, POD_UNSET);
}

static void finds_the_pods_of_workloads(void **state)
{
    (void)state;
    static const char text[] =
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\n"
        "spec: {template: {metadata: {labels: {x: \"y\"}}, spec: {containers: [{name: a, image: "
        "i}]}}}\n"
        "---\napiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {ports: [{port: 1}]}\n"
        "---\napiVersion: batch/v1\nkind: CronJob\nmetadata: {name: j}\n"
        "spec: {jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: "
        "[{name: b, image: i}]}}}}}\n"
        "---\napiVersion: v1\nkind: List\nitems:\n"
        "- {apiVersion: v1, kind: Pod, metadata: {name: l}, spec: {containers: [{name: c, image: "
        "i}]}}\n";
    struct error err = {0};
    PODS_AUTO pods = {0};
    check_ok(manifest_read(text, POD_STRICT, &pods, &err), &err);
    assert_int_equal(pods.count, 3);
    assert_string_equal(pods.items[0].labels[0].value, "y");
    assert_int_equal(pods.items[0].restart, POD_RESTART_ALWAYS);
    assert_string_equal(pods.items[1].kind, "CronJob");
    assert_int_equal(pods.items[1].restart, POD_RESTART_NEVER);
    assert_int_equal(pods.items[1].document, 2);
    assert_string_equal(pods.items[2].name, "l");
}

/* What the host would have a hand in. */
static void refuses_what_a_machine_cannot_give(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } cases[] = {
        {MANIFEST_POD("", "  hostNetwork: true\n"), "hostNetwork: a namespace of the host"},
        {MANIFEST_POD("", "  hostPID: true\n"), "hostPID"},
        {MANIFEST_POD("", "  hostIPC: true\n"), "hostIPC"},
        {MANIFEST_POD("", "  ephemeralContainers: [{name: e}]\n"), "ephemeralContainers"},
        {MANIFEST_POD("", "  hostAliases: [{ip: \"1.2.3.4\"}]\n"), "hostAliases"},
        {MANIFEST_POD("", "  volumes: [{name: v, hostPath: {path: /}}]\n"), "hostPath: a folder"},
        {MANIFEST_POD("", "  volumes: [{name: v, nfs: {server: s}}]\n"), "nfs: the data would lie"},
        {MANIFEST_POD("", "  volumes: [{name: v, persistentVolumeClaim: {claimName: s}}]\n"),
         "persistentVolumeClaim"},
        {MANIFEST_POD("", "  volumes: [{name: v, projected: {sources: [{serviceAccountToken: "
                          "{path: t}}]}}]\n"),
         "serviceAccountToken"},
        {MANIFEST_POD("", "  securityContext: {supplementalGroupsPolicy: Strict}\n"),
         "Strict without runAsGroup"},
        {MANIFEST_POD("", "  securityContext: {supplementalGroupsPolicy: Merge, runAsGroup: 1}\n"),
         "Merge with runAsGroup"},
        {MANIFEST_POD(", securityContext: {appArmorProfile: {type: Localhost}}", ""),
         "no AppArmor"},
        {MANIFEST_POD(", volumeDevices: [{name: d}]", ""), "volumeDevices"},
        {MANIFEST_POD(", securityContext: {procMount: Unmasked}", ""), "procMount"},
        {MANIFEST_POD(", securityContext: {capabilities: {add: [ALL]}}", ""), "add ALL"},
        {MANIFEST_POD(", livenessProbe: {grpc: {port: 1}}", ""), "grpc"},
        {MANIFEST_POD(", lifecycle: {preStop: {tcpSocket: {port: 1}}}", ""), "tcpSocket"},
        {MANIFEST_POD(", resources: {claims: [{name: gpu}]}", ""), "claims"},
        {MANIFEST_POD(", restartPolicy: Always", ""), "restartPolicy"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        manifest_check_refused(cases[i].text, ERROR_REFUSED, cases[i].words);
}

static void reads_what_confines_all_containers(void **state)
{
    (void)state;
    PODS_AUTO pods = {0};
    struct error err;
    check_ok(manifest_read(MANIFEST_POD(", securityContext: {procMount: Default, seccompProfile: "
                                        "{type: Localhost, localhostProfile: a/b.json}}",
                                        "  securityContext:\n"
                                        "    supplementalGroups: [7, 0]\n"
                                        "    supplementalGroupsPolicy: Merge\n"
                                        "    sysctls: [{name: kernel.sem, value: 1 2 3 4}]\n"),
                           POD_STRICT, &pods, &err),
             &err);
    const struct pod *pod = &pods.items[0];
    const struct pod_security *security = &pod->containers[0].security;
    assert_int_equal(pod->sysctl_count, 1);
    assert_string_equal(pod->sysctls[0].key, "kernel.sem");
    assert_string_equal(pod->sysctls[0].value, "1 2 3 4");
    assert_int_equal(security->group_count, 2);
    assert_int_equal(security->groups[0], 7);
    assert_int_equal(security->groups[1], 0);
    assert_string_equal(security->seccomp_file, "a/b.json");
    assert_string_equal(security->seccomp, "");
}

static void refuses_malformed_manifests(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } cases[] = {
        {MANIFEST_POD(", imge: x", ""), "\"imge\" is unknown"},
        {MANIFEST_POD("", "  hostnetwork: true\n"), "\"hostnetwork\" is unknown"},
        {MANIFEST_POD(", command: run", ""), "expected an array"},
        {MANIFEST_POD(", command: [1]", ""), "expected a string, found an integer"},
        {MANIFEST_POD(", args: [on]", ""), "expected a string, found true"},
        {MANIFEST_POD(", env: [{name: A, value: 1}]", ""), "expected a string"},
        {MANIFEST_POD(", env: [{name: \"A=B\"}]", ""), "no name of a variable"},
        {MANIFEST_POD(", env: [{name: A}, {name: A}]", ""), "\"A\" is set twice"},
        {MANIFEST_POD(", workingDir: data", ""), "not absolute"},
        {MANIFEST_POD(", ports: [{containerPort: 0}]", ""), "containerPort"},
        {MANIFEST_POD(", ports: [{containerPort: 1, protocol: tcp}]", ""), "protocol"},
        {MANIFEST_POD(", livenessProbe: {}", ""), "name one of"},
        {MANIFEST_POD(", lifecycle: {preStop: {}}", ""), "name one of"},
        {MANIFEST_POD(", lifecycle: {preStop: {sleep: {}}}", ""), "seconds"},
        {MANIFEST_POD(", lifecycle: {postStart: {httpGet: {port: 1}, sleep: {seconds: 1}}}", ""),
         "name one of"},
        {MANIFEST_POD("", "  initContainers: [{name: i, image: j, lifecycle: {preStop: {sleep: "
                          "{seconds: 1}}}}]\n"),
         "no hooks"},
        {MANIFEST_POD(", livenessProbe: {exec: {}}", ""), "without a command"},
        {MANIFEST_POD(", livenessProbe: {tcpSocket: {port: 0}}", ""), "port"},
        {MANIFEST_POD(", livenessProbe: {tcpSocket: {port: 1}, successThreshold: 2}", ""),
         "successThreshold"},
        {MANIFEST_POD(", readinessProbe: {httpGet: {port: 1, path: \"/a\\r\\nX: y\"}}", ""),
         "no path of HTTP"},
        {MANIFEST_POD(", resources: {limits: {cpu: lots}}", ""), "no quantity"},
        {MANIFEST_POD(", resources: {limits: {nvidia.com/gpu: 1}}", ""), "unknown"},
        {MANIFEST_POD(", securityContext: {runAsUser: -1}", ""), "runAsUser"},
        {MANIFEST_POD(", securityContext: {runAsUser: 0, runAsNonRoot: true}", ""), "runAsNonRoot"},
        {MANIFEST_POD(", securityContext: {privileged: \"true\"}", ""), "privileged"},
        {MANIFEST_POD("", "  securityContext: {sysctls: [{name: a}]}\n"), "value"},
        {MANIFEST_POD("", "  securityContext: {sysctls: [{name: a, value: '1', x: y}]}\n"), "x"},
        {MANIFEST_POD(
             "", "  securityContext: {sysctls: [{name: a, value: '1'}, {name: a, value: '2'}]}\n"),
         "\"a\" is there twice"},
        {MANIFEST_POD(", securityContext: {sysctls: []}", ""), "\"sysctls\" is unknown"},
        {MANIFEST_POD("", "  securityContext: {supplementalGroups: 1}\n"), "expected an array"},
        {MANIFEST_POD("", "  securityContext: {supplementalGroups: [1, -1]}\n"),
         "supplementalGroups[1]"},
        {MANIFEST_POD("", "  securityContext: {supplementalGroups: [4294967295]}\n"),
         "supplementalGroups[0]"},
        {MANIFEST_POD("", "  securityContext: {supplementalGroups: [x]}\n"),
         "supplementalGroups[0]"},
        {MANIFEST_POD("", "  securityContext: {supplementalGroupsPolicy: Some}\n"),
         "not Merge or Strict"},
        {MANIFEST_POD(", securityContext: {capabilities: {add: [NOSUCH]}}", ""), "no \"NOSUCH\""},
        {MANIFEST_POD(", securityContext: {capabilities: {drop: [net_raw]}}", ""), "\"net_raw\""},
        {MANIFEST_POD(", securityContext: {seccompProfile: {type: Default}}", ""), "\"Default\""},
        {MANIFEST_POD(", securityContext: {seccompProfile: {type: Localhost}}", ""),
         "localhostProfile"},
        {MANIFEST_POD(
             ", securityContext: {seccompProfile: {type: Unconfined, localhostProfile: p}}", ""),
         "for the type Localhost"},
        {MANIFEST_POD(
             ", securityContext: {seccompProfile: {type: Localhost, localhostProfile: ../p}}", ""),
         "\"../p\""},
        {MANIFEST_POD(
             ", securityContext: {seccompProfile: {type: Localhost, localhostProfile: /p}}", ""),
         "\"/p\""},
        {MANIFEST_POD("", "  - {name: c, image: j}\n"), "\"c\" is there twice"},
        {MANIFEST_POD("", "  - {image: j}\n"), "without a name"},
        {MANIFEST_POD("", "  restartPolicy: Sometimes\n"), "restartPolicy"},
        {MANIFEST_POD("", "  initContainers: [{name: i, image: j, livenessProbe: {exec: {command: "
                          "[a]}}}]\n"),
         "no probes"},
        {MANIFEST_POD("", "  volumes: [{name: v, emptyDir: {}, secret: {}}]\n"), "two kinds"},
        {MANIFEST_POD("", "  volumes: [{name: v}, {name: v}]\n"), "there twice"},
        {"kind: Pod\nspec: {containers: [{name: a, image: b}]}\n", "apiVersion"},
        {"apiVersion: v2\nkind: Pod\nspec: {containers: [{name: a, image: b}]}\n", "is of v1"},
        {"apiVersion: v1\nkind: Pod\nspec: {containers: []}\n", "no containers"},
        {"apiVersion: v1\nkind: Pod\n", "\"spec\" is missing"},
        {"apiVersion: batch/v1\nkind: Job\nspec: {template: {spec: {containers: [{name: a, image: "
         "b}]}}}\n",
         "needs OnFailure or Never"},
        {"[1]\n", "expected an object"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        manifest_check_refused(cases[i].text, ERROR_INVALID, cases[i].words);
    manifest_check_refused("apiVersion: v1\nkind: Service\n", ERROR_NOT_FOUND, "no document is");
    manifest_check_refused(MANIFEST_POD(", volumeMounts: [{name: v, mountPath: /v}]", ""),
                           ERROR_NOT_FOUND, "no volume \"v\"");
    manifest_check_refused(MANIFEST_POD(", livenessProbe: {tcpSocket: {port: web}}", ""),
                           ERROR_NOT_FOUND, "no port \"web\"");
}

static void refuses_mounts_with_doubtful_paths(void **state)
{
    (void)state;
    static const char *const paths[] = {"data", "/", "/a/../b", "/a//b", "/a/./b", "/.."};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        char text[512];
        (void)snprintf(text, sizeof text,
                       MANIFEST_POD(", volumeMounts: [{name: v, mountPath: \"%s\"}]",
                                    "  volumes: [{name: v}]\n"),
                       paths[i]);
        manifest_check_refused(text, ERROR_INVALID, "mountPath");
    }
    manifest_check_refused(MANIFEST_POD(", volumeMounts: [{name: v, mountPath: /a}, {name: v, "
                                        "mountPath: /a/}]",
                                        "  volumes: [{name: v}]\n"),
                           ERROR_INVALID, "two volumes");
}

/* confcom looks at what it needs, and at nothing else. */
static void reads_as_confcom_does(void **state)
{
    (void)state;
    static const char text[] =
        "kind: Pod\nmetadata: {name: p}\nspec:\n  hostNetwork: true\n  unknown: 1\n"
        "  volumes: [{name: v, azureFile: {}}, {name: c, configMap: {name: none}}]\n"
        "  containers:\n  - image: i:1\n    args: [\"$(A)\"]\n    workingDir: rel\n"
        "    env: [{name: A, value: b}, {name: A, value: \"$(A)\"}, {name: F, valueFrom: "
        "{fieldRef: "
        "{fieldPath: metadata.name}}}, {name: M, valueFrom: {configMapKeyRef: {name: m, key: "
        "k}}}]\n"
        "    volumeMounts: [{name: c, mountPath: /c}, {name: v, mountPath: \"/v/\"}]\n"
        "    livenessProbe: {httpGet: {port: none}}\n";
    struct error err = {0};
    PODS_AUTO pods = {0};
    check_ok(manifest_read(text, POD_CONFCOM, &pods, &err), &err);
    const struct pod_container *container = &pods.items[0].containers[0];
    assert_string_equal(container->name, "i:1");
    assert_string_equal(container->args.items[0], "$(A)");
    assert_int_equal(container->env_count, 4);
    assert_string_equal(container->env[1].value, "$(A)");
    assert_null(container->env[2].value);
    assert_null(container->env[3].value);
    assert_int_equal(container->env[3].source, POD_CONFIG_MAP);
    assert_true(container->mounts[0].read_only);
    assert_false(container->mounts[1].read_only);
    assert_string_equal(container->mounts[1].path, "/v/");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_pod),
        cmocka_unit_test(reads_a_container),
        cmocka_unit_test(reads_probes_and_hooks),
        cmocka_unit_test(lets_a_container_override_its_pods_security),
        cmocka_unit_test(finds_the_pods_of_workloads),
        cmocka_unit_test(refuses_what_a_machine_cannot_give),
        cmocka_unit_test(reads_what_confines_all_containers),
        cmocka_unit_test(refuses_malformed_manifests),
        cmocka_unit_test(refuses_mounts_with_doubtful_paths),
        cmocka_unit_test(reads_as_confcom_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
