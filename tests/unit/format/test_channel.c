#include "../check.h"

#include <stdlib.h>

#include "format/channel.h"

/* Two ends joined by hand; each records what came. */
struct end {
    struct channel channel;
    struct buf control;
    struct buf data;
    uint32_t closed;
    uint32_t writable;
};

static int on_control(void *argument, struct span message, struct error *err)
{
    struct end *end = argument;
    return buf_append(&end->control, message, err);
}

static int on_data(void *argument, uint32_t stream, struct span bytes, struct error *err)
{
    struct end *end = argument;
    (void)stream;
    return buf_append(&end->data, bytes, err);
}

static int on_closed(void *argument, uint32_t stream, struct error *err)
{
    (void)err;
    ((struct end *)argument)->closed = stream;
    return 0;
}

static void on_writable(void *argument, uint32_t stream)
{
    ((struct end *)argument)->writable = stream;
}

static const struct channel_handler handler = {on_control, on_data, on_closed, on_writable};

static void end_init(struct end *end)
{
    *end = (struct end){0};
    buf_init(&end->control, 1 << 20);
    buf_init(&end->data, 1 << 20);
    channel_init(&end->channel, &handler, end);
}

static void end_fini(struct end *end)
{
    channel_fini(&end->channel);
    buf_fini(&end->control);
    buf_fini(&end->data);
}

/* Moves what `from` has to say to `to`, `piece` bytes at a time. */
static int carry(struct end *from, struct end *to, size_t piece, struct error *err)
{
    while (channel_output(&from->channel).size > 0) {
        struct span out = channel_output(&from->channel);
        size_t size = out.size < piece ? out.size : piece;
        if (channel_receive(&to->channel, span_of(out.data, size), err) < 0)
            return -1;
        channel_output_written(&from->channel, size);
    }
    return 0;
}

static void carries_control_data_and_close_in_any_pieces(void **state)
{
    (void)state;
    for (size_t piece = 1; piece < 40; piece++) {
        struct error err = {0};
        struct end a, b;
        end_init(&a);
        end_init(&b);
        check_ok(channel_open(&a.channel, 7, CHANNEL_SEND, &err), &err);
        check_ok(channel_open(&b.channel, 7, CHANNEL_RECEIVE, &err), &err);
        check_ok(channel_send_control(&a.channel, span_of_text("{}"), &err), &err);
        check_ok(channel_send(&a.channel, 7, span_of_text("hello"), &err), &err);
        check_ok(channel_close(&a.channel, 7, &err), &err);
        check_ok(carry(&a, &b, piece, &err), &err);
        assert_string_equal(buf_text(&b.control), "{}");
        assert_string_equal(buf_text(&b.data), "hello");
        assert_int_equal(b.closed, 7);
        end_fini(&a);
        end_fini(&b);
    }
}

static void stops_at_the_window_and_goes_on_by_credit(void **state)
{
    (void)state;
    struct error err = {0};
    struct end a, b;
    end_init(&a);
    end_init(&b);
    uint8_t *bytes = calloc(1, CHANNEL_WINDOW);
    check_ok(channel_open(&a.channel, 1, CHANNEL_SEND, &err), &err);
    check_ok(channel_open(&b.channel, 1, CHANNEL_RECEIVE, &err), &err);
    check_ok(channel_send(&a.channel, 1, span_of(bytes, CHANNEL_WINDOW), &err), &err);
    assert_int_equal(channel_sendable(&a.channel, 1), 0);
    check_error(channel_send(&a.channel, 1, span_of(bytes, 1), &err), &err, ERROR_LIMIT);
    check_ok(carry(&a, &b, 5000, &err), &err);
    check_ok(channel_grant(&b.channel, 1, 1000, &err), &err);
    check_error(channel_grant(&b.channel, 1, CHANNEL_WINDOW, &err), &err, ERROR_INVALID);
    check_ok(carry(&b, &a, 3, &err), &err);
    assert_int_equal(a.writable, 1);
    assert_int_equal(channel_sendable(&a.channel, 1), 1000);
    free(bytes);
    end_fini(&a);
    end_fini(&b);
}

/* What a hostile peer may send, each with words of the refusal. */
static const struct {
    const char *bytes;
    size_t size;
    const char *words;
} hostile[] = {
#define FRAME(text, words)                                                                         \
    {                                                                                              \
        text, sizeof(text) - 1, words                                                              \
    }
    FRAME("\x01\0\1\0\x01\0\0\0\0\0\0\0", "a frame of 65537 bytes"),
    FRAME("\xff\xff\xff\xff\x01\0\0\0\0\0\0\0", "the limit is"),
    FRAME("\0\0\0\0\x00\0\0\0\0\0\0\0", "type 0"),
    FRAME("\0\0\0\0\x05\0\0\0\0\0\0\0", "type 5"),
    FRAME("\0\0\0\0\x01\1\0\0\0\0\0\0", "flags 1"),
    FRAME("\0\0\0\0\x01\0\1\0\0\0\0\0", "reserved 1"),
    FRAME("\2\0\0\0\x01\0\0\0\1\0\0\0{}", "CONTROL frame on stream 1"),
    FRAME("\1\0\0\0\x02\0\0\0\2\0\0\0x", "stream 2, which is not open"),
    FRAME("\1\0\0\0\x02\0\0\0\0\0\0\0x", "stream 0, which is not open"),
    FRAME("\1\0\0\0\x02\0\0\0\4\0\0\0x", "stream 4, which is not open"),
    FRAME("\0\0\0\0\x02\0\0\0\3\0\0\0", "0 bytes on stream 3"),
    FRAME("\0\0\0\0\x04\0\0\0\2\0\0\0", "CLOSE of stream 2"),
    FRAME("\1\0\0\0\x04\0\0\0\3\0\0\0x", "CLOSE frame with 1 bytes"),
    FRAME("\0\0\0\0\x04\0\0\0\3\0\0\0\0\0\0\0\x04\0\0\0\3\0\0\0", "CLOSE of stream 3"),
    FRAME("\4\0\0\0\x03\0\0\0\4\0\0\0\0\0\0\0", "granting 0"),
    FRAME("\3\0\0\0\x03\0\0\0\4\0\0\0\1\0\0", "CREDIT frame of 3 bytes"),
    FRAME("\5\0\0\0\x03\0\0\0\4\0\0\0\1\0\0\0\0", "CREDIT frame of 5 bytes"),
    FRAME("\4\0\0\0\x03\0\0\0\4\0\0\0\1\0\0\x80", "exceeds 2147483648"),
#undef FRAME
};

static void refuses_hostile_frames_and_stays_dead(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        struct error err = {0};
        struct end end;
        end_init(&end);
        check_ok(channel_open(&end.channel, 3, CHANNEL_RECEIVE, &err), &err);
        check_ok(channel_open(&end.channel, 4, CHANNEL_SEND, &err), &err);
        struct span bytes = span_of(hostile[i].bytes, hostile[i].size);
        check_refused(channel_receive(&end.channel, bytes, &err), &err, hostile[i].words);
        assert_int_equal(err.code, ERROR_PROTOCOL);
        check_error(channel_receive(&end.channel, span_of("", 0), &err), &err, ERROR_PROTOCOL);
        check_error(channel_send_control(&end.channel, span_of_text("{}"), &err), &err,
                    ERROR_PROTOCOL);
        check_error(channel_send(&end.channel, 4, span_of_text("x"), &err), &err, ERROR_PROTOCOL);
        end_fini(&end);
    }
}

static void refuses_data_past_the_credit(void **state)
{
    (void)state;
    struct error err = {0};
    struct end a, b;
    end_init(&a);
    end_init(&b);
    uint8_t *bytes = calloc(1, CHANNEL_WINDOW);
    check_ok(channel_open(&a.channel, 1, CHANNEL_SEND, &err), &err);
    check_ok(channel_open(&b.channel, 1, CHANNEL_RECEIVE, &err), &err);
    check_ok(channel_send(&a.channel, 1, span_of(bytes, CHANNEL_WINDOW), &err), &err);
    check_ok(carry(&a, &b, 100000, &err), &err);
    static const uint8_t more[] = "\1\0\0\0\x02\0\0\0\1\0\0\0x";
    check_refused(channel_receive(&b.channel, span_of(more, sizeof more - 1), &err), &err,
                  "whose credit is 0");
    free(bytes);
    end_fini(&a);
    end_fini(&b);
}

static void bounds_open_streams_and_reuses_forgotten_slots(void **state)
{
    (void)state;
    struct error err = {0};
    struct end a;
    end_init(&a);
    for (uint32_t i = 1; i <= CHANNEL_STREAMS_MAX; i++)
        check_ok(channel_open(&a.channel, i, i % 2 ? CHANNEL_SEND : CHANNEL_RECEIVE, &err), &err);
    check_error(channel_open(&a.channel, 100, CHANNEL_SEND, &err), &err, ERROR_LIMIT);
    check_error(channel_open(&a.channel, 1, CHANNEL_RECEIVE, &err), &err, ERROR_INVALID);
    check_error(channel_open(&a.channel, 0, CHANNEL_SEND, &err), &err, ERROR_INVALID);
    channel_forget(&a.channel, 2); /* not closed by the peer yet: stays */
    check_error(channel_open(&a.channel, 100, CHANNEL_SEND, &err), &err, ERROR_LIMIT);
    check_ok(channel_close(&a.channel, 1, &err), &err);
    check_ok(channel_open(&a.channel, 100, CHANNEL_SEND, &err), &err);
    static const uint8_t close_2[] = "\0\0\0\0\x04\0\0\0\2\0\0\0";
    check_ok(channel_receive(&a.channel, span_of(close_2, sizeof close_2 - 1), &err), &err);
    channel_forget(&a.channel, 2);
    check_ok(channel_open(&a.channel, 101, CHANNEL_RECEIVE, &err), &err);
    end_fini(&a);
}

static void ignores_credit_that_crossed_a_close(void **state)
{
    (void)state;
    struct error err = {0};
    struct end a;
    end_init(&a);
    check_ok(channel_open(&a.channel, 5, CHANNEL_SEND, &err), &err);
    check_ok(channel_close(&a.channel, 5, &err), &err);
    static const uint8_t credit[] = "\4\0\0\0\x03\0\0\0\5\0\0\0\1\0\0\0";
    check_ok(channel_receive(&a.channel, span_of(credit, sizeof credit - 1), &err), &err);
    assert_int_equal(a.writable, 0);
    end_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(carries_control_data_and_close_in_any_pieces),
        cmocka_unit_test(stops_at_the_window_and_goes_on_by_credit),
        cmocka_unit_test(refuses_hostile_frames_and_stays_dead),
        cmocka_unit_test(refuses_data_past_the_credit),
        cmocka_unit_test(bounds_open_streams_and_reuses_forgotten_slots),
        cmocka_unit_test(ignores_credit_that_crossed_a_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
