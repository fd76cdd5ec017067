/* What the generator writes, against az confcom's published output and against the reader. */
#include "../check.h"

#include <stdio.h>
#include <stdlib.h>

#include "format/json.h"
#include "policy/describe.h"
#include "policy/generate.h"
#include "sample.h"
#include "whole.h"

static const char *const layers[] = {HASH_A, HASH_B};
static const char *const command[] = {"redis-server", "--port", "6379"};

static struct policy_draft_container redis(void)
{
    return (struct policy_draft_container){
        .id = "redis:7",
        .name = "redis:7",
        .has_command = true,
        .command = {command, 3},
        .layers = {layers, 2},
        .working_dir = "/data",
        .stop_signal = "",
        .seccomp_sha256 = "",
    };
}

static char *generate(struct policy_draft_container *container, enum policy_generation generation)
{
    struct error err = {0};
    struct policy_draft draft = {
        .generation = generation, .containers = container, .container_count = 1};
    struct buf out = BUF_WITH_LIMIT(1 << 20);
    check_ok(policy_generate(&draft, &out, &err), &err);
    return buf_take_text(&out);
}

static bool holds(struct policy_draft_container *container, enum policy_generation generation,
                  const char *words)
{
    char *text = generate(container, generation);
    bool found = strstr(text, words) != NULL;
    free(text);
    return found;
}

static void writes_settings_only_where_they_are_asked_for(void **state)
{
    static const char *const rlimits[] = {"core=0:0", "nofile=512:512"};
    static const char *const sysctls[] = {"kernel.sem=1 2"};
    struct error err = {0};
    struct policy_draft_container container = redis();
    POLICY_AUTO policy = NULL;
    (void)state;
    assert_false(holds(&container, POLICY_GENERATION_B, "caisson"));
    container.rlimits = (struct policy_list){rlimits, 2};
    container.sysctls = (struct policy_list){sysctls, 1};
    container.read_only_root = true;
    assert_true(holds(&container, POLICY_GENERATION_B,
                      ",\"caisson_read_only_root\":true,\"caisson_rlimits\":[\"core=0:0\","
                      "\"nofile=512:512\"],\"caisson_sysctls\":[\"kernel.sem=1 2\"],"
                      "\"capabilities\":"));
    char *text = generate(&container, POLICY_GENERATION_B);
    BUF_AUTO page = BUF_WITH_LIMIT(1 << 20);
    check_ok(policy_parse(span_of_text(text), POLICY_STRICT, &policy, &err), &err);
    check_ok(policy_describe(policy, &page, &err), &err);
    assert_non_null(strstr(buf_text(&page), "  limit         \"nofile=512:512\"\n"));
    assert_non_null(strstr(buf_text(&page), "  sysctl        \"kernel.sem=1 2\"\n"));
    assert_non_null(strstr(buf_text(&page), "  root          read-only\n"));
    free(text);
}

static void writes_what_the_reader_reads(void **state)
{
    (void)state;
    for (unsigned int i = POLICY_GENERATION_A; i <= POLICY_GENERATION_C; i++) {
        struct error err = {0};
        struct policy_draft_container container = redis();
        char *text = generate(&container, (enum policy_generation)i);
        BUF_AUTO page = BUF_WITH_LIMIT(1 << 20);
        POLICY_AUTO policy = NULL;
        check_ok(policy_parse(span_of_text(text), POLICY_STRICT, &policy, &err), &err);
        assert_int_equal(policy_container_count(policy), 2);
        assert_string_equal(policy_container_name(policy_container_at(policy, 0)), "redis:7");
        assert_string_equal(policy_container_name(policy_container_at(policy, 1)),
                            "pause-container");
        check_ok(policy_describe(policy, &page, &err), &err);
        assert_non_null(strstr(buf_text(&page), "\"redis-server\" \"--port\" \"6379\""));
        free(text);
    }
}

static void lets_what_it_describes_run(void **state)
{
    struct error err = {0};
    static const char *const env[] = {"PATH=/bin", "TOKEN=x"};
    static const char *const kept[] = {"PATH=/bin", "HOSTNAME=h", "TERM=xterm", "EVIL=1"};
    static const char *const caps[] = {
        "CAP_CHOWN",   "CAP_DAC_OVERRIDE", "CAP_FSETID",           "CAP_FOWNER",
        "CAP_MKNOD",   "CAP_NET_RAW",      "CAP_SETGID",           "CAP_SETUID",
        "CAP_SETFCAP", "CAP_SETPCAP",      "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT",
        "CAP_KILL",    "CAP_AUDIT_WRITE"};
    static const char *const targets[] = {"/run/mounts/scsi/m2", "/run/mounts/scsi/m1"};
    struct policy_draft_container container = redis();
    struct policy_decision decision = {0};
    struct policy_state *machine;
    POLICY_AUTO policy = NULL;
    (void)state;
    container.image_env = (struct policy_list){env, 2};
    char *text = generate(&container, POLICY_GENERATION_DEFAULT);
    check_ok(policy_parse(span_of_text(text), POLICY_STRICT, &policy, &err), &err);
    check_ok(policy_state_new(policy, &machine, &err), &err);
    assert_true(policy_mount_device(machine, targets[1], HASH_A, &decision));
    assert_true(policy_mount_device(machine, targets[0], HASH_B, &decision));
    assert_true(
        policy_mount_overlay(machine, "c", (struct policy_list){targets, 2}, "/r", &decision));
    struct policy_process process = {
        .container_id = "c",
        .sandbox_id = "c",
        .args = {command, 3},
        .env = {kept, 4},
        .cwd = "/data",
        .user = {"999", "redis"},
        .umask = "0022",
        .capabilities = {{{caps, 14}, {caps, 14}, {0}, {caps, 14}, {0}}},
        .seccomp_sha256 = "",
    };
    if (!policy_create_container(machine, &process, &decision))
        fail_msg("%s", decision.reason);
    assert_int_equal(decision.env_kept.count, 3);
    assert_true(policy_signal_container_process(machine, "c", 15, true, (struct policy_list){0},
                                                &decision));
    policy_decision_fini(&decision);
    policy_state_free(machine);
    free(text);
}

static void writes_strings_as_confcom_does(void **state)
{
    static const struct policy_draft_rule odd[] = {
        {"A=\"\\/\b\f\n\r\t\x01\x7f<>&'\xc3\xa9\xf0\x9f\x98\x80", false}};
    struct policy_draft_container container = redis();
    (void)state;
    container.env = odd;
    container.env_count = 1;
    assert_true(holds(&container, POLICY_GENERATION_B,
                      "\"A=\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\x7f<>&'\\u00e9\\ud83d\\ude00\""));
}

static void writes_more_groups_and_the_umask(void **state)
{
    static const struct policy_draft_identity more[] = {{"44", "id"}, {"audio", "name"}};
    struct policy_draft_container container = redis();
    (void)state;
    container.group = policy_draft_identity("7");
    container.groups = more;
    container.group_count = 2;
    container.umask = "0027";
    assert_true(holds(&container, POLICY_GENERATION_B,
                      "\"group_idnames\":[{\"pattern\":\"7\",\"strategy\":\"id\"},"
                      "{\"pattern\":\"44\",\"strategy\":\"id\"},"
                      "{\"pattern\":\"audio\",\"strategy\":\"name\"}],\"umask\":\"0027\""));
    container.group = (struct policy_draft_identity){0};
    assert_true(holds(&container, POLICY_GENERATION_B,
                      "\"group_idnames\":[{\"pattern\":\"\",\"strategy\":\"any\"}]"));
}

static void writes_signals_by_generation(void **state)
{
    struct policy_draft_container container = redis();
    (void)state;
    assert_true(holds(&container, POLICY_GENERATION_A, "\"signals\":[],\"user\""));
    assert_true(holds(&container, POLICY_GENERATION_B, "\"signals\":[9,15],\"user\""));
    container.stop_signal = "SIGQUIT";
    assert_true(holds(&container, POLICY_GENERATION_A, "\"signals\":[3],\"user\""));
    assert_true(holds(&container, POLICY_GENERATION_B, "\"signals\":[9,15,3],\"user\""));
    container.stop_signal = "sigterm";
    assert_true(holds(&container, POLICY_GENERATION_B, "\"signals\":[9,15],\"user\""));
    container.stop_signal = "SIGRTMIN+3";
    assert_true(holds(&container, POLICY_GENERATION_B, "\"signals\":[9,15,\"SIGRTMIN+3\"]"));
}

static void orders_variables_as_confcom_does(void **state)
{
    static const struct policy_draft_rule own[] = {{"B=own", false}, {"TERM=vt100", false}};
    static const char *const image[] = {"A=image", "B=image"};
    struct policy_draft_container container = redis();
    (void)state;
    container.env = own;
    container.env_count = 2;
    container.image_env = (struct policy_list){image, 2};
    assert_true(holds(&container, POLICY_GENERATION_B,
                      "\"env_rules\":[{\"pattern\":\"B=own\",\"required\":false,\"strategy\":"
                      "\"string\"},{\"pattern\":\"TERM=vt100\",\"required\":false,\"strategy\":"
                      "\"string\"},{\"pattern\":\"A=image\",\"required\":false,\"strategy\":"
                      "\"string\"},{\"pattern\":\"(?i)(FABRIC)_.+=.+\""));
}

static void reads_users_as_confcom_does(void **state)
{
    static const struct {
        const char *text, *user, *user_strategy, *group, *group_strategy;
    } users[] = {
        {"redis", "redis", "name", NULL, NULL},  {"1000", "1000", "id", NULL, NULL},
        {"1000:100", "1000", "id", "100", "id"}, {"u:staff", "u", "name", "staff", "name"},
        {"u:", "u", "name", NULL, NULL},         {"", NULL, NULL, NULL, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof users / sizeof *users; i++) {
        char room[POLICY_USER_MAX];
        struct error err = {0};
        struct policy_draft_container out;
        check_ok(policy_draft_user(users[i].text, room, &out, &err), &err);
        assert_true((users[i].user_strategy == NULL) == (out.user.strategy == NULL));
        if (out.user.strategy) {
            assert_string_equal(out.user.pattern, users[i].user);
            assert_string_equal(out.user.strategy, users[i].user_strategy);
        }
        assert_true((users[i].group_strategy == NULL) == (out.group.strategy == NULL));
        if (out.group.strategy) {
            assert_string_equal(out.group.pattern, users[i].group);
            assert_string_equal(out.group.strategy, users[i].group_strategy);
        }
    }
}

static void refuses_bad_drafts(void **state)
{
    static const char *const bad_layers[] = {"", "xyz", (HASH_A "a"), ("sha256:" HASH_A)};
    static const struct policy_draft_rule bad_text[] = {{"A=\xff", false}};
    char room[POLICY_USER_MAX], user[POLICY_USER_MAX + 1];
    struct error err = {0};
    (void)state;
    for (size_t i = 0; i < sizeof bad_layers / sizeof *bad_layers; i++) {
        struct policy_draft_container container = redis();
        struct policy_draft draft = {.containers = &container, .container_count = 1};
        BUF_AUTO out = BUF_WITH_LIMIT(1 << 20);
        container.layers = (struct policy_list){&bad_layers[i], 1};
        check_refused(policy_generate(&draft, &out, &err), &err, "root hash");
    }
    struct policy_draft_container container = redis();
    struct policy_draft draft = {.containers = &container, .container_count = 1};
    container.env = bad_text;
    container.env_count = 1;
    BUF_AUTO out = BUF_WITH_LIMIT(1 << 20);
    check_refused(policy_generate(&draft, &out, &err), &err, "UTF-8");
    BUF_AUTO small = BUF_WITH_LIMIT(100);
    container = redis();
    check_error(policy_generate(&draft, &small, &err), &err, ERROR_LIMIT);
    memset(user, 'a', sizeof user - 1);
    user[sizeof user - 1] = '\0';
    check_error(policy_draft_user(user, room, &container, &err), &err, ERROR_LIMIT);
}

static char *generate_draft(const struct policy_draft *draft)
{
    struct error err = {0};
    struct buf out = BUF_WITH_LIMIT(1 << 20);
    check_ok(policy_generate(draft, &out, &err), &err);
    return buf_take_text(&out);
}

static void check_holds(const struct policy_draft *draft, const char *words)
{
    char *text = generate_draft(draft);
    if (!strstr(text, words))
        fail_msg("no %s in %s", words, text);
    free(text);
}

static void spreads_containers_over_lines(void **state)
{
    static const char *const words[] = {"a,[\"", "{}"};
    struct policy_draft_container container = redis();
    const struct policy_draft draft = {
        .containers = &container, .container_count = 1, .pretty = true};
    (void)state;
    container.command = (struct policy_list){words, 2};
    check_holds(&draft, "containers := [\n  {\n    \"allow_elevated\": false,\n");
    check_holds(&draft, "    \"command\": [\n      \"a,[\\\"\",\n      \"{}\"\n    ],\n");
    check_holds(&draft, "    \"exec_processes\": [],\n");
    check_holds(&draft, "    \"working_dir\": \"/\"\n  }\n]\n\nallow_properties_access := true\n");
}

static void writes_fragments_in_order(void **state)
{
    static const char *const includes[] = {"containers"};
    static const struct policy_draft_fragment own[] = {
        {"r.example/f", {includes, 1}, "did:x", "3"}};
    struct policy_draft draft = {.fragments = own, .fragment_count = 1};
    (void)state;
    check_holds(&draft, "minimum_svn\": \"4\"\n  },\n  {\n    \"feed\": \"r.example/f\",\n");
    draft.own_fragments_first = true;
    draft.infrastructure_svn = "9";
    check_holds(&draft, "fragments := [\n  {\n    \"feed\": \"r.example/f\",\n    \"includes\": [\n"
                        "      \"containers\"\n    ],\n    \"issuer\": \"did:x\",\n"
                        "    \"minimum_svn\": \"9\"\n  },\n");
    check_holds(&draft, "\"minimum_svn\": \"4\"\n  }\n]\n\n");
    draft.exclude_default_fragments = true;
    draft.fragment_count = 0;
    check_holds(&draft, "fragments := []\n\n");
}

static void adds_what_the_platform_gives(void **state)
{
    static const struct policy_draft_rule own[] = {{"PATH=.+", true}};
    struct policy_draft_container container = redis();
    const struct policy_draft draft = {.containers = &container, .container_count = 1};
    (void)state;
    container.env = own;
    container.env_count = 1;
    container.platform = POLICY_PLATFORM_NONE;
    check_holds(&draft, "\"env_rules\":[{\"pattern\":\"PATH=.+\",\"required\":false,\"strategy\":"
                        "\"re2\"}]");
    check_holds(&draft, "\"mounts\":[],\"name\":\"redis:7\"");
    container.platform = POLICY_PLATFORM_VIRTUAL_NODE;
    check_holds(&draft, "{\"pattern\":\"[A-Z0-9_]+_PORT_[0-9]+_TCP_ADDR=.+\",\"required\":false,"
                        "\"strategy\":\"re2\"}],\"exec_processes\"");
    check_holds(&draft,
                "{\"destination\":\"/etc/hostname\",\"options\":[\"rbind\",\"rshared\",\"rw\"],"
                "\"source\":\"sandbox:///tmp/atlas/emptydir/.+\",\"type\":\"bind\"}],");
    container.platform = POLICY_PLATFORM_ACI;
    check_holds(&draft, "\"source\":\"sandbox:///tmp/atlas/resolvconf/.+\",\"type\":\"bind\"}],");
}

static void writes_the_infrastructures_module(void **state)
{
    struct policy_draft_container container = redis();
    const struct policy_draft draft = {
        .containers = &container, .container_count = 1, .infrastructure = true, .no_pause = true};
    char *text = generate_draft(&draft);
    (void)state;
    assert_true(strncmp(text, "package microsoftcontainerinstance\n\napi_version := ", 51) == 0);
    assert_string_equal(strrchr(text, ','), ",\"working_dir\":\"/data\"}]");
    assert_null(strstr(text, "pause"));
    assert_null(strstr(text, "fragments"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_what_the_reader_reads),
        cmocka_unit_test(writes_settings_only_where_they_are_asked_for),
        cmocka_unit_test(lets_what_it_describes_run),
        cmocka_unit_test(writes_strings_as_confcom_does),
        cmocka_unit_test(writes_more_groups_and_the_umask),
        cmocka_unit_test(writes_signals_by_generation),
        cmocka_unit_test(orders_variables_as_confcom_does),
        cmocka_unit_test(reads_users_as_confcom_does),
        cmocka_unit_test(refuses_bad_drafts),
        cmocka_unit_test(spreads_containers_over_lines),
        cmocka_unit_test(writes_fragments_in_order),
        cmocka_unit_test(adds_what_the_platform_gives),
        cmocka_unit_test(writes_the_infrastructures_module),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
