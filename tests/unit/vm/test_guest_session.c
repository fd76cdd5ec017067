/* The host's end of the channel, against a guest that is played here and keeps to no rule. */
#include "../check.h"

#include <event2/event.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "format/json.h"
#include "vm/guest_session.h"

#define HELLO "{\"event\":\"hello\",\"protocol\":1,\"version\":\"0.1.0\",\"tee\":\"simulated\"}"

enum { CONTROL = 1, DATA = 2, CREDIT = 3, CLOSE = 4 };

/* A session with all that it has told. */
struct fixture {
    struct event_base *base;
    struct guest_session *session;
    int guest; /* the guest's end of the socket */
    unsigned int hellos;
    unsigned int exits;
    unsigned int exit_code;
    unsigned int exit_signal;
    unsigned int ends;
    struct error end;
    struct buf output[2];
    unsigned int closed;
    unsigned int answers;
    unsigned int refusals;
    struct error refusal;
};

static void on_hello(void *argument)
{
    ((struct fixture *)argument)->hellos++;
}

static void on_output(void *argument, uint32_t stream, struct span bytes)
{
    struct fixture *fixture = argument;
    assert_true(stream == SESSION_STDOUT || stream == SESSION_STDERR);
    assert_int_equal(buf_append(&fixture->output[stream == SESSION_STDERR], bytes, NULL), 0);
}

static void on_output_closed(void *argument, uint32_t stream)
{
    (void)stream;
    ((struct fixture *)argument)->closed++;
}

static void on_input_writable(void *argument, uint32_t stream)
{
    (void)argument, (void)stream;
}

static void on_exited(void *argument, const struct session_exit *exit)
{
    struct fixture *fixture = argument;
    fixture->exits++;
    fixture->exit_code = exit->code;
    fixture->exit_signal = exit->signal;
}

static void on_ended(void *argument, const struct error *err)
{
    struct fixture *fixture = argument;
    fixture->ends++;
    if (err)
        fixture->end = *err;
}

static void on_answer(void *argument, const json_t *result, const struct error *refusal)
{
    struct fixture *fixture = argument;
    fixture->answers++;
    if (result)
        return;
    fixture->refusals++;
    fixture->refusal = *refusal;
}

static const struct session_handler functions = {on_hello,          on_output, on_output_closed,
                                                 on_input_writable, on_exited, on_ended};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    int pair[2];
    assert_non_null(fixture);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    fixture->base = event_base_new();
    fixture->guest = pair[1];
    for (size_t i = 0; i < 2; i++)
        fixture->output[i] = BUF_WITH_LIMIT(1 << 20);
    struct error err = {0};
    fixture->session = session_open(fixture->base, pair[0], "simulated", &functions, fixture, &err);
    assert_non_null(fixture->session);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    session_close(fixture->session);
    event_base_free(fixture->base);
    (void)close(fixture->guest);
    buf_fini(&fixture->output[0]);
    buf_fini(&fixture->output[1]);
    free(fixture);
    return 0;
}

/* Lets the session take what the guest has sent. */
static void turn(struct fixture *fixture)
{
    for (size_t i = 0; i < 8; i++)
        (void)event_base_loop(fixture->base, EVLOOP_NONBLOCK);
}

static void send_frame(struct fixture *fixture, uint8_t type, uint32_t stream, struct span payload)
{
    BUF_AUTO frame = BUF_WITH_LIMIT(1 << 20);
    assert_int_equal(buf_append_le32(&frame, (uint32_t)payload.size, NULL), 0);
    assert_int_equal(buf_append_byte(&frame, type, NULL), 0);
    assert_int_equal(buf_append_zero(&frame, 3, NULL), 0);
    assert_int_equal(buf_append_le32(&frame, stream, NULL), 0);
    assert_int_equal(buf_append(&frame, payload, NULL), 0);
    assert_int_equal(send(fixture->guest, frame.data, frame.size, MSG_NOSIGNAL),
                     (ssize_t)frame.size);
    turn(fixture);
}

static void say(struct fixture *fixture, const char *message)
{
    send_frame(fixture, CONTROL, 0, span_of_text(message));
}

/* Reads what the host has sent, without waiting; the caller's buffer is replaced. */
static void hear(struct fixture *fixture, struct buf *out)
{
    uint8_t piece[65536];
    buf_truncate(out, 0);
    for (ssize_t got; (got = recv(fixture->guest, piece, sizeof piece, MSG_DONTWAIT)) > 0;)
        assert_int_equal(buf_append(out, span_of(piece, (size_t)got), NULL), 0);
}

static bool holds(const struct buf *bytes, const char *text)
{
    return bytes->size > 0 && memmem(bytes->data, bytes->size, text, strlen(text)) != NULL;
}

static void ask(struct fixture *fixture)
{
    struct error err = {0};
    check_ok(session_request(fixture->session, "get_statistics", json_object(), on_answer, fixture,
                             &err),
             &err);
    turn(fixture);
}

static void sends_nothing_before_the_hello(void **state)
{
    struct fixture *fixture = *state;
    BUF_AUTO heard = BUF_WITH_LIMIT(1 << 20);
    ask(fixture);
    hear(fixture, &heard);
    assert_int_equal(heard.size, 0);
    say(fixture, HELLO);
    hear(fixture, &heard);
    assert_true(holds(&heard, "get_statistics"));
    assert_int_equal(fixture->hellos, 1);
}

static void names_the_point_of_a_refusal_once(void **state)
{
    struct fixture *fixture = *state;
    say(fixture, HELLO);
    ask(fixture);
    ask(fixture);
    say(fixture,
        "{\"id\":1,\"ok\":false,\"error\":{\"code\":\"denied\",\"point\":\"get_properties\","
        "\"reason\":\"get_properties: no rule\"}}");
    assert_string_equal(fixture->refusal.text, "denied by get_properties: no rule");
    say(fixture,
        "{\"id\":2,\"ok\":false,\"error\":{\"code\":\"denied\",\"point\":\"get_properties\","
        "\"reason\":\"get_propertiesx\"}}");
    assert_string_equal(fixture->refusal.text, "denied by get_properties: get_propertiesx");
}

static void brings_answers_out_of_order_to_whom_asked(void **state)
{
    struct fixture *fixture = *state;
    say(fixture, HELLO);
    ask(fixture);
    ask(fixture);
    say(fixture,
        "{\"id\":2,\"ok\":false,\"error\":{\"code\":\"denied\",\"point\":\"get_properties\","
        "\"reason\":\"no rule\"}}");
    assert_int_equal(fixture->refusals, 1);
    assert_string_equal(fixture->refusal.text, "denied by get_properties: no rule");
    assert_int_equal(fixture->refusal.code, ERROR_REFUSED);
    say(fixture, "{\"id\":1,\"ok\":true,\"result\":{}}");
    assert_int_equal(fixture->answers, 2);
    assert_int_equal(fixture->refusals, 1);
    assert_int_equal(fixture->ends, 0);
}

static void has_at_most_sixteen_requests_without_an_answer(void **state)
{
    struct fixture *fixture = *state;
    BUF_AUTO heard = BUF_WITH_LIMIT(1 << 20);
    say(fixture, HELLO);
    for (int i = 0; i < 20; i++)
        ask(fixture);
    hear(fixture, &heard);
    assert_true(holds(&heard, "\"id\":16"));
    assert_false(holds(&heard, "\"id\":17"));
    say(fixture, "{\"id\":9,\"ok\":true,\"result\":{}}");
    hear(fixture, &heard);
    assert_true(holds(&heard, "\"id\":17"));
    assert_false(holds(&heard, "\"id\":18"));
}

static void refuses_more_requests_than_the_queue_holds(void **state)
{
    struct fixture *fixture = *state;
    struct error err = {0};
    for (int i = 0; i < SESSION_QUEUE_MAX; i++)
        check_ok(session_request(fixture->session, "x", json_object(), NULL, NULL, &err), &err);
    check_error(session_request(fixture->session, "x", json_object(), NULL, NULL, &err), &err,
                ERROR_LIMIT);
}

static void sends_what_follows_the_policy_after_its_last_byte(void **state)
{
    struct fixture *fixture = *state;
    BUF_AUTO heard = BUF_WITH_LIMIT(1 << 20);
    struct error err = {0};
    size_t size = 100000; /* more than the first credit */
    uint8_t *policy = calloc(1, size);
    assert_non_null(policy);
    check_ok(session_set_policy(fixture->session, span_of(policy, size), on_answer, fixture, &err),
             &err);
    ask(fixture);
    say(fixture, HELLO);
    hear(fixture, &heard);
    assert_true(holds(&heard, "set_policy"));
    assert_false(holds(&heard, "get_statistics"));
    assert_true(heard.size > CHANNEL_WINDOW && heard.size < size);
    send_frame(fixture, CREDIT, SESSION_POLICY, span_of("\0\0\1\0", 4));
    hear(fixture, &heard);
    assert_true(holds(&heard, "get_statistics"));
    assert_true(heard.size > size - CHANNEL_WINDOW);
    free(policy);
}

static void a_stalled_reader_holds_back_no_more_than_its_window(void **state)
{
    struct fixture *fixture = *state;
    struct error err = {0};
    static const uint8_t bytes[CHANNEL_PAYLOAD_MAX];
    say(fixture, HELLO);
    check_ok(session_open_streams(fixture->session, false, true, &err), &err);
    send_frame(fixture, DATA, SESSION_STDOUT, span_of(bytes, CHANNEL_WINDOW));
    assert_int_equal(fixture->ends, 0);
    assert_int_equal(fixture->output[0].size, CHANNEL_WINDOW);
    /* The other stream goes on. */
    send_frame(fixture, DATA, SESSION_STDERR, span_of(bytes, 100));
    assert_int_equal(fixture->output[1].size, 100);
    /* What was taken may come again, and not a byte more. */
    session_grant(fixture->session, SESSION_STDOUT, 10);
    send_frame(fixture, DATA, SESSION_STDOUT, span_of(bytes, 10));
    assert_int_equal(fixture->ends, 0);
    send_frame(fixture, DATA, SESSION_STDOUT, span_of(bytes, 1));
    assert_int_equal(fixture->ends, 1);
    assert_int_equal(fixture->end.code, ERROR_PROTOCOL);
    assert_int_equal(fixture->output[0].size, CHANNEL_WINDOW + 10);
}

static void sends_input_within_the_credit_alone(void **state)
{
    struct fixture *fixture = *state;
    struct error err = {0};
    static const uint8_t bytes[CHANNEL_WINDOW];
    say(fixture, HELLO);
    check_ok(session_open_streams(fixture->session, true, true, &err), &err);
    assert_int_equal(session_sendable(fixture->session, SESSION_STDIN), CHANNEL_WINDOW);
    check_ok(session_send(fixture->session, SESSION_STDIN, span_of(bytes, sizeof bytes), &err),
             &err);
    assert_int_equal(session_sendable(fixture->session, SESSION_STDIN), 0);
    check_error(session_send(fixture->session, SESSION_STDIN, span_of(bytes, 1), &err), &err,
                ERROR_LIMIT);
    send_frame(fixture, CREDIT, SESSION_STDIN, span_of("\5\0\0\0", 4));
    assert_int_equal(session_sendable(fixture->session, SESSION_STDIN), 5);
    check_ok(session_end_input(fixture->session, SESSION_STDIN, &err), &err);
    assert_int_equal(session_sendable(fixture->session, SESSION_STDIN), 0);
}

static void tells_the_exit_after_the_output(void **state)
{
    struct fixture *fixture = *state;
    struct error err = {0};
    say(fixture, HELLO);
    check_ok(session_open_streams(fixture->session, false, false, &err), &err);
    send_frame(fixture, DATA, SESSION_STDOUT, span_of_text("hello"));
    send_frame(fixture, CLOSE, SESSION_STDOUT, span_of(NULL, 0));
    say(fixture, "{\"event\":\"exited\",\"id\":\"c\",\"process\":0,\"code\":7,\"signal\":0}");
    assert_string_equal(buf_text(&fixture->output[0]), "hello");
    assert_int_equal(fixture->closed, 1);
    assert_int_equal(fixture->exits, 1);
    assert_int_equal(fixture->exit_code, 7);
    assert_int_equal(fixture->exit_signal, 0);
}

static void a_guest_that_closes_ends_the_session_without_an_error(void **state)
{
    struct fixture *fixture = *state;
    say(fixture, HELLO);
    assert_int_equal(shutdown(fixture->guest, SHUT_RDWR), 0);
    turn(fixture);
    assert_int_equal(fixture->ends, 1);
    assert_int_equal(fixture->end.code, ERROR_NONE);
}

/* Each message, from a guest that has greeted and has one request to answer, ends the session. */
static void refuses_what_the_protocol_does_not_know(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "{",
        "[]",
        "null",
        "\"hello\"",
        "{}",
        "{} {}",
        "\xff\xfe",
        "{\"event\":\"exited\"}",
        "{\"event\":\"exited\",\"id\":\"c\",\"code\":0,\"signal\":0}",
        "{\"event\":\"exited\",\"id\":\"c\",\"process\":-1,\"code\":0,\"signal\":0}",
        "{\"event\":\"exited\",\"id\":\"c\",\"process\":0,\"code\":256,\"signal\":0}",
        "{\"event\":\"exited\",\"id\":\"c\",\"process\":0,\"code\":-1,\"signal\":0}",
        "{\"event\":\"exited\",\"id\":\"c\",\"process\":0,\"code\":0,\"signal\":65}",
        "{\"event\":\"exited\",\"id\":\"c\",\"process\":0,\"code\":0,\"signal\":0,\"more\":1}",
        "{\"event\":\"exited\",\"id\":\"c\",\"process\":0,\"code\":\"0\",\"signal\":0}",
        "{\"event\":\"exited\",\"id\":\"c\",\"process\":0,\"code\":0,\"code\":0,\"signal\":0}",
        "{\"event\":\"nonsense\"}",
        HELLO,
        "{\"id\":0,\"ok\":true,\"result\":{}}",
        "{\"id\":2,\"ok\":true,\"result\":{}}",
        "{\"id\":-1,\"ok\":true,\"result\":{}}",
        "{\"id\":1.0,\"ok\":true,\"result\":{}}",
        "{\"id\":\"1\",\"ok\":true,\"result\":{}}",
        "{\"ok\":true,\"result\":{}}",
        "{\"id\":1,\"ok\":true}",
        "{\"id\":1,\"ok\":true,\"result\":[]}",
        "{\"id\":1,\"ok\":1,\"result\":{}}",
        "{\"id\":1,\"result\":{}}",
        "{\"id\":1,\"ok\":false}",
        "{\"id\":1,\"ok\":false,\"error\":{}}",
        "{\"id\":1,\"ok\":false,\"error\":{\"code\":\"denied\"}}",
        "{\"id\":1,\"ok\":false,\"error\":\"no\"}",
        "{\"id\":9007199254740993,\"ok\":true,\"result\":{}}",
        "{\"id\":99999999999999999999,\"ok\":true,\"result\":{}}",
        "{\"id\":1,\"ok\":true,\"result\":{\"a\":[[[[[[[[[[[[]]]]]]]]]]]]}}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        void *own = NULL;
        assert_int_equal(set_up(&own), 0);
        struct fixture *fixture = own;
        say(fixture, HELLO);
        ask(fixture);
        say(fixture, bad[i]);
        if (fixture->ends != 1 || fixture->end.text[0] == '\0')
            fail_msg("goes on after %s", bad[i]);
        assert_int_equal(fixture->answers, 0);
        assert_int_equal(fixture->exits, 0);
        assert_int_equal(tear_down(&own), 0);
    }
}

static void refuses_a_hello_of_another_kind(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "{\"event\":\"hello\",\"protocol\":2,\"version\":\"0\",\"tee\":\"simulated\"}",
        "{\"event\":\"hello\",\"protocol\":1,\"version\":\"0\",\"tee\":\"sev-snp\"}",
        "{\"event\":\"hello\",\"protocol\":1,\"version\":\"0\",\"tee\":\"\"}",
        "{\"event\":\"hello\",\"protocol\":1,\"version\":\"0\"}",
        "{\"event\":\"hello\",\"protocol\":1,\"version\":0,\"tee\":\"simulated\"}",
        "{\"event\":\"hello\",\"protocol\":1,\"version\":\"0\",\"tee\":\"simulated\",\"x\":1}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        void *own = NULL;
        assert_int_equal(set_up(&own), 0);
        struct fixture *fixture = own;
        say(fixture, bad[i]);
        if (fixture->ends != 1 || fixture->hellos != 0)
            fail_msg("accepts %s", bad[i]);
        assert_int_equal(tear_down(&own), 0);
    }
}

static void refuses_malformed_frames(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
    } bad[] = {
        {"\1\0\1\0\1\0\0\0\0\0\0\0", 12}, /* a payload over the limit */
        {"\xff\xff\xff\xff\1\0\0\0\0\0\0\0", 12}, {"\0\0\0\0\0\0\0\0\0\0\0\0", 12},   /* no type */
        {"\0\0\0\0\5\0\0\0\0\0\0\0", 12},         {"\2\0\0\0\1\1\0\0\0\0\0\0{}", 14}, /* a flag */
        {"\2\0\0\0\1\0\1\0\0\0\0\0{}", 14},       /* a reserved byte */
        {"\2\0\0\0\1\0\0\0\1\0\0\0{}", 14},       /* CONTROL on a stream */
        {"\1\0\0\0\2\0\0\0\3\0\0\0x", 13},        /* DATA on a stream that is not open */
        {"\0\0\0\0\4\0\0\0\3\0\0\0", 12},         /* CLOSE, too */
        {"\4\0\0\0\3\0\0\0\3\0\0\0\0\0\0\0", 16}, /* CREDIT of nothing */
        {"\3\0\0\0\3\0\0\0\3\0\0\0\1\0\0", 15},   /* CREDIT cut short */
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        void *own = NULL;
        assert_int_equal(set_up(&own), 0);
        struct fixture *fixture = own;
        say(fixture, HELLO);
        assert_int_equal(send(fixture->guest, bad[i].bytes, bad[i].size, 0), (ssize_t)bad[i].size);
        turn(fixture);
        if (fixture->ends != 1 || fixture->end.code != ERROR_PROTOCOL)
            fail_msg("goes on after frame %zu", i);
        assert_int_equal(tear_down(&own), 0);
    }
}

static void takes_frames_cut_at_every_byte(void **state)
{
    struct fixture *fixture = *state;
    BUF_AUTO frame = BUF_WITH_LIMIT(1024);
    assert_int_equal(buf_append_le32(&frame, sizeof HELLO - 1, NULL), 0);
    assert_int_equal(buf_append(&frame, span_of("\1\0\0\0\0\0\0\0", 8), NULL), 0);
    assert_int_equal(buf_append_text(&frame, HELLO, NULL), 0);
    for (size_t i = 0; i < frame.size; i++) {
        assert_int_equal(fixture->hellos, 0);
        assert_int_equal(send(fixture->guest, frame.data + i, 1, 0), 1);
        turn(fixture);
    }
    assert_int_equal(fixture->hellos, 1);
    assert_int_equal(fixture->ends, 0);
}

#define test_with_session(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_session(sends_nothing_before_the_hello),
        test_with_session(names_the_point_of_a_refusal_once),
        test_with_session(brings_answers_out_of_order_to_whom_asked),
        test_with_session(has_at_most_sixteen_requests_without_an_answer),
        test_with_session(refuses_more_requests_than_the_queue_holds),
        test_with_session(sends_what_follows_the_policy_after_its_last_byte),
        test_with_session(a_stalled_reader_holds_back_no_more_than_its_window),
        test_with_session(sends_input_within_the_credit_alone),
        test_with_session(tells_the_exit_after_the_output),
        test_with_session(a_guest_that_closes_ends_the_session_without_an_error),
        cmocka_unit_test(refuses_what_the_protocol_does_not_know),
        cmocka_unit_test(refuses_a_hello_of_another_kind),
        cmocka_unit_test(refuses_malformed_frames),
        test_with_session(takes_frames_cut_at_every_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
