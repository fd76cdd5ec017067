/* The gate against a fake machine: policy, network, layers, containers, messages. */
#include "gate_world.h"

#include "base/base64.h"
#include "base/hex.h"
#include "policy/model.h"

/* --- the policy first ------------------------------------------------------------------------- */

static void says_hello(void **state)
{
    struct world *world = *state;
    check_ok(gate_start(&world->gate, &world->err), &world->err);
    collect(world);
    expect(world,
           "{\"event\":\"hello\",\"protocol\":1,\"version\":\"0.1.0\",\"tee\":\"simulated\"}");
}

static void refuses_everything_before_the_policy(void **state)
{
    struct world *world = *state;
    static const char *const requests[][2] = {
        {"mount_device", DEVICE(0, HASH_A)},
        {"scratch_mount", "{\"lun\":3}"},
        {"mount_overlay", OVERLAY},
        {"set_network", "{\"address\":\"10.0.2.15\",\"prefix\":24,\"gateway\":\"10.0.2.2\","
                        "\"dns\":[],\"hostname\":\"a\"}"},
        {"signal_container_process", "{\"id\":\"c1\",\"signal\":9}"},
        {"resize_terminal", "{\"id\":\"c1\",\"rows\":9,\"columns\":9}"},
        {"attest", "{\"nonce\":\"00\"}"},
        {"get_statistics", "{}"},
        {"probe_port", "{\"port\":80}"},
        {"shutdown_container", "{\"id\":\"c1\"}"},
        {"unmount_overlay", "{\"id\":\"c1\"}"},
        {"unmount_device", "{\"target\":\"/run/mounts/scsi/m0\"}"},
        {"pause", "{}"},
        {"unpause", "{}"},
        {"get_usage", "{\"id\":\"c1\"}"},
        {"list_processes", "{\"id\":\"c1\"}"},
        {"exec_external", "{}"},
    };
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        ask(world, requests[i][0], requests[i][1]);
        expect(world, "\"code\":\"order\"");
    }
    create(world, GOOD, STREAMS);
    expect(world, "\"code\":\"order\"");
    assert_string_equal(world->machine.done, "");
}

static void powers_off_before_the_policy(void **state)
{
    struct world *world = *state;
    ask(world, "power_off", "{}");
    expect(world, "\"ok\":true");
    assert_true(world->gate.power_off);
}

static void refuses_policy_of_another_machine(void **state)
{
    struct world *world = *state;
    world->machine.host_data[5] ^= 1;
    send_policy(world, fake_policy(), strlen(fake_policy()), 9);
    expect(world, "\"code\":\"denied\",\"point\":\"set_policy\"");
    expect(world, "HOST_DATA");
    ask(world, "mount_device", DEVICE(0, HASH_A));
    expect(world, "\"code\":\"order\"");
}

static void refuses_policy_that_is_not_as_long_as_told(void **state)
{
    struct world *world = *state;
    send_policy(world, fake_policy(), strlen(fake_policy()) - 1, 9);
    expect(world, "\"code\":\"invalid\"");
    send_policy(world, fake_policy(), strlen(fake_policy()) + 1, 10);
    expect(world, "\"code\":\"invalid\"");
    assert_string_equal(world->machine.done, "");
    send_policy(world, fake_policy(), strlen(fake_policy()), 11);
    expect(world, "\"ok\":true");
}

static void refuses_policy_where_there_is_no_report(void **state)
{
    struct world *world = *state;
    world->machine.fail = "report";
    send_policy(world, fake_policy(), strlen(fake_policy()), 9);
    expect(world, "\"code\":\"failed\"");
    assert_int_equal(world->gate.phase, GATE_CLOSED);
}

static void refuses_measured_policy_that_cannot_be_read(void **state)
{
    struct world *world = *state;
    const char *text = "package policy\nallow := true\n";
    fake_machine_init(&world->machine, text);
    send_policy(world, text, strlen(text), 9);
    expect(world, "\"code\":\"invalid\"");
    assert_int_equal(world->gate.phase, GATE_CLOSED);
}

static void refuses_second_policy_and_drops_its_bytes(void **state)
{
    struct world *world = *state;
    open_gate(world);
    world->granted = 0;
    send_policy(world, fake_policy(), strlen(fake_policy()), 10);
    expect(world, "\"code\":\"order\"");
    assert_int_equal(world->granted, strlen(fake_policy()));
    ask(world, "mount_device", DEVICE(0, HASH_A));
    expect(world, "\"ok\":true");
}

static void refuses_second_policy_while_the_first_comes(void **state)
{
    struct world *world = *state;
    ask(world, "set_policy", "{\"stream\":9,\"size\":10}");
    assert_string_equal(world->answer, "");
    ask(world, "set_policy", "{\"stream\":10,\"size\":10}");
    expect(world, "\"code\":\"order\"");
    ask(world, "mount_device", DEVICE(0, HASH_A));
    expect(world, "\"code\":\"order\"");
}

/* --- devices and overlays --------------------------------------------------------------------- */

static void denies_layer_that_the_policy_does_not_list(void **state)
{
    struct world *world = *state;
    open_gate(world);
    world->machine.done[0] = '\0';
    ask(world, "mount_device",
        DEVICE(0, "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"));
    expect(world, "\"code\":\"denied\",\"point\":\"mount_device\"");
    assert_string_equal(world->machine.done, "");
}

static void forgets_a_layer_that_could_not_be_mounted(void **state)
{
    struct world *world = *state;
    open_gate(world);
    world->machine.fail = "mount_device";
    ask(world, "mount_device", DEVICE(0, HASH_A));
    expect(world, "\"code\":\"failed\"");
    world->machine.fail = NULL;
    ask(world, "mount_device", DEVICE(0, HASH_A));
    expect(world, "\"ok\":true");
}

static void denies_two_layers_at_one_place(void **state)
{
    struct world *world = *state;
    open_gate(world);
    ask(world, "mount_device", DEVICE(0, HASH_A));
    ask(world, "mount_device", DEVICE(0, HASH_B));
    expect(world, "\"code\":\"denied\"");
}

static void denies_overlay_in_another_order(void **state)
{
    struct world *world = *state;
    open_gate(world);
    ask(world, "mount_device", DEVICE(0, HASH_A));
    ask(world, "mount_device", DEVICE(1, HASH_B));
    ask(world, "mount_overlay",
        "{\"id\":\"c1\",\"layers\":[\"/run/mounts/scsi/m0\",\"/run/mounts/scsi/m1\"]}");
    expect(world, "\"code\":\"denied\",\"point\":\"mount_overlay\"");
    assert_null(strstr(world->machine.done, "mount_overlay"));
    ask(world, "mount_overlay", OVERLAY);
    expect(world, "\"ok\":true");
}

static void refuses_second_overlay_for_one_id(void **state)
{
    struct world *world = *state;
    mount_all(world);
    ask(world, "mount_overlay", OVERLAY);
    expect(world, "\"code\":\"order\"");
}

static void forgets_an_overlay_that_could_not_be_stacked(void **state)
{
    struct world *world = *state;
    open_gate(world);
    ask(world, "mount_device", DEVICE(0, HASH_A));
    ask(world, "mount_device", DEVICE(1, HASH_B));
    world->machine.fail = "mount_overlay";
    ask(world, "mount_overlay", OVERLAY);
    expect(world, "\"code\":\"failed\"");
    create(world, GOOD, STREAMS);
    expect(world, "\"code\":\"order\"");
    world->machine.fail = NULL;
    ask(world, "mount_overlay", OVERLAY);
    expect(world, "\"ok\":true");
}

#define SCRATCH "{\"lun\":3}"

static void mounts_one_scratch_disk(void **state)
{
    struct world *world = *state;
    open_gate(world);
    ask(world, "scratch_mount", SCRATCH);
    expect(world, "\"ok\":true");
    assert_non_null(strstr(world->machine.done, "scratch_mount:3"));
    ask(world, "scratch_mount", SCRATCH);
    expect(world, "\"code\":\"order\"");
}

static void forgets_a_scratch_disk_that_could_not_be_mounted(void **state)
{
    struct world *world = *state;
    open_gate(world);
    world->machine.fail = "scratch_mount";
    ask(world, "scratch_mount", SCRATCH);
    expect(world, "\"code\":\"failed\"");
    world->machine.fail = NULL;
    ask(world, "scratch_mount", SCRATCH);
    expect(world, "\"ok\":true");
}

static void denies_scratch_that_the_policy_does_not_let_be(void **state)
{
    static const char line[] = "scratch_mount := data.framework.scratch_mount\n";
    struct world *world = *state;
    char policy[8192];
    const char *whole = fake_policy();
    const char *at = strstr(whole, line);
    (void)snprintf(policy, sizeof policy, "%.*s%s", (int)(at - whole), whole, at + strlen(line));
    fake_machine_init(&world->machine, policy);
    send_policy(world, policy, strlen(policy), 9);
    expect(world, "\"ok\":true");
    ask(world, "scratch_mount", SCRATCH);
    expect(world, "\"code\":\"denied\",\"point\":\"scratch_mount\"");
    assert_null(strstr(world->machine.done, "scratch_mount"));
}

static void refuses_scratch_requests_that_say_anything_else(void **state)
{
    static const char *const wrong[] = {
        "{}",
        "{\"lun\":256}",
        "{\"lun\":-1}",
        "{\"lun\":\"3\"}",
        "{\"lun\":3,\"parts_lun\":2}",
        "{\"lun\":3,\"encrypted\":false}",
    };
    struct world *world = *state;
    open_gate(world);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        ask(world, "scratch_mount", wrong[i]);
        expect(world, "\"code\":\"invalid\"");
    }
    assert_null(strstr(world->machine.done, "scratch_mount"));
}

static void sets_the_network_once_and_before_containers(void **state)
{
    struct world *world = *state;
    const char *network = "{\"address\":\"10.0.2.15\",\"prefix\":24,\"gateway\":\"10.0.2.2\","
                          "\"dns\":[\"10.0.2.3\"],\"hostname\":\"a\"}";
    open_gate(world);
    ask(world, "set_network", network);
    expect(world, "\"ok\":true");
    ask(world, "set_network", network);
    expect(world, "\"code\":\"order\"");
}

static void refuses_addresses_that_no_host_has(void **state)
{
    struct world *world = *state;
    static const char *const networks[] = {
        "\"127.0.0.1\",\"prefix\":24,\"gateway\":\"10.0.2.2\"",
        "\"127.255.0.9\",\"prefix\":8,\"gateway\":\"10.0.2.2\"",
        "\"0.0.0.0\",\"prefix\":24,\"gateway\":\"10.0.2.2\"",
        "\"224.0.0.1\",\"prefix\":24,\"gateway\":\"10.0.2.2\"",
        "\"255.255.255.255\",\"prefix\":24,\"gateway\":\"10.0.2.2\"",
        "\"10.0.2.15\",\"prefix\":24,\"gateway\":\"127.0.0.1\"",
        "\"10.0.2.15\",\"prefix\":0,\"gateway\":\"10.0.2.2\"",
        "\"10.0.2.15\",\"prefix\":33,\"gateway\":\"10.0.2.2\"",
        "\"10.0.2\",\"prefix\":24,\"gateway\":\"10.0.2.2\"",
        "\"::1\",\"prefix\":24,\"gateway\":\"10.0.2.2\"",
    };
    open_gate(world);
    for (size_t i = 0; i < sizeof networks / sizeof *networks; i++) {
        char args[256];
        (void)snprintf(args, sizeof args, "{\"address\":%s,\"dns\":[],\"hostname\":\"\"}",
                       networks[i]);
        ask(world, "set_network", args);
        expect(world, "\"code\":\"invalid\"");
    }
    assert_null(strstr(world->machine.done, "set_network"));
}

static void refuses_the_network_after_an_overlay(void **state)
{
    struct world *world = *state;
    mount_all(world);
    ask(world, "set_network",
        "{\"address\":\"10.0.2.15\",\"prefix\":24,\"gateway\":\"10.0.2.2\",\"dns\":[],"
        "\"hostname\":\"\"}");
    expect(world, "\"code\":\"order\"");
}

/* --- containers ------------------------------------------------------------------------------- */

static void creates_what_the_policy_describes(void **state)
{
    struct world *world = *state;
    run(world);
    assert_string_equal(world->machine.env, "A=1 "); /* B=2 is dropped */
    assert_non_null(strstr(world->machine.done, "create:/bin/app"));
    assert_int_equal(world->machine.standard[2], 3);
}

static void denies_another_argument_vector(void **state)
{
    struct world *world = *state;
    mount_all(world);
    create(world, "[\"/bin/app\",\"gone\"]", STREAMS);
    expect(world, "\"code\":\"denied\",\"point\":\"create_container\"");
    assert_null(strstr(world->machine.done, "create:"));
    assert_int_equal(world->closed & 0xeU, 0xcU); /* its output streams are closed */
    check_ok(frame(world, 2, 1, "late", 4), &world->err);
    check_ok(frame(world, 4, 1, NULL, 0), &world->err);
    assert_int_equal(world->machine.input, 0);
}

static void creates_after_a_denial(void **state)
{
    struct world *world = *state;
    mount_all(world);
    create(world, "[\"/bin/sh\"]", STREAMS);
    expect(world, "\"code\":\"denied\"");
    create(world, GOOD, "\"terminal\":false,\"stdin\":4,\"stdout\":5,\"stderr\":6");
    check_ok(gate_created(&world->gate, &first, 42, &world->err), &world->err);
}

static void refuses_to_create_twice(void **state)
{
    struct world *world = *state;
    run(world);
    create(world, GOOD, "\"terminal\":false,\"stdin\":0,\"stdout\":5,\"stderr\":6");
    expect(world, "\"code\":\"order\"");
}

static void refuses_to_create_without_an_overlay(void **state)
{
    struct world *world = *state;
    open_gate(world);
    create(world, GOOD, STREAMS);
    expect(world, "\"code\":\"order\"");
}

static void leaves_nothing_when_starting_fails(void **state)
{
    struct world *world = *state;
    struct error why;
    mount_all(world);
    create(world, GOOD, STREAMS);
    (void)error_set(&why, ERROR_SYSTEM, "no such program");
    check_ok(gate_create_failed(&world->gate, &first, &why, &world->err), &world->err);
    collect(world);
    expect(world, "\"code\":\"failed\"");
    expect(world, "no such program");
    assert_non_null(strstr(world->machine.done, "remove_overlay:c1"));
    /* The policy has seen this id start: it is used up. */
    ask(world, "mount_overlay", OVERLAY);
    expect(world, "\"code\":\"denied\"");
    ask(world, "mount_overlay",
        "{\"id\":\"c2\",\"layers\":[\"/run/mounts/scsi/m1\",\"/run/mounts/scsi/m0\"]}");
    expect(world, "\"ok\":true");
}

static void takes_input_for_the_process(void **state)
{
    struct world *world = *state;
    run(world);
    check_ok(frame(world, 2, 1, "hello", 5), &world->err);
    assert_int_equal(world->machine.input, 5);
}

static void tells_how_it_ended(void **state)
{
    struct world *world = *state;
    run(world);
    check_ok(gate_exited(&world->gate, &first, 137, 9, &world->err), &world->err);
    collect(world);
    expect(world, "{\"event\":\"exited\",\"id\":\"c1\",\"process\":0,\"code\":137,\"signal\":9}");
    ask(world, "signal_container_process", "{\"id\":\"c1\",\"signal\":15}");
    expect(world, "\"code\":\"order\"");
}

static void signals_as_the_policy_allows(void **state)
{
    struct world *world = *state;
    run(world);
    ask(world, "signal_container_process", "{\"id\":\"c1\",\"signal\":15}");
    expect(world, "\"ok\":true");
    ask(world, "signal_container_process", "{\"id\":\"c1\",\"signal\":10}");
    expect(world, "\"code\":\"denied\",\"point\":\"signal_container_process\"");
    assert_null(strstr(world->machine.done, "signal:c1/0/10"));
    ask(world, "signal_container_process", "{\"id\":\"c2\",\"signal\":15}");
    expect(world, "\"code\":\"order\"");
}

static void resizes_terminals_alone(void **state)
{
    struct world *world = *state;
    run(world);
    ask(world, "resize_terminal", "{\"id\":\"c1\",\"rows\":9,\"columns\":9}");
    expect(world, "\"code\":\"order\"");
}

static void looks_at_a_port_as_the_policy_lets_it(void **state)
{
    struct world *world = *state;
    open_gate(world);
    ask(world, "probe_port", "{\"port\":80}");
    expect(world, "{\"open\":true}");
    ask(world, "probe_port", "{\"port\":81}");
    expect(world, "{\"open\":false}");
    ask(world, "probe_port", "{\"port\":0}");
    expect(world, "\"code\":\"invalid\"");
    world->gate.policy->allow_properties_access = false;
    ask(world, "probe_port", "{\"port\":80}");
    expect(world, "\"point\":\"get_properties\"");
    assert_null(strstr(world->machine.done, "probe_port:0"));
}

static void expect_runtime_data(struct world *world, const char *text)
{
    BUF_AUTO encoded = BUF_WITH_LIMIT(1024);
    check_ok(base64_encode(span_of_text(text), &encoded, &world->err), &world->err);
    expect(world, buf_text(&encoded));
}

static void tells_in_evidence_which_containers_run(void **state)
{
    struct world *world = *state;
    run(world);
    ask(world, "attest", "{\"nonce\":\"00\"}");
    expect_runtime_data(world, "{\"caisson\":\"evidence-2\",\"nonce\":\"00\",\"containers\":{"
                               "\"demanded\":1,\"running\":1,\"done\":0}}");
    check_ok(gate_exited(&world->gate, &first, 3, 0, &world->err), &world->err);
    ask(world, "attest", "{\"nonce\":\"00\"}");
    expect_runtime_data(world, "{\"caisson\":\"evidence-2\",\"nonce\":\"00\",\"containers\":{"
                               "\"demanded\":1,\"running\":0,\"done\":0}}");
}

static void answers_attest_over_its_own_data(void **state)
{
    struct world *world = *state;
    open_gate(world);
    ask(world, "attest", "{\"nonce\":\"00ff\"}");
    expect_runtime_data(world, "{\"caisson\":\"evidence-2\",\"nonce\":\"00ff\",\"containers\":{"
                               "\"demanded\":1,\"running\":0,\"done\":0}}");
}

/* Those behind which there is something; test_gate_process.c has them. */
static bool is_done(enum policy_point point)
{
    return point == POLICY_MOUNT_DEVICE || point == POLICY_MOUNT_OVERLAY ||
           point == POLICY_CREATE_CONTAINER || point == POLICY_SIGNAL_CONTAINER_PROCESS ||
           point == POLICY_EXEC_IN_CONTAINER || point == POLICY_SHUTDOWN_CONTAINER ||
           point == POLICY_UNMOUNT_OVERLAY || point == POLICY_UNMOUNT_DEVICE ||
           point == POLICY_SCRATCH_MOUNT || point == POLICY_LOAD_FRAGMENT;
}

static void denies_other_points_by_name(void **state)
{
    struct world *world = *state;
    open_gate(world);
    for (unsigned int i = 0; i < POLICY_POINT_COUNT; i++) {
        const char *name = policy_point_name((enum policy_point)i);
        char expected[256];
        if (is_done((enum policy_point)i))
            continue;
        (void)snprintf(expected, sizeof expected,
                       "{\"code\":\"denied\",\"point\":\"%s\",\"reason\":\"this guest does not do "
                       "%s",
                       name, name);
        ask(world, name, "{}");
        expect(world, expected);
    }
}

/* --- fragments -------------------------------------------------------------------------------- */

#define HASH_C "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
#define SIGNED_BY(svn, issuer, text)                                                               \
    (svn "\0\0\0\0\0\0\0" issuer "\0f\0package side\nframework_version := \"0.1.0\"\n" text)
#define SIDE_TEXT "package side\nframework_version := \"0.1.0\"\n" SIDE
#define SIDE                                                                                       \
    "containers := [{\"command\":[\"s\"],\"env_rules\":[],\"layers\":[\"" HASH_C                   \
    "\"],\"mounts\":[],\"exec_processes\":[],\"signals\":[],\"allow_elevated\":false,"             \
    "\"allow_stdio_access\":true,\"working_dir\":\"/\"}]\n"

static void send_fragment(struct world *world, const char *bytes, size_t size, size_t told)
{
    static const uint32_t stream = 11;
    char args[128];
    (void)snprintf(args, sizeof args, "{\"stream\":%u,\"size\":%zu}", stream, told);
    ask(world, "load_fragment", args);
    check_ok(frame(world, 2, stream, bytes, size), &world->err);
    check_ok(frame(world, 4, stream, NULL, 0), &world->err);
    collect(world);
}

#define FRAGMENT(world, literal)                                                                   \
    send_fragment(world, literal, sizeof(literal) - 1, sizeof(literal) - 1)

static void loads_fragments_that_the_policy_takes(void **state)
{
    struct world *world = *state;
    open_gate(world);
    ask(world, "mount_device", DEVICE(0, HASH_C));
    expect(world, "is no layer");
    FRAGMENT(world, SIGNED_BY("\x02", "i", SIDE));
    expect(world, "\"ok\":true,\"result\":{\"sha256\":\"");
    ask(world, "mount_device", DEVICE(0, HASH_C));
    expect(world, "\"ok\":true");
}

static void tells_in_evidence_which_fragments_are_loaded(void **state)
{
    struct world *world = *state;
    char expected[512];
    char digest[2 * SHA256_SIZE + 1];
    uint8_t bytes[SHA256_SIZE];
    open_gate(world);
    FRAGMENT(world, SIGNED_BY("\x01", "i", SIDE));
    expect(world, "its svn is lower");
    ask(world, "attest", "{\"nonce\":\"00\"}");
    expect_runtime_data(world, "{\"caisson\":\"evidence-2\",\"nonce\":\"00\",\"containers\":{"
                               "\"demanded\":1,\"running\":0,\"done\":0}}");
    for (int i = 0; i < 2; i++)
        FRAGMENT(world, SIGNED_BY("\x02", "i", SIDE));
    FRAGMENT(world, SIGNED_BY("\x02", "j", SIDE));
    sha256_digest(span_of_text(SIDE_TEXT), bytes);
    hex_encode(span_of(bytes, sizeof bytes), digest);
    (void)snprintf(expected, sizeof expected,
                   "{\"caisson\":\"evidence-2\",\"nonce\":\"00\",\"containers\":{\"demanded\":1,"
                   "\"running\":0,\"done\":0},\"fragments\":[{\"issuer\":\"i\",\"feed\":\"f\","
                   "\"svn\":\"2\",\"sha256\":\"%s\"}]}",
                   digest);
    ask(world, "attest", "{\"nonce\":\"00\"}");
    expect_runtime_data(world, expected);
}

static void refuses_fragments_by_name(void **state)
{
    struct world *world = *state;
    open_gate(world);
    FRAGMENT(world, SIGNED_BY("\x02", "j", SIDE));
    expect(world,
           "\"denied\",\"point\":\"load_fragment\",\"reason\":\"load_fragment: issuer \\\"j\\\"");
    FRAGMENT(world, SIGNED_BY("\x01", "i", SIDE));
    expect(world, "its svn is lower");
    FRAGMENT(world, SIGNED_BY("\x02", "i", "dump_stacks := data.framework.dump_stacks\n"));
    expect(world, "no place in a fragment");
    FRAGMENT(world, "\0\0\0\0\0\0\0\0i\0f");
    expect(world, "\"failed\"");
    FRAGMENT(world, "\0\0");
    expect(world, "\"failed\"");
    send_fragment(world, "x", 1, 2);
    expect(world, "\"invalid\"");
    send_fragment(world, "xyz", 3, 2);
    expect(world, "\"invalid\"");
    world->machine.forged = true;
    FRAGMENT(world, SIGNED_BY("\x02", "i", SIDE));
    expect(world, "\"denied\",\"point\":\"load_fragment\",\"reason\":\"load_fragment: signature: ");
    world->machine.forged = false;
    world->machine.fail = "verify_fragment";
    FRAGMENT(world, SIGNED_BY("\x02", "i", SIDE));
    expect(world, "\"failed\"");
    ask(world, "mount_device", DEVICE(0, HASH_C));
    expect(world, "is no layer");
}

static void reads_one_fragment_at_a_time_and_none_before_the_policy(void **state)
{
    struct world *world = *state;
    FRAGMENT(world, SIGNED_BY("\x02", "i", SIDE));
    expect(world, "no policy has been set");
    open_gate(world);
    ask(world, "load_fragment", "{\"stream\":12,\"size\":9}");
    ask(world, "load_fragment", "{\"stream\":13,\"size\":9}");
    expect(world, "a fragment is being read");
    ask(world, "load_fragment", "{\"stream\":14,\"size\":1048577}");
    expect(world, "1048577 is not between");
    ask(world, "load_fragment", "{\"stream\":0,\"size\":1}");
    expect(world, "0 is not between 1");
}

/* --- messages --------------------------------------------------------------------------------- */

static void refuses_numbers_that_do_not_grow(void **state)
{
    struct world *world = *state;
    check_ok(say(world, "{\"id\":5,\"op\":\"get_statistics\",\"args\":{}}"), &world->err);
    check_ok(say(world, "{\"id\":5,\"op\":\"power_off\",\"args\":{}}"), &world->err);
    expect(world, "\"code\":\"invalid\"");
    assert_false(world->gate.power_off);
}

/* A runtime takes the id as a word of its command line, and as a folder's name. */
static void refuses_ids_that_are_paths_or_options(void **state)
{
    struct world *world = *state;
    static const char *const ids[] = {"",       ".",   "..", ".c",   "-",      "-h",
                                      "--help", "/c",  "c/", "../c", "c d",    "c\n",
                                      "c:",     "c,d", "c=", "%n",   "\u00e9", "--root"};
    char args[128];
    open_gate(world);
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        (void)snprintf(args, sizeof args, "{\"id\":\"%s\",\"layers\":[\"/run/mounts/scsi/m0\"]}",
                       ids[i]);
        ask(world, "mount_overlay", args);
        expect(world, "\"code\":\"invalid\"");
    }
    assert_null(strstr(world->machine.done, "mount_overlay"));
}

static void refuses_malformed_messages(void **state)
{
    struct world *world = *state;
    static const char *const messages[] = {
        "",
        "[]",
        "{}",
        "null",
        "{\"id\":1}",
        "{\"id\":0,\"op\":\"power_off\",\"args\":{}}",
        "{\"id\":-1,\"op\":\"power_off\",\"args\":{}}",
        "{\"id\":\"1\",\"op\":\"power_off\",\"args\":{}}",
        "{\"id\":9007199254740992,\"op\":\"power_off\",\"args\":{}}",
        "{\"id\":1,\"op\":\"power_off\",\"args\":{},\"x\":1}",
        "{\"id\":1,\"op\":\"power_off\"}",
        "{\"id\":1,\"op\":\"power_off\",\"args\":{\"now\":true}}",
        "{\"id\":1,\"op\":\"halt\",\"args\":{}}",
        "{\"id\":1,\"id\":2,\"op\":\"power_off\",\"args\":{}}",
        "{\"id\":1,\"op\":\"power_off\",\"args\":[]}",
        "{\"id\":1,\"op\":\"power_off\",\"args\":{}} {}",
        "{\"id\":1,\"op\":\"power_off\\u0000\",\"args\":{}}"};
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        check_ok(say(world, messages[i]), &world->err);
        expect(world, "\"code\":\"invalid\"");
        assert_false(world->gate.power_off);
    }
}

static void ends_at_too_many_waiting_requests(void **state)
{
    struct world *world = *state;
    world->gate.waiting = GATE_WAITING_MAX;
    assert_int_equal(say(world, "{\"id\":1,\"op\":\"power_off\",\"args\":{}}"), -1);
    assert_int_equal(world->err.code, ERROR_PROTOCOL);
}

static void ends_at_streams_that_are_open_already(void **state)
{
    struct world *world = *state;
    run(world);
    ask(world, "set_policy", "{\"stream\":1,\"size\":1}");
    expect(world, "\"code\":\"invalid\"");
    assert_int_equal(frame(world, 2, 77, "x", 1), -1);
    assert_int_equal(frame(world, 1, 0, "{}", 2), -1);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(says_hello),
        test(refuses_everything_before_the_policy),
        test(powers_off_before_the_policy),
        test(refuses_policy_of_another_machine),
        test(refuses_policy_that_is_not_as_long_as_told),
        test(refuses_policy_where_there_is_no_report),
        test(refuses_measured_policy_that_cannot_be_read),
        test(refuses_second_policy_and_drops_its_bytes),
        test(refuses_second_policy_while_the_first_comes),
        test(denies_layer_that_the_policy_does_not_list),
        test(forgets_a_layer_that_could_not_be_mounted),
        test(denies_two_layers_at_one_place),
        test(denies_overlay_in_another_order),
        test(refuses_second_overlay_for_one_id),
        test(forgets_an_overlay_that_could_not_be_stacked),
        test(mounts_one_scratch_disk),
        test(forgets_a_scratch_disk_that_could_not_be_mounted),
        test(denies_scratch_that_the_policy_does_not_let_be),
        test(refuses_scratch_requests_that_say_anything_else),
        test(sets_the_network_once_and_before_containers),
        test(refuses_addresses_that_no_host_has),
        test(refuses_the_network_after_an_overlay),
        test(creates_what_the_policy_describes),
        test(denies_another_argument_vector),
        test(creates_after_a_denial),
        test(refuses_to_create_twice),
        test(refuses_to_create_without_an_overlay),
        test(leaves_nothing_when_starting_fails),
        test(takes_input_for_the_process),
        test(tells_how_it_ended),
        test(signals_as_the_policy_allows),
        test(resizes_terminals_alone),
        test(answers_attest_over_its_own_data),
        test(looks_at_a_port_as_the_policy_lets_it),
        test(tells_in_evidence_which_containers_run),
        test(denies_other_points_by_name),
        test(loads_fragments_that_the_policy_takes),
        test(tells_in_evidence_which_fragments_are_loaded),
        test(refuses_fragments_by_name),
        test(reads_one_fragment_at_a_time_and_none_before_the_policy),
        test(refuses_numbers_that_do_not_grow),
        test(refuses_ids_that_are_paths_or_options),
        test(refuses_malformed_messages),
        test(ends_at_too_many_waiting_requests),
        test(ends_at_streams_that_are_open_already),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
