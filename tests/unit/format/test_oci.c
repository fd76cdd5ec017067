#include "../check.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "format/oci.h"

#define HEX    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define DIGEST "\"sha256:" HEX "\""
#define OCI    "application/vnd.oci.image."
#define CONFIG "{\"mediaType\":\"" OCI "config.v1+json\",\"digest\":" DIGEST ",\"size\":9}"
#define LAYER  "{\"mediaType\":\"" OCI "layer.v1.tar+gzip\",\"digest\":" DIGEST ",\"size\":7}"
#define MANIFEST(config, layers)                                                                   \
    "{\"schemaVersion\":2,\"config\":" config ",\"layers\":[" layers "]}"
#define ENTRY(more)                                                                                \
    "{\"mediaType\":\"" OCI "manifest.v1+json\",\"digest\":" DIGEST ",\"size\":5" more "}"
#define PLATFORM(os, arch) ",\"platform\":{\"os\":\"" os "\",\"architecture\":\"" arch "\"}"
#define INDEX(entries)     "{\"schemaVersion\":2,\"manifests\":[" entries "]}"
#define IMAGE(process)                                                                             \
    "{\"os\":\"linux\",\"architecture\":\"amd64\",\"config\":" process                             \
    ",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[" DIGEST "]}}"

struct refusal {
    const char *text;
    const char *words;
};

static void reads_a_manifest(void **state)
{
    (void)state;
    struct error err = {0};
    OCI_MANIFEST_AUTO manifest = {0};
    check_ok(oci_manifest_parse(span_of_text(MANIFEST(CONFIG, LAYER "," LAYER)), &manifest, &err),
             &err);
    assert_int_equal(manifest.count, 2);
    assert_int_equal(manifest.layers[1].size, 7);
    assert_int_equal(manifest.config.size, 9);
    char text[OCI_DIGEST_TEXT_SIZE];
    oci_digest_text(&manifest.layers[0].digest, text);
    assert_string_equal(text, "sha256:" HEX);
}

static void refuses_malformed_manifests(void **state)
{
    (void)state;
#define LAYER_OF(type, digest, size)                                                               \
    "{\"mediaType\":\"" type "\",\"digest\":" digest ",\"size\":" size "}"
#define TAR OCI "layer.v1.tar"
    static const struct refusal cases[] = {
        {"", "JSON"},
        {"[]", "expected an object"},
        {"{}", "schemaVersion"},
        {"{\"schemaVersion\":1,\"config\":" CONFIG ",\"layers\":[" LAYER "]}", "only 2"},
        {"{\"schemaVersion\":2,\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":[" LAYER "]}",
         "duplicate"},
        {"{\"schemaVersion\":2,\"layers\":[" LAYER "]}", "\"config\" is missing"},
        {"{\"schemaVersion\":2,\"config\":" CONFIG "}", "\"layers\" is missing"},
        {MANIFEST(CONFIG, ""), "no layers"},
        {MANIFEST("{}", LAYER), "mediaType"},
        {MANIFEST("[]", LAYER), "expected an object"},
        {MANIFEST(LAYER, LAYER), "no container image"},
        {MANIFEST(CONFIG, CONFIG), "no container layer"},
        {MANIFEST(CONFIG, "7"), "found an integer"},
        {MANIFEST(CONFIG, LAYER_OF("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
                                   DIGEST, "7")),
         "foreign"},
        {MANIFEST(CONFIG, LAYER_OF(OCI "layer.nondistributable.v1.tar", DIGEST, "7")), "foreign"},
        {MANIFEST(CONFIG, LAYER_OF(TAR "+gzip+encrypted", DIGEST, "7")), "encrypted"},
        {MANIFEST(CONFIG, LAYER_OF("application/x-thing", DIGEST, "7")), "no container layer"},
        {MANIFEST(CONFIG, LAYER_OF(TAR, DIGEST, "0")), "0 bytes"},
        {MANIFEST(CONFIG, LAYER_OF(TAR, DIGEST, "-1")), "-1"},
        {MANIFEST(CONFIG, LAYER_OF(TAR, DIGEST, "1.5")), "expected an integer"},
        {MANIFEST(CONFIG, LAYER_OF(TAR, DIGEST, "\"7\"")), "expected an integer"},
        {MANIFEST(CONFIG, LAYER_OF(TAR, DIGEST, "68719476737")), "68719476737"},
        {MANIFEST(CONFIG, LAYER_OF(TAR, "\"sha256:00\"", "7")), "sha256:00"},
        {MANIFEST(CONFIG, LAYER_OF(TAR, "\"sha512:" HEX HEX "\"", "7")), "sha512"},
        {MANIFEST(CONFIG, LAYER_OF(TAR, "\"" HEX "\"", "7")), "64 lower-case"},
        {MANIFEST(CONFIG, LAYER_OF(TAR, "null", "7")), "digest"},
        {MANIFEST(CONFIG, "{\"mediaType\":\"" TAR "\",\"digest\":" DIGEST "}"), "size"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error err;
        struct oci_manifest manifest;
        check_refused(oci_manifest_parse(span_of_text(cases[i].text), &manifest, &err), &err,
                      cases[i].words);
        assert_null(manifest.layers);
    }
}

static void refuses_too_many_layers(void **state)
{
    (void)state;
    struct error err;
    struct oci_manifest manifest;
    BUF_AUTO text = BUF_WITH_LIMIT(1 << 20);
    check_ok(
        buf_append_text(&text, "{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":[", &err),
        &err);
    for (size_t i = 0; i <= OCI_LAYERS_MAX; i++)
        check_ok(buf_printf(&text, &err, "%s" LAYER, i ? "," : ""), &err);
    check_ok(buf_append_text(&text, "]}", &err), &err);
    check_error(oci_manifest_parse(buf_span(&text), &manifest, &err), &err, ERROR_LIMIT);
}

static void refuses_documents_too_large_or_too_deep(void **state)
{
    (void)state;
    struct error err;
    struct oci_index index;
    char *text = malloc(OCI_DOCUMENT_SIZE_MAX + 1);
    assert_non_null(text);
    memset(text, ' ', OCI_DOCUMENT_SIZE_MAX + 1);
    memcpy(text, INDEX(), strlen(INDEX()));
    check_ok(oci_index_parse(span_of(text, OCI_DOCUMENT_SIZE_MAX), &index, &err), &err);
    oci_index_fini(&index);
    check_error(oci_index_parse(span_of(text, OCI_DOCUMENT_SIZE_MAX + 1), &index, &err), &err,
                ERROR_LIMIT);
    memset(text, '[', 1000);
    check_error(oci_index_parse(span_of(text, 1000), &index, &err), &err, ERROR_LIMIT);
    free(text);
}

static void tells_indexes_from_manifests(void **state)
{
    (void)state;
    struct error err = {0};
    enum oci_kind kind;
    check_ok(oci_kind_of_document(span_of_text(INDEX()), NULL, &kind, &err), &err);
    assert_int_equal(kind, OCI_KIND_INDEX);
    check_ok(oci_kind_of_document(span_of_text(MANIFEST(CONFIG, LAYER)), "text/plain", &kind, &err),
             &err);
    assert_int_equal(kind, OCI_KIND_MANIFEST);
}

static void refuses_documents_of_two_minds(void **state)
{
    (void)state;
    static const struct refusal cases[] = {
        {"{\"manifests\":[],\"layers\":[]}", "as an index and as a manifest"},
        {"{\"manifests\":[],\"config\":{}}", "as an index and as a manifest"},
        {"{\"mediaType\":\"" OCI "index.v1+json\",\"layers\":[]}", "does not fit"},
        {"{\"mediaType\":\"text/html\",\"layers\":[]}", "does not fit"},
        {"{\"manifests\":[]}", "not of that type"},
        {"{\"schemaVersion\":1,\"fsLayers\":[]}", "schema 1"},
        {"{\"errors\":[]}", "no image manifest"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error err;
        enum oci_kind kind;
        check_refused(
            oci_kind_of_document(span_of_text(cases[i].text), OCI "manifest.v1+json", &kind, &err),
            &err, cases[i].words);
    }
}

static size_t select_from(const char *text, struct error *err)
{
    OCI_INDEX_AUTO index = {0};
    const struct oci_descriptor *chosen;
    check_ok(oci_index_parse(span_of_text(text), &index, err), err);
    if (oci_index_select(&index, &chosen, err) < 0)
        return SIZE_MAX;
    return (size_t)(chosen - index.manifests);
}

static void selects_linux_on_amd64(void **state)
{
    (void)state;
    struct error err = {0};
#define VARIANT ",\"platform\":{\"os\":\"linux\",\"architecture\":\"amd64\",\"variant\":\"v3\"}"
    assert_int_equal(
        select_from(INDEX(ENTRY(PLATFORM("linux", "arm64")) "," ENTRY(PLATFORM("linux", "amd64"))),
                    &err),
        1);
    assert_int_equal(select_from(INDEX(ENTRY(VARIANT) "," ENTRY(PLATFORM("linux", "amd64"))), &err),
                     1);
    assert_int_equal(select_from(INDEX(ENTRY(VARIANT)), &err), 0);
    assert_int_equal(select_from(INDEX(ENTRY("")), &err), 0);
    assert_int_equal(select_from(INDEX(ENTRY(",\"platform\":null")), &err), 0);
}

static void refuses_indexes_without_our_platform(void **state)
{
    (void)state;
    static const struct refusal cases[] = {
        {INDEX(), "none that names"},
        {INDEX(ENTRY(PLATFORM("linux", "arm64"))), "linux/arm64"},
        {INDEX(ENTRY(PLATFORM("windows", "amd64"))), "windows/amd64"},
        {INDEX(ENTRY(PLATFORM("unknown", "unknown"))), "none that names"},
        {INDEX(ENTRY("") "," ENTRY("")), "none that names"},
        {INDEX("{\"mediaType\":\"x/y\",\"digest\":" DIGEST
               ",\"size\":5" PLATFORM("linux", "amd64") "}"),
         "linux/amd64"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error err = {0};
        assert_true(select_from(cases[i].text, &err) == SIZE_MAX);
        assert_int_equal(err.code, ERROR_NOT_FOUND);
        assert_non_null(strstr(err.text, cases[i].words));
    }
}

static void reads_a_config(void **state)
{
    (void)state;
    struct error err = {0};
    OCI_CONFIG_AUTO config = {0};
    check_ok(oci_config_parse(span_of_text(IMAGE(
                                  "{\"Env\":[\"A=\",\"B=c=d\"],\"Entrypoint\":null,\"Cmd\":[\"x\"],"
                                  "\"User\":\"1:2\",\"WorkingDir\":\"/w\",\"Labels\":{\"k\":\"v\"},"
                                  "\"ExposedPorts\":{\"80/tcp\":{}},\"Healthcheck\":{}}")),
                              &config, &err),
             &err);
    assert_int_equal(config.env.count, 2);
    assert_string_equal(config.env.items[1], "B=c=d");
    assert_null(config.env.items[2]);
    assert_int_equal(config.entrypoint.count, 0);
    assert_string_equal(config.cmd.items[0], "x");
    assert_string_equal(config.user, "1:2");
    assert_string_equal(config.working_dir, "/w");
    assert_string_equal(config.stop_signal, "");
    assert_string_equal(config.labels.items[0], "k=v");
    assert_string_equal(config.exposed_ports.items[0], "80/tcp");
    assert_int_equal(config.diff_id_count, 1);
    OCI_CONFIG_AUTO bare = {0};
    check_ok(oci_config_parse(span_of_text(IMAGE("null")), &bare, &err), &err);
    assert_string_equal(bare.working_dir, "");
}

static void refuses_malformed_configs(void **state)
{
    (void)state;
#define ROOTFS(type, ids) "\"rootfs\":{\"type\":\"" type "\",\"diff_ids\":[" ids "]}"
#define LINUX             "{\"os\":\"linux\",\"architecture\":\"amd64\","
    static const struct refusal cases[] = {
        {"{}", "os"},
        {"{\"os\":\"windows\",\"architecture\":\"amd64\"," ROOTFS("layers", DIGEST) "}",
         "windows/amd64"},
        {"{\"os\":\"linux\",\"architecture\":\"arm64\"," ROOTFS("layers", DIGEST) "}",
         "linux/arm64"},
        {LINUX "\"config\":{}}", "rootfs"},
        {LINUX ROOTFS("base", DIGEST) "}", "rootfs of type"},
        {LINUX ROOTFS("layers", "") "}", "0 diff_ids"},
        {LINUX ROOTFS("layers", "7") "}", "diff_ids[0]"},
        {LINUX ROOTFS("layers", "\"sha256:\"") "}", "64 lower-case"},
        {IMAGE("[]"), "expected an object"},
        {IMAGE("{\"Env\":\"A=b\"}"), "expected an array"},
        {IMAGE("{\"Env\":[\"A\"]}"), "NAME=value"},
        {IMAGE("{\"Env\":[\"=b\"]}"), "NAME=value"},
        {IMAGE("{\"Env\":[1]}"), "Env[0]"},
        {IMAGE("{\"Env\":[\"A=\\u0000\"]}"), "\\u0000"},
        {IMAGE("{\"Cmd\":\"sh\"}"), "expected an array"},
        {IMAGE("{\"Cmd\":[null]}"), "Cmd[0]"},
        {IMAGE("{\"Cmd\":[],\"Cmd\":[]}"), "duplicate"},
        {IMAGE("{\"WorkingDir\":\"x\"}"), "no absolute path"},
        {IMAGE("{\"User\":7}"), "expected a string"},
        {IMAGE("{\"Labels\":{\"k\":1}}"), "Labels"},
        {IMAGE("{\"ExposedPorts\":[]}"), "expected an object"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error err;
        struct oci_config config;
        check_refused(oci_config_parse(span_of_text(cases[i].text), &config, &err), &err,
                      cases[i].words);
        assert_null(config.diff_ids);
    }
}

static void reads_and_refuses_saved_images(void **state)
{
    (void)state;
    struct error err = {0};
    OCI_SAVED_AUTO saved = {0};
    check_ok(oci_saved_parse(span_of_text("[{\"Config\":\"c.json\",\"RepoTags\":null,"
                                          "\"Layers\":[\"a/layer.tar\"]}]"),
                             &saved, &err),
             &err);
    assert_int_equal(saved.images[0].tags.count, 0);
    assert_string_equal(saved.images[0].layers.items[0], "a/layer.tar");
    static const struct refusal cases[] = {
        {"{}", "expected an array"},
        {"[]", "expected an array"},
        {"[7]", "found an integer"},
        {"[{\"Layers\":[\"a\"]}]", "Config"},
        {"[{\"Config\":\"c\",\"Layers\":[]}]", "0 layers"},
        {"[{\"Config\":\"c\"}]", "0 layers"},
        {"[{\"Config\":\"c\",\"Layers\":[7]}]", "Layers[0]"},
        {"[{\"Config\":\"c\",\"Layers\":[\"a\"],\"RepoTags\":{}}]", "RepoTags"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct oci_saved refused;
        check_refused(oci_saved_parse(span_of_text(cases[i].text), &refused, &err), &err,
                      cases[i].words);
        assert_null(refused.images);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_manifest),
        cmocka_unit_test(refuses_malformed_manifests),
        cmocka_unit_test(refuses_too_many_layers),
        cmocka_unit_test(refuses_documents_too_large_or_too_deep),
        cmocka_unit_test(tells_indexes_from_manifests),
        cmocka_unit_test(refuses_documents_of_two_minds),
        cmocka_unit_test(selects_linux_on_amd64),
        cmocka_unit_test(refuses_indexes_without_our_platform),
        cmocka_unit_test(reads_a_config),
        cmocka_unit_test(refuses_malformed_configs),
        cmocka_unit_test(reads_and_refuses_saved_images),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
