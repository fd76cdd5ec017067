#include "manifest.h"

#include "format/tar.h"

#define DATA                                                                                       \
    "---\n"                                                                                        \
    "kind: ConfigMap\n"                                                                            \
    "metadata: {name: m, namespace: ns}\n"                                                         \
    "data: {b.conf: bee, a.conf: \"\"}\n"                                                          \
    "binaryData: {raw: AAEC}\n"                                                                    \
    "---\n"                                                                                        \
    "kind: Secret\n"                                                                               \
    "metadata: {name: s, namespace: ns}\n"                                                         \
    "stringData: {key: hidden}\n"
#define VOLUME "  volumes:\n  - name: v\n    "

struct source {
    struct span rest;
};

static int next(void *arg, struct span *out, struct error *err)
{
    (void)err;
    struct source *source = arg;
    *out = source->rest;
    source->rest = span_of(NULL, 0);
    return 0;
}

/* The tar's entries, a line each: type, mode in octal, name, contents. */
static void list(struct span tar, struct buf *out)
{
    struct error err = {0};
    struct source source = {tar};
    struct tar_reader reader;
    struct tar_entry entry;
    bool more = true;
    tar_init(&reader, (struct tar_source){.next = next, .arg = &source});
    for (;;) {
        struct tar_piece piece;
        check_ok(tar_next(&reader, &entry, &more, &err), &err);
        if (!more)
            break;
        assert_int_equal(entry.uid, 0);
        assert_int_equal(entry.mtime.sec, 0);
        check_ok(buf_printf(out, &err, "%c %04o %.*s", entry.type, (unsigned int)entry.mode,
                            (int)entry.name.size, (const char *)entry.name.data),
                 &err);
        if (entry.gid > 0)
            check_ok(buf_printf(out, &err, " (%u)", (unsigned int)entry.gid), &err);
        do {
            check_ok(tar_read(&reader, &piece, &err), &err);
            if (piece.size > 0)
                check_ok(buf_printf(out, &err, " %.*s", (int)piece.bytes.size,
                                    (const char *)piece.bytes.data),
                         &err);
        } while (piece.size > 0);
        check_ok(buf_append_byte(out, '\n', &err), &err);
    }
    tar_fini(&reader);
}

static void check_files(const char *text, const char *expected)
{
    struct error err = {0};
    PODS_AUTO pods = {0};
    BUF_AUTO tar = BUF_WITH_LIMIT(1 << 20);
    BUF_AUTO lines = BUF_WITH_LIMIT(1 << 16);
    check_ok(manifest_read(text, POD_STRICT, &pods, &err), &err);
    check_ok(pod_files_tar(&pods.items[0].containers[0], &tar, &err), &err);
    list(buf_span(&tar), &lines);
    assert_string_equal(buf_text(&lines), expected);
}

static int refuse(const char *text, struct error *err)
{
    PODS_AUTO pods = {0};
    BUF_AUTO tar = BUF_WITH_LIMIT(1 << 20);
    if (manifest_read(text, POD_STRICT, &pods, err) < 0)
        fail_msg("%s: %s", text, err->text);
    return pod_files_tar(&pods.items[0].containers[0], &tar, err);
}

static void writes_a_config_map_as_a_folder(void **state)
{
    (void)state;
    check_files(MANIFEST_POD(", volumeMounts: [{name: v, mountPath: /etc/app}]", VOLUME
                             "configMap: {name: m, items: [{key: b.conf, path: sub/b}, {key: "
                             "a.conf, path: \"-a\", mode: 0400}]}\n") DATA,
                "5 0755 etc/\n"
                "5 0755 etc/app/\n"
                "0 0400 etc/app/-a\n"
                "0 0644 etc/app/.wh..wh..opq\n"
                "5 0755 etc/app/sub/\n"
                "0 0644 etc/app/sub/b bee\n");
}

/* Folders above the mount are nobody's but root's. */
static void gives_values_to_the_pods_group(void **state)
{
    (void)state;
    check_files(MANIFEST_POD(", volumeMounts: [{name: v, mountPath: /etc/app}]",
                             "  securityContext: {fsGroup: 50}\n" VOLUME
                             "configMap: {name: m, items: [{key: b.conf, path: b}, {key: "
                             "a.conf, path: \"-a\", mode: 0400}]}\n") DATA,
                "5 0755 etc/\n"
                "5 2755 etc/app/ (50)\n"
                "0 0440 etc/app/-a (50)\n"
                "0 0644 etc/app/.wh..wh..opq\n"
                "0 0644 etc/app/b (50) bee\n");
    struct error err;
    check_error(refuse(MANIFEST_POD(", volumeMounts: [{name: v, mountPath: /etc/app}]",
                                    "  securityContext: {fsGroup: 2097152}\n" VOLUME
                                    "configMap: {name: m}\n") DATA,
                       &err),
                &err, ERROR_REFUSED);
    assert_non_null(strstr(err.text, "fsGroup 2097152"));
}

static void writes_what_is_projected(void **state)
{
    (void)state;
    check_files(
        MANIFEST_POD(", resources: {limits: {memory: 1Mi}}, volumeMounts: [{name: v, mountPath: "
                     "/tmp/p}]",
                     VOLUME
                     "projected: {defaultMode: 0440, sources: [{secret: {name: s}}, "
                     "{configMap: {name: m, items: [{key: b.conf, path: c}]}}, {downwardAPI: "
                     "{items: [{path: name, fieldRef: {fieldPath: metadata.name}}, {path: "
                     "labels, fieldRef: {fieldPath: metadata.labels}}, {path: memory, "
                     "resourceFieldRef: {containerName: c, resource: limits.memory}}]}}]}\n") DATA,
        "5 1777 tmp/\n"
        "5 0755 tmp/p/\n"
        "0 0644 tmp/p/.wh..wh..opq\n"
        "0 0440 tmp/p/c bee\n"
        "0 0440 tmp/p/key hidden\n"
        "0 0440 tmp/p/labels a=\"1\"\n"
        "0 0440 tmp/p/memory 1048576\n"
        "0 0440 tmp/p/name p\n");
}

static void writes_one_file_of_a_volume(void **state)
{
    (void)state;
    check_files(MANIFEST_POD(", volumeMounts: [{name: v, mountPath: /etc/b.conf, subPath: b.conf}, "
                             "{name: v, mountPath: /srv/none, subPath: a.conf}]",
                             VOLUME "configMap: {name: m}\n") DATA,
                "5 0755 etc/\n"
                "0 0644 etc/b.conf bee\n"
                "5 0755 srv/\n"
                "0 0644 srv/none\n");
}

static void writes_nothing_without_files(void **state)
{
    (void)state;
    struct error err = {0};
    PODS_AUTO pods = {0};
    BUF_AUTO tar = BUF_WITH_LIMIT(1 << 20);
    check_ok(manifest_read(MANIFEST_POD(", volumeMounts: [{name: v, mountPath: /v}]",
                                        VOLUME "emptyDir: {}\n"),
                           POD_STRICT, &pods, &err),
             &err);
    assert_false(pod_has_files(&pods.items[0].containers[0]));
    check_ok(pod_files_tar(&pods.items[0].containers[0], &tar, &err), &err);
    assert_int_equal(tar.size, 0);
}

/* An optional one that is not there hides what the image has all the same. */
static void writes_an_empty_folder_for_an_absent_object(void **state)
{
    (void)state;
    check_files(MANIFEST_POD(", volumeMounts: [{name: v, mountPath: /v}]",
                             VOLUME "secret: {secretName: none, optional: true}\n"),
                "5 0755 v/\n"
                "0 0644 v/.wh..wh..opq\n");
}

static void splits_long_names(void **state)
{
    (void)state;
    char text[1024], expected[2048];
    char part[121];
    memset(part, 'x', sizeof part - 1);
    part[sizeof part - 1] = '\0';
    (void)snprintf(text, sizeof text,
                   MANIFEST_POD(", volumeMounts: [{name: v, mountPath: /%s}]",
                                VOLUME "configMap: {name: m, items: [{key: raw, path: r}]}\n") DATA,
                   part);
    struct error err;
    check_error(refuse(text, &err), &err, ERROR_LIMIT);
    part[90] = '/';
    (void)snprintf(text, sizeof text,
                   MANIFEST_POD(", volumeMounts: [{name: v, mountPath: /%s}]", VOLUME
                                "configMap: {name: m, items: [{key: b.conf, path: r}]}\n") DATA,
                   part);
    (void)snprintf(expected, sizeof expected,
                   "5 0755 %.90s/\n5 0755 %s/\n0 0644 %s/.wh..wh..opq\n0 0644 %s/r bee\n", part,
                   part, part, part);
    check_files(text, expected);
}

static void refuses_places_where_a_layer_is_not_seen(void **state)
{
    (void)state;
    static const char *const paths[] = {"/var/run/x", "/var/lock", "/bin/x",   "/lib64/x",
                                        "/proc/x",    "/sys",      "/dev/shm", "/sbin"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        char text[512];
        struct error err;
        (void)snprintf(text, sizeof text,
                       MANIFEST_POD(", volumeMounts: [{name: v, mountPath: %s}]",
                                    VOLUME "configMap: {name: m}\n") DATA,
                       paths[i]);
        check_error(refuse(text, &err), &err, ERROR_REFUSED);
    }
}

static void refuses_mounts_in_each_others_way(void **state)
{
    (void)state;
    struct error err;
    check_error(refuse(MANIFEST_POD(", volumeMounts: [{name: v, mountPath: /a}, {name: v, "
                                    "mountPath: /a/b.conf}]",
                                    VOLUME "configMap: {name: m}\n") DATA,
                       &err),
                &err, ERROR_REFUSED);
    check_error(refuse(MANIFEST_POD(", volumeMounts: [{name: v, mountPath: /a, subPath: none}]",
                                    VOLUME "configMap: {name: m}\n") DATA,
                       &err),
                &err, ERROR_NOT_FOUND);
}

static void refuses_malformed_volumes(void **state)
{
    (void)state;
    static const struct {
        const char *volume;
        enum error_code code;
        const char *words;
    } cases[] = {
        {"configMap: {name: none}", ERROR_NOT_FOUND, "no ConfigMap \"none\""},
        {"configMap: {name: m, items: [{key: none, path: x}]}", ERROR_NOT_FOUND, "no key"},
        {"secret: {name: s}", ERROR_INVALID, "\"name\" is unknown"},
        {"configMap: {name: m, items: [{key: raw, path: ../x}]}", ERROR_INVALID, "relative"},
        {"configMap: {name: m, items: [{key: raw, path: /x}]}", ERROR_INVALID, "relative"},
        {"configMap: {name: m, items: [{key: raw, path: a//x}]}", ERROR_INVALID, "relative"},
        {"configMap: {name: m, items: [{key: raw, path: a/.wh.x}]}", ERROR_REFUSED, ".wh."},
        {"configMap: {name: m, items: [{key: raw, path: x}, {key: raw, path: x}]}", ERROR_INVALID,
         "twice"},
        {"configMap: {name: m, items: [{key: raw, path: x}, {key: raw, path: x/y}]}", ERROR_INVALID,
         "twice"},
        {"configMap: {name: m, items: [{key: raw, path: x, mode: 512}]}", ERROR_LIMIT, "mode"},
        {"configMap: {name: m, defaultMode: -1}", ERROR_INVALID, "defaultMode"},
        {"downwardAPI: {items: [{path: ip, fieldRef: {fieldPath: status.podIP}}]}", ERROR_REFUSED,
         "only when the pod runs"},
        {"downwardAPI: {items: [{path: x, resourceFieldRef: {containerName: c, resource: "
         "limits.cpu}}]}",
         ERROR_REFUSED, "the node's"},
        {"downwardAPI: {items: [{path: x}]}", ERROR_INVALID, "either fieldRef"},
        {"projected: {sources: [{secret: {name: s}, configMap: {name: m}}]}", ERROR_INVALID,
         "one kind"},
        {"emptyDir: {medium: HugePages}", ERROR_REFUSED, "medium"},
        {"emptyDir: {sizeLimit: big}", ERROR_INVALID, "no quantity"},
        {"configMap: m", ERROR_INVALID, "expected an object"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[1024];
        (void)snprintf(text, sizeof text, MANIFEST_POD("", VOLUME "%s\n") DATA, cases[i].volume);
        manifest_check_refused(text, cases[i].code, cases[i].words);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_a_config_map_as_a_folder),
        cmocka_unit_test(gives_values_to_the_pods_group),
        cmocka_unit_test(writes_what_is_projected),
        cmocka_unit_test(writes_one_file_of_a_volume),
        cmocka_unit_test(writes_nothing_without_files),
        cmocka_unit_test(writes_an_empty_folder_for_an_absent_object),
        cmocka_unit_test(splits_long_names),
        cmocka_unit_test(refuses_places_where_a_layer_is_not_seen),
        cmocka_unit_test(refuses_mounts_in_each_others_way),
        cmocka_unit_test(refuses_malformed_volumes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
