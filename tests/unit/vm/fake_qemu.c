/*
 * Stands in QEMU's place and plays the guest's end of the channel, well or badly: the name by which
 * it is called says how ("exit-3", "refuse-mount_device", "malformed"; see the tables below). It
 * finds the channel among its arguments, as QEMU does, and leaves a line in the file "runs" beside
 * it for each time that it is started.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"
#include "format/channel.h"

struct play {
    const char *name; /* how it was called, without the folder */
    int fd;
    struct channel channel;
    char id[80]; /* of the container */
    uint32_t in;
    uint32_t out;
    uint32_t error;
    uint64_t left;   /* bytes of output still to be sent */
    uint64_t at;     /* bytes sent */
    uint64_t policy; /* bytes of the policy still to come */
    uint64_t policy_request;
    bool echoes; /* sends back what comes */
    size_t owed; /* bytes of it that were not granted again */
};

static void must(bool good, const char *what)
{
    if (good)
        return;
    (void)fprintf(stderr, "fake: %s\n", what);
    _exit(9);
}

static void flush(struct play *play)
{
    struct span out = channel_output(&play->channel);
    while (out.size > 0) {
        ssize_t sent = send(play->fd, out.data, out.size, MSG_NOSIGNAL);
        if (sent <= 0)
            _exit(0);
        channel_output_written(&play->channel, (size_t)sent);
        out = channel_output(&play->channel);
    }
}

static void say(struct play *play, const char *text)
{
    must(channel_send_control(&play->channel, span_of_text(text), NULL) == 0, "send");
    flush(play);
}

/* Bytes past the codec: what a guest may send that keeps to no rule. */
static void say_raw(struct play *play, const void *bytes, size_t size)
{
    flush(play);
    (void)send(play->fd, bytes, size, MSG_NOSIGNAL);
}

static void put32(uint8_t *out, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        out[i] = (uint8_t)(value >> (8 * i));
}

static void say_frame(struct play *play, uint8_t type, uint32_t stream, const void *payload,
                      uint32_t size, uint32_t claimed)
{
    uint8_t *frame = calloc(1, CHANNEL_HEADER_SIZE + size);
    must(frame != NULL, "memory");
    put32(frame, claimed);
    frame[4] = type;
    put32(frame + 8, stream);
    memcpy(frame + CHANNEL_HEADER_SIZE, payload, size);
    say_raw(play, frame, CHANNEL_HEADER_SIZE + size);
    free(frame);
}

static void answer(struct play *play, uint64_t id, const char *rest)
{
    TEXT_AUTO text = text_format("{\"id\":%llu,%s}", (unsigned long long)id, rest);
    say(play, text);
}

static void answer_ok(struct play *play, uint64_t id)
{
    answer(play, id, "\"ok\":true,\"result\":{}");
}

static void tell_exit(struct play *play, unsigned int code, unsigned int signal)
{
    TEXT_AUTO text = text_format(
        "{\"event\":\"exited\",\"id\":\"%s\",\"process\":0,\"code\":%u,\"signal\":%u}", play->id,
        code, signal);
    if (play->out)
        (void)channel_close(&play->channel, play->out, NULL);
    if (play->error)
        (void)channel_close(&play->channel, play->error, NULL);
    say(play, text);
}

/* --- output: a pattern, so that a byte that is lost shows ----------------------------------------
 */

static void pump(struct play *play)
{
    uint8_t piece[8192];
    while (play->left > 0) {
        size_t size = channel_sendable(&play->channel, play->out);
        if (size == 0)
            return;
        size = size < sizeof piece ? size : sizeof piece;
        size = size < play->left ? size : (size_t)play->left;
        for (size_t i = 0; i < size; i++)
            piece[i] = (uint8_t)((play->at + i) * 31 >> 3);
        must(channel_send(&play->channel, play->out, span_of(piece, size), NULL) == 0, "output");
        flush(play);
        play->at += size;
        play->left -= size;
        if (play->left == 0)
            tell_exit(play, 0, 0);
    }
}

/* --- how the container fares, by the name
 * ---------------------------------------------------------- */

static void end_by_code(struct play *play, unsigned long number)
{
    tell_exit(play, (unsigned int)number, 0);
}

static void end_by_signal(struct play *play, unsigned long number)
{
    tell_exit(play, 128U + (unsigned int)number, (unsigned int)number);
}

static void write_much(struct play *play, unsigned long number)
{
    play->left = number;
    pump(play);
}

static void echo(struct play *play, unsigned long number)
{
    (void)number;
    play->echoes = true;
}

static void be_idle(struct play *play, unsigned long number)
{
    (void)play;
    (void)number;
}

static void die(struct play *play, unsigned long number)
{
    (void)play;
    _exit((int)number);
}

static void break_json(struct play *play, unsigned long number)
{
    (void)number;
    say_frame(play, 1, 0, "{\"event\":", 9, 9);
}

static void claim_too_much(struct play *play, unsigned long number)
{
    (void)number;
    say_frame(play, 1, 0, "x", 1, 0x7fffffff);
}

static void answer_unasked(struct play *play, unsigned long number)
{
    answer_ok(play, number);
}

static void send_past_credit(struct play *play, unsigned long number)
{
    uint8_t *bytes = calloc(1, CHANNEL_PAYLOAD_MAX);
    must(bytes != NULL, "memory");
    for (unsigned long i = 0; i < number; i++)
        say_frame(play, 2, play->out, bytes, CHANNEL_PAYLOAD_MAX, CHANNEL_PAYLOAD_MAX);
    free(bytes);
}

static void send_on_another_stream(struct play *play, unsigned long number)
{
    say_frame(play, 2, (uint32_t)number, "x", 1, 1);
}

static void greet_again(struct play *play, unsigned long number)
{
    (void)number;
    say(play, "{\"event\":\"hello\",\"protocol\":1,\"version\":\"0\",\"tee\":\"simulated\"}");
}

static void say_unknown_event(struct play *play, unsigned long number)
{
    (void)number;
    say(play, "{\"event\":\"reboot\"}");
}

static const struct {
    const char *prefix;
    void (*function)(struct play *play, unsigned long number);
} lives[] = {
    {"exit-", end_by_code},
    {"signal-", end_by_signal},
    {"output-", write_much},
    {"echo", echo},
    {"idle", be_idle},
    {"stubborn", be_idle},
    {"deny", be_idle},
    {"dumb", be_idle},
    {"die-later", die},
    {"malformed", break_json},
    {"oversized", claim_too_much},
    {"unasked-", answer_unasked},
    {"flood-", send_past_credit},
    {"stream-", send_on_another_stream},
    {"hello-twice", greet_again},
    {"event", say_unknown_event},
    {"die-first", end_by_code},
    {"console", end_by_code},
};

static void live(struct play *play)
{
    for (size_t i = 0; i < sizeof lives / sizeof *lives; i++) {
        size_t len = strlen(lives[i].prefix);
        if (strncmp(play->name, lives[i].prefix, len) != 0)
            continue;
        lives[i].function(play, strtoul(play->name + len, NULL, 10));
        return;
    }
    must(false, "no such life");
}

/* --- requests --------------------------------------------------------------------------------- */

static uint32_t number_of(const json_t *args, const char *key)
{
    return (uint32_t)json_integer_value(json_object_get(args, key));
}

static void create(struct play *play, uint64_t id, const json_t *args)
{
    (void)snprintf(play->id, sizeof play->id, "%s", json_string_value(json_object_get(args, "id")));
    play->in = number_of(args, "stdin");
    play->out = number_of(args, "stdout");
    play->error = number_of(args, "stderr");
    if (play->in)
        must(channel_open(&play->channel, play->in, CHANNEL_RECEIVE, NULL) == 0, "stdin");
    must(channel_open(&play->channel, play->out, CHANNEL_SEND, NULL) == 0, "stdout");
    if (play->error)
        must(channel_open(&play->channel, play->error, CHANNEL_SEND, NULL) == 0, "stderr");
    answer_ok(play, id);
    live(play);
}

static void signal_it(struct play *play, uint64_t id, const json_t *args)
{
    if (strncmp(play->name, "dumb", 4) == 0)
        return;
    if (strncmp(play->name, "deny", 4) == 0) {
        answer(play, id,
               "\"ok\":false,\"error\":{\"code\":\"denied\",\"point\":"
               "\"signal_container_process\",\"reason\":\"no such signal\"}");
        return;
    }
    answer_ok(play, id);
    if (strncmp(play->name, "stubborn", 8) != 0)
        tell_exit(play, 128U + number_of(args, "signal"), number_of(args, "signal"));
}

static bool is_refused(struct play *play, const char *op)
{
    return strncmp(play->name, "refuse-", 7) == 0 && strcmp(play->name + 7, op) == 0;
}

static int on_control(void *argument, struct span text, struct error *err)
{
    struct play *play = argument;
    json_auto_t *message = json_loadb((const char *)text.data, text.size, 0, NULL);
    const char *op = json_string_value(json_object_get(message, "op"));
    uint64_t id = (uint64_t)json_integer_value(json_object_get(message, "id"));
    const json_t *args = json_object_get(message, "args");
    (void)err;
    must(op && id > 0 && args, "a request");
    if (is_refused(play, op))
        answer(play, id,
               "\"ok\":false,\"error\":{\"code\":\"denied\",\"point\":\"here\","
               "\"reason\":\"because of the test\"}");
    else if (strcmp(op, "set_policy") == 0) {
        must(channel_open(&play->channel, number_of(args, "stream"), CHANNEL_RECEIVE, NULL) == 0,
             "policy");
        play->policy_request = id;
    } else if (strcmp(op, "create_container") == 0)
        create(play, id, args);
    else if (strcmp(op, "signal_container_process") == 0)
        signal_it(play, id, args);
    else if (strcmp(op, "attest") == 0)
        return 0; /* is never answered */
    else
        answer_ok(play, id);
    return 0;
}

static int on_data(void *argument, uint32_t stream, struct span bytes, struct error *err)
{
    struct play *play = argument;
    if (play->echoes && stream == play->in) {
        play->owed += bytes.size;
        must(channel_send(&play->channel, play->out, bytes, err) == 0, "echo");
        flush(play);
        return 0;
    }
    return channel_grant(&play->channel, stream, bytes.size, err);
}

static int on_closed(void *argument, uint32_t stream, struct error *err)
{
    struct play *play = argument;
    (void)err;
    if (play->policy_request) {
        answer_ok(play, play->policy_request);
        play->policy_request = 0;
    } else if (play->echoes && stream == play->in)
        tell_exit(play, 0, 0);
    return 0;
}

/* What comes is let in only as far as it may go back at once: no buffer is needed. */
static void let_in(struct play *play)
{
    size_t allowed = CHANNEL_WINDOW - play->owed;
    size_t sendable = channel_sendable(&play->channel, play->out);
    if (sendable <= allowed)
        return;
    must(channel_grant(&play->channel, play->in, sendable - allowed, NULL) == 0, "grant");
    play->owed -= sendable - allowed;
}

static void on_writable(void *argument, uint32_t stream)
{
    struct play *play = argument;
    if (stream != play->out)
        return;
    if (play->echoes)
        let_in(play);
    else
        pump(play);
}

static const struct channel_handler handler = {on_control, on_data, on_closed, on_writable};

/* --- the program --------------------------------------------------------------------------------
 */

static int find_channel(char *argv[])
{
    static const char prefix[] = "socket,id=channel,fd=";
    for (; *argv; argv++) {
        if (text_starts_with(*argv, prefix))
            return (int)strtol(*argv + sizeof prefix - 1, NULL, 10);
    }
    must(false, "no channel");
    return -1;
}

/* Notes the start; how often it was started before. */
static long note_run(const char *program)
{
    TEXT_AUTO path = text_format("%.*s/runs", (int)(strrchr(program, '/') - program), program);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    must(fd >= 0, "runs");
    long before = lseek(fd, 0, SEEK_END);
    (void)!write(fd, "\n", 1);
    (void)close(fd);
    return before;
}

static void fill_console(void)
{
    char piece[4096];
    memset(piece, 'c', sizeof piece);
    for (int i = 0; i < 768; i++)
        (void)!write(STDOUT_FILENO, piece, sizeof piece);
}

int main(int argc, char *argv[])
{
    struct play play = {.name = strrchr(argv[0], '/') + 1, .fd = find_channel(argv)};
    uint8_t piece[65536];
    long before = note_run(argv[0]);
    (void)argc;
    if (strcmp(play.name, "die-before") == 0 ||
        (strcmp(play.name, "die-first") == 0 && before == 0)) {
        (void)fprintf(stderr, "the fake QEMU dies\n");
        return 1;
    }
    if (strcmp(play.name, "silent") == 0)
        for (;;)
            (void)pause();
    if (strcmp(play.name, "console") == 0)
        fill_console();
    channel_init(&play.channel, &handler, &play);
    say(&play,
        strcmp(play.name, "other-tee") == 0
            ? "{\"event\":\"hello\",\"protocol\":1,\"version\":\"0\",\"tee\":\"sev-snp\"}"
            : "{\"event\":\"hello\",\"protocol\":1,\"version\":\"0\",\"tee\":\"simulated\"}");
    if (strcmp(play.name, "die-hello") == 0)
        return 1;
    if (strcmp(play.name, "exit-early") == 0)
        say(&play, "{\"event\":\"exited\",\"id\":\"a\",\"process\":0,\"code\":0,\"signal\":0}");
    for (;;) {
        ssize_t got = recv(play.fd, piece, sizeof piece, 0);
        if (got <= 0)
            return 0;
        if (strcmp(play.name, "mute") == 0)
            continue;
        must(channel_receive(&play.channel, span_of(piece, (size_t)got), NULL) == 0, "receive");
        flush(&play);
    }
}
