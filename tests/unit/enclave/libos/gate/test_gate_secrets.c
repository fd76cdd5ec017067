/* The gate's part about secrets: what is refused before anybody is asked, what becomes of what
 * comes, and what the host sends meanwhile. The rest of the gate, and the agent, are played. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include "../../../check.h"
#include "enclave/libos/agent/secrets.h"
#include "enclave/libos/door/door.h"
#include "enclave/libos/gate/gate_parts.h"
#include "enclave/libos/log.h"
#include "enclave/libos/threads/lock.h"

#define STREAM 5
#define ROW    1

static struct {
    enum secrets_state state;
    struct span came[4];
    size_t asked, forgotten, files, finished, failed, granted, forgotten_streams;
    int file_status, ask_status, finish_status;
    bool has_ended, has_no_agent;
    unsigned locks;
    char text[ERROR_TEXT_SIZE]; /* of the failure that was told */
    char env[4][64];
    size_t env_count;
    uint8_t input[64];
    size_t input_size;
    bool input_ended;
} seen;

/* --- what is played --------------------------------------------------------------------------- */

int secrets_ask(const struct vfs *root, struct span config, size_t count)
{
    (void)root;
    assert_true(config.size > 0);
    seen.asked = count;
    seen.state = SECRETS_COME;
    return seen.ask_status;
}

enum secrets_state secrets_state(void)
{
    assert_int_equal(seen.locks, 1);
    return seen.state;
}

const char *secrets_reason(void)
{
    return "the service refuses";
}

struct span secrets_get(size_t index)
{
    return seen.came[index];
}

void secrets_forget(void)
{
    seen.forgotten++;
}

bool lock_take_by_gate(void)
{
    seen.locks += !seen.has_ended;
    return !seen.has_ended;
}

void lock_release(void)
{
    seen.locks--;
}

void root_begin_attestation(const uint8_t quoting[512])
{
    (void)quoting;
}

int root_mount_file(struct vfs *vfs, const struct root_file *what)
{
    (void)vfs;
    assert_string_equal(what->path, "/file");
    assert_int_equal(what->mode, 0400);
    assert_int_equal(what->uid, 7);
    assert_int_equal(seen.locks, 1);
    seen.files++;
    return seen.file_status;
}

const struct vfs *gate_agent_root(struct error *err)
{
    static const struct vfs root;
    if (seen.has_no_agent)
        (void)error_set(err, ERROR_UNAVAILABLE, "there is none");
    return seen.has_no_agent ? NULL : &root;
}

int gate_put_agent_config(const struct container *all, const struct spec *spec, size_t row,
                          struct buf *out, struct error *err)
{
    (void)all;
    assert_int_equal(row, ROW);
    assert_int_equal(spec->row, ROW);
    return buf_append_text(out, "C", err);
}

int gate_finish_start(struct container *all, const struct spec *spec, struct error *err)
{
    assert_int_equal(seen.locks, 1);
    assert_string_equal(spec->cwd, "/cwd");
    assert_string_equal(spec->args.items[0], "program");
    assert_int_equal(spec->user->user.id, 7);
    assert_string_equal(spec->capabilities.sets[POLICY_BOUNDING].items[0], "CAP_CHOWN");
    for (size_t i = 0; i < spec->env.count && i < 4; i++)
        (void)snprintf(seen.env[i], sizeof seen.env[i], "%s", spec->env.items[i]);
    seen.env_count = spec->env.count;
    seen.finished++;
    if (seen.finish_status < 0)
        return error_set(err, ERROR_SYSTEM, "no such program");
    all->state = PROGRAM_LOADED;
    return 0;
}

int gate_create_failed(struct gate *gate, const struct gate_process_name *name,
                       const struct error *why, struct error *err)
{
    (void)gate, (void)err;
    assert_string_equal(name->id, "c");
    assert_int_equal(name->process, 0);
    (void)snprintf(seen.text, sizeof seen.text, "%s", why->text);
    seen.failed++;
    return 0;
}

int gate_streams_end_input(struct gate_streams *streams, struct channel *channel, struct error *err)
{
    (void)streams, (void)channel, (void)err;
    abort();
}

int channel_grant(struct channel *channel, uint32_t stream, size_t size, struct error *err)
{
    (void)channel, (void)err;
    assert_int_equal(stream, STREAM);
    seen.granted += size;
    return 0;
}

void channel_forget(struct channel *channel, uint32_t stream)
{
    (void)channel;
    assert_int_equal(stream, STREAM);
    seen.forgotten_streams++;
}

int door_input(const void *bytes, size_t size)
{
    assert_true(seen.input_size + size <= sizeof seen.input);
    if (size > 0)
        memcpy(seen.input + seen.input_size, bytes, size);
    seen.input_size += size;
    seen.input_ended = seen.input_ended || size == 0;
    return 0;
}

void log_line(const char *text, const char *more)
{
    (void)text;
    assert_null(strstr(more, "swordfish"));
}

/* The gate's own memory: of what is freed nothing may have a secret. */
void __real_free(void *memory);
void __wrap_free(void *memory);

void __wrap_free(void *memory)
{
    if (memory)
        assert_null(memmem(memory, malloc_usable_size(memory), "swordfish", 9));
    __real_free(memory);
}

/* --- the tests -------------------------------------------------------------------------------- */

/* Of two rows; what is the other one's never comes. */
static const struct policy_secret secrets[] = {
    {.container = 0, .resource = "a/b/other", .path = "/other"},
    {.container = ROW, .resource = "a/b/file", .path = "/file", .mode = 0400, .owner = 7},
    {.container = 0, .resource = "a/b/another", .variable = "A"},
    {.container = ROW, .resource = "a/b/variable", .variable = "SECRET"},
};
static const struct policy_attestation attestation = {.secrets = secrets, .secret_count = 4};
static struct container all;

/* As the gate has it: all of it is the request's, and gone afterwards. */
static int ask_with(const char *variable, size_t mounts, const struct policy_attestation *what,
                    struct error *err)
{
    char program[] = "program", name[] = "CAP_CHOWN", cwd[] = "/cwd";
    char env[64];
    const char *args[] = {program}, *variables[] = {"PATH=/bin", env}, *names[] = {name};
    const struct user user = {.user = {.id = 7}, .group_count = 1};
    (void)snprintf(env, sizeof env, "%s", variable);
    const struct spec spec = {.args = {args, 1},
                              .env = {variables, 2},
                              .cwd = cwd,
                              .user = &user,
                              .capabilities = {{[POLICY_BOUNDING] = {names, 1}}},
                              .mount_count = mounts,
                              .attestation = what,
                              .row = ROW};
    assert_true(gate_wants_secrets(&spec));
    int status = gate_ask_for_secrets(&all, &spec, err);
    memset(program, 'x', sizeof program - 1);
    memset(name, 'x', sizeof name - 1);
    memset(cwd, 'x', sizeof cwd - 1);
    memset(env, 'x', sizeof env - 1);
    return status;
}

static int start(void **state)
{
    (void)state;
    memset(&seen, 0, sizeof seen);
    all = (struct container){.id = "c", .state = PROGRAM_ROOT, .standard = {STREAM, 6, 7}};
    return 0;
}

static int end(void **state)
{
    (void)state;
    gate_kept_fini(&all.kept);
    assert_int_equal(seen.locks, 0);
    return 0;
}

static void ask(void)
{
    struct error err;
    assert_int_equal(ask_with("HOME=/", 0, &attestation, &err), 0);
    assert_int_equal(all.state, PROGRAM_WAITS);
    assert_int_equal(seen.asked, 2);
}

static void come(const char *file, const void *variable, size_t size)
{
    seen.came[0] = span_of_text(file);
    seen.came[1] = span_of(variable, size);
    seen.state = SECRETS_THERE;
}

static void pump(void)
{
    struct error err;
    assert_int_equal(gate_secrets_pump(&all, &err), 0);
}

/* And nothing begins. */
static void check_failure(const char *words)
{
    assert_int_equal(seen.failed, 1);
    assert_non_null(strstr(seen.text, words));
    assert_int_equal(strncmp(seen.text, "cannot start the process: ", 26), 0);
    assert_int_equal(all.standard[0] | all.standard[1] | all.standard[2], 0);
    assert_null(all.kept.spec.args.items);
}

static void files_and_variables_are_in_their_places_before_the_program(void **state)
{
    (void)state;
    ask();
    pump();
    assert_int_equal(seen.files + seen.finished + seen.forgotten, 0);
    come("bytes", "swordfish", 9);
    pump();
    assert_int_equal(all.state, PROGRAM_LOADED);
    assert_int_equal(seen.files, 1);
    assert_int_equal(seen.env_count, 3);
    assert_string_equal(seen.env[0], "PATH=/bin");
    assert_string_equal(seen.env[1], "HOME=/");
    assert_string_equal(seen.env[2], "SECRET=swordfish");
    assert_int_equal(seen.forgotten, 1);
    gate_give_input(&all); /* and what was kept goes */
    assert_null(all.kept.spec.env.items);
    pump(); /* there is nothing to do any more */
    assert_int_equal(seen.finished, 1);
    assert_int_equal(seen.failed, 0);
}

static void others_rows_want_nothing(void **state)
{
    const struct spec other = {.attestation = &attestation, .row = 2};
    const struct spec none = {.row = ROW};
    const struct spec of_a_fragment = {.attestation = &attestation, .row = POLICY_NO_ROW};
    (void)state;
    assert_false(gate_wants_secrets(&other));
    assert_false(gate_wants_secrets(&none));
    assert_false(gate_wants_secrets(&of_a_fragment));
    pump(); /* of one that does not wait */
}

static void refused(const char *words, const char *variable, size_t mounts)
{
    struct error err;
    assert_int_equal(ask_with(variable, mounts, &attestation, &err), -1);
    assert_non_null(strstr(err.text, words));
    assert_non_null(strstr(err.text, "cannot start the process"));
    assert_int_equal(all.state, PROGRAM_ROOT);
    assert_null(all.kept.spec.args.items);
}

static void what_the_request_may_not_say_is_refused_before_anybody_is_asked(void **state)
{
    (void)state;
    refused("the variable SECRET is a secret's: leave it out", "SECRET=", 0);
    refused("the variable SECRET is a secret's: leave it out", "SECRET=x", 0);
    refused("too many mounts", "HOME=/", REQUEST_MOUNTS_MAX);
    seen.has_no_agent = true;
    refused("the attestation agent, which brings secrets: there is none", "HOME=/", 0);
    assert_int_equal(seen.asked, 0);
    seen.has_no_agent = false;
    seen.ask_status = -11;
    refused("errno 11", "SECRETS=x", REQUEST_MOUNTS_MAX - 1);
}

static void a_failure_is_told_and_nothing_begins(void **state)
{
    (void)state;
    ask();
    seen.state = SECRETS_FAILED;
    pump();
    check_failure("the service refuses");
    assert_int_equal(seen.files + seen.finished, 0);
    assert_int_equal(seen.forgotten, 1);
}

static void a_zero_byte_is_in_no_variable(void **state)
{
    (void)state;
    ask();
    come("bytes", "a\0b", 3);
    pump();
    check_failure("the secret a/b/variable has a zero byte: no variable holds it");
    assert_int_equal(seen.finished, 0);
    assert_int_equal(seen.forgotten, 1);
}

static void a_file_that_cannot_be_made_is_a_failure(void **state)
{
    (void)state;
    ask();
    come("bytes", "swordfish", 9);
    seen.file_status = -28;
    pump();
    check_failure("the secret a/b/file: no file /file can be made (errno 28)");
    assert_int_equal(seen.finished, 0);
}

static void a_program_that_is_none_is_a_failure(void **state)
{
    (void)state;
    ask();
    come("bytes", "swordfish", 9);
    seen.finish_status = -1;
    assert_int_equal(seen.failed, 0);
    struct error err;
    assert_int_equal(gate_secrets_pump(&all, &err), 0);
    assert_int_equal(seen.failed, 1);
    assert_string_equal(seen.env[2], "SECRET=swordfish");
    assert_int_equal(seen.forgotten, 1);
}

static void an_enclave_that_is_over_is_a_failure(void **state)
{
    (void)state;
    ask();
    seen.has_ended = true;
    pump();
    check_failure("the enclave has ended");
}

static void input_that_comes_early_waits_for_the_program(void **state)
{
    (void)state;
    ask();
    assert_true(gate_keep_input(&all, span_of_text("one ")));
    assert_true(gate_keep_input(&all, span_of_text("two")));
    come("bytes", "", 0);
    pump();
    assert_int_equal(seen.input_size, 0);
    assert_int_equal(all.standard[0], STREAM);
    gate_give_input(&all);
    assert_int_equal(seen.input_size, 7);
    assert_memory_equal(seen.input, "one two", 7);
    assert_false(seen.input_ended);
    assert_int_equal(all.standard[0], STREAM);
    assert_int_equal(seen.granted, 0); /* once the program has taken it */
}

static void its_end_too(void **state)
{
    (void)state;
    ask();
    assert_true(gate_keep_input(&all, span_of_text("all")));
    all.kept.input_ended = true;
    come("bytes", "", 0);
    pump();
    gate_give_input(&all);
    assert_int_equal(seen.input_size, 3);
    assert_true(seen.input_ended);
    assert_int_equal(all.standard[0], 0);
    assert_int_equal(seen.forgotten_streams, 1);
}

static void early_input_is_bounded_and_given_up_with_the_start(void **state)
{
    static const uint8_t bytes[CHANNEL_WINDOW];
    (void)state;
    ask();
    assert_true(gate_keep_input(&all, span_of(bytes, sizeof bytes)));
    assert_false(gate_keep_input(&all, span_of(bytes, 1)));
    all.kept.input_ended = true;
    seen.state = SECRETS_FAILED;
    pump();
    check_failure("the service refuses");
    assert_int_equal(seen.granted, sizeof bytes);
    assert_int_equal(seen.forgotten_streams, 1);
    assert_int_equal(seen.input_size, 0);
}

static void without_secrets_there_is_no_input_to_give(void **state)
{
    (void)state;
    gate_give_input(&all);
    assert_int_equal(all.standard[0], STREAM);
    assert_int_equal(seen.input_size, 0);
    assert_false(seen.input_ended);
}

#define SECRETS_TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SECRETS_TEST(files_and_variables_are_in_their_places_before_the_program),
        SECRETS_TEST(others_rows_want_nothing),
        SECRETS_TEST(what_the_request_may_not_say_is_refused_before_anybody_is_asked),
        SECRETS_TEST(a_failure_is_told_and_nothing_begins),
        SECRETS_TEST(a_zero_byte_is_in_no_variable),
        SECRETS_TEST(a_file_that_cannot_be_made_is_a_failure),
        SECRETS_TEST(a_program_that_is_none_is_a_failure),
        SECRETS_TEST(an_enclave_that_is_over_is_a_failure),
        SECRETS_TEST(input_that_comes_early_waits_for_the_program),
        SECRETS_TEST(its_end_too),
        SECRETS_TEST(early_input_is_bounded_and_given_up_with_the_start),
        SECRETS_TEST(without_secrets_there_is_no_input_to_give),
    };
    return cmocka_run_group_tests_name("gate_secrets", tests, NULL, NULL);
}
