/* The agent that brings secrets, which is played: what it says, rightly and wrongly. */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>

#include "../../../check.h"
#include "../heap.h"
#include "../stage.h"
#include "agent/exchange.h"
#include "enclave/libos/agent/agent_process.h"
#include "enclave/libos/agent/secrets.h"
#include "enclave/libos/door/door.h"
#include "enclave/libos/log.h"
#include "enclave/libos/processes/process.h"
#include "enclave/libos/processes/settle.h"
#include "enclave/libos/program/program.h"
#include "enclave/libos/sockets/socket_unix.h"
#include "enclave/libos/threads/thread.h"
#include "enclave/libos/wire/arrivals.h"
#include "enclave/libos/wire/handshake.h"

#define SAYS_MAX 4

static struct {
    bool may_spawn, has_enclave, stays;
    struct span says[SAYS_MAX];
    size_t count;
    struct process *process;
    unsigned gate_calls, kills;
} agent;

static struct vfs root;

/* A host that gives threads as it may. Who waits for an agent that says nothing more sees it end.
 */
uint64_t door_ask(uint64_t number, uint64_t a, uint64_t b, uint64_t c)
{
    (void)a, (void)b;
    agent.gate_calls += number == DOOR_WAKE && c != 0;
    if (number == DOOR_PARK && agent.process)
        process_end(agent.process, 0);
    return number == DOOR_SPAWN && !agent.may_spawn ? (uint64_t)-EAGAIN : 0;
}

const struct handshake_processor handshake_inside;

void arrival_serve(struct wire *wire, const void *first, size_t size)
{
    (void)wire, (void)first, (void)size;
    abort();
}

void program_save_vectors(void *area)
{
    (void)area;
    abort();
}

void program_load_vectors(const void *area)
{
    (void)area;
    abort();
}

void log_number(const char *text, uint64_t number)
{
    (void)text, (void)number;
}

struct order settle_order(const struct process *process, enum order_kind kind)
{
    return (struct order){.kind = kind, .process = (uint32_t)process->number};
}

int settle_program(struct process *process, const struct order *order, const char *path,
                   const void *texts)
{
    (void)process, (void)order, (void)path, (void)texts;
    abort();
}

static int post(struct process *process, const struct signal_info *info)
{
    assert_ptr_equal(process, agent.process);
    assert_int_equal(info->number, SIGKILL);
    agent.kills++;
    return 0;
}

/* It begins, and says all that it says. */
int settle_and_run(struct process *process, const struct order *order, const char *path,
                   const void *texts)
{
    (void)order, (void)texts;
    assert_string_equal(path, AGENT_PROGRAM);
    if (!agent.has_enclave)
        return -EAGAIN;
    agent.process = process;
    process->post = post;
    for (size_t i = 0; i < agent.count; i++) {
        struct socket_message message = {.bytes = (uint8_t *)(uintptr_t)agent.says[i].data,
                                         .size = agent.says[i].size};
        struct file *link = file_table_get(&process->vfs.files, 0);
        assert_int_equal(unix_send(link, &message), message.size);
    }
    if (!agent.stays)
        process_end(process, 0);
    return 0;
}

static int fill(void *arg, void *out, size_t size)
{
    (void)arg;
    memset(out, 7, size);
    return 0;
}

static void now(void *arg, struct file_time *out)
{
    (void)arg;
    *out = (struct file_time){1, 0};
}

static struct process *find_apart(void)
{
    for (size_t i = 1; i < PROCESSES_MAX; i++) {
        if (process_at(i)->state != PROCESS_FREE)
            return process_at(i);
    }
    return NULL;
}

static int start(void **state)
{
    (void)state;
    memset(&agent, 0, sizeof agent);
    agent.may_spawn = agent.has_enclave = true;
    return 0;
}

/* No process, thread or secret is left. */
static int end(void **state)
{
    (void)state;
    secrets_forget();
    if (agent.process && agent.process->state == PROCESS_ALIVE)
        process_end(agent.process, 0);
    assert_null(find_apart());
    assert_int_equal(secrets_state(), SECRETS_NONE);
    assert_int_equal(secrets_get(0).size, 0);
    return 0;
}

static void say(const void *bytes, size_t size)
{
    agent.says[agent.count++] = span_of(bytes, size);
}

/* What comes of what it says, where so many are wanted. */
static enum secrets_state bring(size_t wanted)
{
    assert_int_equal(secrets_ask(&root, span_of_text("Cwhat?"), wanted), 0);
    assert_int_equal(secrets_state(), SECRETS_COME);
    thread_at(1)->service(thread_at(1)->service_argument);
    thread_free(thread_at(1));
    assert_int_equal(agent.gate_calls, 1);
    return secrets_state();
}

static void check_secret(size_t index, const char *text)
{
    const struct span came = secrets_get(index);
    assert_int_equal(came.size, strlen(text));
    assert_memory_equal(came.data, text, came.size);
}

static void fails_with(const char *reason)
{
    assert_int_equal(bring(2), SECRETS_FAILED);
    assert_string_equal(secrets_reason(), reason);
}

/* Of what was freed nothing may have it. */
static void has_no_secret(const void *memory, size_t size)
{
    static const char secret[] = "swordfish";
    assert_null(memmem(memory, size, secret, sizeof secret - 1));
}

#define WRONG "the attestation agent has ended, or says what it should not"

static void secrets_come_in_their_order_and_the_agent_ends(void **state)
{
    (void)state;
    agent.stays = true;
    say("Sone", 4);
    say("S", 1);
    say("Sthree", 6);
    assert_int_equal(bring(3), SECRETS_THERE);
    check_secret(0, "one");
    check_secret(1, "");
    check_secret(2, "three");
    check_secret(3, "");
    assert_int_equal(agent.kills, 1);
}

/* Whether they are taken, or another one does not come. */
static void what_came_is_wiped(void **state)
{
    (void)state;
    heap_freed = has_no_secret;
    for (size_t wanted = 2; wanted <= 3; wanted++) {
        (void)start(state);
        say("Sswordfish", 10);
        say("Sswordfish and more", 19);
        assert_int_equal(bring(wanted), wanted == 2 ? SECRETS_THERE : SECRETS_FAILED);
        check_secret(0, "swordfish");
        (void)end(state);
    }
    heap_freed = NULL;
}

static void the_largest_secret_comes_and_a_larger_one_does_not(void **state)
{
    static uint8_t bytes[AGENT_MESSAGE_MAX + 1] = "S";
    (void)state;
    say(bytes, AGENT_MESSAGE_MAX);
    assert_int_equal(bring(1), SECRETS_THERE);
    assert_int_equal(secrets_get(0).size, EXCHANGE_SECRET_MAX);
    secrets_forget();
    (void)start(state);
    say(bytes, sizeof bytes);
    assert_int_equal(bring(1), SECRETS_FAILED);
    assert_string_equal(secrets_reason(), WRONG);
}

static void its_reason_is_told_up_to_a_length(void **state)
{
    static char text[2000];
    (void)state;
    say("Fno: 403", 8);
    fails_with("no: 403");
    (void)start(state);
    memset(text, 'F', sizeof text);
    say(text, sizeof text);
    assert_int_equal(bring(1), SECRETS_FAILED);
    assert_int_equal(strlen(secrets_reason()), 900);
}

static void one_that_ends_before_all_have_come_is_a_failure(void **state)
{
    (void)state;
    say("Sone", 4);
    fails_with(WRONG);
    secrets_forget();
    (void)start(state);
    agent.stays = true; /* until somebody waits for more */
    say("Sone", 4);
    fails_with(WRONG);
}

static void what_it_should_not_say_ends_it(void **state)
{
    static const char *const wrong[] = {"Xunknown", "s", "C", "T", "R"};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        (void)start(state);
        agent.stays = true;
        say("Sone", 4);
        say(wrong[i], strlen(wrong[i]));
        say("Stwo", 4);
        fails_with(WRONG);
        assert_int_equal(agent.kills, 1);
        (void)end(state);
    }
}

static void a_question_that_is_too_long_ends_it(void **state)
{
    static uint8_t question[3 + EXCHANGE_RUNTIME_MAX] = {EXCHANGE_REPORT, EXCHANGE_SHA256};
    (void)state;
    agent.stays = true;
    say(question, sizeof question);
    fails_with(WRONG);
    assert_int_equal(agent.kills, 1);
}

/* The answer to a hash that no enclave makes is in the agent's queue, and secrets go on. */
static void reports_are_answered_between_secrets(void **state)
{
    static const uint8_t question[] = {EXCHANGE_REPORT, EXCHANGE_SHA384, 'x'};
    uint8_t heard[64] = {0};
    struct socket_message room = {.bytes = heard, .size = sizeof heard};
    (void)state;
    agent.stays = true;
    say("Sone", 4);
    say(question, sizeof question);
    say("Stwo", 4);
    assert_int_equal(bring(2), SECRETS_THERE);
    struct file *link = file_table_get(&agent.process->vfs.files, 0);
    assert_int_equal(unix_receive(link, &room), 6);
    assert_memory_equal(heard, "Cwhat?", 6);
    room = (struct socket_message){.bytes = heard, .size = sizeof heard};
    assert_true(unix_receive(link, &room) > 1);
    assert_int_equal(heard[0], EXCHANGE_NO_REPORT);
}

static void without_an_enclave_nothing_is_left(void **state)
{
    (void)state;
    agent.has_enclave = false;
    fails_with("the attestation agent cannot be started: the log says why");
    assert_null(find_apart());
}

static void what_cannot_be_asked_is_refused(void **state)
{
    static uint8_t config[256 << 10] = "C";
    (void)state;
    assert_int_equal(secrets_ask(&root, span_of_text("C"), 0), -EINVAL);
    assert_int_equal(secrets_ask(&root, span_of_text("C"), EXCHANGE_RESOURCES_MAX + 1), -EINVAL);
    assert_null(find_apart());
    assert_int_equal(secrets_ask(&root, span_of(config, sizeof config), 1), -EMSGSIZE);
    process_cancel(find_apart());
    agent.may_spawn = false;
    assert_int_equal(secrets_ask(&root, span_of_text("C"), 1), -EAGAIN);
    process_cancel(find_apart());
}

#define SECRETS_TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SECRETS_TEST(secrets_come_in_their_order_and_the_agent_ends),
        SECRETS_TEST(what_came_is_wiped),
        SECRETS_TEST(the_largest_secret_comes_and_a_larger_one_does_not),
        SECRETS_TEST(its_reason_is_told_up_to_a_length),
        SECRETS_TEST(one_that_ends_before_all_have_come_is_a_failure),
        SECRETS_TEST(what_it_should_not_say_ends_it),
        SECRETS_TEST(a_question_that_is_too_long_ends_it),
        SECRETS_TEST(reports_are_answered_between_secrets),
        SECRETS_TEST(without_an_enclave_nothing_is_left),
        SECRETS_TEST(what_cannot_be_asked_is_refused),
    };
    const struct file_clock clock = {now, NULL};
    const struct tree_options options = {.limit = 65536, .mode = 0755, .clock = clock};
    static struct tree *tree;
    if (tree_new(&options, &tree) < 0)
        return 1;
    vfs_init(&root, tree, clock);
    root.random = (struct file_random){fill, NULL};
    process_begin();
    (void)thread_first(process_first(), PROCESS_FIRST);
    return cmocka_run_group_tests_name("enclave/libos/secrets", tests, NULL, NULL);
}
