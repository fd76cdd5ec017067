/* What a policy says of its containers together: who may start when, and how many run. */
#include "../check.h"

#include <stdio.h>

#include "policy/capabilities.h"
#include "policy/describe.h"
#include "policy/generate.h"
#include "sample.h"

#define ROW(program)                                                                               \
    "{\"name\":\"" program "\",\"command\":[\"/bin/" program                                       \
    "\"],\"env_rules\":[],\"layers\":[\"" HASH_A                                                   \
    "\"],\"mounts\":[],\"exec_processes\":[],\"signals\":[],\"allow_elevated\":false,"             \
    "\"allow_stdio_access\":true,\"no_new_privileges\":false,\"working_dir\":\"/\","               \
    "\"seccomp_profile_sha256\":\"\",\"capabilities\":null," SAMPLE_USER("", "any") "}"

#define PAUSE_ROW                                                                                  \
    "{\"name\":\"pause\",\"command\":[\"/pause\"],\"env_rules\":[],\"layers\":[\""                 \
    "16b514057a06ad665f92c02863aca074fd5976c755d26bff16365299169e8415"                             \
    "\"],\"mounts\":[],\"exec_processes\":[],\"signals\":[],\"allow_elevated\":false,"             \
    "\"allow_stdio_access\":true,\"no_new_privileges\":false,\"working_dir\":\"/\","               \
    "\"seccomp_profile_sha256\":\"\",\"capabilities\":null," SAMPLE_USER("", "any") "}"

#define ROWS ROW("db") "," ROW("web") "," ROW("setup") "," ROW("check") "," PAUSE_ROW

#define POLICY(rows, group)                                                                        \
    SAMPLE_HEAD "fragments := []\n\ncontainers := [" rows "]\n\n" group "\n" SAMPLE_TAIL

#define GROUP(restart)                                                                             \
    "caisson_group := {\"init\":[2,3],\"containers\":[0,1],\"restart\":\"" restart                 \
    "\",\"shared_ipc\":true,\"shared_pid\":false,\"empty_dirs\":[{\"name\":\"cache\","             \
    "\"memory\":true,\"size\":4096}]}"

struct machine {
    struct policy *policy;
    struct policy_state *state;
    struct policy_decision decision;
};

static void start(struct machine *machine, const char *text)
{
    struct error err = {0};
    *machine = (struct machine){0};
    check_ok(policy_parse(span_of_text(text), POLICY_STRICT, &machine->policy, &err), &err);
    check_ok(policy_state_new(machine->policy, &machine->state, &err), &err);
    assert_true(
        policy_mount_device(machine->state, "/run/mounts/scsi/m0", HASH_A, &machine->decision));
}

static void stop(struct machine *machine)
{
    policy_decision_fini(&machine->decision);
    policy_state_free(machine->state);
    policy_free(machine->policy);
}

/* Asks for a container of this id that runs /bin/PROGRAM. */
static bool create(struct machine *machine, const char *id, const char *program)
{
    static const char *const layers[] = {"/run/mounts/scsi/m0"};
    static const struct policy_identity root = {"0", "root"};
    char target[128];
    char path[64];
    const char *args[] = {path};
    const char *const *caps = policy_default_capability_names;
    struct policy_list all = {caps, policy_default_capability_count};
    (void)snprintf(target, sizeof target, "/run/gcs/c/%s/rootfs", id);
    (void)snprintf(path, sizeof path, "/bin/%s", program);
    struct policy_process process = {
        .container_id = id,
        .sandbox_id = "sandbox",
        .args = {args, 1},
        .cwd = "/",
        .user = root,
        .groups = &root,
        .group_count = 1,
        .umask = "0022",
        .capabilities = {{all, all, {0}, all, {0}}},
        .seccomp_sha256 = "",
    };
    assert_true(policy_mount_overlay(machine->state, id, (struct policy_list){layers, 1}, target,
                                     &machine->decision));
    bool allowed = policy_create_container(machine->state, &process, &machine->decision);
    if (!allowed)
        policy_forget_overlay(machine->state, id);
    return allowed;
}

#define denied(machine, id, program, words)                                                        \
    do {                                                                                           \
        assert_false(create((machine), (id), (program)));                                          \
        if (!strstr((machine)->decision.reason, (words)))                                          \
            fail_msg("\"%s\" does not hold \"%s\"", (machine)->decision.reason, (words));          \
    } while (0)

static void expect_standing(const struct machine *machine, size_t demanded, size_t running,
                            size_t done)
{
    struct policy_standing standing = policy_get_standing(machine->state);
    assert_int_equal(standing.demanded, demanded);
    assert_int_equal(standing.running, running);
    assert_int_equal(standing.done, done);
}

static void counts_all_rows_but_pause_where_there_is_no_group(void **state)
{
    struct machine m;
    (void)state;
    start(&m, POLICY(ROWS, ""));
    assert_null(policy_get_group(m.policy));
    expect_standing(&m, 4, 0, 0);
    assert_true(create(&m, "w", "web"));
    expect_standing(&m, 4, 1, 0);
    /* The same row twice counts once. */
    assert_true(create(&m, "w2", "web"));
    expect_standing(&m, 4, 1, 0);
    policy_container_exited(m.state, "w2", 0);
    expect_standing(&m, 4, 1, 0);
    policy_container_exited(m.state, "w", 1);
    expect_standing(&m, 4, 0, 1);
    assert_true(create(&m, "s", "setup"));
    policy_container_exited(m.state, "s", 3);
    expect_standing(&m, 4, 0, 1);
    stop(&m);
}

static void counts_equal_rows_each(void **state)
{
    struct machine m;
    (void)state;
    start(&m, POLICY(ROW("web") "," ROW("web"), ""));
    assert_true(create(&m, "a", "web"));
    expect_standing(&m, 2, 1, 0);
    assert_true(create(&m, "b", "web"));
    expect_standing(&m, 2, 2, 0);
    policy_container_exited(m.state, "a", 137);
    assert_true(create(&m, "c", "web"));
    expect_standing(&m, 2, 2, 0);
    stop(&m);
}

static void starts_in_the_group_s_order(void **state)
{
    struct machine m;
    (void)state;
    start(&m, POLICY(ROWS, GROUP("Always")));
    denied(&m, "db", "db", "after init containers");
    denied(&m, "check", "check", "after init containers");
    assert_true(create(&m, "setup", "setup"));
    denied(&m, "check", "check", "after init containers");
    denied(&m, "setup2", "setup", "runs already");
    policy_container_exited(m.state, "setup", 1);
    denied(&m, "check", "check", "after init containers");
    assert_true(create(&m, "setup3", "setup"));
    policy_container_exited(m.state, "setup3", 0);
    denied(&m, "setup4", "setup", "has ended well");
    denied(&m, "db", "db", "after init containers");
    assert_true(create(&m, "check", "check"));
    policy_container_exited(m.state, "check", 0);
    expect_standing(&m, 4, 0, 2);
    denied(&m, "web", "web", "after containers that have not been started");
    assert_true(create(&m, "db", "db"));
    assert_true(create(&m, "web", "web"));
    expect_standing(&m, 4, 2, 2);
    stop(&m);
}

/* The containers of `init` done, db and web started. */
static void start_all(struct machine *m, const char *policy)
{
    start(m, policy);
    assert_true(create(m, "setup", "setup"));
    policy_container_exited(m->state, "setup", 0);
    assert_true(create(m, "check", "check"));
    policy_container_exited(m->state, "check", 0);
    assert_true(create(m, "db", "db"));
    assert_true(create(m, "web", "web"));
}

static void restarts_as_the_group_says(void **state)
{
    struct machine m;
    (void)state;
    start_all(&m, POLICY(ROWS, GROUP("Always")));
    denied(&m, "db.1", "db", "runs already");
    policy_container_exited(m.state, "db", 0);
    expect_standing(&m, 4, 1, 2); /* it may not be done: it is to run always */
    assert_true(create(&m, "db.1", "db"));
    expect_standing(&m, 4, 2, 2);
    stop(&m);

    start_all(&m, POLICY(ROWS, GROUP("OnFailure")));
    policy_container_exited(m.state, "db", 1);
    expect_standing(&m, 4, 1, 2);
    assert_true(create(&m, "db.1", "db"));
    policy_container_exited(m.state, "db.1", 0);
    expect_standing(&m, 4, 1, 3);
    denied(&m, "db.2", "db", "has ended well");
    stop(&m);

    start_all(&m, POLICY(ROWS, GROUP("Never")));
    policy_container_exited(m.state, "db", 1);
    denied(&m, "db.1", "db", "never started again");
    expect_standing(&m, 4, 1, 2);
    policy_container_exited(m.state, "web", 0);
    expect_standing(&m, 4, 0, 3);
    stop(&m);
}

static void starts_nothing_outside_of_the_group(void **state)
{
    struct machine m;
    (void)state;
    start(&m, POLICY(ROWS, "caisson_group := {\"init\":[],\"containers\":[1],\"restart\":\"Never\","
                           "\"shared_ipc\":false,\"shared_pid\":true,\"empty_dirs\":[]}"));
    denied(&m, "db", "db", "is not of the group");
    expect_standing(&m, 1, 0, 0);
    assert_true(create(&m, "web", "web"));
    expect_standing(&m, 1, 1, 0);
    const struct policy_group *group = policy_get_group(m.policy);
    assert_true(group->shared_pid && !group->shared_ipc);
    stop(&m);
}

#define SIDECARS                                                                                   \
    "caisson_group := "                                                                            \
    "{\"init\":[2,3],\"sidecars\":[2],\"containers\":[0,1],\"restart\":\"Never\","                 \
    "\"shared_ipc\":true,\"shared_pid\":false,\"empty_dirs\":[]}"

static void starts_what_follows_a_sidecar_that_has_been_started(void **state)
{
    struct machine m;
    (void)state;
    start(&m, POLICY(ROWS, SIDECARS));
    denied(&m, "check", "check", "or sidecars that have not been started");
    denied(&m, "db", "db", "after init containers that have not ended well");
    assert_true(create(&m, "setup", "setup"));
    denied(&m, "setup2", "setup", "runs already");
    denied(&m, "db", "db", "after init containers that have not ended well");
    assert_true(create(&m, "check", "check"));
    denied(&m, "db", "db", "after init containers that have not ended well");
    policy_container_exited(m.state, "check", 0);
    denied(&m, "check2", "check", "has ended well");
    expect_standing(&m, 4, 1, 1);
    assert_true(create(&m, "db", "db"));
    assert_true(create(&m, "web", "web"));
    expect_standing(&m, 4, 3, 1);
    /* It is started again whatever its end and the group's word: and it is never done. */
    policy_container_exited(m.state, "setup", 0);
    expect_standing(&m, 4, 2, 1);
    assert_true(create(&m, "setup3", "setup"));
    policy_container_exited(m.state, "setup3", 1);
    assert_true(create(&m, "setup4", "setup"));
    expect_standing(&m, 4, 3, 1);
    policy_container_exited(m.state, "web", 1);
    denied(&m, "web2", "web", "never started again");
    stop(&m);
}

static void reads_all_of_a_group(void **state)
{
    struct machine m;
    (void)state;
    start(&m, POLICY(ROWS, GROUP("OnFailure")));
    const struct policy_group *group = policy_get_group(m.policy);
    assert_int_equal(group->init.count, 2);
    assert_int_equal(group->init.items[1], 3);
    assert_int_equal(group->containers.count, 2);
    assert_int_equal(group->restart, POLICY_RESTART_ON_FAILURE);
    assert_true(group->shared_ipc && !group->shared_pid);
    assert_int_equal(group->empty_dir_count, 1);
    assert_string_equal(group->empty_dirs[0].name, "cache");
    assert_true(group->empty_dirs[0].memory);
    assert_int_equal(group->empty_dirs[0].size, 4096);
    stop(&m);
}

static void is_read_as_it_was_written(void **state)
{
    static const size_t first[] = {1};
    static const size_t rest[] = {0};
    static const char *const args[] = {"/bin/web"};
    static const char *const layers[] = {HASH_A};
    static const struct policy_empty_dir dirs[] = {{"cache", true, 4096, 0},
                                                   {"data", false, 0, 50}};
    static const struct policy_group group = {.init = {first, 1},
                                              .sidecars = {first, 1},
                                              .containers = {rest, 1},
                                              .restart = POLICY_RESTART_NEVER,
                                              .shared_pid = true,
                                              .empty_dirs = dirs,
                                              .empty_dir_count = 2};
    const struct policy_draft_container web = {.name = "web",
                                               .has_command = true,
                                               .command = {args, 1},
                                               .layers = {layers, 1},
                                               .working_dir = "",
                                               .stop_signal = "",
                                               .seccomp_sha256 = ""};
    const struct policy_draft_container containers[] = {web, web};
    const struct policy_draft draft = {.generation = POLICY_GENERATION_DEFAULT,
                                       .containers = containers,
                                       .container_count = 2,
                                       .group = &group};
    BUF_AUTO text = BUF_WITH_LIMIT(65536);
    BUF_AUTO page = BUF_WITH_LIMIT(65536);
    POLICY_AUTO policy = NULL;
    struct error err = {0};
    (void)state;
    check_ok(policy_generate(&draft, &text, &err), &err);
    check_ok(policy_parse(buf_span(&text), POLICY_STRICT, &policy, &err), &err);
    const struct policy_group *read = policy_get_group(policy);
    assert_int_equal(read->init.items[0], 1);
    assert_int_equal(read->containers.items[0], 0);
    assert_int_equal(read->restart, POLICY_RESTART_NEVER);
    assert_true(read->shared_pid && !read->shared_ipc);
    assert_int_equal(read->empty_dir_count, 2);
    assert_string_equal(read->empty_dirs[1].name, "data");
    assert_false(read->empty_dirs[1].memory);
    assert_int_equal(read->empty_dirs[0].group, 0);
    assert_int_equal(read->empty_dirs[1].group, 50);
    assert_int_equal(read->sidecars.count, 1);
    assert_int_equal(read->sidecars.items[0], 1);
    check_ok(policy_describe(policy, &page, &err), &err);
    assert_non_null(strstr(buf_text(&page), "restart       Never"));
    assert_non_null(strstr(buf_text(&page), "empty folder  cache, in memory"));
}

#define REST "\"restart\":\"Always\",\"shared_ipc\":true,\"shared_pid\":false"

static void refuses_a_group_that_is_not_one(void **state)
{
    static const char *const groups[] = {
        "[]",
        "{}",
        "{\"init\":[],\"containers\":[0]," REST "}",
        "{\"init\":[],\"containers\":[0]," REST ",\"empty_dirs\":{}}",
        "{\"init\":[],\"sidecars\":[0],\"containers\":[0]," REST ",\"empty_dirs\":[]}",
        "{\"init\":[1],\"sidecars\":[0],\"containers\":[]," REST ",\"empty_dirs\":[]}",
        "{\"init\":[1],\"sidecars\":[1,1],\"containers\":[0]," REST ",\"empty_dirs\":[]}",
        "{\"init\":[1],\"sidecars\":1,\"containers\":[0]," REST ",\"empty_dirs\":[]}",
        "{\"init\":[],\"containers\":[0]," REST
        ",\"empty_dirs\":[{\"name\":\"a\",\"memory\":true,\"size\":0,\"group\":4294967295}]}",
        "{\"init\":[],\"containers\":[5]," REST ",\"empty_dirs\":[]}",
        "{\"init\":[],\"containers\":[-1]," REST ",\"empty_dirs\":[]}",
        "{\"init\":[],\"containers\":[\"0\"]," REST ",\"empty_dirs\":[]}",
        "{\"init\":[],\"containers\":[0,0]," REST ",\"empty_dirs\":[]}",
        "{\"init\":[1],\"containers\":[0,1]," REST ",\"empty_dirs\":[]}",
        "{\"init\":[],\"containers\":[0]," REST ",\"empty_dirs\":[],\"more\":1}",
        "{\"init\":[],\"containers\":[0],\"restart\":\"always\",\"shared_ipc\":true,"
        "\"shared_pid\":false,\"empty_dirs\":[]}",
        "{\"init\":[],\"containers\":[0],\"restart\":\"Always\",\"shared_ipc\":1,"
        "\"shared_pid\":false,\"empty_dirs\":[]}",
        "{\"init\":[],\"containers\":[0]," REST ",\"empty_dirs\":[1]}",
        "{\"init\":[],\"containers\":[0]," REST ",\"empty_dirs\":[{\"name\":\"a\"}]}",
        "{\"init\":[],\"containers\":[0]," REST
        ",\"empty_dirs\":[{\"name\":\"..\",\"memory\":true,\"size\":0}]}",
        "{\"init\":[],\"containers\":[0]," REST
        ",\"empty_dirs\":[{\"name\":\"\",\"memory\":true,\"size\":0}]}",
        "{\"init\":[],\"containers\":[0]," REST
        ",\"empty_dirs\":[{\"name\":\"a\",\"memory\":true,\"size\":-1}]}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        char text[16384];
        struct policy *policy = NULL;
        struct error err = {0};
        (void)snprintf(text, sizeof text, POLICY(ROWS, "caisson_group := %s"), groups[i]);
        if (policy_parse(span_of_text(text), POLICY_STRICT, &policy, &err) == 0)
            fail_msg("%s was read", groups[i]);
        if (!strstr(err.text, "caisson_group"))
            fail_msg("\"%s\" does not name the group", err.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_all_rows_but_pause_where_there_is_no_group),
        cmocka_unit_test(counts_equal_rows_each),
        cmocka_unit_test(starts_in_the_group_s_order),
        cmocka_unit_test(restarts_as_the_group_says),
        cmocka_unit_test(starts_nothing_outside_of_the_group),
        cmocka_unit_test(starts_what_follows_a_sidecar_that_has_been_started),
        cmocka_unit_test(reads_all_of_a_group),
        cmocka_unit_test(is_read_as_it_was_written),
        cmocka_unit_test(refuses_a_group_that_is_not_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
